/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 3 x 3 convolutions by the transform of Winograd, F(4x4, 3x3): a tile of 4 x 4 outputs takes 36
 * products for each pair of channels instead of 144.
 *
 *     6 x 6 pixels ─► B^T d B ─► V [36][tiles][channels]
 *                                 x  U [36][channels][outputs] = G w G^T, packed
 *     4 x 4 pixels ◄─ A^T m A ◄─ M [36][tiles][outputs]
 *
 * Rounding errors are some ten times those of plain sums; an infinity or NaN spoils its whole tile.
 */
#ifndef TRO_CPU_CONV_WINOGRAD_H
#define TRO_CPU_CONV_WINOGRAD_H

#include "cpu/conv.h"

/* Whether the convolution has the form: channels last, a window of 3 x 3 and steps of 1. */
bool tro_winograd_takes(const struct tro_conv_f32 *c);
/* The better guess, where nothing was measured. */
bool tro_winograd_is_better(const struct tro_conv_f32 *c, int n_threads);
/* Adds the step. c is complete but for weights and memory; x is where its input lies. */
int tro_winograd_emit(struct tro_lowering *l, const struct tro_lower_node *n,
                      const struct tro_conv_f32 *c, const struct tro_arg *x);

#endif
