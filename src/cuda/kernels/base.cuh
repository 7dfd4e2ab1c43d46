/* SPDX-License-Identifier: Apache-2.0 */
/* What every kernel begins with: types, division by invariants, loads and stores of vectors, the
 * hand-over between kernels. Instructions that C++ has no name for are in ptx.cuh. */
#ifndef TRO_CUDA_KERNELS_BASE_CUH
#define TRO_CUDA_KERNELS_BASE_CUH

#ifdef __CUDACC_RTC__
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#endif

#include "params.h"
#include "ptx.cuh"

/* Element types as bits; converted by the functions below. */
struct tro_f16 {
    uint16_t bits;
};
struct tro_bf16 {
    uint16_t bits;
};

static __device__ __forceinline__ float tro_float(float x)
{
    return x;
}
static __device__ __forceinline__ float tro_float(tro_f16 x)
{
    return tro_f16_to_f32(x.bits);
}
static __device__ __forceinline__ float tro_float(tro_bf16 x)
{
    return __uint_as_float((uint32_t)x.bits << 16);
}

template <typename T> static __device__ __forceinline__ T tro_from_float(float x);
template <> __device__ __forceinline__ float tro_from_float<float>(float x)
{
    return x;
}
/* To nearest, half to even; beyond the range to infinity. */
template <> __device__ __forceinline__ tro_f16 tro_from_float<tro_f16>(float x)
{
    return tro_f16{tro_f32_to_f16(x)};
}
template <> __device__ __forceinline__ tro_bf16 tro_from_float<tro_bf16>(float x)
{
    return tro_bf16{tro_f32_to_bf16(x)};
}

static __device__ __forceinline__ uint32_t tro_div(uint32_t n, const struct tro_div &d)
{
    return (__umulhi(n, d.mul) + n) >> d.shift;
}
/* n becomes n mod d. */
static __device__ __forceinline__ uint32_t tro_div_rest(uint32_t &n, const struct tro_div &d)
{
    const uint32_t q = tro_div(n, d);
    n -= q * d.d;
    return q;
}

/* N elements, of which every `A` lie at a multiple of their size together: one load of up to 16
 * bytes for each. A divides N. */
template <int N, int A, typename T>
static __device__ __forceinline__ void tro_load(T (&to)[N], const T *from)
{
    constexpr int n_bytes = A * (int)sizeof(T) > 16 ? 16 : A * (int)sizeof(T);
    constexpr int step = n_bytes / (int)sizeof(T);
#pragma unroll
    for (int i = 0; i < N; i += step)
        tro_copy_bytes<n_bytes>(&to[i], from + i);
}
/* From memory that no kernel writes. */
template <int N, int A, typename T>
static __device__ __forceinline__ void tro_load_const(T (&to)[N], const T *from)
{
    constexpr int n_bytes = A * (int)sizeof(T) > 16 ? 16 : A * (int)sizeof(T);
    constexpr int step = n_bytes / (int)sizeof(T);
#pragma unroll
    for (int i = 0; i < N; i += step)
        tro_copy_const_bytes<n_bytes>(&to[i], from + i);
}
template <int N, int A, typename T>
static __device__ __forceinline__ void tro_store(T *to, const T (&from)[N])
{
    constexpr int n_bytes = A * (int)sizeof(T) > 16 ? 16 : A * (int)sizeof(T);
    constexpr int step = n_bytes / (int)sizeof(T);
#pragma unroll
    for (int i = 0; i < N; i += step)
        tro_copy_bytes<n_bytes>(to + i, &from[i]);
}

#endif
