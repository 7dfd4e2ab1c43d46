/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of operators that combine elements along axes. */
#include "graph/infer_util.h"

/* The reduced axes as flags, when they are known. */
struct reduced {
    bool is_known;
    int64_t n; /* number of axes, -1 when not known */
    bool axis[TRO_MAX_RANK];
};

static void reduce_all(int rank, struct reduced *r)
{
    *r = (struct reduced){.is_known = true, .n = rank};
    for (int i = 0; i < rank; i++)
        r->axis[i] = true;
}

static int mark_axes(const struct tro_infer_call *c, const struct tro_ints *axes, int rank,
                     struct reduced *r)
{
    int normal[TRO_MAX_INTS];
    TRO_TRY(tro_norm_axes(c, axes, rank, normal));
    *r = (struct reduced){.is_known = true, .n = axes->n};
    for (int i = 0; i < axes->n; i++)
        r->axis[normal[i]] = true;
    return 0;
}

/* The axes of reduce: those of input 1, or as noop_if_empty says. */
static int find_reduced(const struct tro_infer_call *c, bool is_noop, struct reduced *r)
{
    const int rank = c->in[0].shape.rank;
    int64_t n = 0;
    if (tro_has(c, 1))
        TRO_TRY(tro_want_params(c, 1, -1, "axes", &n));
    if (n > rank)
        return tro_fail(c->err, TRO_E_INPUT,
                        "axes has %" PRId64 " elements: expected at most %d, the rank of x", n,
                        rank);
    struct tro_ints axes;
    if (n == 0) {
        *r = (struct reduced){.is_known = true};
        if (!is_noop)
            reduce_all(rank, r);
        return 0;
    }
    if (tro_known_ints(c, 1, &axes))
        return mark_axes(c, &axes, rank, r);
    *r = (struct reduced){.n = n};
    if (n == rank)
        reduce_all(rank, r);
    return 0;
}

/* A size that is either d or 1. */
static tro_dim d_or_1(struct tro_infer_call *c, tro_dim d)
{
    const int64_t lo = tro_dim_lo(c->dims, d), hi = tro_dim_hi(c->dims, d);
    return tro_dim_within(c, lo < 1 ? lo : 1, hi > 1 ? hi : 1);
}

/* Shape of x with the reduced axes gone or of size 1. */
static void set_reduced(struct tro_infer_call *c, int i, const struct reduced *r, bool is_dropping)
{
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[i].shape;
    y->rank = 0;
    for (int a = 0; a < x->rank; a++) {
        if (!r->axis[a])
            y->dim[y->rank++] = x->dim[a];
        else if (!is_dropping)
            y->dim[y->rank++] = tro_dim_const(1);
    }
}

/* The same when only the number of axes is known, or not even that. */
static void set_half_reduced(struct tro_infer_call *c, int64_t n_axes, bool is_dropping)
{
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    if (is_dropping && n_axes < 0)
        return;
    y->rank = is_dropping ? x->rank - (int)n_axes : x->rank;
    for (int i = 0; i < y->rank; i++)
        y->dim[i] = is_dropping ? tro_free_dim(c) : d_or_1(c, x->dim[i]);
}

int tro_infer_reduce(struct tro_infer_call *c)
{
    const struct tro_attrs_reduce *const a = c->attrs;
    const bool is_order = a->kind == tro_reduction_max || a->kind == tro_reduction_min;
    TRO_TRY(tro_want_type(c, 0, is_order ? TRO_T_NUMBER | TRO_T_BOOL : TRO_T_NUMBER));
    if (tro_has(c, 1))
        TRO_TRY(tro_want_type(c, 1, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    if (a->widens) {
        TRO_TRY(tro_want_attr(c, a->kind, tro_reduction_sum, tro_reduction_sum,
                              "the kind of a sum that widens"));
        TRO_TRY(tro_want_type(c, 0, TRO_T_8BIT | TRO_T(TRO_I16)));
        c->out[0].dtype = TRO_I32;
    }
    if (!tro_ranks_known(c))
        return 0;
    struct reduced r;
    TRO_TRY(find_reduced(c, a->noop_if_empty != 0, &r));
    if (r.is_known)
        set_reduced(c, 0, &r, a->drop_dims != 0);
    else
        set_half_reduced(c, r.n, a->drop_dims != 0);
    return 0;
}

int tro_infer_arg_reduce(struct tro_infer_call *c)
{
    const struct tro_attrs_arg_reduce *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    c->out[0].dtype = TRO_I64;
    if (!tro_ranks_known(c))
        return 0;
    const struct tro_shape *const x = &c->in[0].shape;
    struct reduced r = {.is_known = true, .n = 1};
    int axis;
    TRO_TRY(tro_norm_axis(c, a->axis, x->rank, &axis));
    if (tro_dim_is(x->dim[axis], 0))
        return tro_fail(c->err, TRO_E_INPUT,
                        "axis %d has size 0: expected at least one element to choose from", axis);
    r.axis[axis] = true;
    set_reduced(c, 0, &r, a->drop_dims != 0);
    return 0;
}

int tro_infer_normalize(struct tro_infer_call *c)
{
    const struct tro_attrs_normalize *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    tro_out_like(c, 0, 0);
    for (int i = 1; i < c->n_out; i++)
        c->out[i].dtype = c->in[0].dtype == TRO_F64 ? TRO_F64 : TRO_F32;
    if (!tro_ranks_known(c))
        return 0;
    const int rank = c->in[0].shape.rank;
    if (a->axes.n < 1 || a->axes.n > rank)
        return tro_fail(c->err, TRO_E_INPUT, "axes has %d entries: expected 1 to %d, the rank of x",
                        a->axes.n, rank);
    struct reduced r;
    TRO_TRY(mark_axes(c, &a->axes, rank, &r));
    for (int i = 1; i < c->n_out; i++)
        set_reduced(c, i, &r, false);
    return 0;
}

/* ---- topk ------------------------------------------------------------------------------ */

/* The size k of the result, of at most n. */
static int find_k(struct tro_infer_call *c, tro_dim n, tro_dim *k)
{
    struct tro_dim_list given;
    if (!tro_known_dims(c, 1, &given) || given.n != 1) {
        *k = tro_dim_part_of(c, n);
        return 0;
    }
    *k = given.v[0];
    if (tro_dim_hi(c->dims, *k) < 0 || tro_dim_lo(c->dims, *k) > tro_dim_hi(c->dims, n))
        return tro_fail(c->err, TRO_E_INPUT,
                        "k is %" PRId64 ": expected 0 to %" PRId64 ", the size of the axis",
                        tro_dim_lo(c->dims, *k), tro_dim_hi(c->dims, n));
    return 0;
}

int tro_infer_topk(struct tro_infer_call *c)
{
    const struct tro_attrs_topk *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    TRO_TRY(tro_want_type(c, 1, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    c->out[1].dtype = TRO_I64;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_one(c, 1, "k"));
    struct tro_shape shape = c->in[0].shape;
    int axis;
    TRO_TRY(tro_norm_axis(c, a->axis, shape.rank, &axis));
    TRO_TRY(find_k(c, shape.dim[axis], &shape.dim[axis]));
    c->out[0].shape = shape;
    c->out[1].shape = shape;
    return 0;
}
