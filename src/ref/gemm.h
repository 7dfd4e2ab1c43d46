/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of matrices in double, which convolutions, matrix products, Einstein sums, attention and
 * recurrent networks come down to:
 *
 *     out[b][i][j] = sum over k of a[b][i][k] * b[b][k][j]     0 <= i < m, 0 <= j < n, 0 <= k <
 * depth
 *
 * Each sum runs in order of k from 0 and each product is rounded before it is added, so results
 * depend neither on the number of threads nor on the machine.
 */
#ifndef TRO_REF_GEMM_H
#define TRO_REF_GEMM_H

#include "ref/ref.h"

/* Writes n elements of a row of one operand, from `first`, to out. A row of a is an i, a row of b a
 * k. Called from several threads. */
typedef void tro_gemm_load(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                           double *out);
/* Takes n sums of row i from column `first`; it may change them. Called from several threads, once
 * for each place of the result. */
typedef void tro_gemm_store(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                            double *sums);

struct tro_gemm {
    int64_t n_batch, m, n, depth;
    tro_gemm_load *load_a, *load_b;
    tro_gemm_store *store;
    const void *ctx;
};
int tro_ref_gemm(const struct tro_gemm *g, struct tro_err *err);

/* ---- operands that lie in memory ------------------------------------------------------- */

/* Numbers as float where that is exact, else as double; one of the two is NULL. */
struct tro_reals {
    const float *f;
    const double *d;
};
/* Of f32 and f64 the tensor's own memory, of other types a copy in scratch. */
int tro_ref_reals(struct tro_ref_call *c, const struct tro_tensor *t, struct tro_reals *out);
/* out[i] = v[first + i * step] */
void tro_reals_row(const struct tro_reals *v, int64_t first, int64_t step, int64_t n, double *out);

/* A sum over products of two strided tensors. An axis is a size with the strides, in elements, of
 * both operands and the result. `batch` axes are in all three, m in a and the result, n in b and
 * the result, k in a and b. */
struct tro_axis {
    int64_t size, a, b, out;
};
#define TRO_MAX_AXES 16
struct tro_axes {
    int n;
    struct tro_axis v[TRO_MAX_AXES];
};
struct tro_contraction {
    struct tro_axes batch, m, n, k;
    struct tro_reals a, b;
    enum tro_dtype out_dtype;
    void *out;
};
int tro_ref_contract(const struct tro_contraction *c, struct tro_err *err);

#endif
