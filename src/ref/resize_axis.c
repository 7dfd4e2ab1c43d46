/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/resize.h"

#include "base/err.h"

#include <math.h>

/* ---- coordinates ----------------------------------------------------------------------- */

/* For the choice of a nearest element in float, so that a scale such as 4/3, which is no float,
 * still meets the places half-way between elements. */
static double in_float(const struct tro_attrs_resize *a, double v)
{
    return a->mode == tro_resize_mode_nearest ? (double)(float)v : v;
}

/* v / scale */
static double unscaled(const struct tro_attrs_resize *a, const struct tro_resize_scale *s, double v)
{
    return in_float(a, v * s->den / s->num);
}

/* Place in the input of coordinate i of the output, by the formulas of ONNX Resize. */
static double source_of(const struct tro_attrs_resize *a, const struct tro_resize_axis *x,
                        const struct tro_resize_scale *s, int64_t i)
{
    const double at = (double)i, half = unscaled(a, s, at + 0.5) - 0.5;
    const double last = (double)x->in - 1;
    switch (a->coord) {
    case tro_coord_mode_align_corners:
        return s->length == 1 ? 0 : at * last / (s->length - 1);
    case tro_coord_mode_asymmetric:
        return unscaled(a, s, at);
    case tro_coord_mode_tf_half_pixel_for_nn:
        return unscaled(a, s, at + 0.5);
    case tro_coord_mode_pytorch_half_pixel:
        return x->out > 1 ? half : 0;
    case tro_coord_mode_half_pixel_symmetric:
        return in_float(a, half + (double)x->in * (s->length - (double)x->out) / (2 * s->length));
    case tro_coord_mode_tf_crop_and_resize:
        if (x->out == 1)
            return (s->roi[0] + s->roi[1]) * last / 2;
        return in_float(a,
                        s->roi[0] * last + at * (s->roi[1] - s->roi[0]) * last / (s->length - 1));
    default:
        return half;
    }
}

static int64_t clamp(double v, int64_t n)
{
    return v >= (double)(n - 1) ? n - 1 : v > 0 ? (int64_t)v : 0;
}

static double nearest(enum tro_nearest_mode mode, double at)
{
    switch (mode) {
    case tro_nearest_mode_floor:
        return floor(at);
    case tro_nearest_mode_ceil:
        return ceil(at);
    case tro_nearest_mode_round_prefer_ceil:
        return floor(at + 0.5);
    default:
        return ceil(at - 0.5);
    }
}

/* ---- weights --------------------------------------------------------------------------- */

static double linear_at(double distance)
{
    const double d = fabs(distance);
    return d < 1 ? 1 - d : 0;
}

/* Keys' cubic convolution with parameter a. */
static double cubic_at(double distance, double a)
{
    const double d = fabs(distance);
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Weights of the elements around `at`, the first of which is `first`. Antialiasing widens the
 * filter by 1 / stretch; then weights, like those that exclude_outside leaves, are made to sum up
 * to 1. */
static void weigh(const struct tro_attrs_resize *a, const struct tro_resize_axis *x, double at,
                  double first, double stretch, int64_t *index, double *weight)
{
    double sum = 0;
    for (int64_t j = 0; j < x->n; j++) {
        const double p = first + (double)j, d = (p - at) * stretch;
        const bool is_outside = p < 0 || p >= (double)x->in;
        weight[j] = a->mode == tro_resize_mode_cubic ? cubic_at(d, a->cubic_a) : linear_at(d);
        if (is_outside && a->exclude_outside)
            weight[j] = 0;
        index[j] = clamp(p, x->in);
        sum += weight[j];
    }
    if (!a->antialias && !a->exclude_outside)
        return;
    for (int64_t j = 0; j < x->n; j++)
        weight[j] /= sum;
}

/* Elements on each side of a coordinate that the filter reaches. */
static double reach_of(const struct tro_attrs_resize *a, double stretch)
{
    const double radius = a->mode == tro_resize_mode_cubic ? 2 : 1;
    return a->antialias ? -floor(-radius / stretch) : radius;
}

static int alloc_tables(struct tro_ref_call *c, struct tro_resize_axis *x, double reach)
{
    const struct tro_attrs_resize *const a = c->attrs;
    const bool is_nearest = a->mode == tro_resize_mode_nearest;
    if (reach > (double)(4 * x->in + 8))
        return tro_fail(c->err, TRO_E_INPUT,
                        "the scale of an axis of size %lld is too small: expected the filter to "
                        "reach over no more than four times the input",
                        (long long)x->in);
    x->n = is_nearest ? 1 : 2 * (int64_t)reach;
    const size_t out = (size_t)x->out, n = (size_t)x->n;
    x->index = tro_arena_alloc(c->scratch, out, n * sizeof(*x->index));
    x->weight = is_nearest ? NULL : tro_arena_alloc(c->scratch, out, n * sizeof(*x->weight));
    x->is_outside = a->coord == tro_coord_mode_tf_crop_and_resize
                        ? tro_arena_alloc(c->scratch, out, sizeof(*x->is_outside))
                        : NULL;
    const bool is_full = x->index && (is_nearest || x->weight) &&
                         (x->is_outside || a->coord != tro_coord_mode_tf_crop_and_resize);
    return is_full ? 0 : tro_fail_nomem(c->err);
}

int tro_resize_axis_init(struct tro_ref_call *c, const struct tro_resize_scale *scale,
                         struct tro_resize_axis *x)
{
    const struct tro_attrs_resize *const a = c->attrs;
    const double stretch = a->antialias && scale->num < scale->den ? scale->num / scale->den : 1;
    const double reach = reach_of(a, stretch);
    TRO_TRY(alloc_tables(c, x, reach));
    x->is_whole_copy = x->in == x->out;
    for (int64_t i = 0; i < x->out; i++) {
        const double at = source_of(a, x, scale, i);
        if (x->is_outside)
            x->is_outside[i] = !(at >= 0 && at <= (double)x->in - 1);
        if (x->weight)
            weigh(a, x, at, ceil(at) - reach, stretch, x->index + i * x->n, x->weight + i * x->n);
        else
            x->index[i] = clamp(nearest(a->nearest, at), x->in);
        const bool is_copy = x->weight ? at == (double)i : x->index[i] == i;
        x->is_whole_copy = x->is_whole_copy && is_copy && !(x->is_outside && x->is_outside[i]);
    }
    return 0;
}

/* ---- whole weights --------------------------------------------------------------------- */

/* Sums of weights are rounded, not weights: so the last sum, which is 1, stays what it is. */
static void make_whole(struct tro_resize_axis *x, int n_bits)
{
    for (int64_t i = 0; i < x->out; i++) {
        double sum = 0, before = 0;
        for (int64_t j = i * x->n; j < (i + 1) * x->n; j++) {
            sum += x->weight[j];
            const double whole = rint(ldexp(sum, n_bits));
            x->weight[j] = whole >= before ? whole - before : 0;
            before = fmax(whole, before);
        }
    }
}

int tro_resize_axes_make_whole(struct tro_resize_axis *axes, int n_axes)
{
    enum { MOST_BITS = 22 /* with those of an element no more than 30 */ };
    int n_moved = 0;
    for (int d = 0; d < n_axes; d++)
        n_moved += !axes[d].is_whole_copy;
    const int n_bits = n_moved ? MOST_BITS / n_moved : 0;
    for (int d = 0; d < n_axes; d++)
        make_whole(&axes[d], axes[d].is_whole_copy ? 0 : n_bits);
    return n_bits * n_moved;
}
