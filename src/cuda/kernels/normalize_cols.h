/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_NORMALIZE_COLS_H
#define TRO_CUDA_KERNELS_NORMALIZE_COLS_H

#include "path.h"

/* x as [items, rows, columns], normalized over the rows. */
struct tro_normalize_cols_params {
    struct tro_path kept, rows;
    uint32_t n_rows, n_cols;
    float n, epsilon; /* n: n_rows */
};

#endif
