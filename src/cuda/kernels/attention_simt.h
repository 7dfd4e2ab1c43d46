/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_ATTENTION_SIMT_H
#define TRO_CUDA_KERNELS_ATTENTION_SIMT_H

#include "attention.h"

struct tro_attention_simt_params {
    struct tro_attention net;
};

#endif
