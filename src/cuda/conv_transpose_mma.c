/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitter of conv_transpose whose windows stand side by side (kernel = stride, no pads), as U-Net's
 * up-convolutions: a product of matrices on tensor cores.
 */
#include "cuda/kernels/conv_transpose_mma.h"
#include "cuda/cuda.h"
#include "cuda/spatial.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TILE_K = 32,
    MOST_N = 128, /* rows of weights are padded to it */
    CHUNK = 8,    /* elements of 16 bytes */
    STAGES = 4,
    N_TILES = 3,
    MOST_COLUMN_TILES = 65535
};

struct tile {
    int m, n, warps_m, warps_n;
    const char *name;
};
static const struct tile tiles[N_TILES] = {
    {128, 128, 2, 4, "128x128"}, {128, 64, 4, 2, "128x64"}, {64, 64, 2, 2, "64x64"}};

struct up {
    struct tro_win win;
    int rank;
    int64_t n_pixels, n_columns, n_results; /* results of a tap */
    int64_t x_pitch, w_pitch;
    struct tro_arg x, w, bias;
    const struct tile *tile;
    struct tro_point *point;
};

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- weights ------------------------------------------------------------------------------ */

/* [channel, result, tap] -> [tap][result] rows, then padding, of channels, padded */
static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const enum tro_dtype dtype = *(const enum tro_dtype *)ctx;
    const int64_t n_channels = w->shape[0], n = w->shape[1];
    const int64_t n_taps = tro_tensor_n_elems(w) / (n_channels * n);
    const int64_t pitch = round_up(n_channels, TILE_K);
    memset(dst, 0, (size_t)(round_up(n * n_taps, MOST_N) * pitch) * tro_dtype_size(dtype));
    for (int64_t c = 0; c < n_channels; c++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k < n_taps; k++)
                tro_store_f64(dtype, dst, (k * n + i) * pitch + c,
                              tro_load_f64(w->dtype, w->data, (c * n + i) * n_taps + k));
}

static int take_weights(struct tro_lowering *l, const struct tro_node *n, struct up *q)
{
    const enum tro_dtype dtype = q->x.dtype;
    struct tro_tensor bias;
    char form[64];
    snprintf(form, sizeof form, "cuda_conv_transpose_mma %s", tro_dtype_name(dtype));
    TRO_TRY(tro_lower_pack(l, n->in[1], form,
                           (size_t)(round_up(q->n_columns, MOST_N) * q->w_pitch) *
                               tro_dtype_size(dtype),
                           pack, &dtype, &q->w));
    float *const v = TRO_NEW_N(tro_lower_arena(l), float, (size_t)q->n_results);
    if (!v)
        return tro_fail_nomem(tro_lower_err(l));
    if (n->n_in > 2 && n->in[2].i && tro_lower_const(l, n->in[2], &bias))
        for (int64_t i = 0; i < q->n_results; i++)
            v[i] = (float)tro_load_f64(bias.dtype, bias.data, i);
    return tro_lower_table(l, v, (size_t)q->n_results * sizeof *v, &q->bias);
}

/* ---- steps -------------------------------------------------------------------------------- */

static int64_t n_blocks(const struct up *q, const struct tile *t)
{
    return ((q->n_pixels + t->m - 1) / t->m) * ((q->n_columns + t->n - 1) / t->n);
}

/* The largest tile that gives each multiprocessor a block, unless the tuner knows better. */
static int choose(struct tro_lowering *l, struct up *q)
{
    int first = 0;
    while (first < N_TILES - 1 && n_blocks(q, &tiles[first]) < tro_lower_n_sms(l) * 3 / 4)
        first++;
    const char *names[N_TILES + 1] = {NULL};
    for (int i = 0; i < N_TILES; i++)
        names[i] = tiles[(first + i) % N_TILES].name;
    char problem[160];
    snprintf(problem, sizeof problem,
             "conv_transpose %s %" PRId64 "x%" PRId64 "x%" PRId64 " taps %" PRId64 " sm%d",
             tro_dtype_name(q->x.dtype), q->n_pixels, q->n_columns, q->win.c, q->win.n_taps,
             tro_lower_arch(l));
    const int pick = tro_lower_pick(l, problem, names);
    if (pick < 0)
        return pick;
    q->tile = &tiles[(first + pick) % N_TILES];
    return 0;
}

static void set_params(const struct up *q, struct tro_conv_transpose_mma_params *p)
{
    *p = (struct tro_conv_transpose_mma_params){.n_pixels = (uint32_t)q->n_pixels,
                                                .n_columns = (uint32_t)q->n_columns,
                                                .channels = (int32_t)q->win.c,
                                                .x_pitch = (int32_t)q->x_pitch,
                                                .w_pitch = (int32_t)q->w_pitch,
                                                .n_results = tro_div_make(q->n_results)};
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        p->in[i] = tro_div_make(q->win.in[i]);
        p->kernel[i] = tro_div_make(q->win.kernel[i]);
    }
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n, const struct up *q)
{
    const struct tile *const t = q->tile;
    struct tro_conv_transpose_mma_params params;
    struct tro_cuda_launch *launch;
    char label[80];
    set_params(q, &params);
    snprintf(label, sizeof label, "conv_transpose_mma %s %sx%d", tro_dtype_name(q->x.dtype),
             t->name, TILE_K);
    const struct tro_cuda_source source = {
        .name = "conv_transpose_mma",
        .defines = tro_cuda_defines(l,
                                    "#define IN_T %s\n#define IS_BF16 %d\n#define TILE_M %d\n"
                                    "#define TILE_N %d\n#define WARPS_M %d\n#define WARPS_N %d\n"
                                    "#define STAGES %d\n",
                                    tro_spatial_type(q->x.dtype), q->x.dtype == TRO_BF16, t->m,
                                    t->n, t->warps_m, t->warps_n, STAGES),
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
    launch->block[0] = (uint32_t)(32 * t->warps_m * t->warps_n);
    launch->grid[0] = (uint32_t)((q->n_pixels + t->m - 1) / t->m);
    launch->grid[1] = (uint32_t)((q->n_columns + t->n - 1) / t->n);
    launch->shared_bytes = (uint32_t)((t->m + t->n) * TILE_K * STAGES * 2);
    tro_spatial_set_inplace(s, q->point, 3);
    s->n_flops = 2.0 * (double)q->n_pixels * (double)q->n_columns * (double)q->win.c +
                 q->point->n_flops;
    return 1;
}

/* ---- emitter ------------------------------------------------------------------------------ */

static bool is_ours(struct tro_lowering *l, const struct tro_lower_node *n, struct up *q)
{
    const struct tro_attrs_conv_transpose *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor x, w, bias, y;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], &w) ||
        !tro_lower_type(l, node->out[0], &y) || tro_tensor_n_elems(&y) == 0)
        return false;
    if (node->n_in > 2 && node->in[2].i && !tro_lower_const(l, node->in[2], &bias))
        return false;
    if (a->group != 1 || w.shape[0] % CHUNK || w.shape[1] % CHUNK ||
        !tro_win_init(&q->win, &x, &y, w.shape + 2, &a->strides, &a->dilations, &a->pads,
                      tro_auto_pad_explicit))
        return false;
    for (int i = 0; i < TRO_N_SPATIAL; i++)
        if (q->win.kernel[i] != q->win.stride[i] || q->win.pad[i] ||
            (q->win.dilation[i] != 1 && q->win.kernel[i] != 1) ||
            q->win.out[i] != q->win.in[i] * q->win.stride[i])
            return false;
    q->rank = x.rank;
    q->n_results = w.shape[1];
    q->n_columns = q->n_results * q->win.n_taps;
    q->n_pixels = q->win.n * q->win.in[TRO_D] * q->win.in[TRO_H] * q->win.in[TRO_W];
    q->w_pitch = round_up(q->win.c, TILE_K);
    return tro_tensor_n_elems(&y) < INT32_MAX && q->n_pixels < INT32_MAX &&
           q->n_columns / tiles[N_TILES - 1].n < MOST_COLUMN_TILES;
}

/* As f16 or bf16. 0: x is neither, nor stored so. */
static int take_x(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_arg *x)
{
    const enum tro_dtype stored = tro_lower_stored(l, tro_lower_place(l, n->node->in[0]).dtype);
    if (stored != TRO_F16 && stored != TRO_BF16)
        return 0;
    TRO_TRY(tro_lower_in_as(l, n->node->in[0], TRO_FORM_CHANNELS_LAST, stored, x));
    return 1;
}

/* Pixels of x, all at one distance from each other and aligned to chunks. */
static bool has_pitch(struct up *q)
{
    const struct tro_arg *const x = &q->x;
    int64_t next = 0; /* stride that the axis before must have */
    q->x_pitch = q->win.c;
    for (int i = x->rank - 1; i >= 0; i--) {
        if (i == 1 || x->shape[i] == 1)
            continue;
        if (next && x->stride[i] != next)
            return false;
        q->x_pitch = next ? q->x_pitch : x->stride[i];
        next = x->stride[i] * x->shape[i];
    }
    return tro_spatial_aligned(x, CHUNK) == CHUNK && q->x_pitch < INT32_MAX;
}

int tro_cuda_emit_conv_transpose_mma(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct up q = {0};
    if (!is_ours(l, n, &q))
        return 0;
    int rc = take_x(l, n, &q.x);
    if (rc <= 0)
        return rc;
    if (!has_pitch(&q))
        return 0;
    rc = tro_spatial_point(l, n, TRO_F32, q.rank, &q.point);
    if (rc <= 0)
        return rc;
    TRO_TRY(choose(l, &q));
    TRO_TRY(take_weights(l, n->node, &q));
    return add_step(l, n, &q);
}
