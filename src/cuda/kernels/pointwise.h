/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_POINTWISE_H
#define TRO_CUDA_KERNELS_POINTWISE_H

#include "params.h"

struct tro_pointwise_params {
    uint32_t n_vectors; /* of all groups of rows */
    uint32_t n_rows, n_cols;
    struct tro_div row_vectors; /* vectors of a row */
};

#endif
