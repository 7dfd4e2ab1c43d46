/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of depthwise convolutions: each channel of x makes `multiplier` results by itself. */
#include "cuda/kernels/depthwise.h"
#include "cuda/cuda.h"
#include "cuda/spatial.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    CHANNELS = 8,        /* weights are padded to a multiple of this */
    MOST_TAPS = 25,      /* whose rows are all under way at a time */
    MOST_COLUMNS = 12,   /* of x in registers */
    MOST_WIDTH = 8,      /* taps of a row that are all under way */
    THREADS_OF_SM = 256, /* below this a multiprocessor waits more than it works */
    MOST_TILES = 6
};

struct depthwise {
    struct tro_win win;
    int rank;
    int64_t n_channels, multiplier; /* of results */
    struct tro_arg x, w, bias;
    int v, p; /* channels and columns of a thread */
    struct tro_point *point;
};

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- weights ------------------------------------------------------------------------------ */

/* [c, 1, taps..] -> [taps][c, padded] */
static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const enum tro_dtype dtype = *(const enum tro_dtype *)ctx;
    const int64_t c = w->shape[0], pitch = round_up(c, CHANNELS);
    const int64_t n_taps = tro_tensor_n_elems(w) / c;
    memset(dst, 0, (size_t)(pitch * n_taps) * tro_dtype_size(dtype));
    for (int64_t i = 0; i < c; i++)
        for (int64_t k = 0; k < n_taps; k++)
            tro_store_f64(dtype, dst, k * pitch + i,
                          tro_load_f64(w->dtype, w->data, i * n_taps + k));
}

static int take_weights(struct tro_lowering *l, const struct tro_node *n, struct depthwise *q)
{
    const enum tro_dtype dtype = q->x.dtype;
    const int64_t pitch = round_up(q->n_channels, CHANNELS);
    char form[64];
    snprintf(form, sizeof form, "cuda_depthwise %s", tro_dtype_name(dtype));
    return tro_lower_pack(l, n->in[1], form,
                          (size_t)(pitch * q->win.n_taps) * tro_dtype_size(dtype), pack, &dtype,
                          &q->w);
}

static int take_bias(struct tro_lowering *l, const struct tro_node *n, struct depthwise *q)
{
    const int64_t pitch = round_up(q->n_channels, CHANNELS);
    struct tro_tensor bias;
    float *const v = TRO_NEW_N(tro_lower_arena(l), float, (size_t)pitch);
    if (!v)
        return tro_fail_nomem(tro_lower_err(l));
    if (n->n_in > 2 && n->in[2].i && tro_lower_const(l, n->in[2], &bias))
        for (int64_t i = 0; i < q->n_channels; i++)
            v[i] = (float)tro_load_f64(bias.dtype, bias.data, i);
    return tro_lower_table(l, v, (size_t)pitch * sizeof(float), &q->bias);
}

/* ---- tiles -------------------------------------------------------------------------------- */

static int64_t n_threads(const struct depthwise *q, int v, int p)
{
    const struct tro_win *const g = &q->win;
    return (q->n_channels + v - 1) / v * ((g->out[TRO_W] + p - 1) / p) * g->out[TRO_H] *
           g->out[TRO_D] * g->n;
}

static bool is_possible(const struct depthwise *q, int v, int p)
{
    const struct tro_win *const g = &q->win;
    const int64_t columns = (p - 1) * g->stride[TRO_W] +
                            (g->kernel[TRO_W] - 1) * g->dilation[TRO_W] + 1;
    if (v * (int)tro_dtype_size(q->x.dtype) > 16 || (v > 1 && v / 2 >= q->n_channels))
        return false;
    return p == 1 || (columns <= MOST_COLUMNS && p <= g->out[TRO_W]);
}

/* The largest tile that still keeps the chip busy, unless the tuner knows better. */
static int choose(struct tro_lowering *l, struct depthwise *q)
{
    static const struct tile {
        int v, p;
        const char *name;
    } tiles[MOST_TILES] = {{8, 4, "8x4"}, {8, 2, "8x2"}, {8, 1, "8x1"},
                           {4, 2, "4x2"}, {4, 1, "4x1"}, {2, 1, "2x1"}};
    const int64_t wanted = (int64_t)tro_lower_n_sms(l) * THREADS_OF_SM;
    const struct tro_win *const g = &q->win;
    const char *names[MOST_TILES + 1] = {NULL};
    int order[MOST_TILES], n = 0, first = -1;
    for (int i = 0; i < MOST_TILES; i++) {
        if (!is_possible(q, tiles[i].v, tiles[i].p))
            continue;
        if (first < 0 && n_threads(q, tiles[i].v, tiles[i].p) >= wanted)
            first = n;
        order[n++] = i;
    }
    q->v = q->p = 1;
    if (n == 0)
        return 0;
    first = first < 0 ? n - 1 : first;
    for (int i = 0; i < n; i++)
        names[i] = tiles[order[(first + i) % n]].name;
    char problem[200];
    snprintf(problem, sizeof problem,
             "depthwise %s %" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64 "x%" PRId64 " k%" PRId64
             "x%" PRId64 "x%" PRId64 " s%" PRId64 " d%" PRId64 " sm%d",
             tro_dtype_name(q->x.dtype), g->n, g->out[TRO_D], g->out[TRO_H], g->out[TRO_W],
             q->n_channels, g->kernel[TRO_D], g->kernel[TRO_H], g->kernel[TRO_W], g->stride[TRO_W],
             g->dilation[TRO_W], tro_lower_arch(l));
    const int pick = tro_lower_pick(l, problem, names);
    if (pick < 0)
        return pick;
    q->v = tiles[order[(first + pick) % n]].v;
    q->p = tiles[order[(first + pick) % n]].p;
    return 0;
}

/* ---- steps -------------------------------------------------------------------------------- */

static const char *defines(struct tro_lowering *l, const struct depthwise *q)
{
    const struct tro_win *const g = &q->win;
    const int aligned = q->multiplier > 1 ? 1 : tro_spatial_aligned(&q->x, q->v);
    const int64_t width = g->kernel[TRO_W];
    return tro_cuda_defines(
        l,
        "#define IN_T %s\n#define W_T %s\n#define VECTOR %d\n#define COLUMNS %d\n#define ALIGNED "
        "%d\n"
        "#define IS_WHOLE %s\n#define KD %" PRId64 "\n#define KH %" PRId64 "\n#define KW %" PRId64
        "\n#define STRIDE_W %" PRId64 "\n#define DILATION_W %" PRId64
        "\n#define MULTIPLIER %" PRId64 "\n#define UNROLL %" PRId64 "\n#define UNROLL_W %" PRId64
        "\n",
        tro_spatial_type(q->x.dtype), tro_spatial_type(q->x.dtype), q->v, q->p, aligned,
        q->n_channels % q->v ? "false" : "true", g->kernel[TRO_D], g->kernel[TRO_H], width,
        q->p > 1 ? g->stride[TRO_W] : 1, q->p > 1 ? g->dilation[TRO_W] : 1, q->multiplier,
        g->n_taps <= MOST_TAPS ? g->n_taps / width : 1, width <= MOST_WIDTH ? width : 1);
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct depthwise *q)
{
    const struct tro_win *const g = &q->win;
    struct tro_depthwise_params params = {.w_pitch = (int32_t)round_up(q->n_channels, CHANNELS)};
    struct tro_cuda_launch *launch;
    char label[80];
    tro_spatial_window(g, &q->x, q->n_channels, q->v, q->p, &params.window);
    snprintf(label, sizeof label, "depthwise %s %" PRId64 "x%" PRId64 " %dx%d",
             tro_dtype_name(q->x.dtype), g->kernel[TRO_H], g->kernel[TRO_W], q->v, q->p);
    const struct tro_cuda_source source = {.name = "depthwise",
                                           .defines = defines(l, q),
                                           .point = q->point,
                                           .params = &params,
                                           .params_size = sizeof params};
    struct tro_step *const s = source.defines ? tro_cuda_step(l, n, label, &source, 3, 0, &launch)
                                              : NULL;
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = q->x;
    s->in[1] = q->w;
    s->in[2] = q->bias;
    tro_spatial_threads(launch, params.window.n_threads);
    tro_spatial_set_inplace(s, q->point, 3);
    s->n_flops = (double)(g->n * q->n_channels) * (double)(g->out[TRO_D] * g->out[TRO_H]) *
                     (double)g->out[TRO_W] * 2 * (double)g->n_taps +
                 q->point->n_flops;
    return 1;
}

static bool is_ours(struct tro_lowering *l, const struct tro_lower_node *n, struct depthwise *q)
{
    const struct tro_attrs_conv *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor x, w, bias, y;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], &w) ||
        !tro_lower_type(l, node->out[0], &y))
        return false;
    if (!tro_spatial_is_float(x.dtype) || x.rank < 3 || tro_tensor_n_elems(&y) == 0)
        return false;
    if (node->n_in > 2 && node->in[2].i && !tro_lower_const(l, node->in[2], &bias))
        return false;
    if (a->group < 2 || a->group != x.shape[1] || w.shape[1] != 1)
        return false;
    q->rank = x.rank;
    q->n_channels = w.shape[0];
    q->multiplier = q->n_channels / a->group;
    return tro_win_init(&q->win, &x, &y, w.shape + 2, &a->strides, &a->dilations, &a->pads,
                        a->auto_pad);
}

int tro_cuda_emit_depthwise(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct depthwise q = {0};
    struct tro_window_space most;
    if (!is_ours(l, n, &q))
        return 0;
    TRO_TRY(tro_spatial_in(l, n->node->in[0], &q.x));
    if (!tro_spatial_window(&q.win, &q.x, q.n_channels, 1, 1, &most))
        return 0;
    const int rc = tro_spatial_point(l, n, TRO_F32, q.rank, &q.point);
    if (rc <= 0)
        return rc;
    TRO_TRY(choose(l, &q));
    TRO_TRY(take_weights(l, n->node, &q));
    TRO_TRY(take_bias(l, n->node, &q));
    return add_step(l, n, &q);
}
