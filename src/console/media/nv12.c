/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/nv12.h"

#include <math.h>
#include <string.h>

/* ---- colours --------------------------------------------------------------------------- */

#define FRACTION 16 /* bits of factors */
#define HALF (1 << (FRACTION - 1))

/* Of the matrix and range of a form, in 1 / 65536: Y = y_zero + R, G, B * y[], Cb and Cr likewise
 * from 128; and back. */
struct factors {
    int32_t y_zero, y[3], cb[3], cr[3];
    int32_t y_scale, r_cr, g_cb, g_cr, b_cb;
};

static int32_t fixed(double v)
{
    return (int32_t)lround(v * (1 << FRACTION));
}

static struct factors factors_of(const struct tro_frame_form *form)
{
    const double kr = form->is_bt601 ? 0.299 : 0.2126, kb = form->is_bt601 ? 0.114 : 0.0722;
    const double kg = 1 - kr - kb;
    const double luma = form->is_full_range ? 1 : 219.0 / 255,
                 step = form->is_full_range ? 1 : 224.0 / 255;
    const double b = step / (2 - 2 * kb), r = step / (2 - 2 * kr);
    return (struct factors){
        .y_zero = form->is_full_range ? 0 : 16,
        .y = {fixed(kr * luma), fixed(kg * luma), fixed(kb * luma)},
        .cb = {fixed(-kr * b), fixed(-kg * b), fixed((1 - kb) * b)},
        .cr = {fixed((1 - kr) * r), fixed(-kg * r), fixed(-kb * r)},
        .y_scale = fixed(1 / luma),
        .r_cr = fixed((2 - 2 * kr) / step),
        .g_cb = fixed(-(2 - 2 * kb) * kb / kg / step),
        .g_cr = fixed(-(2 - 2 * kr) * kr / kg / step),
        .b_cb = fixed((2 - 2 * kb) / step),
    };
}

static uint8_t byte_of(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static uint8_t sum_of(const int32_t k[3], int32_t zero, int r, int g, int b)
{
    return byte_of(zero + ((k[0] * r + k[1] * g + k[2] * b + HALF) >> FRACTION));
}

struct tro_ycc tro_ycc_of(const struct tro_frame_form *form, uint8_t r, uint8_t g, uint8_t b)
{
    const struct factors f = factors_of(form);
    return (struct tro_ycc){sum_of(f.y, f.y_zero, r, g, b), sum_of(f.cb, 128, r, g, b),
                            sum_of(f.cr, 128, r, g, b)};
}

static void from_rgb(const struct tro_frame_form *form, const uint8_t *rgb, uint8_t *nv12)
{
    const struct factors f = factors_of(form);
    const size_t width = (size_t)form->width, height = (size_t)form->height;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const uint8_t *const p = rgb + (y * width + x) * 3;
            nv12[y * width + x] = sum_of(f.y, f.y_zero, p[0], p[1], p[2]);
        }
    uint8_t *chroma = nv12 + width * height;
    for (size_t y = 0; y < height; y += 2)
        for (size_t x = 0; x < width; x += 2, chroma += 2) {
            const uint8_t *const p = rgb + (y * width + x) * 3, *const q = p + width * 3;
            const int r = (p[0] + p[3] + q[0] + q[3] + 2) / 4;
            const int g = (p[1] + p[4] + q[1] + q[4] + 2) / 4;
            const int b = (p[2] + p[5] + q[2] + q[5] + 2) / 4;
            chroma[0] = sum_of(f.cb, 128, r, g, b);
            chroma[1] = sum_of(f.cr, 128, r, g, b);
        }
}

static void from_yuyv(const struct tro_frame_form *form, const uint8_t *yuyv, uint8_t *nv12)
{
    const size_t width = (size_t)form->width, height = (size_t)form->height;
    for (size_t i = 0; i < width * height; i++)
        nv12[i] = yuyv[i * 2];
    uint8_t *chroma = nv12 + width * height;
    for (size_t y = 0; y < height; y += 2, chroma += width) {
        const uint8_t *const p = yuyv + y * width * 2, *const q = p + width * 2;
        for (size_t x = 0; x < width; x++)
            chroma[x] = (uint8_t)((p[x * 2 + 1] + q[x * 2 + 1] + 1) / 2);
    }
}

void tro_nv12_from(const struct tro_frame_form *form, const uint8_t *bytes, uint8_t *nv12)
{
    if (form->format == TRO_FRAME_RGB8)
        from_rgb(form, bytes, nv12);
    else if (form->format == TRO_FRAME_YUYV)
        from_yuyv(form, bytes, nv12);
}

void tro_nv12_to_rgb(const struct tro_frame_form *form, const uint8_t *nv12, uint8_t *rgb)
{
    const struct factors f = factors_of(form);
    const size_t width = (size_t)form->width, height = (size_t)form->height;
    for (size_t y = 0; y < height; y++) {
        const uint8_t *const luma = nv12 + y * width;
        const uint8_t *const chroma = nv12 + (height + y / 2) * width;
        for (size_t x = 0; x < width; x++, rgb += 3) {
            const int32_t v = (luma[x] - f.y_zero) * f.y_scale + HALF;
            const int32_t cb = chroma[x & ~(size_t)1] - 128, cr = chroma[x | 1] - 128;
            rgb[0] = byte_of((v + f.r_cr * cr) >> FRACTION);
            rgb[1] = byte_of((v + f.g_cb * cb + f.g_cr * cr) >> FRACTION);
            rgb[2] = byte_of((v + f.b_cb * cb) >> FRACTION);
        }
    }
}

/* ---- blur ------------------------------------------------------------------------------ */

/* Side of a block, even. */
static int block_of(int width)
{
    const int side = (width + 39) / 40;
    return side < 16 ? 16 : (side + 1) / 2 * 2;
}

static int n_blocks(int length, int block)
{
    return (length + block - 1) / block;
}

#define LANES 16
typedef uint8_t bytes16 __attribute__((vector_size(LANES)));
typedef uint16_t words16 __attribute__((vector_size(LANES * 2)));

/* A plane of `pixel` bytes a pixel, of which all are looked at, each for itself. */
struct plane {
    uint8_t *bytes;
    int width, height, pixel, stride, block;
};

/* What the blur works in. */
struct blur_rows {
    uint16_t *sums;         /* of the columns of a row of blocks */
    uint8_t *upper, *lower; /* rows of blocks at the width of the picture */
    uint8_t *cells;
};

/* Columns of up to 205 rows, which fit 16 bits. */
static void sum_columns(const struct plane *p, int y0, int y1, uint16_t *sums)
{
    memset(sums, 0, (size_t)p->stride * sizeof(*sums));
    for (int y = y0; y < y1; y++) {
        const uint8_t *const row = p->bytes + (ptrdiff_t)y * p->stride;
        int x = 0;
        for (; x + LANES <= p->stride; x += LANES) {
            bytes16 from;
            words16 sum;
            memcpy(&from, row + x, sizeof(from));
            memcpy(&sum, sums + x, sizeof(sum));
            sum += __builtin_convertvector(from, words16);
            memcpy(sums + x, &sum, sizeof(sum));
        }
        for (; x < p->stride; x++)
            sums[x] = (uint16_t)(sums[x] + row[x]);
    }
}

static void mean_blocks(const struct plane *p, const struct blur_rows *r)
{
    const int nx = n_blocks(p->width, p->block);
    uint8_t *cell = r->cells;
    for (int y0 = 0; y0 < p->height; y0 += p->block) {
        const int y1 = y0 + p->block < p->height ? y0 + p->block : p->height;
        sum_columns(p, y0, y1, r->sums);
        for (int i = 0; i < nx * p->pixel; i++) {
            const int x0 = i / p->pixel * p->block;
            const int x1 = x0 + p->block < p->width ? x0 + p->block : p->width;
            const uint32_t n = (uint32_t)((y1 - y0) * (x1 - x0));
            uint32_t sum = n / 2;
            for (int x = x0; x < x1; x++)
                sum += r->sums[x * p->pixel + i % p->pixel];
            *cell++ = (uint8_t)(sum / n);
        }
    }
}

/* A row of blocks at the width of the picture: from one block's middle to the next one's in equal
 * steps, flat before the first middle and behind the last one. */
static void widen(const struct plane *p, const uint8_t *cells, uint8_t *row)
{
    const int nx = n_blocks(p->width, p->block), block = p->block;
    for (int c = 0; c < p->pixel; c++) {
        int x = 0;
        for (int i = -1; i < nx; i++) {
            const int left = cells[(i < 0 ? 0 : i) * p->pixel + c];
            const int right = cells[(i + 1 < nx ? i + 1 : nx - 1) * p->pixel + c];
            const int end = (i + 1) * block + block / 2, step = (right - left) * 65536 / block;
            int value = left * 65536 + step / 2 + (1 << 15);
            /* The first stretch is half a block long, and flat. */
            for (; x < end && x < p->width; x++, value += step)
                row[x * p->pixel + c] = (uint8_t)(value >> 16);
        }
    }
}

/* part: of the lower one, in 1 / 256. */
static void mix_rows(const uint8_t *upper, const uint8_t *lower, uint16_t part, uint8_t *to, int n)
{
    const uint16_t rest = (uint16_t)(256 - part);
    int x = 0;
    for (; x + LANES <= n; x += LANES) {
        bytes16 a, b;
        memcpy(&a, upper + x, sizeof(a));
        memcpy(&b, lower + x, sizeof(b));
        const words16 sum = __builtin_convertvector(a, words16) * rest +
                            __builtin_convertvector(b, words16) * part + 128;
        const bytes16 mixed = __builtin_convertvector(sum >> 8, bytes16);
        memcpy(to + x, &mixed, sizeof(mixed));
    }
    for (; x < n; x++)
        to[x] = (uint8_t)((upper[x] * rest + lower[x] * part + 128) >> 8);
}

static void fill_between(const struct plane *p, const struct blur_rows *r)
{
    const int ny = n_blocks(p->height, p->block);
    const int n_row = n_blocks(p->width, p->block) * p->pixel;
    int at = -1;
    for (int y = 0; y < p->height; y++) {
        /* Halves of pixels from the first block's middle. */
        const int from_middle = 2 * y + 1 - p->block > 0 ? 2 * y + 1 - p->block : 0;
        const int first = from_middle / (2 * p->block);
        if (first != at) {
            widen(p, r->cells + (ptrdiff_t)first * n_row, r->upper);
            widen(p, r->cells + (ptrdiff_t)(first + 1 < ny ? first + 1 : first) * n_row, r->lower);
            at = first;
        }
        const int part = from_middle % (2 * p->block) * 128 / p->block;
        mix_rows(r->upper, r->lower, (uint16_t)part, p->bytes + (ptrdiff_t)y * p->stride,
                 p->stride);
    }
}

size_t tro_nv12_blur_bytes(int width, int height)
{
    const int block = block_of(width);
    const size_t n_cells = (size_t)n_blocks(width, block) * (size_t)n_blocks(height, block);
    return (size_t)width * (sizeof(uint16_t) + 2) + 2 * n_cells;
}

void tro_nv12_blur(uint8_t *nv12, int width, int height, void *scratch)
{
    const int block = block_of(width);
    struct blur_rows r = {.sums = scratch};
    r.upper = (uint8_t *)(r.sums + width);
    r.lower = r.upper + width;
    r.cells = r.lower + width;
    const struct plane planes[2] = {
        {nv12, width, height, 1, width, block},
        {nv12 + (size_t)width * (size_t)height, width / 2, height / 2, 2, width, block / 2}};
    for (int i = 0; i < 2; i++) {
        mean_blocks(&planes[i], &r);
        fill_between(&planes[i], &r);
    }
}
