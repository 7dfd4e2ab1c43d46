/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over some axes of one tensor: index i, row-major over these axes, becomes the elements
 * from the tensor's beginning. Made by tro_cuda_path (cuda/rows.h), walked by tro_path_at
 * (path.cuh). */
#ifndef TRO_CUDA_KERNELS_PATH_H
#define TRO_CUDA_KERNELS_PATH_H

#include "params.h"

#define TRO_PATH_RANK 8

struct tro_path {
    int32_t rank;
    struct tro_div size[TRO_PATH_RANK];
    int32_t stride[TRO_PATH_RANK];
};

#endif
