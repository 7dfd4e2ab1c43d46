/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running sums: a warp for each line, 32 elements at a time.
 *
 *     IN_T, OUT_T, IS_FLOAT   of x, of the result; sums are float or 64-bit
 *     IS_EXCLUSIVE            the element itself is left out
 */
#include "path.cuh"

#define N_WARPS 4

#if IS_FLOAT
typedef float acc_t;
#define LOAD(x) tro_float(x)
#define STORE(x) tro_from_float<OUT_T>(x)
#else
typedef uint64_t acc_t;
#define LOAD(x) ((uint64_t)(int64_t)(x))
#define STORE(x) ((OUT_T)(x))
#endif

static __device__ __forceinline__ acc_t from_lane(acc_t v, int lane)
{
#if IS_FLOAT
    return __shfl_sync(0xffffffffU, v, lane);
#else
    const uint32_t low = __shfl_sync(0xffffffffU, (uint32_t)v, lane);
    return (uint64_t)__shfl_sync(0xffffffffU, (uint32_t)(v >> 32), lane) << 32 | low;
#endif
}

extern "C" __global__ void __launch_bounds__(N_WARPS * 32)
    tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_cumsum_params &o = p.own;
    const int lane = threadIdx.x % 32;
    const uint32_t line = blockIdx.x * N_WARPS + threadIdx.x / 32;
    tro_wait();
    tro_launch_next();
    if (line >= o.n_lines)
        return;
    const IN_T *const x = (const IN_T *)p.ptr[0] + tro_path_at(o.from, line);
    OUT_T *const y = (OUT_T *)p.ptr[TRO_N_IN] + tro_path_at(o.to, line);
    acc_t before = 0;
    for (uint32_t first = 0; first < o.n; first += 32) {
        const uint32_t i = first + lane;
        const acc_t own = i < o.n ? LOAD(x[(int32_t)i * o.from_step]) : (acc_t)0;
        acc_t sum = own;
#pragma unroll
        for (int offset = 1; offset < 32; offset *= 2) {
            const acc_t other = from_lane(sum, lane < offset ? lane : lane - offset);
            sum += lane < offset ? (acc_t)0 : other;
        }
        const acc_t left = from_lane(sum, lane ? lane - 1 : 0);
        if (i < o.n)
            y[(int32_t)i * o.to_step] = STORE(before + (!IS_EXCLUSIVE ? sum : lane ? left : 0));
        before += from_lane(sum, 31);
    }
}
