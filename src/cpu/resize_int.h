/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear resizing of channels-last bytes in whole numbers: rows of the input are summed up to one
 * row of i32, elements of which are then summed up along the width and rounded.
 */
#ifndef TRO_CPU_RESIZE_INT_H
#define TRO_CPU_RESIZE_INT_H

#include "lower/blend.h"

/* A row of n_out results along the width, of n_in elements of x. */
struct tro_resize_int_row {
    const void *x;
    void *out;
    int32_t *sums; /* room for n_in * n_channels */
    int64_t n_channels, n_in, n_out, out_pitch;
    const struct tro_blend *d, *h, *w; /* one, one, n_out */
    int64_t pitch[TRO_N_SPATIAL];      /* of x */
    int n_bits;                        /* results are sums over 2^n_bits */
};

typedef void tro_resize_int_fn(const struct tro_resize_int_row *r);
#define TRO_RESIZE_INT_LEVEL(level) \
    tro_resize_int_fn tro_resize_i8__##level, tro_resize_u8__##level;
TRO_RESIZE_INT_LEVEL(generic)
TRO_RESIZE_INT_LEVEL(avx2)
TRO_RESIZE_INT_LEVEL(avx512)
TRO_RESIZE_INT_LEVEL(neon)
#undef TRO_RESIZE_INT_LEVEL

#endif
