/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_DEPTHWISE_H
#define TRO_CUDA_KERNELS_DEPTHWISE_H

#include "window.h"

struct tro_depthwise_params {
    struct tro_window_space window;
    int32_t w_pitch; /* channels of a tap, a multiple of 8 */
};

#endif
