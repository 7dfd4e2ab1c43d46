/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolution of bytes, exact in int32: one window at a time, vectors over channels. Taps
 * are pointers to the channels of a place; places outside of the picture point to bytes that hold
 * its zero point.
 */
#ifndef TRO_CPU_DEPTHWISE_INT_H
#define TRO_CPU_DEPTHWISE_INT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TRO_DEPTHWISE_INT_BLOCK = 64, /* channels that weights and sums are filled up to */
    TRO_DEPTHWISE_INT_TAPS = 64   /* most of a window, a multiple of 4 */
};

/*
 * acc[c] = init[c] + sum over taps of (taps[k][c] ^ flip) * (w[k][c] - zeros[c]), n channels;
 * memory but for taps is filled up to whole blocks. zeros NULL: none. The wide form takes no zeros:
 * they are off its weights already.
 * Two forms of weights, w_pitch channels filled up:
 *
 *     wide: int32 [tap][w_pitch]
 *     dot:  int8, taps in fours: [tap / 4][w_pitch / lanes][4][lanes / 4][tap % 4], where vectors
 *     of
 *           `lanes` bytes are interleaved as unpacking them does, 16 bytes apart: vector q has the
 *           channels 16 * i + 4 * q .. + 3
 */
typedef void tro_depthwise_int_fn(const uint8_t *const *taps, int64_t n_taps, uint8_t flip,
                                  const void *w, int64_t w_pitch, const int32_t *init,
                                  const int32_t *zeros, int32_t *acc, int64_t n);
tro_depthwise_int_fn tro_depthwise_int_wide__generic, tro_depthwise_int_wide__avx2,
    tro_depthwise_int_wide__avx512, tro_depthwise_int_wide__neon, tro_depthwise_int_dot__avxvnni,
    tro_depthwise_int_dot__avx512vnni;

#endif
