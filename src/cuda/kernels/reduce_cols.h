/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_REDUCE_COLS_H
#define TRO_CUDA_KERNELS_REDUCE_COLS_H

#include "path.h"

/* x as [items, rows, columns]: the rows are reduced. Part k of n_parts takes rows from
 * k n_part_rows on; partial results lie as [parts, items, columns]. */
struct tro_reduce_cols_params {
    struct tro_path kept, rows;
    uint32_t n_rows, n_cols, n_part_rows, n_items;
    float n_each; /* elements that a mean is of */
};

#endif
