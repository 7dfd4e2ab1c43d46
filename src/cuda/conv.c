/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conv as a matrix product (cuda/gemm.h): a row for each output pixel, a product for each group.
 * x is read where it lies when channels are last and in whole chunks of 16 bytes. Very few channels
 * are gathered one by one from where they lie, in any form, or from the frames of a camera that
 * they are made of; else a copy with padded channels is read.
 */
#include "cuda/cuda.h"
#include "cuda/gemm.h"
#include "lower/window.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

enum { GATHERED_CHANNELS = 4, GATHERED_K = 512, BEYOND = INT16_MAX };

struct conv {
    struct tro_gemm_conv as; /* for libraries */
    int rank;
    int64_t k;                /* of a row of weights, padded */
    struct tro_frames frames; /* that x is made of, with g.frames */
    struct tro_gemm g;
};

static bool find_sizes(struct tro_lowering *l, const struct tro_lower_node *n, struct conv *c)
{
    const struct tro_attrs_conv *const attrs = n->attrs;
    struct tro_tensor x, w, y;
    if (!tro_lower_type(l, n->node->in[0], &x) || !tro_lower_const(l, n->node->in[1], &w) ||
        !tro_lower_type(l, n->node->out[0], &y))
        return false;
    if (!tro_gemm_math_of(l, x.dtype, &c->g.math) ||
        !tro_win_init(&c->as.win, &x, &y, w.shape + 2, &attrs->strides, &attrs->dilations,
                      &attrs->pads, attrs->auto_pad))
        return false;
    const int chunk = tro_gemm_chunk(c->g.math);
    c->rank = x.rank;
    c->as.groups = attrs->group;
    c->as.channels = w.shape[1];
    c->as.padded = (c->as.channels + chunk - 1) / chunk * chunk;
    c->as.out_channels = w.shape[0];
    return c->as.padded * c->as.win.n_taps * c->as.out_channels < INT32_MAX && c->as.channels > 0 &&
           tro_tensor_n_elems(&y) > 0 && tro_tensor_n_elems(&y) < INT32_MAX;
}

/* ---- operands ----------------------------------------------------------------------------- */

/* (n, spatial.., c) of a group: c is an axis of its own in a copy with padded channels. */
static int pad_x(struct tro_lowering *l, const struct tro_lower_node *n, struct conv *c,
                 struct tro_arg *x)
{
    struct tro_arg from = *x, to;
    int axes[TRO_MAX_RANK];
    if (from.rank >= TRO_MAX_RANK)
        return 0;
    from.shape[1] = c->as.groups;
    from.stride[1] = x->stride[1] * c->as.channels;
    from.shape[from.rank] = c->as.channels;
    from.stride[from.rank] = x->stride[1];
    from.rank++;
    axes[0] = 0;
    for (int i = 2; i < x->rank; i++)
        axes[i - 1] = i;
    axes[x->rank - 1] = 1;
    axes[x->rank] = x->rank;
    const int rc = tro_gemm_pad(l, n, c->g.math, &from, axes, &to);
    if (rc <= 0)
        return rc;
    x->buffer = to.buffer;
    x->offset = to.offset;
    x->dtype = to.dtype;
    for (int i = 0; i < x->rank; i++)
        x->stride[i] = to.stride[i];
    x->shape[1] = c->as.groups * c->as.padded;
    x->stride[1] = 1;
    return 1;
}

static bool is_readable(const struct conv *c, const struct tro_arg *x)
{
    return x->dtype == tro_gemm_dtype(c->g.math) && c->as.padded == c->as.channels &&
           tro_gemm_is_aligned(x, 1, tro_gemm_chunk(c->g.math));
}

/* Few channels that are no whole chunk. */
static bool has_few_channels(const struct conv *c)
{
    const struct tro_win *const w = &c->as.win;
    int64_t reach = 0;
    for (int i = 0; i < TRO_N_SPATIAL; i++)
        reach = w->kernel[i] * w->dilation[i] > reach ? w->kernel[i] * w->dilation[i] : reach;
    return c->as.padded != c->as.channels && c->as.groups == 1 &&
           c->as.channels <= GATHERED_CHANNELS && c->as.channels * w->n_taps <= GATHERED_K &&
           w->kernel[TRO_D] == 1 && w->out[TRO_D] == 1 && w->in[TRO_D] == 1 && reach < BEYOND / 2 &&
           w->in[TRO_H] < BEYOND / 2 && w->in[TRO_W] < BEYOND / 2;
}

static bool is_gathered(const struct conv *c, const struct tro_arg *x)
{
    return has_few_channels(c) &&
           (x->dtype == TRO_F32 || x->dtype == TRO_F16 || x->dtype == TRO_BF16);
}

/* Of x. Elements of frames are found by their pixel. */
static struct tro_pitch pitch_of(const struct conv *c)
{
    const struct tro_pitch frames = {.n = c->frames.camera.frame_bytes};
    return c->g.frames ? frames : tro_pitch_of(&c->g.a);
}

/* Where element k = (tap, channel) of a window is; whole tiles of k. */
static int take_taps(struct tro_lowering *l, struct conv *c)
{
    const struct tro_win *const w = &c->as.win;
    const struct tro_pitch at = pitch_of(c);
    const int64_t channel_stride = c->g.frames ? 0 : c->g.a.stride[1];
    const int64_t n = w->n_taps * c->as.channels, n_table = (n + 63) / 64 * 64;
    struct tro_gemm_tap *const table = tro_calloc((size_t)n_table, sizeof *table);
    if (!table)
        return tro_fail_nomem(tro_lower_err(l));
    for (int64_t k = 0; k < n_table; k++) {
        const int64_t tap = k / c->as.channels, channel = k % c->as.channels;
        const int64_t y = tap / w->kernel[TRO_W] * w->dilation[TRO_H];
        const int64_t x = tap % w->kernel[TRO_W] * w->dilation[TRO_W];
        table[k].y = k < n ? (int16_t)y : BEYOND;
        table[k].x = (int16_t)(k < n ? x : 0);
        table[k].offset = (int32_t)(k < n ? y * at.at[TRO_H] + x * at.at[TRO_W] +
                                                channel * channel_stride
                                          : 0);
    }
    const int rc = tro_lower_table(l, table, (size_t)n_table * sizeof *table, &c->g.taps);
    tro_free(table);
    return rc;
}

static int take_x(struct tro_lowering *l, const struct tro_lower_node *n, struct conv *c)
{
    struct tro_arg *const x = &c->g.a;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, x));
    c->g.is_gathered = is_gathered(c, x);
    if (c->g.is_gathered) {
        TRO_TRY(take_taps(l, c));
        return tro_gemm_is_small(x);
    }
    if (!is_readable(c, x) && c->as.padded == c->as.channels)
        TRO_TRY(tro_lower_in_as(l, n->node->in[0], TRO_FORM_CHANNELS_LAST,
                                tro_gemm_dtype(c->g.math), x));
    if (is_readable(c, x))
        return tro_gemm_is_small(x);
    const int rc = pad_x(l, n, c, x);
    return rc <= 0 ? rc : tro_gemm_is_small(x);
}

/* x is what a camera's frames become, which nobody has made: they are gathered from. */
static int take_frames(struct tro_lowering *l, const struct tro_node *camera, struct conv *c)
{
    if (!has_few_channels(c))
        return 0;
    const int rc = tro_frames_init(l, camera, &c->frames);
    if (rc <= 0)
        return rc;
    c->g.a = c->frames.x;
    c->g.p.frame = c->frames.params;
    c->g.frames = &c->frames;
    c->g.is_gathered = true;
    TRO_TRY(take_taps(l, c));
    return 1;
}

static int take_weights(struct tro_lowering *l, const struct tro_lower_node *n, struct conv *c)
{
    const int64_t n_taps = c->as.win.n_taps, chunk = tro_gemm_chunk(c->g.math);
    const int64_t channels = c->g.is_gathered ? c->as.channels : c->as.padded;
    c->k = (channels * n_taps + chunk - 1) / chunk * chunk;
    const struct tro_gemm_pack pack = {.math = c->g.math,
                                       .n_rows = c->as.out_channels,
                                       .k = c->k,
                                       .n_inner = c->as.out_channels,
                                       .row = {0, c->as.channels * n_taps},
                                       .n_taps = n_taps,
                                       .n_channels = c->as.channels,
                                       .channels = channels,
                                       .block = tro_gemm_block(c->g.math, channels),
                                       .tap = 1,
                                       .channel = n_taps};
    c->g.is_b_const = true;
    return tro_gemm_pack_rows(l, n->node->in[1], &pack, &c->g.b);
}

/* ---- geometry ----------------------------------------------------------------------------- */

/* One tap, which is always inside. */
static bool is_pointwise(const struct tro_win *w)
{
    bool is = w->n_taps == 1;
    for (int i = 0; i < TRO_N_SPATIAL; i++)
        is = is && w->pad[i] <= 0 && (w->out[i] - 1) * w->stride[i] - w->pad[i] < w->in[i];
    return is;
}

static void set_window(struct conv *c, const struct tro_pitch *at)
{
    const struct tro_win *const w = &c->as.win;
    struct tro_gemm *const g = &c->g;
    struct tro_gemm_params *const p = &g->p;
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        p->in[i] = (int32_t)w->in[i];
        p->step[i] = (int32_t)w->stride[i];
        p->pad[i] = (int32_t)w->pad[i];
        p->dilation[i] = (int32_t)w->dilation[i];
        p->tap_stride[i] = (int32_t)(w->dilation[i] * at->at[i]);
        p->taps[i] = tro_div_make(w->kernel[i]);
    }
    p->channels = tro_div_make(tro_gemm_block(g->math, c->as.padded));
    g->tap_axes = TRO_N_SPATIAL;
    for (int i = 0; i < (g->is_gathered ? TRO_H : TRO_W) && w->in[i] == 1 && w->out[i] == 1 &&
                    w->kernel[i] == 1;
         i++)
        g->tap_axes--;
    g->row_axes = g->tap_axes + 1;
}

static void set_rows(struct conv *c)
{
    const struct tro_win *const w = &c->as.win;
    struct tro_gemm *const g = &c->g;
    struct tro_gemm_params *const p = &g->p;
    const struct tro_pitch at = pitch_of(c);
    struct tro_gemm_axis axis[TRO_GEMM_ROW_AXES] = {{w->n, at.n, 0}};
    int n_axes = TRO_GEMM_ROW_AXES;
    int64_t origin = 0;
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        axis[i + 1] = (struct tro_gemm_axis){w->out[i], w->stride[i] * at.at[i], 0};
        origin -= w->pad[i] * at.at[i];
    }
    p->a_origin = (int32_t)origin;
    if (is_pointwise(w) && !g->is_gathered) {
        n_axes = g->row_axes = tro_gemm_merge(axis, n_axes);
    } else {
        set_window(c, &at);
        axis[TRO_N_SPATIAL - g->tap_axes] = axis[0];
    }
    for (int i = 0; i < g->row_axes; i++) {
        const int to = TRO_GEMM_ROW_AXES - g->row_axes + i;
        p->row_size[to] = tro_div_make(axis[n_axes - g->row_axes + i].size);
        p->row_stride[to] = (int32_t)axis[n_axes - g->row_axes + i].a;
    }
}

static void set_sizes(struct conv *c)
{
    const struct tro_win *const w = &c->as.win;
    struct tro_gemm_params *const p = &c->g.p;
    const int64_t n = c->as.out_channels / c->as.groups, k = c->k;
    p->m = (uint32_t)(w->n * w->out[TRO_D] * w->out[TRO_H] * w->out[TRO_W]);
    p->n = (uint32_t)n;
    p->k = p->b_pitch = (uint32_t)k;
    c->g.n_z = c->as.groups;
    p->z = tro_div_make(c->as.groups);
    p->a_z[1] = (int32_t)c->as.padded;
    p->b_z[1] = (int32_t)(n * k);
    p->col_z = c->as.groups > 1 ? (uint32_t)n : 0;
}

static bool fits(const struct conv *c)
{
    const struct tro_win *const w = &c->as.win;
    const struct tro_pitch at = pitch_of(c);
    bool does = true;
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        const int64_t reach = (w->out[i] - 1) * w->stride[i] + w->kernel[i] * w->dilation[i] +
                              (w->pad[i] < 0 ? -w->pad[i] : w->pad[i]);
        does = does && reach < 1 << 28 && reach * (at.at[i] < 0 ? 0 : at.at[i]) < 1 << 30;
    }
    return does;
}

/* camera: the node that makes x, not lowered yet; NULL: x is where it is. */
static int emit(struct tro_lowering *l, const struct tro_lower_node *n,
                const struct tro_node *camera)
{
    struct conv c = {0};
    struct tro_point *point;
    int axes[TRO_MAX_RANK] = {0};
    if (!find_sizes(l, n, &c))
        return 0;
    for (int i = 1; i < c.rank; i++)
        axes[i] = i < c.rank - 1 ? i + 1 : 1;
    int rc = camera ? take_frames(l, camera, &c) : take_x(l, n, &c);
    if (rc <= 0 || !fits(&c))
        return rc < 0 ? rc : 0;
    rc = tro_point_compile(l, n, TRO_F32, axes, c.rank, TRO_FORM_CHANNELS_LAST, &point);
    if (rc <= 0)
        return rc;
    TRO_TRY(take_weights(l, n, &c));
    c.as.weights = n->node->in[1];
    c.g.conv = &c.as;
    c.g.has_bias = n->node->n_in > 2 && n->node->in[2].i;
    if (c.g.has_bias) {
        c.g.bias_value = n->node->in[2];
        TRO_TRY(tro_gemm_bias(l, n->node->in[2], &c.g.bias));
    }
    set_rows(&c);
    set_sizes(&c);
    const double macs = (double)c.g.p.m * (double)c.as.out_channels * (double)c.as.channels *
                        (double)c.as.win.n_taps;
    return tro_gemm_emit(l, n, &c.g, point, 2 * macs);
}

int tro_cuda_emit_conv(struct tro_lowering *l, const struct tro_lower_node *n)
{
    return emit(l, n, NULL);
}

int tro_cuda_emit_conv_camera(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_node *const camera = tro_lower_deferred(l, n->node->in[0]);
    return camera && camera->op == TRO_OP_CAMERA ? emit(l, n, camera) : 0;
}
