/* SPDX-License-Identifier: Apache-2.0 */
/* grid_sample and affine_grid. */
#include "ref/kernels.h"
#include "ref/parts.h"

#include "base/dtype.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

#define MAX_SPATIAL 3
#define MAX_TAPS 64 /* cubic in three dimensions */

struct grid_sample {
    const struct tro_attrs_grid_sample *a;
    const struct tro_tensor *x, *grid;
    struct tro_tensor *y;
    int n_axes;
    int64_t n_in, n_out; /* elements of a plane */
};

/* Elements that make up one sample. */
struct taps {
    int n;
    int64_t at[MAX_TAPS]; /* in a plane */
    double weight[MAX_TAPS];
};

/* ---- coordinates ----------------------------------------------------------------------- */

static double reflect(double v, double lo, double hi)
{
    const double range = hi - lo;
    if (v >= lo && v <= hi)
        return v;
    if (range <= 0)
        return lo;
    const double d = v < lo ? lo - v : v - hi, n = floor(d / range), rest = d - n * range;
    const bool is_back = (fmod(n, 2) == 0) == (v < lo);
    return is_back ? lo + rest : hi - rest;
}

/* Rounded down; what no element can be at stays far outside, NaN too. */
static int64_t to_index(double v)
{
    const double far = 1e15;
    return v > far ? (int64_t)far : v >= -far ? (int64_t)floor(v) : -(int64_t)far;
}

static int64_t clamp(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Borders between which reflection goes back and forth. */
static double border(const struct grid_sample *g, int64_t n, bool is_end)
{
    const double half = g->a->align_corners ? 0 : 0.5;
    return is_end ? (double)n - 1 + half : -half;
}

/* Coordinate in elements along an axis of size n, in the grid's type, padded as the attribute says.
 * A cubic sample beyond the border keeps its place, and only its elements are padded: ONNX leaves
 * this open, PyTorch and ONNX Runtime do it. */
static double source_of(const struct grid_sample *g, double at, int64_t n)
{
    const double size = (double)n;
    double v = g->a->align_corners ? (at + 1) / 2 * (size - 1) : ((at + 1) * size - 1) / 2;
    if (g->grid->dtype != TRO_F64)
        v = (double)(float)v;
    if (g->a->mode == tro_grid_mode_nearest)
        v = rint(v);
    if (g->a->mode == tro_grid_mode_cubic)
        return v;
    if (g->a->padding == tro_grid_padding_border)
        return v < 0 ? 0 : v > size - 1 ? size - 1 : v;
    if (g->a->padding == tro_grid_padding_reflection)
        return reflect(v, border(g, n, false), border(g, n, true));
    return v;
}

/* Element that index i stands for; -1 when it is zero. */
static int64_t element_of(const struct grid_sample *g, int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    if (g->a->padding == tro_grid_padding_zeros)
        return -1;
    if (g->a->padding == tro_grid_padding_reflection)
        i = to_index(reflect((double)i, border(g, n, false), border(g, n, true)));
    return clamp(i, n);
}

/* ---- taps ------------------------------------------------------------------------------ */

/* Keys' cubic convolution with a = -0.75. */
static double cubic_at(double d)
{
    const double a = -0.75;
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

/* Weights of the elements around v along one axis; gives the index of the first. */
static int64_t weigh(enum tro_grid_mode mode, double v, int *n, double *weight)
{
    const int64_t first = to_index(v);
    const double t = v - floor(v);
    *n = mode == tro_grid_mode_nearest ? 1 : mode == tro_grid_mode_linear ? 2 : 4;
    if (mode == tro_grid_mode_nearest) {
        weight[0] = 1;
    } else if (mode == tro_grid_mode_linear) {
        weight[0] = 1 - t;
        weight[1] = t;
    } else {
        for (int i = 0; i < 4; i++)
            weight[i] = cubic_at(i < 2 ? t + 1 - i : i - 1 - t);
    }
    return mode == tro_grid_mode_cubic ? first - 1 : first;
}

/* Products of the taps along each axis; what is zero by padding is left out. */
static void find_taps(const struct grid_sample *g, const double *point, struct taps *t)
{
    t->n = 1;
    t->at[0] = 0;
    t->weight[0] = 1;
    for (int axis = 0; axis < g->n_axes; axis++) {
        const int64_t size = g->x->shape[2 + axis];
        double weight[4];
        int n;
        const double v = source_of(g, point[g->n_axes - 1 - axis], size);
        const int64_t first = weigh(g->a->mode, v, &n, weight);
        const struct taps before = *t;
        t->n = 0;
        for (int i = 0; i < before.n; i++)
            for (int k = 0; k < n; k++) {
                const int64_t element = element_of(g, first + k, size);
                if (element < 0)
                    continue;
                t->at[t->n] = before.at[i] * size + element;
                t->weight[t->n++] = before.weight[i] * weight[k];
            }
    }
}

static void sample_point(const struct grid_sample *g, int64_t picture, int64_t o,
                         const struct taps *t)
{
    const size_t size = tro_dtype_size(g->x->dtype);
    for (int64_t c = 0; c < g->x->shape[1]; c++) {
        const int64_t plane = picture * g->x->shape[1] + c, to = plane * g->n_out + o;
        if (g->a->mode == tro_grid_mode_nearest && t->n == 1) {
            memcpy((char *)g->y->data + (size_t)to * size,
                   (const char *)g->x->data + (size_t)(plane * g->n_in + t->at[0]) * size, size);
            continue;
        }
        double sum = 0;
        for (int i = 0; i < t->n; i++)
            sum += t->weight[i] * tro_load_f64(g->x->dtype, g->x->data, plane * g->n_in + t->at[i]);
        tro_store_f64(g->y->dtype, g->y->data, to, sum);
    }
}

#define POINTS_PER_TASK 128

static void sample_points(void *ctx, int64_t task, void *memory)
{
    const struct grid_sample *const g = ctx;
    const int64_t n_tasks = (g->n_out + POINTS_PER_TASK - 1) / POINTS_PER_TASK;
    const int64_t picture = task / n_tasks, first = task % n_tasks * POINTS_PER_TASK;
    struct taps t;
    (void)memory;
    for (int64_t o = first; o < first + POINTS_PER_TASK && o < g->n_out; o++) {
        double point[MAX_SPATIAL];
        tro_load_row_f64(g->grid->dtype, g->grid->data, (picture * g->n_out + o) * g->n_axes,
                         g->n_axes, point);
        find_taps(g, point, &t);
        sample_point(g, picture, o, &t);
    }
}

int tro_ref_grid_sample(struct tro_ref_call *c)
{
    struct grid_sample g = {.a = c->attrs,
                            .x = &c->in[0],
                            .grid = &c->in[1],
                            .y = &c->out[0],
                            .n_axes = c->in[0].rank - 2,
                            .n_in = 1,
                            .n_out = 1};
    for (int i = 2; i < g.x->rank; i++) {
        g.n_in *= g.x->shape[i];
        g.n_out *= g.y->shape[i];
    }
    if (g.n_in == 0) {
        memset(g.y->data, 0, tro_tensor_n_bytes(g.y));
        return 0;
    }
    const int64_t n_tasks = (g.n_out + POINTS_PER_TASK - 1) / POINTS_PER_TASK * g.x->shape[0];
    return tro_ref_parts(n_tasks, 50 * (double)tro_tensor_n_elems(g.y), 0, sample_points, &g,
                         c->err);
}

/* ---- affine_grid ------------------------------------------------------------------------- */

/* Coordinate i of n, from -1 to 1. */
static double grid_at(int64_t i, int64_t n, bool align_corners)
{
    if (!align_corners)
        return (2 * (double)i + 1) / (double)n - 1;
    return n == 1 ? -1 : 2 * (double)i / ((double)n - 1) - 1;
}

int tro_ref_affine_grid(struct tro_ref_call *c)
{
    const struct tro_attrs_affine_grid *const a = c->attrs;
    struct tro_tensor *const y = &c->out[0];
    const int n = y->rank - 2;
    const double *const theta = tro_ref_load_f64(c, &c->in[0]);
    if (!theta)
        return tro_fail_nomem(c->err);
    const int64_t n_points = tro_tensor_n_elems(y) / n;
    int64_t index[TRO_MAX_RANK] = {0};
    const struct tro_tensor points = {
        .rank = n + 1, .shape = {y->shape[0], y->shape[1], y->shape[2], n > 2 ? y->shape[3] : 1}};
    for (int64_t p = 0; p < n_points; p++) {
        const double *const rows = theta + index[0] * n * (n + 1);
        for (int i = 0; i < n; i++) {
            double sum = rows[i * (n + 1) + n];
            for (int k = 0; k < n; k++)
                sum += rows[i * (n + 1) + k] *
                       grid_at(index[n - k], y->shape[n - k], a->align_corners != 0);
            tro_store_f64(y->dtype, y->data, p * n + i, sum);
        }
        tro_ref_next(&points, index);
    }
    return 0;
}
