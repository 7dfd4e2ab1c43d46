/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures as display and encoder take them: NV12, rows without gaps, width and height even. */
#ifndef TRO_CONSOLE_MEDIA_NV12_H
#define TRO_CONSOLE_MEDIA_NV12_H

#include "console/core/frame.h"

/* A colour in the matrix and range of a form. */
struct tro_ycc {
    uint8_t y, cb, cr;
};
struct tro_ycc tro_ycc_of(const struct tro_frame_form *form, uint8_t r, uint8_t g, uint8_t b);

/* From a frame of any format, of the same matrix and range; chroma is the mean of what it stands
 * for. */
void tro_nv12_from(const struct tro_frame_form *form, const uint8_t *bytes, uint8_t *nv12);

/* To RGB, 3 bytes a pixel: a pair of chroma for 2 x 2 pixels, which all take it as it is. */
void tro_nv12_to_rgb(const struct tro_frame_form *form, const uint8_t *nv12, uint8_t *rgb);

/* So that nobody is known again: means of blocks (a fortieth of the width, 16 pixels or more),
 * then a mean over one block's width and height, which is linear between the blocks' middles.
 * scratch: tro_nv12_blur_bytes, of malloc's alignment. */
size_t tro_nv12_blur_bytes(int width, int height);
void tro_nv12_blur(uint8_t *nv12, int width, int height, void *scratch);

#endif
