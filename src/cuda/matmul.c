/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul (cuda/gemm.h). Products that share B are one product of more rows; others are a batch. A
 * constant B is packed once for the plan; another is read where it lies, by rows or by columns, or
 * from a copy whose rows are padded.
 */
#include "cuda/cuda.h"
#include "cuda/gemm.h"

#include "base/err.h"

struct matmul {
    struct tro_tensor a, b, y;
    int64_t m, n, k, padded; /* of one product */
    bool is_one;             /* one B for all */
    struct tro_gemm g;
};

static bool find_sizes(struct tro_lowering *l, const struct tro_lower_node *n, struct matmul *m)
{
    if (!tro_lower_type(l, n->node->in[0], &m->a) || !tro_lower_type(l, n->node->in[1], &m->b) ||
        !tro_lower_type(l, n->node->out[0], &m->y))
        return false;
    if (!tro_gemm_math_of(l, m->a.dtype, &m->g.math) || m->a.rank < 2 || m->b.rank < 2)
        return false;
    const int chunk = tro_gemm_chunk(m->g.math);
    m->m = m->a.shape[m->a.rank - 2];
    m->k = m->a.shape[m->a.rank - 1];
    m->n = m->b.shape[m->b.rank - 1];
    m->padded = (m->k + chunk - 1) / chunk * chunk;
    m->is_one = true;
    for (int i = 0; i < m->b.rank - 2; i++)
        m->is_one = m->is_one && m->b.shape[i] == 1;
    return m->k > 0 && tro_tensor_n_elems(&m->y) > 0 && tro_tensor_n_elems(&m->y) < INT32_MAX &&
           tro_tensor_n_elems(&m->b) < INT32_MAX / 2;
}

/* ---- operands ----------------------------------------------------------------------------- */

static bool is_readable(const struct matmul *m, const struct tro_arg *a, int unit)
{
    return a->dtype == tro_gemm_dtype(m->g.math) && m->padded == m->k &&
           tro_gemm_is_aligned(a, unit, tro_gemm_chunk(m->g.math));
}

static int take_a(struct tro_lowering *l, const struct tro_lower_node *n, struct matmul *m)
{
    struct tro_arg *const a = &m->g.a;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, a));
    if (!is_readable(m, a, a->rank - 1) && m->padded == m->k)
        TRO_TRY(tro_lower_in_as(l, n->node->in[0], TRO_FORM_ROWS, tro_gemm_dtype(m->g.math), a));
    if (is_readable(m, a, a->rank - 1))
        return tro_gemm_is_small(a);
    const struct tro_arg from = *a;
    int axes[TRO_MAX_RANK];
    for (int i = 0; i < from.rank; i++)
        axes[i] = i;
    const int rc = tro_gemm_pad(l, n, m->g.math, &from, axes, a);
    return rc <= 0 ? rc : tro_gemm_is_small(a);
}

/* B as products of [n][k]: the strides of its axes, in the packed or padded copy. */
static void set_packed_strides(struct matmul *m, struct tro_arg *b)
{
    int64_t stride = m->n * m->padded;
    b->rank = m->b.rank;
    for (int i = b->rank - 3; i >= 0; i--) {
        b->shape[i] = m->b.shape[i];
        b->stride[i] = stride;
        stride *= b->shape[i];
    }
    b->shape[b->rank - 2] = m->padded;
    b->stride[b->rank - 2] = 1;
    b->shape[b->rank - 1] = m->n;
    b->stride[b->rank - 1] = m->padded;
}

static int pack_b(struct tro_lowering *l, const struct tro_lower_node *n, struct matmul *m)
{
    const int64_t n_rows = tro_tensor_n_elems(&m->b) / m->k;
    const struct tro_gemm_pack pack = {.math = m->g.math,
                                       .n_rows = n_rows,
                                       .k = m->padded,
                                       .n_inner = m->n,
                                       .row = {m->k * m->n, 1},
                                       .n_taps = 1,
                                       .n_channels = m->k,
                                       .channels = m->padded,
                                       .block = m->padded,
                                       .channel = m->n};
    m->g.is_b_const = true;
    struct tro_arg *const b = &m->g.b;
    TRO_TRY(tro_gemm_pack_rows(l, n->node->in[1], &pack, b));
    set_packed_strides(m, b);
    b->dtype = tro_gemm_dtype(m->g.math);
    return 1;
}

static int pad_b(struct tro_lowering *l, const struct tro_lower_node *n, struct matmul *m)
{
    struct tro_arg *const b = &m->g.b;
    const struct tro_arg from = *b;
    int axes[TRO_MAX_RANK];
    for (int i = 0; i < from.rank - 2; i++)
        axes[i] = i;
    axes[from.rank - 2] = from.rank - 1;
    axes[from.rank - 1] = from.rank - 2;
    return tro_gemm_pad(l, n, m->g.math, &from, axes, b);
}

static int take_b(struct tro_lowering *l, const struct tro_lower_node *n, struct matmul *m)
{
    struct tro_tensor w;
    struct tro_arg *const b = &m->g.b;
    if (tro_lower_const(l, n->node->in[1], &w))
        return pack_b(l, n, m);
    TRO_TRY(tro_lower_in(l, n->node->in[1], TRO_FORM_ANY, b));
    const int chunk = tro_gemm_chunk(m->g.math);
    if (is_readable(m, b, b->rank - 2))
        return tro_gemm_is_small(b);
    /* Elements of 32 bits cannot be turned while they are read by the tensor cores. */
    m->g.is_b_trans = is_readable(m, b, b->rank - 1) && m->n % chunk == 0 &&
                      m->g.math != TRO_GEMM_TF32;
    if (m->g.is_b_trans)
        return tro_gemm_is_small(b);
    const int rc = pad_b(l, n, m);
    return rc <= 0 ? rc : tro_gemm_is_small(b);
}

/* ---- geometry ----------------------------------------------------------------------------- */

/* Stride of an operand along axis i of the result's, 0 where it is repeated. */
static int64_t stride_of(const struct tro_arg *a, int rank, int i)
{
    const int at = i - (rank - a->rank);
    return at < 0 || a->shape[at] == 1 ? 0 : a->stride[at];
}

static bool set_rows(struct matmul *m, struct tro_gemm_axis *axis, int n)
{
    struct tro_gemm *const g = &m->g;
    n = tro_gemm_merge(axis, n);
    g->row_axes = n;
    for (int i = 0; i < n && n <= TRO_GEMM_ROW_AXES; i++) {
        g->p.row_size[TRO_GEMM_ROW_AXES - n + i] = tro_div_make(axis[i].size);
        g->p.row_stride[TRO_GEMM_ROW_AXES - n + i] = (int32_t)axis[i].a;
    }
    return n <= TRO_GEMM_ROW_AXES;
}

static bool set_batch(struct matmul *m, struct tro_gemm_axis *axis, int n)
{
    struct tro_gemm_params *const p = &m->g.p;
    n = tro_gemm_merge(axis, n);
    if (n > 2)
        return false;
    const struct tro_gemm_axis none = {1, 0, 0}, *const inner = &axis[n - 1],
                               *const outer = n > 1 ? &axis[0] : &none;
    m->g.n_z = inner->size * outer->size;
    p->z = tro_div_make(inner->size);
    p->a_z[0] = (int32_t)outer->a;
    p->a_z[1] = (int32_t)inner->a;
    p->b_z[0] = (int32_t)outer->b;
    p->b_z[1] = (int32_t)inner->b;
    return true;
}

static bool set_geometry(struct matmul *m)
{
    struct tro_gemm *const g = &m->g;
    const int rank = m->y.rank;
    struct tro_gemm_axis axis[TRO_MAX_RANK];
    for (int i = 0; i < rank - 1; i++)
        axis[i] = (struct tro_gemm_axis){m->y.shape[i], stride_of(&g->a, rank, i),
                                         i < rank - 2 ? stride_of(&g->b, rank, i) : 0};
    g->p.n = (uint32_t)m->n;
    g->p.k = (uint32_t)m->padded;
    g->p.b_rows = (uint32_t)m->k;
    g->p.b_pitch = (uint32_t)(g->is_b_trans ? g->b.stride[g->b.rank - 2]
                                            : g->b.stride[g->b.rank - 1]);
    if (m->is_one) {
        const int64_t n_rows = tro_tensor_n_elems(&m->y) / m->n;
        g->p.m = (uint32_t)n_rows;
        g->n_z = 1;
        g->p.z = tro_div_make(1);
        return set_rows(m, axis, rank - 1);
    }
    g->p.m = g->p.row_z = (uint32_t)m->m;
    struct tro_gemm_axis row = axis[rank - 2];
    return set_rows(m, &row, 1) && set_batch(m, axis, rank - 2);
}

int tro_cuda_emit_matmul(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct matmul m = {0};
    struct tro_point *point;
    int axes[TRO_MAX_RANK];
    if (!find_sizes(l, n, &m))
        return 0;
    for (int i = 0; i < m.y.rank; i++)
        axes[i] = i;
    int rc = take_a(l, n, &m);
    if (rc > 0)
        rc = take_b(l, n, &m);
    if (rc <= 0 || !set_geometry(&m))
        return rc < 0 ? rc : 0;
    rc = tro_point_compile(l, n, TRO_F32, axes, m.y.rank, TRO_FORM_ROWS, &point);
    if (rc <= 0)
        return rc;
    const double macs = (double)tro_tensor_n_elems(&m.y) * (double)m.k;
    return tro_gemm_emit(l, n, &m.g, point, 2 * macs);
}
