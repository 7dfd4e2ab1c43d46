/* SPDX-License-Identifier: Apache-2.0 */
/* A copy as gemm wants to read it: rows of whole chunks of 16 bytes, zeros after the channels. */
#ifndef TRO_CUDA_KERNELS_GEMM_PAD_H
#define TRO_CUDA_KERNELS_GEMM_PAD_H

#include "params.h"

enum { TRO_GEMM_PAD_AXES = 6 };

/* to [row][chunk], row over axes with size[], the last one fastest; strides of from in elements. */
struct tro_gemm_pad_params {
    uint32_t n_chunks; /* in all */
    uint32_t channels;
    int32_t channel_stride;
    struct tro_div chunks; /* of a row */
    struct tro_div size[TRO_GEMM_PAD_AXES];
    int32_t stride[TRO_GEMM_PAD_AXES];
};

#endif
