/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, softmax and running sums. */
#include "onnx/import_call.h"

#include "base/dtype.h"

/* ---- Reduce* --------------------------------------------------------------------------- */

struct reduction {
    tro_value_id axes; /* none: all, or nothing when is_noop */
    bool keeps_dims, is_noop;
};

/* Axes are an attribute at first, an input since version 18 (ReduceSum: 13). */
static struct reduction reduction_of(struct tro_import_call *c)
{
    struct reduction r = {.keeps_dims = tro_attr_int(c, "keepdims", 1) != 0};
    struct tro_ints axes;
    if (tro_attr_ints(c, "axes", &axes))
        r.axes = tro_const_ints(c, &axes);
    if (tro_in_has(c, 1))
        r.axes = c->in[1];
    r.is_noop = tro_attr_int(c, "noop_with_empty_axes", 0) != 0;
    return r;
}

static tro_value_id reduce(struct tro_import_call *c, tro_value_id x, enum tro_reduction kind,
                           struct reduction r)
{
    const struct tro_attrs_reduce a = {
        .kind = kind, .drop_dims = !r.keeps_dims, .noop_if_empty = r.is_noop};
    return tro_emit(c, TRO_OP_REDUCE, &a, (tro_value_id[]){x, r.axes}, 2);
}

static int plain(struct tro_import_call *c, enum tro_reduction kind)
{
    tro_set_out(c, 0, reduce(c, c->in[0], kind, reduction_of(c)));
    return c->rc;
}

int tro_import_reduce_sum(struct tro_import_call *c)
{
    return plain(c, tro_reduction_sum);
}

int tro_import_reduce_mean(struct tro_import_call *c)
{
    return plain(c, tro_reduction_mean);
}

int tro_import_reduce_max(struct tro_import_call *c)
{
    return plain(c, tro_reduction_max);
}

int tro_import_reduce_min(struct tro_import_call *c)
{
    return plain(c, tro_reduction_min);
}

int tro_import_reduce_prod(struct tro_import_call *c)
{
    return plain(c, tro_reduction_prod);
}

int tro_import_reduce_l1(struct tro_import_call *c)
{
    tro_set_out(c, 0,
                reduce(c, tro_emit1(c, TRO_OP_ABS, c->in[0]), tro_reduction_sum, reduction_of(c)));
    return c->rc;
}

static tro_value_id sum_of_squares(struct tro_import_call *c, tro_value_id x)
{
    return reduce(c, tro_emit2(c, TRO_OP_MUL, x, x), tro_reduction_sum, reduction_of(c));
}

int tro_import_reduce_sum_square(struct tro_import_call *c)
{
    tro_set_out(c, 0, sum_of_squares(c, c->in[0]));
    return c->rc;
}

/* Roots and logarithms of integers too: rounded towards zero by tro_back. */
static tro_value_id real_in(struct tro_import_call *c)
{
    const bool is_float = tro_dtype_is_float(tro_dtype_of(c, c->in[0]));
    return is_float ? tro_in_f32(c, 0) : tro_emit_cast(c, c->in[0], TRO_F64);
}

int tro_import_reduce_l2(struct tro_import_call *c)
{
    const tro_value_id sum = sum_of_squares(c, real_in(c));
    tro_set_out(c, 0, tro_back(c, 0, tro_emit1(c, TRO_OP_SQRT, sum)));
    return c->rc;
}

int tro_import_reduce_log_sum(struct tro_import_call *c)
{
    const tro_value_id sum = reduce(c, real_in(c), tro_reduction_sum, reduction_of(c));
    tro_set_out(c, 0, tro_back(c, 0, tro_emit1(c, TRO_OP_LOG, sum)));
    return c->rc;
}

/* m + log(sum(exp(x - m))) with m the greatest element, or 0 where that is infinite. */
int tro_import_reduce_log_sum_exp(struct tro_import_call *c)
{
    const struct reduction r = reduction_of(c);
    const struct reduction keep = {.axes = r.axes, .keeps_dims = true, .is_noop = r.is_noop};
    const tro_value_id x = real_in(c);
    const struct tro_attrs_isinf both = {0};
    tro_value_id m[2];
    for (int i = 0; i < 2; i++) {
        const tro_value_id top = reduce(c, x, tro_reduction_max, i ? r : keep);
        const tro_value_id is_inf = tro_emit(c, TRO_OP_ISINF, &both, &top, 1);
        m[i] = tro_emit3(c, TRO_OP_SELECT, is_inf, tro_like(c, x, 0), top);
    }
    const tro_value_id e = tro_emit1(c, TRO_OP_EXP, tro_emit2(c, TRO_OP_SUB, x, m[0]));
    const tro_value_id log = tro_emit1(c, TRO_OP_LOG, reduce(c, e, tro_reduction_sum, r));
    tro_set_out(c, 0, tro_back(c, 0, tro_emit2(c, TRO_OP_ADD, log, m[1])));
    return c->rc;
}

/* Global pooling reduces all spatial axes. */
static int global_pool(struct tro_import_call *c, enum tro_reduction kind)
{
    struct tro_ints axes = {0};
    for (int i = 2, rank = tro_rank_needed(c, c->in[0]); i < rank; i++)
        axes.v[axes.n++] = i;
    tro_set_out(c, 0, tro_emit_reduce(c, c->in[0], kind, &axes, true));
    return c->rc;
}

int tro_import_global_average_pool(struct tro_import_call *c)
{
    return global_pool(c, tro_reduction_mean);
}

int tro_import_global_max_pool(struct tro_import_call *c)
{
    return global_pool(c, tro_reduction_max);
}

/* (sum |x|^p)^(1/p) */
int tro_import_global_lp_pool(struct tro_import_call *c)
{
    struct tro_ints axes = {0};
    const double p = c->version < 2 ? tro_attr_float(c, "p", 2) : (double)tro_attr_int(c, "p", 2);
    const tro_value_id x = tro_in_f32(c, 0);
    for (int i = 2, rank = tro_rank_needed(c, x); i < rank; i++)
        axes.v[axes.n++] = i;
    const tro_value_id power = tro_emit2(c, TRO_OP_POW, tro_emit1(c, TRO_OP_ABS, x),
                                         tro_like(c, x, p));
    const tro_value_id sum = tro_emit_reduce(c, power, tro_reduction_sum, &axes, true);
    tro_set_out(c, 0, tro_back(c, 0, tro_emit2(c, TRO_OP_POW, sum, tro_like(c, x, 1 / p))));
    return c->rc;
}

/* ---- ArgMax, ArgMin, CumSum ------------------------------------------------------------ */

static int arg_reduce(struct tro_import_call *c, bool is_min)
{
    const struct tro_attrs_arg_reduce a = {.axis = tro_attr_int(c, "axis", 0),
                                           .is_min = is_min,
                                           .drop_dims = !tro_attr_int(c, "keepdims", 1),
                                           .select_last = tro_attr_int(c, "select_last_index", 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_ARG_REDUCE, &a, c->in, 1));
    return c->rc;
}

int tro_import_arg_max(struct tro_import_call *c)
{
    return arg_reduce(c, false);
}

int tro_import_arg_min(struct tro_import_call *c)
{
    return arg_reduce(c, true);
}

int tro_import_cum_sum(struct tro_import_call *c)
{
    const struct tro_attrs_cumsum a = {.is_exclusive = tro_attr_int(c, "exclusive", 0),
                                       .is_reverse = tro_attr_int(c, "reverse", 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_CUMSUM, &a, c->in, 2));
    return c->rc;
}

/* ---- Softmax, LogSoftmax, Hardmax ------------------------------------------------------ */

typedef tro_value_id along_axis_fn(struct tro_import_call *c, tro_value_id x, int64_t axis);

static tro_value_id softmax(struct tro_import_call *c, tro_value_id x, int64_t axis)
{
    const struct tro_attrs_softmax a = {.axis = axis};
    return tro_emit(c, TRO_OP_SOFTMAX, &a, &x, 1);
}

static tro_value_id log_softmax(struct tro_import_call *c, tro_value_id x, int64_t axis)
{
    const struct tro_attrs_softmax a = {.axis = axis, .is_log = 1};
    return tro_emit(c, TRO_OP_SOFTMAX, &a, &x, 1);
}

/* 1 at the first greatest element: the index along the axis equals that of the maximum. */
static tro_value_id hardmax(struct tro_import_call *c, tro_value_id x, int64_t axis)
{
    const int rank = tro_rank_needed(c, x), a = tro_axis_of(c, axis, rank);
    const struct tro_attrs_arg_reduce arg = {.axis = a};
    const struct tro_attrs_dims n = {.values = {.n = 1, .v = {tro_dim_of(c, x, a)}},
                                     .is_scalar = 1};
    const tro_value_id best = tro_emit(c, TRO_OP_ARG_REDUCE, &arg, &x, 1);
    tro_value_id index = tro_emit3(c, TRO_OP_RANGE, tro_scalar(c, TRO_I64, 0),
                                   tro_emit(c, TRO_OP_DIMS, &n, NULL, 0),
                                   tro_scalar(c, TRO_I64, 1));
    for (int i = a + 1; i < rank; i++)
        index = tro_emit_unsqueeze(c, index, -1);
    return tro_emit_cast(c, tro_emit2(c, TRO_OP_EQ, index, best), tro_dtype_of(c, x));
}

static int along_axis(struct tro_import_call *c, along_axis_fn *fn)
{
    tro_set_out(c, 0, fn(c, c->in[0], tro_attr_int(c, "axis", -1)));
    return c->rc;
}

/* Before version 13 the axes from `axis` on are taken together. */
static int along_rest(struct tro_import_call *c, along_axis_fn *fn)
{
    const int rank = tro_rank_needed(c, c->in[0]);
    const int axis = tro_axis_of(c, tro_attr_int(c, "axis", 1), rank);
    tro_dim whole[TRO_MAX_RANK], flat[2] = {tro_dim_const(1), tro_dim_const(1)};
    for (int i = 0; i < rank; i++) {
        whole[i] = tro_dim_of(c, c->in[0], i);
        flat[i >= axis] = tro_dim_mul(&c->g->dims, flat[i >= axis], whole[i]);
    }
    if (axis == rank - 1) {
        tro_set_out(c, 0, fn(c, c->in[0], axis));
        return c->rc;
    }
    const tro_value_id y = fn(c, tro_emit_reshape(c, c->in[0], flat, 2), 1);
    tro_set_out(c, 0, tro_emit_reshape(c, y, whole, rank));
    return c->rc;
}

int tro_import_softmax(struct tro_import_call *c)
{
    return along_axis(c, softmax);
}

int tro_import_softmax_1(struct tro_import_call *c)
{
    return along_rest(c, softmax);
}

int tro_import_log_softmax(struct tro_import_call *c)
{
    return along_axis(c, log_softmax);
}

int tro_import_log_softmax_1(struct tro_import_call *c)
{
    return along_rest(c, log_softmax);
}

int tro_import_hardmax(struct tro_import_call *c)
{
    return along_axis(c, hardmax);
}

int tro_import_hardmax_1(struct tro_import_call *c)
{
    return along_rest(c, hardmax);
}
