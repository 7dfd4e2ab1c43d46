/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_WINDOW_CUH
#define TRO_CUDA_KERNELS_WINDOW_CUH

#include "base.cuh"
#include "window.h"

/* N elements, A at a time; `neutral` where is_inside is false and, unless IS_WHOLE, from element n
 * on. */
template <int N, int A, bool WHOLE, typename T>
static __device__ __forceinline__ void tro_load_inside(T (&to)[N], const T *from, bool is_inside,
                                                       int n, T neutral)
{
    constexpr int step = A * (int)sizeof(T) > 16 ? 16 / (int)sizeof(T) : A;
#pragma unroll
    for (int i = 0; i < N; i++)
        to[i] = neutral;
#pragma unroll
    for (int i = 0; i < N; i += step)
        if (is_inside && (WHOLE || i < n))
            tro_copy_bytes<step *(int)sizeof(T)>(&to[i], from + i);
}

/* An element as what is computed with: float, or int32_t for integers. */
static __device__ __forceinline__ float tro_value(float x)
{
    return x;
}
static __device__ __forceinline__ float tro_value(tro_f16 x)
{
    return tro_float(x);
}
static __device__ __forceinline__ float tro_value(tro_bf16 x)
{
    return tro_float(x);
}
static __device__ __forceinline__ int32_t tro_value(int8_t x)
{
    return x;
}
static __device__ __forceinline__ int32_t tro_value(uint8_t x)
{
    return x;
}
static __device__ __forceinline__ int32_t tro_value(int32_t x)
{
    return x;
}

/* What a thread makes. */
struct tro_window_place {
    int vector, w, h, d, n; /* w: number of the span */
};
static __device__ __forceinline__ tro_window_place tro_window_find(const tro_window_space &g,
                                                                   uint32_t i)
{
    tro_window_place at;
    uint32_t rest = tro_div(i, g.n_vectors);
    at.vector = (int)(i - rest * g.n_vectors.d);
    uint32_t row = tro_div(rest, g.n_spans);
    at.w = (int)(rest - row * g.n_spans.d);
    rest = tro_div(row, g.out_h);
    at.h = (int)(row - rest * g.out_h.d);
    row = tro_div(rest, g.out_d);
    at.d = (int)(rest - row * g.out_d.d);
    at.n = (int)row;
    return at;
}

static __device__ __forceinline__ bool tro_window_is_inside(const tro_window_space &g, int axis,
                                                            int i)
{
    return (uint32_t)i < (uint32_t)g.in[axis];
}

/* Where tap 0 of window o lies. */
static __device__ __forceinline__ int tro_window_start(const tro_window_space &g, int axis, int o)
{
    return o * g.stride[axis] - g.pad[axis];
}

/* Row of the pointwise program: (n, d, h, w) of results. */
static __device__ __forceinline__ uint32_t tro_window_row(const tro_window_space &g,
                                                          const tro_window_place &at, int w)
{
    const uint32_t row = ((uint32_t)at.n * g.out_d.d + (uint32_t)at.d) * g.out_h.d + (uint32_t)at.h;
    return row * (uint32_t)g.out_w + (uint32_t)w;
}

#endif
