/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of operators that pick or place elements by index. */
#include "graph/infer_util.h"

int tro_infer_gather(struct tro_infer_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape, *const indices = &c->in[1].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    int axis;
    TRO_TRY(tro_norm_axis(c, a->axis, x->rank, &axis));
    TRO_TRY(tro_out_rank(c, 0, x->rank - 1 + indices->rank));
    for (int i = 0; i < y->rank; i++) {
        const int of_indices = i - axis;
        if (of_indices < 0)
            y->dim[i] = x->dim[i];
        else if (of_indices < indices->rank)
            y->dim[i] = indices->dim[of_indices];
        else
            y->dim[i] = x->dim[i - indices->rank + 1];
    }
    return 0;
}

/* Indices reach no further than x in the axes that they do not index. */
static int want_inside(const struct tro_infer_call *c, int axis)
{
    const struct tro_shape *const x = &c->in[0].shape, *const indices = &c->in[1].shape;
    TRO_TRY(tro_want_rank(c, 1, x->rank, x->rank));
    for (int i = 0; i < x->rank; i++)
        if (i != axis && tro_dim_lo(c->dims, indices->dim[i]) > tro_dim_hi(c->dims, x->dim[i]))
            return tro_fail(c->err, TRO_E_INPUT,
                            "indices have size %" PRId64 " in axis %d: expected at most %" PRId64
                            ", the size of x",
                            tro_dim_lo(c->dims, indices->dim[i]), i,
                            tro_dim_hi(c->dims, x->dim[i]));
    return 0;
}

int tro_infer_gather_elements(struct tro_infer_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    int axis;
    TRO_TRY(tro_norm_axis(c, a->axis, c->in[0].shape.rank, &axis));
    TRO_TRY(want_inside(c, axis));
    c->out[0].shape = c->in[1].shape;
    return 0;
}

/* Axes of x that an index tuple in the last axis of indices picks: at most n; -1 when unknown. */
static int tuple_size(const struct tro_infer_call *c, int n, int *k)
{
    const struct tro_shape *const indices = &c->in[1].shape;
    TRO_TRY(tro_want_rank(c, 1, 1, TRO_MAX_RANK));
    const tro_dim last = indices->dim[indices->rank - 1];
    *k = -1;
    if (!tro_dim_is_const(last))
        return 0;
    TRO_TRY(tro_want_attr(c, tro_dim_value(last), 1, n, "the size of an index tuple"));
    *k = (int)tro_dim_value(last);
    return 0;
}

/* Shape of what index tuples of size k pick after n_batch shared axes. */
static int picked_shape(const struct tro_infer_call *c, int n_batch, int k, struct tro_shape *out)
{
    const struct tro_shape *const x = &c->in[0].shape, *const indices = &c->in[1].shape;
    const int n_outer = indices->rank - 1, n_inner = x->rank - n_batch - k;
    if (n_outer + n_inner > TRO_MAX_RANK)
        return tro_fail(c->err, TRO_E_UNSUPPORTED, "the result has rank %d: expected at most %d",
                        n_outer + n_inner, TRO_MAX_RANK);
    *out = (struct tro_shape){.rank = n_outer + n_inner};
    for (int i = 0; i < n_outer; i++)
        out->dim[i] = indices->dim[i];
    for (int i = 0; i < n_batch; i++)
        TRO_TRY(
            tro_same_dim(c, x->dim[i], indices->dim[i], "batch of x and indices", &out->dim[i]));
    for (int i = 0; i < n_inner; i++)
        out->dim[n_outer + i] = x->dim[n_batch + k + i];
    return 0;
}

int tro_infer_gather_nd(struct tro_infer_call *c)
{
    const struct tro_attrs_gather_nd *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    const int r = c->in[0].shape.rank, q = c->in[1].shape.rank;
    TRO_TRY(tro_want_attr(c, a->batch_dims, 0, (r < q ? r : q) - 1, "batch_dims"));
    const int n_batch = (int)a->batch_dims;
    int k;
    TRO_TRY(tuple_size(c, r - n_batch, &k));
    return k < 0 ? 0 : picked_shape(c, n_batch, k, &c->out[0].shape);
}

/* ---- scatter --------------------------------------------------------------------------- */

static int want_shape(const struct tro_infer_call *c, int i, const struct tro_shape *want,
                      const char *what)
{
    TRO_TRY(tro_want_rank(c, i, want->rank, want->rank));
    tro_dim same;
    for (int d = 0; d < want->rank; d++)
        TRO_TRY(tro_same_dim(c, c->in[i].shape.dim[d], want->dim[d], what, &same));
    return 0;
}

static int check_scatter_elements(const struct tro_infer_call *c)
{
    const struct tro_attrs_scatter_elements *const a = c->attrs;
    int axis;
    TRO_TRY(tro_norm_axis(c, a->axis, c->in[0].shape.rank, &axis));
    TRO_TRY(want_inside(c, axis));
    return want_shape(c, 2, &c->in[1].shape, "updates and indices");
}

static int check_scatter_nd(const struct tro_infer_call *c)
{
    int k;
    TRO_TRY(tro_want_rank(c, 0, 1, TRO_MAX_RANK));
    TRO_TRY(tuple_size(c, c->in[0].shape.rank, &k));
    if (k < 0)
        return 0;
    struct tro_shape updates = {.rank = 0};
    TRO_TRY(picked_shape(c, 0, k, &updates));
    return want_shape(c, 2, &updates, "updates and what the indices pick");
}

int tro_infer_scatter(struct tro_infer_call *c)
{
    const bool is_nd = c->op == TRO_OP_SCATTER_ND;
    const enum tro_scatter reduction =
        is_nd ? ((const struct tro_attrs_scatter_nd *)c->attrs)->reduction
              : ((const struct tro_attrs_scatter_elements *)c->attrs)->reduction;
    const bool is_copy = reduction == tro_scatter_none;
    TRO_TRY(tro_want_type(c, 0, is_copy ? TRO_T_ANY : TRO_T_NUMBER | TRO_T_BOOL));
    TRO_TRY(tro_want_type(c, 1, is_nd ? TRO_T(TRO_I64) : TRO_T_INDEX));
    TRO_TRY(tro_want_same_type(c, 2, 0));
    tro_out_like(c, 0, 0);
    if (!tro_ranks_known(c))
        return 0;
    return is_nd ? check_scatter_nd(c) : check_scatter_elements(c);
}

/* ---- one_hot --------------------------------------------------------------------------- */

static int find_depth(struct tro_infer_call *c, tro_dim *depth)
{
    struct tro_dim_list given;
    double number;
    if (tro_known_dims(c, 1, &given) && given.n == 1) {
        *depth = given.v[0];
    } else if (tro_known_f64(c, 1, &number)) {
        *depth = tro_dim_const(number >= 0 && number < (double)TRO_DIM_MAX ? (int64_t)number : -1);
    } else {
        *depth = tro_free_dim(c);
        return 0;
    }
    if (tro_dim_hi(c->dims, *depth) < 0)
        return tro_fail(c->err, TRO_E_INPUT, "depth is negative or not a size: expected 0 or more");
    return 0;
}

int tro_infer_one_hot(struct tro_infer_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    const struct tro_shape *const indices = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    TRO_TRY(tro_want_type(c, 1, TRO_T_NUMBER));
    TRO_TRY(tro_want_type(c, 2, TRO_T_ANY));
    c->out[0].dtype = c->in[2].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_one(c, 1, "depth"));
    TRO_TRY(tro_want_rank(c, 2, 1, 1));
    tro_dim two;
    TRO_TRY(tro_same_dim(c, c->in[2].shape.dim[0], tro_dim_const(2), "values [off, on]", &two));
    int axis;
    TRO_TRY(tro_norm_axis(c, a->axis, indices->rank + 1, &axis));
    TRO_TRY(tro_out_rank(c, 0, indices->rank + 1));
    for (int i = 0; i < y->rank; i++)
        if (i != axis)
            y->dim[i] = indices->dim[i < axis ? i : i - 1];
    return find_depth(c, &y->dim[axis]);
}
