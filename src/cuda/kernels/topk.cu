/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The k greatest or least elements of lines, sorted. An element becomes one integer that is
 * greater the earlier it stands in the result: its order, NaN the greatest, and below that how near
 * it is to the beginning. PIECE of them are sorted in shared memory (Batcher's bitonic network); the
 * first ones of all pieces are the next step's line.
 *
 *     63        32 31         0
 *     [ order     ][ ~index    ]       0: no element
 *
 *     PIECE          elements that a block sorts, a power of 2
 *     IN_T, IS_FLOAT of x
 *     IS_SMALLEST    the least
 *     FROM_KEYS      ptr x, keys; else x
 *     TO_KEYS        results are keys; else values of VALUE_T and indices, ptr in this order where
 *                    HAS_VALUES and HAS_INDICES say that they are wanted
 */
#include "path.cuh"

#define BLOCK 512

#if HAS_VALUES
#include "element.cuh"
#endif

static __device__ __forceinline__ uint64_t key_of(IN_T x, uint32_t index)
{
#if IS_FLOAT
    const float v = tro_float(x) + 0.0F;
    const uint32_t bits = __float_as_uint(v);
    uint32_t order = bits >> 31 ? ~bits : bits | 0x80000000U;
    order = v != v ? 0xffffffffU : order;
#else
    uint32_t order = (uint32_t)(int32_t)x ^ 0x80000000U;
#endif
#if IS_SMALLEST
    order = ~order;
#endif
    return (uint64_t)order << 32 | ~index;
}

/* Greatest first. */
static __device__ __forceinline__ void sort(uint64_t *keys)
{
    for (uint32_t size = 2; size <= PIECE; size *= 2)
        for (uint32_t gap = size / 2; gap > 0; gap /= 2) {
            for (uint32_t i = threadIdx.x; i < PIECE / 2; i += BLOCK) {
                const uint32_t a = 2 * i - i % gap, b = a + gap;
                const uint64_t low = keys[a], high = keys[b];
                const bool is_up = (a & size) != 0;
                if ((low < high) != is_up) {
                    keys[a] = high;
                    keys[b] = low;
                }
            }
            __syncthreads();
        }
}

static __device__ __forceinline__ void store(const tro_params &p, uint32_t line, uint32_t piece,
                                             const uint64_t *keys)
{
    const tro_topk_params &o = p.own;
    for (uint32_t i = threadIdx.x; i < o.n_kept; i += BLOCK) {
#if TO_KEYS
        ((uint64_t *)p.ptr[TRO_N_IN])[(line * gridDim.x + piece) * o.n_kept + i] = keys[i];
#else
        const uint32_t from = ~(uint32_t)keys[i];
#if HAS_VALUES
        const IN_T v = ((const IN_T *)p.ptr[0])[tro_path_at(o.x, line) + (int32_t)from * o.x_step];
        ((OUT_T *)p.ptr[TRO_N_IN])[tro_path_at(o.values, line) + (int32_t)i * o.value_step] =
            tro_element_of(v);
#endif
#if HAS_INDICES
        ((int64_t *)p.ptr[TRO_N_IN + HAS_VALUES])[tro_path_at(o.indices, line) +
                                                  (int32_t)i * o.index_step] = from;
#endif
#endif
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    __shared__ uint64_t keys[PIECE];
    const tro_topk_params &o = p.own;
    const uint32_t line = blockIdx.y, first = blockIdx.x * PIECE;
    tro_wait();
    tro_launch_next();
    for (uint32_t i = threadIdx.x; i < PIECE; i += BLOCK) {
        const uint32_t at = first + i;
#if FROM_KEYS
        keys[i] = at < o.n ? ((const uint64_t *)p.ptr[1])[line * o.n + at] : 0;
#else
        const IN_T *const x = (const IN_T *)p.ptr[0] + tro_path_at(o.x, line);
        keys[i] = at < o.n ? key_of(x[(int32_t)at * o.x_step], at) : 0;
#endif
    }
    __syncthreads();
    sort(keys);
    store(p, line, blockIdx.x, keys);
}
