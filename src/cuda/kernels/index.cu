/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results whose elements are chosen by index, a thread for each. Indices that are out of range are
 * brought into it: there is nobody to tell.
 *
 *     KIND          'g' gather: ptr x, indices      'o' one_hot: ptr indices, values [off, on]
 *                   'u' upper, 'l' lower triangle: ptr x
 *     IN_T, OUT_T   of x or values, of the result
 *     INDEX_T       of indices; N_INDEX of them for an element
 */
#include "element.cuh"
#include "path.cuh"

#define BLOCK 256

static __device__ __forceinline__ int32_t clamp(int32_t v, int32_t size)
{
    v += v < 0 ? size : 0;
    return v < 0 ? 0 : v < size ? v : size - 1;
}

#if KIND == 'g'
static __device__ __forceinline__ OUT_T find(const tro_params &p, uint32_t i)
{
    const INDEX_T *const index = (const INDEX_T *)p.ptr[1] + tro_path_at(p.own.at, i);
    int32_t from = tro_path_at(p.own.from, i);
#pragma unroll
    for (int k = 0; k < N_INDEX; k++)
        from += clamp((int32_t)index[k * p.own.step], p.own.size[k]) * p.own.stride[k];
    return tro_element_of(((const IN_T *)p.ptr[0])[from]);
}
#elif KIND == 'o'
static __device__ __forceinline__ OUT_T find(const tro_params &p, uint32_t i)
{
    const int64_t v = (int64_t)((const INDEX_T *)p.ptr[0])[tro_path_at(p.own.at, i)];
    const int64_t place = v < 0 ? v + p.own.size[0] : v;
    return tro_element_of(((const IN_T *)p.ptr[1])[place == tro_path_at(p.own.from, i)]);
}
#else
static __device__ __forceinline__ OUT_T find(const tro_params &p, uint32_t i)
{
    const int32_t beyond = tro_path_at(p.own.at, i) - p.own.diagonal;
    const bool is_kept = KIND == 'u' ? beyond >= 0 : beyond <= 0;
    const IN_T zero = {};
    return tro_element_of(is_kept ? ((const IN_T *)p.ptr[0])[tro_path_at(p.own.from, i)] : zero);
}
#endif

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const uint32_t i = blockIdx.x * BLOCK + threadIdx.x;
    tro_wait();
    tro_launch_next();
    if (i < p.own.n)
        ((OUT_T *)p.ptr[TRO_N_IN])[tro_path_at(p.own.to, i)] = find(p, i);
}
