/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partial f32 [split][row][pitch] -> epilogue. A thread has 8 columns of a row.
 * ptr: partial, bias (f32 [col]; only with BIAS).
 */
enum { VECTOR = 8 };

static __device__ __forceinline__ void add8(float (&sum)[VECTOR], const float *from)
{
    __align__(16) float part[VECTOR];
    tro_load<VECTOR, VECTOR>(part, from);
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        sum[i] += part[i];
}

extern "C" __global__ void __launch_bounds__(128) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_gemm_sum_params &s = p.own;
    const uint32_t row = tro_div(blockIdx.x * 128 + threadIdx.x, s.chunks);
    const uint32_t col = (blockIdx.x * 128 + threadIdx.x - row * s.chunks.d) * VECTOR;
    float sum[VECTOR] = {};
    tro_launch_next();
    tro_wait();
    if (row >= s.rows)
        return;
    const float *from = (const float *)p.ptr[0] + row * s.pitch + col;
#pragma unroll 4
    for (uint32_t i = 0; i < s.n_splits; i++)
        add8(sum, from + (uint64_t)i * s.rows * s.pitch);
    const int n = s.cols - col < VECTOR ? s.cols - col : VECTOR;
#ifdef BIAS
    for (int i = 0; i < n; i++)
        sum[i] += ((const float *)p.ptr[1])[col + i];
#endif
    tro_point_row<VECTOR>(p, row, col, n, sum);
}
