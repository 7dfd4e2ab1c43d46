/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a warp does with tiles of a and b in shared memory: fragments are read, multiplied, and the
 * sums written as rows. A slice of k is 32 bytes (MATH_F32: 16); fragments of BUFFERS slices are
 * in registers.
 */
#ifndef TRO_CUDA_KERNELS_GEMM_MATH_CUH
#define TRO_CUDA_KERNELS_GEMM_MATH_CUH

#ifdef MATH_F16
typedef tro_f16 T;
#elif defined(MATH_BF16)
typedef tro_bf16 T;
#else
typedef float T;
#endif

#ifdef B_TRANS
#define B_IS_TRANS 1
#else
#define B_IS_TRANS 0
#endif

#define WARP_M (TILE_M / WARPS_M)
#define WARP_N (TILE_N / WARPS_N)
#define CHUNK (16 / (int)sizeof(T))
#define K_CHUNKS (TILE_K / CHUNK)
#define ROOM_PITCH (WARP_N + 8)

/* Element of a tile where chunk `chunk` of a row begins, rows of N chunks. */
template <int N> static __device__ __forceinline__ int tro_chunk_at(int row, int chunk)
{
    static_assert(N >= 4, "rows are too short");
    const int turn = N == 4 ? row / 2 % 4 : row % 8;
    return (row * N + (chunk ^ turn)) * CHUNK;
}

#ifdef MATH_F32

/* Lane (y, x) of 8 x 4 has rows y + 8 i and columns x + 4 j. */
enum { SLICES = K_CHUNKS, BUFFERS = 1, ACC_M = WARP_M / 8, ACC_N = WARP_N / 4 };

struct accumulators {
    float v[ACC_M][ACC_N];
};
struct fragments {
    __align__(16) float a[ACC_M][CHUNK];
    __align__(16) float b[ACC_N][CHUNK];
};

static __device__ __forceinline__ void fragments_load(fragments &f, const T *a, const T *b,
                                                      int slice)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int row = warp / WARPS_N * WARP_M + lane / 4, col = warp % WARPS_N * WARP_N + lane % 4;
#pragma unroll
    for (int i = 0; i < ACC_M; i++)
        tro_load<CHUNK, CHUNK>(f.a[i], a + tro_chunk_at<K_CHUNKS>(row + 8 * i, slice));
#pragma unroll
    for (int j = 0; j < ACC_N; j++) {
#ifdef B_TRANS
        for (int k = 0; k < CHUNK; k++)
            f.b[j][k] = b[tro_chunk_at<TILE_N / CHUNK>(slice * CHUNK + k, (col + 4 * j) / CHUNK) +
                          (col + 4 * j) % CHUNK];
#else
        tro_load<CHUNK, CHUNK>(f.b[j], b + tro_chunk_at<K_CHUNKS>(col + 4 * j, slice));
#endif
    }
}

static __device__ __forceinline__ void multiply(accumulators &acc, const fragments &f)
{
#pragma unroll
    for (int k = 0; k < CHUNK; k++)
#pragma unroll
        for (int i = 0; i < ACC_M; i++)
#pragma unroll
            for (int j = 0; j < ACC_N; j++)
                acc.v[i][j] = fmaf(f.a[i][k], f.b[j][k], acc.v[i][j]);
}

static __device__ __forceinline__ void acc_clear(accumulators &acc)
{
#pragma unroll
    for (int i = 0; i < ACC_M; i++)
#pragma unroll
        for (int j = 0; j < ACC_N; j++)
            acc.v[i][j] = 0;
}

/* Rows 16 i .. 16 i + 15 of the warp. */
static __device__ __forceinline__ void acc_put(const accumulators &acc, int i, float *room)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int j = 0; j < ACC_N; j++)
            room[(lane / 4 + 8 * half) * ROOM_PITCH + lane % 4 + 4 * j] = acc.v[2 * i + half][j];
}

#else

/* Fragments of 16 x 8 products, "Warp-level matrix instructions" of the PTX manual. */
enum {
    SLICES = K_CHUNKS / 2,
    BUFFERS = WARP_N > 64 ? 1 : 2,
    ACC_M = WARP_M / 16,
    ACC_N = WARP_N / 8
};
static_assert(SLICES >= 2 && ACC_M >= 1 && ACC_N >= 2 && ACC_N % 2 == 0, "tiles are too small");

struct accumulators {
    float v[ACC_M][ACC_N][4];
};
struct fragments {
    uint32_t a[ACC_M][4], b[ACC_N / 2][4];
};

static __device__ __forceinline__ void fragments_load(fragments &f, const T *a, const T *b,
                                                      int slice)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int row = warp / WARPS_N * WARP_M, col = warp % WARPS_N * WARP_N;
#pragma unroll
    for (int i = 0; i < ACC_M; i++)
        tro_ldmatrix4(f.a[i],
                      a + tro_chunk_at<K_CHUNKS>(row + 16 * i + lane % 16, 2 * slice + lane / 16));
#pragma unroll
    for (int j = 0; j < ACC_N / 2; j++)
#ifdef B_TRANS
        tro_ldmatrix4_trans(f.b[j], b + tro_chunk_at<TILE_N / CHUNK>(16 * slice + lane % 16,
                                                                     col / 8 + 2 * j + lane / 16));
#else
        tro_ldmatrix4(f.b[j], b + tro_chunk_at<K_CHUNKS>(col + 16 * j + lane % 8 + lane / 16 * 8,
                                                         2 * slice + lane / 8 % 2));
#endif
}

#ifdef MATH_TF32
static __device__ __forceinline__ void round_all(uint32_t (&v)[4])
{
#pragma unroll
    for (int i = 0; i < 4; i++)
        v[i] = tro_f32_to_tf32(__uint_as_float(v[i]));
}
#endif

static __device__ __forceinline__ void multiply_one(float (&c)[4], const uint32_t (&a)[4],
                                                    const uint32_t (&b)[2])
{
#if defined(MATH_F16)
    tro_mma_f16_16816(c, a, b);
#elif defined(MATH_BF16)
    tro_mma_bf16_16816(c, a, b);
#else
    tro_mma_tf32_1688(c, a, b);
#endif
}

static __device__ __forceinline__ void multiply(accumulators &acc, fragments &f)
{
#ifdef MATH_TF32
#pragma unroll
    for (int i = 0; i < ACC_M; i++)
        round_all(f.a[i]);
#pragma unroll
    for (int j = 0; j < ACC_N / 2; j++)
        round_all(f.b[j]);
#endif
#pragma unroll
    for (int i = 0; i < ACC_M; i++)
#pragma unroll
        for (int j = 0; j < ACC_N; j++) {
            const uint32_t b[2] = {f.b[j / 2][j % 2 * 2], f.b[j / 2][j % 2 * 2 + 1]};
            multiply_one(acc.v[i][j], f.a[i], b);
        }
}

static __device__ __forceinline__ void acc_clear(accumulators &acc)
{
#pragma unroll
    for (int i = 0; i < ACC_M; i++)
#pragma unroll
        for (int j = 0; j < ACC_N; j++)
#pragma unroll
            for (int c = 0; c < 4; c++)
                acc.v[i][j][c] = 0;
}

/* Rows 16 i .. 16 i + 15 of the warp. */
static __device__ __forceinline__ void acc_put(const accumulators &acc, int i, float *room)
{
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int j = 0; j < ACC_N; j++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            __align__(8) const float two[2] = {acc.v[i][j][2 * half], acc.v[i][j][2 * half + 1]};
            tro_store<2, 2>(room + (lane / 4 + 8 * half) * ROOM_PITCH + 8 * j + lane % 4 * 2, two);
        }
}

#endif
#endif
