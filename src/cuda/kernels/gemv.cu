/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warp has a column and ROWS rows, a block 8 columns. Lanes take chunks of k in turn; their sums
 * are added in one fixed order. T: element type.
 */
enum { CHUNK = 16 / sizeof(T), WARPS = 8, AT_ONCE = 4, STEP = 32 * CHUNK * AT_ONCE };

static __device__ __forceinline__ void add_chunk(float (&sum)[ROWS], const T (&b)[CHUNK],
                                                 const T *a, int32_t pitch, int n_rows)
{
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        __align__(16) T x[CHUNK];
        tro_load<CHUNK, CHUNK>(x, a + (r < n_rows ? r : 0) * pitch);
#pragma unroll
        for (int i = 0; i < CHUNK; i++)
            sum[r] = fmaf(tro_float(x[i]), tro_float(b[i]), sum[r]);
    }
}

/* Of a column, from k0 on; a constant one while the kernel before still runs. */
static __device__ __forceinline__ void load_part(T (&part)[AT_ONCE][CHUNK], const T *b, uint32_t k0,
                                                 uint32_t k)
{
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++)
        if (k0 + i * 32 * CHUNK < k)
            tro_load<CHUNK, CHUNK>(part[i], b + k0 + i * 32 * CHUNK);
}

extern "C" __global__ void __launch_bounds__(32 * WARPS)
    tro_kernel(const __grid_constant__ tro_params p)
{
    __shared__ float total[ROWS][WARPS];
    const tro_gemv_params &g = p.own;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const uint32_t col = blockIdx.x * WARPS + warp, row0 = blockIdx.y * ROWS;
    const int n_rows = g.m - row0 < ROWS ? (int)(g.m - row0) : ROWS;
    const T *const b = (const T *)p.ptr[1] + (int64_t)(col < g.n ? col : 0) * g.b_pitch;
    float sum[ROWS] = {};
    __align__(16) T part[AT_ONCE][CHUNK];
    tro_launch_next();
#ifdef B_CONST
    load_part(part, b, lane * CHUNK, g.k);
    tro_wait();
#else
    tro_wait();
    load_part(part, b, lane * CHUNK, g.k);
#endif
    const T *const a = (const T *)p.ptr[0] + (int64_t)row0 * g.a_pitch;
    for (uint32_t k0 = lane * CHUNK; k0 < g.k; k0 += STEP) {
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
            if (k0 + i * 32 * CHUNK < g.k)
                add_chunk(sum, part[i], a + k0 + i * 32 * CHUNK, g.a_pitch, n_rows);
        load_part(part, b, k0 + STEP, g.k);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        for (int d = 16; d > 0; d /= 2)
            sum[r] += __shfl_xor_sync(0xffffffff, sum[r], d);
        if (lane == 0)
            total[r][warp] = sum[r];
    }
    __syncthreads();
    if ((int)threadIdx.x < n_rows) {
        const uint32_t col0 = blockIdx.x * WARPS;
        float acc[WARPS];
#pragma unroll
        for (int i = 0; i < WARPS; i++)
            acc[i] = total[threadIdx.x][i];
#ifdef BIAS
        for (int i = 0; i < WARPS && col0 + i < g.n; i++)
            acc[i] += ((const float *)p.ptr[2])[col0 + i];
#endif
        tro_point_row<WARPS>(p, row0 + threadIdx.x, col0, g.n - col0 < WARPS ? g.n - col0 : WARPS,
                             acc);
    }
}
