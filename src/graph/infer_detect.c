/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of what detectors end with. */
#include "graph/infer_util.h"

#include <math.h>

static int want_fraction(const struct tro_infer_call *c, double v, const char *name)
{
    if (v >= 0 && v <= 1)
        return 0;
    return tro_fail(c->err, TRO_E_INPUT, "%s is %g: expected 0 to 1", name, v);
}

static int want_finite(const struct tro_infer_call *c, double v, const char *name)
{
    return isfinite(v) ? 0 : tro_fail(c->err, TRO_E_INPUT, "%s is %g: expected a number", name, v);
}

static int check_detect(const struct tro_infer_call *c)
{
    const struct tro_attrs_detect *const a = c->attrs;
    TRO_TRY(want_fraction(c, a->iou_threshold, "iou_threshold"));
    if (a->is_logit)
        TRO_TRY(want_fraction(c, a->score_threshold, "score_threshold with is_logit"));
    TRO_TRY(want_finite(c, a->score_threshold, "score_threshold"));
    TRO_TRY(want_finite(c, a->x_scale, "x_scale"));
    TRO_TRY(want_finite(c, a->y_scale, "y_scale"));
    TRO_TRY(want_finite(c, a->x_offset, "x_offset"));
    TRO_TRY(want_finite(c, a->y_offset, "y_offset"));
    TRO_TRY(tro_want_attr(c, a->max_output, 1, 1 << 20, "max_output"));
    TRO_TRY(tro_want_attr(c, a->max_per_class, 0, INT32_MAX, "max_per_class"));
    TRO_TRY(tro_want_attr(c, a->max_candidates, 0, 1 << 20, "max_candidates"));
    return tro_want_attr(c, a->background, 0, INT32_MAX, "background");
}

static void set_rows(struct tro_infer_call *c, int i, enum tro_dtype dtype, tro_dim n, int64_t rows,
                     int64_t columns)
{
    c->out[i].dtype = dtype;
    if (!tro_ranks_known(c))
        return;
    c->out[i].shape = (struct tro_shape){.rank = columns ? 3 : 2};
    c->out[i].shape.dim[0] = n;
    c->out[i].shape.dim[1] = tro_dim_const(rows);
    c->out[i].shape.dim[2] = tro_dim_const(columns);
}

int tro_infer_detect(struct tro_infer_call *c)
{
    static const enum tro_dtype types[5] = {TRO_I32, TRO_F32, TRO_F32, TRO_I32, TRO_I32};
    const struct tro_attrs_detect *const a = c->attrs;
    const struct tro_shape *const boxes = &c->in[0].shape, *const scores = &c->in[1].shape;
    tro_dim n = {0}, same;
    TRO_TRY(tro_want_type(c, 0, TRO_T(TRO_F32)));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_F32)));
    TRO_TRY(check_detect(c));
    if (tro_ranks_known(c)) {
        TRO_TRY(tro_want_rank(c, 0, 3, 4));
        TRO_TRY(tro_want_rank(c, 1, 3, 3));
        TRO_TRY(tro_same_dim(c, boxes->dim[0], scores->dim[0], "batch of boxes and scores", &n));
        TRO_TRY(
            tro_same_dim(c, boxes->dim[1], scores->dim[1], "number of boxes and scores", &same));
        if (boxes->rank == 4)
            TRO_TRY(tro_want_broadcast(c, boxes->dim[2], scores->dim[2],
                                       "classes of boxes and scores"));
        TRO_TRY(tro_same_dim(c, boxes->dim[boxes->rank - 1], tro_dim_const(4),
                             "coordinates of a box", &same));
    }
    for (int i = 0; i < c->n_out; i++)
        set_rows(c, i, types[i], n, i == 0 ? 1 : a->max_output, i == 1 ? 4 : 0);
    return 0;
}

int tro_infer_peaks(struct tro_infer_call *c)
{
    const struct tro_attrs_peaks *const a = c->attrs;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T(TRO_F32)));
    TRO_TRY(tro_want_attr(c, a->n_peaks, 1, 1 << 20, "n_peaks"));
    TRO_TRY(tro_want_attr(c, a->radius, 0, 1 << 15, "radius"));
    TRO_TRY(want_finite(c, a->threshold, "threshold"));
    TRO_TRY(want_finite(c, a->x_scale, "x_scale"));
    TRO_TRY(want_finite(c, a->y_scale, "y_scale"));
    TRO_TRY(want_finite(c, a->x_offset, "x_offset"));
    TRO_TRY(want_finite(c, a->y_offset, "y_offset"));
    c->out[0].dtype = TRO_F32;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 4, 4));
    *y = c->in[0].shape;
    y->dim[2] = tro_dim_const(a->n_peaks);
    y->dim[3] = tro_dim_const(3);
    return 0;
}
