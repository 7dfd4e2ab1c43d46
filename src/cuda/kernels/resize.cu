/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing of channels-last memory, a thread for VECTOR channels of COLUMNS results along the
 * width. The table has TAPS_D, TAPS_H, TAPS_W taps for each coordinate of an axis.
 *
 * With IS_PLANES the result is dense, [n, c, d, h, w], and is stored COLUMNS elements at a time:
 *
 *     warp    lane 0     lane 1     ...       loads    8 channels of a pixel
 *             w 0..3     w 4..7               stores   4 columns of a channel
 *
 * Where ACC_T is int32_t, weights are whole and results are sums over 2^BITS, half to even.
 *
 * Defined: IN_T, ACC_T; IS_NEAREST (one tap, as it is); BITS; TAPS_D, TAPS_H, TAPS_W; UNROLL (rows of
 * taps at a time), UNROLL_W; VECTOR, ALIGNED, IS_WHOLE; COLUMNS (1 without IS_PLANES), IS_PLANES.
 */
#include "window.cuh"

constexpr int unroll_rows = UNROLL, unroll_taps = UNROLL_W;

#if IS_NEAREST
static __device__ __forceinline__ void make(ACC_T (&acc)[VECTOR], const IN_T *x,
                                            const tro_resize_tap *d, const tro_resize_tap *h,
                                            const tro_resize_tap *w, int n)
{
    __align__(16) IN_T raw[VECTOR];
    tro_load_inside<VECTOR, ALIGNED, IS_WHOLE>(raw, x + d->offset + h->offset + w->offset, true, n,
                                               IN_T{});
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] = tro_value(raw[i]);
}
#else
static __device__ __forceinline__ float add_tap(float x, float weight, float sum)
{
    return fmaf(x, weight, sum);
}

static __device__ __forceinline__ int32_t add_tap(int32_t x, int32_t weight, int32_t sum)
{
    return x * weight + sum;
}

static __device__ __forceinline__ float ended(float sum)
{
    return sum;
}

static __device__ __forceinline__ int32_t ended(int32_t sum)
{
#if BITS
    return (sum + ((1 << BITS) / 2 - 1) + (sum >> BITS & 1)) >> BITS;
#else
    return sum;
#endif
}

static __device__ __forceinline__ void make(ACC_T (&acc)[VECTOR], const IN_T *x,
                                            const tro_resize_tap *d, const tro_resize_tap *h,
                                            const tro_resize_tap *w, int n)
{
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] = 0;
#pragma unroll unroll_rows
    for (int k = 0; k < TAPS_D * TAPS_H; k++) {
        const tro_resize_tap kd = d[k / TAPS_H], kh = h[k % TAPS_H];
        const ACC_T row_weight = (ACC_T)kd.weight * (ACC_T)kh.weight;
        const IN_T *const row = x + kd.offset + kh.offset;
#pragma unroll unroll_taps
        for (int j = 0; j < TAPS_W; j++) {
            const tro_resize_tap kw = w[j];
            const ACC_T weight = row_weight * (ACC_T)kw.weight;
            __align__(16) IN_T raw[VECTOR];
            tro_load_inside<VECTOR, ALIGNED, IS_WHOLE>(raw, row + kw.offset, weight != 0, n,
                                                       IN_T{});
#pragma unroll
            for (int i = 0; i < VECTOR; i++)
                acc[i] = add_tap(tro_value(raw[i]), weight, acc[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        acc[i] = ended(acc[i]);
}
#endif

#if IS_PLANES
static __device__ __forceinline__ void store(const tro_params &p, ACC_T (&acc)[COLUMNS][VECTOR],
                                             const tro_window_place &at, int c, int n, int w)
{
    const tro_window_space &g = p.own.window;
    const int left = g.out_w - w;
#pragma unroll
    for (int i = 0; i < VECTOR; i++) {
        if (i >= n)
            return;
        ACC_T line[COLUMNS];
#pragma unroll
        for (int j = 0; j < COLUMNS; j++)
            line[j] = acc[j][i];
        const uint32_t plane = (uint32_t)(at.n * g.n_channels + c + i);
        const uint32_t row = (plane * g.out_d.d + (uint32_t)at.d) * g.out_h.d + (uint32_t)at.h;
        tro_point_row<COLUMNS>(p, row, w, left < COLUMNS ? left : COLUMNS, line);
    }
}
#else
static __device__ __forceinline__ void store(const tro_params &p, ACC_T (&acc)[COLUMNS][VECTOR],
                                             const tro_window_place &at, int c, int n, int w)
{
    tro_point_row<VECTOR>(p, tro_window_row(p.own.window, at, w), c, n, acc[0]);
}
#endif

extern "C" __global__ void __launch_bounds__(128) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_window_space &g = p.own.window;
    const uint32_t thread = blockIdx.x * 128 + threadIdx.x;
    const bool is_idle = thread >= g.n_threads;
    const tro_window_place at = tro_window_find(g, is_idle ? 0 : thread);
    const tro_resize_tap *const taps = (const tro_resize_tap *)p.ptr[1];
    const int vector = IS_PLANES ? at.w : at.vector, span = IS_PLANES ? at.vector : at.w;
    const int c = vector * VECTOR, left = g.n_channels - c, n = left < VECTOR ? left : VECTOR;
    const int w = span * COLUMNS;
    ACC_T acc[COLUMNS][VECTOR];
    tro_launch_next();
    tro_wait();
    if (is_idle)
        return;
#pragma unroll
    for (int i = 0; i < COLUMNS; i++) {
        const int column = w + i < g.out_w ? w + i : g.out_w - 1;
        make(acc[i], (const IN_T *)p.ptr[0] + at.n * g.batch_pitch + c,
             taps + p.own.first[0] + at.d * TAPS_D, taps + p.own.first[1] + at.h * TAPS_H,
             taps + p.own.first[2] + column * TAPS_W, n);
    }
    store(p, acc, at, c, n, w);
}
