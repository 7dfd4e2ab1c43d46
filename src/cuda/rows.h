/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/cuda: what emitters of operators on lines and columns of tensors share. */
#ifndef TRO_CUDA_ROWS_H
#define TRO_CUDA_ROWS_H

#include "cuda/kernels/path.h"
#include "lower/lower.h"

/* The type of an element in kernels: "tro_f16", "int32_t"; NULL for those they do not know. */
const char *tro_cuda_type(enum tro_dtype dtype);
static inline bool tro_cuda_is_float(enum tro_dtype dtype)
{
    return dtype == TRO_F32 || dtype == TRO_F16 || dtype == TRO_BF16;
}

/* All of it within 31 bits of elements. */
bool tro_cuda_is_near(const struct tro_arg *a);

/* The walk over axes of a in this order; axes that lie one after the other become one. False when
 * an offset may need more than 31 bits. */
bool tro_cuda_path(struct tro_path *path, const struct tro_arg *a, const int *axes, int n_axes);

/* Axes of the set (bits) in their order, outermost first by stride where by_stride. */
int tro_cuda_axes(const struct tro_arg *a, uint32_t set, bool by_stride, int axes[TRO_MAX_RANK]);

/* The axis with the least stride, which kernels walk along; the last one when all have size 1. */
int tro_cuda_inner_axis(const struct tro_arg *a);

/* Greatest power of 2 up to 16 bytes that divides the size of `axis`, every other stride and the
 * offset, where the axis has stride 1; else 1. */
int tro_cuda_vector(const struct tro_arg *a, int axis);

/* Threads for a line of so many vectors: a part of a warp that wastes little, else a block. */
int tro_cuda_team(int64_t n_vectors);
/* Blocks that n_lines teams need. */
uint32_t tro_cuda_team_blocks(int team, int64_t n_lines);
static inline uint32_t tro_cuda_team_threads(int team)
{
    return team > 128 ? (uint32_t)team : 128;
}

#endif
