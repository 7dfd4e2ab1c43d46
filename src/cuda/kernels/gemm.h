/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products y [row][col] = sum over k of a [row][k] b [col][k], several of one size (z), and
 * convolutions as such: a row is an output pixel, k is (block of channels, tap, channel).
 *
 *     row -> index over up to four axes, the last one fastest: (n, oh, ow) of a convolution
 *     a [row][k] at  a + a_z + sum of index[i] * row_stride[i]                   of the window
 *                      + sum of tap[i] * tap_stride[i] + block * channels + channel
 *
 * k is counted in chunks of 16 bytes, as memory is read; channels of a pixel, rows of b and all
 * strides are multiples of a chunk. Rows of b hold zeros where channels were padded.
 *
 *     b  [col][k]                pitch b_pitch, or with B_TRANS
 *     b  [k][col]                pitch b_pitch, n a multiple of a chunk
 *
 * ptr: a, b, taps (with GATHER), taps of frames (with FRAME, unless FRAME_TAPS is 0), bias (f32
 * [z col]; with BIAS); partial sums f32 [split][z row][partial_pitch] (only with SPLIT, then there
 * is no epilogue: gemm_sum does it).
 */
#ifndef TRO_CUDA_KERNELS_GEMM_H
#define TRO_CUDA_KERNELS_GEMM_H

#include "frame.h"

enum { TRO_GEMM_ROW_AXES = 4, TRO_GEMM_TAP_AXES = 3 };

/* Element k of a row, with GATHER: its place from the window's first one; y beyond every picture
 * where k is padding. */
struct tro_gemm_tap {
    int32_t offset;
    int16_t y, x;
};

struct tro_gemm_params {
    uint32_t m, n, k;                           /* of one product; k in elements */
    struct tro_div n_tiles;                     /* along n */
    uint32_t split_steps;                       /* steps of TILE_K in a split */
    struct tro_div row_size[TRO_GEMM_ROW_AXES]; /* of the last ROW_AXES - 1 entries */
    int32_t row_stride[TRO_GEMM_ROW_AXES];      /* in elements; the last ROW_AXES entries */
    int32_t a_origin;                           /* of row 0, in elements; negative with pads */
    /* WINDOW: the last TAP_AXES entries belong to the last TAP_AXES axes of rows. */
    int32_t in[TRO_GEMM_TAP_AXES], step[TRO_GEMM_TAP_AXES], pad[TRO_GEMM_TAP_AXES];
    int32_t dilation[TRO_GEMM_TAP_AXES], tap_stride[TRO_GEMM_TAP_AXES];
    struct tro_div taps[TRO_GEMM_TAP_AXES];
    struct tro_div channels; /* of a block, padded */
    uint32_t b_pitch;
    uint32_t b_rows;                      /* B_TRANS: rows that there are, at most k */
    struct tro_div z;                     /* size of the inner of two batch axes */
    int32_t a_z[2], b_z[2];               /* strides of the outer and the inner one */
    uint32_t row_z, col_z;                /* of z in the result */
    uint32_t partial_rows, partial_pitch; /* SPLIT: rows of all products, pitch of one */
    struct tro_frame frame;               /* FRAME */
};

#endif
