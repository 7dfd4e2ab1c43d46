/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/nv12.h"

#include <math.h>

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

size_t tro_nv12_n_cells(int width, int height)
{
    const int block = block_of(width);
    return (size_t)n_blocks(width, block) * (size_t)n_blocks(height, block);
}

/* A plane of `pixel` bytes a pixel, of which one is looked at. */
struct plane {
    uint8_t *bytes;
    int width, height, pixel, stride;
};

static void mean_blocks(const struct plane *p, int block, uint8_t *cells)
{
    const int nx = n_blocks(p->width, block);
    for (int y0 = 0; y0 < p->height; y0 += block)
        for (int i = 0; i < nx; i++) {
            const int x0 = i * block, x1 = x0 + block < p->width ? x0 + block : p->width;
            const int y1 = y0 + block < p->height ? y0 + block : p->height;
            uint32_t sum = 0;
            for (int y = y0; y < y1; y++) {
                const uint8_t *const row = p->bytes + (ptrdiff_t)y * p->stride;
                for (int x = x0; x < x1; x++)
                    sum += row[x * p->pixel];
            }
            const uint32_t n = (uint32_t)((y1 - y0) * (x1 - x0));
            *cells++ = (uint8_t)((sum + n / 2) / n);
        }
}

#define PART 16 /* bits of parts of values */

/* A row of the blocks' own height between two rows of blocks. */
static uint32_t cell_at(const uint8_t *a, const uint8_t *b, int i, uint32_t second)
{
    return a[i] * ((1u << PART) - second) + b[i] * second;
}

/* From one block's middle to the next one's in equal steps; flat before the first middle and behind
 * the last one. */
static void fill_row(uint8_t *row, const struct plane *p, int block, const uint8_t *a,
                     const uint8_t *b, uint32_t second)
{
    const int nx = n_blocks(p->width, block);
    int x = 0;
    for (int i = -1; i < nx; i++) {
        const uint32_t left = cell_at(a, b, i < 0 ? 0 : i, second);
        const uint32_t right = cell_at(a, b, i + 1 < nx ? i + 1 : nx - 1, second);
        const int end = i * block + block + block / 2;
        const int32_t step = ((int32_t)right - (int32_t)left) / block;
        uint32_t value = left + (uint32_t)(step / 2) + (1u << (PART - 1));
        for (; x < end && x < p->width; x++, value += (uint32_t)step)
            row[x * p->pixel] = (uint8_t)(value >> PART);
    }
}

static void fill_between(const struct plane *p, int block, const uint8_t *cells)
{
    const int nx = n_blocks(p->width, block), ny = n_blocks(p->height, block);
    for (int y = 0; y < p->height; y++) {
        /* Halves of pixels from the first block's middle. */
        const int from_middle = 2 * y + 1 - block > 0 ? 2 * y + 1 - block : 0;
        const int first = from_middle / (2 * block);
        const int second = first + 1 < ny ? first + 1 : first;
        const uint32_t part = (uint32_t)(from_middle % (2 * block) << PART) / (2 * (uint32_t)block);
        fill_row(p->bytes + (ptrdiff_t)y * p->stride, p, block, cells + (ptrdiff_t)first * nx,
                 cells + (ptrdiff_t)second * nx, part);
    }
}

void tro_nv12_blur(uint8_t *nv12, int width, int height, uint8_t *cells)
{
    const int block = block_of(width);
    uint8_t *const chroma = nv12 + (size_t)width * (size_t)height;
    const struct plane planes[3] = {{nv12, width, height, 1, width},
                                    {chroma, width / 2, height / 2, 2, width},
                                    {chroma + 1, width / 2, height / 2, 2, width}};
    for (int i = 0; i < 3; i++) {
        mean_blocks(&planes[i], i == 0 ? block : block / 2, cells);
        fill_between(&planes[i], i == 0 ? block : block / 2, cells);
    }
}
