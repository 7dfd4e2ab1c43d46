/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of signal processing and of classic machine learning. */
#include "graph/infer_util.h"

#include "base/dtype.h"

/* One-element input i as a size; false when it is absent or not known. */
static bool known_size(const struct tro_infer_call *c, int i, tro_dim *out)
{
    struct tro_dim_list v;
    if (!tro_known_dims(c, i, &v) || v.n != 1)
        return false;
    *out = v.v[0];
    return true;
}

static int want_positive(const struct tro_infer_call *c, tro_dim d, const char *what)
{
    if (tro_dim_hi(c->dims, d) >= 1 && tro_dim_lo(c->dims, d) <= INT32_MAX)
        return 0;
    return tro_fail(c->err, TRO_E_INPUT, "%s is %" PRId64 ": expected 1 to %d", what,
                    tro_dim_hi(c->dims, d), INT32_MAX);
}

/* Bins of a transform of n real samples that are not mirrored by others. */
static tro_dim half_of(struct tro_infer_call *c, tro_dim n)
{
    return tro_dim_add(c->dims, tro_dim_div(c->dims, n, tro_dim_const(2)), tro_dim_const(1));
}

/* ---- Fourier transforms ---------------------------------------------------------------- */

/* Last axis of x: 1 for real, 2 for complex; onesided output only of real input. */
static int want_complex(const struct tro_infer_call *c, bool is_onesided)
{
    const struct tro_shape *const x = &c->in[0].shape;
    const tro_dim last = x->dim[x->rank - 1];
    if (tro_dim_is_const(last) && !tro_dim_is(last, 1) && !tro_dim_is(last, 2))
        return tro_fail(c->err, TRO_E_INPUT,
                        "the last axis of x has size %" PRId64
                        ": expected 1 (real) or 2 (real and imaginary)",
                        tro_dim_value(last));
    if (is_onesided && tro_dims_clash(last, tro_dim_const(1)))
        return tro_fail(c->err, TRO_E_INPUT,
                        "x is complex: expected real input for a onesided result");
    return 0;
}

static int dft_axis(struct tro_infer_call *c, int64_t given)
{
    const struct tro_attrs_dft *const a = c->attrs;
    struct tro_shape *const y = &c->out[0].shape;
    int axis;
    TRO_TRY(tro_norm_axis(c, given, y->rank, &axis));
    if (axis == y->rank - 1)
        return tro_fail(c->err, TRO_E_INPUT,
                        "axis %d holds real and imaginary parts: expected one before it", axis);
    tro_dim n = y->dim[axis];
    if (tro_has(c, 1) && !known_size(c, 1, &n)) {
        y->dim[axis] = tro_free_dim(c);
        return 0;
    }
    TRO_TRY(want_positive(c, n, "the length of the transform"));
    y->dim[axis] = a->is_onesided ? half_of(c, n) : n;
    return 0;
}

int tro_infer_dft(struct tro_infer_call *c)
{
    const struct tro_attrs_dft *const a = c->attrs;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    for (int i = 1; i < 3; i++)
        if (tro_has(c, i))
            TRO_TRY(tro_want_type(c, i, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    if (a->is_inverse && a->is_onesided)
        return tro_fail(c->err, TRO_E_UNSUPPORTED,
                        "is_inverse and is_onesided are both set: expected one of them");
    TRO_TRY(tro_want_rank(c, 0, 2, TRO_MAX_RANK));
    TRO_TRY(want_complex(c, a->is_onesided != 0));
    for (int i = 1; i < 3; i++)
        if (tro_has(c, i))
            TRO_TRY(tro_want_one(c, i, i == 1 ? "length" : "axis"));
    *y = c->in[0].shape;
    y->dim[y->rank - 1] = tro_dim_const(2);
    struct tro_ints axis = {.n = 1, .v[0] = -2};
    if (!tro_has(c, 2) || tro_known_ints(c, 2, &axis))
        return dft_axis(c, axis.v[0]);
    for (int i = 0; i < y->rank - 1; i++)
        y->dim[i] = tro_free_dim(c);
    return 0;
}

/* Samples in a frame: input 3, or as many as the window has; -1 when that is not known. */
static int frame_length(struct tro_infer_call *c, tro_dim *n)
{
    tro_dim given;
    *n = tro_dim_const(-1);
    if (!tro_has(c, 2) && !tro_has(c, 3))
        return tro_fail(c->err, TRO_E_INPUT,
                        "a window and the frame length are absent: expected one of them at least");
    if (tro_has(c, 2)) {
        TRO_TRY(tro_want_rank(c, 2, 1, 1));
        *n = c->in[2].shape.dim[0];
    }
    if (known_size(c, 3, &given)) {
        if (tro_has(c, 2))
            TRO_TRY(tro_same_dim(c, *n, given, "window and frame length", &given));
        *n = given;
    }
    const bool is_known = tro_has(c, 2) || known_size(c, 3, &given);
    return is_known ? want_positive(c, *n, "the frame length") : 0;
}

static int set_frames(struct tro_infer_call *c, tro_dim n)
{
    const struct tro_attrs_stft *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    const bool is_known = !tro_dim_is(n, -1);
    y->rank = 4;
    y->dim[0] = x->dim[0];
    y->dim[2] = !is_known ? tro_free_dim(c) : a->is_onesided ? half_of(c, n) : n;
    y->dim[3] = tro_dim_const(2);
    tro_dim step;
    if (!known_size(c, 1, &step) || !is_known) {
        y->dim[1] = tro_free_dim(c);
        return 0;
    }
    TRO_TRY(want_positive(c, step, "the frame step"));
    const tro_dim rest = tro_dim_sub(c->dims, x->dim[1], n);
    if (tro_dim_hi(c->dims, rest) < 0)
        return tro_fail(c->err, TRO_E_INPUT,
                        "the signal has at most %" PRId64 " samples: expected a frame at least",
                        tro_dim_hi(c->dims, x->dim[1]));
    y->dim[1] = tro_dim_add(c->dims, tro_dim_div(c->dims, rest, step), tro_dim_const(1));
    return 0;
}

int tro_infer_stft(struct tro_infer_call *c)
{
    const struct tro_attrs_stft *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    TRO_TRY(tro_want_type(c, 1, TRO_T_INDEX));
    if (tro_has(c, 2))
        TRO_TRY(tro_want_same_type(c, 2, 0));
    if (tro_has(c, 3))
        TRO_TRY(tro_want_type(c, 3, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 3, 3));
    TRO_TRY(want_complex(c, a->is_onesided != 0));
    TRO_TRY(tro_want_one(c, 1, "frame step"));
    if (tro_has(c, 3))
        TRO_TRY(tro_want_one(c, 3, "frame length"));
    tro_dim n;
    TRO_TRY(frame_length(c, &n));
    return set_frames(c, n);
}

int tro_infer_mel_weights(struct tro_infer_call *c)
{
    static const char *const names[5] = {"bins", "dft length", "sample rate", "lower edge",
                                         "upper edge"};
    const struct tro_attrs_dtype *const a = c->attrs;
    for (int i = 0; i < 5; i++)
        TRO_TRY(tro_want_type(c, i, i < 3 ? TRO_T_INDEX : TRO_T_FLOAT));
    if (a->dtype >= TRO_N_DTYPES || !(TRO_T(a->dtype) & TRO_T_NUMBER))
        return tro_fail(c->err, TRO_E_INPUT, "dtype is %s: expected a type of numbers",
                        tro_dtype_name(a->dtype));
    c->out[0].dtype = a->dtype;
    if (!tro_ranks_known(c))
        return 0;
    for (int i = 0; i < 5; i++)
        TRO_TRY(tro_want_one(c, i, names[i]));
    c->out[0].shape.rank = 2;
    for (int i = 0; i < 2; i++) {
        tro_dim *const size = &c->out[0].shape.dim[1 - i];
        if (!known_size(c, i, size)) {
            *size = tro_free_dim(c);
            continue;
        }
        TRO_TRY(want_positive(c, *size, names[i]));
        *size = i == 0 ? *size : half_of(c, *size);
    }
    return 0;
}

int tro_infer_det(struct tro_infer_call *c)
{
    const struct tro_shape *const x = &c->in[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 2, TRO_MAX_RANK));
    tro_dim n;
    TRO_TRY(tro_same_dim(c, x->dim[x->rank - 2], x->dim[x->rank - 1], "rows and columns", &n));
    c->out[0].shape = *x;
    c->out[0].shape.rank = x->rank - 2;
    return 0;
}

/* ---- tables and trees ------------------------------------------------------------------ */

/* Input i is a vector of n elements; n of -1 is set to what it has. */
static int want_vector(const struct tro_infer_call *c, int i, tro_dim *n, const char *what)
{
    TRO_TRY(tro_want_rank(c, i, 1, 1));
    if (tro_dim_is(*n, -1))
        *n = c->in[i].shape.dim[0];
    return tro_same_dim(c, *n, c->in[i].shape.dim[0], what, n);
}

int tro_infer_tfidf(struct tro_infer_call *c)
{
    const struct tro_attrs_tfidf *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_INDEX));
    for (int i = 1; i < 4; i++)
        TRO_TRY(tro_want_type(c, i, i == 1 ? TRO_T_INDEX : TRO_T(TRO_I64)));
    TRO_TRY(tro_want_type(c, 4, TRO_T(TRO_F32)));
    c->out[0].dtype = TRO_F32;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 1, 2));
    tro_dim n_pool = tro_dim_const(-1), n_counts = n_pool, n_grams = n_pool;
    TRO_TRY(want_vector(c, 1, &n_pool, "pool"));
    TRO_TRY(want_vector(c, 2, &n_counts, "counts"));
    TRO_TRY(want_vector(c, 3, &n_grams, "indexes"));
    TRO_TRY(want_vector(c, 4, &n_grams, "weights and indexes"));
    TRO_TRY(tro_want_attr(c, a->n_outputs, 1, INT32_MAX, "n_outputs"));
    TRO_TRY(tro_want_attr(c, a->min_gram, 1, INT32_MAX, "min_gram"));
    TRO_TRY(tro_want_attr(c, a->max_gram, a->min_gram, INT32_MAX, "max_gram"));
    TRO_TRY(tro_want_attr(c, a->max_skip, 0, INT32_MAX, "max_skip"));
    c->out[0].shape = c->in[0].shape;
    c->out[0].shape.dim[c->in[0].shape.rank - 1] = tro_dim_const(a->n_outputs);
    return 0;
}

int tro_infer_lookup(struct tro_infer_call *c)
{
    for (int i = 0; i < 4; i++)
        TRO_TRY(tro_want_type(c, i, TRO_T_NUMBER | TRO_T_BOOL));
    TRO_TRY(tro_want_same_type(c, 1, 0));
    TRO_TRY(tro_want_same_type(c, 3, 2));
    c->out[0].dtype = c->in[2].dtype;
    if (!tro_ranks_known(c))
        return 0;
    tro_dim n = tro_dim_const(-1);
    TRO_TRY(want_vector(c, 1, &n, "keys"));
    TRO_TRY(want_vector(c, 2, &n, "values and keys"));
    TRO_TRY(tro_want_one(c, 3, "default"));
    c->out[0].shape = c->in[0].shape;
    return 0;
}

static int want_tree_tables(const struct tro_infer_call *c)
{
    tro_dim n_nodes = tro_dim_const(-1), n_leaves = n_nodes, n_roots = n_nodes, n_members = n_nodes;
    tro_dim columns;
    TRO_TRY(tro_want_rank(c, 1, 2, 2));
    TRO_TRY(tro_same_dim(c, c->in[1].shape.dim[1], tro_dim_const(8), "columns of nodes", &columns));
    TRO_TRY(want_vector(c, 2, &n_nodes, "splits"));
    TRO_TRY(tro_same_dim(c, n_nodes, c->in[1].shape.dim[0], "splits and nodes", &n_nodes));
    TRO_TRY(want_vector(c, 3, &n_leaves, "leaf targets"));
    TRO_TRY(want_vector(c, 4, &n_leaves, "leaf weights and leaf targets"));
    TRO_TRY(want_vector(c, 5, &n_roots, "roots"));
    return tro_has(c, 6) ? want_vector(c, 6, &n_members, "set members") : 0;
}

int tro_infer_tree_ensemble(struct tro_infer_call *c)
{
    const struct tro_attrs_tree_ensemble *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    for (int i = 1; i < 7; i++) {
        const bool is_index = i == 1 || i == 3 || i == 5;
        if (is_index)
            TRO_TRY(tro_want_type(c, i, TRO_T(TRO_I64)));
        else if (tro_has(c, i))
            TRO_TRY(tro_want_same_type(c, i, 0));
    }
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 2, 2));
    TRO_TRY(tro_want_attr(c, a->n_targets, 1, INT32_MAX, "n_targets"));
    TRO_TRY(want_tree_tables(c));
    c->out[0].shape = (struct tro_shape){
        .rank = 2, .dim = {c->in[0].shape.dim[0], tro_dim_const(a->n_targets)}};
    return 0;
}
