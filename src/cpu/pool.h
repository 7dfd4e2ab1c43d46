/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools over channels-last memory: vectors over channels, one window at a time. Where windows reach
 * in their input is worked out when the program is made, one axis at a time.
 */
#ifndef TRO_CPU_POOL_H
#define TRO_CPU_POOL_H

#include "lower/window.h"

/* Taps of a window along one axis that lie inside of the input. */
struct tro_span {
    int64_t at; /* the first, in elements of the axis */
    int64_t n;
    float count; /* what a mean divides by, along this axis */
};

/* A row of n_w windows along the width. */
struct tro_pool_row {
    const void *x;
    void *out;
    int64_t out_pitch, n_channels, n_w;                /* pitch from window to window */
    const struct tro_span *d, *h, *w;                  /* one, one, n_w */
    int64_t pitch[TRO_N_SPATIAL], step[TRO_N_SPATIAL]; /* of x: by element, by tap */
    bool is_mean;                                      /* sums: divide by the counts */
    uint8_t flip; /* bytes: of the sign bit, so that signed ones compare as unsigned */
    float lo, hi; /* f32: min(max(result, lo), hi), NaN stays */
};

typedef void tro_pool_fn(const struct tro_pool_row *r);
#define TRO_POOL_LEVEL(level) \
    tro_pool_fn tro_pool_max_f32__##level, tro_pool_sum_f32__##level, tro_pool_max_8__##level;
TRO_POOL_LEVEL(generic)
TRO_POOL_LEVEL(avx2)
TRO_POOL_LEVEL(avx512)
TRO_POOL_LEVEL(neon)

#endif
