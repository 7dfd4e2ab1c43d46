/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools of large windows: a block makes LANES vectors of channels of one window (blockIdx.y), its
 * GROUPS rows of threads take turns at the taps. Their parts are then joined two by two, always in
 * the same order:
 *
 *     group     0 1 2 3 4 5 6 7
 *     join 4    0-4 1-5 2-6 3-7
 *     join 2    0-2 1-3
 *     join 1    0-1
 *
 * Defined, besides what pool.cuh wants: LANES, GROUPS, powers of 2.
 */
#include "pool.cuh"

static __device__ __forceinline__ void add_taps(ACC_T (&acc)[VECTOR], const tro_params &p,
                                                const IN_T *x, const int (&start)[3], int first,
                                                int n)
{
    const tro_window_space &g = p.own.window;
#pragma unroll 4
    for (int t = first; t < p.own.n_taps; t += GROUPS) {
        uint32_t kw = (uint32_t)t;
        uint32_t kh = tro_div_rest(kw, p.own.kernel_w);
        const uint32_t kd = tro_div_rest(kh, p.own.kernel_h);
        const int d = start[0] + (int)kd * g.dilation[0], h = start[1] + (int)kh * g.dilation[1];
        const int w = start[2] + (int)kw * g.dilation[2];
        const bool is_inside = tro_window_is_inside(g, 0, d) && tro_window_is_inside(g, 1, h) &&
                               tro_window_is_inside(g, 2, w);
        add_tap(acc, x + d * g.pitch[0] + h * g.pitch[1] + w * g.pitch[2], is_inside, n,
                p.own.power);
    }
}

extern "C" __global__ void __launch_bounds__(LANES *GROUPS)
    tro_kernel(const __grid_constant__ tro_params p)
{
    __shared__ ACC_T parts[VECTOR][GROUPS][LANES];
    const tro_window_space &g = p.own.window;
    const int lane = (int)threadIdx.x % LANES, group = (int)threadIdx.x / LANES;
    tro_launch_next();
    tro_wait();
    tro_window_place at = tro_window_find(g, blockIdx.y * g.n_vectors.d);
    at.vector = (int)(blockIdx.x * LANES) + lane;
    const int c = at.vector * VECTOR, left = g.n_channels - c, n = left < VECTOR ? left : VECTOR;
    const int start[3] = {tro_window_start(g, 0, at.d), tro_window_start(g, 1, at.h),
                          tro_window_start(g, 2, at.w)};
    ACC_T acc[VECTOR];
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] = tro_value(neutral());
    if (n > 0)
        add_taps(acc, p, (const IN_T *)p.ptr[0] + at.n * g.batch_pitch + c, start, group, n);
    for (int half = GROUPS / 2; half > 0; half /= 2) {
        if (group >= half && group < 2 * half)
#pragma unroll
            for (int i = 0; i < VECTOR; i++)
                parts[i][group][lane] = acc[i];
        __syncthreads();
        if (group < half)
#pragma unroll
            for (int i = 0; i < VECTOR; i++)
                acc[i] = combine(acc[i], parts[i][group + half][lane]);
        __syncthreads();
    }
    if (group > 0 || n <= 0)
        return;
    finish(acc, g, start, p.own.power);
    tro_point_row<VECTOR>(p, tro_window_row(g, at, at.w), c, n, acc);
}
