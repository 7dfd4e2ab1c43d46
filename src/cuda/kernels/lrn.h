/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_LRN_H
#define TRO_CUDA_KERNELS_LRN_H

#include "path.h"

struct tro_lrn_params {
    struct tro_path from, to, channel; /* element -> its place in x, in the result, its channel */
    uint32_t n;
    int32_t n_channels, step; /* between channels of x */
    int32_t before, after;    /* channels around an element */
    float bias, alpha, beta;  /* alpha: of one square */
};

#endif
