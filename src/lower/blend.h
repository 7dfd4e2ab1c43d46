/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of which elements each coordinate of a resized axis is made: those of the reference
 * (ref/resize.h) with their weights, less those of weight 0.
 */
#ifndef TRO_LOWER_BLEND_H
#define TRO_LOWER_BLEND_H

#include "lower/lower.h"
#include "lower/window.h"

/* What a coordinate of the result along one axis is made of. */
struct tro_blend {
    int64_t n;
    const int64_t *index;
    const float *weight; /* NULL: one element, as it is */
};

struct tro_resize_axes {
    int rank;
    int64_t n, c, size; /* pictures, channels, bytes of an element */
    int64_t n_out[TRO_N_SPATIAL];
    const struct tro_blend *blend[TRO_N_SPATIAL];
    double n_taps; /* of a result, on average */
    int n_bits;    /* of resize_int, whose weights are whole: results are sums over 2^n_bits */
};
/* Of resize and resize_int. 1: found; 0: not known, or more than pictures are resized or cropped;
 * negative: failure. */
int tro_resize_axes_find(struct tro_lowering *l, const struct tro_lower_node *n,
                         struct tro_resize_axes *to);

#endif
