/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_BOXES_H
#define TRO_CUDA_KERNELS_BOXES_H

#include "params.h"

/* Between detect_filter and detect: the keys (boxes.cuh) that each block found lie at the beginning
 * of its own piece of `keys`, their number in `counts`:
 *
 *     keys    [pictures][blocks][piece]    counts  [pictures][blocks]
 */
struct tro_detect_pieces {
    uint32_t n_blocks, piece;
};

/* Where positions go: x * x_scale + x_offset. */
struct tro_positions {
    float x_scale, y_scale, x_offset, y_offset;
};

#define TRO_DETECT_MAX_BLOCKS 1024 /* for each a thread of detect */

#endif
