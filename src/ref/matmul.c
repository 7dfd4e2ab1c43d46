/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products as numpy defines them: matmul and matmul_int. */
#include "ref/gemm.h"
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"

/* Matrices of one operand: `rows` x `cols`, axes of size 1 put in for a vector. */
struct matrices {
    int64_t rows, cols, row_step, col_step;
    int n_batch; /* axes in front */
};

static struct matrices left_of(const struct tro_tensor *t)
{
    const int r = t->rank;
    if (r == 1)
        return (struct matrices){1, t->shape[0], 0, 1, 0};
    return (struct matrices){t->shape[r - 2], t->shape[r - 1], t->shape[r - 1], 1, r - 2};
}

static struct matrices right_of(const struct tro_tensor *t)
{
    if (t->rank == 1)
        return (struct matrices){t->shape[0], 1, 1, 0, 0};
    return left_of(t);
}

static int64_t product(const int64_t *sizes, int n)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        p *= sizes[i];
    return p;
}

/* Strides of the axes in front, aligned at their end with n axes of the result; 0 where an operand
 * is repeated. */
static void batch_strides(const struct tro_tensor *t, const struct matrices *m, int n,
                          int64_t *strides)
{
    int64_t stride = m->rows * m->cols;
    for (int i = 1; i <= n; i++) {
        const int64_t size = i <= m->n_batch ? t->shape[m->n_batch - i] : 1;
        strides[n - i] = size == 1 ? 0 : stride;
        stride *= size;
    }
}

/* Everything of the contraction but its operands. Where the right matrix is the same for the whole
 * batch, the left ones are one tall matrix. */
static void plan(struct tro_contraction *p, const struct tro_tensor *a, const struct tro_tensor *b,
                 struct tro_tensor *out)
{
    const struct matrices l = left_of(a), r = right_of(b);
    const int n_batch = l.n_batch > r.n_batch ? l.n_batch : r.n_batch;
    const bool is_tall = product(b->shape, r.n_batch) == 1 && l.n_batch >= r.n_batch;
    const int64_t n_left = is_tall ? product(a->shape, l.n_batch) : 1;
    *p = (struct tro_contraction){.out_dtype = out->dtype, .out = out->data};
    p->m = (struct tro_axes){1, {{n_left * l.rows, l.cols, 0, r.cols}}};
    p->n = (struct tro_axes){1, {{r.cols, 0, r.col_step, 1}}};
    p->k = (struct tro_axes){1, {{l.cols, 1, r.row_step, 0}}};
    if (is_tall)
        return;
    int64_t sa[TRO_MAX_RANK], sb[TRO_MAX_RANK];
    batch_strides(a, &l, n_batch, sa);
    batch_strides(b, &r, n_batch, sb);
    int64_t stride = l.rows * r.cols;
    p->batch.n = n_batch;
    for (int i = n_batch - 1; i >= 0; i--) {
        p->batch.v[i] = (struct tro_axis){out->shape[i], sa[i], sb[i], stride};
        stride *= out->shape[i];
    }
}

/* ---- integers, exact modulo 2^64 --------------------------------------------------------- */

static int64_t place(const struct tro_axes *axes, int64_t flat, int64_t *b, int64_t *out)
{
    int64_t a = 0;
    *b = *out = 0;
    for (int i = axes->n - 1; i >= 0; i--) {
        const int64_t index = flat % axes->v[i].size;
        flat /= axes->v[i].size;
        a += index * axes->v[i].a;
        *b += index * axes->v[i].b;
        *out += index * axes->v[i].out;
    }
    return a;
}

static void wrapping(const struct tro_contraction *p, const struct tro_tensor *a,
                     const struct tro_tensor *b, struct tro_tensor *out)
{
    const struct tro_axis *const m = p->m.v, *const n = p->n.v, *const k = p->k.v;
    int64_t n_batch = 1;
    for (int i = 0; i < p->batch.n; i++)
        n_batch *= p->batch.v[i].size;
    for (int64_t t = 0; t < n_batch; t++) {
        int64_t b0, out0;
        const int64_t a0 = place(&p->batch, t, &b0, &out0);
        for (int64_t ij = 0; ij < m->size * n->size; ij++) {
            const int64_t i = ij / n->size, j = ij % n->size;
            uint64_t sum = 0;
            for (int64_t x = 0; x < k->size; x++)
                sum += (uint64_t)tro_load_i64(a->dtype, a->data, a0 + i * m->a + x * k->a) *
                       (uint64_t)tro_load_i64(b->dtype, b->data, b0 + j * n->b + x * k->b);
            tro_store_i64(out->dtype, out->data, out0 + i * m->out + j, (int64_t)sum);
        }
    }
}

int tro_ref_matmul(struct tro_ref_call *c)
{
    struct tro_contraction p;
    if (tro_tensor_n_elems(&c->out[0]) == 0)
        return 0;
    plan(&p, &c->in[0], &c->in[1], &c->out[0]);
    if (tro_dtype_is_int(c->in[0].dtype)) {
        wrapping(&p, &c->in[0], &c->in[1], &c->out[0]);
        return 0;
    }
    TRO_TRY(tro_ref_reals(c, &c->in[0], &p.a));
    TRO_TRY(tro_ref_reals(c, &c->in[1], &p.b));
    return tro_ref_contract(&p, c->err);
}

/* ---- quantized ------------------------------------------------------------------------- */

/*
 * The operand less its zero as float, which 9 bits fill: exact. A zero of more than one element is
 * one for each row (along_rows) or column of the matrices, of all of them or of each:
 * [rows], [.., rows, 1], [cols], [.., 1, cols].
 */
static int less_zero(struct tro_ref_call *c, int i, int i_zero, bool along_rows,
                     struct tro_reals *out)
{
    const struct tro_tensor *const t = &c->in[i], *const zero = &c->in[i_zero];
    const int64_t n = tro_tensor_n_elems(t);
    float *const all = TRO_NEW_N(c->scratch, float, (size_t)n);
    if (!all)
        return tro_fail_nomem(c->err);
    *out = (struct tro_reals){.f = all};
    tro_load_row_f32(t->dtype, t->data, 0, n, all);
    if (zero->dtype == TRO_DTYPE_NONE || n == 0)
        return 0;
    const struct matrices m = along_rows ? left_of(t) : right_of(t);
    const int64_t n_zeros = tro_tensor_n_elems(zero), n_along = along_rows ? m.rows : m.cols;
    for (int64_t e = 0; e < n; e++) {
        const int64_t matrix = e / (m.rows * m.cols), line = along_rows ? e / m.cols : e % m.cols;
        const int64_t at = n_zeros == 1         ? 0
                           : n_zeros == n_along ? line % n_along
                                                : (matrix * n_along + line % n_along) % n_zeros;
        all[e] -= (float)tro_load_i64(zero->dtype, zero->data, at);
    }
    return 0;
}

/* Sums of products of 9-bit integers are exact in double up to a depth of 2^34. */
int tro_ref_matmul_int(struct tro_ref_call *c)
{
    struct tro_contraction p;
    plan(&p, &c->in[0], &c->in[1], &c->out[0]);
    TRO_TRY(less_zero(c, 0, 2, true, &p.a));
    TRO_TRY(less_zero(c, 1, 3, false, &p.b));
    return tro_ref_contract(&p, c->err);
}
