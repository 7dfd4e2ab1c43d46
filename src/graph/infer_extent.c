/* SPDX-License-Identifier: Apache-2.0 */
/* Types and bounds of results whose size depends on values. */
#include "graph/infer_util.h"
#include "graph/picture_size.h"

int tro_infer_nonzero(struct tro_infer_call *c)
{
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER | TRO_T_BOOL));
    c->out[0].dtype = TRO_I64;
    y->rank = 2;
    if (x->rank < 0) {
        y->dim[0] = tro_dim_within(c, 0, TRO_MAX_RANK);
        y->dim[1] = tro_free_dim(c);
        return 0;
    }
    y->dim[0] = tro_dim_const(x->rank);
    y->dim[1] = tro_unknown_dim(c, tro_dims_product(c, x, 0, x->rank));
    return 0;
}

int tro_infer_compress(struct tro_infer_call *c)
{
    const struct tro_attrs_compress *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    TRO_TRY(tro_want_type(c, 1, TRO_T_BOOL));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, 1, TRO_MAX_RANK));
    TRO_TRY(tro_want_rank(c, 1, 1, 1));
    int axis = 0;
    if (a->is_flat) {
        y->rank = 1;
        y->dim[0] = tro_dims_product(c, x, 0, x->rank);
    } else {
        TRO_TRY(tro_norm_axis(c, a->axis, x->rank, &axis));
        *y = *x;
    }
    const tro_dim n = tro_dim_min(c->dims, y->dim[axis], c->in[1].shape.dim[0]);
    y->dim[axis] = tro_unknown_dim(c, n);
    return 0;
}

int tro_infer_unique(struct tro_infer_call *c)
{
    const struct tro_attrs_unique *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER | TRO_T_BOOL));
    c->out[0].dtype = c->in[0].dtype;
    for (int i = 1; i < c->n_out; i++) {
        c->out[i].dtype = TRO_I64;
        c->out[i].shape.rank = 1;
        c->out[i].shape.dim[0] = tro_ranks_known(c) ? tro_dim_const(0) : tro_free_dim(c);
    }
    if (!tro_ranks_known(c))
        return 0;
    struct tro_shape y = {.rank = 1, .dim[0] = tro_dims_product(c, x, 0, x->rank)};
    int axis = 0;
    if (!a->is_flat) {
        TRO_TRY(tro_norm_axis(c, a->axis, x->rank, &axis));
        y = *x;
    }
    const tro_dim n = y.dim[axis], extent = tro_unknown_dim(c, n);
    y.dim[axis] = extent;
    c->out[0].shape = y;
    for (int i = 1; i < c->n_out; i++)
        c->out[i].shape.dim[0] = i == 2 ? n : extent;
    return 0;
}

/* ---- nms ------------------------------------------------------------------------------- */

static int want_nms_types(const struct tro_infer_call *c)
{
    for (int i = 0; i < 5; i++)
        if (tro_has(c, i))
            TRO_TRY(tro_want_type(c, i, i == 2 ? TRO_T(TRO_I64) : TRO_T(TRO_F32)));
    return 0;
}

/* Boxes that one class of one picture keeps at most: none without max_output. */
static tro_dim kept_boxes(const struct tro_infer_call *c, tro_dim n_boxes)
{
    struct tro_dim_list max;
    if (!tro_has(c, 2))
        return tro_dim_const(0);
    if (!tro_known_dims(c, 2, &max) || max.n != 1)
        return n_boxes;
    return tro_dim_max(c->dims, tro_dim_const(0), tro_dim_min(c->dims, n_boxes, max.v[0]));
}

int tro_infer_nms(struct tro_infer_call *c)
{
    static const char *const names[5] = {"", "", "max_output", "iou_threshold", "score_threshold"};
    TRO_TRY(want_nms_types(c));
    c->out[0].dtype = TRO_I64;
    c->out[0].shape.rank = 2;
    c->out[0].shape.dim[1] = tro_dim_const(3);
    if (!tro_ranks_known(c)) {
        c->out[0].shape.dim[0] = tro_free_dim(c);
        return 0;
    }
    TRO_TRY(tro_want_rank(c, 0, 3, 3));
    TRO_TRY(tro_want_rank(c, 1, 3, 3));
    for (int i = 2; i < 5; i++)
        if (tro_has(c, i))
            TRO_TRY(tro_want_one(c, i, names[i]));
    const tro_dim *const boxes = c->in[0].shape.dim, *const scores = c->in[1].shape.dim;
    tro_dim n_batch, n_boxes, four;
    TRO_TRY(tro_same_dim(c, boxes[0], scores[0], "batch of boxes and scores", &n_batch));
    TRO_TRY(tro_same_dim(c, boxes[1], scores[2], "number of boxes and scores", &n_boxes));
    TRO_TRY(tro_same_dim(c, boxes[2], tro_dim_const(4), "coordinates of a box", &four));
    const tro_dim per_picture = tro_dim_mul(c->dims, scores[1], kept_boxes(c, n_boxes));
    c->out[0].shape.dim[0] = tro_unknown_dim(c, tro_dim_mul(c->dims, n_batch, per_picture));
    return 0;
}

/* ---- image_decode ---------------------------------------------------------------------- */

/* Pixels beyond which a picture is taken for a forged header. */
#define MAX_PIXELS (INT64_C(1) << 28)

static int set_picture_size(struct tro_infer_call *c)
{
    const tro_dim n = c->in[0].shape.dim[0];
    int64_t width, height;
    if (!tro_dim_is_const(n) ||
        !tro_picture_size(c->in[0].data, (size_t)tro_dim_value(n), &width, &height))
        return tro_fail(c->err, TRO_E_INPUT,
                        "x is not the start of a picture: expected PNG, JPEG, BMP, PNM, TIFF, WebP "
                        "or JPEG 2000");
    if (width < 1 || height < 1 || width > MAX_PIXELS / height)
        return tro_fail(c->err, TRO_E_INPUT,
                        "the picture has %" PRId64 " x %" PRId64 " pixels: expected 1 to %" PRId64,
                        width, height, MAX_PIXELS);
    c->out[0].shape.dim[0] = tro_unknown_dim(c, tro_dim_const(height));
    c->out[0].shape.dim[1] = tro_unknown_dim(c, tro_dim_const(width));
    return 0;
}

int tro_infer_image_decode(struct tro_infer_call *c)
{
    const struct tro_attrs_image_decode *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T(TRO_U8)));
    c->out[0].dtype = TRO_U8;
    c->out[0].shape.rank = 3;
    c->out[0].shape.dim[2] = tro_dim_const(a->format == tro_pixel_format_grayscale ? 1 : 3);
    if (tro_ranks_known(c))
        TRO_TRY(tro_want_rank(c, 0, 1, 1));
    if (c->in[0].data)
        return set_picture_size(c);
    c->out[0].shape.dim[0] = tro_free_dim(c);
    c->out[0].shape.dim[1] = tro_free_dim(c);
    return 0;
}
