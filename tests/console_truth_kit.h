/* SPDX-License-Identifier: Apache-2.0 */
/* What the console makes of frames held against what the simulator knows of them: places on tissue
 * and lengths. Of tests, and of tool_console_truth, which prints the figures of docs/console.md. */
#ifndef TRO_TESTS_CONSOLE_TRUTH_KIT_H
#define TRO_TESTS_CONSOLE_TRUTH_KIT_H

#include "base/thread.h"
#include "console/core/anchor.h"
#include "console/core/geometry.h"
#include "console/core/mark.h"
#include "console_kit.h"
#include "sim/theatre.h"
#include "sim/trace.h"

#include <math.h>
#include <stdlib.h>

enum { KIT_ERRORS = 65536 };

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

enum {
    KIT_COLUMNS = 14, /* of places, over the whole picture */
    KIT_ROWS = 9,
    KIT_STARTS = 3, /* times that places are given at */
    KIT_POINTS = KIT_COLUMNS * KIT_ROWS * KIT_STARTS,
    KIT_SETS = (KIT_POINTS + TRO_ANCHORS_MAX - 1) / TRO_ANCHORS_MAX,
    KIT_MASK_FRAMES = 2 /* how old a mask is when it comes */
};

enum kit_known { KIT_NOTHING, KIT_MASKS, KIT_BOXES }; /* of instruments */

struct kit_point {
    int set, id;
    struct vec3 rest; /* where the tissue lies that nothing moves */
};

struct kit_count {
    int n, n_lost, n_unsure;
    struct kit_errors sure; /* px, of those with a confidence of TRO_MARK_SURE or more */
};

struct kit_points {
    int n;
    struct kit_point points[KIT_POINTS];
    struct tro_anchors *sets[KIT_SETS];
    struct kit_count visible, behind; /* nothing lies before them; an instrument does */
    int n_right;                      /* visible, within 8 px, but lost or unsure */
    uint8_t *masks[KIT_MASK_FRAMES + 1];
    int64_t follow_ns, n_steps;
};

static inline int kit_beyond(const struct kit_errors *e, float px)
{
    int n = 0;
    for (int i = 0; i < e->n; i++)
        n += e->v[i] > px;
    return n;
}

static inline float kit_tissue_distance(const struct tro_stage *stage, float x, float y)
{
    return tro_trace_tissue(stage, tro_view_ray(&stage->view, x, y));
}

/* Places on tissue that is seen, near instruments as well. */
static inline void kit_choose(struct kit_points *p, const struct tro_stage *stage,
                              const struct kit_scene *s, uint64_t frame)
{
    for (int i = 0; i < KIT_COLUMNS * KIT_ROWS; i++) {
        const float x = ((float)(i % KIT_COLUMNS) + 0.5f) / KIT_COLUMNS * (float)s->width;
        const float y = ((float)(i / KIT_COLUMNS) + 0.5f) / KIT_ROWS * (float)s->height;
        if (s->frame.instance[(int)y * s->width + (int)x] ||
            tro_view_inside_px(&stage->view, x, y) < 0.03f * (float)s->width)
            continue;
        const float far = kit_tissue_distance(stage, x, y);
        const struct vec3 ray = tro_view_ray(&stage->view, x, y);
        struct kit_point *const to = &p->points[p->n];
        to->set = p->n++ / TRO_ANCHORS_MAX;
        to->rest = tro_stage_rest(stage, v3_along(stage->view.eye, ray, far));
        to->id = tro_anchors_add(p->sets[to->set], frame, x, y);
    }
}

static inline void kit_judge_one(struct kit_points *p, const struct kit_point *k, float want_x,
                                 float want_y, bool is_behind)
{
    struct kit_count *const c = is_behind ? &p->behind : &p->visible;
    float x, y, confidence;
    const bool is_found = tro_anchors_place(p->sets[k->set], k->id, &x, &y, &confidence);
    const float off = hypotf(x - want_x, y - want_y);
    const bool is_sure = is_found && confidence >= TRO_MARK_SURE;
    c->n++;
    c->n_lost += !is_found;
    c->n_unsure += is_found && !is_sure;
    if (is_sure)
        kit_error(&c->sure, off);
    else
        p->n_right += !is_behind && off < 8;
}

/* Errors of what is in the picture now, before all other tissue. */
static inline void kit_judge(struct kit_points *p, const struct tro_stage *stage,
                             const struct kit_scene *s)
{
    for (int i = 0; i < p->n; i++) {
        const struct vec3 now = v3_add(tro_warp_moved(&stage->warp, p->points[i].rest),
                                       stage->view.tissue_at);
        float x, y;
        if (!tro_view_project(&stage->view, now, &x, &y) || x < 0 || y < 0 ||
            x >= (float)s->width || y >= (float)s->height ||
            tro_view_inside_px(&stage->view, x, y) < 5)
            continue;
        const bool is_behind = s->frame.instance[(int)y * s->width + (int)x];
        if (is_behind || fabsf(kit_tissue_distance(stage, x, y) -
                               v3_length(v3_sub(now, stage->view.eye))) <= 1.5f)
            kit_judge_one(p, &p->points[i], x, y, is_behind);
    }
}

static inline void kit_luma(const struct kit_scene *s, uint8_t *luma)
{
    for (int i = 0; i < s->width * s->height; i++) {
        const uint8_t *const p = s->frame.rgb + i * 3;
        luma[i] = (uint8_t)(16 + (47 * p[0] + 157 * p[1] + 16 * p[2]) / 256);
    }
}

/* The box of what is `id` in a mask; false: nothing is. */
static inline bool kit_box(const uint8_t *mask, int width, int height, int id,
                           struct tro_instrument_box *box)
{
    *box = (struct tro_instrument_box){(float)width, (float)height, 0, 0};
    for (int i = 0; i < width * height; i++) {
        const float x = (float)(i % width), y = (float)(i / width);
        if (mask[i] != id)
            continue;
        *box = (struct tro_instrument_box){fminf(box->x0, x), fminf(box->y0, y),
                                           fmaxf(box->x1, x + 1), fmaxf(box->y1, y + 1)};
    }
    return box->x0 < box->x1;
}

/* What a network would know of instruments, of frame `i` - KIT_MASK_FRAMES of those from 0. */
static inline void kit_tell(struct kit_points *p, const struct kit_scene *s, int i,
                            enum kit_known known)
{
    uint8_t **const ring = p->masks;
    struct tro_instrument_box boxes[TRO_ENDOSCOPY_N_TOOLS];
    int n = 0;
    memcpy(ring[i % (KIT_MASK_FRAMES + 1)], s->frame.instance, (size_t)s->width * s->height);
    const uint8_t *const mask = ring[(i + 1) % (KIT_MASK_FRAMES + 1)];
    if (i < KIT_MASK_FRAMES || known == KIT_NOTHING)
        return;
    for (int id = 1; known == KIT_BOXES && id <= TRO_ENDOSCOPY_N_TOOLS; id++)
        n += kit_box(mask, s->width, s->height, id, &boxes[n]);
    for (int set = 0; set < KIT_SETS; set++) {
        const uint64_t frame = (uint64_t)(i - KIT_MASK_FRAMES) + 1;
        if (known == KIT_MASKS)
            tro_anchors_cover(p->sets[set], frame, mask, s->width, s->height);
        else
            tro_anchors_doubt(p->sets[set], frame, boxes, n);
    }
}

static inline bool kit_points_open(struct kit_points *p, int width, int height)
{
    struct tro_err err = {0};
    bool ok = true;
    for (int i = 0; i < KIT_SETS; i++)
        ok &= (p->sets[i] = tro_anchors_create(width, height, 30, &err)) != NULL;
    for (int i = 0; i <= KIT_MASK_FRAMES; i++)
        p->masks[i] = malloc((size_t)width * (size_t)height);
    return ok;
}

static inline void kit_points_close(struct kit_points *p)
{
    for (int i = 0; i < KIT_SETS; i++)
        tro_anchors_destroy(p->sets[i]);
    for (int i = 0; i <= KIT_MASK_FRAMES; i++)
        free(p->masks[i]);
}

static inline void kit_follow(struct kit_points *p, const uint8_t *luma, int i, int width)
{
    for (int set = 0; set < KIT_SETS; set++) {
        const int64_t begin_ns = tro_clock_ns();
        tro_anchors_frame(p->sets[set], (uint64_t)i + 1, luma, width);
        if (set * TRO_ANCHORS_MAX < p->n)
            p->follow_ns += tro_clock_ns() - begin_ns;
    }
    p->n_steps += p->n;
}

/* Places of three times from frame `first` on through n frames, 30 a second. */
static inline bool kit_follow_tissue(struct kit_points *p, uint64_t seed, int64_t first, int n,
                                     int width, int height, enum kit_known known)
{
    struct kit_scene s;
    struct tro_theatre theatre = {0};
    struct tro_err err = {0};
    if (!kit_open(&s, seed, width, height, 30))
        return false;
    uint8_t *const luma = malloc((size_t)width * (size_t)height);
    bool ok = tro_theatre_create(&theatre, seed, &err) == 0 && kit_points_open(p, width, height);
    for (int i = 0; ok && i < n; i++) {
        static struct tro_stage stage;
        struct tro_moment moment;
        const struct tro_disturbances none = {0};
        ok = kit_draw(&s, first + i, true, 30);
        tro_theatre_stage(&theatre, width, height, (double)(first + i) / 30, &none, &stage,
                          &moment);
        kit_luma(&s, luma);
        kit_tell(p, &s, i, known);
        kit_follow(p, luma, i, width);
        kit_judge(p, &stage, &s);
        if (i % (n / KIT_STARTS) == 0 && i / (n / KIT_STARTS) < KIT_STARTS)
            kit_choose(p, &stage, &s, (uint64_t)i + 1);
    }
    free(luma);
    kit_points_close(p);
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
