/* SPDX-License-Identifier: Apache-2.0 */
/* Findings that the simulator's truth stands for, for tests of the console. */
#ifndef TRO_TESTS_CONSOLE_KIT_H
#define TRO_TESTS_CONSOLE_KIT_H

#include "console/core/finding.h"
#include "sim/endoscopy.h"
#include "test.h"

#include <stdlib.h>

struct kit_frame {
    struct tro_endoscopy_truth truth;
    uint8_t *rgb, *label, *instance;
    float *depth;
    struct tro_findings findings; /* map of classes, grid of depths */
};

struct kit_scene {
    int width, height;
    struct tro_endoscopy *e;
    struct kit_frame frame;
};

static inline bool kit_open(struct kit_scene *s, uint64_t seed, int width, int height, double fps)
{
    const struct tro_endoscopy_opts opts = {
        .seed = seed, .width = width, .height = height, .fps = fps};
    const size_t n = (size_t)width * (size_t)height;
    struct tro_err err = {0};
    *s = (struct kit_scene){.width = width, .height = height};
    s->e = tro_endoscopy_create(&opts, &err);
    s->frame.rgb = malloc(n * 3);
    s->frame.label = malloc(n);
    s->frame.instance = malloc(n);
    s->frame.depth = malloc(n * sizeof(float));
    const bool ok = s->e && tro_findings_init(&s->frame.findings, &err) == 0;
    return test_check(ok, __FILE__, __LINE__, "%s", err.text);
}

static inline void kit_close(struct kit_scene *s)
{
    tro_endoscopy_destroy(s->e);
    tro_findings_finish(&s->frame.findings);
    free(s->frame.rgb);
    free(s->frame.label);
    free(s->frame.instance);
    free(s->frame.depth);
}

static inline void kit_fill(struct kit_scene *s, int64_t index, double fps)
{
    struct tro_findings *const f = &s->frame.findings;
    tro_findings_clear(f);
    f->frame = (uint64_t)index + 1;
    f->captured_ns = (int64_t)((double)index * 1e9 / fps);
    f->width = s->width;
    f->height = s->height;
    tro_findings_pack(f, s->frame.label, s->width, s->height);
    int step = 1;
    while (s->width / step * (s->height / step) > TRO_FINDINGS_MAX_GRID)
        step++;
    f->grid_width = s->width / step;
    f->grid_height = s->height / step;
    for (int i = 0; i < f->grid_width * f->grid_height; i++) {
        const int y = i / f->grid_width * step + step / 2, x = i % f->grid_width * step + step / 2;
        f->grid[i] = (uint16_t)(s->frame.depth[y * s->width + x] * 100 + 0.5f);
    }
}

/* Frame `index`, its planes as far as asked for, and what they stand for as findings. */
static inline bool kit_draw(struct kit_scene *s, int64_t index, bool has_picture, double fps)
{
    struct tro_err err = {0};
    const struct tro_endoscopy_frame out = {.rgb = has_picture ? s->frame.rgb : NULL,
                                            .label = s->frame.label,
                                            .instance = s->frame.instance,
                                            .depth = s->frame.depth,
                                            .truth = &s->frame.truth};
    const bool ok = tro_endoscopy_render(s->e, index, &out, &err) == 0;
    if (ok)
        kit_fill(s, index, fps);
    return test_check(ok, __FILE__, __LINE__, "%s", err.text);
}

#endif
