/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes on RGB pictures; what falls outside is left out. Places are in pixels, the left border of
 * the picture at 0. share: how much of the colour a pixel takes. */
#ifndef DEMO_DRAW_H
#define DEMO_DRAW_H

#include <stdbool.h>

#include "io/picture.h"

void demo_draw_blend(uint8_t *px, const uint8_t rgb[3], float share);

/* x0 <= x < x1, y0 <= y < y1, rounded to whole pixels. */
void demo_draw_area(struct tro_picture *canvas, float x0, float y0, float x1, float y1,
                    const uint8_t rgb[3], float share);

/* Along the inside of the border, its corners stressed. */
void demo_draw_box(struct tro_picture *canvas, float x0, float y0, float x1, float y1,
                   float thickness, const uint8_t rgb[3]);

/* A circle's line with a cross in its middle, smooth, on a dark ground. */
void demo_draw_target(struct tro_picture *canvas, float x, float y, float radius, float thickness,
                      const uint8_t rgb[3]);

/* Text on a plate whose upper left corner is x, y; its size stands in width and height. A dark
 * plate, or a bright one with dark letters. */
struct demo_plate {
    float unit; /* of letters, text.h */
    const uint8_t *rgb;
    bool is_bright;
};
float demo_plate_width(const struct demo_plate *p, const char *text);
float demo_plate_height(const struct demo_plate *p);
void demo_draw_plate(struct tro_picture *canvas, float x, float y, const struct demo_plate *p,
                     const char *text);

/* Copies a picture to where its upper left corner is x, y; it must fit. */
void demo_draw_copy(struct tro_picture *canvas, int x, int y, const struct tro_picture *from);

#endif
