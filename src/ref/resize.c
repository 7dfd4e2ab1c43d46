/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/resize.h"
#include "ref/kernels.h"
#include "ref/parts.h"
#include "ref/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

struct resize {
    const struct tro_attrs_resize *a;
    const struct tro_tensor *x;
    struct tro_tensor *y;
    struct tro_resize_axis axis[TRO_MAX_RANK];
    int n_whole;               /* leading axes that are copied: the rest is one item */
    int64_t item_in, item_out; /* elements of an item */
    int order[TRO_MAX_RANK];   /* the other axes as they are interpolated: shrinking ones first, */
    int n_order;               /* so that what lies between is no larger than x or y */
};

static bool is_given(const struct tro_ref_call *c, int i)
{
    return i < c->n_in && c->in[i].dtype != TRO_DTYPE_NONE && tro_tensor_n_elems(&c->in[i]) > 0;
}

/* ---- scales ---------------------------------------------------------------------------- */

static int64_t size_at(const struct tro_ref_call *c, int i)
{
    return tro_load_i64(c->in[3].dtype, c->in[3].data, i);
}

/* Number among the listed axes whose scale all take, so that no size exceeds (or falls below) what
 * was asked. */
static int ruling_axis(const struct tro_ref_call *c, int n, const int *axes)
{
    const struct tro_attrs_resize *const a = c->attrs;
    int best = 0;
    float best_scale = 0;
    for (int i = 0; i < n; i++) {
        const float scale = (float)size_at(c, i) / (float)c->in[0].shape[axes[i]];
        const bool is_better = a->policy == tro_aspect_policy_not_larger ? scale < best_scale
                                                                         : scale > best_scale;
        if (i == 0 || is_better) {
            best = i;
            best_scale = scale;
        }
    }
    return best;
}

void tro_resize_scales(const struct tro_ref_call *c, struct tro_resize_scale *scales)
{
    const struct tro_attrs_resize *const a = c->attrs;
    const int rank = c->in[0].rank, n = a->axes.n ? a->axes.n : rank;
    int axes[TRO_MAX_INTS];
    for (int i = 0; i < n; i++)
        axes[i] = a->axes.n ? tro_ref_axis(a->axes.v[i], rank) : i;
    for (int d = 0; d < rank; d++)
        scales[d] = (struct tro_resize_scale){1, 1, (double)c->in[0].shape[d], {0, 1}};
    const bool is_stretched = a->policy == tro_aspect_policy_stretch;
    const int ruler = is_given(c, 2) || is_stretched ? 0 : ruling_axis(c, n, axes);
    for (int i = 0; i < n; i++) {
        struct tro_resize_scale *const s = &scales[axes[i]];
        const double in = (double)c->in[0].shape[axes[i]];
        if (is_given(c, 2)) {
            s->num = tro_load_f64(TRO_F32, c->in[2].data, i);
            s->length = (double)((float)s->num * (float)in);
        } else {
            s->num = (double)size_at(c, is_stretched ? i : ruler);
            s->den = is_stretched ? in : (double)c->in[0].shape[axes[ruler]];
            s->length = in * s->num / s->den;
        }
        for (int k = 0; k < 2 && is_given(c, 1); k++)
            s->roi[k] = tro_load_f64(c->in[1].dtype, c->in[1].data, k * n + i);
    }
}

int tro_resize_axes_init(struct tro_ref_call *c, struct tro_resize_axis *axes)
{
    struct tro_resize_scale scales[TRO_MAX_RANK];
    tro_resize_scales(c, scales);
    for (int d = 0; d < c->in[0].rank; d++) {
        axes[d].in = c->in[0].shape[d];
        axes[d].out = c->out[0].shape[d];
        if (axes[d].in == 0)
            return tro_fail(c->err, TRO_E_INPUT,
                            "axis %d of x is empty: expected elements to resize", d);
        TRO_TRY(tro_resize_axis_init(c, &scales[d], &axes[d]));
    }
    return 0;
}

/* ---- nearest --------------------------------------------------------------------------- */

static bool is_outside(const struct tro_resize_axis *x, int64_t i)
{
    return x->is_outside && x->is_outside[i];
}

static void copy_elements(size_t size, char *to, const char *from, const int64_t *index, int64_t n)
{
    switch (size) {
#define CASE(bytes)                                                               \
    case bytes:                                                                   \
        for (int64_t i = 0; i < n; i++)                                           \
            memcpy(to + i * (bytes), from + index[i] * (bytes), (size_t)(bytes)); \
        break;
        CASE(1)
        CASE(2)
        CASE(4)
        CASE(8)
#undef CASE
    default:
        break;
    }
}

/* Row `row` of the result along the last axis; index counts the axes before it. Returns whether the
 * whole row is outside. */
static bool find_row(const struct resize *r, int64_t row, int64_t *from)
{
    const int last = r->x->rank - 1;
    int64_t stride = r->axis[last].in;
    bool outside = false;
    *from = 0;
    for (int d = last - 1; d >= 0; d--) {
        const struct tro_resize_axis *const x = &r->axis[d];
        const int64_t i = row % x->out;
        row /= x->out;
        outside = outside || is_outside(x, i);
        *from += (x->weight ? 0 : x->index[i]) * stride;
        stride *= x->in;
    }
    return outside;
}

static void nearest_row(void *ctx, int64_t row, void *memory)
{
    const struct resize *const r = ctx;
    const struct tro_resize_axis *const last = &r->axis[r->x->rank - 1];
    const size_t size = tro_dtype_size(r->x->dtype);
    int64_t from;
    (void)memory;
    const bool outside = find_row(r, row, &from);
    copy_elements(size, (char *)r->y->data + (size_t)(row * last->out) * size,
                  (const char *)r->x->data + (size_t)from * size, last->index, last->out);
    for (int64_t i = 0; i < last->out; i++)
        if (outside || is_outside(last, i))
            tro_store_f64(r->y->dtype, r->y->data, row * last->out + i, r->a->extrapolation);
}

/* ---- linear and cubic ------------------------------------------------------------------ */

static void resample(const struct tro_resize_axis *x, int64_t outer, int64_t inner,
                     const double *from, double *to)
{
    for (int64_t line = 0; line < outer * x->out; line++) {
        const int64_t i = line % x->out;
        const double *const plane = from + line / x->out * x->in * inner;
        memset(to, 0, (size_t)inner * sizeof(*to));
        for (int64_t j = i * x->n; j < (i + 1) * x->n; j++) {
            const double w = x->weight[j], *const row = plane + x->index[j] * inner;
            for (int64_t k = 0; k < inner && w != 0; k++)
                to[k] += w * row[k];
        }
        to += inner;
    }
}

/* What ONNX Runtime does, where ONNX says nothing: the nearest integer of antialiased values, else
 * what is left of the point, of numbers like 1/3 * 3 too, which fall short of a whole one. */
static double to_whole(const struct resize *r, double v)
{
    const double whole = rint(v);
    return r->a->antialias || fabs(v - whole) <= 1e-12 * (1 + fabs(v)) ? whole : trunc(v);
}

static void store_rows(const struct resize *r, int64_t first, int64_t n, double *v)
{
    const enum tro_dtype d = r->y->dtype;
    if (tro_dtype_is_int(d)) {
        const double lo = (double)tro_dtype_min(d), hi = (double)tro_dtype_max(d);
        for (int64_t i = 0; i < n; i++) {
            const double whole = to_whole(r, v[i]);
            v[i] = whole < lo ? lo : whole > hi ? hi : whole;
        }
    }
    tro_store_row_f64(d, r->y->data, first, n, v);
}

static void store_extrapolated(const struct resize *r, int64_t item)
{
    const int last = r->x->rank - 1;
    const int64_t n = r->axis[last].out;
    for (int64_t row = item * r->item_out / n; row < (item + 1) * r->item_out / n; row++) {
        int64_t from;
        const bool outside = find_row(r, row, &from);
        for (int64_t i = 0; i < n; i++)
            if (outside || is_outside(&r->axis[last], i))
                tro_store_f64(r->y->dtype, r->y->data, row * n + i, r->a->extrapolation);
    }
}

static int64_t larger_of(const struct resize *r)
{
    return r->item_in > r->item_out ? r->item_in : r->item_out;
}

static void interpolate_item(void *ctx, int64_t item, void *memory)
{
    const struct resize *const r = ctx;
    const int rank = r->x->rank;
    double *from = memory, *to = from + larger_of(r);
    int64_t size[TRO_MAX_RANK];
    for (int d = 0; d < rank; d++)
        size[d] = r->axis[d].in;
    tro_load_row_f64(r->x->dtype, r->x->data, item * r->item_in, r->item_in, from);
    for (int k = 0; k < r->n_order; k++) {
        const int axis = r->order[k];
        int64_t outer = 1, inner = 1;
        for (int d = r->n_whole; d < rank; d++)
            *(d < axis ? &outer : &inner) *= d == axis ? 1 : size[d];
        resample(&r->axis[axis], outer, inner, from, to);
        size[axis] = r->axis[axis].out;
        double *const done = to;
        to = from;
        from = done;
    }
    store_rows(r, item * r->item_out, r->item_out, from);
    if (r->a->coord == tro_coord_mode_tf_crop_and_resize)
        store_extrapolated(r, item);
}

static int interpolate(struct resize *r, struct tro_err *err)
{
    int64_t n_items = 1;
    r->item_in = r->item_out = 1;
    while (r->n_whole < r->x->rank - 1 && r->axis[r->n_whole].is_whole_copy)
        n_items *= r->axis[r->n_whole++].out;
    for (int is_growing = 0; is_growing < 2; is_growing++)
        for (int d = r->n_whole; d < r->x->rank; d++)
            if (!r->axis[d].is_whole_copy && (r->axis[d].out > r->axis[d].in) == is_growing)
                r->order[r->n_order++] = d;
    double work = 4;
    for (int d = r->n_whole; d < r->x->rank; d++) {
        r->item_in *= r->axis[d].in;
        r->item_out *= r->axis[d].out;
        work += (double)r->axis[d].n;
    }
    work *= (double)n_items * (double)larger_of(r);
    return tro_ref_parts(n_items, work, (size_t)larger_of(r) * 2 * sizeof(double), interpolate_item,
                         r, err);
}

int tro_ref_resize(struct tro_ref_call *c)
{
    struct resize r = {.a = c->attrs, .x = &c->in[0], .y = &c->out[0]};
    const int64_t n = tro_tensor_n_elems(r.y);
    if (n == 0)
        return 0;
    if (r.x->rank == 0) {
        memcpy(r.y->data, r.x->data, tro_dtype_size(r.x->dtype));
        return 0;
    }
    TRO_TRY(tro_resize_axes_init(c, r.axis));
    if (r.a->mode != tro_resize_mode_nearest)
        return interpolate(&r, c->err);
    return tro_ref_parts(n / r.axis[r.x->rank - 1].out, 4 * (double)n, 0, nearest_row, &r, c->err);
}
