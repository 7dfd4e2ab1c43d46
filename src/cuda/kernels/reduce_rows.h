/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_REDUCE_ROWS_H
#define TRO_CUDA_KERNELS_REDUCE_ROWS_H

#include "path.h"

/* What is reduced are runs of vectors: an item of the result is n_all vectors, n_vectors of each
 * run. Part k of n_parts takes vectors k TEAM .. (k + 1) TEAM of every n_parts TEAM. */
struct tro_reduce_rows_params {
    int64_t n_each; /* elements that a mean is of */
    struct tro_path kept, runs;
    struct tro_path to; /* of the result, where no pointwise program stores it */
    struct tro_div n_vectors, n_result_cols;
    uint32_t n_items, n_all, n_parts;
    int32_t step; /* between elements of a run */
};

#endif
