/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing of channels-last memory: vectors over channels. Elements and weights of each coordinate
 * are those of the reference (ref/resize.h), less those of weight 0.
 */
#ifndef TRO_CPU_RESIZE_H
#define TRO_CPU_RESIZE_H

#include "cpu/window.h"

/* What a coordinate of the result along one axis is made of. */
struct tro_blend {
    int64_t n;
    const int64_t *index;
    const float *weight; /* NULL: one element, as it is */
};

/* A row of n_w results along the width. */
struct tro_resize_row {
    const float *x;
    float *out;
    int64_t out_pitch, n_channels, n_w;
    const struct tro_blend *d, *h, *w; /* one, one, n_w */
    int64_t pitch[TRO_N_SPATIAL];      /* of x */
    float lo, hi;                      /* min(max(result, lo), hi), NaN stays */
};

typedef void tro_resize_fn(const struct tro_resize_row *r);
tro_resize_fn tro_resize_f32__generic, tro_resize_f32__avx2, tro_resize_f32__avx512,
    tro_resize_f32__neon;

#endif
