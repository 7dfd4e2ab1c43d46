/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Factors and terms for each channel around convolutions, matrix products and cameras:
 *
 *     conv(x, w, b) * s + t    =  conv(x, w * s, b * s + t)       s, t by output channel
 *     conv(x * s + t, w, b)    =  conv(x, w * s, b + sum w * t)   s, t by input channel; t only
 *                                                                 without padding
 *     matmul(x, w) * s         =  matmul(x, w * s)
 *     camera(x, a, b) * s + t  =  camera(x, a * s, b * s + t)     what a network normalizes itself
 *
 * Weights are seen as [groups, output channels of one, input channels of one, rest]; those of
 * transposed convolutions have the middle two the other way around.
 */
#include "base/dtype.h"
#include "base/err.h"
#include "passes/pass.h"

#include <math.h>

/* y = x * scale + shift; each none, or a constant. */
struct affine {
    tro_value_id x, scale, shift;
};

struct conv {
    tro_node_id id;
    enum tro_op op;
    const void *attrs;
    tro_value_id x, w, b;
    tro_dim n_groups, n_out, n_in; /* of one group */
    bool is_padded;
};

/* ---- what stands in the graph ---------------------------------------------------------- */

static bool is_finite(const struct tro_pass *p, tro_value_id v)
{
    const struct tro_tensor t = tro_const_tensor(p->g, v);
    const int64_t n = tro_tensor_n_elems(&t);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(tro_load_f64(t.dtype, t.data, i)))
            return false;
    return true;
}

/* One element, or one for each index of the axis of a tensor of this rank. */
static bool is_along(const struct tro_pass *p, tro_value_id v, int axis, int rank)
{
    const struct tro_shape *const s = &tro_value_get(p->g, v)->shape;
    for (int i = 0; i < s->rank; i++)
        if (i + rank - s->rank != axis && !tro_dim_is(s->dim[i], 1))
            return false;
    return s->rank <= rank && is_finite(p, v);
}

static bool is_number(const struct tro_pass *p, tro_value_id v)
{
    const enum tro_dtype d = tro_value_get(p->g, v)->dtype;
    return d == TRO_F32 || d == TRO_F64;
}

/* The constant operand of a node of two, or of none; x is the other one. */
static tro_value_id const_operand(const struct tro_pass *p, const struct tro_node *n,
                                  tro_value_id *x)
{
    if (n->n_in != 2 || tro_is_const(p->g, n->in[0]) == tro_is_const(p->g, n->in[1]))
        return TRO_VALUE_NONE;
    const int k = tro_is_const(p->g, n->in[1]);
    *x = n->in[1 - k];
    return n->in[k];
}

static bool is_affine(const struct tro_node *n, bool is_const_first)
{
    return n->op == TRO_OP_ADD || n->op == TRO_OP_SUB || n->op == TRO_OP_MUL ||
           (n->op == TRO_OP_DIV && !is_const_first);
}

/* The node as x * scale + shift along an axis; makes no node yet: *c is the constant. */
static bool match_affine(const struct tro_pass *p, const struct tro_node *n, int axis,
                         tro_value_id *x, tro_value_id *c)
{
    *c = const_operand(p, n, x);
    if (c->i == 0 || !is_number(p, *x) || !is_affine(n, tro_value_eq(*c, n->in[0])) ||
        !tro_pass_is_same_shape(p, *x, n->out[0]))
        return false;
    const int rank = tro_value_get(p->g, *x)->shape.rank;
    return is_along(p, *c, axis < 0 ? axis + rank : axis, rank);
}

static struct affine make_affine(struct tro_pass *p, tro_node_id id, tro_value_id x, tro_value_id c)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const enum tro_op op = n->op;
    const bool is_const_first = tro_value_eq(n->in[0], c);
    const enum tro_dtype dtype = tro_value_get(p->g, x)->dtype;
    struct affine a = {.x = x};
    if (op == TRO_OP_MUL)
        a.scale = c;
    if (op == TRO_OP_DIV)
        a.scale = tro_pass_emit2(p, id, TRO_OP_DIV, tro_pass_const_f64(p, dtype, 1), c);
    if (op == TRO_OP_ADD || is_const_first)
        a.shift = op == TRO_OP_MUL ? TRO_VALUE_NONE : c;
    if (op == TRO_OP_SUB && is_const_first)
        a.scale = tro_pass_const_f64(p, dtype, -1);
    if (op == TRO_OP_SUB && !is_const_first)
        a.shift = tro_pass_emit1(p, id, TRO_OP_NEG, c);
    return a;
}

/* A convolution with constant weights of known sizes, whose weights are its own. */
static bool match_conv(struct tro_pass *p, tro_node_id id, struct conv *c)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const bool is_transpose = n->op == TRO_OP_CONV_TRANSPOSE;
    if ((n->op != TRO_OP_CONV && !is_transpose) || !tro_is_const(p->g, n->in[1]) ||
        (n->n_in > 2 && !tro_is_const(p->g, n->in[2])) || tro_pass_n_uses(p, n->in[1]) != 1)
        return false;
    const struct tro_shape *const w = &tro_value_get(p->g, n->in[1])->shape;
    const struct tro_attrs_conv *const conv = n->attrs;
    const struct tro_attrs_conv_transpose *const transpose = n->attrs;
    const int64_t n_groups = is_transpose ? transpose->group : conv->group;
    const struct tro_ints *const pads = is_transpose ? &transpose->pads : &conv->pads;
    *c = (struct conv){.id = id, .op = n->op, .attrs = n->attrs, .x = n->in[0], .w = n->in[1]};
    c->b = n->n_in > 2 ? n->in[2] : TRO_VALUE_NONE;
    c->n_groups = tro_dim_const(n_groups);
    const tro_dim each = tro_dim_const(tro_dim_value(w->dim[0]) / n_groups);
    c->n_out = is_transpose ? w->dim[1] : each;
    c->n_in = is_transpose ? each : w->dim[1];
    c->is_padded = is_transpose || conv->auto_pad != tro_auto_pad_explicit;
    for (int i = 0; i < pads->n; i++)
        c->is_padded = c->is_padded || pads->v[i] != 0;
    return is_number(p, c->w);
}

/* ---- new weights ----------------------------------------------------------------------- */

/* The constant as [groups, 1, in, 1], for the weights of a convolution. */
static tro_value_id for_weights(struct tro_pass *p, const struct conv *c, tro_value_id v)
{
    const tro_dim one = tro_dim_const(1);
    const bool is_one = tro_value_max_elems(p->g, v) == 1;
    const tro_dim dims[4] = {is_one ? one : c->n_groups, one, is_one ? one : c->n_in, one};
    return tro_pass_emit_reshape(p, c->id, v, dims, 4);
}

static tro_value_id grouped_weights(struct tro_pass *p, const struct conv *c)
{
    const struct tro_shape s = tro_value_get(p->g, c->w)->shape;
    tro_dim rest = tro_dim_const(1);
    for (int i = 2; i < s.rank; i++)
        rest = tro_dim_mul(&p->g->dims, rest, s.dim[i]);
    const tro_dim dims[4] = {c->n_groups, c->n_out, c->n_in, rest};
    return tro_pass_emit_reshape(p, c->id, c->w, dims, 4);
}

/* Weights have millions of elements: one loop, not the reference's. */
static void scale_plane(enum tro_dtype dtype, const void *w, void *out, int64_t first, int64_t n,
                        double scale)
{
    const float f = (float)scale;
    for (int64_t i = first; i < first + n; i++)
        if (dtype == TRO_F32)
            ((float *)out)[i] = ((const float *)w)[i] * f;
        else
            ((double *)out)[i] = ((const double *)w)[i] * scale;
}

static tro_value_id scaled_weights(struct tro_pass *p, const struct conv *c, tro_value_id scale,
                                   bool is_output)
{
    struct tro_tensor w = tro_const_tensor(p->g, c->w);
    const struct tro_tensor s = tro_const_tensor(p->g, scale);
    const int64_t n_scales = tro_tensor_n_elems(&s),
                  size = tro_dim_value(is_output ? c->n_out : c->n_in);
    const int64_t n_planes = w.shape[0] * w.shape[1],
                  n_each = n_planes ? tro_tensor_n_elems(&w) / n_planes : 0;
    const int64_t n_second = w.shape[1], n_first = w.shape[0] / tro_dim_value(c->n_groups);
    const bool is_first = is_output == (c->op == TRO_OP_CONV);
    void *const data = tro_arena_alloc64(&p->g->arena, tro_tensor_n_bytes(&w));
    if (p->rc < 0 || !data) {
        p->rc = p->rc < 0 ? p->rc : tro_fail_nomem(p->err);
        return TRO_VALUE_NONE;
    }
    for (int64_t i = 0; i < n_planes; i++) {
        const int64_t group = i / n_second / n_first;
        const int64_t at = group * size + (is_first ? i / n_second % n_first : i % n_second);
        scale_plane(w.dtype, w.data, data, i * n_each, n_each,
                    tro_load_f64(s.dtype, s.data, n_scales == 1 ? 0 : at));
    }
    w.data = data;
    return tro_pass_const_kept(p, &w);
}

/* One element for each output channel. */
static tro_value_id for_bias(struct tro_pass *p, const struct conv *c, tro_value_id v)
{
    const int64_t n_out = tro_dim_value(c->n_groups) * tro_dim_value(c->n_out);
    const tro_dim n = tro_dim_const(tro_value_max_elems(p->g, v));
    const tro_value_id flat = tro_pass_emit_reshape(p, c->id, v, &n, 1);
    return tro_pass_emit2(p, c->id, TRO_OP_EXPAND, flat, tro_pass_const_ints(p, &n_out, 1));
}

static tro_value_id sum_of_shift(struct tro_pass *p, const struct conv *c, tro_value_id shift)
{
    const struct tro_attrs_reduce sum = {.kind = tro_reduction_sum, .drop_dims = 1};
    const int64_t axes[2] = {2, 3};
    const tro_value_id in[2] = {
        tro_pass_emit2(p, c->id, TRO_OP_MUL, grouped_weights(p, c), for_weights(p, c, shift)),
        tro_pass_const_ints(p, axes, 2)};
    const tro_value_id by_channel = tro_pass_emit(p, c->id, TRO_OP_REDUCE, &sum, in, 2);
    const tro_dim n = tro_dim_mul(&p->g->dims, c->n_groups, c->n_out);
    return tro_pass_emit_reshape(p, c->id, by_channel, &n, 1);
}

static void replace_conv(struct tro_pass *p, const struct conv *c, tro_value_id old, tro_value_id x,
                         tro_value_id w, tro_value_id b)
{
    const tro_value_id in[3] = {x, w, b};
    tro_pass_replace(p, old, tro_pass_emit(p, c->id, c->op, c->attrs, in, b.i ? 3 : 2));
}

/* ---- the rules ------------------------------------------------------------------------- */

static bool fold_after(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const tro_value_id y = n->out[0];
    tro_value_id x, k;
    struct conv c;
    if (!match_affine(p, n, 1, &x, &k) || tro_pass_n_uses(p, x) != 1 ||
        tro_value_get(p->g, x)->def.i == 0 || !match_conv(p, tro_value_get(p->g, x)->def, &c) ||
        !tro_pass_may_replace(p, y, x) || !tro_pass_allows(p, id))
        return false;
    const struct affine a = make_affine(p, id, x, k);
    tro_value_id b = c.b;
    if (a.scale.i && b.i)
        b = tro_pass_emit2(p, c.id, TRO_OP_MUL, b, for_bias(p, &c, a.scale));
    if (a.shift.i)
        b = b.i ? tro_pass_emit2(p, c.id, TRO_OP_ADD, b, for_bias(p, &c, a.shift))
                : for_bias(p, &c, a.shift);
    replace_conv(p, &c, y, c.x, a.scale.i ? scaled_weights(p, &c, a.scale, true) : c.w, b);
    return true;
}

static bool fold_before(struct tro_pass *p, tro_node_id id)
{
    struct conv c;
    tro_value_id x, k;
    if (!match_conv(p, id, &c) || tro_pass_n_uses(p, c.x) != 1 ||
        tro_value_get(p->g, c.x)->def.i == 0)
        return false;
    const tro_node_id before = tro_value_get(p->g, c.x)->def;
    const struct tro_node *const n = tro_node_get(p->g, before);
    if (!match_affine(p, n, 1, &x, &k) ||
        (c.is_padded && n->op != TRO_OP_MUL && n->op != TRO_OP_DIV) || !tro_pass_allows(p, id))
        return false;
    const struct affine a = make_affine(p, before, x, k);
    const tro_value_id y = tro_node_get(p->g, id)->out[0];
    tro_value_id b = c.b;
    if (a.shift.i) {
        const tro_value_id sum = sum_of_shift(p, &c, a.shift);
        b = b.i ? tro_pass_emit2(p, id, TRO_OP_ADD, b, sum) : sum;
    }
    replace_conv(p, &c, y, x, a.scale.i ? scaled_weights(p, &c, a.scale, false) : c.w, b);
    return true;
}

/* matmul(x, w) * s, and (matmul(x, w) + b) * s, s along the last axis. */
static bool fold_matmul(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const enum tro_op op = n->op;
    const tro_value_id y = n->out[0];
    tro_value_id x, k, inner = TRO_VALUE_NONE, term = TRO_VALUE_NONE;
    if ((op != TRO_OP_MUL && op != TRO_OP_DIV) || !match_affine(p, n, -1, &x, &k) ||
        tro_pass_n_uses(p, x) != 1)
        return false;
    const struct tro_node *const add = tro_pass_def(p, x, TRO_OP_ADD);
    const bool has_term = add && match_affine(p, add, -1, &inner, &term) &&
                          tro_pass_n_uses(p, inner) == 1;
    x = has_term ? inner : x;
    const struct tro_node *const product = tro_pass_def(p, x, TRO_OP_MATMUL);
    if (!product || !tro_is_const(p->g, product->in[1]) ||
        tro_value_get(p->g, product->in[1])->shape.rank != 2 ||
        tro_pass_n_uses(p, product->in[1]) != 1 || !tro_pass_may_replace(p, y, x) ||
        !tro_pass_allows(p, id))
        return false;
    const tro_dim size = tro_dim_const(tro_value_max_elems(p->g, k));
    const tro_value_id a = product->in[0], w = product->in[1];
    const tro_value_id s = tro_pass_emit_reshape(p, id, k, &size, 1);
    tro_value_id z = tro_pass_emit2(p, id, TRO_OP_MATMUL, a, tro_pass_emit2(p, id, op, w, s));
    if (has_term)
        z = tro_pass_emit2(p, id, TRO_OP_ADD, z, tro_pass_emit2(p, id, op, term, k));
    tro_pass_replace(p, y, z);
    return true;
}

static tro_value_id for_channels(struct tro_pass *p, tro_node_id before, tro_value_id v, int64_t n)
{
    const tro_dim size = tro_dim_const(tro_value_max_elems(p->g, v));
    const tro_value_id flat = tro_pass_emit_reshape(p, before, v, &size, 1);
    return tro_pass_emit2(p, before, TRO_OP_EXPAND, flat, tro_pass_const_ints(p, &n, 1));
}

static bool fold_camera(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const tro_value_id y = n->out[0];
    tro_value_id x, k;
    if (!match_affine(p, n, 1, &x, &k) || tro_pass_n_uses(p, x) != 1)
        return false;
    const struct tro_node *const camera = tro_pass_def(p, x, TRO_OP_CAMERA);
    if (!camera || !tro_is_const(p->g, camera->in[1]) || !tro_is_const(p->g, camera->in[2]) ||
        !tro_pass_may_replace(p, y, x) || !tro_pass_allows(p, id))
        return false;
    const void *const attrs = camera->attrs;
    const int64_t n_channels = tro_value_max_elems(p->g, camera->in[1]);
    tro_value_id in[3] = {camera->in[0], camera->in[1], camera->in[2]};
    const struct affine a = make_affine(p, id, x, k);
    if (a.scale.i) {
        const tro_value_id scale = for_channels(p, id, a.scale, n_channels);
        in[1] = tro_pass_emit2(p, id, TRO_OP_MUL, in[1], scale);
        in[2] = tro_pass_emit2(p, id, TRO_OP_MUL, in[2], scale);
    }
    if (a.shift.i)
        in[2] = tro_pass_emit2(p, id, TRO_OP_ADD, in[2], for_channels(p, id, a.shift, n_channels));
    tro_pass_replace(p, y, tro_pass_emit(p, id, TRO_OP_CAMERA, attrs, in, 3));
    return true;
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    if (tro_node_get(p->g, id)->n_out != 1)
        return;
    if (!fold_after(p, id) && !fold_before(p, id) && !fold_matmul(p, id))
        fold_camera(p, id);
}

int tro_pass_conv_norm(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
