/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of operators that slide windows over pictures: convolutions and pooling. */
#include "graph/infer_util.h"

#include "base/dtype.h"

/* Window parameters are bounded so that products of two of them fit in 62 bits. */
#define MAX_PARAM INT32_MAX
#define MAX_SPATIAL (TRO_MAX_RANK - 2)

/* Attributes that describe windows, of any operator here; NULL where it has none. */
struct windows {
    const struct tro_ints *kernel, *strides, *dilations, *pads;
    enum tro_auto_pad auto_pad;
    bool ceil_mode;
};

static int want_windows(const struct tro_infer_call *c, const struct windows *w, int n)
{
    if (w->kernel)
        TRO_TRY(tro_want_list(c, w->kernel, n, 1, MAX_PARAM, "kernel"));
    TRO_TRY(tro_want_list(c, w->strides, n, 1, MAX_PARAM, "strides"));
    if (w->dilations)
        TRO_TRY(tro_want_list(c, w->dilations, n, 1, MAX_PARAM, "dilations"));
    return tro_want_list(c, w->pads, 2 * n, -MAX_PARAM, MAX_PARAM, "pads");
}

static struct tro_window window_at(const struct windows *w, int i, int n, int64_t kernel)
{
    return (struct tro_window){.kernel = kernel,
                               .stride = w->strides->v[i],
                               .dilation = w->dilations ? w->dilations->v[i] : 1,
                               .pad_begin = w->pads->v[i],
                               .pad_end = w->pads->v[n + i],
                               .auto_pad = w->auto_pad,
                               .ceil_mode = w->ceil_mode};
}

/* Number of windows along spatial axis i of n; a kernel that depends on symbols leaves it open. */
static int count_windows(struct tro_infer_call *c, const struct windows *w, int i, int n,
                         tro_dim kernel, tro_dim *out)
{
    const tro_dim in = c->in[0].shape.dim[2 + i];
    if (!tro_dim_is_const(kernel)) {
        *out = tro_free_dim(c);
        return 0;
    }
    TRO_TRY(tro_want_attr(c, tro_dim_value(kernel), 1, MAX_PARAM, "the size of the window"));
    const struct tro_window at = window_at(w, i, n, tro_dim_value(kernel));
    *out = tro_window_out(c->dims, in, &at);
    if (tro_dim_hi(c->dims, *out) < 1)
        return tro_fail(
            c->err, TRO_E_INPUT,
            "no window of %" PRId64 " with dilation %" PRId64
            " fits into spatial axis %d of size %" PRId64 " with pads %" PRId64 " and %" PRId64,
            at.kernel, at.dilation, i, tro_dim_hi(c->dims, in), at.pad_begin, at.pad_end);
    return 0;
}

/* ---- convolutions ---------------------------------------------------------------------- */

/* x [n, c, spatial], w with as many axes; gives the number of spatial axes. */
static int want_pictures(const struct tro_infer_call *c, int *n_spatial)
{
    const int rank = c->in[0].shape.rank;
    TRO_TRY(tro_want_rank(c, 0, 3, TRO_MAX_RANK));
    TRO_TRY(tro_want_rank(c, 1, rank, rank));
    *n_spatial = rank - 2;
    return 0;
}

static int want_channels(const struct tro_infer_call *c, int64_t group)
{
    const tro_dim x = c->in[0].shape.dim[1], w = c->in[1].shape.dim[1], m = c->in[1].shape.dim[0];
    TRO_TRY(tro_want_attr(c, group, 1, MAX_PARAM, "group"));
    const tro_dim want = tro_dim_mul(c->dims, w, tro_dim_const(group));
    if (tro_dims_clash(x, want))
        return tro_fail(c->err, TRO_E_INPUT,
                        "w has %" PRId64 " channels a group, x has %" PRId64 " with group %" PRId64
                        ": expected x to have %" PRId64,
                        tro_dim_value(w), tro_dim_value(x), group, tro_dim_value(want));
    if (tro_dim_is_const(m) && tro_dim_value(m) % group != 0)
        return tro_fail(c->err, TRO_E_INPUT,
                        "w has %" PRId64 " outputs: expected a multiple of group %" PRId64,
                        tro_dim_value(m), group);
    return 0;
}

/* Input i is absent or [m]. */
static int want_bias(const struct tro_infer_call *c, int i, tro_dim m)
{
    if (!tro_has(c, i))
        return 0;
    TRO_TRY(tro_want_rank(c, i, 1, 1));
    tro_dim same;
    return tro_same_dim(c, c->in[i].shape.dim[0], m, "bias and outputs of w", &same);
}

/* x [n, c, spatial], w [m, c / group, kernel]: everything but the further inputs. */
static int set_conv_shape(struct tro_infer_call *c)
{
    const struct tro_attrs_conv *const a = c->attrs;
    const struct tro_shape *const w = &c->in[1].shape;
    struct tro_shape *const y = &c->out[0].shape;
    int n;
    TRO_TRY(want_pictures(c, &n));
    TRO_TRY(want_channels(c, a->group));
    const struct windows windows = {.strides = &a->strides,
                                    .dilations = &a->dilations,
                                    .pads = &a->pads,
                                    .auto_pad = a->auto_pad};
    TRO_TRY(want_windows(c, &windows, n));
    y->rank = n + 2;
    y->dim[0] = c->in[0].shape.dim[0];
    y->dim[1] = w->dim[0];
    for (int i = 0; i < n; i++)
        TRO_TRY(count_windows(c, &windows, i, n, w->dim[2 + i], &y->dim[2 + i]));
    return 0;
}

/* Pictures with m channels, as far as the one known rank of x and w tells. */
static void set_open_pictures(struct tro_infer_call *c, bool has_channels, tro_dim m)
{
    const struct tro_shape *const x = &c->in[0].shape, *const w = &c->in[1].shape;
    struct tro_shape *const y = &c->out[0].shape;
    y->rank = x->rank >= 0 ? x->rank : w->rank;
    for (int i = 0; i < y->rank; i++)
        y->dim[i] = i == 1 && has_channels ? m : tro_free_dim(c);
}

static int set_conv_types(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    TRO_TRY(tro_want_same_type(c, 1, 0));
    c->out[0].dtype = c->in[0].dtype;
    return tro_has(c, 2) ? tro_want_same_type(c, 2, 0) : 0;
}

int tro_infer_conv(struct tro_infer_call *c)
{
    TRO_TRY(set_conv_types(c));
    if (!tro_ranks_known(c)) {
        set_open_pictures(c, c->in[1].shape.rank > 2, c->in[1].shape.dim[0]);
        return 0;
    }
    TRO_TRY(set_conv_shape(c));
    return want_bias(c, 2, c->in[1].shape.dim[0]);
}

/* Zero of x: a scalar. Zero of w: a scalar or [n]. */
static int want_zeros(const struct tro_infer_call *c, tro_dim n)
{
    if (tro_has(c, 2))
        TRO_TRY(tro_want_one(c, 2, "zero of x"));
    if (!tro_has(c, 3) || c->in[3].shape.rank == 0)
        return 0;
    TRO_TRY(tro_want_rank(c, 3, 0, 1));
    return tro_want_broadcast(c, c->in[3].shape.dim[0], n, "zero of w and outputs of w");
}

static int set_int_types(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_8BIT));
    TRO_TRY(tro_want_type(c, 1, TRO_T_8BIT));
    for (int i = 2; i < 4; i++)
        if (tro_has(c, i))
            TRO_TRY(tro_want_same_type(c, i, i - 2));
    c->out[0].dtype = TRO_I32;
    return 0;
}

int tro_infer_conv_int(struct tro_infer_call *c)
{
    TRO_TRY(set_int_types(c));
    if (!tro_ranks_known(c)) {
        set_open_pictures(c, c->in[1].shape.rank > 2, c->in[1].shape.dim[0]);
        return 0;
    }
    TRO_TRY(set_conv_shape(c));
    return want_zeros(c, c->in[1].shape.dim[0]);
}

/* ---- conv_transpose -------------------------------------------------------------------- */

/* Size that windows cover when each input element places one. */
static tro_dim covered(struct tro_dims *t, tro_dim in, const struct tro_window *w, int64_t extra)
{
    const tro_dim steps = tro_dim_mul(t, tro_dim_sub(t, in, tro_dim_const(1)),
                                      tro_dim_const(w->stride));
    const int64_t extent = (w->kernel - 1) * w->dilation + 1;
    return tro_dim_add(t, steps, tro_dim_const(extent - w->pad_begin - w->pad_end + extra));
}

static int transpose_axis(struct tro_infer_call *c, const struct windows *w, int i, int n,
                          tro_dim *out)
{
    const struct tro_attrs_conv_transpose *const a = c->attrs;
    const tro_dim in = c->in[0].shape.dim[2 + i], kernel = c->in[1].shape.dim[2 + i];
    if (a->output_shape.n) {
        *out = tro_dim_const(a->output_shape.v[i]);
    } else if (a->auto_pad != tro_auto_pad_explicit) {
        *out = tro_dim_mul(c->dims, in, tro_dim_const(a->strides.v[i]));
    } else if (tro_dim_is_const(kernel)) {
        TRO_TRY(tro_want_attr(c, tro_dim_value(kernel), 1, MAX_PARAM, "the size of the window"));
        const struct tro_window at = window_at(w, i, n, tro_dim_value(kernel));
        *out = covered(c->dims, in, &at, a->output_padding.v[i]);
        if (tro_dim_hi(c->dims, *out) < 1)
            return tro_fail(c->err, TRO_E_INPUT,
                            "pads %" PRId64 " and %" PRId64
                            " leave nothing of spatial axis %d: expected smaller ones",
                            at.pad_begin, at.pad_end, i);
    } else {
        *out = tro_free_dim(c);
    }
    return 0;
}

static int want_transpose_channels(const struct tro_infer_call *c, int64_t group)
{
    const tro_dim x = c->in[0].shape.dim[1], w = c->in[1].shape.dim[0];
    TRO_TRY(tro_want_attr(c, group, 1, MAX_PARAM, "group"));
    if (tro_dims_clash(x, w))
        return tro_fail(c->err, TRO_E_INPUT,
                        "w takes %" PRId64 " channels, x has %" PRId64 ": expected equal numbers",
                        tro_dim_value(w), tro_dim_value(x));
    if (tro_dim_is_const(x) && tro_dim_value(x) % group != 0)
        return tro_fail(c->err, TRO_E_INPUT,
                        "x has %" PRId64 " channels: expected a multiple of group %" PRId64,
                        tro_dim_value(x), group);
    return 0;
}

/* Everything but types and further inputs; m: channels of the result. */
static int set_transpose_shape(struct tro_infer_call *c, tro_dim *m)
{
    const struct tro_attrs_conv_transpose *const a = c->attrs;
    struct tro_shape *const y = &c->out[0].shape;
    int n;
    TRO_TRY(want_pictures(c, &n));
    TRO_TRY(want_transpose_channels(c, a->group));
    *m = tro_dim_mul(c->dims, c->in[1].shape.dim[1], tro_dim_const(a->group));
    const struct windows windows = {.strides = &a->strides,
                                    .dilations = &a->dilations,
                                    .pads = &a->pads,
                                    .auto_pad = a->auto_pad};
    TRO_TRY(want_windows(c, &windows, n));
    TRO_TRY(tro_want_list(c, &a->output_padding, n, 0, MAX_PARAM, "output_padding"));
    if (a->output_shape.n)
        TRO_TRY(tro_want_list(c, &a->output_shape, n, 1, MAX_PARAM, "output_shape"));
    y->rank = n + 2;
    y->dim[0] = c->in[0].shape.dim[0];
    y->dim[1] = *m;
    for (int i = 0; i < n; i++)
        TRO_TRY(transpose_axis(c, &windows, i, n, &y->dim[2 + i]));
    return 0;
}

int tro_infer_conv_transpose(struct tro_infer_call *c)
{
    tro_dim m;
    TRO_TRY(set_conv_types(c));
    if (!tro_ranks_known(c)) {
        set_open_pictures(c, false, tro_dim_const(0));
        return 0;
    }
    TRO_TRY(set_transpose_shape(c, &m));
    return want_bias(c, 2, m);
}

int tro_infer_conv_transpose_int(struct tro_infer_call *c)
{
    tro_dim m;
    TRO_TRY(set_int_types(c));
    if (!tro_ranks_known(c)) {
        set_open_pictures(c, false, tro_dim_const(0));
        return 0;
    }
    TRO_TRY(set_transpose_shape(c, &m));
    return want_zeros(c, c->in[1].shape.dim[1]);
}

/* ---- deform_conv ----------------------------------------------------------------------- */

/* Input i is [n, offset groups * kernel places * per_place, output height, output width]. */
static int want_field(const struct tro_infer_call *c, int i, int64_t per_place, const char *what)
{
    const struct tro_attrs_deform_conv *const a = c->attrs;
    const struct tro_shape *const w = &c->in[1].shape, *const y = &c->out[0].shape;
    const tro_dim places = tro_dim_mul(c->dims, w->dim[2], w->dim[3]);
    const tro_dim groups = tro_dim_mul(c->dims, tro_dim_const(a->offset_group),
                                       tro_dim_const(per_place));
    const tro_dim want[4] = {y->dim[0], tro_dim_mul(c->dims, groups, places), y->dim[2], y->dim[3]};
    TRO_TRY(tro_want_rank(c, i, 4, 4));
    tro_dim same;
    for (int d = 0; d < 4; d++)
        TRO_TRY(tro_same_dim(c, c->in[i].shape.dim[d], want[d], what, &same));
    return 0;
}

int tro_infer_deform_conv(struct tro_infer_call *c)
{
    const struct tro_attrs_deform_conv *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape, *const w = &c->in[1].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    for (int i = 1; i < 5; i++)
        if (tro_has(c, i))
            TRO_TRY(tro_want_same_type(c, i, 0));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 4, 4));
    TRO_TRY(tro_want_rank(c, 1, 4, 4));
    TRO_TRY(want_channels(c, a->group));
    TRO_TRY(want_bias(c, 3, w->dim[0]));
    TRO_TRY(tro_want_attr(c, a->offset_group, 1, MAX_PARAM, "offset_group"));
    if (tro_dim_is_const(x->dim[1]) && tro_dim_value(x->dim[1]) % a->offset_group != 0)
        return tro_fail(c->err, TRO_E_INPUT,
                        "x has %" PRId64 " channels: expected a multiple of offset_group %" PRId64,
                        tro_dim_value(x->dim[1]), a->offset_group);
    const struct windows windows = {
        .strides = &a->strides, .dilations = &a->dilations, .pads = &a->pads};
    TRO_TRY(want_windows(c, &windows, 2));
    *y = (struct tro_shape){.rank = 4, .dim = {x->dim[0], w->dim[0]}};
    for (int i = 0; i < 2; i++)
        TRO_TRY(count_windows(c, &windows, i, 2, w->dim[2 + i], &y->dim[2 + i]));
    TRO_TRY(want_field(c, 2, 2, "offset"));
    return tro_has(c, 4) ? want_field(c, 4, 1, "mask") : 0;
}

/* ---- pooling --------------------------------------------------------------------------- */

static int set_pool_types(struct tro_infer_call *c)
{
    const struct tro_attrs_pool *const a = c->attrs;
    const bool is_max = a->kind == tro_pool_max;
    TRO_TRY(tro_want_type(c, 0, is_max ? TRO_T_NUMBER : TRO_T_FLOAT));
    if (c->n_out > 1 && !is_max)
        return tro_fail(c->err, TRO_E_INPUT,
                        "expected one output, found 2: only max pooling has indices");
    if (a->kind == tro_pool_lp)
        TRO_TRY(tro_want_attr(c, a->p, 1, MAX_PARAM, "p"));
    c->out[0].dtype = c->in[0].dtype;
    if (c->n_out > 1)
        c->out[1].dtype = TRO_I64;
    return 0;
}

int tro_infer_pool(struct tro_infer_call *c)
{
    const struct tro_attrs_pool *const a = c->attrs;
    struct tro_shape y = c->in[0].shape;
    TRO_TRY(set_pool_types(c));
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 3, TRO_MAX_RANK));
    const int n = y.rank - 2;
    const struct windows windows = {.kernel = &a->kernel,
                                    .strides = &a->strides,
                                    .dilations = &a->dilations,
                                    .pads = &a->pads,
                                    .auto_pad = a->auto_pad,
                                    .ceil_mode = a->ceil_mode != 0};
    TRO_TRY(want_windows(c, &windows, n));
    for (int i = 0; i < n; i++)
        TRO_TRY(count_windows(c, &windows, i, n, tro_dim_const(a->kernel.v[i]), &y.dim[2 + i]));
    for (int i = 0; i < c->n_out; i++)
        c->out[i].shape = y;
    return 0;
}

/* The shape that input 2 gives; batch and channels are those of x. */
static int unpool_to(struct tro_infer_call *c, struct tro_shape *y)
{
    int64_t n;
    struct tro_dim_list to;
    TRO_TRY(tro_want_params(c, 2, y->rank, "output shape", &n));
    const bool is_known = tro_known_dims(c, 2, &to);
    for (int i = 0; i < y->rank; i++) {
        if (is_known && i < 2)
            TRO_TRY(tro_same_dim(c, y->dim[i], to.v[i], "output shape and x", &y->dim[i]));
        else if (i >= 2)
            y->dim[i] = is_known ? to.v[i] : tro_free_dim(c);
    }
    return 0;
}

int tro_infer_max_unpool(struct tro_infer_call *c)
{
    const struct tro_attrs_max_unpool *const a = c->attrs;
    struct tro_shape y = c->in[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    if (tro_has(c, 2))
        TRO_TRY(tro_want_type(c, 2, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    int n;
    TRO_TRY(want_pictures(c, &n));
    tro_dim same;
    for (int i = 0; i < y.rank; i++)
        TRO_TRY(tro_same_dim(c, y.dim[i], c->in[1].shape.dim[i], "indices and x", &same));
    const struct windows windows = {.kernel = &a->kernel, .strides = &a->strides, .pads = &a->pads};
    TRO_TRY(want_windows(c, &windows, n));
    for (int i = 0; i < n; i++) {
        const struct tro_window at = window_at(&windows, i, n, a->kernel.v[i]);
        y.dim[2 + i] = covered(c->dims, y.dim[2 + i], &at, 0);
    }
    if (tro_has(c, 2))
        TRO_TRY(unpool_to(c, &y));
    c->out[0].shape = y;
    return 0;
}

/* ---- col2im ---------------------------------------------------------------------------- */

/* Blocks that fit into the image must be as many as x has columns. */
static int want_columns(struct tro_infer_call *c, const struct windows *w,
                        const struct tro_dim_list *image, const struct tro_dim_list *block)
{
    tro_dim n_blocks = tro_dim_const(1);
    for (int i = 0; i < image->n; i++) {
        if (!tro_dim_is_const(block->v[i]))
            return 0;
        TRO_TRY(tro_want_attr(c, tro_dim_value(block->v[i]), 1, MAX_PARAM, "the size of a block"));
        const struct tro_window at = window_at(w, i, image->n, tro_dim_value(block->v[i]));
        n_blocks = tro_dim_mul(c->dims, n_blocks, tro_window_out(c->dims, image->v[i], &at));
    }
    tro_dim same;
    return tro_same_dim(c, c->in[0].shape.dim[2], n_blocks, "columns of x and blocks", &same);
}

/* Channels of x are those of the result times the elements of a block. */
static int count_channels(struct tro_infer_call *c, const struct tro_dim_list *block, tro_dim *out)
{
    const tro_dim all = c->in[0].shape.dim[1];
    tro_dim n = tro_dim_const(1);
    for (int i = 0; i < block->n; i++)
        n = tro_dim_mul(c->dims, n, block->v[i]);
    if (tro_dim_is_const(n) &&
        (tro_dim_value(n) < 1 || (tro_dim_is_const(all) && tro_dim_value(all) % tro_dim_value(n))))
        return tro_fail(c->err, TRO_E_INPUT,
                        "x has %" PRId64 " rows: expected a multiple of the %" PRId64
                        " elements of a block",
                        tro_dim_value_or_minus1(all), tro_dim_value(n));
    *out = tro_dim_div(c->dims, all, n);
    return 0;
}

int tro_infer_col2im(struct tro_infer_call *c)
{
    const struct tro_attrs_col2im *const a = c->attrs;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    TRO_TRY(tro_want_type(c, 2, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    const int n = a->strides.n;
    int64_t n_found;
    TRO_TRY(tro_want_rank(c, 0, 3, 3));
    TRO_TRY(tro_want_attr(c, n, 1, MAX_SPATIAL, "the number of strides"));
    TRO_TRY(tro_want_params(c, 1, n, "image shape", &n_found));
    TRO_TRY(tro_want_params(c, 2, n, "block shape", &n_found));
    const struct windows windows = {
        .strides = &a->strides, .dilations = &a->dilations, .pads = &a->pads};
    TRO_TRY(want_windows(c, &windows, n));
    struct tro_dim_list image, block;
    const bool has_image = tro_known_dims(c, 1, &image), has_block = tro_known_dims(c, 2, &block);
    y->rank = n + 2;
    y->dim[0] = c->in[0].shape.dim[0];
    for (int i = 0; i < n; i++)
        y->dim[2 + i] = has_image ? image.v[i] : tro_free_dim(c);
    if (has_block)
        TRO_TRY(count_channels(c, &block, &y->dim[1]));
    else
        y->dim[1] = tro_dim_part_of(c, c->in[0].shape.dim[1]);
    return has_image && has_block ? want_columns(c, &windows, &image, &block) : 0;
}
