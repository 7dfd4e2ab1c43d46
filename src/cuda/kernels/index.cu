/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results whose elements are chosen by index, a thread for each. Indices that are out of range are
 * brought into it: there is nobody to tell.
 *
 *     KIND          'g' gather: ptr x, indices      'o' one_hot: ptr indices, values [off, on]
 *                   'u' upper, 'l' lower triangle: ptr x
 *     IN_T, OUT_T   of x or values, of the result
 *     INDEX_T       of indices; N_INDEX of them for an element
 *     VECTOR        elements that a thread copies as they are; 1 where types differ
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
static __device__ __forceinline__ void find(const tro_params &p, uint32_t i, OUT_T (&v)[VECTOR])
{
    const INDEX_T *const index = (const INDEX_T *)p.ptr[1] + tro_path_at(p.own.at, i);
    int32_t from = tro_path_at(p.own.from, i);
#pragma unroll
    for (int k = 0; k < N_INDEX; k++)
        from += clamp((int32_t)index[k * p.own.step], p.own.size[k]) * p.own.stride[k];
    IN_T x[VECTOR];
    tro_load<VECTOR, VECTOR>(x, (const IN_T *)p.ptr[0] + from);
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        v[k] = tro_element_of(x[k]);
}
#elif KIND == 'o'
static __device__ __forceinline__ void find(const tro_params &p, uint32_t i, OUT_T (&v)[VECTOR])
{
    const int64_t index = (int64_t)((const INDEX_T *)p.ptr[0])[tro_path_at(p.own.at, i)];
    const int64_t place = index < 0 ? index + p.own.size[0] : index;
    v[0] = tro_element_of(((const IN_T *)p.ptr[1])[place == tro_path_at(p.own.from, i)]);
}
#else
static __device__ __forceinline__ void find(const tro_params &p, uint32_t i, OUT_T (&v)[VECTOR])
{
    const int32_t beyond = tro_path_at(p.own.at, i) - p.own.diagonal;
    const bool is_kept = KIND == 'u' ? beyond >= 0 : beyond <= 0;
    const IN_T zero = {};
    v[0] = tro_element_of(is_kept ? ((const IN_T *)p.ptr[0])[tro_path_at(p.own.from, i)] : zero);
}
#endif

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const uint32_t i = blockIdx.x * BLOCK + threadIdx.x;
    tro_wait();
    tro_launch_next();
    if (i >= p.own.n)
        return;
    OUT_T v[VECTOR];
    find(p, i, v);
    tro_store<VECTOR, VECTOR>((OUT_T *)p.ptr[TRO_N_IN] + tro_path_at(p.own.to, i), v);
}
