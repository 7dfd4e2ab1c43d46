/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_TRANSPOSE_H
#define TRO_CUDA_KERNELS_TRANSPOSE_H

#include "params.h"

/* out[outer, a, b] = in[outer, a, b], neighbours along a in `in` and along b in `out`. Strides in
 * elements; two outer axes. */
struct tro_transpose_params {
    uint32_t n_a, n_b;
    struct tro_div tiles_a, tiles_b, outer; /* outer: of the second outer axis */
    int32_t in_b, in_outer[2];
    int32_t out_a, out_outer[2];
};

#endif
