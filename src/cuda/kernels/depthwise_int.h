/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolution of 8-bit integers, exact in int32, channels last: a thread makes 4 channels
 * of SPAN results next to each other along the width.
 *
 *     thread = ((row * n_spans) + span) * n_vectors + vector      row: of (n, d, h)
 *
 *     inputs   x, its channels next to each other
 *              w, packed: [tap][4 * n_vectors] bytes, signed, zeros behind the last channel
 *              zero of x, with IS_ZERO_LIVE: one byte
 *              int32 [2][4 * n_vectors], with HAS_SUMS or HAS_ZERO_W: sums of weights less their
 *                 zeros, and zeros
 *
 * HAS_SUMS: x has a zero as the multiplier sees it, which flips the sign bit of u8; HAS_ZERO_W: so
 * have weights.
 */
#ifndef TRO_CUDA_KERNELS_DEPTHWISE_INT_H
#define TRO_CUDA_KERNELS_DEPTHWISE_INT_H

#include "params.h"

struct tro_depthwise_int_params {
    uint32_t n_threads;
    uint32_t zero; /* of x: a byte, unless IS_ZERO_LIVE */
    int32_t n_channels, out_w;
    struct tro_div n_vectors, n_spans, out_h, out_d;
    int32_t in[3], stride[3], dilation[3], pad[3];
    int32_t x_n, x_at[3]; /* strides of x */
};

#endif
