/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_INDEX_H
#define TRO_CUDA_KERNELS_INDEX_H

#include "path.h"

/* For element i of the result: where it goes, where it comes from but for indexed axes (one_hot:
 * its place along the new axis), and its first index (trilu: column minus row). */
struct tro_index_params {
    struct tro_path to, from, at;
    int32_t size[TRO_PATH_RANK], stride[TRO_PATH_RANK]; /* of indexed axes, in x */
    uint32_t n;
    int32_t step;     /* between indices of a tuple */
    int32_t diagonal; /* trilu */
};

#endif
