/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of cameras to planes [n, c, h, w], a thread for COLUMNS pixels of a row in all channels.
 * Definitions: those of frame.cuh, COLUMNS. ptr: frames, taps (unless FRAME_TAPS is 0).
 */
#include "frame.cuh"

extern "C" __global__ void __launch_bounds__(128) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_camera_params &g = p.own;
    const uint32_t thread = blockIdx.x * 128 + threadIdx.x;
    tro_launch_next();
    tro_wait();
    if (thread >= g.n_threads)
        return;
    uint32_t span = thread;
    uint32_t picture = tro_div_rest(span, g.spans);
    uint32_t y = picture;
    picture = tro_div_rest(y, g.out_height);
    const int32_t x0 = (int32_t)span * COLUMNS;
    const int n = g.out_width - x0 < COLUMNS ? g.out_width - x0 : COLUMNS;
    const uint8_t *const frame = (const uint8_t *)p.ptr[0] + (int32_t)picture * g.frame_bytes;
#if FRAME_TAPS == 0
    const tro_frame_tap *const taps = nullptr;
#else
    const tro_frame_tap *const taps = (const tro_frame_tap *)p.ptr[1];
#endif
    float v[COLUMNS][FRAME_CHANNELS];
#pragma unroll
    for (int i = 0; i < COLUMNS; i++)
        tro_frame_sample(g.frame, frame, taps, (int32_t)y, x0 + (i < n ? i : n - 1), v[i]);
#pragma unroll
    for (int c = 0; c < FRAME_CHANNELS; c++) {
        float line[COLUMNS];
#pragma unroll
        for (int i = 0; i < COLUMNS; i++)
            line[i] = tro_frame_normalized(g.frame, v[i][c], c);
        const uint32_t row = (picture * FRAME_CHANNELS + c) * g.out_height.d + y;
        tro_point_row<COLUMNS>(p, row, (uint32_t)x0, n, line);
    }
}
