/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index of the greatest or least element of lines: a team for each line, or a thread.
 *
 *     TEAM              threads of a line: 1, or as in team.cuh
 *     IN_T, IS_FLOAT    of x
 *     IS_MIN, IS_LAST   the least; of equal ones the last
 *
 * An element becomes an integer that is greater the better it is, NaN the greatest of all.
 */
#include "path.cuh"
#include "team.cuh"

struct best {
    int64_t key;
    uint32_t index;
};

static __device__ __forceinline__ int64_t key_of(IN_T x)
{
#if IS_FLOAT
    const float v = tro_float(x) + 0.0F;
    const int32_t bits = (int32_t)__float_as_uint(v);
    const int32_t order = bits < 0 ? bits ^ 0x7fffffff : bits;
    return v != v ? 0x7fffffffffLL : IS_MIN ? ~(int64_t)order : (int64_t)order;
#else
    return IS_MIN ? ~(int64_t)x : (int64_t)x;
#endif
}

static __device__ __forceinline__ best better(const best &a, const best &b)
{
    const bool is_b = b.key > a.key ||
                      (b.key == a.key && (IS_LAST ? b.index > a.index : b.index < a.index));
    return is_b ? b : a;
}

static __device__ __forceinline__ best over_team(best b)
{
#pragma unroll
    for (int offset = (TEAM < 32 ? TEAM : 32) / 2; offset > 0; offset /= 2)
        b = better(b, best{tro_shuffle_xor(b.key, offset),
                           (uint32_t)__shfl_xor_sync(0xffffffffU, b.index, offset)});
#if TEAM > 32
    __shared__ best of_warp[TEAM / 32];
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = b;
    __syncthreads();
    for (int i = 0; i < TEAM / 32; i++)
        b = better(b, of_warp[i]);
#endif
    return b;
}

extern "C" __global__ void __launch_bounds__(TRO_TEAM_BLOCK)
    tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_arg_reduce_params &o = p.own;
    const uint32_t index = tro_team_index(), item = index < o.n_items ? index : o.n_items - 1;
    tro_wait();
    tro_launch_next();
    const IN_T *const x = (const IN_T *)p.ptr[0] + tro_path_at(o.from, item);
    const uint32_t first = tro_team_lane() < o.n ? tro_team_lane() : 0;
    best b = {key_of(x[(int32_t)first * o.step]), first};
    for (uint32_t i = first + TEAM; i < o.n; i += TEAM)
        b = better(b, best{key_of(x[(int32_t)i * o.step]), i});
    b = over_team(b);
    if (index < o.n_items && tro_team_lane() == 0)
        ((int64_t *)p.ptr[TRO_N_IN])[tro_path_at(o.to, item)] = b.index;
}
