/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_POOL_SPLIT_H
#define TRO_CUDA_KERNELS_POOL_SPLIT_H

#include "window.h"

struct tro_pool_split_params {
    struct tro_window_space window;
    float power;
    int32_t n_taps;
    struct tro_div kernel_w, kernel_h;
};

#endif
