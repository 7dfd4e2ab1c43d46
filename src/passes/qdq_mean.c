/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Means and sums of dequantized tensors are exact sums of integers, scaled once:
 *
 *     Q(reduce_mean(D(x), axes))     requantize(reduce_sum(x, axes) - n * zero)    n elements each
 *     Q(avg_pool(D(x)))              requantize(conv_int(x, 1)), a tap each
 *     reduce_mean(D(x), axes) ..     D of these
 *
 * Of 16 bits they are those of reduce_mean alone. The factor is sx / (n * sy). Windows that do not
 * all have the same number of elements, since padding does not count in them, stay in floating
 * point.
 */
#include "base/dtype.h"
#include "passes/qdq.h"

enum {
    MOST_ELEMS = 1 << 22, /* of a sum of bytes, which is far from the end of 32 bits */
    MOST_WIDE = 1 << 15,  /* of 16 bits */
    MOST_TAPS = 64
};

struct mean {
    tro_node_id id;
    struct tro_node n;
    struct tro_qvalue x;
    int64_t n_each;
    bool is_mean, is_wide;
};

/* ---- which nodes ------------------------------------------------------------------------- */

/* The product of the reduced sizes. */
static bool match_reduce(const struct tro_pass *p, struct mean *m)
{
    const struct tro_attrs_reduce *const a = m->n.attrs;
    const struct tro_shape *const x = &tro_value_get(p->g, m->n.in[0])->shape;
    struct tro_ints axes = {0};
    if ((a->kind != tro_reduction_mean && a->kind != tro_reduction_sum) || x->rank < 0 ||
        (m->n.n_in > 1 && m->n.in[1].i && !tro_pass_ints(p, m->n.in[1], &axes)) ||
        (axes.n == 0 && a->noop_if_empty))
        return false;
    for (int i = 0; i < (axes.n ? axes.n : x->rank); i++) {
        const int axis = axes.n ? (int)axes.v[i] + (axes.v[i] < 0 ? x->rank : 0) : i;
        if (axis < 0 || axis >= x->rank || !tro_dim_is_const(x->dim[axis]) ||
            tro_dim_value(x->dim[axis]) > MOST_ELEMS)
            return false;
        m->n_each *= tro_dim_value(x->dim[axis]);
        if (m->n_each > MOST_ELEMS)
            return false;
    }
    m->is_mean = a->kind == tro_reduction_mean;
    return m->n_each > 0;
}

static bool match_pool(const struct tro_pass *p, struct mean *m)
{
    const struct tro_attrs_pool *const a = m->n.attrs;
    const struct tro_shape *const x = &tro_value_get(p->g, m->n.in[0])->shape;
    if (a->kind != tro_pool_avg || m->n.n_out != 1 || a->auto_pad != tro_auto_pad_explicit ||
        a->ceil_mode || x->rank < 3 || !tro_dim_is_const(x->dim[1]))
        return false;
    for (int i = 0; i < a->pads.n; i++)
        if (a->pads.v[i] != 0 && !a->count_include_pad)
            return false;
    for (int i = 0; i < a->kernel.n; i++) {
        m->n_each *= a->kernel.v[i];
        if (m->n_each > MOST_TAPS)
            return false;
    }
    m->is_mean = true;
    return m->n_each > 0;
}

static bool match(struct tro_pass *p, tro_node_id id, struct mean *m)
{
    *m = (struct mean){.id = id, .n = *tro_node_get(p->g, id), .n_each = 1};
    if ((m->n.op != TRO_OP_REDUCE && m->n.op != TRO_OP_POOL) ||
        !tro_match_dequantize(p, m->n.in[0], &m->x) || !tro_is_per_tensor(p, &m->x) ||
        tro_is_const(p->g, m->x.x))
        return false;
    m->is_wide = tro_value_get(p->g, m->x.x)->dtype == TRO_I16;
    if (!m->is_wide && tro_dtype_size(tro_value_get(p->g, m->x.x)->dtype) != 1)
        return false;
    if (m->n.op == TRO_OP_POOL)
        return !m->is_wide && match_pool(p, m);
    return match_reduce(p, m) && (!m->is_wide || m->n_each <= MOST_WIDE);
}

/* A Q that will come up to here, past moves. */
static bool waits(struct tro_pass *p, tro_value_id v)
{
    struct tro_qvalue q;
    for (int i = 0; i < 8; i++) {
        const tro_node_id user = tro_pass_user(p, v);
        if (user.i == 0)
            return false;
        const struct tro_node *const n = tro_node_get(p->g, user);
        if (tro_match_quantize(p, user, &q))
            return i > 0;
        if (n->op != TRO_OP_RESHAPE && n->op != TRO_OP_SQUEEZE && n->op != TRO_OP_UNSQUEEZE &&
            n->op != TRO_OP_TRANSPOSE)
            return false;
        v = n->out[0];
    }
    return false;
}

/* ---- integers ---------------------------------------------------------------------------- */

static tro_value_id emit_reduce(struct tro_pass *p, const struct mean *m)
{
    struct tro_attrs_reduce a = *(const struct tro_attrs_reduce *)m->n.attrs;
    const tro_value_id in[2] = {m->x.x, m->n.n_in > 1 ? m->n.in[1] : TRO_VALUE_NONE};
    double zero = 0;
    a.kind = tro_reduction_sum;
    a.widens = 1;
    const tro_value_id sum = tro_pass_emit(p, m->id, TRO_OP_REDUCE, &a, in, m->n.n_in);
    if (m->x.zero.i)
        tro_pass_splat(p, m->x.zero, &zero);
    if (zero == 0)
        return sum;
    const tro_value_id less = tro_pass_const_f64(p, TRO_I32, -zero * (double)m->n_each);
    return tro_pass_emit2(p, m->id, TRO_OP_ADD, sum, less);
}

/* Padding is the zero of x, and adds nothing. */
static tro_value_id emit_pool(struct tro_pass *p, const struct mean *m)
{
    const struct tro_attrs_pool *const a = m->n.attrs;
    const int64_t n_channels = tro_dim_value(tro_value_get(p->g, m->x.x)->shape.dim[1]);
    const struct tro_attrs_conv conv = {
        .strides = a->strides, .dilations = a->dilations, .pads = a->pads, .group = n_channels};
    struct tro_tensor w = {.dtype = TRO_I8, .rank = a->kernel.n + 2, .shape = {n_channels, 1}};
    for (int i = 0; i < a->kernel.n; i++)
        w.shape[i + 2] = a->kernel.v[i];
    int8_t *const ones = TRO_NEW_N(&p->g->arena, int8_t, (size_t)(n_channels * m->n_each));
    for (int64_t i = 0; ones && i < n_channels * m->n_each; i++)
        ones[i] = 1;
    w.data = ones;
    if (!ones)
        return TRO_VALUE_NONE;
    const tro_value_id in[3] = {m->x.x, tro_pass_const_kept(p, &w), m->x.zero};
    return tro_pass_emit(p, m->id, TRO_OP_CONV_INT, &conv, in, m->x.zero.i ? 3 : 2);
}

/* sx / n */
static tro_value_id unit_of(struct tro_pass *p, const struct mean *m)
{
    const tro_value_id x = tro_pass_emit_reshape(p, m->id, m->x.scale, NULL, 0);
    return m->is_mean ? tro_pass_emit2(p, m->id, TRO_OP_DIV, x,
                                       tro_pass_const_f64(p, TRO_F32, (double)m->n_each))
                      : x;
}

/* sx / (n * sy) */
static tro_value_id factor_of(struct tro_pass *p, const struct mean *m, const struct tro_qvalue *q)
{
    const tro_value_id x = tro_pass_emit_reshape(p, m->id, m->x.scale, NULL, 0);
    const tro_value_id n = tro_pass_const_f64(p, TRO_F32, m->is_mean ? (double)m->n_each : 1);
    const tro_value_id y = tro_pass_emit_reshape(p, m->id, q->scale, NULL, 0);
    return tro_pass_emit2(p, m->id, TRO_OP_DIV, x, tro_pass_emit2(p, m->id, TRO_OP_MUL, n, y));
}

bool tro_make_int_mean(struct tro_pass *p, tro_node_id id)
{
    struct mean m;
    struct tro_qvalue q;
    if (!match(p, id, &m) || waits(p, m.n.out[0]) || !tro_pass_allows(p, id))
        return false;
    const tro_node_id user = tro_pass_user(p, m.n.out[0]);
    const bool is_quantized = tro_match_quantize(p, user, &q);
    const tro_value_id y = is_quantized ? tro_node_get(p->g, user)->out[0] : m.n.out[0];
    const enum tro_dtype dtype = tro_value_get(p->g, y)->dtype;
    const tro_value_id sum = m.n.op == TRO_OP_REDUCE ? emit_reduce(p, &m) : emit_pool(p, &m);
    if (sum.i == 0)
        return false;
    if (!is_quantized) {
        tro_pass_replace(p, y, tro_pass_emit2(p, id, TRO_OP_DEQUANTIZE, sum, unit_of(p, &m)));
        return true;
    }
    const tro_value_id zero = q.zero.i ? tro_pass_emit_reshape(p, id, q.zero, NULL, 0)
                                       : tro_pass_const_f64(p, dtype, 0);
    const tro_value_id in[3] = {sum, factor_of(p, &m, &q), zero};
    tro_pass_replace(p, y, tro_pass_emit(p, id, TRO_OP_REQUANTIZE, NULL, in, 3));
    return true;
}
