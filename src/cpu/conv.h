/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution as a matrix product: one row for each output pixel, one column for each output
 * channel, and in k what the pixel's window covers.
 *
 *     A  pixel 0   tap 0: c0 c1 ..  tap 1: c0 c1 ..          channels last: k = (tap, channel)
 *        pixel 1   ...
 *
 *     A  pixel 0   c0: tap 0, 1, ..  c1: tap 0, 1, ..        planes: k = (channel, tap)
 *
 * Rows are gathered block by block; 1 x 1 kernels may read them where they lie. Up to three spatial
 * axes; missing ones come first with size 1.
 */
#ifndef TRO_CPU_CONV_H
#define TRO_CPU_CONV_H

#include "cpu/gemm.h"
#include "cpu/tile.h"

enum { TRO_CONV_AXES = 3 };

enum tro_conv_source {
    TRO_CONV_GATHERED, /* x has its channels last */
    TRO_CONV_DIRECT,   /* the same, and a row of A is a pixel of x */
    TRO_CONV_PLANES    /* x is read plane by plane: few channels */
};

struct tro_conv_axis {
    int64_t in, out, kernel, stride, dilation, pad;
    int64_t x_stride; /* of x, in elements */
};

struct tro_conv_f32 {
    struct tro_gemm_plan plan; /* a batch for each group */
    enum tro_conv_source source;
    int rank; /* of x */
    struct tro_conv_axis axis[TRO_CONV_AXES];
    int64_t x_batch, x_channel; /* strides of x */
    int64_t n_taps, channels;   /* of a group */
    bool has_bias;
    struct tro_tile *tile;
    enum tro_tile_kind kind; /* what is done in registers: GENERAL when the tile program runs */
    float lo, hi;
    int64_t out_pitch, other_pitch; /* of pixels; unused when GENERAL */
    size_t room_bytes;              /* of the product; the tile's scratch follows */
};

/* Rows of A for one group: x is its first channel. The three are tro_gemm_a_fn. */
struct tro_conv_rows {
    const struct tro_conv_f32 *conv;
    const float *x;
};
tro_gemm_a_fn tro_conv_gather, tro_conv_gather_planes, tro_conv_direct;

/* Whether the pixels of a channels-last arg lie one after the other at one pitch. */
bool tro_conv_has_pitch(const struct tro_arg *a, int64_t *pitch);

#endif
