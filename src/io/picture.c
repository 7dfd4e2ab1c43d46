/* SPDX-License-Identifier: Apache-2.0 */
#include "io/picture.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "io/picture_codec.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)

int tro_picture_check(int64_t width, int64_t height, int64_t bytes_per_pixel, size_t n_bytes,
                      int64_t max_per_byte, struct tro_err *err)
{
    if (width < 1 || height < 1 || width > TRO_PICTURE_MAX_SIDE || height > TRO_PICTURE_MAX_SIDE ||
        width * height > TRO_PICTURE_MAX_PIXELS)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a picture of at most %d a side and %" PRId64
                        " pixels, found %" PRId64 "x%" PRId64,
                        TRO_PICTURE_MAX_SIDE, TRO_PICTURE_MAX_PIXELS, width, height);
    if (width * height * bytes_per_pixel / max_per_byte > (int64_t)n_bytes)
        return tro_fail(err, TRO_E_INPUT,
                        "picture is cut or damaged: its header says %" PRId64 "x%" PRId64
                        ", which %zu bytes cannot hold",
                        width, height, n_bytes);
    return 0;
}

int tro_picture_alloc(struct tro_arena *arena, int64_t width, int64_t height, int channels,
                      struct tro_picture *out, struct tro_err *err)
{
    *out = (struct tro_picture){.width = (int)width, .height = (int)height, .channels = channels};
    out->data = tro_arena_alloc(arena, (size_t)(width * height), (size_t)channels);
    return out->data ? 0 : tro_fail_nomem(err);
}

/* ---- PGM and PPM ----------------------------------------------------------------------- */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next number of the header, after white space and comments; -1 if there is none. */
static int64_t pnm_number(struct tro_bytes *b)
{
    uint8_t c = tro_bytes_u8(b);
    while (!b->failed && (is_space(c) || c == '#')) {
        while (c == '#' && tro_bytes_left(b) && *b->p != '\n')
            tro_bytes_u8(b);
        c = tro_bytes_u8(b);
    }
    if (b->failed || c < '0' || c > '9')
        return -1;
    int64_t v = c - '0';
    while (tro_bytes_left(b) && *b->p >= '0' && *b->p <= '9' && v < 1000000)
        v = v * 10 + (tro_bytes_u8(b) - '0');
    return v;
}

static int pnm_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                      struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(file.p + 2, file.n - 2);
    const int channels = file.p[1] == '6' ? 3 : 1;
    const int64_t width = pnm_number(&b), height = pnm_number(&b), white = pnm_number(&b);
    if (!is_space(tro_bytes_u8(&b)) || width < 0 || height < 0)
        return tro_fail(err, TRO_E_INPUT,
                        "expected width, height and 255 after P%c, found no such "
                        "header",
                        file.p[1]);
    if (white != 255)
        return tro_fail(err, TRO_E_INPUT, "expected 8-bit samples (255), found %" PRId64, white);
    TRO_TRY(tro_picture_check(width, height, channels, tro_bytes_left(&b), 1, err));
    TRO_TRY(tro_picture_alloc(arena, width, height, channels, out, err));
    const uint64_t n = (uint64_t)(width * height * channels);
    memcpy(out->data, tro_bytes_take(&b, n).p, n);
    return 0;
}

static int pnm_encode(struct tro_buf *buf, const struct tro_picture *p)
{
    tro_buf_printf(buf, "P%c\n%d %d\n255\n", p->channels == 3 ? '6' : '5', p->width, p->height);
    tro_buf_put(buf, p->data, (size_t)p->width * (size_t)p->height * (size_t)p->channels);
    return 0;
}

/* ---- the kinds ------------------------------------------------------------------------- */

static bool begins(struct tro_str file, size_t at, const char *magic, size_t n)
{
    return file.n >= at + n && memcmp(file.p + at, magic, n) == 0;
}

static int decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                  struct tro_err *err)
{
    if (begins(file, 0, "\x89PNG\r\n\x1a\n", 8))
        return tro_picture_png_decode(arena, file, out, err);
    if (begins(file, 0, "\xff\xd8\xff", 3))
        return tro_picture_jpeg_decode(arena, file, out, err);
    if (begins(file, 0, "II*\0", 4) || begins(file, 0, "MM\0*", 4))
        return tro_picture_tiff_decode(arena, file, out, err);
    if (begins(file, 0, "RIFF", 4) && begins(file, 8, "WEBP", 4))
        return tro_picture_webp_decode(arena, file, out, err);
    if (begins(file, 0, "\0\0\0\fjP  ", 8) || begins(file, 0, "\xff\x4f\xff\x51", 4))
        return tro_picture_jpeg2000_decode(arena, file, out, err);
    if (file.n >= 3 && file.p[0] == 'P' && (file.p[1] == '5' || file.p[1] == '6'))
        return pnm_decode(arena, file, out, err);
    return tro_fail(err, TRO_E_INPUT,
                    "expected a picture (PNG, JPEG, TIFF, WebP, JPEG 2000, or binary PGM or PPM), "
                    "found other data");
}

/* Grey as JPEG weighs it: 0.299, 0.587, 0.114. */
static int to_channels(struct tro_arena *arena, struct tro_picture *p, int channels,
                       struct tro_err *err)
{
    if (p->channels == channels)
        return 0;
    const size_t n = (size_t)p->width * (size_t)p->height;
    const uint8_t *from = p->data;
    TRO_TRY(tro_picture_alloc(arena, p->width, p->height, channels, p, err));
    for (size_t i = 0; i < n; i++) {
        if (channels == 3)
            memset(p->data + 3 * i, from[i], 3);
        else
            p->data[i] = (uint8_t)((from[3 * i] * 19595 + from[3 * i + 1] * 38470 +
                                    from[3 * i + 2] * 7471 + 32768) >>
                                   16);
    }
    return 0;
}

int tro_picture_decode(struct tro_arena *arena, const void *bytes, size_t n_bytes, int channels,
                       struct tro_picture *out, struct tro_err *err)
{
    if (channels != 1 && channels != 3)
        return tro_fail(err, TRO_E_INPUT, "expected 1 or 3 channels, found %d", channels);
    TRO_TRY(decode(arena, (struct tro_str){bytes, n_bytes}, out, err));
    return to_channels(arena, out, channels, err);
}

int tro_picture_read(struct tro_arena *arena, const char *path, int channels,
                     struct tro_picture *out, struct tro_err *err)
{
    struct tro_file file;
    TRO_TRY(tro_file_read(&file, path, MAX_FILE_BYTES, err));
    const int rc = tro_picture_decode(arena, file.data, file.n_bytes, channels, out, err);
    tro_file_finish(&file);
    return tro_err_prefix(err, rc, "%s: ", path);
}

static int big_endian(const uint8_t *p)
{
    return (int)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

/* The first chunk has both. */
static bool size_of_png(const struct tro_file *file, int *width, int *height)
{
    static const uint8_t begin[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const uint8_t *const p = file->data;
    if (file->n_bytes < 24 || memcmp(p, begin, 8) != 0 || memcmp(p + 12, "IHDR", 4) != 0)
        return false;
    *width = big_endian(p + 16);
    *height = big_endian(p + 20);
    return *width > 0 && *height > 0;
}

int tro_picture_measure(const char *path, int *width, int *height, struct tro_err *err)
{
    struct tro_file file;
    struct tro_arena arena = {0};
    struct tro_picture p = {0};
    TRO_TRY(tro_file_read(&file, path, MAX_FILE_BYTES, err));
    const bool is_told = size_of_png(&file, width, height);
    const int rc = is_told ? 0 : tro_picture_decode(&arena, file.data, file.n_bytes, 1, &p, err);
    if (!is_told && rc >= 0) {
        *width = p.width;
        *height = p.height;
    }
    tro_file_finish(&file);
    tro_arena_finish(&arena);
    return tro_err_prefix(err, rc, "%s: ", path);
}

int tro_picture_read_16(struct tro_arena *arena, const char *path, int *width, int *height,
                        uint16_t **data, struct tro_err *err)
{
    struct tro_picture p = {0};
    struct tro_file file;
    TRO_TRY(tro_file_read(&file, path, MAX_FILE_BYTES, err));
    const int rc = tro_picture_png_decode_16(arena, (struct tro_str){file.data, file.n_bytes}, &p,
                                             err);
    tro_file_finish(&file);
    *width = p.width;
    *height = p.height;
    *data = (uint16_t *)(void *)p.data;
    return tro_err_prefix(err, rc, "%s: ", path);
}

static int encode(struct tro_buf *buf, const char *path, const struct tro_picture *p,
                  struct tro_err *err)
{
    TRO_TRY(tro_picture_check(p->width, p->height, 0, 0, 1, err));
    if (p->channels != 1 && p->channels != 3)
        return tro_fail(err, TRO_E_INPUT, "expected 1 or 3 channels, found %d", p->channels);
    if (tro_path_has_ext(path, ".png"))
        return tro_picture_png_encode(buf, p, err);
    if (tro_path_has_ext(path, ".jpg") || tro_path_has_ext(path, ".jpeg"))
        return tro_picture_jpeg_encode(buf, p, err);
    if (tro_path_has_ext(path, p->channels == 3 ? ".ppm" : ".pgm"))
        return pnm_encode(buf, p);
    return tro_fail(err, TRO_E_INPUT, "expected a name that ends in .png, .jpg or %s",
                    p->channels == 3 ? ".ppm" : ".pgm");
}

static int write_buf(const char *path, struct tro_buf *buf, int rc, struct tro_err *err)
{
    rc = tro_err_prefix(err, rc, "%s: ", path);
    if (rc >= 0 && buf->failed)
        rc = tro_fail_nomem(err);
    if (rc >= 0)
        rc = tro_file_write(path, buf->p, buf->n, err);
    tro_buf_finish(buf);
    return rc;
}

int tro_picture_write(const char *path, int width, int height, int channels, const uint8_t *data,
                      struct tro_err *err)
{
    const struct tro_picture p = {width, height, channels, (uint8_t *)(uintptr_t)data};
    struct tro_buf buf = {0};
    return write_buf(path, &buf, encode(&buf, path, &p, err), err);
}

int tro_picture_to_png(struct tro_buf *out, int width, int height, int channels,
                       const uint8_t *data, struct tro_err *err)
{
    const struct tro_picture p = {width, height, channels, (uint8_t *)(uintptr_t)data};
    return encode(out, ".png", &p, err);
}

static int encode_16(struct tro_buf *buf, const char *path, int width, int height,
                     const uint16_t *data, struct tro_err *err)
{
    TRO_TRY(tro_picture_check(width, height, 0, 0, 1, err));
    if (!tro_path_has_ext(path, ".png"))
        return tro_fail(err, TRO_E_INPUT, "expected a name that ends in .png");
    return tro_picture_png_encode_16(buf, width, height, data, err);
}

int tro_picture_write_16(const char *path, int width, int height, const uint16_t *data,
                         struct tro_err *err)
{
    struct tro_buf buf = {0};
    return write_buf(path, &buf, encode_16(&buf, path, width, height, data, err), err);
}
