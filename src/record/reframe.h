/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_RECORD_REFRAME_H
#define TRO_RECORD_REFRAME_H

#include "record/record.h"

/* Frames of a camera, in the words of docs/record.md. */
struct tro_record_frames {
    const char *format, *matrix, *range; /* the last two NULL unless the format is nv12 or yuyv */
    int width, height;
};

/* All inputs that take frames take these, stretched to the network's size; positions of boxes and
 * peaks are in their pixels. What the record says of numbers, channels and names stays. On failure
 * the record is as it was. */
int tro_record_reframe(struct tro_record *r, const struct tro_record_frames *f,
                       struct tro_err *err);

#endif
