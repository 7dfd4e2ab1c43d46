/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools over channels-last memory, a thread for VECTOR channels of one window.
 *
 * Defined, besides what pool.cuh wants: KD, KH, KW; UNROLL (rows at a time), UNROLL_W.
 */
#include "pool.cuh"

constexpr int unroll_rows = UNROLL, unroll_taps = UNROLL_W;

extern "C" __global__ void __launch_bounds__(128) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_window_space &g = p.own.window;
    const uint32_t thread = blockIdx.x * 128 + threadIdx.x;
    tro_launch_next();
    tro_wait();
    if (thread >= g.n_threads)
        return;
    const tro_window_place at = tro_window_find(g, thread);
    const int c = at.vector * VECTOR, left = g.n_channels - c, n = left < VECTOR ? left : VECTOR;
    const int start[3] = {tro_window_start(g, 0, at.d), tro_window_start(g, 1, at.h),
                          tro_window_start(g, 2, at.w)};
    const IN_T *const x = (const IN_T *)p.ptr[0] + at.n * g.batch_pitch + c;
    ACC_T acc[VECTOR];
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] = tro_value(neutral());
#pragma unroll unroll_rows
    for (int k = 0; k < KD * KH; k++) {
        const int d = start[0] + k / KH * g.dilation[0], h = start[1] + k % KH * g.dilation[1];
        const bool is_inside = tro_window_is_inside(g, 0, d) && tro_window_is_inside(g, 1, h);
        const IN_T *const row = x + d * g.pitch[0] + h * g.pitch[1];
#pragma unroll unroll_taps
        for (int j = 0; j < KW; j++) {
            const int w = start[2] + j * g.dilation[2];
            add_tap(acc, row + w * g.pitch[2], is_inside && tro_window_is_inside(g, 2, w), n,
                    p.own.power);
        }
    }
    finish(acc, g, start, p.own.power);
    tro_point_row<VECTOR>(p, tro_window_row(g, at, at.w), c, n, acc);
}
