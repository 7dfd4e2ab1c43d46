/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions and matrix products of dequantized operands:
 *
 *     conv(D(x), D(w), b) ─► + t ─► clamp ─► Q        conv_int(x, w) ─► + i32 ─► requantize ─►
 *     clamp
 *     conv(D(x), D(w), b)                             D(conv_int(x, w)) ─► + b
 *     conv_transpose, matmul                          as conv
 *
 * Of transposed convolutions only those whose windows meet without overlapping (kernel as large as
 * stride, no padding, one group), as U-Nets upsample: backends have integer kernels for these. The
 * others stay in floating point and take D(x).
 *
 * The factor of requantize is sx * sw / sy in float32 as in QLinearConv; terms become integers in
 * units of sx * sw. A clamp is one of quantized values, since Q grows with x; what the saturation
 * of Q does anyway is left out.
 */
#include "base/dtype.h"
#include "passes/pass.h"
#include "passes/qdq.h"

#include <math.h>
#include <string.h>

#define MAX_CLAMPS 4

/* What follows the anchor, each used once. */
struct chain {
    tro_value_id terms[2]; /* constants along the channels */
    int n_terms;
    enum tro_op clamps[MAX_CLAMPS]; /* min or max with a constant of one element */
    tro_value_id limits[MAX_CLAMPS];
    int n_clamps;
    tro_node_id quantize; /* none: the result stays in floating point */
    struct tro_qvalue q;
    tro_value_id last;
};

struct anchor {
    tro_node_id id;
    struct tro_node n;
    enum tro_op op; /* of integers */
    struct tro_qvalue x, w;
    int rank, channel_axis;
    tro_value_id bias;
};

/* ---- operands -------------------------------------------------------------------------- */

static bool is_8bit(const struct tro_pass *p, tro_value_id v)
{
    const enum tro_dtype d = tro_value_get(p->g, v)->dtype;
    return d == TRO_I8 || d == TRO_U8;
}

/* Weights are dequantized, then perhaps transposed: the transposed integers. */
static bool match_weights(struct tro_pass *p, tro_node_id before, tro_value_id v,
                          struct tro_qvalue *w)
{
    const struct tro_node *const t = tro_pass_def(p, v, TRO_OP_TRANSPOSE);
    if (!t)
        return tro_match_dequantize(p, v, w) && is_8bit(p, w->x);
    if (!tro_match_dequantize(p, t->in[0], w) || !is_8bit(p, w->x) || !tro_is_const(p->g, w->x))
        return false;
    const int rank = tro_value_get(p->g, w->x)->shape.rank;
    const struct tro_attrs_transpose perm = *(const struct tro_attrs_transpose *)t->attrs;
    tro_value_id *const parts[3] = {&w->x, &w->scale, &w->zero};
    for (int i = 0; i < 3; i++) {
        const int part_rank = parts[i]->i ? tro_value_get(p->g, *parts[i])->shape.rank : 0;
        if (part_rank == rank && rank > 0)
            *parts[i] = tro_pass_emit(p, before, TRO_OP_TRANSPOSE, &perm, parts[i], 1);
        else if (part_rank > 0)
            return false;
    }
    return p->rc == 0;
}

/* One element, or one for each index along the axis of a tensor of this rank. */
static bool is_along(const struct tro_pass *p, tro_value_id v, int axis, int rank)
{
    if (v.i == 0)
        return true;
    const struct tro_shape *const s = &tro_value_get(p->g, v)->shape;
    for (int i = 0; i < s->rank; i++)
        if (i + rank - s->rank != axis && !tro_dim_is(s->dim[i], 1))
            return false;
    return s->rank <= rank && tro_is_const(p->g, v);
}

static bool is_all(const struct tro_ints *v, int64_t value)
{
    for (int i = 0; i < v->n; i++)
        if (v->v[i] != value)
            return false;
    return true;
}

/* Windows of the result meet and do not overlap. */
static bool is_tiling(const struct tro_pass *p, const struct tro_node *n)
{
    const struct tro_attrs_conv_transpose *const a = n->attrs;
    const struct tro_shape *const w = &tro_value_get(p->g, n->in[1])->shape;
    if (a->group != 1 || a->auto_pad != tro_auto_pad_explicit || a->output_shape.n > 0 ||
        !is_all(&a->dilations, 1) || !is_all(&a->pads, 0) || !is_all(&a->output_padding, 0))
        return false;
    for (int i = 0; i < a->strides.n; i++)
        if (!tro_dim_is(w->dim[2 + i], a->strides.v[i]))
            return false;
    return true;
}

/* What becomes of the operator; TRO_N_OPS: nothing. */
static enum tro_op int_op(const struct tro_pass *p, const struct tro_node *n)
{
    switch (n->op) {
    case TRO_OP_CONV:
        return TRO_OP_CONV_INT;
    case TRO_OP_CONV_TRANSPOSE:
        return is_tiling(p, n) ? TRO_OP_CONV_TRANSPOSE_INT : TRO_N_OPS;
    case TRO_OP_MATMUL:
        return TRO_OP_MATMUL_INT;
    default:
        return TRO_N_OPS;
    }
}

static bool match_anchor(struct tro_pass *p, tro_node_id id, struct anchor *a)
{
    a->id = id;
    a->n = *tro_node_get(p->g, id);
    a->op = int_op(p, &a->n);
    if (a->op == TRO_N_OPS || a->n.n_in < 2)
        return false;
    a->rank = tro_value_get(p->g, a->n.out[0])->shape.rank;
    if (!tro_match_dequantize(p, a->n.in[0], &a->x) || !is_8bit(p, a->x.x) ||
        !tro_is_per_tensor(p, &a->x) || a->rank < 2 || !match_weights(p, id, a->n.in[1], &a->w))
        return false;
    const int w_rank = tro_value_get(p->g, a->w.x)->shape.rank;
    const bool is_conv = a->op != TRO_OP_MATMUL_INT;
    const int axis = !is_conv ? w_rank - 1 : a->op == TRO_OP_CONV_TRANSPOSE_INT ? 1 : 0;
    a->channel_axis = is_conv ? 1 : a->rank - 1;
    a->bias = is_conv && a->n.n_in > 2 ? a->n.in[2] : TRO_VALUE_NONE;
    return is_along(p, a->w.scale, axis, w_rank) && is_along(p, a->w.zero, axis, w_rank) &&
           w_rank >= 2;
}

/* ---- what follows ---------------------------------------------------------------------- */

static tro_value_id other_operand(const struct tro_node *n, tro_value_id v)
{
    return tro_value_eq(n->in[0], v) ? n->in[1] : n->in[0];
}

/* The bias is a constant, or dequantized from one. */
static bool is_term(const struct tro_pass *p, tro_value_id v, int axis, int rank)
{
    struct tro_qvalue q;
    if (tro_match_dequantize(p, v, &q))
        return is_along(p, q.x, axis, rank) && is_along(p, q.scale, axis, rank);
    return is_along(p, v, axis, rank);
}

static bool follow(struct tro_pass *p, const struct anchor *a, tro_node_id id, struct chain *c)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (n->n_in != 2 || n->n_out != 1 || !tro_pass_is_same_shape(p, c->last, n->out[0]))
        return false;
    const tro_value_id other = other_operand(n, c->last);
    if (n->op == TRO_OP_ADD && c->n_clamps == 0 && c->n_terms < 2 &&
        is_term(p, other, a->channel_axis, a->rank)) {
        c->terms[c->n_terms++] = other;
    } else if ((n->op == TRO_OP_MAX || n->op == TRO_OP_MIN) && c->n_clamps < MAX_CLAMPS &&
               tro_is_const(p->g, other) && tro_value_max_elems(p->g, other) == 1) {
        c->clamps[c->n_clamps] = n->op;
        c->limits[c->n_clamps++] = other;
    } else {
        return false;
    }
    c->last = n->out[0];
    return true;
}

/* What ends the chain. Limits in 16 bits would be steps of their own. */
static bool is_end(const struct tro_pass *p, tro_node_id user, struct chain *c)
{
    return c->n_clamps ? tro_match_quantize(p, user, &c->q)
                       : tro_match_quantize_wide(p, user, &c->q);
}

static void match_chain(struct tro_pass *p, const struct anchor *a, struct chain *c)
{
    *c = (struct chain){.last = a->n.out[0]};
    while (true) {
        const tro_node_id user = tro_pass_user(p, c->last);
        if (is_end(p, user, c)) {
            c->quantize = user;
            c->last = tro_node_get(p->g, user)->out[0];
            return;
        }
        if (user.i == 0 || !follow(p, a, user, c))
            return;
    }
}

/* ---- integers -------------------------------------------------------------------------- */

/* A constant in the weights' axes as one that broadcasts against the result. */
static tro_value_id along_result(struct tro_pass *p, const struct anchor *a, tro_value_id v)
{
    const int64_t n = tro_value_max_elems(p->g, v);
    tro_dim dims[TRO_MAX_RANK] = {tro_dim_const(n)};
    const int rank = n == 1 ? 0 : a->rank - a->channel_axis;
    for (int i = 1; i < rank; i++)
        dims[i] = tro_dim_const(1);
    return tro_pass_emit_reshape(p, a->id, v, dims, rank);
}

static tro_value_id float_term(struct tro_pass *p, const struct anchor *a, tro_value_id v)
{
    const struct tro_node *const d = tro_pass_def(p, v, TRO_OP_DEQUANTIZE);
    if (d)
        v = tro_pass_emit(p, a->id, TRO_OP_DEQUANTIZE, NULL, d->in, d->n_in);
    return p->rc < 0 ? v : along_result(p, a, v);
}

static tro_value_id emit_anchor(struct tro_pass *p, const struct anchor *a)
{
    tro_value_id zero = a->w.zero;
    if (zero.i) {
        const tro_dim n = tro_dim_const(tro_value_max_elems(p->g, zero));
        zero = tro_pass_emit_reshape(p, a->id, zero, &n, tro_dim_is(n, 1) ? 0 : 1);
    }
    const tro_value_id in[4] = {a->x.x, a->w.x, a->x.zero, zero};
    return tro_pass_emit(p, a->id, a->op, a->n.attrs, in, 4);
}

/* round(v / unit) as i32; none when one does not fit, so that sums cannot overflow unnoticed. */
static tro_value_id int_term(struct tro_pass *p, const struct anchor *a, tro_value_id v,
                             tro_value_id unit)
{
    const struct tro_attrs_cast to = {.to = TRO_I32};
    const tro_value_id quotient = tro_pass_emit2(p, a->id, TRO_OP_DIV, v, unit);
    const tro_value_id rounded = tro_pass_emit1(p, a->id, TRO_OP_ROUND, quotient);
    if (p->rc < 0)
        return rounded;
    const struct tro_tensor t = tro_const_tensor(p->g, rounded);
    const int64_t n = tro_tensor_n_elems(&t);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(tro_load_f64(t.dtype, t.data, i)) < 0x1p30))
            return TRO_VALUE_NONE;
    return tro_pass_emit(p, a->id, TRO_OP_CAST, &to, &rounded, 1);
}

/* Clamps between quantized constants that the type does not do by itself. */
static tro_value_id emit_clamps(struct tro_pass *p, const struct anchor *a, const struct chain *c,
                                tro_value_id y)
{
    const struct tro_node quantize = *tro_node_get(p->g, c->quantize);
    for (int i = 0; i < c->n_clamps && p->rc == 0; i++) {
        tro_value_id in[3] = {c->limits[i]};
        for (uint32_t k = 1; k < quantize.n_in; k++)
            in[k] = quantize.in[k];
        in[0] = tro_pass_emit_reshape(p, a->id, in[0], NULL, 0);
        const tro_value_id limit = tro_pass_emit(p, a->id, TRO_OP_QUANTIZE, quantize.attrs, in,
                                                 quantize.n_in);
        double v;
        const enum tro_dtype d = tro_value_get(p->g, y)->dtype;
        if (p->rc == 0 && tro_pass_splat(p, limit, &v) &&
            v != (double)(c->clamps[i] == TRO_OP_MAX ? tro_dtype_min(d) : tro_dtype_max(d)))
            y = tro_pass_emit2(p, a->id, c->clamps[i], y, limit);
    }
    return y;
}

static bool make_requantized(struct tro_pass *p, const struct anchor *a, const struct chain *c)
{
    const tro_value_id unit = tro_pass_emit2(p, a->id, TRO_OP_MUL, a->x.scale,
                                             along_result(p, a, a->w.scale));
    tro_value_id terms[3] = {{0}};
    int n_terms = 0;
    for (int i = 0; i < c->n_terms; i++)
        terms[n_terms++] = int_term(p, a, float_term(p, a, c->terms[i]), unit);
    if (a->bias.i)
        terms[n_terms++] = int_term(p, a, float_term(p, a, a->bias), unit);
    for (int i = 0; i < n_terms; i++)
        if (terms[i].i == 0)
            return false;
    tro_value_id y = emit_anchor(p, a);
    for (int i = 0; i < n_terms; i++)
        y = tro_pass_emit2(p, a->id, TRO_OP_ADD, y, terms[i]);
    const tro_value_id zero = c->q.zero.i
                                  ? c->q.zero
                                  : tro_pass_const_f64(p, tro_value_get(p->g, c->last)->dtype, 0);
    const tro_value_id in[3] = {y, tro_pass_emit2(p, a->id, TRO_OP_DIV, unit, c->q.scale), zero};
    y = tro_pass_emit(p, a->id, TRO_OP_REQUANTIZE, NULL, in, 3);
    tro_pass_replace(p, c->last, emit_clamps(p, a, c, y));
    return true;
}

/* The terms that follow stay as they are. */
static void make_dequantized(struct tro_pass *p, const struct anchor *a)
{
    const tro_value_id unit = tro_pass_emit2(p, a->id, TRO_OP_MUL, a->x.scale,
                                             along_result(p, a, a->w.scale));
    tro_value_id y = tro_pass_emit2(p, a->id, TRO_OP_DEQUANTIZE, emit_anchor(p, a), unit);
    if (a->bias.i)
        y = tro_pass_emit2(p, a->id, TRO_OP_ADD, y, float_term(p, a, a->bias));
    tro_pass_replace(p, a->n.out[0], y);
}

bool tro_make_int_anchor(struct tro_pass *p, tro_node_id id)
{
    struct anchor a;
    struct chain c;
    if (!match_anchor(p, id, &a) || (a.bias.i && !is_term(p, a.bias, 0, 1)) ||
        !tro_pass_allows(p, id))
        return false;
    match_chain(p, &a, &c);
    if (c.quantize.i == 0 || !make_requantized(p, &a, &c))
        make_dequantized(p, &a);
    return true;
}
