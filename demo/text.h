/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lettering for pictures: a font of strokes, drawn smoothly at any size.
 *
 *   0 +--   top of capitals          Sizes are in units, a pixel count that need not be whole:
 *   2 +--   top of small letters     a capital is 6 units high and at most 4 wide, strokes are
 *   6 +--   the line they stand on   nearly one unit thick.
 *   8 +--   tail of g, p, q
 */
#ifndef DEMO_TEXT_H
#define DEMO_TEXT_H

#include "io/picture.h"

/* Width in pixels, the gap after the last letter included. */
float demo_text_width(float unit, const char *text);

/* Draws onto an RGB picture with the top of capitals at y; what falls outside is left out.
 * Characters other than printable ASCII become '?'. */
void demo_text_draw(struct tro_picture *canvas, float x, float y, float unit, const char *text,
                    const uint8_t rgb[3]);

#endif
