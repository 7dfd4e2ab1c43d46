/* SPDX-License-Identifier: Apache-2.0 */
#include "io/picture_codec.h"

#include "base/err.h"

#ifdef TRO_HAVE_PNG
#include <png.h>

#include "base/alloc.h"

/* Deflate packs at most 1032 bytes into one. */
#define MAX_PER_BYTE 1032
#define MAX_CHUNK_BYTES ((png_alloc_size_t)8 << 20)
#define N_CHUNKS_KEPT 128

/* All that a decoder holds, outside the frames that longjmp leaves. */
struct decoder {
    png_structp png;
    png_infop info;
    struct tro_bytes file;
    struct tro_err *err;
    struct tro_arena *arena;
    struct tro_picture *out; /* at 16 bits two bytes for each element, as the machine has them */
    bool is_16;
    png_bytep *rows;
    int rc;
};

static png_voidp png_alloc(png_structp png, png_alloc_size_t n)
{
    (void)png;
    return tro_malloc(n);
}

static void png_release(png_structp png, png_voidp p)
{
    (void)png;
    tro_free(p);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

/* Where a message is already made, libpng's is only the way out. */
static void on_error(png_structp png, png_const_charp text)
{
    struct decoder *d = png_get_error_ptr(png);
    if (d->rc >= 0)
        d->rc = tro_fail(d->err, TRO_E_INPUT, "PNG picture is cut or damaged: %s", text);
    png_longjmp(png, 1);
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct decoder *d = png_get_io_ptr(png);
    const struct tro_str part = tro_bytes_take(&d->file, n);
    if (d->file.failed)
        png_error(png, "it ends too early");
    for (size_t i = 0; i < n; i++)
        to[i] = (png_byte)part.p[i];
}

static void limit(struct decoder *d)
{
    png_set_user_limits(d->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* check_header does it */
    png_set_chunk_malloc_max(d->png, MAX_CHUNK_BYTES);
    png_set_chunk_cache_max(d->png, N_CHUNKS_KEPT);
}

/* Leaves grey or RGB of 8 bits. */
static void reduce_to_8_bits(struct decoder *d)
{
    png_set_expand(d->png);
    png_set_scale_16(d->png);
    png_set_strip_alpha(d->png);
    png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
}

static int want_16_bits(struct decoder *d)
{
    if (png_get_channels(d->png, d->info) != 1 || png_get_bit_depth(d->png, d->info) != 16)
        return tro_fail(d->err, TRO_E_INPUT,
                        "expected a grey picture of 16 bits, found %d channels of %d",
                        png_get_channels(d->png, d->info), png_get_bit_depth(d->png, d->info));
    png_set_swap(d->png); /* the file has the most significant byte first */
    png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    return 0;
}

static int check_header(struct decoder *d)
{
    const int64_t width = png_get_image_width(d->png, d->info);
    const int64_t height = png_get_image_height(d->png, d->info);
    const int64_t bits = (int64_t)png_get_channels(d->png, d->info) *
                         png_get_bit_depth(d->png, d->info);
    TRO_TRY(tro_picture_check(width, height, 1,
                              d->file.failed ? 0 : (size_t)tro_bytes_left(&d->file),
                              MAX_PER_BYTE * 8 / bits, d->err));
    if (d->is_16) {
        TRO_TRY(want_16_bits(d));
        d->out->channels = 1;
        d->out->width = (int)width;
        d->out->height = (int)height;
        d->out->data = tro_arena_alloc64(d->arena, (size_t)width * (size_t)height * 2);
        return d->out->data ? 0 : tro_fail_nomem(d->err);
    }
    reduce_to_8_bits(d);
    const int channels = png_get_channels(d->png, d->info);
    if ((channels != 1 && channels != 3) || png_get_bit_depth(d->png, d->info) != 8)
        return tro_fail(d->err, TRO_E_UNSUPPORTED,
                        "expected a grey or RGB picture, found %d channels", channels);
    return tro_picture_alloc(d->arena, width, height, channels, d->out, d->err);
}

static void read_picture(struct decoder *d)
{
    png_read_info(d->png, d->info);
    d->rc = check_header(d);
    if (d->rc < 0)
        return;
    const int height = d->out->height;
    d->rows = tro_malloc((size_t)height * sizeof(*d->rows));
    if (!d->rows) {
        d->rc = tro_fail_nomem(d->err);
        return;
    }
    const size_t stride = (size_t)d->out->width * (size_t)d->out->channels * (d->is_16 ? 2 : 1);
    for (int y = 0; y < height; y++)
        d->rows[y] = d->out->data + (size_t)y * stride;
    png_read_image(d->png, d->rows);
    png_read_end(d->png, NULL);
}

/* Nothing but this frame lies between here and the jump, and it changes no local variable. */
static void read_guarded(struct decoder *d)
{
    if (setjmp(png_jmpbuf(d->png)) == 0)
        read_picture(d);
}

static int decode(struct tro_arena *arena, struct tro_str file, bool is_16, struct tro_picture *out,
                  struct tro_err *err)
{
    struct decoder d = {.file = tro_bytes_of(file.p, file.n),
                        .err = err,
                        .arena = arena,
                        .out = out,
                        .is_16 = is_16};
    d.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning, NULL,
                                     png_alloc, png_release);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    if (d.info) {
        png_set_read_fn(d.png, &d, on_read);
        limit(&d);
        read_guarded(&d);
    } else {
        d.rc = tro_fail_nomem(err);
    }
    tro_free(d.rows);
    png_destroy_read_struct(d.png ? &d.png : NULL, d.info ? &d.info : NULL, NULL);
    return d.rc;
}

int tro_picture_png_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                           struct tro_err *err)
{
    return decode(arena, file, false, out, err);
}

int tro_picture_png_decode_16(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                              struct tro_err *err)
{
    return decode(arena, file, true, out, err);
}

/* ---- writing --------------------------------------------------------------------------- */

struct encoder {
    png_structp png;
    png_infop info;
    struct tro_buf *buf;
    int width, height, channels, bits;
    const uint8_t *data; /* 16 bits: the most significant byte first */
    struct tro_err *err;
    int rc;
};

static void on_encoder_error(png_structp png, png_const_charp text)
{
    struct encoder *e = png_get_error_ptr(png);
    e->rc = tro_fail(e->err, TRO_E_DEVICE, "PNG encoder failed: %s", text);
    png_longjmp(png, 1);
}

static void on_write(png_structp png, png_bytep from, size_t n)
{
    struct encoder *e = png_get_io_ptr(png);
    tro_buf_put(e->buf, from, n);
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void write_guarded(struct encoder *e)
{
    if (setjmp(png_jmpbuf(e->png)))
        return;
    png_set_IHDR(e->png, e->info, (png_uint_32)e->width, (png_uint_32)e->height, e->bits,
                 e->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(e->png, e->info);
    const size_t stride = (size_t)e->width * (size_t)e->channels * (size_t)(e->bits / 8);
    for (int y = 0; y < e->height; y++)
        png_write_row(e->png, e->data + (size_t)y * stride);
    png_write_end(e->png, NULL);
}

static int encode(struct encoder e)
{
    e.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &e, on_encoder_error, on_warning, NULL,
                                      png_alloc, png_release);
    e.info = e.png ? png_create_info_struct(e.png) : NULL;
    if (e.info) {
        png_set_write_fn(e.png, &e, on_write, on_flush);
        write_guarded(&e);
    } else {
        e.rc = tro_fail_nomem(e.err);
    }
    png_destroy_write_struct(e.png ? &e.png : NULL, e.info ? &e.info : NULL);
    return e.rc;
}

int tro_picture_png_encode(struct tro_buf *buf, const struct tro_picture *p, struct tro_err *err)
{
    return encode((struct encoder){.buf = buf,
                                   .width = p->width,
                                   .height = p->height,
                                   .channels = p->channels,
                                   .bits = 8,
                                   .data = p->data,
                                   .err = err});
}

int tro_picture_png_encode_16(struct tro_buf *buf, int width, int height, const uint16_t *data,
                              struct tro_err *err)
{
    const size_t n = (size_t)width * (size_t)height;
    uint8_t *const bytes = tro_malloc(2 * n);
    if (!bytes)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        bytes[2 * i] = (uint8_t)(data[i] >> 8);
        bytes[2 * i + 1] = (uint8_t)data[i];
    }
    const int rc = encode((struct encoder){.buf = buf,
                                           .width = width,
                                           .height = height,
                                           .channels = 1,
                                           .bits = 16,
                                           .data = bytes,
                                           .err = err});
    tro_free(bytes);
    return rc;
}

#else

static int fail_missing(struct tro_err *err)
{
    return tro_fail(err, TRO_E_DEVICE,
                    "PNG pictures need libpng, which this build does not have: "
                    "install its development files and build again, or use PPM");
}

int tro_picture_png_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                           struct tro_err *err)
{
    (void)arena, (void)file, (void)out;
    return fail_missing(err);
}

int tro_picture_png_decode_16(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                              struct tro_err *err)
{
    (void)arena, (void)file, (void)out;
    return fail_missing(err);
}

int tro_picture_png_encode(struct tro_buf *buf, const struct tro_picture *picture,
                           struct tro_err *err)
{
    (void)buf, (void)picture;
    return fail_missing(err);
}

int tro_picture_png_encode_16(struct tro_buf *buf, int width, int height, const uint16_t *data,
                              struct tro_err *err)
{
    (void)buf, (void)width, (void)height, (void)data;
    return fail_missing(err);
}

#endif
