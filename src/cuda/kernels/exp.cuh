/* SPDX-License-Identifier: Apache-2.0 */
/* e ^ x: IS_FAST takes the special function unit's. */
#ifndef TRO_CUDA_KERNELS_EXP_CUH
#define TRO_CUDA_KERNELS_EXP_CUH

static __device__ __forceinline__ float tro_exp(float x)
{
#if IS_FAST
    return tro_fast_exp2(x * 1.4426950408889634F);
#else
    return expf(x);
#endif
}

#endif
