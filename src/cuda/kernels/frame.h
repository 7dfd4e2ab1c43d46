/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_FRAME_H
#define TRO_CUDA_KERNELS_FRAME_H

#include "params.h"

enum { TRO_FRAME_CHANNELS = 3 };

/* The pixels that one of the result is made of, along an axis; first -1: outside of the picture. */
struct tro_frame_tap {
    int32_t first, second;
    float t;
};

/* Frames of a camera, less than 2^31 bytes in all. */
struct tro_frame {
    int32_t height, width; /* in pixels */
    int32_t out_height;    /* taps of rows come first, then those of columns */
    float y_zero, y_scale, pad;
    float cb[TRO_FRAME_CHANNELS], cr[TRO_FRAME_CHANNELS];
    float scale[TRO_FRAME_CHANNELS], bias[TRO_FRAME_CHANNELS];
};

#endif
