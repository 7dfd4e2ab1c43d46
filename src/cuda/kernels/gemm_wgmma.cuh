/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of a product on Hopper's warpgroups, which read tiles of both sides from shared memory:
 *
 *     step          0     1     2     3
 *     loaded        |-----|-----|                       into stage step % STAGES
 *     multiplied                |-----------|           at most two at a time
 *
 * At the barrier of a step the products of the step before the last have ended in all warpgroups,
 * so that its stage is free for step + STAGES - 2.
 */

#ifdef MATH_F16
#define MULTIPLY tro_wgmma_f16
#else
#define MULTIPLY tro_wgmma_bf16
#endif

enum { SLICE_ROWS = 64, AHEAD = STAGES - 2 };
static_assert(sizeof(T) == 2 && TILE_K == 64 && WARPS_N == 1 && AHEAD >= 1, "not for wgmma");

static __device__ __forceinline__ int warp_row()
{
    const int warp = threadIdx.x / 32;
    return warp / 4 * WARP_M * 4 + warp % 4 * 16;
}
static __device__ __forceinline__ int warp_col()
{
    return 0;
}
/* Tiles begin at multiples of 1024. */
static __device__ __forceinline__ uint8_t *ring_of(uint8_t *shared)
{
    return shared + (1024 - (uint64_t)shared % 1024) % 1024;
}

static __device__ __forceinline__ void acc_hold(accumulators &acc)
{
#pragma unroll
    for (int i = 0; i < ACC_M; i++)
#pragma unroll
        for (int j = 0; j < ACC_N; j++)
#pragma unroll
            for (int c = 0; c < 4; c++)
                tro_wgmma_hold(acc.v[i][j][c]);
}

static __device__ __forceinline__ void multiply_stage(accumulators &acc, const T *a, const T *b,
                                                      bool is_sum)
{
    a += threadIdx.x / 128 * ACC_M * 64 * TILE_K;
    tro_wgmma_begin();
#pragma unroll
    for (int slice = 0; slice < TILE_K / 16; slice++)
#pragma unroll
        for (int i = 0; i < ACC_M; i++)
            MULTIPLY(acc.v[i], tro_wgmma_tile(a + i * 64 * TILE_K + slice * 16),
                     tro_wgmma_tile(b + slice * 16), is_sum || slice > 0);
    tro_wgmma_commit();
}

static __device__ __forceinline__ void multiply_steps(accumulators &acc, source &s,
                                                      const tro_params &p)
{
    int now = 0, next = AHEAD;
    load_first<AHEAD>(s, p);
    for (int step = 0; step < s.n_steps; step++) {
        tro_cp_async_wait<AHEAD - 1>();
        tro_wgmma_publish();
        __syncthreads();
        multiply_stage(acc, stage_a(s, now), stage_b(s, now), step > 0);
        load_step(s, next, step + AHEAD, p);
        tro_wgmma_wait<1>();
        now = now + 1 < STAGES ? now + 1 : 0;
        next = next + 1 < STAGES ? next + 1 : 0;
    }
    tro_wgmma_wait<0>();
    acc_hold(acc);
}
