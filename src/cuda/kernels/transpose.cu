/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy that changes which axis has neighbours, through a tile of shared memory:
 *
 *     in   IN_VECTOR elements along a, rows along b       tile[b][a]
 *     out  OUT_VECTOR elements along b, rows along a
 *
 * IN_T and OUT_T are converted where CONVERTS. Rows of the tile are an odd number of banks apart.
 */
#define BLOCK 256
#define PAD (sizeof(OUT_T) < 4 ? 4 / (int)sizeof(OUT_T) : 1)

#if CONVERTS
#define CONVERT(x) tro_from_float<OUT_T>(tro_float(x))
#else
#define CONVERT(x) (x)
#endif

/* All is loaded before any of it is waited for. */
static __device__ __forceinline__ void load_tile(OUT_T (&tile)[TILE_B][TILE_A + PAD],
                                                 const IN_T *in, int stride, int n_a, int n_b)
{
    constexpr int per_row = TILE_A / IN_VECTOR, n_loads = TILE_B * per_row / BLOCK;
    alignas(16) IN_T x[n_loads][IN_VECTOR];
#pragma unroll
    for (int k = 0; k < n_loads; k++) {
        const int i = k * BLOCK + threadIdx.x, a = i % per_row * IN_VECTOR, b = i / per_row;
        if (a < n_a && b < n_b)
            tro_load<IN_VECTOR, IN_VECTOR>(x[k], in + b * stride + a);
    }
#pragma unroll
    for (int k = 0; k < n_loads; k++) {
        const int i = k * BLOCK + threadIdx.x, a = i % per_row * IN_VECTOR, b = i / per_row;
        if (a < n_a && b < n_b)
#pragma unroll
            for (int v = 0; v < IN_VECTOR; v++)
                tile[b][a + v] = CONVERT(x[k][v]);
    }
}

static __device__ __forceinline__ void store_tile(OUT_T *out, int stride,
                                                  const OUT_T (&tile)[TILE_B][TILE_A + PAD],
                                                  int n_a, int n_b)
{
    constexpr int per_row = TILE_B / OUT_VECTOR;
#pragma unroll
    for (int k = 0; k < TILE_A * per_row / BLOCK; k++) {
        const int i = k * BLOCK + threadIdx.x, b = i % per_row * OUT_VECTOR, a = i / per_row;
        alignas(16) OUT_T y[OUT_VECTOR];
        if (a >= n_a || b >= n_b)
            continue;
#pragma unroll
        for (int v = 0; v < OUT_VECTOR; v++)
            y[v] = tile[b + v][a];
        tro_store<OUT_VECTOR, OUT_VECTOR>(out + a * stride + b, y);
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    __shared__ OUT_T tile[TILE_B][TILE_A + PAD];
    tro_launch_next();
    uint32_t tile_a = blockIdx.x;
    uint32_t tile_b = tro_div_rest(tile_a, p.own.tiles_a);
    uint32_t outer1 = tro_div_rest(tile_b, p.own.tiles_b);
    const int outer0 = (int)tro_div_rest(outer1, p.own.outer);
    const int a = (int)tile_a * TILE_A, b = (int)tile_b * TILE_B;
    const int from = outer0 * p.own.in_outer[0] + (int)outer1 * p.own.in_outer[1] + b * p.own.in_b +
                     a;
    const int to = outer0 * p.own.out_outer[0] + (int)outer1 * p.own.out_outer[1] +
                   a * p.own.out_a + b;
    const int n_a = (int)p.own.n_a - a, n_b = (int)p.own.n_b - b;
    tro_wait();
    load_tile(tile, (const IN_T *)p.ptr[0] + from, p.own.in_b, n_a, n_b);
    __syncthreads();
    store_tile((OUT_T *)p.ptr[1] + to, p.own.out_a, tile, n_a, n_b);
}
