/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_PATH_CUH
#define TRO_CUDA_KERNELS_PATH_CUH

#include "path.h"

static __device__ __forceinline__ int32_t tro_path_at(const struct tro_path &w, uint32_t i)
{
    int32_t at = 0;
    for (int a = w.rank - 1; a > 0; a--) {
        uint32_t rest = i;
        i = tro_div_rest(rest, w.size[a]);
        at += (int32_t)rest * w.stride[a];
    }
    return w.rank ? at + (int32_t)i * w.stride[0] : 0;
}

#endif
