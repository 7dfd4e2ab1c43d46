/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scattering, the other way around: a thread for each element of the result looks at all updates
 * that could be meant for it, so that their order is kept.
 *
 *     IN_T, UPDATE_T, OUT_T   of x, updates, the result
 *     INDEX_T, N_INDEX        of indices; of a tuple
 *     ACC_T, KIND             accumulator; 'r' replace, 'a' add, 'm' mul, 'x' max, 'n' min
 */
#include "path.cuh"

#define BLOCK 256

template <typename T> static __device__ __forceinline__ ACC_T load(T x)
{
#if IS_FLOAT
    return tro_float(x);
#else
    return (ACC_T)x;
#endif
}

static __device__ __forceinline__ ACC_T combine(ACC_T x, ACC_T y)
{
#if KIND == 'a'
    return x + y;
#elif KIND == 'm'
    return x * y;
#elif KIND == 'x'
    return y > x || y != y ? y : x;
#elif KIND == 'n'
    return y < x || y != y ? y : x;
#else
    return y;
#endif
}

/* Where along the indexed axes this tuple points. */
static __device__ __forceinline__ int32_t place_of(const tro_scatter_params &o,
                                                   const INDEX_T *index)
{
    int32_t at = 0;
#pragma unroll
    for (int k = 0; k < N_INDEX; k++) {
        const int32_t v = (int32_t)index[k * o.step];
        at += (v < 0 ? v + o.size[k] : v) * o.stride[k];
    }
    return at;
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_scatter_params &o = p.own;
    const uint32_t i = blockIdx.x * BLOCK + threadIdx.x;
    tro_wait();
    tro_launch_next();
    if (i >= o.n)
        return;
    const INDEX_T *const index = (const INDEX_T *)p.ptr[1] + tro_path_at(o.index, i);
    const UPDATE_T *const update = (const UPDATE_T *)p.ptr[2] + tro_path_at(o.update, i);
    const int32_t own = tro_path_at(o.own, i);
    ACC_T acc = load(((const IN_T *)p.ptr[0])[tro_path_at(o.from, i)]);
    for (uint32_t u = 0; u < o.n_updates; u++)
        if (place_of(o, index + tro_path_at(o.next_index, u)) == own)
            acc = combine(acc, load(update[tro_path_at(o.next_update, u)]));
    OUT_T *const to = (OUT_T *)p.ptr[TRO_N_IN] + tro_path_at(o.to, i);
#if IS_FLOAT
    *to = tro_from_float<OUT_T>(acc);
#else
    *to = (OUT_T)acc;
#endif
}
