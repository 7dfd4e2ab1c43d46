/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_SCATTER_H
#define TRO_CUDA_KERNELS_SCATTER_H

#include "path.h"

/* Element i of the result is that of x, then every update that is meant for it, in order. It lies
 * at own(i) along the indexed axes, which an update's indices say too. */
struct tro_scatter_params {
    struct tro_path to, from, own; /* element -> the result, x, place along indexed axes */
    struct tro_path index, update; /* element -> the first update that could be meant */
    struct tro_path next_index, next_update;            /* number of the update -> from there */
    int32_t size[TRO_PATH_RANK], stride[TRO_PATH_RANK]; /* of indexed axes; stride: in own */
    uint32_t n, n_updates;
    int32_t step; /* between indices of a tuple */
};

#endif
