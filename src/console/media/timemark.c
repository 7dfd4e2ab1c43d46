/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/timemark.h"

#include <stdlib.h>

#define N_BITS 32
#define COLUMNS 18 /* 16 bits between a dark square and a bright one */
#define ROWS 2
#define DARK 32
#define BRIGHT 208

/* Pixels of a square's side; even, so that squares and pairs of chroma fall together. */
static int side_of(int width)
{
    return width < 480 ? 4 : 8;
}

static bool is_bright(uint32_t id, int row, int column)
{
    if (column == 0 || column == COLUMNS - 1)
        return column != 0;
    return id >> (row * (N_BITS / ROWS) + column - 1) & 1;
}

static void put(const struct tro_frame_form *form, uint8_t *bytes, int x, int y, uint8_t luma)
{
    const size_t at = (size_t)y * (size_t)form->width + (size_t)x;
    switch (form->format) {
    case TRO_FRAME_YUYV:
        bytes[at * 2] = luma;
        bytes[at * 2 + 1] = 128;
        break;
    case TRO_FRAME_RGB8:
        bytes[at * 3] = bytes[at * 3 + 1] = bytes[at * 3 + 2] = luma;
        break;
    default:
        bytes[at] = luma;
        bytes[(size_t)(form->height + y / 2) * (size_t)form->width + (size_t)x] = 128;
    }
}

void tro_timemark_write(const struct tro_frame_form *form, uint8_t *bytes, uint32_t id)
{
    const int side = side_of(form->width);
    if (form->width < COLUMNS * side || form->height < ROWS * side)
        return;
    for (int y = 0; y < ROWS * side; y++)
        for (int x = 0; x < COLUMNS * side; x++)
            put(form, bytes, x, y, is_bright(id, y / side, x / side) ? BRIGHT : DARK);
}

/* Of the inner half of a square, which a codec's ringing does not reach. */
static int mean_of(const uint8_t *luma, int stride, int x0, int y0, int side)
{
    int sum = 0, n = 0;
    for (int y = y0 + side / 4; y < y0 + side - side / 4; y++)
        for (int x = x0 + side / 4; x < x0 + side - side / 4; x++, n++)
            sum += luma[(size_t)y * (size_t)stride + (size_t)x];
    return sum / n;
}

bool tro_timemark_read(const uint8_t *luma, int stride, int width, int height, uint32_t *id)
{
    const int side = side_of(width), middle = (DARK + BRIGHT) / 2;
    if (width < COLUMNS * side || height < ROWS * side)
        return false;
    *id = 0;
    for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
            const int mean = mean_of(luma, stride, column * side, row * side, side);
            if (abs(mean - middle) < (BRIGHT - DARK) / 6)
                return false;
            const bool bright = mean > middle;
            if (column == 0 || column == COLUMNS - 1) {
                if (bright != (column != 0))
                    return false;
            } else if (bright) {
                *id |= (uint32_t)1 << (row * (N_BITS / ROWS) + column - 1);
            }
        }
    }
    return true;
}
