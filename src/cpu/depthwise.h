/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolution in float32, channels last: one filter a channel, vectors over channels,
 * blocks of windows along the width.
 */
#ifndef TRO_CPU_DEPTHWISE_H
#define TRO_CPU_DEPTHWISE_H

#include "lower/window.h"

/* Weights lie as [kd][kh][kw][w_pitch], channels filled up with zeros to w_pitch. */
enum { TRO_DEPTHWISE_PAD = 16 };

struct tro_depthwise {
    struct tro_win win;
    struct tro_pitch x;
    int64_t w_pitch;
    float lo, hi;
};

/* Windows w[0] .. w[1] - 1 of row (d, h), channels of one chunk. */
struct tro_depthwise_row {
    const float *x;     /* of the picture, at the chunk's first channel */
    const float *w;     /* at the chunk's first channel */
    const float *bias;  /* likewise; filled up as weights are */
    const float *other; /* added at the end, NULL when nothing is: at the first window */
    float *out;         /* at the first window */
    int64_t other_pitch, out_pitch; /* from window to window */
    int64_t d, h, w_begin, w_end, n_channels;
};

typedef void tro_depthwise_fn(const struct tro_depthwise *d, const struct tro_depthwise_row *r);
tro_depthwise_fn tro_depthwise_f32__generic, tro_depthwise_f32__avx2, tro_depthwise_f32__avx512,
    tro_depthwise_f32__neon;

#endif
