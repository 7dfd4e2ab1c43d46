/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conv_transpose whose kernel is as large as its stride, so that each result has one tap: a product
 * whose columns are scattered,
 *
 *     x [pixels, channels] * weights [(tap, result), channels] -> result [pixel * stride + tap]
 *
 *     pixel of x    a b      2 x 2     a0 a1 b0 b1
 *                                      a2 a3 b2 b3
 *
 * Tiles of both lie in shared memory in STAGES stages, a row of TILE_K = 32 elements in four chunks
 * of 16 bytes, whose order depends on the row so that ldmatrix meets each bank once.
 *
 * Defined: IN_T, IS_BF16; TILE_M, TILE_N; WARPS_M, WARPS_N; STAGES.
 */
#include "base.cuh"

enum {
    TILE_K = 32,
    THREADS = 32 * WARPS_M * WARPS_N,
    WARP_M = TILE_M / WARPS_M,
    WARP_N = TILE_N / WARPS_N,
    MMA_M = WARP_M / 16,
    MMA_N = WARP_N / 8,
    STAGE = (TILE_M + TILE_N) * TILE_K, /* elements */
    PART_PITCH = WARP_N + 4             /* floats of a row on its way out of a warp */
};

/* Element of a tile where chunk `chunk` of row `row` begins. */
static __device__ __forceinline__ int place_of(int row, int chunk)
{
    return row * TILE_K + (chunk ^ (row / 2 & 3)) * 8;
}

static __device__ __forceinline__ void load_w(IN_T *to, const tro_conv_transpose_mma_params &g,
                                              const IN_T *w, int k)
{
#pragma unroll
    for (int i = 0; i < TILE_N * 4; i += THREADS) {
        const int row = (i + (int)threadIdx.x) / 4, chunk = (int)threadIdx.x % 4;
        const int64_t column = blockIdx.y * TILE_N + row;
        tro_cp_async16(to + place_of(row, chunk), w + column * g.w_pitch + k + chunk * 8, true);
    }
}

static __device__ __forceinline__ void load_x(IN_T *to, const tro_conv_transpose_mma_params &g,
                                              const IN_T *x, int k)
{
#pragma unroll
    for (int i = 0; i < TILE_M * 4; i += THREADS) {
        const int row = (i + (int)threadIdx.x) / 4, chunk = (int)threadIdx.x % 4;
        const uint32_t pixel = blockIdx.x * TILE_M + (uint32_t)row;
        const bool is_inside = pixel < g.n_pixels && k + chunk * 8 < g.channels;
        const int64_t at = is_inside ? (int64_t)pixel * g.x_pitch + k + chunk * 8 : 0;
        tro_cp_async16(to + place_of(row, chunk), x + at, is_inside);
    }
}

static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4],
                                                const uint32_t (&b)[2])
{
#if IS_BF16
    tro_mma_bf16_16816(c, a, b);
#else
    tro_mma_f16_16816(c, a, b);
#endif
}

/* One stage; x and w: the warp's rows of it. */
static __device__ __forceinline__ void multiply_stage(float (&acc)[MMA_M][MMA_N][4], const IN_T *x,
                                                      const IN_T *w)
{
    const int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int k = 0; k < TILE_K / 8; k += 2) {
        uint32_t a[MMA_M][4], b[MMA_N][2];
#pragma unroll
        for (int i = 0; i < MMA_M; i++)
            tro_ldmatrix4(a[i], x + place_of(i * 16 + lane % 16, k + lane / 16));
#pragma unroll
        for (int i = 0; i < MMA_N; i += 2) {
            uint32_t two[4];
            tro_ldmatrix4(two, w + place_of(i * 8 + lane / 16 * 8 + lane % 8, k + lane / 8 % 2));
            b[i][0] = two[0];
            b[i][1] = two[1];
            b[i + 1][0] = two[2];
            b[i + 1][1] = two[3];
        }
#pragma unroll
        for (int i = 0; i < MMA_M; i++)
#pragma unroll
            for (int j = 0; j < MMA_N; j++)
                multiply(acc[i][j], a[i], b[j]);
    }
}

/* Row of the pointwise program, where a pixel's result for a tap lies. */
static __device__ __forceinline__ uint32_t row_of(const tro_conv_transpose_mma_params &g,
                                                  uint32_t pixel, uint32_t tap)
{
    uint32_t w = pixel, kw = tap;
    uint32_t h = tro_div_rest(w, g.in[2]), kh = tro_div_rest(kw, g.kernel[2]);
    uint32_t d = tro_div_rest(h, g.in[1]);
    const uint32_t kd = tro_div_rest(kh, g.kernel[1]), n = tro_div_rest(d, g.in[0]);
    const uint32_t out_d = (n * g.in[0].d + d) * g.kernel[0].d + kd;
    const uint32_t out_h = (out_d * g.in[1].d + h) * g.kernel[1].d + kh;
    return (out_h * g.in[2].d + w) * g.kernel[2].d + kw;
}

/* 16 rows of a warp, through its part of shared memory: then a lane has 8 channels of a pixel. */
static __device__ __forceinline__ void store_rows(const tro_params &p, float *part,
                                                  const float (&acc)[MMA_N][4], uint32_t pixel,
                                                  uint32_t column)
{
    const tro_conv_transpose_mma_params &g = p.own;
    const int lane = (int)threadIdx.x % 32;
    __syncwarp();
#pragma unroll
    for (int j = 0; j < MMA_N; j++) {
        float *const to = part + lane / 4 * PART_PITCH + j * 8 + lane % 4 * 2;
        to[0] = acc[j][0];
        to[1] = acc[j][1];
        to[8 * PART_PITCH] = acc[j][2];
        to[8 * PART_PITCH + 1] = acc[j][3];
    }
    __syncwarp();
#pragma unroll
    for (int i = lane; i < 16 * MMA_N; i += 32) {
        const uint32_t row = pixel + (uint32_t)(i / MMA_N);
        const uint32_t col = column + (uint32_t)(i % MMA_N * 8);
        if (row >= g.n_pixels || col >= g.n_columns)
            continue;
        uint32_t c = col;
        const uint32_t tap = tro_div_rest(c, g.n_results);
        __align__(16) float result[8];
        __align__(16) float bias[8];
        tro_load<8, 8>(result, (const float *)(part + i / MMA_N * PART_PITCH + i % MMA_N * 8));
        tro_load<8, 8>(bias, (const float *)p.ptr[2] + c);
#pragma unroll
        for (int k = 0; k < 8; k++)
            result[k] += bias[k];
        tro_point_row<8>(p, row_of(g, row, tap), c, 8, result);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    tro_kernel(const __grid_constant__ tro_params p)
{
    TRO_SHARED(shared);
    const tro_conv_transpose_mma_params &g = p.own;
    IN_T *const tiles = (IN_T *)shared;
    const IN_T *const x = (const IN_T *)p.ptr[0], *const w = (const IN_T *)p.ptr[1];
    const int warp = (int)threadIdx.x / 32, warp_m = warp / WARPS_N, warp_n = warp % WARPS_N;
    const int n_k = g.w_pitch / TILE_K;
    float acc[MMA_M][MMA_N][4] = {};
    tro_launch_next();
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++)
        if (s < n_k)
            load_w(tiles + s * STAGE + TILE_M * TILE_K, g, w, s * TILE_K);
    tro_wait();
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++) {
        if (s < n_k)
            load_x(tiles + s * STAGE, g, x, s * TILE_K);
        tro_cp_async_commit();
    }
    for (int k = 0; k < n_k; k++) {
        const int next = k + STAGES - 1;
        IN_T *const stage = tiles + k % STAGES * STAGE, *const to = tiles + next % STAGES * STAGE;
        tro_cp_async_wait<STAGES - 2>();
        __syncthreads();
        if (next < n_k) {
            load_w(to + TILE_M * TILE_K, g, w, next * TILE_K);
            load_x(to, g, x, next * TILE_K);
        }
        tro_cp_async_commit();
        multiply_stage(acc, stage + warp_m * WARP_M * TILE_K,
                       stage + (TILE_M + warp_n * WARP_N) * TILE_K);
    }
    __syncthreads();
    float *const part = (float *)shared + warp * 16 * PART_PITCH;
#pragma unroll
    for (int i = 0; i < MMA_M; i++)
        store_rows(p, part, acc[i], blockIdx.x * TILE_M + warp_m * WARP_M + i * 16,
                   blockIdx.y * TILE_N + warp_n * WARP_N);
}
