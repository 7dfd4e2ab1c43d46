/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letters as covers of pixels: English and Chinese by pango, each text laid out once and kept
 * until 256 others have been wanted since. One thread.
 */
#ifndef TRO_CONSOLE_MEDIA_TEXT_H
#define TRO_CONSOLE_MEDIA_TEXT_H

#include "console/media/brush.h"
#include <trocar/trocar.h>

struct tro_text;

/* Built without pango: an object that has no letters. */
struct tro_text *tro_text_create(struct tro_err *err);
void tro_text_destroy(struct tro_text *t);

struct tro_text_image {
    int width, height;
    const uint8_t *letters, *halo; /* height x width; halo: a rim around them, to be dark */
};

/* UTF-8 of one line of that height, or with wrap_px above 0 as many as it takes. NULL: memory ran
 * out, or there is no pango. Valid for the next 200 calls. */
const struct tro_text_image *tro_text_of(struct tro_text *t, const char *utf8, int size_px,
                                         int wrap_px);

/* With its upper left corner at x, y; dark rim, then letters in the brush's colour. */
void tro_text_draw(const struct tro_brush *b, const struct tro_text_image *image, int x, int y);

#endif
