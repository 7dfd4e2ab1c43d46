/* SPDX-License-Identifier: Apache-2.0 */
/* Adds the partial sums of gemm in the order of the splits, then bias and epilogue. */
#ifndef TRO_CUDA_KERNELS_GEMM_SUM_H
#define TRO_CUDA_KERNELS_GEMM_SUM_H

#include "params.h"

struct tro_gemm_sum_params {
    uint32_t rows, cols, pitch, n_splits;
    struct tro_div chunks; /* of 8 columns in a row */
};

#endif
