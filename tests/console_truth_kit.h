/* SPDX-License-Identifier: Apache-2.0 */
/* What the console makes of frames held against what the simulator knows of them: places on tissue
 * and lengths. Of tests, and of tool_console_truth, which prints the figures of docs/console.md. */
#ifndef TRO_TESTS_CONSOLE_TRUTH_KIT_H
#define TRO_TESTS_CONSOLE_TRUTH_KIT_H

#include "console/core/anchor.h"
#include "console/core/geometry.h"
#include "console_kit.h"
#include "sim/theatre.h"
#include "sim/trace.h"

#include <math.h>
#include <stdlib.h>

enum { KIT_ERRORS = 8192, KIT_POINTS = 24 };

struct kit_errors {
    int n;
    float v[KIT_ERRORS];
};

static inline void kit_error(struct kit_errors *e, float v)
{
    if (e->n < KIT_ERRORS)
        e->v[e->n++] = v;
}

static inline int kit_by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static inline float kit_quantile(struct kit_errors *e, float share)
{
    qsort(e->v, (size_t)e->n, sizeof(*e->v), kit_by_value);
    return e->n ? e->v[(int)((float)(e->n - 1) * share)] : NAN;
}

/* ---- places on tissue ------------------------------------------------------------------ */

struct kit_points {
    int n, id[KIT_POINTS];
    struct vec3 rest[KIT_POINTS]; /* where the tissue lies that nothing moves */
    int n_visible;
    struct kit_errors errors; /* px, of what is visible and not lost */
};

static inline float kit_tissue_distance(const struct tro_stage *stage, float x, float y)
{
    return tro_trace_tissue(stage, tro_view_ray(&stage->view, x, y));
}

static inline void kit_choose(struct kit_points *p, const struct tro_stage *stage,
                              const struct kit_scene *s, struct tro_anchors *anchors)
{
    for (int i = 0; i < KIT_POINTS; i++) {
        const float x = (0.0944f + (float)(i % 6) * 0.1625f) * (float)s->width;
        const float y = (0.1411f + (float)(i / 6) * 0.2389f) * (float)s->height;
        const float far = kit_tissue_distance(stage, x, y);
        if (s->frame.instance[(int)y * s->width + (int)x] ||
            tro_view_inside_px(&stage->view, x, y) < 0.047f * (float)s->width)
            continue;
        const struct vec3 ray = tro_view_ray(&stage->view, x, y);
        p->rest[p->n] = tro_stage_rest(stage, v3_along(stage->view.eye, ray, far));
        p->id[p->n++] = tro_anchors_add(anchors, 1, x, y);
    }
}

/* Errors of what is seen now: inside the picture, before all other tissue and all instruments. */
static inline void kit_judge(struct kit_points *p, const struct tro_stage *stage,
                             const struct kit_scene *s, const struct tro_anchors *anchors)
{
    for (int i = 0; i < p->n; i++) {
        const struct vec3 now = v3_add(tro_warp_moved(&stage->warp, p->rest[i]),
                                       stage->view.tissue_at);
        float want_x, want_y, x, y, confidence;
        if (!tro_view_project(&stage->view, now, &want_x, &want_y) || want_x < 0 || want_y < 0 ||
            want_x >= (float)s->width || want_y >= (float)s->height ||
            tro_view_inside_px(&stage->view, want_x, want_y) < 5 ||
            s->frame.instance[(int)want_y * s->width + (int)want_x] ||
            fabsf(kit_tissue_distance(stage, want_x, want_y) -
                  v3_length(v3_sub(now, stage->view.eye))) > 1.5f)
            continue;
        p->n_visible++;
        if (tro_anchors_place(anchors, p->id[i], &x, &y, &confidence))
            kit_error(&p->errors, hypotf(x - want_x, y - want_y));
    }
}

static inline void kit_luma(const struct kit_scene *s, uint8_t *luma)
{
    for (int i = 0; i < s->width * s->height; i++) {
        const uint8_t *const p = s->frame.rgb + i * 3;
        luma[i] = (uint8_t)(16 + (47 * p[0] + 157 * p[1] + 16 * p[2]) / 256);
    }
}

/* Places of frame `first` through n frames, 30 a second. */
static inline bool kit_follow_tissue(struct kit_points *p, uint64_t seed, int64_t first, int n,
                                     int width, int height)
{
    struct kit_scene s;
    struct tro_theatre theatre = {0};
    struct tro_err err = {0};
    if (!kit_open(&s, seed, width, height, 30))
        return false;
    struct tro_anchors *const anchors = tro_anchors_create(width, height, 30, &err);
    uint8_t *const luma = malloc((size_t)width * (size_t)height);
    bool ok = tro_theatre_create(&theatre, seed, &err) == 0 && anchors;
    for (int i = 0; ok && i < n; i++) {
        static struct tro_stage stage;
        struct tro_moment moment;
        const struct tro_disturbances none = {0};
        ok = kit_draw(&s, first + i, true, 30);
        tro_theatre_stage(&theatre, width, height, (double)(first + i) / 30, &none, &stage,
                          &moment);
        kit_luma(&s, luma);
        tro_anchors_frame(anchors, (uint64_t)i + 1, luma, width);
        if (i == 0)
            kit_choose(p, &stage, &s, anchors);
        else
            kit_judge(p, &stage, &s, anchors);
    }
    free(luma);
    tro_anchors_destroy(anchors);
    tro_theatre_destroy(&theatre);
    kit_close(&s);
    return ok;
}

/* ---- lengths --------------------------------------------------------------------------- */

/* From an instrument's end to what is within 15 mm of it: its true place, and the place that depth
 * says. */
static inline void kit_measure_tool(const struct kit_scene *s,
                                    const struct tro_endoscopy_tool *tool,
                                    struct kit_errors *of_tip, struct kit_errors *of_place)
{
    const struct tro_findings *const f = &s->frame.findings;
    const struct tro_geometry g = tro_geometry_default(s->width, s->height,
                                                       tro_endoscopy_focal_length(s->e));
    const struct tro_point3 tip = {tool->tip.mm[0], tool->tip.mm[1], tool->tip.mm[2]};
    struct tro_point3 place;
    if (!tool->tip.is_visible ||
        tro_geometry_place_of(&g, f, f, UINT64_C(1) << TRO_ENDOSCOPY_TIP, tool->tip.x_px,
                              tool->tip.y_px, &place) != TRO_EVIDENCE_ENOUGH)
        return;
    for (int o = 0; o < TRO_ENDOSCOPY_N_ORGANS; o++) {
        float mm = 0;
        const uint64_t organ = UINT64_C(1) << tro_endoscopy_organs[o];
        if (tool->distance_mm[o] > 15 ||
            tro_geometry_surface_mm(&g, f, f, organ, &tip, &mm, NULL, NULL) != TRO_EVIDENCE_ENOUGH)
            continue;
        kit_error(of_tip, fabsf(mm - tool->distance_mm[o]));
        tro_geometry_surface_mm(&g, f, f, organ, &place, &mm, NULL, NULL);
        kit_error(of_place, fabsf(mm - tool->distance_mm[o]));
    }
}

/* Hooks of procedures from..to - 1, a frame a minute of 256 x 144 from first to last. */
static inline bool kit_measure_lengths(uint64_t from, uint64_t to, int64_t first, int64_t last,
                                       struct kit_errors *of_tip, struct kit_errors *of_place)
{
    for (uint64_t seed = from; seed < to; seed++) {
        struct kit_scene s;
        if (!kit_open(&s, seed, 256, 144, 25))
            return false;
        for (int64_t i = first; i <= last; i += 1500) {
            if (!kit_draw(&s, i, false, 25))
                return false;
            for (int t = 0; t < TRO_ENDOSCOPY_N_TOOLS; t++)
                if (strcmp(tro_endoscopy_tool_name(s.frame.truth.tools[t].kind), "hook") == 0)
                    kit_measure_tool(&s, &s.frame.truth.tools[t], of_tip, of_place);
        }
        kit_close(&s);
    }
    return true;
}

#endif
