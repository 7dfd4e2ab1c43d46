/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_RESIZE_H
#define TRO_CUDA_KERNELS_RESIZE_H

#include "window.h"

/* An element of x that a coordinate is made of: in elements from the first of its axis; weight 0:
 * it is not read. */
struct tro_resize_tap {
    int32_t offset;
    float weight;
};

struct tro_resize_params {
    struct tro_window_space window;
    int32_t first[3]; /* tap of coordinate 0 of each axis in the table */
};

#endif
