/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitter of pools. A thread makes some channels of a window; where windows are large and few, as
 * those over whole pictures, the threads of a block share one.
 */
#include "cuda/kernels/pool.h"
#include "cuda/cuda.h"
#include "cuda/kernels/pool_split.h"
#include "cuda/spatial.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    VECTOR_BYTES = 16,
    MOST_VECTOR = 8,
    MOST_TAPS = 16,  /* whose rows are all under way at a time */
    MOST_WIDTH = 16, /* taps of a row that are all under way */
    THREADS_OF_SM = 256,
    MIN_SPLIT_TAPS = 32,
    SPLIT_TAPS = 8, /* good for a thread */
    MIN_GROUPS = 32,
    MOST_THREADS = 1024,
    MOST_ROWS = 65535 /* of a grid */
};

struct pool {
    const struct tro_attrs_pool *attrs;
    struct tro_win win;
    int rank;
    struct tro_arg x;
    bool is_float;
    int vector;
    int lanes, groups; /* of a split window; 0: not split */
    struct tro_point *point;
};

/* ---- shape of the work -------------------------------------------------------------------- */

static int64_t n_windows(const struct pool *q)
{
    const struct tro_win *const g = &q->win;
    return g->n * g->out[TRO_D] * g->out[TRO_H] * g->out[TRO_W];
}

static int64_t n_vectors(const struct pool *q)
{
    return (q->win.c + q->vector - 1) / q->vector;
}

static void split(const struct tro_lowering *l, struct pool *q)
{
    q->lanes = (n_vectors(q) + 3) / 4 * n_windows(q) < tro_lower_n_sms(l) ? 2 : 4;
    q->groups = MIN_GROUPS;
    while (q->groups * SPLIT_TAPS < q->win.n_taps && 2 * q->groups * q->lanes <= MOST_THREADS)
        q->groups *= 2;
}

static void choose(const struct tro_lowering *l, struct pool *q)
{
    const int64_t wanted = (int64_t)tro_lower_n_sms(l) * THREADS_OF_SM;
    const int most = VECTOR_BYTES / (int)tro_dtype_size(q->x.dtype);
    q->vector = most < MOST_VECTOR ? most : MOST_VECTOR;
    while (q->vector / 2 >= q->win.c)
        q->vector /= 2;
    const bool is_few = n_vectors(q) * n_windows(q) < wanted;
    if (is_few && q->win.n_taps >= MIN_SPLIT_TAPS && n_windows(q) <= MOST_ROWS) {
        split(l, q);
        return;
    }
    while (q->vector > 2 && n_vectors(q) * n_windows(q) < wanted)
        q->vector /= 2;
}

/* ---- steps -------------------------------------------------------------------------------- */

static const char *least_of(enum tro_dtype dtype)
{
    switch (dtype) {
    case TRO_F16:
        return "tro_f16{0xfc00}";
    case TRO_BF16:
        return "tro_bf16{0xff80}";
    case TRO_I8:
        return "-128";
    case TRO_U8:
        return "0";
    case TRO_I32:
        return "(-2147483647 - 1)";
    default:
        return "__uint_as_float(0xff800000u)";
    }
}

static const char *defines(struct tro_lowering *l, const struct pool *q)
{
    const struct tro_attrs_pool *const a = q->attrs;
    const struct tro_win *const g = &q->win;
    const int64_t width = g->kernel[TRO_W];
    const int64_t power = a->kind == tro_pool_lp && a->p <= 2 ? a->p : 0;
    const char *const common = tro_cuda_defines(
        l,
        "#define IN_T %s\n#define ACC_T %s\n#define IS_MAX %d\n#define IS_MEAN %d\n"
        "#define IS_LP %d\n#define LEAST %s\n#define POWER %" PRId64
        "\n#define IS_PAD_COUNTED %d\n#define VECTOR %d\n#define ALIGNED %d\n#define IS_WHOLE %s\n",
        tro_spatial_type(q->x.dtype), q->is_float ? "float" : "int32_t", a->kind == tro_pool_max,
        a->kind == tro_pool_avg, a->kind == tro_pool_lp, least_of(q->x.dtype), power,
        a->count_include_pad != 0, q->vector, tro_spatial_aligned(&q->x, q->vector),
        g->c % q->vector ? "false" : "true");
    if (!common)
        return NULL;
    if (q->lanes)
        return tro_cuda_defines(l, "%s#define LANES %d\n#define GROUPS %d\n", common, q->lanes,
                                q->groups);
    return tro_cuda_defines(l,
                            "%s#define KD %" PRId64 "\n#define KH %" PRId64 "\n#define KW %" PRId64
                            "\n#define UNROLL %" PRId64 "\n#define UNROLL_W %" PRId64 "\n",
                            common, g->kernel[TRO_D], g->kernel[TRO_H], width,
                            g->n_taps <= MOST_TAPS ? g->n_taps / width : 1,
                            width <= MOST_WIDTH ? width : 1);
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n, const struct pool *q)
{
    static const char *const kinds[] = {"max", "avg", "lp"};
    const struct tro_win *const g = &q->win;
    struct tro_pool_params plain = {.power = (float)q->attrs->p};
    struct tro_pool_split_params shared = {.power = (float)q->attrs->p,
                                           .n_taps = (int32_t)g->n_taps};
    struct tro_window_space *const window = q->lanes ? &shared.window : &plain.window;
    struct tro_cuda_source source = {.name = q->lanes ? "pool_split" : "pool",
                                     .defines = defines(l, q),
                                     .point = q->point,
                                     .params = q->lanes ? (const void *)&shared : &plain,
                                     .params_size = q->lanes ? sizeof shared : sizeof plain};
    struct tro_cuda_launch *launch;
    char label[80];
    tro_spatial_window(g, &q->x, g->c, q->vector, 1, window);
    shared.kernel_w = tro_div_make(g->kernel[TRO_W]);
    shared.kernel_h = tro_div_make(g->kernel[TRO_H]);
    snprintf(label, sizeof label, "%s %s %s %" PRId64 "x%" PRId64, source.name,
             kinds[q->attrs->kind], tro_dtype_name(q->x.dtype), g->kernel[TRO_H], g->kernel[TRO_W]);
    struct tro_step *const s = source.defines ? tro_cuda_step(l, n, label, &source, 1, 0, &launch)
                                              : NULL;
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = q->x;
    tro_spatial_threads(launch, window->n_threads);
    if (q->lanes) {
        launch->block[0] = (uint32_t)(q->lanes * q->groups);
        launch->grid[0] = (uint32_t)((n_vectors(q) + q->lanes - 1) / q->lanes);
        launch->grid[1] = (uint32_t)n_windows(q);
    }
    tro_spatial_set_inplace(s, q->point, 1);
    s->n_flops = (double)(n_windows(q) * g->c) * (double)g->n_taps + q->point->n_flops;
    return 1;
}

static bool is_ours(struct tro_lowering *l, const struct tro_lower_node *n, struct pool *q)
{
    const struct tro_attrs_pool *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor x, y;
    if ((node->n_out > 1 && node->out[1].i) || !tro_lower_type(l, node->in[0], &x) ||
        !tro_lower_type(l, node->out[0], &y) || x.rank < 3 || tro_tensor_n_elems(&y) == 0)
        return false;
    q->attrs = a;
    q->rank = x.rank;
    q->is_float = tro_spatial_is_float(x.dtype);
    if (!q->is_float && (a->kind != tro_pool_max || !tro_spatial_type(x.dtype)))
        return false;
    return tro_win_init(&q->win, &x, &y, a->kernel.v, &a->strides, &a->dilations, &a->pads,
                        a->auto_pad) &&
           q->win.n_taps < INT32_MAX;
}

int tro_cuda_emit_pool(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct pool q = {0};
    struct tro_window_space most;
    if (!is_ours(l, n, &q))
        return 0;
    TRO_TRY(tro_spatial_in(l, n->node->in[0], &q.x));
    if (!tro_spatial_window(&q.win, &q.x, q.win.c, 1, 1, &most))
        return 0;
    const int rc = tro_spatial_point(l, n, q.is_float ? TRO_F32 : TRO_I32, q.rank, &q.point);
    if (rc <= 0)
        return rc;
    choose(l, &q);
    return add_step(l, n, &q);
}
