/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_SOFTMAX_COLS_H
#define TRO_CUDA_KERNELS_SOFTMAX_COLS_H

#include "path.h"

/* x as [items, n, columns]: softmax over n elements, `step` apart. */
struct tro_softmax_cols_params {
    struct tro_path kept;
    struct tro_div n_vectors; /* of the columns */
    uint32_t n_threads, n;
    int32_t step;
};

#endif
