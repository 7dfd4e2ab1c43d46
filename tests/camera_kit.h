/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of the operator `camera` as text, over formats and ways of resizing. */
#ifndef TRO_TESTS_CAMERA_KIT_H
#define TRO_TESTS_CAMERA_KIT_H

#include "base/bytes.h"
#include "test.h"

#include <stdio.h>

static const char *const camera_formats[] = {"rgb8",  "bgr8", "rgba8", "bgra8",
                                             "gray8", "nv12", "yuyv"};
#define FIRST_YUV 5 /* of the formats: these have a matrix and a range */
static const char *const camera_orders[] = {"rgb", "bgr", "gray"};
#define CAMERA_N(list) (sizeof(list) / sizeof *(list))

/* Attributes and the size of results, of frames of 18 x 26 pixels: smaller, larger, odd sizes,
 * borders on each axis, cut on each axis. */
static const struct camera_resize {
    const char *attrs;
    int height, width; /* 0: as the frame */
} camera_resizes[] = {
    {"", 0, 0},
    {"resize = stretch, ", 7, 11},
    {"resize = stretch, filter = nearest, ", 31, 9},
    {"resize = letterbox, pad = 114, ", 16, 16},
    {"resize = letterbox, anchor = top_left, pad = 7, ", 40, 33},
    {"resize = letterbox, filter = nearest, pad = 255, ", 21, 64},
    {"resize = crop, ", 16, 16},
    {"resize = crop, anchor = top_left, filter = nearest, ", 9, 30},
};

/* "input %x", the constants and "%y = camera(...)" */
static inline void camera_text(struct tro_buf *b, const char *format, const char *order,
                               const char *more, const struct camera_resize *r, int n)
{
    const bool is_nv12 = strcmp(format, "nv12") == 0;
    const bool is_gray = strcmp(order, "gray") == 0;
    const char *const pixel = strstr(format, "a8")          ? ",4"
                              : strstr(format, "y8")        ? ""
                              : is_nv12                     ? ""
                              : strcmp(format, "yuyv") == 0 ? ",2"
                                                            : ",3";
    tro_buf_printf(b, "input %%x : u8[%d,%d,26%s]\n", n, is_nv12 ? 27 : 18, pixel);
    if (is_gray)
        tro_buf_str(b, "const %scale : f32[1] = 0.017\nconst %bias : f32[1] = -2.1\n");
    else
        tro_buf_str(b, "const %scale : f32[3] = 0.017 0.0031 -1.3\n"
                       "const %bias : f32[3] = -2.1 0.3 7\n");
    tro_buf_printf(b, "%%y = camera(%%x, %%scale, %%bias) {format = %s, order = %s, %s%s", format,
                   order, more, r->attrs);
    tro_buf_printf(b, "height = %d, width = %d}\n", r->height, r->width);
}

#endif
