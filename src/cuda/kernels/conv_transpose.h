/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_CONV_TRANSPOSE_H
#define TRO_CUDA_KERNELS_CONV_TRANSPOSE_H

#include "params.h"

/* Axes are depth, height, width; pitches in elements. Result o takes tap k of the element i of x
 * where o + pad = i * stride + k * dilation. */
struct tro_conv_transpose_params {
    int32_t in[3], kernel[3], dilation[3], pad[3];
    int32_t batch_pitch, pitch[3];
    int32_t channels, n_results; /* of a group */
    int32_t w_pitch;             /* of a channel's weights: n_results, padded */
    uint32_t n_threads;
    struct tro_div stride[3], out[3];
    struct tro_div n_vectors, group_vectors;
};

#endif
