/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include "base/err.h"

static int divide_up(int a, int b)
{
    return (a + b - 1) / b;
}

static const uint8_t *pixel_of(const struct tro_picture *p, int x, int y)
{
    return p->data + ((size_t)y * (size_t)p->width + (size_t)x) * (size_t)p->channels;
}

static void enlarge(const struct tro_picture *from, int times, struct tro_picture *to)
{
    uint8_t *out = to->data;
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++)
            for (int c = 0; c < to->channels; c++)
                *out++ = pixel_of(from, x / times, y / times)[c];
}

static uint8_t mean_of_block(const struct tro_picture *p, int x0, int y0, int side, int c)
{
    const int x1 = x0 + side < p->width ? x0 + side : p->width;
    const int y1 = y0 + side < p->height ? y0 + side : p->height;
    const int64_t n = (int64_t)(x1 - x0) * (y1 - y0);
    int64_t sum = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            sum += pixel_of(p, x, y)[c];
    return (uint8_t)((sum + n / 2) / n);
}

static void reduce(const struct tro_picture *from, int times, struct tro_picture *to)
{
    uint8_t *out = to->data;
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++)
            for (int c = 0; c < to->channels; c++)
                *out++ = mean_of_block(from, x * times, y * times, times, c);
}

int demo_view_fit(struct tro_arena *arena, struct tro_picture *p, struct tro_err *err)
{
    const struct tro_picture from = *p;
    const int side = p->width > p->height ? p->width : p->height;
    const int room = DEMO_VIEW_MAX_SIDE / side;
    const int want = divide_up(DEMO_VIEW_MIN_HEIGHT, p->height);
    const int up = want < room ? want : room, down = divide_up(side, DEMO_VIEW_MAX_SIDE);
    if (up <= 1 && down <= 1)
        return 0;
    if (down > 1) {
        p->width = divide_up(p->width, down);
        p->height = divide_up(p->height, down);
    } else {
        p->width *= up;
        p->height *= up;
    }
    p->data = tro_arena_alloc(arena, (size_t)p->width * (size_t)p->height, (size_t)p->channels);
    if (!p->data)
        return tro_fail_nomem(err);
    if (down > 1)
        reduce(&from, down, p);
    else
        enlarge(&from, up, p);
    return 0;
}
