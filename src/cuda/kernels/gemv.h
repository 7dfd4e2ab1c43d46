/* SPDX-License-Identifier: Apache-2.0 */
/* y [row][col] = sum over k of a [row][k] b [col][k], few rows; k in chunks of 16 bytes as in
 * gemm.h. ptr: a, b, bias (f32 [col]; only with
 * BIAS). */
#ifndef TRO_CUDA_KERNELS_GEMV_H
#define TRO_CUDA_KERNELS_GEMV_H

#include "params.h"

struct tro_gemv_params {
    uint32_t m, n, k;
    int32_t a_pitch, b_pitch;
};

#endif
