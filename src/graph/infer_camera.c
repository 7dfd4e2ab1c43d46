/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/camera.h"
#include "graph/infer_util.h"

/* Bytes of a pixel that the shape has as its last axis; 0: no such axis. */
static int pixel_axis(enum tro_camera_format format)
{
    switch (format) {
    case tro_camera_format_yuyv:
        return 2;
    case tro_camera_format_rgb8:
    case tro_camera_format_bgr8:
        return 3;
    case tro_camera_format_rgba8:
    case tro_camera_format_bgra8:
        return 4;
    default:
        return 0;
    }
}

static int want_side(struct tro_infer_call *c, tro_dim d, const char *name)
{
    if (tro_dim_is_const(d) && (tro_dim_value(d) < 1 || tro_dim_value(d) > TRO_CAMERA_MAX_SIDE))
        return tro_fail(c->err, TRO_E_INPUT,
                        "%s of the frame: expected 1 to %d pixels, found %" PRId64, name,
                        TRO_CAMERA_MAX_SIDE, tro_dim_value(d));
    return 0;
}

/* Pixels of the frame, from the bytes of x. */
static int find_size(struct tro_infer_call *c, const struct tro_attrs_camera *a, tro_dim *height,
                     tro_dim *width)
{
    const struct tro_shape *const x = &c->in[0].shape;
    *height = x->dim[1];
    *width = x->dim[2];
    if (a->format == tro_camera_format_nv12) {
        const tro_dim rows = x->dim[1];
        if ((tro_dim_is_const(rows) && tro_dim_value(rows) % 3) ||
            (tro_dim_is_const(*width) && tro_dim_value(*width) % 2))
            return tro_fail(c->err, TRO_E_INPUT,
                            "nv12: expected height * 3 / 2 rows and an even width, height even, "
                            "found %" PRId64 " rows, width %" PRId64,
                            tro_dim_value_or_minus1(rows), tro_dim_value_or_minus1(*width));
        *height = tro_dim_mul(c->dims, tro_dim_div(c->dims, rows, tro_dim_const(3)),
                              tro_dim_const(2));
    }
    if (a->format == tro_camera_format_yuyv && tro_dim_is_const(*width) &&
        tro_dim_value(*width) % 2)
        return tro_fail(c->err, TRO_E_INPUT, "yuyv: expected an even width, found %" PRId64,
                        tro_dim_value(*width));
    TRO_TRY(want_side(c, *height, "height"));
    return want_side(c, *width, "width");
}

static int want_channels(struct tro_infer_call *c, int i, int n, const char *name)
{
    const struct tro_shape *const s = &c->in[i].shape;
    TRO_TRY(tro_want_rank(c, i, 1, 1));
    if (tro_dims_clash(s->dim[0], tro_dim_const(n)))
        return tro_fail(c->err, TRO_E_INPUT,
                        "%s: expected %d elements, one a channel, found %" PRId64, name, n,
                        tro_dim_value(s->dim[0]));
    return 0;
}

static int want_attrs(struct tro_infer_call *c, const struct tro_attrs_camera *a)
{
    const int64_t most = a->resize == tro_camera_resize_none ? 0 : TRO_CAMERA_MAX_SIDE;
    TRO_TRY(tro_want_attr(c, a->height, most > 0, most, "height"));
    TRO_TRY(tro_want_attr(c, a->width, most > 0, most, "width"));
    return tro_want_attr(c, a->pad, 0, 255, "pad");
}

int tro_infer_camera(struct tro_infer_call *c)
{
    const struct tro_attrs_camera *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    struct tro_shape *const y = &c->out[0].shape;
    const int n_bytes = pixel_axis(a->format), n = tro_camera_n_channels(a);
    tro_dim height, width;
    TRO_TRY(tro_want_type(c, 0, TRO_T(TRO_U8)));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_F32)));
    TRO_TRY(tro_want_type(c, 2, TRO_T(TRO_F32)));
    TRO_TRY(want_attrs(c, a));
    c->out[0].dtype = TRO_F32;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(tro_want_rank(c, 0, n_bytes ? 4 : 3, n_bytes ? 4 : 3));
    TRO_TRY(want_channels(c, 1, n, "scale"));
    TRO_TRY(want_channels(c, 2, n, "bias"));
    if (n_bytes && tro_dims_clash(x->dim[3], tro_dim_const(n_bytes)))
        return tro_fail(c->err, TRO_E_INPUT, "frame: expected %d bytes a pixel, found %" PRId64,
                        n_bytes, tro_dim_value(x->dim[3]));
    TRO_TRY(find_size(c, a, &height, &width));
    const bool is_same = a->resize == tro_camera_resize_none;
    y->rank = 4;
    y->dim[0] = x->dim[0];
    y->dim[1] = tro_dim_const(n);
    y->dim[2] = is_same ? height : tro_dim_const(a->height);
    y->dim[3] = is_same ? width : tro_dim_const(a->width);
    return 0;
}
