/* SPDX-License-Identifier: Apache-2.0 */
/* The frame's id in the picture (docs/console.md, "Time marks"). */
#ifndef TRO_CONSOLE_MEDIA_TIMEMARK_H
#define TRO_CONSOLE_MEDIA_TIMEMARK_H

#include "console/core/frame.h"

/* Into the bytes of a frame of any format. */
void tro_timemark_write(const struct tro_frame_form *form, uint8_t *bytes, uint32_t id);

/* From luma, which may have been through a codec and scaled; false: there is no mark. */
bool tro_timemark_read(const uint8_t *luma, int stride, int width, int height, uint32_t *id);

#endif
