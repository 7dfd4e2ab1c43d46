/* SPDX-License-Identifier: Apache-2.0 */
#include "io/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"

/* ---- pixels ---------------------------------------------------------------------------- */

bool tro_is_picture_path(const char *path)
{
    static const char *const endings[] = {".png", ".jpg",  ".jpeg", ".ppm", ".pgm",
                                          ".tif", ".tiff", ".webp", ".jp2"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (tro_path_has_ext(path, endings[i]))
            return true;
    return false;
}

/* Two neighbours on an axis and the weight of the second. */
struct tap {
    int a, b;
    double t;
};

static struct tap tap_at(int i, int n_out, int n_in)
{
    const double x = (i + 0.5) * n_in / n_out - 0.5;
    const double floor_x = floor(x);
    const int a = (int)floor_x;
    const struct tap tap = {a < 0 ? 0 : a, a + 1 >= n_in ? n_in - 1 : a + 1, x - floor_x};
    return tap;
}

static double pixel_at(const struct tro_picture *p, struct tap y, struct tap x, int c)
{
    const size_t row = (size_t)p->width * (size_t)p->channels, step = (size_t)p->channels;
    const uint8_t *a = p->data + (size_t)y.a * row + (size_t)c;
    const uint8_t *b = p->data + (size_t)y.b * row + (size_t)c;
    const double top = a[(size_t)x.a * step] * (1 - x.t) + a[(size_t)x.b * step] * x.t;
    const double bottom = b[(size_t)x.a * step] * (1 - x.t) + b[(size_t)x.b * step] * x.t;
    return top * (1 - y.t) + bottom * y.t;
}

struct geometry {
    int height, width, channels;
    bool is_nhwc;
};

static int64_t or_else(int64_t size, int64_t otherwise)
{
    return size < 0 ? otherwise : size;
}

static int plan_geometry(const struct tro_io_info *in, const struct tro_preprocess *p,
                         struct geometry *g, struct tro_err *err)
{
    if (in->rank != 4 || or_else(in->shape[0], 1) != 1)
        return tro_fail(
            err, TRO_E_INPUT,
            "expected an input of one picture (rank 4, batch 1) for '%s', found rank %d: "
            "give a tensor",
            in->name, in->rank);
    g->is_nhwc = tro_preprocess_is_nhwc(p, in->shape);
    const int64_t channels = in->shape[g->is_nhwc ? 3 : 1];
    if (channels != 1 && channels != 3)
        return tro_fail(err, TRO_E_INPUT,
                        "expected 1 or 3 channels for a picture, found %lld: give a tensor",
                        (long long)channels);
    g->channels = (int)channels;
    return 0;
}

static void fill(const struct tro_picture *pic, const struct geometry *g,
                 const struct tro_preprocess *p, struct tro_tensor *out)
{
    const bool is_u8 = out->dtype == TRO_U8;
    for (int y = 0; y < g->height; y++) {
        const struct tap ty = tap_at(y, g->height, pic->height);
        for (int x = 0; x < g->width; x++) {
            const struct tap tx = tap_at(x, g->width, pic->width);
            for (int c = 0; c < g->channels; c++) {
                const double v = pixel_at(pic, ty, tx, p->is_bgr ? g->channels - 1 - c : c);
                const int64_t at = g->is_nhwc ? ((int64_t)y * g->width + x) * g->channels + c
                                              : ((int64_t)c * g->height + y) * g->width + x;
                const double e = is_u8 ? rint(v) : (v * p->scale - p->mean[c]) / p->std[c];
                tro_store_f64(out->dtype, out->data, at, e);
            }
        }
    }
}

static int convert(const char *path, const struct tro_io_info *in, const struct tro_preprocess *p,
                   struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err)
{
    struct geometry g = {0};
    struct tro_picture pic = {0};
    TRO_TRY(plan_geometry(in, p, &g, err));
    if (in->dtype != TRO_U8 && (!p->is_recorded || !tro_dtype_is_float(in->dtype)))
        return tro_fail(
            err, TRO_E_INPUT,
            "expected a model that records how pictures become its input '%s' (%s), found "
            "no record: give a tensor, or put it in with trocar edit --normalize",
            in->name, tro_dtype_name(in->dtype));
    TRO_TRY(tro_picture_read(arena, path, g.channels, &pic, err));
    g.height = (int)or_else(in->shape[g.is_nhwc ? 1 : 2], pic.height);
    g.width = (int)or_else(in->shape[g.is_nhwc ? 2 : 3], pic.width);
    if (g.height < 1 || g.width < 1 || (int64_t)g.height * g.width > TRO_PICTURE_MAX_PIXELS)
        return tro_fail(err, TRO_E_INPUT, "expected an input of 1 to %lld pixels, found %d x %d",
                        (long long)TRO_PICTURE_MAX_PIXELS, g.width, g.height);
    const int64_t nchw[4] = {1, g.channels, g.height, g.width};
    const int64_t nhwc[4] = {1, g.height, g.width, g.channels};
    *out = (struct tro_tensor){.dtype = in->dtype, .rank = 4};
    memcpy(out->shape, g.is_nhwc ? nhwc : nchw, sizeof nchw);
    out->data = tro_arena_alloc64(arena, tro_tensor_n_bytes(out));
    if (!out->data)
        return tro_fail_nomem(err);
    fill(&pic, &g, p, out);
    return 0;
}

int tro_picture_to_tensor(const char *path, const struct tro_io_info *input,
                          const struct tro_preprocess *p, struct tro_arena *arena,
                          struct tro_tensor *out, struct tro_err *err)
{
    const int rc = convert(path, input, p, arena, out, err);
    const bool has_path = rc < 0 && err && strncmp(err->text, path, strlen(path)) == 0;
    return has_path ? rc : tro_err_prefix(err, rc, "%s: ", path);
}
