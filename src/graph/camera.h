/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator `camera`, frames of a camera as the input of a network: bytes of a frame, colours,
 * and where each pixel of the result comes from. Inference, the reference and all backends use this
 * file, so that they compute alike.
 *
 * Frames, u8:
 *
 *   rgb8, bgr8      [n, h, w, 3]
 *   rgba8, bgra8    [n, h, w, 4]      alpha is not looked at
 *   gray8           [n, h, w]
 *   nv12            [n, h * 3 / 2, w] h and w even: h rows of Y, below them h / 2 rows of Cb, Cr,
 *                                     Cb, Cr ..., a pair for 2 x 2 pixels, which all take it as
 *                                     it is
 *   yuyv            [n, h, w, 2]      w even: Y, Cb, Y, Cr for 2 pixels of a row, which both take
 *                                     Cb and Cr as they are
 *
 * Result f32 [n, channels, height, width], channels in `order`. Arithmetic: float32, every
 * operation rounded on its own (no contraction into fma), in this order:
 *
 *   1. the pixel, v in 0..255 of each channel
 *        colours to colours   the byte
 *        gray8 to colours     the byte, in each channel
 *        colours to gray      (0.299 * R + 0.587 * G) + 0.114 * B
 *        nv12, yuyv           y = (Y - y_zero) * y_scale
 *                             v = clamp((y + cb * (Cb - 128)) + cr * (Cr - 128), 0, 255)
 *                             with cb and cr of the channel, for gray 0
 *   2. bilinear: v = a + (b - a) * t, first between rows (t of the row), then between columns
 *   3. v * scale[c] + bias[c]
 *
 * Pixels outside of the picture (letterbox) are `pad` before step 3.
 *
 * Y'CbCr is as in ITU-R BT.601-7 (2.5.1 to 2.5.4) and BT.709-6 (3.2 to 3.4): E'Y = Kr R + Kg G +
 * Kb B with Kr, Kb = 0.299, 0.114 (601) or 0.2126, 0.0722 (709) and Kg = 1 - Kr - Kb; Cb = (B -
 * E'Y) / (2 - 2 Kb), Cr = (R - E'Y) / (2 - 2 Kr). So R = y + (2 - 2 Kr) Cr, B = y + (2 - 2 Kb) Cb,
 * G = y - (2 - 2 Kb) Kb / Kg Cb - (2 - 2 Kr) Kr / Kg Cr. range limited: black is 16, white 235, Cb
 * and Cr have 224 steps; full (JPEG, ITU-T T.871): 0 to 255. Factors are computed in double and
 * rounded once. Gray of colours is BT.601's E'Y.
 */
#ifndef TRO_GRAPH_CAMERA_H
#define TRO_GRAPH_CAMERA_H

#include "graph/graph.h"

#define TRO_CAMERA_MAX_SIDE 32768
#define TRO_CAMERA_CHANNELS 3 /* at most, of the result */

struct tro_camera_colour {
    int n_channels;
    int pixel_bytes;               /* of packed formats, 2: yuyv; 0: nv12 */
    int byte[TRO_CAMERA_CHANNELS]; /* of a pixel: that of each channel; with is_sum of R, G, B */
    bool is_sum;                   /* colours to gray */
    float weight[TRO_CAMERA_CHANNELS];
    float y_zero, y_scale; /* nv12, yuyv */
    float cb[TRO_CAMERA_CHANNELS], cr[TRO_CAMERA_CHANNELS];
};

struct tro_camera {
    struct tro_camera_colour colour;
    int64_t n, height, width; /* of the frames, in pixels */
    int64_t frame_bytes;      /* of one */
    int64_t out_height, out_width;
    int64_t fit_height, fit_width; /* what the whole picture becomes */
    int64_t top, left;             /* its place in the result; negative: what is cut off */
    bool is_nearest;               /* one pixel each: also where the size stays */
    float pad;
};

/* The two pixels that one of the result is made of, along an axis. */
struct tro_camera_tap {
    int32_t first, second; /* first -1: outside of the picture */
    float t;               /* weight of the second; 0 where is_nearest */
};

/* Formats of Y, Cb and Cr: matrix and range mean something, the width is even. */
bool tro_camera_is_yuv(enum tro_camera_format format);

/* Colours of the attributes alone: byte order, factors. */
void tro_camera_colour_init(const struct tro_attrs_camera *a, struct tro_camera_colour *out);

/* x: shape of the frames, which inference has checked. */
void tro_camera_init(const struct tro_attrs_camera *a, const struct tro_tensor *x,
                     struct tro_camera *out);

/* Of all out_height rows or out_width columns of the result. */
void tro_camera_rows(const struct tro_camera *c, struct tro_camera_tap *taps);
void tro_camera_columns(const struct tro_camera *c, struct tro_camera_tap *taps);

/* What reads an input of the main block as frames, also within a fused node; NULL: nothing. */
const struct tro_attrs_camera *tro_camera_of_input(const struct tro_graph *g, const char *name);

/* "nv12"; all names of an attribute of `camera` that is a choice, ending with NULL. */
const char *tro_camera_format_name(enum tro_camera_format format);
const char *const *tro_camera_names(const char *attribute);

/* Channels of the result. */
int tro_camera_n_channels(const struct tro_attrs_camera *a);

#endif
