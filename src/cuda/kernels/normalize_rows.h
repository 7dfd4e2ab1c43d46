/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_NORMALIZE_ROWS_H
#define TRO_CUDA_KERNELS_NORMALIZE_ROWS_H

#include "line.h"

struct tro_normalize_rows_params {
    struct tro_line line;
    float n, epsilon; /* elements of a line */
};

#endif
