/* SPDX-License-Identifier: Apache-2.0 */
#include "record/input.h"

#include "base/err.h"

/* Choices have the names of the operator's attributes. 1: the key is there. */
static int read_choice(const struct tro_field *f, const char *key, int *out)
{
    return tro_field_choice(f, key, tro_camera_names(key), out);
}

static int read_colours(const struct tro_field *f, struct tro_record_input *in)
{
    int format = -1, matrix = 0, range = 0, order = 0;
    TRO_TRY(read_choice(f, "format", &format));
    if (format < 0)
        return tro_field_fail(f, "expected the key format, found none");
    const int has_matrix = read_choice(f, "matrix", &matrix);
    TRO_TRY(has_matrix);
    const int has_range = read_choice(f, "range", &range);
    TRO_TRY(has_range);
    const bool is_yuv = tro_camera_is_yuv((enum tro_camera_format)format);
    if (is_yuv && !(has_matrix && has_range))
        return tro_field_fail(f, "expected the keys matrix and range, which nv12 and yuyv need");
    if (!is_yuv && (has_matrix || has_range))
        return tro_field_fail(f, "expected matrix and range with nv12 and yuyv alone");
    const int has_order = read_choice(f, "order", &order);
    TRO_TRY(has_order);
    in->has_order = has_order > 0;
    in->camera.format = (enum tro_camera_format)format;
    in->camera.matrix = (enum tro_camera_matrix)matrix;
    in->camera.range = (enum tro_camera_range)range;
    in->camera.order = (enum tro_camera_order)order;
    return 0;
}

/* A key that only some ways of resizing have. */
static int want_resize(const struct tro_field *f, const char *key, int rc, bool is_used)
{
    return rc > 0 && !is_used ? tro_field_fail(f, "expected no key %s with this resize", key) : rc;
}

static int read_sizes(const struct tro_field *f, struct tro_record_input *in)
{
    int resize = 0, filter = 0, anchor = 0;
    int64_t source[2] = {0, 0};
    TRO_TRY(read_choice(f, "resize", &resize));
    const bool has_border = resize == tro_camera_resize_letterbox;
    const bool is_placed = has_border || resize == tro_camera_resize_crop;
    TRO_TRY(want_resize(f, "filter", read_choice(f, "filter", &filter),
                        resize != tro_camera_resize_none));
    TRO_TRY(want_resize(f, "anchor", read_choice(f, "anchor", &anchor), is_placed));
    TRO_TRY(want_resize(f, "pad", tro_field_int(f, "pad", 0, 255, &in->camera.pad), has_border));
    const int has_source = tro_field_ints(f, "source", 2, 1, TRO_CAMERA_MAX_SIDE, source);
    TRO_TRY(has_source);
    if (!has_source && resize != tro_camera_resize_none)
        return tro_field_fail(f, "expected the key source, height and width of the frames");
    if (in->camera.format == tro_camera_format_nv12 && (source[0] % 2 || source[1] % 2))
        return tro_field_fail(f, "source: expected an even height and width for nv12");
    if (in->camera.format == tro_camera_format_yuyv && source[1] % 2)
        return tro_field_fail(f, "source: expected an even width for yuyv");
    in->height = source[0];
    in->width = source[1];
    in->camera.resize = (enum tro_camera_resize)resize;
    in->camera.filter = (enum tro_camera_filter)filter;
    in->camera.anchor = (enum tro_camera_anchor)anchor;
    return 0;
}

static int read_numbers(const struct tro_field *f, struct tro_record_input *in)
{
    static const char *const layouts[] = {"nchw", "nhwc", NULL};
    int layout = 0;
    const int has_layout = tro_field_choice(f, "layout", layouts, &layout);
    TRO_TRY(has_layout);
    const int has_scale = tro_field_number(f, "scale", &in->scale);
    TRO_TRY(has_scale);
    in->n_mean = tro_field_numbers(f, "mean", TRO_CAMERA_CHANNELS, in->mean);
    TRO_TRY(in->n_mean);
    in->n_std = tro_field_numbers(f, "std", TRO_CAMERA_CHANNELS, in->std);
    TRO_TRY(in->n_std);
    for (int i = 0; i < in->n_std; i++)
        if (!(in->std[i] > 0))
            return tro_field_fail(f, "std: expected numbers above 0, found %g", in->std[i]);
    in->layout = (enum tro_record_layout)layout;
    in->has_layout = has_layout > 0;
    in->has_scale = has_scale > 0;
    in->has_mean = in->n_mean > 0;
    in->has_std = in->n_std > 0;
    return 0;
}

int tro_record_input_read(const struct tro_field *f, struct tro_record_input *out)
{
    static const char *const keys[] = {"format", "matrix", "range",  "order", "layout",
                                       "resize", "filter", "anchor", "pad",   "source",
                                       "scale",  "mean",   "std",    NULL};
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(read_colours(f, out));
    TRO_TRY(read_sizes(f, out));
    return read_numbers(f, out);
}
