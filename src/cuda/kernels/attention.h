/* SPDX-License-Identifier: Apache-2.0 */
/* What both kernels of attention are told. */
#ifndef TRO_CUDA_KERNELS_ATTENTION_H
#define TRO_CUDA_KERNELS_ATTENTION_H

#include "params.h"

/* Strides of batch, head and row, in elements; elements of a row lie one after the other. */
struct tro_attention_place {
    int32_t stride[3];
};

/* softmax(cap(scale * q k^T + mask)) v. ptr: q, k, v, mask where there is one; the result. */
struct tro_attention {
    struct tro_attention_place q, k, v, out;
    int32_t mask_stride[4];             /* of batch, head, row, key; 0: the same for all */
    struct tro_div n_heads, n_kv_heads; /* head h of q goes with h mod n_kv_heads */
    uint32_t n_rows, n_keys;
    float scale, softcap;
};

#endif
