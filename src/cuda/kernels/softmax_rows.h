/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_SOFTMAX_ROWS_H
#define TRO_CUDA_KERNELS_SOFTMAX_ROWS_H

#include "line.h"

struct tro_softmax_rows_params {
    struct tro_line line;
};

#endif
