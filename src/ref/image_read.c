/* SPDX-License-Identifier: Apache-2.0 */
/* BMP and PNM. */
#include "ref/image.h"

#include "base/bytes.h"
#include "base/err.h"

#include <string.h>

/* ---- BMP ------------------------------------------------------------------------------- */

struct bmp {
    int64_t width, height; /* height < 0: rows from top to bottom */
    uint32_t bits, compression, n_colors, pixels_at;
    uint32_t mask[3]; /* red, green, blue of 16 and 32 bits */
    uint8_t table[256][3];
};

enum { BMP_RGB = 0, BMP_BITFIELDS = 3 };

static void read_bmp_table(struct tro_bytes *b, struct bmp *h, int entry)
{
    const uint32_t most = 1u << h->bits;
    const uint32_t n = h->n_colors && h->n_colors < most ? h->n_colors : most;
    for (uint32_t i = 0; i < n; i++) {
        const struct tro_str bgr = tro_bytes_take(b, (uint64_t)entry);
        for (int k = 0; k < 3 && !b->failed; k++)
            h->table[i][k] = (uint8_t)bgr.p[2 - k];
    }
}

static int read_bmp_header(struct tro_bytes *b, struct bmp *h, struct tro_err *err)
{
    tro_bytes_take(b, 10);
    h->pixels_at = tro_bytes_u32(b);
    const uint32_t n_header = tro_bytes_u32(b);
    const bool is_old = n_header == 12;
    h->width = is_old ? tro_bytes_u16(b) : (int32_t)tro_bytes_u32(b);
    h->height = is_old ? tro_bytes_u16(b) : (int32_t)tro_bytes_u32(b);
    tro_bytes_u16(b);
    h->bits = tro_bytes_u16(b);
    if (!is_old) {
        h->compression = tro_bytes_u32(b);
        tro_bytes_take(b, 12);
        h->n_colors = tro_bytes_u32(b);
        tro_bytes_u32(b);
        for (int i = 0; i < 3; i++)
            h->mask[i] = h->compression == BMP_BITFIELDS ? tro_bytes_u32(b) : 0;
        const uint32_t n_read = h->compression == BMP_BITFIELDS ? 52 : 40;
        tro_bytes_take(b, n_header > n_read ? n_header - n_read : 0);
    }
    if (b->failed)
        return tro_fail(err, TRO_E_INPUT, "the header of the BMP picture is cut short");
    const bool is_masked = h->compression == BMP_BITFIELDS && (h->bits == 16 || h->bits == 32);
    if (h->compression != BMP_RGB && !is_masked)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "BMP with compression %u and %u bits: expected an uncompressed one",
                        h->compression, h->bits);
    if (h->bits <= 8)
        read_bmp_table(b, h, is_old ? 3 : 4);
    return 0;
}

/* A channel of a masked pixel, scaled to 0..255. */
static uint8_t masked(uint32_t v, uint32_t mask)
{
    if (!mask)
        return 0;
    const int shift = __builtin_ctz(mask);
    const uint64_t most = mask >> shift, part = (v & mask) >> shift;
    return (uint8_t)((part * 255 + most / 2) / most);
}

static void bmp_pixel(const struct bmp *h, const uint8_t *row, int64_t x, uint8_t *rgb)
{
    if (h->bits <= 8) {
        const int64_t bit = x * h->bits;
        const int shift = 8 - (int)h->bits - (int)(bit % 8);
        memcpy(rgb, h->table[row[bit / 8] >> shift & ((1 << h->bits) - 1)], 3);
        return;
    }
    const uint8_t *const p = row + x * (h->bits / 8);
    if (h->bits == 24 || (h->bits == 32 && !h->mask[0] && !h->mask[1] && !h->mask[2])) {
        for (int k = 0; k < 3; k++)
            rgb[k] = p[2 - k];
        return;
    }
    static const uint32_t five[3] = {0x7c00, 0x3e0, 0x1f};
    const uint32_t *const mask = h->compression == BMP_BITFIELDS ? h->mask : five;
    uint32_t v = (uint32_t)p[0] | (uint32_t)p[1] << 8;
    if (h->bits == 32)
        v |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    for (int k = 0; k < 3; k++)
        rgb[k] = masked(v, mask[k]);
}

int tro_image_decode_bmp(const uint8_t *bytes, size_t n, int64_t height, int64_t width,
                         uint8_t *rgb, struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(bytes, n);
    struct bmp h = {0};
    TRO_TRY(read_bmp_header(&b, &h, err));
    const bool is_known = h.bits == 1 || h.bits == 4 || h.bits == 8 || h.bits == 16 ||
                          h.bits == 24 || h.bits == 32;
    const int64_t stride = (width * h.bits + 31) / 32 * 4;
    if (!is_known || h.width != width || (h.height != height && -h.height != height))
        return tro_fail(err, TRO_E_INPUT, "BMP of %u bits: expected 1, 4, 8, 16, 24 or 32", h.bits);
    if (b.failed || h.pixels_at > n || (int64_t)(n - h.pixels_at) < stride * height)
        return tro_fail(err, TRO_E_INPUT,
                        "the BMP picture is cut short: expected %lld bytes of "
                        "pixels",
                        (long long)(stride * height));
    for (int64_t y = 0; y < height; y++) {
        const int64_t from = h.height < 0 ? y : height - 1 - y;
        for (int64_t x = 0; x < width; x++)
            bmp_pixel(&h, bytes + h.pixels_at + from * stride, x, rgb + (y * width + x) * 3);
    }
    return 0;
}

/* ---- PNM ------------------------------------------------------------------------------- */

/* The next number of the header or of plain samples; comments end with their line. */
static uint32_t pnm_number(struct tro_bytes *b)
{
    uint8_t ch = tro_bytes_u8(b);
    while (!b->failed && (ch < '0' || ch > '9')) {
        while (ch == '#' && !b->failed)
            ch = tro_bytes_u8(b) == '\n' ? '\n' : '#';
        ch = tro_bytes_u8(b);
    }
    uint32_t v = 0;
    for (; ch >= '0' && ch <= '9'; ch = tro_bytes_u8(b)) {
        v = v < 1000000 ? v * 10 + ch - '0' : v;
        if (tro_bytes_left(b) == 0)
            break;
    }
    return v;
}

/* One digit of a plain bitmap, which needs no blanks between them. */
static uint32_t pnm_bit(struct tro_bytes *b)
{
    uint8_t ch = tro_bytes_u8(b);
    while (!b->failed && ch != '0' && ch != '1')
        ch = tro_bytes_u8(b);
    return ch == '1';
}

struct pnm {
    int kind; /* 1 to 6: plain bitmap, grey, colour, then the same in bytes */
    int64_t width;
    uint32_t most;
};

static uint32_t pnm_sample(struct tro_bytes *b, const struct pnm *h, int64_t x)
{
    if (h->kind == 1)
        return 1 - pnm_bit(b);
    if (h->kind == 4) {
        const uint32_t byte = x % 8 == 7 || x == h->width - 1 ? tro_bytes_u8(b)
                              : tro_bytes_left(b) > 0         ? *b->p
                                                              : 0;
        return 1 - (byte >> (7 - x % 8) & 1);
    }
    if (h->kind < 4)
        return pnm_number(b);
    const uint32_t high = h->most > 255 ? tro_bytes_u8(b) : 0;
    return high << 8 | tro_bytes_u8(b);
}

int tro_image_decode_pnm(const uint8_t *bytes, size_t n, int64_t height, int64_t width,
                         uint8_t *rgb, struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(bytes, n);
    struct pnm h = {.kind = bytes[1] - '0', .width = width};
    tro_bytes_take(&b, 2);
    const uint32_t found_width = pnm_number(&b), found_height = pnm_number(&b);
    const bool is_bitmap = h.kind == 1 || h.kind == 4, is_color = h.kind == 3 || h.kind == 6;
    h.most = is_bitmap ? 1 : pnm_number(&b);
    if (b.failed || found_width != width || found_height != height || h.most < 1 || h.most > 65535)
        return tro_fail(err, TRO_E_INPUT, "the header of the PNM picture is damaged");
    for (int64_t i = 0; i < height * width; i++)
        for (int k = 0; k < 3; k++) {
            if (k > 0 && !is_color) {
                rgb[3 * i + k] = rgb[3 * i];
                continue;
            }
            const uint32_t v = pnm_sample(&b, &h, i % width);
            rgb[3 * i + k] = (uint8_t)(v >= h.most ? 255 : (v * 255 + h.most / 2) / h.most);
        }
    return b.failed ? tro_fail(err, TRO_E_INPUT, "the PNM picture is cut short") : 0;
}
