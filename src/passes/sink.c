/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves go behind what works on each element, so that it stands beside the anchor that makes the
 * elements, and so that moves meet, compose and vanish:
 *
 *     f(transpose(x), c, transpose(y))     transpose(f(x, c', y))     one permutation
 *     f(reshape(x), c)                     reshape(f(x, c'))          c of one element or along a
 *                                                                     last axis that stays, or the
 *                                                                     reshape only adds and drops
 *                                                                     axes of size 1
 *     reduce(transpose(x))                 transpose'(reduce(x))
 *     concat(transpose(x), transpose(y))   transpose(concat(x, y))
 *     matmul(x * c, y)                     matmul(x, y) * c           c of one element
 *     f(expand(x), y)                      f(x, y)                    where y has the whole shape
 */
#include "passes/pass.h"

#include <string.h>

static bool is_pointwise(const struct tro_node *n)
{
    return tro_op_info(n->op)->kind == TRO_KIND_POINTWISE && n->n_in <= 3;
}

/* Inputs that broadcast: a table does not. */
static uint32_t n_operands(const struct tro_node *n)
{
    return n->op == TRO_OP_TABLE ? 1 : n->n_in;
}

static int rank_of(const struct tro_pass *p, tro_value_id v)
{
    return tro_value_get(p->g, v)->shape.rank;
}

/* ---- transposes ------------------------------------------------------------------------ */

static const struct tro_node *transpose_def(const struct tro_pass *p, tro_value_id v,
                                            const struct tro_ints *perm)
{
    const struct tro_node *const n = tro_pass_def(p, v, TRO_OP_TRANSPOSE);
    const struct tro_attrs_transpose *const a = n ? n->attrs : NULL;
    return n && (!perm || (a->perm.n == perm->n &&
                           memcmp(a->perm.v, perm->v, (size_t)perm->n * sizeof(perm->v[0])) == 0))
               ? n
               : NULL;
}

/* Every operand is transposed by one permutation or a constant; *perm is that one. */
static bool are_transposed(const struct tro_pass *p, const struct tro_node *n,
                           struct tro_ints *perm)
{
    const struct tro_node *first = NULL;
    for (uint32_t i = 0; i < n_operands(n) && !first; i++)
        first = transpose_def(p, n->in[i], NULL);
    if (!first)
        return false;
    *perm = ((const struct tro_attrs_transpose *)first->attrs)->perm;
    for (uint32_t i = 0; i < n_operands(n); i++) {
        const tro_value_id v = n->in[i];
        if (v.i && !transpose_def(p, v, perm) && rank_of(p, v) != 0 &&
            !(tro_is_const(p->g, v) && rank_of(p, v) <= perm->n))
            return false;
    }
    return rank_of(p, n->out[0]) == perm->n;
}

/* What stands for the operand before the transpose. */
static tro_value_id untransposed(struct tro_pass *p, tro_node_id id, tro_value_id v,
                                 const struct tro_ints *perm)
{
    const struct tro_node *const t = v.i ? transpose_def(p, v, perm) : NULL;
    if (v.i == 0 || rank_of(p, v) == 0)
        return v;
    if (t)
        return t->in[0];
    const struct tro_shape s = tro_value_get(p->g, v)->shape;
    struct tro_attrs_transpose back = {.perm.n = perm->n};
    tro_dim dims[TRO_MAX_RANK];
    for (int i = 0; i < perm->n; i++) {
        const int k = i - (perm->n - s.rank);
        dims[i] = k < 0 ? tro_dim_const(1) : s.dim[k];
        back.perm.v[perm->v[i]] = i;
    }
    const tro_value_id full = tro_pass_emit_reshape(p, id, v, dims, perm->n);
    return tro_pass_emit(p, id, TRO_OP_TRANSPOSE, &back, &full, 1);
}

static bool sink_transpose(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    const struct tro_attrs_axis *const axis = n.attrs;
    struct tro_attrs_axis moved = {0};
    struct tro_attrs_transpose t = {0};
    const bool is_concat = n.op == TRO_OP_CONCAT;
    if ((!is_pointwise(&n) && !is_concat) || n.n_in > 8 || !are_transposed(p, &n, &t.perm))
        return false;
    for (uint32_t i = 0; i < n.n_in && is_concat; i++)
        if (rank_of(p, n.in[i]) != t.perm.n)
            return false;
    if (!tro_pass_allows(p, id))
        return false;
    tro_value_id in[8];
    for (uint32_t i = 0; i < n.n_in; i++)
        in[i] = i < n_operands(&n) ? untransposed(p, id, n.in[i], &t.perm) : n.in[i];
    if (is_concat)
        moved.axis = t.perm.v[axis->axis < 0 ? axis->axis + t.perm.n : axis->axis];
    const tro_value_id y = tro_pass_emit(p, id, n.op, is_concat ? &moved : n.attrs, in, n.n_in);
    tro_pass_replace(p, n.out[0], tro_pass_emit(p, id, TRO_OP_TRANSPOSE, &t, &y, 1));
    return true;
}

/* reduce(transpose(x), axes) */
static bool sink_behind_reduce(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    const struct tro_attrs_reduce *const a = n.attrs;
    struct tro_ints axes;
    const struct tro_node *const t = n.op == TRO_OP_REDUCE && n.n_in == 2
                                         ? transpose_def(p, n.in[0], NULL)
                                         : NULL;
    if (!t || !tro_pass_ints(p, n.in[1], &axes) || axes.n == 0 || !tro_pass_allows(p, id))
        return false;
    const struct tro_ints perm = ((const struct tro_attrs_transpose *)t->attrs)->perm;
    bool is_reduced[TRO_MAX_RANK] = {false}; /* by axis of x */
    for (int i = 0; i < axes.n; i++) {
        axes.v[i] = perm.v[axes.v[i] < 0 ? axes.v[i] + perm.n : axes.v[i]];
        is_reduced[axes.v[i]] = true;
    }
    int place[TRO_MAX_RANK], n_left = 0; /* of an axis of x in the reduced x */
    for (int i = 0; i < perm.n; i++)
        place[i] = a->drop_dims && is_reduced[i] ? -1 : n_left++;
    struct tro_attrs_transpose back = {0};
    for (int i = 0; i < perm.n; i++)
        if (place[perm.v[i]] >= 0)
            back.perm.v[back.perm.n++] = place[perm.v[i]];
    const tro_value_id in[2] = {t->in[0], tro_pass_const_ints(p, axes.v, axes.n)};
    const tro_value_id y = tro_pass_emit(p, id, n.op, a, in, 2);
    tro_pass_replace(p, n.out[0], tro_pass_emit(p, id, TRO_OP_TRANSPOSE, &back, &y, 1));
    return true;
}

/* ---- reshapes -------------------------------------------------------------------------- */

static const struct tro_node *reshape_def(const struct tro_pass *p, tro_value_id v)
{
    static const enum tro_op ops[] = {TRO_OP_RESHAPE, TRO_OP_SQUEEZE, TRO_OP_UNSQUEEZE};
    for (int i = 0; i < 3; i++)
        if (tro_pass_def(p, v, ops[i]))
            return tro_pass_def(p, v, ops[i]);
    return NULL;
}

/* The axis of `to` for each axis of `from`, -1 for one of size 1 that `to` does not have. False
 * when the reshape does more than add and drop axes of size 1. */
static bool map_axes(const struct tro_shape *from, const struct tro_shape *to, int *axis)
{
    int k = 0;
    for (int i = 0; i < from->rank; i++) {
        axis[i] = -1;
        if (tro_dim_is(from->dim[i], 1))
            continue;
        while (k < to->rank && tro_dim_is(to->dim[k], 1))
            k++;
        if (k == to->rank || !tro_dim_eq(to->dim[k], from->dim[i]))
            return false;
        axis[i] = k++;
    }
    while (k < to->rank && tro_dim_is(to->dim[k], 1))
        k++;
    return k == to->rank;
}

/* A constant along the last axis, which the reshape leaves as it is. */
static bool is_along_last(const struct tro_shape *s, const struct tro_shape *from,
                          const struct tro_shape *to)
{
    for (int i = 0; i < s->rank - 1; i++)
        if (!tro_dim_is(s->dim[i], 1))
            return false;
    return s->rank > 0 && from->rank > 0 && to->rank > 0 &&
           tro_dim_eq(from->dim[from->rank - 1], to->dim[to->rank - 1]);
}

/* A constant operand of the reshaped tensor as one of the tensor before; dims: its shape. */
static bool map_const(const struct tro_pass *p, tro_value_id c, const struct tro_shape *from,
                      const struct tro_shape *to, struct tro_shape *dims)
{
    int axis[TRO_MAX_RANK];
    const struct tro_shape *const s = &tro_value_get(p->g, c)->shape;
    if (tro_value_max_elems(p->g, c) == 1) {
        dims->rank = 0;
        return true;
    }
    if (is_along_last(s, from, to)) {
        dims->rank = 1;
        dims->dim[0] = s->dim[s->rank - 1];
        return true;
    }
    if (s->rank > to->rank || !map_axes(from, to, axis))
        return false;
    dims->rank = from->rank;
    for (int i = 0; i < from->rank; i++) {
        const int k = axis[i] < 0 ? -1 : axis[i] - (to->rank - s->rank);
        dims->dim[i] = k < 0 ? tro_dim_const(1) : s->dim[k];
    }
    return true;
}

/* Operands are reshaped from one shape to the result's, or constants that have a form for it. */
static bool are_reshaped(struct tro_pass *p, const struct tro_node *n, tro_value_id *first)
{
    struct tro_shape dims;
    *first = TRO_VALUE_NONE;
    for (uint32_t i = 0; i < n_operands(n) && first->i == 0; i++)
        if (n->in[i].i && reshape_def(p, n->in[i]))
            *first = reshape_def(p, n->in[i])->in[0];
    if (first->i == 0 || !tro_pass_is_sized(p, *first) || !tro_pass_is_sized(p, n->out[0]))
        return false;
    for (uint32_t i = 0; i < n_operands(n); i++) {
        const tro_value_id v = n->in[i];
        const struct tro_node *const r = v.i ? reshape_def(p, v) : NULL;
        if (v.i == 0 || (r && tro_pass_is_same_shape(p, v, n->out[0]) &&
                         tro_pass_is_same_shape(p, r->in[0], *first)))
            continue;
        if (!tro_is_const(p->g, v) || !map_const(p, v, &tro_value_get(p->g, *first)->shape,
                                                 &tro_value_get(p->g, n->out[0])->shape, &dims))
            return false;
    }
    return true;
}

static bool sink_reshape(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    tro_value_id first, in[3];
    if (!is_pointwise(&n) || !are_reshaped(p, &n, &first) || !tro_pass_allows(p, id))
        return false;
    const struct tro_shape from = tro_value_get(p->g, first)->shape;
    const struct tro_shape to = tro_value_get(p->g, n.out[0])->shape;
    for (uint32_t i = 0; i < n.n_in; i++) {
        struct tro_shape dims;
        const bool is_operand = i < n_operands(&n) && n.in[i].i;
        const struct tro_node *const r = is_operand ? reshape_def(p, n.in[i]) : NULL;
        in[i] = r ? r->in[0] : n.in[i];
        if (!r && is_operand && map_const(p, n.in[i], &from, &to, &dims))
            in[i] = tro_pass_emit_reshape(p, id, n.in[i], dims.dim, dims.rank);
    }
    const tro_value_id y = tro_pass_emit(p, id, n.op, n.attrs, in, n.n_in);
    tro_pass_replace(p, n.out[0], tro_pass_emit_reshape(p, id, y, to.dim, to.rank));
    return true;
}

/* ---- factors --------------------------------------------------------------------------- */

/* x * c, c of one element. */
static const struct tro_node *scaled_def(const struct tro_pass *p, tro_value_id v, tro_value_id *x,
                                         tro_value_id *c)
{
    const struct tro_node *const n = tro_pass_def(p, v, TRO_OP_MUL);
    if (!n)
        return NULL;
    const int k = tro_is_const(p->g, n->in[0]) ? 0 : 1;
    *x = n->in[1 - k];
    *c = n->in[k];
    return tro_is_const(p->g, *c) && tro_value_max_elems(p->g, *c) == 1 &&
                   tro_pass_is_same_shape(p, *x, v)
               ? n
               : NULL;
}

static bool is_factor_of_product(struct tro_pass *p, tro_value_id v)
{
    tro_value_id x, c;
    const tro_node_id user = tro_pass_user(p, v);
    const struct tro_node *const n = tro_node_get(p->g, user);
    return user.i && n->op == TRO_OP_MATMUL && !tro_is_const(p->g, n->in[0]) &&
           !tro_is_const(p->g, n->in[1]) && scaled_def(p, v, &x, &c);
}

/* matmul(x * c, y) */
static bool sink_factor(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    tro_value_id in[2] = {{0}}, c = {0};
    int k = 0;
    if (n.op != TRO_OP_MATMUL || tro_value_get(p->g, n.out[0])->dtype != TRO_F32)
        return false;
    while (k < 2 && !(is_factor_of_product(p, n.in[k]) && scaled_def(p, n.in[k], &in[k], &c)))
        k++;
    if (k == 2 || !tro_pass_allows(p, id))
        return false;
    in[1 - k] = n.in[1 - k];
    const tro_value_id y = tro_pass_emit2(p, id, TRO_OP_MATMUL, in[0], in[1]);
    const tro_value_id factor = tro_pass_emit_reshape(p, id, c, NULL, 0);
    tro_pass_replace(p, n.out[0], tro_pass_emit2(p, id, TRO_OP_MUL, y, factor));
    return true;
}

/* ---- expansions ------------------------------------------------------------------------ */

static bool drop_expand(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    for (uint32_t i = 0; i < n_operands(n) && is_pointwise(n); i++) {
        const struct tro_node *const e = tro_pass_def(p, n->in[i], TRO_OP_EXPAND);
        bool has_whole = false;
        for (uint32_t k = 0; k < n->n_in; k++)
            has_whole = has_whole || (k != i && n->in[k].i && n->in[k].i != n->in[i].i &&
                                      tro_pass_is_same_shape(p, n->in[k], n->out[0]));
        if (!e || !has_whole ||
            (i > 0 && (n->op == TRO_OP_QUANTIZE || n->op == TRO_OP_DEQUANTIZE ||
                       n->op == TRO_OP_REQUANTIZE)) ||
            !tro_pass_allows(p, id))
            continue;
        tro_pass_set_input(p, id, i, e->in[0]);
        return true;
    }
    return false;
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    if (tro_node_get(p->g, id)->n_out != 1 || tro_node_get(p->g, id)->out[0].i == 0)
        return;
    if (is_factor_of_product(p, tro_node_get(p->g, id)->out[0]))
        return;
    if (!sink_factor(p, id) && !sink_transpose(p, id) && !sink_behind_reduce(p, id) &&
        !sink_reshape(p, id))
        drop_expand(p, id);
}

int tro_pass_sink(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
