/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pixels of camera frames; graph/camera.h of the library has the arithmetic, no operation of which
 * may be contracted. Defined:
 *
 *     FRAME_CHANNELS     of the result, 1 or 3
 *     FRAME_BYTES        of a pixel, 2: yuyv; 0: nv12
 *     FRAME_BYTE_0 .. 2  of a pixel: that of each channel; with FRAME_IS_SUM those of R, G, B
 *     FRAME_IS_SUM       colours to gray
 *     FRAME_TAPS         0: pixel (y, x) of the result is that of the frame; 1, 2: tables say which
 */
#ifndef TRO_CUDA_KERNELS_FRAME_CUH
#define TRO_CUDA_KERNELS_FRAME_CUH

#include "base.cuh"
#include "frame.h"

#if FRAME_BYTES == 0 || FRAME_BYTES == 2
static __device__ __forceinline__ void tro_frame_pixel(const tro_frame &f, const uint8_t *frame,
                                                       int32_t y, int32_t x,
                                                       float (&v)[FRAME_CHANNELS])
{
#if FRAME_BYTES == 0
    const uint16_t pair = *(const uint16_t *)(frame + (f.height + y / 2) * f.width + (x & ~1));
    const int32_t level = frame[y * f.width + x], first = pair & 255, second = pair >> 8;
#else
    const uint32_t two = *(const uint32_t *)(frame + (y * f.width + (x & ~1)) * 2);
    const int32_t level = two >> 16 * (x & 1) & 255, first = two >> 8 & 255, second = two >> 24;
#endif
    const float luma = __fmul_rn((float)level - f.y_zero, f.y_scale);
    const float cb = (float)(first - 128), cr = (float)(second - 128);
#pragma unroll
    for (int c = 0; c < FRAME_CHANNELS; c++)
        v[c] = fminf(fmaxf(__fadd_rn(__fadd_rn(luma, __fmul_rn(f.cb[c], cb)),
                                     __fmul_rn(f.cr[c], cr)),
                           0.0F),
                     255.0F);
}
#else
static __device__ __forceinline__ void tro_frame_pixel(const tro_frame &f, const uint8_t *frame,
                                                       int32_t y, int32_t x,
                                                       float (&v)[FRAME_CHANNELS])
{
    const uint8_t *const pixel = frame + (y * f.width + x) * FRAME_BYTES;
#if FRAME_BYTES == 4
    const uint32_t word = *(const uint32_t *)pixel;
    const float byte[3] = {(float)(word >> 8 * FRAME_BYTE_0 & 255),
                           (float)(word >> 8 * FRAME_BYTE_1 & 255),
                           (float)(word >> 8 * FRAME_BYTE_2 & 255)};
#else
    const float byte[3] = {(float)pixel[FRAME_BYTE_0], (float)pixel[FRAME_BYTE_1],
                           (float)pixel[FRAME_BYTE_2]};
#endif
#if FRAME_IS_SUM
    v[0] = __fadd_rn(__fadd_rn(__fmul_rn(0.299F, byte[0]), __fmul_rn(0.587F, byte[1])),
                     __fmul_rn(0.114F, byte[2]));
#else
#pragma unroll
    for (int c = 0; c < FRAME_CHANNELS; c++)
        v[c] = byte[c];
#endif
}
#endif

static __device__ __forceinline__ float tro_frame_blend(float a, float b, float t)
{
    return __fadd_rn(a, __fmul_rn(b - a, t));
}

/* Pixel (y, x) of the result, before normalization. */
static __device__ __forceinline__ void tro_frame_sample(const tro_frame &f, const uint8_t *frame,
                                                        const tro_frame_tap *taps, int32_t y,
                                                        int32_t x, float (&v)[FRAME_CHANNELS])
{
#if FRAME_TAPS == 0
    tro_frame_pixel(f, frame, y, x, v);
#else
    const tro_frame_tap row = taps[y], column = taps[f.out_height + x];
    if ((row.first | column.first) < 0) {
#pragma unroll
        for (int c = 0; c < FRAME_CHANNELS; c++)
            v[c] = f.pad;
        return;
    }
    tro_frame_pixel(f, frame, row.first, column.first, v);
#if FRAME_TAPS == 2
    float below[FRAME_CHANNELS], right[FRAME_CHANNELS], across[FRAME_CHANNELS];
    tro_frame_pixel(f, frame, row.second, column.first, below);
    tro_frame_pixel(f, frame, row.first, column.second, right);
    tro_frame_pixel(f, frame, row.second, column.second, across);
#pragma unroll
    for (int c = 0; c < FRAME_CHANNELS; c++)
        v[c] = tro_frame_blend(tro_frame_blend(v[c], below[c], row.t),
                               tro_frame_blend(right[c], across[c], row.t), column.t);
#endif
#endif
}

static __device__ __forceinline__ float tro_frame_normalized(const tro_frame &f, float v, int c)
{
    return __fadd_rn(__fmul_rn(v, f.scale[c]), f.bias[c]);
}

#endif
