/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_PAD_H
#define TRO_CUDA_KERNELS_PAD_H

#include "params.h"

/* An axis of the result, the last one along vectors. */
struct tro_pad_axis {
    struct tro_div size; /* the last: in vectors */
    int32_t first;       /* its entries in the table */
    int32_t to_stride;   /* of the result, in elements; the last: of vectors */
};

struct tro_pad_params {
    uint32_t n_threads;
    struct tro_pad_axis axis[8];
};

#endif
