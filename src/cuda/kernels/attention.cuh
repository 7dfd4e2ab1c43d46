/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the kernels of attention: which head a block works on, masks.
 *
 *     MASK          0 none, 'b' bool, 'f' numbers of type MASK_T
 *     IS_CAUSAL     row i sees keys 0 .. i
 *     HAS_SOFTCAP   scores go through softcap * tanh(s / softcap)
 */
#ifndef TRO_CUDA_KERNELS_ATTENTION_CUH
#define TRO_CUDA_KERNELS_ATTENTION_CUH

#include "attention.h"
#include "exp.cuh"

#define TRO_INFINITY __int_as_float(0x7f800000)

struct tro_attention_at {
    int32_t q, k, v, out, mask; /* elements to the first row of this block's head */
};

static __device__ __forceinline__ int32_t tro_attention_head(const struct tro_attention_place &p,
                                                             uint32_t batch, uint32_t head)
{
    return (int32_t)batch * p.stride[0] + (int32_t)head * p.stride[1];
}

static __device__ __forceinline__ tro_attention_at
tro_attention_begin(const struct tro_attention &o, uint32_t index)
{
    uint32_t head = index;
    const uint32_t batch = tro_div_rest(head, o.n_heads);
    uint32_t kv_head = head;
    tro_div_rest(kv_head, o.n_kv_heads);
    return tro_attention_at{
        tro_attention_head(o.q, batch, head), tro_attention_head(o.k, batch, kv_head),
        tro_attention_head(o.v, batch, kv_head), tro_attention_head(o.out, batch, head),
        (int32_t)batch * o.mask_stride[0] + (int32_t)head * o.mask_stride[1]};
}

/* What is added to the score of a row and a key, -infinity where the row does not see the key. Both
 * may be beyond the end. */
static __device__ __forceinline__ float tro_attention_mask(const struct tro_attention &o,
                                                           const void *mask, uint32_t row,
                                                           uint32_t key)
{
    if (key >= o.n_keys || (IS_CAUSAL && key > row))
        return -TRO_INFINITY;
#if MASK == 0
    return 0;
#else
    const uint32_t i = row < o.n_rows ? row : o.n_rows - 1;
    const int32_t at = (int32_t)i * o.mask_stride[2] + (int32_t)key * o.mask_stride[3];
#if MASK == 'b'
    return ((const uint8_t *)mask)[at] ? 0 : -TRO_INFINITY;
#else
    return tro_float(((const MASK_T *)mask)[at]);
#endif
#endif
}

/* The cap makes a finite score even of what the mask hides, but not of keys that do not exist. */
static __device__ __forceinline__ float tro_attention_score(const struct tro_attention &o,
                                                            float product, float mask, uint32_t key)
{
    const float s = fmaf(product, o.scale, mask);
#if HAS_SOFTCAP
    return key < o.n_keys ? o.softcap * tanhf(s / o.softcap) : -TRO_INFINITY;
#else
    return s;
#endif
}

#endif
