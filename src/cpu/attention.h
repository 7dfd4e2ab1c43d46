/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softmax(cap(scale * q k^T + mask)) v in float32, some rows of q at a time: their scores against
 * all keys stay in memory of the thread until they are weights of the rows of v.
 *
 *     keys     panels of a few vectors, transposed: [panels][head][width], packed for each head
 *     scores   [rows][keys, padded to panels]
 *     values   where they lie; with rows padded to vectors where the head is no multiple of them
 */
#ifndef TRO_CPU_ATTENTION_H
#define TRO_CPU_ATTENTION_H

#include "cpu/cpu.h"

struct tro_attention {
    int64_t batch, q_heads, kv_heads, q_length, length, head, v_head;
    int64_t n_chunks; /* that the rows of a head are cut into, for threads */
    float scale, softcap;
    bool is_causal;
    int64_t mask_stride[4]; /* batch, head, row, key: in elements, 0 = the same for all */
};

/* The kernel of one level: in are q, k, v and, where there is one, the mask (f32 or bool), with
 * stride 1 in the last axis; params is a struct tro_attention. */
struct tro_attention_level {
    const char *name; /* "attention_f32_6x4__avx512" */
    int64_t lanes, rows, width;
    tro_step_fn *run;
};
extern const struct tro_attention_level tro_attention__generic, tro_attention__avx2,
    tro_attention__avx512;

static inline int64_t tro_attention_padded(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

#endif
