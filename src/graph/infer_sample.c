/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of operators that sample pictures at computed places. */
#include "graph/infer_util.h"

#include "base/dtype.h"

#include <math.h>

/* ---- resize ---------------------------------------------------------------------------- */

/* The axes that roi, scales and sizes speak of. */
struct resized {
    int n, axis[TRO_MAX_INTS];
};

static int read_resized(const struct tro_infer_call *c, struct resized *r)
{
    const struct tro_attrs_resize *const a = c->attrs;
    const int rank = c->in[0].shape.rank;
    r->n = rank;
    for (int i = 0; i < rank; i++)
        r->axis[i] = i;
    if (a->axes.n == 0)
        return 0;
    r->n = a->axes.n;
    return tro_norm_axes(c, &a->axes, rank, r->axis);
}

/* Present with elements: an empty tensor stands for an absent one. */
static bool may_be_given(const struct tro_infer_call *c, int i)
{
    return tro_has(c, i) && !(c->in[i].shape.rank == 1 && tro_dim_is(c->in[i].shape.dim[0], 0));
}

static bool is_given(const struct tro_infer_call *c, int i)
{
    return may_be_given(c, i) &&
           (c->in[i].shape.rank != 1 || tro_dim_lo(c->dims, c->in[i].shape.dim[0]) > 0);
}

static int64_t as_size(float whole)
{
    return whole >= (float)TRO_DIM_MAX ? TRO_DIM_MAX : (int64_t)whole;
}

/* floor(in * scale) in float, as ONNX Runtime has it. */
static int64_t scaled(int64_t in, float scale)
{
    return as_size(floorf((float)in * scale));
}

static tro_dim scaled_dim(struct tro_infer_call *c, tro_dim in, float scale)
{
    if (tro_dim_is_const(in))
        return tro_dim_const(scaled(tro_dim_value(in), scale));
    /* Small fractions of a power of two are exact in float. */
    for (int64_t by = 1; by <= 64; by *= 2)
        if (scale * (float)by == floorf(scale * (float)by) && scale * (float)by <= 1024)
            return tro_dim_div(
                c->dims, tro_dim_mul(c->dims, in, tro_dim_const((int64_t)(scale * (float)by))),
                tro_dim_const(by));
    const int64_t lo = tro_dim_lo(c->dims, in), hi = tro_dim_hi(c->dims, in);
    return tro_dim_within(c, lo < 0 ? 0 : scaled(lo, scale), hi < 0 ? 0 : scaled(hi, scale));
}

static int set_scales(struct tro_infer_call *c, const struct resized *r)
{
    int64_t n;
    TRO_TRY(tro_want_params(c, 2, r->n, "scales", &n));
    for (int i = 0; i < r->n; i++) {
        tro_dim *const d = &c->out[0].shape.dim[r->axis[i]];
        if (!c->in[2].data) {
            *d = tro_free_dim(c);
            continue;
        }
        const float scale = (float)tro_load_f64(TRO_F32, c->in[2].data, i);
        if (!(scale > 0) || isinf(scale))
            return tro_fail(c->err, TRO_E_INPUT, "scale %d is %g: expected a number above 0", i,
                            (double)scale);
        *d = scaled_dim(c, *d, scale);
    }
    return 0;
}

/* One scale for all axes, so that no size exceeds (or falls below) what was asked. */
static void keep_aspect(struct tro_infer_call *c, const struct resized *r,
                        const struct tro_dim_list *sizes)
{
    const struct tro_attrs_resize *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    const bool is_least = a->policy == tro_aspect_policy_not_larger;
    bool is_known = true;
    float scale = is_least ? INFINITY : 0;
    for (int i = 0; i < r->n && is_known; i++) {
        const tro_dim d = x->dim[r->axis[i]];
        is_known = tro_dim_is_const(d) && tro_dim_is_const(sizes->v[i]) && tro_dim_value(d) > 0;
        if (!is_known)
            continue;
        const float s = (float)tro_dim_value(sizes->v[i]) / (float)tro_dim_value(d);
        scale = is_least ? fminf(scale, s) : fmaxf(scale, s);
    }
    for (int i = 0; i < r->n; i++) {
        tro_dim *const d = &y->dim[r->axis[i]];
        if (is_known)
            *d = tro_dim_const(as_size(roundf(scale * (float)tro_dim_value(*d))));
        else
            *d = is_least ? tro_dim_part_of(c, sizes->v[i]) : tro_free_dim(c);
    }
}

static int set_sizes(struct tro_infer_call *c, const struct resized *r)
{
    const struct tro_attrs_resize *const a = c->attrs;
    struct tro_shape *const y = &c->out[0].shape;
    int64_t n;
    TRO_TRY(tro_want_params(c, 3, r->n, "sizes", &n));
    struct tro_dim_list sizes;
    if (!tro_known_dims(c, 3, &sizes)) {
        for (int i = 0; i < r->n; i++)
            y->dim[r->axis[i]] = tro_free_dim(c);
        return 0;
    }
    for (int i = 0; i < r->n; i++) {
        if (tro_dim_hi(c->dims, sizes.v[i]) < 1 || tro_dim_lo(c->dims, sizes.v[i]) > INT32_MAX)
            return tro_fail(c->err, TRO_E_INPUT, "size %d is %" PRId64 ": expected 1 to %d", i,
                            tro_dim_hi(c->dims, sizes.v[i]), INT32_MAX);
        if (a->policy == tro_aspect_policy_stretch)
            y->dim[r->axis[i]] = sizes.v[i];
    }
    if (a->policy != tro_aspect_policy_stretch)
        keep_aspect(c, r, &sizes);
    return 0;
}

static int want_resize_types(const struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER | TRO_T_BOOL));
    if (tro_has(c, 1))
        TRO_TRY(tro_want_type(c, 1, TRO_T_FLOAT));
    if (tro_has(c, 2))
        TRO_TRY(tro_want_type(c, 2, TRO_T(TRO_F32)));
    return tro_has(c, 3) ? tro_want_type(c, 3, TRO_T(TRO_I64)) : 0;
}

int tro_infer_resize(struct tro_infer_call *c)
{
    const struct tro_attrs_resize *const a = c->attrs;
    TRO_TRY(want_resize_types(c));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    struct resized r;
    int64_t n;
    TRO_TRY(read_resized(c, &r));
    if (a->coord == tro_coord_mode_tf_crop_and_resize && !may_be_given(c, 1))
        return tro_fail(c->err, TRO_E_INPUT, "roi is absent: tf_crop_and_resize needs it");
    if (is_given(c, 1))
        TRO_TRY(tro_want_params(c, 1, 2 * r.n, "roi", &n));
    const bool may_scale = may_be_given(c, 2), may_size = may_be_given(c, 3);
    if ((!may_scale && !may_size) || (is_given(c, 2) && is_given(c, 3)))
        return tro_fail(c->err, TRO_E_INPUT, "expected scales or sizes, found %s",
                        may_scale ? "both" : "none");
    c->out[0].shape = c->in[0].shape;
    if (is_given(c, 2) || !may_size)
        return set_scales(c, &r);
    if (is_given(c, 3) || !may_scale)
        return set_sizes(c, &r);
    for (int i = 0; i < r.n; i++)
        c->out[0].shape.dim[r.axis[i]] = tro_free_dim(c);
    return 0;
}

/* Weights must sum up to 1. */
int tro_infer_resize_int(struct tro_infer_call *c)
{
    const struct tro_attrs_resize *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_8BIT));
    if (a->mode != tro_resize_mode_linear)
        return tro_fail(c->err, TRO_E_INPUT, "expected mode linear, found another");
    if (a->coord == tro_coord_mode_tf_crop_and_resize || a->exclude_outside)
        return tro_fail(c->err, TRO_E_INPUT,
                        "expected elements of x alone, found %s: integers have no such resizing",
                        a->exclude_outside ? "exclude_outside" : "tf_crop_and_resize");
    return tro_infer_resize(c);
}

/* ---- grids ----------------------------------------------------------------------------- */

int tro_infer_grid_sample(struct tro_infer_call *c)
{
    const struct tro_shape *const x = &c->in[0].shape, *const grid = &c->in[1].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    TRO_TRY(tro_want_type(c, 1, TRO_T_FLOAT));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 3, 5));
    TRO_TRY(tro_want_rank(c, 1, x->rank, x->rank));
    tro_dim n_coords;
    *y = *x;
    TRO_TRY(tro_same_dim(c, x->dim[0], grid->dim[0], "batch of x and grid", &y->dim[0]));
    TRO_TRY(tro_same_dim(c, grid->dim[x->rank - 1], tro_dim_const(x->rank - 2),
                         "coordinates of a grid point and spatial axes of x", &n_coords));
    for (int i = 2; i < x->rank; i++)
        y->dim[i] = grid->dim[i - 1];
    return 0;
}

/* size [n, c, (depth,) height, width]: as many entries as theta [n, 2, 3] or [n, 3, 4] implies. */
int tro_infer_affine_grid(struct tro_infer_call *c)
{
    const struct tro_shape *const theta = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 3, 3));
    const int64_t rows = tro_dim_value_or_minus1(theta->dim[1]);
    int64_t n;
    TRO_TRY(tro_want_params(c, 1, rows < 0 ? -1 : rows + 2, "size", &n));
    if (n < 0)
        return 0;
    TRO_TRY(tro_want_attr(c, n, 4, 5, "the number of sizes"));
    tro_dim same;
    TRO_TRY(tro_same_dim(c, theta->dim[1], tro_dim_const(n - 2), "rows of theta", &same));
    TRO_TRY(tro_same_dim(c, theta->dim[2], tro_dim_const(n - 1), "columns of theta", &same));
    struct tro_dim_list size;
    const bool is_known = tro_known_dims(c, 1, &size);
    y->rank = (int)n;
    y->dim[0] = theta->dim[0];
    for (int i = 2; i < n; i++)
        y->dim[i - 1] = is_known ? size.v[i] : tro_free_dim(c);
    y->dim[n - 1] = tro_dim_const(n - 2);
    return is_known
               ? tro_same_dim(c, size.v[0], theta->dim[0], "batch of theta and size", &y->dim[0])
               : 0;
}

int tro_infer_roi_align(struct tro_infer_call *c)
{
    const struct tro_attrs_roi_align *const a = c->attrs;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    TRO_TRY(tro_want_same_type(c, 1, 0));
    TRO_TRY(tro_want_type(c, 2, TRO_T(TRO_I64)));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 4, 4));
    TRO_TRY(tro_want_rank(c, 1, 2, 2));
    TRO_TRY(tro_want_rank(c, 2, 1, 1));
    TRO_TRY(tro_want_attr(c, a->output_height, 1, INT32_MAX, "output_height"));
    TRO_TRY(tro_want_attr(c, a->output_width, 1, INT32_MAX, "output_width"));
    TRO_TRY(tro_want_attr(c, a->sampling_ratio, 0, INT32_MAX, "sampling_ratio"));
    tro_dim four;
    TRO_TRY(
        tro_same_dim(c, c->in[1].shape.dim[1], tro_dim_const(4), "coordinates of a region", &four));
    y->rank = 4;
    TRO_TRY(tro_same_dim(c, c->in[1].shape.dim[0], c->in[2].shape.dim[0],
                         "number of regions and batch indices", &y->dim[0]));
    y->dim[1] = c->in[0].shape.dim[1];
    y->dim[2] = tro_dim_const(a->output_height);
    y->dim[3] = tro_dim_const(a->output_width);
    return 0;
}
