/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_TOPK_H
#define TRO_CUDA_KERNELS_TOPK_H

#include "path.h"

/* Each block sorts one piece of a line and keeps the first k of it. Between steps keys lie as
 * [lines][pieces][n_kept]. */
struct tro_topk_params {
    struct tro_path x, values, indices; /* line -> its beginning */
    uint32_t n;                         /* elements of a line, or keys that are left of it */
    uint32_t n_kept;                    /* of a piece */
    int32_t x_step, value_step, index_step;
};

#endif
