/* SPDX-License-Identifier: Apache-2.0 */
/* Emitters of conv_int and conv_transpose_int as products of matrices: rows are windows, k counts
 * taps and channels. */
#include "cuda/int_mma.h"

#include "base/dtype.h"
#include "base/err.h"
#include "lower/window.h"

enum { MOST_GROUPS = 65535 };

static void set_window(struct tro_int_mma_params *p, const struct tro_win *win, int64_t channels)
{
    p->channels = tro_div_make(channels);
    p->kernel_h = tro_div_make(win->kernel[TRO_H]);
    p->kernel_w = tro_div_make(win->kernel[TRO_W]);
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        p->out[i] = tro_div_make(win->out[i]);
        p->in[i] = (int32_t)win->in[i];
        p->stride[i] = (int32_t)win->stride[i];
        p->dilation[i] = (int32_t)win->dilation[i];
        p->pad[i] = (int32_t)win->pad[i];
    }
}

/* The window, and the sizes of the product; false: beyond this kernel. */
static bool describe(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_int_mma *d,
                     struct tro_win *win)
{
    const struct tro_attrs_conv *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor x, w, y;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], &w) ||
        !tro_lower_type(l, node->out[0], &y) || x.rank < 3 || a->group < 1 ||
        a->group > MOST_GROUPS || tro_tensor_n_elems(&y) == 0 || tro_tensor_n_elems(&w) == 0 ||
        tro_tensor_n_elems(&y) > INT32_MAX || tro_tensor_n_elems(&w) > INT32_MAX ||
        !tro_win_init(win, &x, &y, w.shape + 2, &a->strides, &a->dilations, &a->pads, a->auto_pad))
        return false;
    const int64_t channels = w.shape[1];
    d->name = "conv_int";
    d->a_dtype = x.dtype;
    d->b_dtype = w.dtype;
    d->b_value = node->in[1];
    d->zero_a = node->n_in > 2 ? node->in[2] : TRO_VALUE_NONE;
    d->zero_b = node->n_in > 3 ? node->in[3] : TRO_VALUE_NONE;
    d->n_batches = a->group;
    d->weights = (struct tro_int_weights){.n_cols = w.shape[0],
                                          .n_each = w.shape[0],
                                          .k = win->n_taps * channels,
                                          .col_step = win->n_taps * channels,
                                          .inner = channels,
                                          .inner_step = win->n_taps,
                                          .outer_step = 1};
    d->p.m = (uint32_t)(tro_tensor_n_elems(&y) / w.shape[0]);
    d->p.n = (uint32_t)(w.shape[0] / a->group);
    d->p.k = (uint32_t)d->weights.k;
    d->p.n_groups = (uint32_t)a->group;
    set_window(&d->p, win, channels);
    return tro_int_mma_can_zeros(l, d, 1);
}

/* Channels last where taps are read in pieces; few channels are read one by one as they lie. */
static int place_x(struct tro_lowering *l, tro_value_id v, const struct tro_win *win,
                   struct tro_int_mma *d)
{
    const bool has_pieces = d->p.channels.d % 4 == 0;
    struct tro_arg *const x = &d->a;
    TRO_TRY(tro_lower_in(l, v, has_pieces ? TRO_FORM_CHANNELS_LAST : TRO_FORM_ANY, x));
    if (!tro_int_is_small(win, x))
        return 0;
    d->p.a_n = x->shape[0] == 1 ? 0 : (int32_t)x->stride[0];
    d->p.a_channel = x->shape[1] == 1 ? 1 : (int32_t)x->stride[1];
    d->p.a_group = d->p.n_groups == 1 ? 0 : (int32_t)d->p.channels.d * d->p.a_channel;
    for (int i = 2; i < x->rank; i++)
        d->p.a_at[i + TRO_N_SPATIAL - x->rank] = x->shape[i] == 1 ? 0 : (int32_t)x->stride[i];
    return 1;
}

static int emit(struct tro_lowering *l, const struct tro_lower_node *n, const struct tro_win *win,
                struct tro_int_mma *d)
{
    struct tro_point *point;
    int rc = place_x(l, n->node->in[0], win, d);
    if (rc <= 0)
        return rc;
    int axes[TRO_MAX_RANK] = {0};
    const int rank = d->a.rank;
    for (int i = 2; i < rank; i++)
        axes[i - 1] = i;
    axes[rank - 1] = 1;
    rc = tro_point_compile(l, n, TRO_I32, axes, rank, TRO_FORM_CHANNELS_LAST, &point);
    if (rc <= 0)
        return rc;
    d->point = point;
    return tro_int_mma_emit(l, n, d);
}

int tro_cuda_emit_conv_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_int_mma d = {0};
    struct tro_win win;
    return describe(l, n, &d, &win) ? emit(l, n, &win, &d) : 0;
}

/* ---- conv_transpose_int --------------------------------------------------------------------- */

static bool describe_transpose(struct tro_lowering *l, const struct tro_lower_node *n,
                               struct tro_int_mma *d, struct tro_win *win)
{
    const struct tro_node *const node = n->node;
    struct tro_tensor x, w, y;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], &w) ||
        !tro_lower_type(l, node->out[0], &y) || tro_tensor_n_elems(&y) == 0 ||
        tro_tensor_n_elems(&w) == 0 || tro_tensor_n_elems(&y) > INT32_MAX ||
        tro_tensor_n_elems(&w) > INT32_MAX || !tro_win_init_tiles(win, n->attrs, &x, &w, &y))
        return false;
    const int64_t n_each = w.shape[1], n_taps = tro_tensor_n_elems(&w) / (w.shape[0] * n_each);
    d->name = "conv_transpose_int";
    d->a_dtype = x.dtype;
    d->b_dtype = w.dtype;
    d->b_value = node->in[1];
    d->zero_a = node->n_in > 2 ? node->in[2] : TRO_VALUE_NONE;
    d->zero_b = node->n_in > 3 ? node->in[3] : TRO_VALUE_NONE;
    d->n_batches = 1;
    d->is_windows = true;
    d->weights = (struct tro_int_weights){.n_cols = n_taps * n_each,
                                          .n_each = n_each,
                                          .k = w.shape[0],
                                          .col_step = n_taps,
                                          .tap_step = 1,
                                          .inner = w.shape[0],
                                          .inner_step = n_taps * n_each};
    d->p.m = (uint32_t)(tro_tensor_n_elems(&x) / x.shape[1]);
    d->p.n = (uint32_t)d->weights.n_cols;
    d->p.k = (uint32_t)d->weights.k;
    d->p.n_groups = 1;
    set_window(&d->p, win, d->weights.k);
    d->p.n_each = tro_div_make(n_each);
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        const int axis = i + x.rank - TRO_N_SPATIAL;
        d->p.each[i] = tro_div_make(axis < 2 ? 1 : w.shape[axis]);
    }
    return tro_int_mma_can_zeros(l, d, 1);
}

int tro_cuda_emit_conv_transpose_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_int_mma d = {0};
    struct tro_win win;
    return describe_transpose(l, n, &d, &win) ? emit(l, n, &win, &d) : 0;
}
