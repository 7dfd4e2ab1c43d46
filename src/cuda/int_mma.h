/* SPDX-License-Identifier: Apache-2.0 */
/* Products of 8-bit matrices (kernels/int_mma.h) as steps: what conv_int and matmul_int share. */
#ifndef TRO_CUDA_INT_MMA_H
#define TRO_CUDA_INT_MMA_H

#include "cuda/cuda.h"
#include "cuda/kernels/int_mma.h"
#include "lower/window.h"

/* Where element (k, col) of constant weights lies, columns of all groups: col % n_each * col_step +
 * col / n_each * tap_step + k / inner * outer_step + k % inner * inner_step. */
struct tro_int_weights {
    int64_t n_cols, k;
    int64_t n_each; /* columns of a tap of the result's windows; n_cols but for conv_transpose */
    int64_t col_step, tap_step, inner, inner_step, outer_step;
};

/* A product as its emitter describes it. */
struct tro_int_mma {
    const char *name;            /* of the operator, for labels: "conv_int" */
    struct tro_int_mma_params p; /* but for zeros and w_pitch, which tro_int_mma_emit fills in */
    struct tro_arg a;
    struct tro_int_weights weights; /* constant b */
    bool is_windows;                /* each row makes a window of the result: p.n_each, p.each */
    bool is_b_live;
    struct tro_arg b; /* of live b */
    int64_t n_batches;
    enum tro_dtype a_dtype, b_dtype;
    tro_value_id b_value, zero_a, zero_b; /* none: TRO_VALUE_NONE */
    const struct tro_point *point;
};

/* Whether the zeros that are given are such as the kernel takes: 8 bits; of a one, or n_each_a for
 * rows in turn; of b one or one for each column, constant where b is. */
bool tro_int_mma_can_zeros(struct tro_lowering *l, const struct tro_int_mma *d, int64_t n_each_a);

/* Adds the step: as a tro_emit_fn returns. */
int tro_int_mma_emit(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_int_mma *d);

/* ---- zeros and weights, as other kernels want them too --------------------------------------- */

/* Whether v is a constant of equal bytes, or absent, which is a zero; the byte in *out. */
bool tro_int_known_zero(struct tro_lowering *l, tro_value_id v, uint8_t *out);

/* Weights of this type as signed bytes: u8 with the sign bit flipped; and the zero of a column that
 * belongs to that, zeros NULL: none given. */
uint8_t tro_int_weight(enum tro_dtype d, uint8_t w);
int32_t tro_int_weight_zero(enum tro_dtype d, const struct tro_tensor *zeros, int64_t col);

/* Whether offsets of windows over x stay far from 2^31. */
bool tro_int_is_small(const struct tro_win *win, const struct tro_arg *x);

#endif
