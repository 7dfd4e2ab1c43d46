/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing of channels-last memory: vectors over channels; and of planes, rows of which have no
 * gaps: first along the width, each row of the input once, then vectors of whole rows are blended.
 */
#ifndef TRO_CPU_RESIZE_H
#define TRO_CPU_RESIZE_H

#include "lower/blend.h"

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

/* The width of planes: n_taps rows of n_w indices and weights. Weight 0: not an element. */
struct tro_resize_width {
    int64_t n_w, n_taps;
    const int32_t *index;
    const float *weight;
};

/* Rows of the input, resized along the width. Row (d, h) has its place at d % n_d, h % n_h. */
struct tro_resize_cache {
    float *row;   /* n_d * n_h of `pitch` */
    int64_t *tag; /* which one is there; -1: none */
    const float **tap;
    float *weight; /* room for the taps of one result: n_d * n_h */
    int64_t n_d, n_h, pitch;
};

/* Results (d, first) to (d, last) of one plane. */
struct tro_resize_plane {
    const float *x;
    float *out;
    int64_t out_pitch, first, last;
    const struct tro_blend *d, *h; /* one; of `first` */
    int64_t pitch[TRO_N_SPATIAL];  /* of x; 1 along the width */
    const struct tro_resize_width *w;
    struct tro_resize_cache *cache;
};

typedef void tro_resize_plane_fn(const struct tro_resize_plane *r);
tro_resize_plane_fn tro_resize_plane_f32__generic, tro_resize_plane_f32__avx2,
    tro_resize_plane_f32__avx512, tro_resize_plane_f32__neon;

#endif
