/* SPDX-License-Identifier: Apache-2.0 */
/* A board's view made by hand, with something of all that can be painted. */
#ifndef TRO_TESTS_CONSOLE_VIEW_KIT_H
#define TRO_TESTS_CONSOLE_VIEW_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/core/board.h"

static inline void kit_names(struct tro_finding_names *n, const char *const *names, int count)
{
    n->n = count;
    for (int i = 0; i < count; i++)
        snprintf(n->name[i], sizeof(n->name[i]), "%s", names[i]);
}

/* Of three networks: tissue, instruments, landmarks. */
static inline void kit_view_names(struct tro_finding_names names[3])
{
    static const char *const tissue[] = {"outside",
                                         "abdominal-wall",
                                         "liver",
                                         "gallbladder",
                                         "fat",
                                         "bowel",
                                         "artery",
                                         "instrument-shaft",
                                         "instrument-wrist",
                                         "instrument-tip"};
    static const char *const boxes[] = {"grasper", "hook", "scissors"};
    static const char *const points[] = {"gallbladder-fundus", "gallbladder-neck", "artery-origin",
                                         "artery-insertion"};
    kit_names(&names[0], tissue, 10);
    kit_names(&names[1], boxes, 3);
    kit_names(&names[2], points, 4);
}

/* A disc of liver with a disc of gallbladder in it; all else is outside. */
static inline void kit_map(struct tro_findings *f, int width, int height)
{
    uint8_t *const labels = calloc((size_t)width, (size_t)height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int dx = x - width / 2, dy = y - height / 2, r2 = dx * dx + dy * dy;
            labels[y * width + x] = r2 < height * height / 36  ? 3
                                    : r2 < height * height / 9 ? 2
                                                               : 0;
        }
    tro_findings_pack(f, labels, width, height);
    free(labels);
}

static inline struct tro_board_view *kit_view(int width, int height)
{
    struct tro_board_view *const v = calloc(1, sizeof(*v));
    const float sx = (float)width / 640, sy = (float)height / 360;
    v->n_networks = 3;
    for (int i = 0; i < 3; i++) {
        tro_findings_init(&v->findings[i], NULL);
        v->findings[i].network = i;
        v->findings[i].frame = 7;
        v->findings[i].width = width;
        v->findings[i].height = height;
        v->opacity[i] = 1;
        v->age_ms[i] = 24;
    }
    kit_map(&v->findings[0], 256, 144);
    v->findings[1].n = 1;
    v->findings[1].items[0] = (struct tro_finding){.kind = TRO_FINDING_BOX,
                                                   .label = 1,
                                                   .track = 4,
                                                   .score = 0.9f,
                                                   .x0 = 380 * sx,
                                                   .y0 = 90 * sy,
                                                   .x1 = 500 * sx,
                                                   .y1 = 200 * sy};
    v->findings[2].n = 1;
    v->findings[2].items[0] = (struct tro_finding){.kind = TRO_FINDING_LANDMARK,
                                                   .label = 2,
                                                   .track = 9,
                                                   .score = 0.8f,
                                                   .x = 260 * sx,
                                                   .y = 210 * sy};
    return v;
}

static inline void kit_view_sentence(struct tro_board_view *v, int width, int height)
{
    const float sx = (float)width / 640, sy = (float)height / 360;
    v->sentence.id = 3;
    v->state = TRO_SENTENCE_TRUE;
    snprintf(v->sentence.text[TRO_LANGUAGE_EN], TRO_SENTENCE_BYTES, "%s",
             "View is off axis: rotate the scope 15 degrees clockwise and advance along the yellow "
             "path; probable right hepatic artery 3 mm to the lower left.");
    snprintf(v->sentence.text[TRO_LANGUAGE_ZH], TRO_SENTENCE_BYTES, "%s",
             "电钩距离肠壁过近，请抬高操作角度");
    v->sentence.n_draw = 3;
    v->sentence.draw[0] = (struct tro_draw){TRO_DRAW_PATH,
                                            {255, 210, 60},
                                            3,
                                            {320 * sx, 300 * sx, 330 * sx},
                                            {280 * sy, 220 * sy, 160 * sy}};
    v->sentence.draw[1] = (struct tro_draw){
        TRO_DRAW_ARROW, {255, 210, 60}, 2, {420 * sx, 400 * sx}, {240 * sy, 190 * sy}};
    v->sentence.draw[2] = (struct tro_draw){
        TRO_DRAW_CIRCLE, {255, 90, 60}, 2, {260 * sx, 280 * sx}, {210 * sy, 210 * sy}};
}

static inline void kit_view_marks(struct tro_board_view *v, int width, int height)
{
    const float sx = (float)width / 640, sy = (float)height / 360;
    static const char *const texts[] = {"", "", "clip here", "夹闭"};
    v->n_marks = TRO_N_MARK_KINDS;
    for (int i = 0; i < v->n_marks; i++) {
        struct tro_mark *const m = &v->marks[i];
        m->kind = (enum tro_mark_kind)i;
        m->confidence = 1;
        m->n = i == TRO_MARK_STROKE ? 8 : i == TRO_MARK_ARROW ? 2 : 1;
        snprintf(m->name, sizeof(m->name), "%s", i == TRO_MARK_TEXT ? "陈医生" : "Dr. Chen");
        snprintf(m->text, sizeof(m->text), "%s", texts[i]);
        for (int k = 0; k < m->n; k++) {
            m->x[k] = (120 + 100.0f * (float)i + 8 * (float)k) * sx;
            m->y[k] = (120 + 30 * (float)(i % 2) + (float)((k * 7) % 5) * 6) * sy;
        }
    }
}

static inline void kit_view_end(struct tro_board_view *v)
{
    for (int i = 0; i < v->n_networks; i++)
        tro_findings_finish(&v->findings[i]);
    free(v);
}

#endif
