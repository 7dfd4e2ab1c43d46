/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a product whose warps read fragments from shared memory: while one slice of k is
 * multiplied the next one is read, and STAGES - 1 steps are under way. */

enum { SLICE_ROWS = 16 };

static __device__ __forceinline__ int warp_row()
{
    return threadIdx.x / 32 / WARPS_N * WARP_M;
}
static __device__ __forceinline__ int warp_col()
{
    return threadIdx.x / 32 % WARPS_N * WARP_N;
}
static __device__ __forceinline__ uint8_t *ring_of(uint8_t *shared)
{
    return shared;
}

static __device__ __forceinline__ void multiply_steps(accumulators &acc, source &s,
                                                      const tro_params &p)
{
    fragments f[BUFFERS];
    int now = 0, next = STAGES - 1;
    acc_clear(acc);
    load_first<STAGES - 1>(s, p);
    tro_cp_async_wait<STAGES - 2>();
    __syncthreads();
    if (BUFFERS == 2)
        fragments_load(f[0], stage_a(s, 0), stage_b(s, 0), 0);
    for (int step = 0; step < s.n_steps; step++) {
#pragma unroll
        for (int slice = 0; slice < SLICES; slice++) {
            if (BUFFERS == 1)
                fragments_load(f[0], stage_a(s, now), stage_b(s, now), slice);
            else if (slice < SLICES - 1)
                fragments_load(f[(slice + 1) % 2], stage_a(s, now), stage_b(s, now), slice + 1);
            if (slice == 0) {
                load_step(s, next, step + STAGES - 1, p);
                next = next + 1 < STAGES ? next + 1 : 0;
            }
            if (slice == SLICES - 1) {
                tro_cp_async_wait<STAGES - 2>();
                __syncthreads();
                now = now + 1 < STAGES ? now + 1 : 0;
                if (BUFFERS == 2)
                    fragments_load(f[(slice + 1) % 2], stage_a(s, now), stage_b(s, now), 0);
            }
            multiply(acc, f[slice % BUFFERS]);
        }
    }
}
