/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_CONV_TRANSPOSE_MMA_H
#define TRO_CUDA_KERNELS_CONV_TRANSPOSE_MMA_H

#include "params.h"

/* Axes are depth, height, width. */
struct tro_conv_transpose_mma_params {
    uint32_t n_pixels, n_columns; /* columns: taps * n_results */
    int32_t channels, x_pitch;    /* of pixels of x, which have no other gaps, in elements */
    int32_t w_pitch;              /* of rows of the weights: channels, padded to TILE_K */
    struct tro_div n_results;     /* of a tap */
    struct tro_div in[3], kernel[3];
};

#endif
