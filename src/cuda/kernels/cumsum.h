/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_CUMSUM_H
#define TRO_CUDA_KERNELS_CUMSUM_H

#include "path.h"

struct tro_cumsum_params {
    struct tro_path from, to;   /* line -> its first element in walking order */
    uint32_t n_lines, n;        /* elements of a line, */
    int32_t from_step, to_step; /* so far apart; negative where sums run backwards */
};

#endif
