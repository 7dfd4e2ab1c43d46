/* SPDX-License-Identifier: Apache-2.0 */
#include "io/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"

/* ---- the record ------------------------------------------------------------------------ */

/* Where it is looked up: one of the two. */
struct record {
    const struct tro_onnx_model *model;
    const struct tro_plan_parts *plan;
};

static struct tro_str text_of(const struct record *r, const char *key)
{
    if (r->model)
        return tro_onnx_metadata(r->model, key);
    const char *text = tro_plan_note(r->plan, key);
    return (struct tro_str){text, text ? strlen(text) : 0};
}

static int read_numbers(const struct record *r, const char *key, double *out, int max_n,
                        bool *is_recorded, struct tro_err *err)
{
    const struct tro_str text = text_of(r, key);
    char buf[256], *at = buf, *end;
    if (!text.n)
        return 0;
    *is_recorded = true;
    const size_t n = text.n < sizeof buf - 1 ? text.n : sizeof buf - 1;
    memcpy(buf, text.p, n);
    buf[n] = 0;
    int count = 0;
    for (;; at = end + 1) {
        const double v = strtod(at, &end);
        if (end == at || !isfinite(v) || count == max_n || (*end && *end != ','))
            return tro_fail(err, TRO_E_INPUT,
                            "metadata '%s': expected 1 to %d numbers with commas, found '%s'", key,
                            max_n, buf);
        out[count++] = v;
        if (!*end)
            break;
    }
    for (int i = count; i < max_n; i++)
        out[i] = out[count - 1];
    return 0;
}

static int read_choice(const struct record *r, const char *key, const char *const *names, int *out,
                       bool *is_recorded, struct tro_err *err)
{
    const struct tro_str text = text_of(r, key);
    *out = 0;
    if (!text.n)
        return 0;
    *is_recorded = true;
    for (int i = 0; names[i]; i++) {
        if (tro_str_eqz(text, names[i])) {
            *out = i;
            return 0;
        }
    }
    return tro_fail(err, TRO_E_INPUT, "metadata '%s': expected %s or %s, found '%.*s'", key,
                    names[0], names[1], (int)text.n, text.p);
}

static int read_record(const struct record *r, struct tro_preprocess *p, struct tro_err *err)
{
    static const char *const layouts[] = {"nchw", "nhwc", NULL};
    static const char *const colours[] = {"rgb", "bgr", "grey", NULL};
    int layout, colour;
    *p = (struct tro_preprocess){.scale = 1};
    for (int i = 0; i < TRO_PREPROCESS_MAX_CHANNELS; i++)
        p->std[i] = 1;
    TRO_TRY(read_choice(r, "trocar.input.layout", layouts, &layout, &p->is_recorded, err));
    TRO_TRY(read_choice(r, "trocar.input.colour", colours, &colour, &p->is_recorded, err));
    TRO_TRY(read_numbers(r, "trocar.input.scale", &p->scale, 1, &p->is_recorded, err));
    TRO_TRY(read_numbers(r, "trocar.input.mean", p->mean, TRO_PREPROCESS_MAX_CHANNELS,
                         &p->is_recorded, err));
    TRO_TRY(read_numbers(r, "trocar.input.std", p->std, TRO_PREPROCESS_MAX_CHANNELS,
                         &p->is_recorded, err));
    p->is_nhwc = layout == 1;
    p->is_bgr = colour == 1;
    p->is_grey = colour == 2;
    for (int i = 0; i < TRO_PREPROCESS_MAX_CHANNELS; i++)
        if (p->std[i] == 0)
            return tro_fail(err, TRO_E_INPUT, "metadata 'trocar.input.std': expected no 0");
    return 0;
}

int tro_preprocess_from_onnx(const struct tro_onnx_model *m, struct tro_preprocess *p,
                             struct tro_err *err)
{
    return read_record(&(struct record){.model = m}, p, err);
}

int tro_preprocess_from_plan(const struct tro_plan_parts *plan, struct tro_preprocess *p,
                             struct tro_err *err)
{
    return read_record(&(struct record){.plan = plan}, p, err);
}

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
    const bool looks_nhwc = (in->shape[3] == 3 || in->shape[3] == 1) && in->shape[1] != 3;
    g->is_nhwc = p->is_recorded ? p->is_nhwc : looks_nhwc;
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
