/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels call to finish results, over tro_point_part of the pointwise program's text
 * (cuda/point.h). Whole vectors and rests of rows are two texts, so that neither has a branch.
 */
#ifndef TRO_CUDA_KERNELS_POINT_ROWS_CUH
#define TRO_CUDA_KERNELS_POINT_ROWS_CUH

template <int N, int R>
static __device__ __forceinline__ void tro_point_rows(const tro_params &p, const uint32_t (&row)[R],
                                                      uint32_t col, const int (&n)[R],
                                                      TRO_POINT_ACC (&acc)[R][N])
{
    bool is_whole = true;
#pragma unroll
    for (int r = 0; r < R; r++)
        is_whole = is_whole && n[r] == N;
    if (is_whole)
        tro_point_part<N, R, true>(p, row, col, n, acc);
    else
        tro_point_part<N, R, false>(p, row, col, n, acc);
}

template <int N>
static __device__ __forceinline__ void tro_point_row(const tro_params &p, uint32_t row,
                                                     uint32_t col, int n, TRO_POINT_ACC (&acc)[N])
{
    const uint32_t rows[1] = {row};
    const int ns[1] = {n};
    tro_point_rows<N, 1>(p, rows, col, ns, reinterpret_cast<TRO_POINT_ACC(&)[1][N]>(acc));
}

#endif
