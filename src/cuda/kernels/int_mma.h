/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of 8-bit matrices on tensor cores, exact in int32:
 *
 *     result [row, col] = sum over k of (a[row][k] - zero_a) * (b[k][col] - zero_b[col])
 *
 * Rows of a are windows that slide over memory [n, d, h, w, channel] of any strides; k counts
 * (kd, kh, kw, channel), the channels of a group. A matrix product has windows of one element, and
 * rows are its axes. Taps outside are zero_a. Strides are in bytes, which are elements.
 *
 *     inputs   a
 *              b, packed: [group][n][w_pitch] bytes, signed, zeros from k on; or, with IS_B_LIVE,
 *                 k x n bytes of any strides, of which each matrix of a batch has its own
 *              zero_a, with IS_ZERO_A_LIVE: one byte, or n_zeros_a of them for rows in turn
 *              packed b: int32 [2][groups * n, up to a multiple of 16]: of each column the sum
 *                 less k times its zero, and the zero; where there is a zero
 *              live b: its zeros as bytes, where they are given
 *
 * With IS_WINDOWS each row makes a window of the result (conv_transpose): columns are counted over
 * its taps (d, h, w), then channels, and go to row (n, d * each + tap, ..) of the epilogue.
 *
 * A block makes BM x BN results of a group or batch; k is taken in steps of BK, of which STAGES are
 * in shared memory. Of its warps WARPS_M x WARPS_N share the results and WARPS_K each step.
 *
 *     shared   stages: [BM][BK] of a, [BN][BK] of b, 16-byte pieces of a row exchanged so that
 *              eight rows are read without conflicts; then sums: int32 [BM][BN + 8]
 *              rows of a: int32 [BM][4], where the window begins
 *              sums of rows: int32 [BM], sums of columns: int32 [BN]
 */
#ifndef TRO_CUDA_KERNELS_INT_MMA_H
#define TRO_CUDA_KERNELS_INT_MMA_H

#include "params.h"

struct tro_int_mma_params {
    uint32_t m, n, k; /* rows of all groups or of a matrix; columns and depth of a group */
    uint32_t n_groups;
    struct tro_div out[3]; /* d, h, w of rows */
    int32_t in[3], stride[3], dilation[3], pad[3];
    int32_t a_n, a_at[3], a_channel, a_group; /* strides of a */
    struct tro_div channels, kernel_h, kernel_w;
    uint32_t w_pitch;
    int32_t b_k, b_n;               /* IS_B_LIVE */
    struct tro_div batch[2];        /* inner axes of a batch: sizes of the last two of three */
    int32_t a_batch[3], b_batch[3]; /* strides */
    uint32_t zero_a;                /* a byte, 0 where there is none, unless IS_ZERO_A_LIVE */
    struct tro_div n_zeros_a;
    uint32_t n_zeros_b;             /* IS_B_LIVE: 1 or n */
    struct tro_div n_each, each[3]; /* IS_WINDOWS: columns of a tap; sizes of a window */
};

#endif
