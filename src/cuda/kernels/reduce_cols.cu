/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reduction of rows, columns without gaps: a block takes COLS vectors of columns, its threads that
 * stand one above the other every so many rows.
 *
 *     thread t     vector t % COLS of the block, rows t / COLS + i (BLOCK / COLS)
 *
 *     BLOCK, COLS, VECTOR   threads; vectors of columns, a power of 2 up to 32; elements of a load
 *     IN_T, KIND, IS_MEAN   of x; fold.cuh
 *     IS_LINE               rows are one stride apart
 *     STORE                 'p' through the pointwise program, 't' as a part's result
 */
#define IS_FLOAT 1
#include "fold.cuh"
#include "path.cuh"

#define N_WARPS (BLOCK / 32)
#define BATCH 4

static __device__ __forceinline__ int32_t row_at(const tro_reduce_cols_params &o, uint32_t r)
{
#if IS_LINE
    return (int32_t)r * o.rows.stride[0];
#else
    return tro_path_at(o.rows, r);
#endif
}

template <int N>
static __device__ __forceinline__ void fold_some(const tro_reduce_cols_params &o, const IN_T *x,
                                                 uint32_t row, float (&acc)[VECTOR])
{
    IN_T v[N][VECTOR];
#pragma unroll
    for (int i = 0; i < N; i++)
        tro_load<VECTOR, VECTOR>(v[i], x + row_at(o, row + i * (BLOCK / COLS)));
#pragma unroll
    for (int i = 0; i < N; i++)
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            acc[k] = tro_fold()(acc[k], tro_float(v[i][k]));
}

/* Rows of this thread, some under way at a time. */
static __device__ __forceinline__ void fold_rows(const tro_reduce_cols_params &o, const IN_T *x,
                                                 float (&acc)[VECTOR])
{
    constexpr uint32_t step = BLOCK / COLS;
    const uint32_t begin = blockIdx.z * o.n_part_rows, left = o.n_rows - begin;
    const uint32_t end = begin + (left < o.n_part_rows ? left : o.n_part_rows);
    uint32_t r = begin + threadIdx.x / COLS;
    for (; r + (BATCH - 1) * step < end; r += BATCH * step)
        fold_some<BATCH>(o, x, r, acc);
    for (; r < end; r += step)
        fold_some<1>(o, x, r, acc);
}

/* Over the threads of a column; the first ones have the result. */
static __device__ __forceinline__ void fold_threads(float (&acc)[VECTOR])
{
    __shared__ float of_warp[N_WARPS][COLS][VECTOR];
#pragma unroll
    for (int offset = 16; offset >= COLS; offset /= 2)
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            acc[k] = tro_fold()(acc[k], __shfl_xor_sync(0xffffffffU, acc[k], offset));
    if (threadIdx.x % 32 < COLS)
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            of_warp[threadIdx.x / 32][threadIdx.x % COLS][k] = acc[k];
    __syncthreads();
    if (threadIdx.x < COLS)
#pragma unroll
        for (int w = 1; w < N_WARPS; w++)
#pragma unroll
            for (int k = 0; k < VECTOR; k++)
                acc[k] = tro_fold()(acc[k], of_warp[w][threadIdx.x][k]);
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_reduce_cols_params &o = p.own;
    const uint32_t col = (blockIdx.x * COLS + threadIdx.x % COLS) * VECTOR;
    const bool is_inside = col < o.n_cols;
    float acc[VECTOR];
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        acc[k] = tro_fold_start();
    tro_wait();
    tro_launch_next();
    if (is_inside)
        fold_rows(o, (const IN_T *)p.ptr[0] + tro_path_at(o.kept, blockIdx.y) + col, acc);
    fold_threads(acc);
    if (!is_inside || threadIdx.x >= COLS)
        return;
#if STORE == 't'
    float *const to = (float *)p.ptr[TRO_N_IN] + (blockIdx.z * o.n_items + blockIdx.y) * o.n_cols +
                      col;
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        to[k] = acc[k];
#else
#if IS_MEAN
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        acc[k] = acc[k] / o.n_each;
#endif
    tro_point_row<VECTOR>(p, blockIdx.y, col, VECTOR, acc);
#endif
}
