/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalization over rows, columns without gaps: threads of a block as in reduce_cols.cu.
 *
 *     BLOCK, COLS, VECTOR   threads; vectors of columns, a power of 2 up to 32; elements of a load
 *     IN_T, IS_RMS          of x; no mean is taken off
 *     IS_LINE               rows are one stride apart
 */
#include "path.cuh"

#define N_WARPS (BLOCK / 32)

static __device__ __forceinline__ int32_t row_at(const tro_normalize_cols_params &o, uint32_t r)
{
#if IS_LINE
    return (int32_t)r * o.rows.stride[0];
#else
    return tro_path_at(o.rows, r);
#endif
}

/* f(row, values) for the rows of this thread. */
template <typename F>
static __device__ __forceinline__ void each_row(const tro_normalize_cols_params &o, const IN_T *x,
                                                F f)
{
#pragma unroll 4
    for (uint32_t r = threadIdx.x / COLS; r < o.n_rows; r += BLOCK / COLS) {
        IN_T from[VECTOR];
        float v[VECTOR];
        tro_load<VECTOR, VECTOR>(from, x + row_at(o, r));
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            v[k] = tro_float(from[k]);
        f(r, v);
    }
}

/* Over the threads of a column, known to all of them. */
static __device__ __forceinline__ void sum_threads(float (&sum)[VECTOR])
{
    __shared__ float of_warp[N_WARPS][COLS][VECTOR];
#pragma unroll
    for (int offset = 16; offset >= COLS; offset /= 2)
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            sum[k] += __shfl_xor_sync(0xffffffffU, sum[k], offset);
    if (threadIdx.x % 32 < COLS)
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            of_warp[threadIdx.x / 32][threadIdx.x % COLS][k] = sum[k];
    __syncthreads();
#pragma unroll
    for (int k = 0; k < VECTOR; k++) {
        sum[k] = 0;
        for (int w = 0; w < N_WARPS; w++)
            sum[k] += of_warp[w][threadIdx.x % COLS][k];
    }
    __syncthreads();
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_normalize_cols_params &o = p.own;
    const uint32_t own_col = (blockIdx.x * COLS + threadIdx.x % COLS) * VECTOR;
    const bool is_inside = own_col < o.n_cols;
    const uint32_t col = is_inside ? own_col : 0;
    float mean[VECTOR] = {}, scale[VECTOR] = {};
    tro_wait();
    tro_launch_next();
    const IN_T *const x = (const IN_T *)p.ptr[0] + tro_path_at(o.kept, blockIdx.y) + col;
#if !IS_RMS
    each_row(o, x, [&](uint32_t, const float(&v)[VECTOR]) {
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            mean[k] += v[k];
    });
    sum_threads(mean);
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        mean[k] = mean[k] / o.n;
#endif
    each_row(o, x, [&](uint32_t, const float(&v)[VECTOR]) {
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            scale[k] = fmaf(v[k] - mean[k], v[k] - mean[k], scale[k]);
    });
    sum_threads(scale);
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        scale[k] = 1.0F / sqrtf(scale[k] / o.n + o.epsilon);
    if (!is_inside)
        return;
    each_row(o, x, [&](uint32_t r, const float(&v)[VECTOR]) {
        float acc[VECTOR];
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            acc[k] = (v[k] - mean[k]) * scale[k];
        tro_point_row<VECTOR>(p, blockIdx.y * o.n_rows + r, col, VECTOR, acc);
    });
}
