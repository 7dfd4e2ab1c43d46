/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointwise programs as CUDA C: what stands after an anchor (its epilogue, which also stores the
 * result), or a region of pointwise nodes alone.
 *
 * The space is the result's axes in the order that the kernel walks them, the last one along
 * vectors: (n, h, w, c) of a result [n, c, h, w]. A row is an index over all axes but the last, in
 * row-major order of the space; leading axes are merged where all operands allow it, so that a row
 * needs no division then. The text defines
 *
 *     #define TRO_POINT_ACC float                               the anchor's type: float, int32_t
 *     template <int N> __device__ void tro_point_row(const tro_params &p, uint32_t row,
 *                                                    uint32_t col, int n, TRO_POINT_ACC (&acc)[N])
 *     template <int N, int R> __device__ void tro_point_rows(
 *         const tro_params &p, const uint32_t (&row)[R], uint32_t col, const int (&n)[R],
 *         TRO_POINT_ACC (&acc)[R][N])
 *
 * of which the first takes acc[0..n) for columns col .. col + n, n <= N, loads what else the
 * program needs, computes and stores all outputs. N is a power of 2 up to 16, col a multiple of N.
 * Loads and stores are vectors where strides and addresses of an operand allow it. Values that the
 * graph calls f32 are computed in float whatever they are stored in. The second does the same for R
 * rows, loading for all of them before the first store, which the compiler could not do by itself:
 * for kernels whose threads finish several rows. n[r] is 0 for a row that does not exist. What the
 * graph calls f32 and is made of an integer anchor is stored as f32 at every precision, so that
 * quantized networks give the same bits.
 */
#ifndef TRO_CUDA_POINT_H
#define TRO_CUDA_POINT_H

#include "cuda/kernels/params.h"
#include "lower/lower.h"

struct tro_point {
    const char *types; /* defines struct tro_point_params */
    const char *text;
    int n_in, n_out;
    const struct tro_arg *in, *out; /* args of the step after the anchor's own */
    int rank;                       /* of the space, merged; at least 2 */
    int64_t shape[TRO_MAX_RANK];
    int64_t n_rows, n_cols; /* of the space */
    int vector;             /* greatest N for which every operand has whole vectors or none */
    const void *params;     /* struct tro_point_params of the text */
    size_t params_size;
    int inplace; /* of in[]: the input whose memory out[0] may take over, -1 */
    double n_flops;
};

/*
 * Compiles the epilogue of n (none: out = acc), whose anchor gives acc_dtype (f32 or i32) in the
 * result's shape; takes places of inputs (any form) and of all outputs of n (out_form). axes: the
 * result's axes in walking order. With n->node NULL it is a region without anchor: acc_dtype is
 * TRO_DTYPE_NONE and acc is not read. 1: done; 0: beyond this (an operator, a type, more than 2^31
 * elements); negative: failure.
 */
int tro_point_compile(struct tro_lowering *l, const struct tro_lower_node *n,
                      enum tro_dtype acc_dtype, const int *axes, int n_axes, enum tro_form out_form,
                      struct tro_point **out);

#endif
