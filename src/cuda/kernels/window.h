/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows that slide over channels-last memory, for kernels whose threads each make a vector of
 * channels of `n_spans`th parts of a row of results. Axes are depth, height, width; window o reads
 * in[o * stride - pad + k * dilation] for tap k. Pitches are in elements.
 *
 *     thread = ((row * n_spans) + span) * n_vectors + vector      row: of (n, d, h)
 */
#ifndef TRO_CUDA_KERNELS_WINDOW_H
#define TRO_CUDA_KERNELS_WINDOW_H

#include "params.h"

struct tro_window_space {
    int32_t in[3], kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
    int32_t batch_pitch, pitch[3]; /* of x */
    int32_t out_w, n_channels;     /* of results */
    uint32_t n_threads;
    struct tro_div n_vectors, n_spans, out_h, out_d;
};

#endif
