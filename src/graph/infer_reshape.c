/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes as values, and operators that change the shape but no element's place in memory. */
#include "graph/infer_util.h"

#include <math.h>

int tro_infer_dims(struct tro_infer_call *c)
{
    const struct tro_attrs_dims *const a = c->attrs;
    c->out[0].dtype = TRO_I64;
    TRO_TRY(tro_want_attr(c, a->values.n, a->is_scalar ? 1 : 0, a->is_scalar ? 1 : TRO_MAX_INTS,
                          "the number of values"));
    c->out[0].shape.rank = a->is_scalar ? 0 : 1;
    c->out[0].shape.dim[0] = tro_dim_const(a->values.n);
    return 0;
}

int tro_infer_shape_of(struct tro_infer_call *c)
{
    const int rank = c->in[0].shape.rank;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    c->out[0].dtype = TRO_I64;
    c->out[0].shape.rank = 1;
    c->out[0].shape.dim[0] = rank < 0 ? tro_dim_within(c, 0, TRO_MAX_RANK) : tro_dim_const(rank);
    return 0;
}

/* ---- range ----------------------------------------------------------------------------- */

static int fail_delta(const struct tro_infer_call *c)
{
    return tro_fail(c->err, TRO_E_INPUT, "delta is 0: expected a step that moves");
}

static int count_ints(struct tro_infer_call *c, tro_dim *n)
{
    struct tro_dim_list v[3];
    for (int i = 0; i < 3; i++)
        if (!tro_known_dims(c, i, &v[i]) || v[i].n != 1)
            return 0;
    const tro_dim way = tro_dim_sub(c->dims, v[1].v[0], v[0].v[0]);
    if (tro_dim_is(v[2].v[0], 0))
        return fail_delta(c);
    if (!tro_dim_is_const(v[2].v[0]))
        return 0;
    *n = tro_dim_max(c->dims, tro_dim_const(0), tro_dim_ceil_div(c->dims, way, v[2].v[0]));
    return 0;
}

static int count_floats(struct tro_infer_call *c, tro_dim *n)
{
    double v[3];
    for (int i = 0; i < 3; i++)
        if (!tro_known_f64(c, i, &v[i]))
            return 0;
    if (v[2] == 0)
        return fail_delta(c);
    /* The difference is rounded as in arithmetic of the type, as ONNX Runtime does. */
    const double way = c->in[0].dtype == TRO_F64 ? v[1] - v[0] : (float)v[1] - (float)v[0];
    const double steps = ceil(way / v[2]);
    if (isnan(steps) || steps > (double)TRO_DIM_MAX)
        return tro_fail(c->err, TRO_E_INPUT,
                        "a range from %g to %g in steps of %g has no end: expected finite numbers",
                        v[0], v[1], v[2]);
    *n = tro_dim_const(steps < 0 ? 0 : (int64_t)steps);
    return 0;
}

int tro_infer_range(struct tro_infer_call *c)
{
    static const char *const names[3] = {"start", "limit", "delta"};
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    TRO_TRY(tro_want_same_type(c, 1, 0));
    TRO_TRY(tro_want_same_type(c, 2, 0));
    c->out[0].dtype = c->in[0].dtype;
    c->out[0].shape.rank = 1;
    for (int i = 0; i < 3; i++)
        if (c->in[i].shape.rank >= 0)
            TRO_TRY(tro_want_one(c, i, names[i]));
    tro_dim n = tro_dim_const(-1);
    TRO_TRY((TRO_T(c->in[0].dtype) & TRO_T_INT) ? count_ints(c, &n) : count_floats(c, &n));
    c->out[0].shape.dim[0] = tro_dim_is(n, -1) ? tro_free_dim(c) : n;
    return 0;
}

/* ---- reshape --------------------------------------------------------------------------- */

/* Elements of x and of the result, without the sizes that are copied from one to the other, so that
 * an empty batch leaves the rest of the shape as it would be. */
struct elements {
    tro_dim of_x, of_y;
    bool is_copied[TRO_MAX_RANK];
    int rest; /* where -1 stands, or -1 */
};

static int read_size(struct tro_infer_call *c, int i, tro_dim given, struct elements *e)
{
    const struct tro_attrs_reshape *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    tro_dim *const out = &c->out[0].shape.dim[i];
    if (tro_dim_is(given, -1)) {
        if (e->rest >= 0)
            return tro_fail(c->err, TRO_E_INPUT, "the shape has -1 at %d and %d: expected one",
                            e->rest, i);
        e->rest = i;
        return 0;
    }
    if (tro_dim_hi(c->dims, given) < 0)
        return tro_fail(c->err, TRO_E_INPUT, "size %d of the shape is %" PRId64 ": expected >= -1",
                        i, tro_dim_hi(c->dims, given));
    if (!tro_dim_is(given, 0) || a->allow_zero) {
        *out = given;
        e->of_y = tro_dim_mul(c->dims, e->of_y, given);
        return 0;
    }
    if (x->rank >= 0 && i >= x->rank)
        return tro_fail(c->err, TRO_E_INPUT,
                        "size %d of the shape is 0, which copies it from x: x has rank %d", i,
                        x->rank);
    *out = x->rank < 0 ? tro_free_dim(c) : x->dim[i];
    e->is_copied[i] = true;
    return 0;
}

static int fail_elements(const struct tro_infer_call *c, const struct elements *e,
                         const char *expected)
{
    return tro_fail(c->err, TRO_E_INPUT,
                    "beside the sizes it keeps x has %" PRId64 " elements, the shape has %" PRId64
                    ": expected %s",
                    tro_dim_value(e->of_x), tro_dim_value(e->of_y), expected);
}

/* The size that stands for -1, or a check of what the shape holds. */
static int set_rest(struct tro_infer_call *c, const struct elements *e)
{
    const bool is_const = tro_dim_is_const(e->of_x) && tro_dim_is_const(e->of_y);
    if (e->rest < 0)
        return tro_dims_clash(e->of_x, e->of_y) ? fail_elements(c, e, "equal numbers") : 0;
    if (tro_dim_is(e->of_y, 0))
        return tro_fail(c->err, TRO_E_INPUT,
                        "the shape has a size of 0 and -1, which then could be anything: expected "
                        "only one of them");
    if (is_const && tro_dim_value(e->of_x) % tro_dim_value(e->of_y) != 0)
        return fail_elements(c, e, "a multiple");
    c->out[0].shape.dim[e->rest] = tro_dim_div(c->dims, e->of_x, e->of_y);
    return 0;
}

static int set_sizes(struct tro_infer_call *c, const struct tro_dim_list *given)
{
    const struct tro_shape *const x = &c->in[0].shape;
    struct elements e = {.of_x = tro_dim_const(1), .of_y = tro_dim_const(1), .rest = -1};
    TRO_TRY(tro_out_rank(c, 0, given->n));
    for (int i = 0; i < given->n; i++)
        TRO_TRY(read_size(c, i, given->v[i], &e));
    for (int i = 0; i < x->rank; i++)
        if (!e.is_copied[i])
            e.of_x = tro_dim_mul(c->dims, e.of_x, x->dim[i]);
    if (x->rank >= 0)
        return set_rest(c, &e);
    /* Of x nothing is known: all there is is what the shape says. */
    if (e.rest >= 0)
        c->out[0].shape.dim[e.rest] = tro_free_dim(c);
    return 0;
}

/* One of n sizes that are not known: a divisor of the number of elements, unless there are none. */
static tro_dim open_size(struct tro_infer_call *c, int n)
{
    const struct tro_shape *const x = &c->in[0].shape;
    if (x->rank < 0)
        return tro_free_dim(c);
    const tro_dim total = tro_dims_product(c, x, 0, x->rank);
    if (n == 1)
        return total;
    const bool is_some = tro_dim_lo(c->dims, total) >= 1;
    return is_some ? tro_dim_within(c, 1, tro_dim_hi(c->dims, total)) : tro_free_dim(c);
}

int tro_infer_reshape(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (c->in[1].shape.rank < 0)
        return 0;
    int64_t n;
    TRO_TRY(tro_want_params(c, 1, -1, "shape", &n));
    struct tro_dim_list given;
    if (tro_known_dims(c, 1, &given))
        return set_sizes(c, &given);
    if (n < 0)
        return 0;
    TRO_TRY(tro_out_rank(c, 0, n));
    for (int i = 0; i < n; i++)
        c->out[0].shape.dim[i] = open_size(c, (int)n);
    return 0;
}

/* ---- squeeze, unsqueeze ---------------------------------------------------------------- */

static void drop_flagged(struct tro_infer_call *c, const bool *is_dropped)
{
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    y->rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (!is_dropped[i])
            y->dim[y->rank++] = x->dim[i];
}

/* Counts sizes that are 1 and sizes that may be, and flags both. */
static int count_ones(const struct tro_infer_call *c, bool *may_be_1, int *n_sure)
{
    const struct tro_shape *const x = &c->in[0].shape;
    int n = 0;
    *n_sure = 0;
    for (int i = 0; i < x->rank; i++) {
        may_be_1[i] = tro_dim_lo(c->dims, x->dim[i]) <= 1 && tro_dim_hi(c->dims, x->dim[i]) >= 1;
        n += may_be_1[i];
        *n_sure += tro_dim_is(x->dim[i], 1);
    }
    return n;
}

static int squeeze_axes(struct tro_infer_call *c, const struct tro_ints *axes)
{
    const struct tro_shape *const x = &c->in[0].shape;
    int normal[TRO_MAX_INTS];
    bool is_dropped[TRO_MAX_RANK] = {false};
    TRO_TRY(tro_norm_axes(c, axes, x->rank, normal));
    for (int i = 0; i < axes->n; i++) {
        if (tro_dims_clash(x->dim[normal[i]], tro_dim_const(1)))
            return tro_fail(c->err, TRO_E_INPUT, "axis %d has size %" PRId64 ": expected 1",
                            normal[i], tro_dim_value(x->dim[normal[i]]));
        is_dropped[normal[i]] = true;
    }
    drop_flagged(c, is_dropped);
    return 0;
}

int tro_infer_squeeze(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    if (tro_has(c, 1))
        TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    const int rank = c->in[0].shape.rank;
    bool may_be_1[TRO_MAX_RANK];
    int n_sure;
    const int n_ones = count_ones(c, may_be_1, &n_sure);
    int64_t n = -1;
    if (tro_has(c, 1)) {
        TRO_TRY(tro_want_params(c, 1, -1, "axes", &n));
        struct tro_ints axes;
        if (tro_known_ints(c, 1, &axes))
            return squeeze_axes(c, &axes);
        if (n < 0)
            return 0;
        if (n > n_ones)
            return tro_fail(c->err, TRO_E_INPUT,
                            "axes has %" PRId64 " elements, but only %d axes of x may have size 1",
                            n, n_ones);
    }
    if (tro_has(c, 1) ? n == n_ones : n_sure == n_ones) {
        drop_flagged(c, may_be_1);
        return 0;
    }
    if (n < 0)
        return 0;
    c->out[0].shape.rank = rank - (int)n;
    for (int i = 0; i < rank - n; i++)
        c->out[0].shape.dim[i] = tro_free_dim(c);
    return 0;
}

int tro_infer_unsqueeze(struct tro_infer_call *c)
{
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    int64_t n;
    TRO_TRY(tro_want_params(c, 1, -1, "axes", &n));
    if (n < 0)
        return 0;
    TRO_TRY(tro_out_rank(c, 0, x->rank + n));
    struct tro_ints axes;
    if (!tro_known_ints(c, 1, &axes)) {
        for (int i = 0; i < y->rank; i++)
            y->dim[i] = x->rank ? tro_free_dim(c) : tro_dim_const(1);
        return 0;
    }
    int normal[TRO_MAX_INTS];
    bool is_new[TRO_MAX_RANK] = {false};
    TRO_TRY(tro_norm_axes(c, &axes, y->rank, normal));
    for (int i = 0; i < axes.n; i++)
        is_new[normal[i]] = true;
    for (int i = 0, from = 0; i < y->rank; i++)
        y->dim[i] = is_new[i] ? tro_dim_const(1) : x->dim[from++];
    return 0;
}
