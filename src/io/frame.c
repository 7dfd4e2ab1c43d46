/* SPDX-License-Identifier: Apache-2.0 */
#include "io/frame.h"

#include <math.h>

#include "base/err.h"

struct frame {
    const struct tro_attrs_camera *camera;
    const uint8_t *pixels; /* RGB, or gray */
    int64_t height, width;
    uint8_t *out;
};

static uint8_t byte_of(double v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : rint(v));
}

/* ---- formats ------------------------------------------------------------------------------ */

static void pack(const struct frame *f)
{
    struct tro_camera_colour colour;
    tro_camera_colour_init(&(struct tro_attrs_camera){.format = f->camera->format}, &colour);
    for (int64_t i = 0; i < f->height * f->width; i++) {
        uint8_t *const to = f->out + i * colour.pixel_bytes;
        for (int k = 3; k < colour.pixel_bytes; k++)
            to[k] = 255;
        for (int c = 0; c < 3; c++)
            to[colour.byte[c]] = f->pixels[3 * i + c];
    }
}

/* graph/camera.h, the other way round. */
struct yuv {
    double kr, kg, kb, zero, y_span, c_span;
};

static struct yuv yuv_of(const struct tro_attrs_camera *a)
{
    const bool is_709 = a->matrix == tro_camera_matrix_bt709;
    const bool is_full = a->range == tro_camera_range_full;
    const double kr = is_709 ? 0.2126 : 0.299, kb = is_709 ? 0.0722 : 0.114;
    return (struct yuv){kr,
                        1 - kr - kb,
                        kb,
                        is_full ? 0 : 16,
                        is_full ? 1 : 219.0 / 255.0,
                        is_full ? 1 : 224.0 / 255.0};
}

static uint8_t luma_of(const struct yuv *k, const uint8_t *rgb)
{
    return byte_of(k->zero + (k->kr * rgb[0] + k->kg * rgb[1] + k->kb * rgb[2]) * k->y_span);
}

/* Cb and Cr of a mean colour. */
static void pair_of(const struct yuv *k, const double rgb[3], uint8_t *cb, uint8_t *cr)
{
    const double luma = k->kr * rgb[0] + k->kg * rgb[1] + k->kb * rgb[2];
    *cb = byte_of(128 + (rgb[2] - luma) / (2 - 2 * k->kb) * k->c_span);
    *cr = byte_of(128 + (rgb[0] - luma) / (2 - 2 * k->kr) * k->c_span);
}

static void pack_nv12(const struct frame *f)
{
    const struct yuv k = yuv_of(f->camera);
    const int64_t w = f->width, n = f->height * w;
    for (int64_t i = 0; i < n; i++)
        f->out[i] = luma_of(&k, f->pixels + 3 * i);
    for (int64_t y = 0; y < f->height; y += 2) {
        for (int64_t x = 0; x < w; x += 2) {
            const uint8_t *const p = f->pixels + 3 * (y * w + x), *const q = p + 3 * w;
            double rgb[3];
            for (int c = 0; c < 3; c++)
                rgb[c] = (p[c] + p[3 + c] + q[c] + q[3 + c]) / 4.0;
            uint8_t *const pair = f->out + n + y / 2 * w + x;
            pair_of(&k, rgb, &pair[0], &pair[1]);
        }
    }
}

static void pack_yuyv(const struct frame *f)
{
    const struct yuv k = yuv_of(f->camera);
    for (int64_t i = 0; i < f->height * f->width; i += 2) {
        const uint8_t *const p = f->pixels + 3 * i;
        uint8_t *const two = f->out + 2 * i;
        double rgb[3];
        for (int c = 0; c < 3; c++)
            rgb[c] = (p[c] + p[3 + c]) / 2.0;
        two[0] = luma_of(&k, p);
        two[2] = luma_of(&k, p + 3);
        pair_of(&k, rgb, &two[1], &two[3]);
    }
}

/* ---- sizes -------------------------------------------------------------------------------- */

/* The picture without an odd last column, and row where pairs are of two rows. */
static void make_even(struct frame *f, uint8_t *pixels)
{
    const bool is_nv12 = f->camera->format == tro_camera_format_nv12;
    const int64_t height = is_nv12 ? f->height / 2 * 2 : f->height, width = f->width / 2 * 2;
    for (int64_t y = 0; y < height; y++)
        for (int64_t i = 0; i < 3 * width; i++)
            pixels[3 * y * width + i] = pixels[3 * y * f->width + i];
    f->height = height;
    f->width = width;
}

static int convert(const char *path, const struct tro_io_info *input, struct frame *f,
                   struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err)
{
    const enum tro_camera_format format = f->camera->format;
    const bool is_nv12 = format == tro_camera_format_nv12;
    const bool is_gray = format == tro_camera_format_gray8;
    const int64_t rows = input->shape[1];
    const struct tro_preprocess as_it_is = {.is_recorded = true, .is_nhwc = true};
    const struct tro_io_info pixels = {
        .name = input->name,
        .dtype = TRO_U8,
        .rank = 4,
        .shape = {1, is_nv12 && rows > 0 ? rows / 3 * 2 : rows, input->shape[2], is_gray ? 1 : 3}};
    struct tro_tensor picture;
    if (input->shape[0] > 1)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected an input '%s' of one frame, found %lld: give a tensor", path,
                        input->name, (long long)input->shape[0]);
    TRO_TRY(tro_picture_to_tensor(path, &pixels, &as_it_is, arena, &picture, err));
    f->pixels = picture.data;
    f->height = picture.shape[1];
    f->width = picture.shape[2];
    if (tro_camera_is_yuv(format))
        make_even(f, picture.data);
    if (f->height < 1 || f->width < 1)
        return tro_fail(err, TRO_E_INPUT, "%s: expected 2 x 2 pixels or more for %s", path,
                        tro_camera_format_name(format));
    const int64_t n_rows = is_nv12 ? f->height / 2 * 3 : f->height;
    const bool has_alpha = format == tro_camera_format_rgba8 || format == tro_camera_format_bgra8;
    *out = (struct tro_tensor){
        .dtype = TRO_U8, .rank = is_nv12 || is_gray ? 3 : 4, .shape = {1, n_rows, f->width}};
    if (out->rank == 4)
        out->shape[3] = has_alpha ? 4 : format == tro_camera_format_yuyv ? 2 : 3;
    out->data = tro_arena_alloc64(arena, tro_tensor_n_bytes(out));
    f->out = out->data;
    return out->data ? 0 : tro_fail_nomem(err);
}

int tro_picture_to_frame(const char *path, const struct tro_io_info *input,
                         const struct tro_attrs_camera *camera, struct tro_arena *arena,
                         struct tro_tensor *out, struct tro_err *err)
{
    struct frame f = {.camera = camera};
    TRO_TRY(convert(path, input, &f, arena, out, err));
    if (camera->format == tro_camera_format_nv12)
        pack_nv12(&f);
    else if (camera->format == tro_camera_format_yuyv)
        pack_yuyv(&f);
    else if (camera->format == tro_camera_format_gray8)
        out->data = (void *)f.pixels;
    else
        pack(&f);
    return 0;
}
