/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `detect` and `peaks` compute. Backends have to decide alike, so all of it is in f32, without
 * contraction and in this order of operations; kernels/boxes.cuh and kernels/peaks.cu say it again.
 *
 * Overlap, as EfficientNMS_TRT has it (NVIDIA TensorRT, plugin/efficientNMSPlugin, IOU of
 * efficientNMSInference.cu), but with a product instead of the quotient:
 *
 *     common >= threshold * (area of a + area of b - common)
 *
 * An order of candidates that is the same everywhere comes from keys, the greatest first:
 *
 *     63        32 31                           0
 *     [ order     ][ ~(class * n_anchors + anchor) ]
 */
#ifndef TRO_REF_BOXES_H
#define TRO_REF_BOXES_H

#include "graph/op.h"

#include <math.h>
#include <string.h>

struct tro_box {
    float x1, y1, x2, y2; /* in order unless one is NaN */
};

/* Where positions go. */
struct tro_box_map {
    float x_scale, y_scale, x_offset, y_offset;
};

static inline struct tro_box_map tro_box_map_of(double x_scale, double y_scale, double x_offset,
                                                double y_offset)
{
    return (struct tro_box_map){.x_scale = x_scale == 0 ? 1 : (float)x_scale,
                                .y_scale = y_scale == 0 ? 1 : (float)y_scale,
                                .x_offset = (float)x_offset,
                                .y_offset = (float)y_offset};
}

static inline struct tro_box tro_box_of(const float v[4], bool is_center,
                                        const struct tro_box_map *m)
{
    const float x = v[0] * m->x_scale + m->x_offset, y = v[1] * m->y_scale + m->y_offset;
    struct tro_box b = {x, y, v[2] * m->x_scale + m->x_offset, v[3] * m->y_scale + m->y_offset};
    if (is_center) {
        const float w = v[2] * m->x_scale * 0.5F, h = v[3] * m->y_scale * 0.5F;
        b = (struct tro_box){x - w, y - h, x + w, y + h};
    }
    return (struct tro_box){.x1 = b.x2 < b.x1 ? b.x2 : b.x1,
                            .y1 = b.y2 < b.y1 ? b.y2 : b.y1,
                            .x2 = b.x2 < b.x1 ? b.x1 : b.x2,
                            .y2 = b.y2 < b.y1 ? b.y1 : b.y2};
}

/* a: the one of the greater score. */
static inline bool tro_boxes_overlap(const struct tro_box *a, const struct tro_box *b,
                                     float threshold)
{
    const float x1 = a->x1 > b->x1 ? a->x1 : b->x1, x2 = a->x2 < b->x2 ? a->x2 : b->x2;
    const float y1 = a->y1 > b->y1 ? a->y1 : b->y1, y2 = a->y2 < b->y2 ? a->y2 : b->y2;
    const float w = x2 - x1, h = y2 - y1;
    if (!(w > 0) || !(h > 0))
        return threshold <= 0;
    const float common = w * h;
    const float area_a = (a->x2 - a->x1) * (a->y2 - a->y1);
    const float area_b = (b->x2 - b->x1) * (b->y2 - b->y1);
    return common >= threshold * (area_a + area_b - common);
}

/* ---- scores -------------------------------------------------------------------------------- */

#define TRO_DETECT_CANDIDATES 4096

static inline int64_t tro_detect_candidates(const struct tro_attrs_detect *a)
{
    return a->max_candidates ? a->max_candidates : TRO_DETECT_CANDIDATES;
}

/* What scores before the sigmoid are compared with, where they are. */
static inline float tro_detect_threshold(const struct tro_attrs_detect *a)
{
    const double t = a->score_threshold;
    if (!a->is_logit)
        return (float)t;
    return t <= 0 ? -INFINITY : t >= 1 ? INFINITY : (float)log(t / (1 - t));
}

/* The score in a key is its bits turned into an integer of the same order; -0 becomes 0. */
static inline uint32_t tro_score_order(float v)
{
    uint32_t bits;
    v += 0.0F;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000U;
}

static inline float tro_score_of_order(uint32_t order)
{
    const uint32_t bits = order >> 31 ? order & 0x7fffffffU : ~order;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* 1 / (1 + e^-x), the same bits everywhere: e^r by its series for |r| <= ln(2) / 2. */
static inline float tro_score_sigmoid(float x)
{
    float t = -x;
    t = t < -87.0F ? -87.0F : t > 88.0F ? 88.0F : t;
    const float n = (t * 1.44269504F + 12582912.0F) - 12582912.0F;
    const float r = (t - n * 0.693359375F) - n * -2.12194440e-4F;
    float e = 1.0F / 5040;
    e = e * r + 1.0F / 720;
    e = e * r + 1.0F / 120;
    e = e * r + 1.0F / 24;
    e = e * r + 1.0F / 6;
    e = e * r + 0.5F;
    e = e * r + 1.0F;
    e = e * r + 1.0F;
    const uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return 1.0F / (1.0F + e * power);
}

/* ---- peaks ---------------------------------------------------------------------------------- */

/* How far the top lies from an element with value c, whose neighbours on an axis are l and r: of
 * the parabola through the three, at most half an element away. */
static inline float tro_peak_vertex(float l, float c, float r)
{
    const float bend = (l - c) + (r - c), d = 0.5F * (l - r) / bend;
    if (!(bend < 0))
        return 0;
    return d < -0.5F ? -0.5F : d > 0.5F ? 0.5F : d;
}

/* A quarter toward the greater neighbour (HRNet, lib/core/inference.py, get_final_preds). */
static inline float tro_peak_quarter(float l, float r)
{
    return r > l ? 0.25F : r < l ? -0.25F : 0;
}

/* An element of a map of w x h, and its neighbours; those beyond the border do not matter. */
struct tro_peak {
    int64_t x, y, w, h;
    float score, left, right, up, down;
};

/* To where the peak is. HRNet moves none that lies at the border, or one element beside the first
 * column or row. */
static inline void tro_peak_refine(const struct tro_peak *p, enum tro_refine refine,
                                   const struct tro_box_map *m, float out[3])
{
    const bool has_x = p->x > 0 && p->x<p->w - 1, has_y = p->y> 0 && p->y < p->h - 1;
    const bool is_inside = has_x && has_y && p->x > 1 && p->y > 1;
    float dx = 0, dy = 0;
    if (refine == tro_refine_parabola) {
        dx = has_x ? tro_peak_vertex(p->left, p->score, p->right) : 0;
        dy = has_y ? tro_peak_vertex(p->up, p->score, p->down) : 0;
    } else if (refine == tro_refine_quarter && is_inside) {
        dx = tro_peak_quarter(p->left, p->right);
        dy = tro_peak_quarter(p->up, p->down);
    }
    out[0] = ((float)p->x + dx) * m->x_scale + m->x_offset;
    out[1] = ((float)p->y + dy) * m->y_scale + m->y_offset;
    out[2] = p->score;
}

#endif
