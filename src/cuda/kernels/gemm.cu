/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products and convolutions; gemm.h says what they compute. Definitions:
 *
 *     MATH_F16, MATH_BF16, MATH_TF32, MATH_F32   elements and how they are multiplied
 *     TILE_M, TILE_N, TILE_K                     of a block, in elements; TILE_K is 64 or 128 bytes
 *     WARPS_M, WARPS_N, STAGES, MIN_BLOCKS       MIN_BLOCKS: on a multiprocessor, for registers
 *     ROW_AXES, TAP_AXES                         TAP_AXES 0: one tap, always inside
 *     B_TRANS, B_CONST, BIAS, SPLIT, VECTOR      VECTOR: columns handed to the epilogue at a time
 *     A_CACHED                                   a goes through the first-level cache
 *     GATHER, IN_T                               a is read element by element, see below
 *     FRAME, FRAME_..                            a is what frames of a camera become (frame.cuh)
 *     WGMMA                                      products of warpgroups: WARPS_M 4 or 8, WARPS_N 1
 *
 * A block multiplies tiles of a and b that cp.async brings into a ring of STAGES stages:
 *
 *     a  [TILE_M][TILE_K]    b  [TILE_N][TILE_K], with B_TRANS [TILE_K][TILE_N]
 *
 * in chunks of 16 bytes, whose place in a row depends on the row (tro_chunk_at), so that eight rows
 * of one column of chunks lie in different banks.
 */
#include "gemm_math.cuh"
#ifdef FRAME
#include "frame.cuh"
#define N_FRAME_TAPS (FRAME_TAPS > 0)
#else
#define N_FRAME_TAPS 0
#endif

/* Neighbouring taps read nearly the same pixels. */
#ifdef A_CACHED
#define A_COPY tro_cp_async16_cached
#else
#define A_COPY tro_cp_async16
#endif

#ifdef GATHER
#define A_IS_GATHERED 1
#else
#define A_IS_GATHERED 0
typedef T IN_T;
#endif

enum {
    THREADS = 32 * WARPS_M * WARPS_N,
    /* A thread's rows of a, all at one chunk of k; gathered: one row, and several chunks. */
    A_THREADS = A_IS_GATHERED ? THREADS / TILE_M : K_CHUNKS,
    ROWS_AT_ONCE = THREADS / A_THREADS,
    A_LOADS = TILE_M / ROWS_AT_ONCE,
    B_CHUNKS = B_IS_TRANS ? TILE_N / CHUNK : K_CHUNKS,
    B_ROWS_AT_ONCE = THREADS / B_CHUNKS,
    B_LOADS = TILE_N * K_CHUNKS / THREADS,
    STAGE_BYTES = (TILE_M + TILE_N) * TILE_K * (int)sizeof(T),
    BIAS_PTR = 2 + A_IS_GATHERED + N_FRAME_TAPS
};
static_assert(A_LOADS * ROWS_AT_ONCE == TILE_M && A_LOADS > 0, "a is not loaded evenly");
static_assert(B_LOADS * THREADS == TILE_N * K_CHUNKS && B_LOADS > 0, "b is not loaded evenly");

/* ---- a ------------------------------------------------------------------------------------ */

struct a_rows {
    const IN_T *base;
    int32_t offset[A_LOADS];
#if TAP_AXES
    int32_t at[A_LOADS][TAP_AXES]; /* of the window's first tap */
#endif
};

/* Where in k a thread's next chunk is. */
struct k_at {
    int32_t k, channel;
#if TAP_AXES
    int32_t offset; /* of the tap in a */
    int32_t tap[TAP_AXES];
#endif
};

static __device__ __forceinline__ int a_row()
{
    return A_IS_GATHERED ? threadIdx.x % TILE_M : threadIdx.x / K_CHUNKS;
}

static __device__ __forceinline__ void a_row_init(a_rows &a, const tro_gemm_params &g, int i,
                                                  uint32_t row)
{
    const bool is_inside = row < g.m;
    uint32_t rest = is_inside ? row : 0;
    a.offset[i] = g.a_origin;
#pragma unroll
    for (int axis = TRO_GEMM_ROW_AXES - 1; axis >= TRO_GEMM_ROW_AXES - ROW_AXES; axis--) {
        uint32_t index = rest;
        if (axis > TRO_GEMM_ROW_AXES - ROW_AXES)
            rest = tro_div_rest(index, g.row_size[axis]);
        a.offset[i] += (int32_t)index * g.row_stride[axis];
#if TAP_AXES
        const int tap_axis = axis - (TRO_GEMM_ROW_AXES - TRO_GEMM_TAP_AXES);
        if (tap_axis >= TRO_GEMM_TAP_AXES - TAP_AXES)
            a.at[i][tap_axis - (TRO_GEMM_TAP_AXES - TAP_AXES)] =
                is_inside ? (int32_t)index * g.step[tap_axis] - g.pad[tap_axis] : -(1 << 30);
#endif
    }
}

static __device__ __forceinline__ k_at k_init(const tro_gemm_params &g, uint32_t k)
{
    k_at at;
    at.k = k;
    at.channel = k;
#if TAP_AXES
    uint32_t tap = tro_div(k, g.channels);
    at.channel -= tap * g.channels.d;
    at.offset = 0;
#pragma unroll
    for (int axis = TAP_AXES - 1; axis >= 0; axis--) {
        const int i = TRO_GEMM_TAP_AXES - TAP_AXES + axis;
        uint32_t index = tap;
        tap = tro_div_rest(index, g.taps[i]);
        at.tap[axis] = index * g.dilation[i];
        at.offset += index * g.tap_stride[i];
    }
    at.offset += tap * g.channels.d;
#endif
    return at;
}

static __device__ __forceinline__ void k_next(k_at &at, const tro_gemm_params &g)
{
    at.k += TILE_K;
    at.channel += TILE_K;
#if TAP_AXES
    while (at.channel >= (int32_t)g.channels.d) {
        bool is_over = true;
        at.channel -= g.channels.d;
#pragma unroll
        for (int axis = TAP_AXES - 1; axis >= 0 && is_over; axis--) {
            const int i = TRO_GEMM_TAP_AXES - TAP_AXES + axis;
            at.tap[axis] += g.dilation[i];
            at.offset += g.tap_stride[i];
            is_over = at.tap[axis] >= (int32_t)g.taps[i].d * g.dilation[i];
            if (is_over) {
                at.tap[axis] = 0;
                at.offset -= (int32_t)g.taps[i].d * g.tap_stride[i];
            }
        }
        if (is_over)
            at.offset += g.channels.d;
    }
#endif
}

#ifdef FRAME

/* CHUNK elements of k, of which the first is channel FIRST of its tap. A pixel is decoded once for
 * all its channels, and becomes what the value would have been stored as. */
template <int FIRST>
static __device__ __forceinline__ void a_gather(T (&v)[CHUNK], const tro_gemm_tap (&tap)[CHUNK],
                                                const a_rows &a, const tro_params &p)
{
    const tro_gemm_params &g = p.own;
    float pixel[FRAME_CHANNELS];
    bool is_inside = false;
#pragma unroll
    for (int i = 0; i < CHUNK; i++) {
        const int channel = (FIRST + i) % FRAME_CHANNELS;
        if (i == 0 || channel == 0) {
            const int32_t y = a.at[0][0] + tap[i].y, x = a.at[0][1] + tap[i].x;
            is_inside = (uint32_t)y < (uint32_t)g.in[TRO_GEMM_TAP_AXES - 2] &&
                        (uint32_t)x < (uint32_t)g.in[TRO_GEMM_TAP_AXES - 1];
            if (is_inside)
                tro_frame_sample(g.frame, a.base + a.offset[0],
                                 (const tro_frame_tap *)p.ptr[2 + N_FRAME_TAPS], y, x, pixel);
        }
        v[i] = tro_from_float<T>(
            is_inside ? tro_frame_normalized(g.frame, pixel[channel], channel) : 0);
    }
}

static __device__ __forceinline__ void a_load(T *tile, const a_rows &a, const k_at &at,
                                              int32_t step_k, const tro_params &p)
{
    const tro_gemm_tap *const taps = (const tro_gemm_tap *)p.ptr[2] + step_k;
    const int row = threadIdx.x % TILE_M;
#pragma unroll 1
    for (int chunk = threadIdx.x / TILE_M; chunk < K_CHUNKS; chunk += A_THREADS) {
        __align__(16) T v[CHUNK];
        __align__(16) tro_gemm_tap tap[CHUNK];
        tro_load_const<CHUNK, 2>(tap, taps + chunk * CHUNK);
        const int first = (step_k + chunk * CHUNK) % FRAME_CHANNELS;
        if (FRAME_CHANNELS == 1 || first == 0)
            a_gather<0>(v, tap, a, p);
        else if (first == 1)
            a_gather<1>(v, tap, a, p);
        else
            a_gather<2>(v, tap, a, p);
        tro_store<CHUNK, CHUNK>(tile + tro_chunk_at<K_CHUNKS>(row, chunk), v);
    }
}

#elif defined(GATHER)

/* a where it has few channels, of any type and strides: ptr[2] tells where element k of a row
 * is. */
static __device__ __forceinline__ void a_load(T *tile, const a_rows &a, const k_at &at,
                                              int32_t step_k, const tro_params &p)
{
    const tro_gemm_tap *const taps = (const tro_gemm_tap *)p.ptr[2] + step_k;
    const int32_t height = p.own.in[TRO_GEMM_TAP_AXES - 2];
    const int32_t width = p.own.in[TRO_GEMM_TAP_AXES - 1];
    const int row = threadIdx.x % TILE_M;
#pragma unroll
    for (int chunk = threadIdx.x / TILE_M; chunk < K_CHUNKS; chunk += A_THREADS) {
        __align__(16) T v[CHUNK];
        __align__(16) tro_gemm_tap tap[CHUNK];
        tro_load_const<CHUNK, 2>(tap, taps + chunk * CHUNK);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
            const bool is_inside = (uint32_t)(a.at[0][0] + tap[i].y) < (uint32_t)height &&
                                   (uint32_t)(a.at[0][1] + tap[i].x) < (uint32_t)width;
            v[i] = tro_from_float<T>(is_inside ? tro_float(a.base[a.offset[0] + tap[i].offset])
                                               : 0);
        }
        tro_store<CHUNK, CHUNK>(tile + tro_chunk_at<K_CHUNKS>(row, chunk), v);
    }
}

#else

static __device__ __forceinline__ bool a_is_inside(const a_rows &a, const k_at &at,
                                                   const tro_gemm_params &g, int i)
{
    bool is_inside = at.k < (int32_t)g.k;
#if TAP_AXES
#pragma unroll
    for (int axis = 0; axis < TAP_AXES; axis++)
        is_inside = is_inside && (uint32_t)(a.at[i][axis] + at.tap[axis]) <
                                     (uint32_t)g.in[TRO_GEMM_TAP_AXES - TAP_AXES + axis];
#endif
    return is_inside;
}

static __device__ __forceinline__ void a_load(T *tile, const a_rows &a, const k_at &at,
                                              int32_t step_k, const tro_params &p)
{
    const tro_gemm_params &g = p.own;
    const int row = threadIdx.x / K_CHUNKS, chunk = threadIdx.x % K_CHUNKS;
#if TAP_AXES
    const T *const from = a.base + (at.offset + at.channel);
#else
    const T *const from = a.base + at.channel;
#endif
#pragma unroll
    for (int i = 0; i < A_LOADS; i++)
        A_COPY(tile + tro_chunk_at<K_CHUNKS>(row + i * ROWS_AT_ONCE, chunk), from + a.offset[i],
               a_is_inside(a, at, g, i));
}

#endif

/* ---- b ------------------------------------------------------------------------------------ */

/* k is that of the thread's chunk, step the first k of the tile. */
static __device__ __forceinline__ void b_load(T *tile, const T *b, int32_t k, int32_t step,
                                              uint32_t col0, const tro_gemm_params &g)
{
    const int row = threadIdx.x / B_CHUNKS, chunk = threadIdx.x % B_CHUNKS;
#pragma unroll
    for (int i = 0; i < B_LOADS; i++) {
        const int r = row + i * B_ROWS_AT_ONCE;
#ifdef B_TRANS
        const uint32_t col = col0 + chunk * CHUNK;
        const bool is_inside = step + r < (int32_t)g.b_rows && col < g.n;
        const T *const from = b + (int32_t)((step + r) * g.b_pitch + col);
#else
        const bool is_inside = k < (int32_t)g.k && col0 + r < g.n;
        const T *const from = b + (int32_t)((col0 + r) * g.b_pitch + k);
#endif
        tro_cp_async16(tile + tro_chunk_at<B_CHUNKS>(r, chunk), from, is_inside);
    }
}

/* ---- steps along k ------------------------------------------------------------------------ */

/* What a thread brings into shared memory, step by step. */
struct source {
    a_rows a;
    k_at at;
    const T *b;
    uint32_t col0;
    int32_t first; /* k of the block */
    int n_steps;
    T *ring;
};

static __device__ __forceinline__ T *stage_a(const source &s, int stage)
{
    return s.ring + stage * (STAGE_BYTES / (int)sizeof(T));
}
static __device__ __forceinline__ T *stage_b(const source &s, int stage)
{
    return stage_a(s, stage) + TILE_M * TILE_K;
}

/* Fills a stage with the next step, if there is one. */
static __device__ __forceinline__ void load_step(source &s, int stage, int step,
                                                 const tro_params &p)
{
    if (step < s.n_steps) {
        b_load(stage_b(s, stage), s.b, s.at.k, s.first + step * TILE_K, s.col0, p.own);
        a_load(stage_a(s, stage), s.a, s.at, s.first + step * TILE_K, p);
    }
    k_next(s.at, p.own);
    tro_cp_async_commit();
}

/* The first N steps into stages 0 .. N - 1. A constant b is under way while the kernel before
 * still runs. */
template <int N> static __device__ __forceinline__ void load_first(source &s, const tro_params &p)
{
    const int32_t k = s.at.k;
#ifndef B_CONST
    tro_wait();
#endif
#pragma unroll 1
    for (int i = 0; i < N; i++)
        if (i < s.n_steps)
            b_load(stage_b(s, i), s.b, k + i * TILE_K, s.first + i * TILE_K, s.col0, p.own);
#ifdef B_CONST
    tro_wait();
#endif
#pragma unroll 1
    for (int i = 0; i < N; i++) {
        if (i < s.n_steps)
            a_load(stage_a(s, i), s.a, s.at, s.first + i * TILE_K, p);
        k_next(s.at, p.own);
        tro_cp_async_commit();
    }
}

/* As PTX for newer chips it is made of the instructions that all have. */
#if defined(WGMMA) && defined(__CUDA_ARCH_FEAT_SM90_ALL)
#include "gemm_wgmma.cuh"
#else
#include "gemm_ring.cuh"
#endif

/* ---- result ------------------------------------------------------------------------------- */

struct place {
    uint32_t row0, col0; /* of the warp in the product */
    uint32_t z, split;
};

template <int R>
static __device__ __forceinline__ void finish_rows(const tro_params &p, const place &at,
                                                   uint32_t (&row)[R], uint32_t col,
                                                   const int (&n)[R], float (&acc)[R][VECTOR])
{
    const tro_gemm_params &g = p.own;
    col += at.z * g.col_z;
#pragma unroll
    for (int r = 0; r < R; r++)
        row[r] += at.z * g.row_z;
#ifdef SPLIT
    float *const to = (float *)p.ptr[TRO_N_IN] +
                      (uint64_t)at.split * g.partial_rows * g.partial_pitch + col;
#pragma unroll
    for (int r = 0; r < R; r++)
        if (n[r] > 0)
            tro_store<VECTOR, VECTOR>(to + (uint64_t)row[r] * g.partial_pitch, acc[r]);
#else
    tro_point_rows<VECTOR, R>(p, row, col, n, acc);
#endif
}

/* Through the warp's own shared memory, f32 [WARP_M][ROOM_PITCH], so that each lane has consecutive
 * columns; a few rows at a time, whose operands are loaded together. */
static __device__ __forceinline__ void finish(const tro_params &p, const place &at, float *room,
                                              const accumulators &acc)
{
    enum {
        LANES = WARP_N / VECTOR,
        ROWS = 32 / LANES,
        PASSES = WARP_M / ROWS,
        AT_ONCE = PASSES < 4 ? PASSES : 4
    };
    const tro_gemm_params &g = p.own;
    const int lane = threadIdx.x % 32, row = lane / LANES, col = lane % LANES * VECTOR;
    const int left = (int)(g.n - at.col0) - col, n = left < VECTOR ? left : VECTOR;
#ifdef BIAS
    float bias[VECTOR];
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        bias[i] =
            i < n ? ((const float *)p.ptr[BIAS_PTR])[at.z * g.col_z + at.col0 + col + i]
                  : 0;
#endif
#pragma unroll
    for (int i = 0; i < WARP_M / 16; i++)
        acc_put(acc, i, room + i * 16 * ROOM_PITCH);
    __syncwarp();
#pragma unroll 1
    for (int pass = 0; pass < PASSES; pass += AT_ONCE) {
        uint32_t to[AT_ONCE];
        int width[AT_ONCE];
        __align__(16) float sum[AT_ONCE][VECTOR];
#pragma unroll
        for (int r = 0; r < AT_ONCE; r++) {
            const int from = (pass + r) * ROWS + row;
            to[r] = at.row0 + from / 16 * SLICE_ROWS + from % 16;
            width[r] = to[r] < g.m && n > 0 ? n : 0;
            tro_load<VECTOR, VECTOR>(sum[r], room + from * ROOM_PITCH + col);
#ifdef BIAS
#pragma unroll
            for (int c = 0; c < VECTOR; c++)
                sum[r][c] += bias[c];
#endif
        }
        finish_rows(p, at, to, at.col0 + col, width, sum);
    }
}

/* ---- the kernel --------------------------------------------------------------------------- */

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS)
    tro_kernel(const __grid_constant__ tro_params p)
{
    TRO_SHARED(shared);
    const tro_gemm_params &g = p.own;
    tro_launch_next();

    const uint32_t m_tile = tro_div(blockIdx.x, g.n_tiles);
    const uint32_t n_tile = blockIdx.x - m_tile * g.n_tiles.d;
    const uint32_t z_outer = tro_div(blockIdx.z, g.z), z_inner = blockIdx.z - z_outer * g.z.d;
    source s;
    s.ring = (T *)ring_of(shared);
    s.a.base = (const IN_T *)p.ptr[0] + (int64_t)z_outer * g.a_z[0] + (int64_t)z_inner * g.a_z[1];
    s.b = (const T *)p.ptr[1] + (int64_t)z_outer * g.b_z[0] + (int64_t)z_inner * g.b_z[1];
    s.col0 = n_tile * TILE_N;
    s.first = blockIdx.y * g.split_steps * TILE_K;
    const int n_left = ((int32_t)g.k - s.first + TILE_K - 1) / TILE_K;
    s.n_steps = n_left < (int)g.split_steps ? n_left : (int)g.split_steps;
#pragma unroll
    for (int i = 0; i < A_LOADS; i++)
        a_row_init(s.a, g, i, m_tile * TILE_M + a_row() + i * ROWS_AT_ONCE);
    s.at = k_init(g, s.first + threadIdx.x % K_CHUNKS * CHUNK);

    accumulators acc;
    multiply_steps(acc, s, p);
    tro_cp_async_wait<0>();
    __syncthreads();

    const place to = {m_tile * TILE_M + warp_row(), s.col0 + warp_col(), blockIdx.z, blockIdx.y};
    finish(p, to, (float *)s.ring + threadIdx.x / 32 * WARP_M * ROOM_PITCH, acc);
}
