/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolution, channels last: x [n, d, h, w, c], weights [tap][w_pitch], bias [w_pitch]
 * in f32. A thread computes VECTOR channels of COLUMNS neighbouring results along the width, so
 * that columns of a row of x, and weights, are loaded once for all of them:
 *
 *     x        0 1 2 3 4 5        kernel 3, stride 1, COLUMNS 4: 6 columns in registers
 *     results    0 1 2 3
 *
 * Defined: IN_T, W_T; VECTOR, COLUMNS; ALIGNED (elements of x that lie aligned together), IS_WHOLE
 * (no vector of channels is cut); KD, KH, KW; STRIDE_W, DILATION_W where COLUMNS > 1; MULTIPLIER
 * (results of a channel); UNROLL (rows of the kernel at a time), UNROLL_W.
 */
#include "window.cuh"

constexpr int unroll_rows = UNROLL, unroll_taps = UNROLL_W;
#define X_COLUMNS ((COLUMNS - 1) * STRIDE_W + (KW - 1) * DILATION_W + 1)

/* VECTOR channels from channel c of results on. */
static __device__ __forceinline__ void load_x(float (&to)[VECTOR], const IN_T *from, int c,
                                              bool is_inside, int n)
{
    __align__(16) IN_T raw[VECTOR];
#if MULTIPLIER == 1
    tro_load_inside<VECTOR, ALIGNED, IS_WHOLE>(raw, from + c, is_inside, n,
                                               tro_from_float<IN_T>(0));
#else
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        raw[i] = is_inside && i < n ? from[(c + i) / MULTIPLIER] : tro_from_float<IN_T>(0);
#endif
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        to[i] = tro_float(raw[i]);
}

static __device__ __forceinline__ void load_w(float (&to)[VECTOR], const W_T *from)
{
    __align__(16) W_T raw[VECTOR];
    tro_load<VECTOR, VECTOR>(raw, from);
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        to[i] = tro_float(raw[i]);
}

static __device__ __forceinline__ void add(float (&acc)[VECTOR], const float (&x)[VECTOR],
                                           const float (&w)[VECTOR])
{
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] = fmaf(x[i], w[i], acc[i]);
}

/* One row of the kernel; start: column of x under tap 0 of the first result. */
static __device__ __forceinline__ void add_row(float (&acc)[COLUMNS][VECTOR],
                                               const tro_depthwise_params &own, const IN_T *row,
                                               const W_T *weights, int start, int c, bool is_inside,
                                               int n)
{
    const tro_window_space &g = own.window;
#if COLUMNS > 1
    float x[X_COLUMNS][VECTOR];
#pragma unroll
    for (int j = 0; j < X_COLUMNS; j++)
        load_x(x[j], row + (start + j) * g.pitch[2], c,
               is_inside && tro_window_is_inside(g, 2, start + j), n);
#pragma unroll
    for (int k = 0; k < KW; k++) {
        float w[VECTOR];
        load_w(w, weights + k * own.w_pitch);
#pragma unroll
        for (int i = 0; i < COLUMNS; i++)
            add(acc[i], x[i * STRIDE_W + k * DILATION_W], w);
    }
#else
#pragma unroll unroll_taps
    for (int k = 0; k < KW; k++) {
        const int column = start + k * g.dilation[2];
        float x[VECTOR], w[VECTOR];
        load_w(w, weights + k * own.w_pitch);
        load_x(x, row + column * g.pitch[2], c, is_inside && tro_window_is_inside(g, 2, column), n);
        add(acc[0], x, w);
    }
#endif
}

extern "C" __global__ void __launch_bounds__(128) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_window_space &g = p.own.window;
    const uint32_t thread = blockIdx.x * 128 + threadIdx.x;
    const bool is_idle = thread >= g.n_threads;
    const tro_window_place at = tro_window_find(g, is_idle ? 0 : thread);
    const int c = at.vector * VECTOR, n = g.n_channels - c < VECTOR ? g.n_channels - c : VECTOR;
    float acc[COLUMNS][VECTOR];
    tro_launch_next();
    tro_load<VECTOR, VECTOR>(acc[0], (const float *)p.ptr[2] + c);
#pragma unroll
    for (int i = 1; i < COLUMNS; i++)
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            acc[i][k] = acc[0][k];
    tro_wait();
    if (is_idle)
        return;

    const IN_T *const x = (const IN_T *)p.ptr[0] + at.n * g.batch_pitch;
    const W_T *const weights = (const W_T *)p.ptr[1] + c;
    const int w = at.w * COLUMNS, start = tro_window_start(g, 2, w);
    const int start_h = tro_window_start(g, 1, at.h), start_d = tro_window_start(g, 0, at.d);
#pragma unroll unroll_rows
    for (int k = 0; k < KD * KH; k++) {
        const int d = start_d + k / KH * g.dilation[0], h = start_h + k % KH * g.dilation[1];
        const bool is_inside = tro_window_is_inside(g, 0, d) && tro_window_is_inside(g, 1, h);
        add_row(acc, p.own, x + d * g.pitch[0] + h * g.pitch[1], weights + k * KW * p.own.w_pitch,
                start, c, is_inside, n);
    }
    const uint32_t row = tro_window_row(g, at, w);
#pragma unroll
    for (int i = 0; i < COLUMNS; i++)
        if (w + i < g.out_w)
            tro_point_row<VECTOR>(p, row + i, c, n, acc[i]);
}
