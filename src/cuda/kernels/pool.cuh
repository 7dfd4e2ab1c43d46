/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pools are made of.
 *
 * Defined: IN_T; ACC_T (float or int32_t); IS_MAX, IS_MEAN, IS_LP; LEAST (of IN_T, for IS_MAX);
 * POWER (of Lp, where it is 1 or 2, else 0); IS_PAD_COUNTED; VECTOR, ALIGNED, IS_WHOLE.
 */
#ifndef TRO_CUDA_KERNELS_POOL_CUH
#define TRO_CUDA_KERNELS_POOL_CUH

#include "window.cuh"

/* What changes no result. */
static __device__ __forceinline__ IN_T neutral()
{
#if IS_MAX
    return LEAST;
#else
    return tro_from_float<IN_T>(0);
#endif
}

/* A NaN stays. */
static __device__ __forceinline__ ACC_T combine(ACC_T acc, ACC_T x)
{
#if IS_MAX
    return x > acc || x != x ? x : acc;
#else
    return acc + x;
#endif
}

static __device__ __forceinline__ ACC_T term(ACC_T x, float power)
{
#if IS_LP
    return POWER == 1 ? fabsf(x) : POWER == 2 ? x * x : powf(fabsf(x), power);
#else
    return x;
#endif
}

static __device__ __forceinline__ void add_tap(ACC_T (&acc)[VECTOR], const IN_T *from,
                                               bool is_inside, int n, float power)
{
    __align__(16) IN_T raw[VECTOR];
    tro_load_inside<VECTOR, ALIGNED, IS_WHOLE>(raw, from, is_inside, n, neutral());
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] = combine(acc[i], term(tro_value(raw[i]), power));
}

/* Taps with start + k * dilation < end. */
static __device__ __forceinline__ int taps_before(int start, int dilation, int end, int kernel)
{
    if (start >= end)
        return 0;
    const int n = dilation == 1 ? end - start : (end - 1 - start) / dilation + 1;
    return n < kernel ? n : kernel;
}

/* Taps of an axis that a mean counts: those in the input, or also those in its padding. */
static __device__ __forceinline__ float counted_taps(const tro_window_space &g, int axis, int start)
{
    const int dilation = g.dilation[axis], kernel = g.kernel[axis];
    const int end = g.in[axis] + (IS_PAD_COUNTED ? g.pad_end[axis] : 0);
    const int skipped = IS_PAD_COUNTED || start >= 0 ? 0 : (dilation - 1 - start) / dilation;
    return (float)max(taps_before(start, dilation, end, kernel) - skipped, 0);
}

/* start: of the window along each axis. */
static __device__ __forceinline__ void finish(ACC_T (&acc)[VECTOR], const tro_window_space &g,
                                              const int (&start)[3], float power)
{
#if IS_MEAN
    const float count = counted_taps(g, 0, start[0]) * counted_taps(g, 1, start[1]) *
                        counted_taps(g, 2, start[2]);
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] /= count;
#elif IS_LP && POWER != 1
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] = POWER == 2 ? sqrtf(acc[i]) : powf(acc[i], 1 / power);
#endif
}

#endif
