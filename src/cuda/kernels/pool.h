/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_POOL_H
#define TRO_CUDA_KERNELS_POOL_H

#include "window.h"

struct tro_pool_params {
    struct tro_window_space window;
    float power; /* of Lp */
};

#endif
