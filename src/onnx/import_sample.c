/* SPDX-License-Identifier: Apache-2.0 */
/* Resize and other sampling of pictures. */
#include "onnx/import_call.h"

#include "base/dtype.h"

static const char *const resize_modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const coord_modes[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",   "align_corners",
    "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn", NULL};
static const char *const nearest_modes[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                            "ceil", NULL};

/* An input of zero elements stands for an absent one. */
static tro_value_id unless_empty(struct tro_import_call *c, int i)
{
    if (!tro_in_has(c, i))
        return TRO_VALUE_NONE;
    const struct tro_value *v = tro_value_get(c->g, c->in[i]);
    const bool is_empty = v->shape.rank == 1 && tro_dim_is(v->shape.dim[0], 0);
    return is_empty ? TRO_VALUE_NONE : c->in[i];
}

int tro_import_resize(struct tro_import_call *c)
{
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};
    struct tro_attrs_resize a = {
        .mode = (enum tro_resize_mode)tro_attr_choice(c, "mode", resize_modes, 0),
        .coord = (enum tro_coord_mode)tro_attr_choice(c, "coordinate_transformation_mode",
                                                      coord_modes, 0),
        .nearest = (enum tro_nearest_mode)tro_attr_choice(c, "nearest_mode", nearest_modes, 0),
        .policy = (enum tro_aspect_policy)tro_attr_choice(c, "keep_aspect_ratio_policy", policies,
                                                          0),
        .cubic_a = tro_attr_float(c, "cubic_coeff_a", -0.75),
        .extrapolation = tro_attr_float(c, "extrapolation_value", 0),
        .exclude_outside = tro_attr_int(c, "exclude_outside", 0),
        .antialias = tro_attr_int(c, "antialias", 0)};
    tro_attr_ints(c, "axes", &a.axes);
    const bool uses_roi = a.coord == tro_coord_mode_tf_crop_and_resize;
    const tro_value_id in[4] = {c->in[0], uses_roi ? unless_empty(c, 1) : TRO_VALUE_NONE,
                                unless_empty(c, 2), unless_empty(c, 3)};
    if (!in[2].i == !in[3].i)
        return tro_import_fail(c, TRO_E_INPUT, "expected either scales or sizes, found %s",
                               in[2].i ? "both" : "neither");
    if (uses_roi && !in[1].i)
        return tro_import_fail(c, TRO_E_INPUT, "expected a roi for tf_crop_and_resize, found none");
    tro_set_out(c, 0, tro_emit(c, TRO_OP_RESIZE, &a, in, 4));
    return c->rc;
}

static tro_value_id emit_asymmetric(struct tro_import_call *c, tro_value_id x,
                                    enum tro_resize_mode mode, enum tro_nearest_mode nearest,
                                    tro_value_id scales)
{
    const struct tro_attrs_resize a = {
        .mode = mode, .coord = tro_coord_mode_asymmetric, .nearest = nearest, .cubic_a = -0.75};
    const tro_value_id in[3] = {x, TRO_VALUE_NONE, scales};
    return tro_emit(c, TRO_OP_RESIZE, &a, in, 3);
}

/* The scales with those of growing (or of shrinking) axes set to 1; false when no axis is left. */
static bool split_scales(const struct tro_tensor *t, bool is_growing, float *out)
{
    bool is_any = false;
    for (int64_t i = 0; i < t->shape[0]; i++) {
        const float scale = ((const float *)t->data)[i];
        out[i] = (scale > 1) == is_growing ? scale : 1;
        is_any = is_any || out[i] != 1;
    }
    return is_any;
}

/* Version 10, and Upsample: asymmetric, scales alone. Nearest rounds down along axes that grow, up
 * along those that shrink; scales unknown at import are taken to be growing ones. */
static int resize_asymmetric(struct tro_import_call *c, enum tro_resize_mode mode,
                             tro_value_id scales)
{
    struct tro_tensor t;
    float part[TRO_MAX_RANK];
    tro_value_id x = c->in[0];
    const bool is_known = mode == tro_resize_mode_nearest && tro_known_tensor(c, scales, &t) &&
                          t.dtype == TRO_F32 && t.rank == 1 && t.shape[0] <= TRO_MAX_RANK;
    if (is_known && split_scales(&t, false, part)) {
        t.data = part;
        x = emit_asymmetric(c, x, mode, tro_nearest_mode_ceil, tro_const_any(c, &t));
        tro_known_tensor(c, scales, &t);
        split_scales(&t, true, part);
        t.data = part;
        scales = tro_const_any(c, &t);
    }
    tro_set_out(c, 0, emit_asymmetric(c, x, mode, tro_nearest_mode_floor, scales));
    return c->rc;
}

static enum tro_resize_mode old_mode(struct tro_import_call *c)
{
    static const char *const names[] = {"nearest", "linear", "bilinear", NULL};
    const int i = tro_attr_choice(c, "mode", names, 0);
    return i == 0 ? tro_resize_mode_nearest : tro_resize_mode_linear;
}

int tro_import_resize_10(struct tro_import_call *c)
{
    return resize_asymmetric(c, old_mode(c), c->in[1]);
}

int tro_import_upsample_7(struct tro_import_call *c)
{
    const struct tro_onnx_attr *a = tro_attr_raw(c, "scales");
    if (!a || !a->n_floats || a->n_floats > TRO_MAX_RANK)
        return tro_import_fail(c, TRO_E_INPUT,
                               "attribute 'scales': expected a scale for each axis");
    const struct tro_tensor t = {
        .dtype = TRO_F32, .rank = 1, .shape = {(int64_t)a->n_floats}, .data = a->floats};
    return resize_asymmetric(c, old_mode(c), tro_const_any(c, &t));
}

int tro_import_grid_sample(struct tro_import_call *c)
{
    static const char *const modes[] = {"linear", "nearest", "cubic", "bilinear", "bicubic", NULL};
    static const enum tro_grid_mode ours[] = {tro_grid_mode_linear, tro_grid_mode_nearest,
                                              tro_grid_mode_cubic, tro_grid_mode_linear,
                                              tro_grid_mode_cubic};
    static const char *const paddings[] = {"zeros", "border", "reflection", NULL};
    const struct tro_attrs_grid_sample a = {
        .mode = ours[tro_attr_choice(c, "mode", modes, 0)],
        .padding = (enum tro_grid_padding)tro_attr_choice(c, "padding_mode", paddings, 0),
        .align_corners = tro_attr_int(c, "align_corners", 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_GRID_SAMPLE, &a, c->in, 2));
    return c->rc;
}

int tro_import_affine_grid(struct tro_import_call *c)
{
    const struct tro_attrs_affine_grid a = {.align_corners = tro_attr_int(c, "align_corners", 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_AFFINE_GRID, &a, c->in, 2));
    return c->rc;
}

static int emit_roi_align(struct tro_import_call *c, bool is_half_pixel)
{
    static const char *const modes[] = {"avg", "max", NULL};
    const struct tro_attrs_roi_align a = {
        .mode = (enum tro_roi_mode)tro_attr_choice(c, "mode", modes, 0),
        .output_height = tro_attr_int(c, "output_height", 1),
        .output_width = tro_attr_int(c, "output_width", 1),
        .sampling_ratio = tro_attr_int(c, "sampling_ratio", 0),
        .spatial_scale = tro_attr_float(c, "spatial_scale", 1),
        .is_half_pixel = is_half_pixel};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_ROI_ALIGN, &a, c->in, 3));
    return c->rc;
}

int tro_import_roi_align_10(struct tro_import_call *c)
{
    return emit_roi_align(c, false);
}

int tro_import_roi_align(struct tro_import_call *c)
{
    static const char *const modes[] = {"half_pixel", "output_half_pixel", NULL};
    return emit_roi_align(c, tro_attr_choice(c, "coordinate_transformation_mode", modes, 0) == 0);
}
