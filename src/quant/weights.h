/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: weights as i8 from -127 to 127, a scale for each channel of the result. */
#ifndef TRO_QUANT_WEIGHTS_H
#define TRO_QUANT_WEIGHTS_H

#include "base/arena.h"
#include <trocar/trocar.h>

struct tro_quant_weights {
    struct tro_tensor values; /* i8, of the weights' shape */
    struct tro_tensor scales; /* f32, sizes 1 but along the axis; a channel of zeros has 1 */
};

/* w: f32. The scale of a channel is the one of least squared error among some below its range.
 * Memory is the arena's. */
int tro_quant_weights_init(struct tro_quant_weights *q, const struct tro_tensor *w, int axis,
                           struct tro_arena *arena, struct tro_err *err);

/* What they stand for, in the place of the weights they were made of. */
int tro_quant_weights_round(struct tro_tensor *w, int axis, struct tro_err *err);

#endif
