/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of operators that copy whole regions: transpose, concat, split, pad ... */
#include "graph/infer_util.h"

#include "base/dtype.h"

int tro_infer_transpose(struct tro_infer_call *c)
{
    const struct tro_attrs_transpose *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_list(c, &a->perm, x->rank, 0, x->rank - 1, "perm"));
    int normal[TRO_MAX_INTS];
    TRO_TRY(tro_norm_axes(c, &a->perm, x->rank, normal));
    c->out[0].shape.rank = x->rank;
    for (int i = 0; i < x->rank; i++)
        c->out[0].shape.dim[i] = x->dim[normal[i]];
    return 0;
}

/* Contents as a shape of sizes that are not negative; false when they are not known. */
static int read_shape(struct tro_infer_call *c, int i, const char *what, struct tro_shape *out,
                      bool *is_known)
{
    struct tro_dim_list v;
    *is_known = tro_known_dims(c, i, &v);
    if (!*is_known)
        return 0;
    TRO_TRY(tro_out_rank(c, 0, v.n));
    out->rank = v.n;
    for (int d = 0; d < v.n; d++) {
        if (tro_dim_hi(c->dims, v.v[d]) < 0)
            return tro_fail(c->err, TRO_E_INPUT, "%s %d is %" PRId64 ": expected 0 or more", what,
                            d, tro_dim_hi(c->dims, v.v[d]));
        out->dim[d] = v.v[d];
    }
    return 0;
}

/* ---- expand, tile ---------------------------------------------------------------------- */

/* To a shape of n unknown sizes: those of x that are neither 1 nor unknown stay. */
static int expand_unknown(struct tro_infer_call *c, int64_t n)
{
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_out_rank(c, 0, n > x->rank ? n : x->rank));
    const int first = y->rank - x->rank;
    for (int i = 0; i < y->rank; i++) {
        const tro_dim d = i < first ? tro_dim_const(1) : x->dim[i - first];
        const bool stays = i < y->rank - n || tro_dim_lo(c->dims, d) > 1 || tro_dim_is(d, 0);
        y->dim[i] = stays ? d : tro_free_dim(c);
    }
    return 0;
}

int tro_infer_expand(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    int64_t n;
    TRO_TRY(tro_want_params(c, 1, -1, "shape", &n));
    struct tro_shape to;
    bool is_known;
    TRO_TRY(read_shape(c, 1, "size of the shape", &to, &is_known));
    if (is_known)
        return tro_broadcast(c, &c->in[0].shape, &to, &c->out[0].shape);
    return n < 0 ? 0 : expand_unknown(c, n);
}

int tro_infer_tile(struct tro_infer_call *c)
{
    const struct tro_shape *const x = &c->in[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    int64_t n;
    TRO_TRY(tro_want_params(c, 1, x->rank, "repeats", &n));
    struct tro_shape times = {.rank = 0};
    bool is_known;
    TRO_TRY(read_shape(c, 1, "repeat", &times, &is_known));
    c->out[0].shape = *x;
    for (int i = 0; i < x->rank; i++) {
        tro_dim *const d = &c->out[0].shape.dim[i];
        if (is_known)
            *d = tro_dim_mul(c->dims, *d, times.dim[i]);
        else if (!tro_dim_is(*d, 0))
            *d = tro_free_dim(c);
    }
    return 0;
}

/* ---- concat, split --------------------------------------------------------------------- */

static int concat_one(struct tro_infer_call *c, int i, int axis, struct tro_shape *sum)
{
    const struct tro_shape *const x = &c->in[i].shape;
    TRO_TRY(tro_want_rank(c, i, sum->rank, sum->rank));
    for (int d = 0; d < sum->rank; d++) {
        if (d == axis) {
            sum->dim[d] = tro_dim_add(c->dims, sum->dim[d], x->dim[d]);
        } else if (tro_dims_clash(sum->dim[d], x->dim[d])) {
            return tro_fail(c->err, TRO_E_INPUT,
                            "input %d has size %" PRId64 " in axis %d: expected %" PRId64
                            " as the inputs before it, since only axis %d is joined",
                            i, tro_dim_value(x->dim[d]), d, tro_dim_value(sum->dim[d]), axis);
        } else {
            TRO_TRY(tro_same_dim(c, sum->dim[d], x->dim[d], "concat", &sum->dim[d]));
        }
    }
    return 0;
}

int tro_infer_concat(struct tro_infer_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    for (int i = 1; i < c->n_in; i++)
        TRO_TRY(tro_want_same_type(c, i, 0));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    struct tro_shape sum = c->in[0].shape;
    int axis;
    TRO_TRY(tro_norm_axis(c, a->axis, sum.rank, &axis));
    for (int i = 1; i < c->n_in; i++)
        TRO_TRY(concat_one(c, i, axis, &sum));
    c->out[0].shape = sum;
    return 0;
}

/* Size of part i: from contents, of which there may be more than TRO_MAX_INTS. */
static bool part_size(const struct tro_infer_call *c, int i, tro_dim *size)
{
    struct tro_dim_list v;
    if (c->in[1].data)
        *size = tro_dim_const(tro_load_i64(c->in[1].dtype, c->in[1].data, i));
    else if (tro_known_dims(c, 1, &v) && i < v.n)
        *size = v.v[i];
    else
        return false;
    return true;
}

static int split_axis(struct tro_infer_call *c, int axis)
{
    const tro_dim whole = c->in[0].shape.dim[axis];
    tro_dim sum = tro_dim_const(0);
    bool is_known = true;
    for (int i = 0; i < c->n_out; i++) {
        tro_dim *const part = &c->out[i].shape.dim[axis];
        if (part_size(c, i, part)) {
            if (tro_dim_hi(c->dims, *part) < 0)
                return tro_fail(c->err, TRO_E_INPUT, "size %d is %" PRId64 ": expected 0 or more",
                                i, tro_dim_hi(c->dims, *part));
            sum = tro_dim_add(c->dims, sum, *part);
        } else {
            *part = c->n_out == 1 ? whole : tro_dim_part_of(c, whole);
            is_known = false;
        }
    }
    if (is_known && tro_dims_clash(sum, whole))
        return tro_fail(c->err, TRO_E_INPUT,
                        "the sizes add up to %" PRId64 ": expected %" PRId64
                        ", the size of axis %d",
                        tro_dim_value(sum), tro_dim_value(whole), axis);
    return 0;
}

/* Equal parts, the last ones smaller or empty where they do not divide. */
static void split_evenly(struct tro_infer_call *c, int axis)
{
    struct tro_dims *const t = c->dims;
    const tro_dim whole = c->in[0].shape.dim[axis];
    const tro_dim part = tro_dim_ceil_div(t, whole, tro_dim_const(c->n_out));
    for (int i = 0; i < c->n_out; i++) {
        const tro_dim rest = tro_dim_sub(t, whole, tro_dim_mul(t, part, tro_dim_const(i)));
        const tro_dim size = i + 1 < c->n_out && !tro_dim_is_const(rest)
                                 ? part
                                 : tro_dim_min(t, part, rest);
        c->out[i].shape.dim[axis] = tro_dim_max(t, size, tro_dim_const(0));
    }
}

int tro_infer_split(struct tro_infer_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    const struct tro_shape *const sizes = &c->in[1].shape;
    const bool has_sizes = tro_has(c, 1);
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    if (has_sizes)
        TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    for (int i = 0; i < c->n_out; i++)
        c->out[i].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    if (has_sizes)
        TRO_TRY(tro_want_rank(c, 1, 1, 1));
    if (has_sizes && tro_dims_clash(sizes->dim[0], tro_dim_const(c->n_out)))
        return tro_fail(c->err, TRO_E_INPUT,
                        "there are %" PRId64 " sizes for %d outputs: expected one for each",
                        tro_dim_value(sizes->dim[0]), c->n_out);
    int axis;
    TRO_TRY(tro_norm_axis(c, a->axis, c->in[0].shape.rank, &axis));
    for (int i = 0; i < c->n_out; i++)
        c->out[i].shape = c->in[0].shape;
    if (has_sizes)
        return split_axis(c, axis);
    split_evenly(c, axis);
    return 0;
}

/* ---- pad, crop ------------------------------------------------------------------------- */

/* Axes that input i names (absent: all), n_given of them; is_known false when contents are not. */
static int read_axes(const struct tro_infer_call *c, int i, int rank, int *axes, int64_t *n,
                     bool *is_known)
{
    *is_known = true;
    *n = rank;
    for (int d = 0; d < rank; d++)
        axes[d] = d;
    if (!tro_has(c, i))
        return 0;
    TRO_TRY(tro_want_params(c, i, -1, "axes", n));
    struct tro_ints given;
    *is_known = tro_known_ints(c, i, &given);
    return *is_known ? tro_norm_axes(c, &given, rank, axes) : 0;
}

static int pad_axis(struct tro_infer_call *c, int axis, tro_dim before, tro_dim after)
{
    const struct tro_attrs_pad *const a = c->attrs;
    const tro_dim x = c->in[0].shape.dim[axis];
    const tro_dim n = tro_dim_add(c->dims, x, tro_dim_add(c->dims, before, after));
    if (tro_dim_hi(c->dims, n) < 0)
        return tro_fail(c->err, TRO_E_INPUT,
                        "pads crop axis %d of size %" PRId64 " to %" PRId64 ": expected 0 or more",
                        axis, tro_dim_hi(c->dims, x), tro_dim_hi(c->dims, n));
    if (a->mode != tro_pad_mode_constant && tro_dim_is(x, 0) && tro_dim_lo(c->dims, n) > 0)
        return tro_fail(c->err, TRO_E_INPUT,
                        "axis %d is empty: expected elements that the padding repeats, or mode "
                        "constant",
                        axis);
    c->out[0].shape.dim[axis] = n;
    return 0;
}

static int pad_axes(struct tro_infer_call *c)
{
    const struct tro_shape *const x = &c->in[0].shape;
    int axes[TRO_MAX_INTS];
    int64_t n, n_pads;
    bool is_known;
    TRO_TRY(read_axes(c, 3, x->rank, axes, &n, &is_known));
    TRO_TRY(tro_want_params(c, 1, n < 0 ? -1 : 2 * n, "pads", &n_pads));
    c->out[0].shape = *x;
    struct tro_dim_list pads;
    const bool are_pads_known = tro_known_dims(c, 1, &pads);
    if (!is_known) {
        for (int d = 0; d < x->rank; d++)
            c->out[0].shape.dim[d] = tro_free_dim(c);
        return 0;
    }
    for (int i = 0; i < n; i++) {
        if (are_pads_known)
            TRO_TRY(pad_axis(c, axes[i], pads.v[i], pads.v[n + i]));
        else
            c->out[0].shape.dim[axes[i]] = tro_free_dim(c);
    }
    return 0;
}

int tro_infer_pad(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    if (tro_has(c, 2))
        TRO_TRY(tro_want_same_type(c, 2, 0));
    if (tro_has(c, 3))
        TRO_TRY(tro_want_type(c, 3, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    if (tro_has(c, 2))
        TRO_TRY(tro_want_one(c, 2, "value"));
    return pad_axes(c);
}

int tro_infer_center_crop_pad(struct tro_infer_call *c)
{
    const struct tro_attrs_axes *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    int axes[TRO_MAX_INTS] = {0, 1, 2, 3, 4, 5, 6, 7};
    const int n_axes = a->axes.n ? a->axes.n : x->rank;
    if (n_axes > x->rank)
        return tro_fail(c->err, TRO_E_INPUT,
                        "axes has %d entries: expected at most %d, the rank of x", n_axes, x->rank);
    TRO_TRY(tro_norm_axes(c, &a->axes, x->rank, axes));
    int64_t n;
    TRO_TRY(tro_want_params(c, 1, n_axes, "shape", &n));
    struct tro_shape to = {.rank = 0};
    bool is_known;
    TRO_TRY(read_shape(c, 1, "size of the shape", &to, &is_known));
    c->out[0].shape = *x;
    for (int i = 0; i < n_axes; i++)
        c->out[0].shape.dim[axes[i]] = is_known ? to.dim[i] : tro_free_dim(c);
    return 0;
}
