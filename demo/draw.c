/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "text.h"

#define CAPITAL 6.0f /* units, text.h */
#define PLATE_SIDE 3.0f
#define PLATE_TOP 2.5f

static const uint8_t black[3] = {0, 0, 0}, dark[3] = {16, 18, 22};

static uint8_t *pixel_of(struct tro_picture *c, int x, int y)
{
    return c->data + ((size_t)y * (size_t)c->width + (size_t)x) * 3;
}

static int within(float v, int n)
{
    return (int)lrintf(fminf(fmaxf(v, 0), (float)n));
}

void demo_draw_blend(uint8_t *px, const uint8_t rgb[3], float share)
{
    for (int k = 0; k < 3; k++)
        px[k] = (uint8_t)lrintf((float)px[k] + share * (float)(rgb[k] - px[k]));
}

void demo_draw_area(struct tro_picture *canvas, float x0, float y0, float x1, float y1,
                    const uint8_t rgb[3], float share)
{
    const int left = within(x0, canvas->width), right = within(x1, canvas->width);
    const int bottom = within(y1, canvas->height);
    for (int y = within(y0, canvas->height); y < bottom; y++)
        for (int x = left; x < right; x++)
            demo_draw_blend(pixel_of(canvas, x, y), rgb, share);
}

/* ---- boxes ----------------------------------------------------------------------------- */

static void draw_border(struct tro_picture *c, float x0, float y0, float x1, float y1, float t,
                        const uint8_t rgb[3], float share)
{
    demo_draw_area(c, x0, y0, x1, y0 + t, rgb, share);
    demo_draw_area(c, x0, y1 - t, x1, y1, rgb, share);
    demo_draw_area(c, x0, y0 + t, x0 + t, y1 - t, rgb, share);
    demo_draw_area(c, x1 - t, y0 + t, x1, y1 - t, rgb, share);
}

/* An angle that opens from the corner x, y to the inside. */
static void draw_corner(struct tro_picture *c, float x, float y, float to_x, float to_y, float t,
                        const uint8_t rgb[3])
{
    const float dx = to_x > x ? t : -t, dy = to_y > y ? t : -t;
    demo_draw_area(c, fminf(x, to_x), fminf(y, y + dy), fmaxf(x, to_x), fmaxf(y, y + dy), rgb, 1);
    demo_draw_area(c, fminf(x, x + dx), fminf(y, to_y), fmaxf(x, x + dx), fmaxf(y, to_y), rgb, 1);
}

void demo_draw_box(struct tro_picture *canvas, float x0, float y0, float x1, float y1,
                   float thickness, const uint8_t rgb[3])
{
    const float t = fmaxf(thickness, 1), side = 0.25f * fminf(x1 - x0, y1 - y0);
    const float corner = fminf(fmaxf(side, 2 * t), 12 * t);
    draw_border(canvas, x0 - 1, y0 - 1, x1 + 1, y1 + 1, 1, black, 0.6f);
    draw_border(canvas, x0, y0, x1, y1, fmaxf(0.5f * t, 1), rgb, 0.8f);
    draw_corner(canvas, x0, y0, x0 + corner, y0 + corner, 2 * t, rgb);
    draw_corner(canvas, x1, y0, x1 - corner, y0 + corner, 2 * t, rgb);
    draw_corner(canvas, x0, y1, x0 + corner, y1 - corner, 2 * t, rgb);
    draw_corner(canvas, x1, y1, x1 - corner, y1 - corner, 2 * t, rgb);
}

/* ---- targets --------------------------------------------------------------------------- */

/* How much of a line of that half width is inked at that distance from its middle. */
static float ink_at(float distance, float half_width)
{
    return fminf(fmaxf(half_width + 0.5f - distance, 0), 1);
}

/* Distance to the circle's line or to one of four strokes of the cross. */
static float distance_to_target(float dx, float dy, float radius)
{
    const float r = hypotf(dx, dy), reach = 0.45f * radius;
    const float along = fmaxf(fabsf(dx), fabsf(dy)), across = fminf(fabsf(dx), fabsf(dy));
    const float past = fmaxf(along - reach, 0);
    return fminf(fabsf(r - radius), hypotf(past, across));
}

void demo_draw_target(struct tro_picture *canvas, float x, float y, float radius, float thickness,
                      const uint8_t rgb[3])
{
    const float reach = radius + thickness + 2, half = 0.5f * thickness;
    const int right = within(x + reach, canvas->width), bottom = within(y + reach, canvas->height);
    for (int py = within(y - reach, canvas->height); py < bottom; py++) {
        for (int px = within(x - reach, canvas->width); px < right; px++) {
            const float d = distance_to_target((float)px + 0.5f - x, (float)py + 0.5f - y, radius);
            uint8_t *const at = pixel_of(canvas, px, py);
            demo_draw_blend(at, black, 0.6f * ink_at(d, half + 1));
            demo_draw_blend(at, rgb, ink_at(d, half));
        }
    }
}

/* ---- plates ---------------------------------------------------------------------------- */

float demo_plate_width(const struct demo_plate *p, const char *text)
{
    return demo_text_width(p->unit, text) + (2 * PLATE_SIDE - 2) * p->unit;
}

float demo_plate_height(const struct demo_plate *p)
{
    return (CAPITAL + 2 * PLATE_TOP) * p->unit;
}

void demo_draw_plate(struct tro_picture *canvas, float x, float y, const struct demo_plate *p,
                     const char *text)
{
    demo_draw_area(canvas, x, y, x + demo_plate_width(p, text), y + demo_plate_height(p),
                   p->is_bright ? p->rgb : dark, p->is_bright ? 1 : 0.72f);
    demo_text_draw(canvas, x + PLATE_SIDE * p->unit, y + PLATE_TOP * p->unit, p->unit, text,
                   p->is_bright ? dark : p->rgb);
}

void demo_draw_copy(struct tro_picture *canvas, int x, int y, const struct tro_picture *from)
{
    const size_t n_row = (size_t)from->width * 3;
    for (int row = 0; row < from->height; row++)
        memcpy(pixel_of(canvas, x, y + row), from->data + (size_t)row * n_row, n_row);
}
