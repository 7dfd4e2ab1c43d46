/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/picture_size.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

static uint32_t be16(struct tro_bytes *b)
{
    const uint32_t high = tro_bytes_u8(b);
    return high << 8 | tro_bytes_u8(b);
}

static uint32_t be32(struct tro_bytes *b)
{
    const uint32_t high = be16(b);
    return high << 16 | be16(b);
}

static uint32_t le24(struct tro_bytes *b)
{
    const uint32_t low = tro_bytes_u16(b);
    return low | (uint32_t)tro_bytes_u8(b) << 16;
}

/* Each reader begins after the format's signature. */

static void read_png(struct tro_bytes *b, int64_t *width, int64_t *height)
{
    tro_bytes_take(b, 8);
    *width = be32(b);
    *height = be32(b);
}

static void read_bmp(struct tro_bytes *b, int64_t *width, int64_t *height)
{
    tro_bytes_take(b, 12);
    if (tro_bytes_u32(b) == 12) {
        *width = tro_bytes_u16(b);
        *height = tro_bytes_u16(b);
        return;
    }
    *width = (int32_t)tro_bytes_u32(b);
    *height = llabs((int32_t)tro_bytes_u32(b)); /* negative: rows from top to bottom */
}

static int64_t pnm_number(struct tro_bytes *b)
{
    uint8_t ch = tro_bytes_u8(b);
    bool is_comment = false;
    while (!b->failed && (is_comment || ch < '0' || ch > '9')) {
        is_comment = ch == '#' || (is_comment && ch != '\n');
        ch = tro_bytes_u8(b);
    }
    int64_t v = 0;
    for (; ch >= '0' && ch <= '9' && v <= INT32_MAX; ch = tro_bytes_u8(b))
        v = v * 10 + ch - '0';
    return v;
}

static void read_pnm(struct tro_bytes *b, int64_t *width, int64_t *height)
{
    tro_bytes_u8(b); /* the kind, 1 to 6 */
    *width = pnm_number(b);
    *height = pnm_number(b);
}

static void read_jpeg(struct tro_bytes *b, int64_t *width, int64_t *height)
{
    while (!b->failed) {
        uint8_t marker = tro_bytes_u8(b);
        while (marker == 0xff && !b->failed)
            marker = tro_bytes_u8(b);
        const uint32_t n = be16(b);
        const bool is_frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 &&
                              marker != 0xc8 && marker != 0xcc;
        if (is_frame) {
            tro_bytes_u8(b);
            *height = be16(b);
            *width = be16(b);
            return;
        }
        tro_bytes_take(b, n < 2 ? UINT64_MAX : n - 2);
    }
}

static void read_webp(struct tro_bytes *b, int64_t *width, int64_t *height)
{
    tro_bytes_take(b, 4);
    const struct tro_str kind = tro_bytes_take(b, 8);
    tro_bytes_take(b, 4);
    if (b->failed || memcmp(kind.p, "WEBPVP8", 7) != 0) {
        b->failed = true;
    } else if (kind.p[7] == 'X') {
        tro_bytes_take(b, 4);
        *width = (int64_t)le24(b) + 1;
        *height = (int64_t)le24(b) + 1;
    } else if (kind.p[7] == 'L') {
        tro_bytes_u8(b);
        const uint32_t bits = tro_bytes_u32(b);
        *width = (int64_t)(bits & 0x3fff) + 1;
        *height = (int64_t)(bits >> 14 & 0x3fff) + 1;
    } else {
        tro_bytes_take(b, 6);
        *width = tro_bytes_u16(b) & 0x3fff;
        *height = tro_bytes_u16(b) & 0x3fff;
    }
}

static uint32_t tiff_number(struct tro_bytes *b, bool is_big, int n_bytes)
{
    if (is_big)
        return n_bytes == 2 ? be16(b) : be32(b);
    return n_bytes == 2 ? tro_bytes_u16(b) : tro_bytes_u32(b);
}

static void read_tiff(struct tro_bytes *b, bool is_big, int64_t *width, int64_t *height)
{
    const uint32_t begin = tiff_number(b, is_big, 4);
    *b = tro_bytes_of(b->start, (size_t)(b->end - b->start));
    tro_bytes_take(b, begin);
    for (uint32_t n = tiff_number(b, is_big, 2); n > 0 && !b->failed; n--) {
        const uint32_t tag = tiff_number(b, is_big, 2), type = tiff_number(b, is_big, 2);
        tro_bytes_take(b, 4);
        const uint32_t value = tiff_number(b, is_big, type == 3 ? 2 : 4);
        tro_bytes_take(b, type == 3 ? 2 : 0);
        if (tag == 256)
            *width = value;
        if (tag == 257)
            *height = value;
        if (tag >= 257)
            return;
    }
}

/* A codestream begins with its SIZ segment; a file wraps it in boxes, of which jp2h comes third. */
static void read_j2k(struct tro_bytes *b, int64_t *width, int64_t *height)
{
    tro_bytes_take(b, 4);
    const int64_t right = be32(b), bottom = be32(b);
    *width = right - be32(b);
    *height = bottom - be32(b);
}

static void read_jp2(struct tro_bytes *b, int64_t *width, int64_t *height)
{
    tro_bytes_take(b, 4);
    while (!b->failed) {
        const uint32_t n = be32(b);
        const struct tro_str kind = tro_bytes_take(b, 4);
        if (b->failed || n < 8) {
            b->failed = true;
        } else if (memcmp(kind.p, "ihdr", 4) == 0) {
            *height = be32(b);
            *width = be32(b);
            return;
        } else if (memcmp(kind.p, "jp2h", 4) != 0) {
            tro_bytes_take(b, n - 8);
        }
    }
}

static bool begins(struct tro_bytes *b, const char *signature, size_t n)
{
    if (tro_bytes_left(b) < n || memcmp(b->p, signature, n) != 0)
        return false;
    tro_bytes_take(b, n);
    return true;
}

bool tro_picture_size(const void *data, size_t n, int64_t *width, int64_t *height)
{
    struct tro_bytes b = tro_bytes_of(data, n);
    *width = *height = 0;
    if (begins(&b, "\x89PNG\r\n\x1a\n", 8))
        read_png(&b, width, height);
    else if (begins(&b, "\xff\xd8", 2))
        read_jpeg(&b, width, height);
    else if (begins(&b, "BM", 2))
        read_bmp(&b, width, height);
    else if (n > 2 && b.p[0] == 'P' && b.p[1] >= '1' && b.p[1] <= '6' && begins(&b, "P", 1))
        read_pnm(&b, width, height);
    else if (begins(&b, "RIFF", 4))
        read_webp(&b, width, height);
    else if (begins(&b, "II*\0", 4))
        read_tiff(&b, false, width, height);
    else if (begins(&b, "MM\0*", 4))
        read_tiff(&b, true, width, height);
    else if (begins(&b, "\xff\x4f\xff\x51", 4))
        read_j2k(&b, width, height);
    else if (begins(&b, "\0\0\0\x0cjP  ", 8))
        read_jp2(&b, width, height);
    else
        return false;
    return !b.failed;
}
