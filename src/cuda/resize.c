/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitter of resize: nearest for floats and small integers, the rest in float32; and of resize_int,
 * whose weights are whole numbers below 2^24, which the table has as floats. Outputs of the graph
 * are written as planes, as they are asked for: they are mostly the largest values of a network.
 */
#include "cuda/kernels/resize.h"
#include "cuda/cuda.h"
#include "cuda/spatial.h"
#include "lower/blend.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    VECTOR_BYTES = 16,
    MOST_VECTOR = 8,
    MOST_TAPS = 16, /* whose rows are all under way at a time */
    COLUMNS = 4,    /* of planes */
    THREADS_OF_SM = 512
};

struct resize {
    struct tro_resize_axes axes;
    struct tro_win win; /* of one tap; its sizes are those of results */
    struct tro_arg x, table;
    bool is_float, is_nearest, is_int, is_planes;
    int vector, columns;           /* of a thread */
    int64_t n_taps[TRO_N_SPATIAL]; /* most of a coordinate */
    int32_t first[TRO_N_SPATIAL];
    struct tro_point *point;
};

/* ---- table -------------------------------------------------------------------------------- */

static int64_t most_taps(const struct tro_resize_axes *a, int axis)
{
    int64_t n = 1;
    for (int64_t i = 0; i < a->n_out[axis]; i++)
        if (a->blend[axis][i].n > n)
            n = a->blend[axis][i].n;
    return n;
}

static void fill_axis(const struct resize *q, int axis, int64_t pitch, struct tro_resize_tap *to)
{
    for (int64_t i = 0; i < q->axes.n_out[axis]; i++) {
        const struct tro_blend *const b = &q->axes.blend[axis][i];
        for (int64_t j = 0; j < b->n; j++)
            to[i * q->n_taps[axis] + j] = (struct tro_resize_tap){(int32_t)(b->index[j] * pitch),
                                                                  b->weight[j]};
    }
}

static int make_table(struct tro_lowering *l, struct resize *q)
{
    const struct tro_pitch pitch = tro_pitch_of(&q->x);
    int64_t n = 0;
    for (int axis = 0; axis < TRO_N_SPATIAL; axis++) {
        q->n_taps[axis] = most_taps(&q->axes, axis);
        q->first[axis] = (int32_t)n;
        n += q->n_taps[axis] * q->axes.n_out[axis];
    }
    struct tro_resize_tap *const taps = TRO_NEW_N(tro_lower_arena(l), struct tro_resize_tap,
                                                  (size_t)n);
    if (!taps)
        return tro_fail_nomem(tro_lower_err(l));
    for (int axis = 0; axis < TRO_N_SPATIAL; axis++)
        fill_axis(q, axis, pitch.at[axis], taps + q->first[axis]);
    return tro_lower_table(l, taps, (size_t)n * sizeof *taps, &q->table);
}

/* ---- steps -------------------------------------------------------------------------------- */

static void choose(const struct tro_lowering *l, struct resize *q)
{
    const int64_t wanted = (int64_t)tro_lower_n_sms(l) * THREADS_OF_SM;
    const int64_t n_results = q->axes.n * q->win.out[TRO_D] * q->win.out[TRO_H] * q->win.out[TRO_W];
    const int most = VECTOR_BYTES / (int)tro_dtype_size(q->x.dtype);
    q->vector = most < MOST_VECTOR ? most : MOST_VECTOR;
    q->columns = q->is_planes ? COLUMNS : 1;
    while (q->vector / 2 >= q->axes.c ||
           (q->vector > 2 && q->axes.c / q->vector * n_results < wanted * q->columns))
        q->vector /= 2;
}

static const char *defines(struct tro_lowering *l, const struct resize *q)
{
    const int64_t n_rows = q->n_taps[TRO_D] * q->n_taps[TRO_H], width = q->n_taps[TRO_W];
    return tro_cuda_defines(
        l,
        "#define IN_T %s\n#define ACC_T %s\n#define IS_NEAREST %d\n#define BITS %d\n#define TAPS_D "
        "%" PRId64 "\n#define TAPS_H %" PRId64 "\n#define TAPS_W %" PRId64
        "\n#define UNROLL %" PRId64 "\n#define UNROLL_W %" PRId64
        "\n#define VECTOR %d\n#define ALIGNED %d\n"
        "#define IS_WHOLE %s\n#define COLUMNS %d\n#define IS_PLANES %d\n",
        tro_spatial_type(q->x.dtype), q->is_float ? "float" : "int32_t", q->is_nearest,
        q->is_int ? q->axes.n_bits : 0, q->n_taps[TRO_D], q->n_taps[TRO_H], width,
        n_rows * width <= MOST_TAPS ? n_rows : 1, width <= MOST_TAPS ? width : 1, q->vector,
        tro_spatial_aligned(&q->x, q->vector), q->axes.c % q->vector ? "false" : "true", q->columns,
        q->is_planes);
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n, const struct resize *q)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    const struct tro_attrs_resize *const a = n->attrs;
    struct tro_resize_params params = {.first = {q->first[0], q->first[1], q->first[2]}};
    struct tro_cuda_launch *launch;
    char label[80];
    struct tro_window_space *const window = &params.window;
    tro_spatial_window(&q->win, &q->x, q->axes.c, q->vector, q->columns, window);
    if (q->is_planes) { /* neighbouring threads along the width */
        const struct tro_div n_vectors = window->n_vectors;
        window->n_vectors = window->n_spans;
        window->n_spans = n_vectors;
    }
    snprintf(label, sizeof label, "resize%s%s %s %s", q->is_int ? "_int" : "",
             q->is_planes ? "_planes" : "", modes[a->mode], tro_dtype_name(q->x.dtype));
    const struct tro_cuda_source source = {.name = "resize",
                                           .defines = defines(l, q),
                                           .point = q->point,
                                           .params = &params,
                                           .params_size = sizeof params};
    struct tro_step *const s = source.defines ? tro_cuda_step(l, n, label, &source, 2, 0, &launch)
                                              : NULL;
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = q->x;
    s->in[1] = q->table;
    tro_spatial_threads(launch, params.window.n_threads);
    tro_spatial_set_inplace(s, q->point, 2);
    const double n_results = (double)(q->axes.n * q->axes.c) *
                             (double)(q->win.out[TRO_D] * q->win.out[TRO_H]) *
                             (double)q->win.out[TRO_W];
    s->n_flops = (q->is_nearest ? 0 : n_results * 2 * q->axes.n_taps) + q->point->n_flops;
    return 1;
}

/* ---- emitter ------------------------------------------------------------------------------ */

static bool has_type(struct tro_lowering *l, const struct tro_lower_node *n, struct resize *q)
{
    const struct tro_attrs_resize *const a = n->attrs;
    struct tro_tensor x;
    if (!tro_lower_type(l, n->node->in[0], &x))
        return false;
    q->is_nearest = a->mode == tro_resize_mode_nearest;
    q->is_int = n->node->op == TRO_OP_RESIZE_INT;
    q->is_float = tro_spatial_is_float(x.dtype);
    return q->is_float || ((q->is_nearest || q->is_int) && tro_spatial_type(x.dtype));
}

/* One tap of each result, for the threads' numbers. */
static struct tro_win win_of(const struct tro_resize_axes *a)
{
    struct tro_win w = {.n = a->n, .c = a->c, .n_taps = 1};
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        w.in[i] = w.out[i] = a->n_out[i];
        w.kernel[i] = w.stride[i] = w.dilation[i] = 1;
    }
    return w;
}

static int take_point(struct tro_lowering *l, const struct tro_lower_node *n, struct resize *q)
{
    const enum tro_dtype acc = q->is_float ? TRO_F32 : TRO_I32;
    int axes[TRO_MAX_RANK];
    for (int i = 0; i < q->axes.rank; i++)
        axes[i] = i;
    return q->is_planes
               ? tro_point_compile(l, n, acc, axes, q->axes.rank, TRO_FORM_DENSE, &q->point)
               : tro_spatial_point(l, n, acc, q->axes.rank, &q->point);
}

int tro_cuda_emit_resize(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct resize q = {0};
    struct tro_window_space most;
    if (!has_type(l, n, &q))
        return 0;
    int rc = tro_resize_axes_find(l, n, &q.axes);
    if (rc <= 0)
        return rc;
    q.win = win_of(&q.axes);
    TRO_TRY(tro_spatial_in(l, n->node->in[0], &q.x));
    if (!tro_spatial_window(&q.win, &q.x, q.axes.c, 1, 1, &most))
        return 0;
    q.is_planes = q.axes.c == 1 || tro_lower_is_output(l, n->out[0]);
    rc = take_point(l, n, &q);
    if (rc <= 0)
        return rc;
    TRO_TRY(make_table(l, &q));
    choose(l, &q);
    return add_step(l, n, &q);
}
