/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Teams: TEAM threads that work on one line. A power of 2 up to 32 is a part of a warp, and a block
 * of TRO_TEAM_BLOCK threads has several teams; more than that is the whole block. What a team
 * combines goes through a tree of fixed form.
 */
#ifndef TRO_CUDA_KERNELS_TEAM_CUH
#define TRO_CUDA_KERNELS_TEAM_CUH

#define TRO_TEAM_BLOCK (TEAM > 128 ? TEAM : 128)

static __device__ __forceinline__ uint32_t tro_team_lane()
{
    return threadIdx.x % TEAM;
}

/* Which line, of those that the grid's first axis counts. */
static __device__ __forceinline__ uint32_t tro_team_index()
{
    return blockIdx.x * (TRO_TEAM_BLOCK / TEAM) + threadIdx.x / TEAM;
}

static __device__ __forceinline__ float tro_shuffle_xor(float v, int offset)
{
    return __shfl_xor_sync(0xffffffffU, v, offset);
}
static __device__ __forceinline__ uint64_t tro_shuffle_xor(uint64_t v, int offset)
{
    const uint32_t low = __shfl_xor_sync(0xffffffffU, (uint32_t)v, offset);
    const uint32_t high = __shfl_xor_sync(0xffffffffU, (uint32_t)(v >> 32), offset);
    return (uint64_t)high << 32 | low;
}
static __device__ __forceinline__ int64_t tro_shuffle_xor(int64_t v, int offset)
{
    return (int64_t)tro_shuffle_xor((uint64_t)v, offset);
}

/* f over the team's values, known to all of its threads. Every thread of the block calls it. */
template <typename T, typename F> static __device__ __forceinline__ T tro_team_fold(T v, F f)
{
#pragma unroll
    for (int offset = (TEAM < 32 ? TEAM : 32) / 2; offset > 0; offset /= 2)
        v = f(v, tro_shuffle_xor(v, offset));
#if TEAM > 32
    __shared__ T of_warp[TEAM / 32];
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = v;
    __syncthreads();
    v = of_warp[0];
#pragma unroll
    for (int i = 1; i < TEAM / 32; i++)
        v = f(v, of_warp[i]);
    __syncthreads();
#endif
    return v;
}

struct tro_fold_sum {
    __device__ __forceinline__ float operator()(float a, float b) const
    {
        return a + b;
    }
};
/* NaN wins. */
struct tro_fold_max {
    __device__ __forceinline__ float operator()(float a, float b) const
    {
        return b > a || b != b ? b : a;
    }
};

#endif
