/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/camera.h"

#include <string.h>

/* ---- colours ------------------------------------------------------------------------------ */

int tro_camera_n_channels(const struct tro_attrs_camera *a)
{
    return a->order == tro_camera_order_gray ? 1 : 3;
}

bool tro_camera_is_yuv(enum tro_camera_format format)
{
    return format == tro_camera_format_nv12 || format == tro_camera_format_yuyv;
}

/* Bytes of R, G and B in a pixel. */
static void find_bytes(enum tro_camera_format format, struct tro_camera_colour *c)
{
    static const struct {
        int pixel_bytes, byte[3];
    } formats[] = {
        [tro_camera_format_rgb8] = {3, {0, 1, 2}},  [tro_camera_format_bgr8] = {3, {2, 1, 0}},
        [tro_camera_format_rgba8] = {4, {0, 1, 2}}, [tro_camera_format_bgra8] = {4, {2, 1, 0}},
        [tro_camera_format_gray8] = {1, {0, 0, 0}}, [tro_camera_format_nv12] = {0, {0, 0, 0}},
        [tro_camera_format_yuyv] = {2, {0, 0, 0}},
    };
    c->pixel_bytes = formats[format].pixel_bytes;
    memcpy(c->byte, formats[format].byte, sizeof c->byte);
}

/* Factors of Cb and Cr in R, G and B. */
static void find_factors(const struct tro_attrs_camera *a, struct tro_camera_colour *c)
{
    const bool is_709 = a->matrix == tro_camera_matrix_bt709;
    const bool is_full = a->range == tro_camera_range_full;
    const double kr = is_709 ? 0.2126 : 0.299, kb = is_709 ? 0.0722 : 0.114, kg = 1 - kr - kb;
    const double span = is_full ? 1 : 255.0 / 224.0;
    const double cr = (2 - 2 * kr) * span, cb = (2 - 2 * kb) * span;
    const float cbs[3] = {0, (float)(-cb * kb / kg), (float)cb};
    const float crs[3] = {(float)cr, (float)(-cr * kr / kg), 0};
    c->y_zero = is_full ? 0 : 16;
    c->y_scale = (float)(is_full ? 1 : 255.0 / 219.0);
    memcpy(c->cb, cbs, sizeof cbs);
    memcpy(c->cr, crs, sizeof crs);
}

/* From R, G, B to the order of the result. */
static void set_order(enum tro_camera_order order, struct tro_camera_colour *c)
{
    if (order == tro_camera_order_gray) {
        c->is_sum = c->pixel_bytes > 2;
        c->cb[0] = c->cr[0] = 0;
        return;
    }
    if (order == tro_camera_order_rgb)
        return;
    const int byte = c->byte[0];
    const float cb = c->cb[0], cr = c->cr[0];
    c->byte[0] = c->byte[2];
    c->cb[0] = c->cb[2];
    c->cr[0] = c->cr[2];
    c->byte[2] = byte;
    c->cb[2] = cb;
    c->cr[2] = cr;
}

void tro_camera_colour_init(const struct tro_attrs_camera *a, struct tro_camera_colour *out)
{
    *out = (struct tro_camera_colour){.n_channels = tro_camera_n_channels(a),
                                      .weight = {0.299F, 0.587F, 0.114F}};
    find_bytes(a->format, out);
    find_factors(a, out);
    set_order(a->order, out);
}

const char *const *tro_camera_names(const char *attribute)
{
    const struct tro_attr_field *f = tro_op_info(TRO_OP_CAMERA)->fields();
    while (strcmp(f->name, attribute) != 0)
        f++;
    return f->enum_names;
}

const char *tro_camera_format_name(enum tro_camera_format format)
{
    return tro_camera_names("format")[format];
}

/* ---- sizes -------------------------------------------------------------------------------- */

/* a * b / c, rounded to nearest, halves up; at least 1. */
static int64_t scaled(int64_t a, int64_t b, int64_t c)
{
    const int64_t n = (2 * a * b + c) / (2 * c);
    return n < 1 ? 1 : n;
}

/* Aspect kept: all of the picture inside the result, or all of the result inside the picture. */
static void fit(struct tro_camera *c, bool is_inside)
{
    const bool by_height = c->out_height * c->width <= c->out_width * c->height;
    c->fit_height = c->out_height;
    c->fit_width = c->out_width;
    if (by_height == is_inside)
        c->fit_width = scaled(c->width, c->out_height, c->height);
    else
        c->fit_height = scaled(c->height, c->out_width, c->width);
}

static void place(struct tro_camera *c, enum tro_camera_anchor anchor)
{
    if (anchor == tro_camera_anchor_top_left)
        return;
    const int64_t down = c->out_height - c->fit_height, right = c->out_width - c->fit_width;
    c->top = down < 0 ? -(-down / 2) : down / 2;
    c->left = right < 0 ? -(-right / 2) : right / 2;
}

void tro_camera_init(const struct tro_attrs_camera *a, const struct tro_tensor *x,
                     struct tro_camera *out)
{
    const bool is_nv12 = a->format == tro_camera_format_nv12;
    const bool is_same = a->resize == tro_camera_resize_none;
    struct tro_camera *const c = out;
    *c = (struct tro_camera){.n = x->shape[0],
                             .height = is_nv12 ? x->shape[1] / 3 * 2 : x->shape[1],
                             .width = x->shape[2],
                             .pad = (float)a->pad};
    tro_camera_colour_init(a, &c->colour);
    c->frame_bytes = x->shape[1] * x->shape[2] * (is_nv12 ? 1 : c->colour.pixel_bytes);
    c->out_height = is_same ? c->height : a->height;
    c->out_width = is_same ? c->width : a->width;
    c->fit_height = c->out_height;
    c->fit_width = c->out_width;
    if (a->resize == tro_camera_resize_letterbox || a->resize == tro_camera_resize_crop) {
        fit(c, a->resize == tro_camera_resize_letterbox);
        place(c, a->anchor);
    }
    c->is_nearest = a->filter == tro_camera_filter_nearest ||
                    (c->fit_height == c->height && c->fit_width == c->width);
}

/* ---- taps --------------------------------------------------------------------------------- */

/* Pixel i of n_fit is at (i + 0.5) * n / n_fit - 0.5 of the picture. */
static struct tro_camera_tap tap_at(int64_t i, int64_t n, int64_t n_fit, bool is_nearest)
{
    const int64_t at = (2 * i + 1) * n, whole = 2 * n_fit;
    if (is_nearest)
        return (struct tro_camera_tap){(int32_t)(at / whole), (int32_t)(at / whole), 0};
    if (at < n_fit)
        return (struct tro_camera_tap){0, 0, 0};
    const int64_t first = (at - n_fit) / whole, rest = (at - n_fit) % whole;
    if (first + 1 >= n)
        return (struct tro_camera_tap){(int32_t)first, (int32_t)first, 0};
    return (struct tro_camera_tap){(int32_t)first, (int32_t)first + 1,
                                   (float)((double)rest / (double)whole)};
}

static void fill_taps(struct tro_camera_tap *taps, int64_t n_out, int64_t n, int64_t n_fit,
                      int64_t begin, bool is_nearest)
{
    for (int64_t i = 0; i < n_out; i++)
        taps[i] = i < begin || i >= begin + n_fit ? (struct tro_camera_tap){-1, -1, 0}
                                                  : tap_at(i - begin, n, n_fit, is_nearest);
}

void tro_camera_rows(const struct tro_camera *c, struct tro_camera_tap *taps)
{
    fill_taps(taps, c->out_height, c->height, c->fit_height, c->top, c->is_nearest);
}

void tro_camera_columns(const struct tro_camera *c, struct tro_camera_tap *taps)
{
    fill_taps(taps, c->out_width, c->width, c->fit_width, c->left, c->is_nearest);
}

/* ---- graphs ------------------------------------------------------------------------------- */

/* Where an input of a fused block comes from. */
static tro_value_id outside_of(const struct tro_graph *g, tro_value_id v)
{
    const tro_block_id id = tro_value_get(g, v)->block;
    const struct tro_block *const b = id.i ? tro_block_get(g, id) : NULL;
    const struct tro_node *const owner = b && b->owner.i ? tro_node_get(g, b->owner) : NULL;
    for (size_t i = 0; owner && owner->op == TRO_OP_FUSED && i < b->n_inputs; i++)
        if (tro_value_eq(b->inputs[i], v))
            return owner->in[i];
    return v;
}

const struct tro_attrs_camera *tro_camera_of_input(const struct tro_graph *g, const char *name)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t n = 1; n < g->n_nodes; n++) {
        const struct tro_node *const node = &g->nodes[n];
        if (node->op != TRO_OP_CAMERA || !node->block.i)
            continue;
        const tro_value_id v = outside_of(g, node->in[0]);
        for (size_t i = 0; i < b->n_inputs; i++)
            if (tro_value_eq(b->inputs[i], v) && strcmp(tro_value_get(g, v)->name, name) == 0)
                return node->attrs;
    }
    return NULL;
}
