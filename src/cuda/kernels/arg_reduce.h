/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_ARG_REDUCE_H
#define TRO_CUDA_KERNELS_ARG_REDUCE_H

#include "path.h"

struct tro_arg_reduce_params {
    struct tro_path from, to; /* item -> the beginning of its line, its place in the result */
    uint32_t n_items, n;      /* elements of a line, */
    int32_t step;             /* so far apart */
};

#endif
