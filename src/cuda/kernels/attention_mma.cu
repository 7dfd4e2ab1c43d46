/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention on tensor cores: a block takes 64 rows of a head, a warp 16 of them, 64 keys at a time.
 * Scores stay in registers and become the left operand of the second product; when a greater score
 * comes, what was summed so far is scaled down.
 *
 *     shared memory   q [64], then for each stage k [64] and v [64]: rows with 16 bytes between
 *                     them, so that 8 rows lie in different banks
 *
 *     HEAD, V_HEAD    elements of a row of q and k, of v: multiples of 16
 *     STAGES          1: all keys at once; 2: the next keys are read meanwhile
 *     IN_T, IS_BF16   of q, k and v
 *     OUT_T           of the result
 *     others          attention.cuh, exp.cuh
 */
#include "attention.cuh"

#define N_WARPS 4
#define N_THREADS (N_WARPS * 32)
#define ROWS 64
#define KEYS 64
#define K_PITCH (HEAD + 8)
#define V_PITCH (V_HEAD + 8)
#define N_KEY_TILES (KEYS / 8)
#define N_OUT_TILES (V_HEAD / 8)

/* Rows of 16-byte pieces on their way to shared memory; those beyond n are zeros. */
template <int WIDTH>
static __device__ __forceinline__ void load_rows(IN_T *to, const IN_T *from, int32_t stride,
                                                 uint32_t n)
{
    constexpr int pieces = WIDTH / 8;
#pragma unroll
    for (int i = threadIdx.x; i < ROWS * pieces; i += N_THREADS) {
        const uint32_t r = i / pieces, c = i % pieces * 8;
        const bool is_valid = r < n;
        tro_cp_async16(to + r * (WIDTH + 8) + c, from + (is_valid ? (int32_t)r * stride + c : 0),
                       is_valid);
    }
}

static __device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                                uint32_t b1)
{
    const uint32_t b[2] = {b0, b1};
#if IS_BF16
    tro_mma_bf16_16816(c, a, b);
#else
    tro_mma_f16_16816(c, a, b);
#endif
}

static __device__ __forceinline__ uint32_t pack(float x, float y)
{
#if IS_BF16
    return tro_f32_to_bf16x2(x, y);
#else
    return tro_f32_to_f16x2(x, y);
#endif
}

/* s = q k^T of 16 rows and KEYS keys. */
static __device__ __forceinline__ void multiply_keys(float (&s)[N_KEY_TILES][4],
                                                     const uint32_t (&q)[HEAD / 16][4],
                                                     const IN_T *k, int lane)
{
    const IN_T *const row = k + (lane / 16 * 8 + lane % 8) * K_PITCH + lane / 8 % 2 * 8;
#pragma unroll
    for (int t = 0; t < N_KEY_TILES; t += 2) {
#pragma unroll
        for (int e = 0; e < 4; e++)
            s[t][e] = s[t + 1][e] = 0;
#pragma unroll
        for (int d = 0; d < HEAD / 16; d++) {
            uint32_t b[4];
            tro_ldmatrix4(b, row + t * 8 * K_PITCH + d * 16);
            multiply(s[t], q[d], b[0], b[1]);
            multiply(s[t + 1], q[d], b[2], b[3]);
        }
    }
}

/* acc += weights v */
static __device__ __forceinline__ void multiply_values(float (&acc)[N_OUT_TILES][4],
                                                       const float (&s)[N_KEY_TILES][4],
                                                       const IN_T *v, int lane)
{
    const IN_T *const row = v + (lane / 8 % 2 * 8 + lane % 8) * V_PITCH + lane / 16 * 8;
#pragma unroll
    for (int t = 0; t < N_KEY_TILES; t += 2) {
        const uint32_t a[4] = {pack(s[t][0], s[t][1]), pack(s[t][2], s[t][3]),
                               pack(s[t + 1][0], s[t + 1][1]), pack(s[t + 1][2], s[t + 1][3])};
#pragma unroll
        for (int c = 0; c < N_OUT_TILES; c += 2) {
            uint32_t b[4];
            tro_ldmatrix4_trans(b, row + t * 8 * V_PITCH + c * 8);
            multiply(acc[c], a, b[0], b[1]);
            multiply(acc[c + 1], a, b[2], b[3]);
        }
    }
}

/* Over the four lanes that have a row's scores. */
static __device__ __forceinline__ float fold_row(float v, bool is_max)
{
#pragma unroll
    for (int offset = 2; offset > 0; offset /= 2) {
        const float other = __shfl_xor_sync(0xffffffffU, v, offset);
        v = is_max ? fmaxf(v, other) : v + other;
    }
    return v;
}

/* Scores of two rows, elements 2 h and 2 h + 1 of each tile being row h's, become weights. */
static __device__ __forceinline__ void weigh(float (&s)[N_KEY_TILES][4],
                                             float (&acc)[N_OUT_TILES][4], float (&greatest)[2],
                                             float (&sum)[2])
{
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float now = greatest[h], added = 0;
#pragma unroll
        for (int t = 0; t < N_KEY_TILES; t++)
            now = fmaxf(now, fmaxf(s[t][2 * h], s[t][2 * h + 1]));
        now = fold_row(now, true);
        const float base = now == -TRO_INFINITY ? 0.0F : now;
        const float scale = tro_exp(greatest[h] - base);
#pragma unroll
        for (int t = 0; t < N_KEY_TILES; t++)
#pragma unroll
            for (int e = 2 * h; e < 2 * h + 2; e++) {
                s[t][e] = tro_exp(s[t][e] - base);
                added += s[t][e];
            }
        sum[h] = sum[h] * scale + added;
        greatest[h] = now;
#pragma unroll
        for (int c = 0; c < N_OUT_TILES; c++) {
            acc[c][2 * h] *= scale;
            acc[c][2 * h + 1] *= scale;
        }
    }
}

static __device__ __forceinline__ void store(const tro_attention &o, OUT_T *out,
                                             const float (&acc)[N_OUT_TILES][4],
                                             const float (&sum)[2], uint32_t row, int lane)
{
#pragma unroll
    for (int h = 0; h < 2; h++) {
        const float scale = 1.0F / fold_row(sum[h], false);
        const uint32_t r = row + h * 8;
        if (r >= o.n_rows)
            continue;
        OUT_T *const to = out + (int32_t)r * o.out.stride[2] + lane % 4 * 2;
#pragma unroll
        for (int c = 0; c < N_OUT_TILES; c++) {
            const OUT_T v[2] = {tro_from_float<OUT_T>(acc[c][2 * h] * scale),
                                tro_from_float<OUT_T>(acc[c][2 * h + 1] * scale)};
            tro_store<2, 2>(to + c * 8, v);
        }
    }
}

struct keys {
    const IN_T *k, *v;
    IN_T *shared; /* stages */
};

static __device__ __forceinline__ IN_T *stage_of(const keys &g, uint32_t tile)
{
    return g.shared + (STAGES == 1 ? 0 : tile % STAGES) * (KEYS * (K_PITCH + V_PITCH));
}

static __device__ __forceinline__ void load_keys(const tro_attention &o, const keys &g,
                                                 uint32_t tile)
{
    const uint32_t first = tile * KEYS;
    if (first < o.n_keys) {
        IN_T *const to = stage_of(g, tile);
        load_rows<HEAD>(to, g.k + (int32_t)first * o.k.stride[2], o.k.stride[2], o.n_keys - first);
        load_rows<V_HEAD>(to + KEYS * K_PITCH, g.v + (int32_t)first * o.v.stride[2], o.v.stride[2],
                          o.n_keys - first);
    }
    tro_cp_async_commit();
}

extern "C" __global__ void __launch_bounds__(N_THREADS)
    tro_kernel(const __grid_constant__ tro_params p)
{
    TRO_SHARED(shared);
    const tro_attention &o = p.own.net;
    IN_T *const q_rows = (IN_T *)shared;
    const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16;
    const uint32_t first = blockIdx.x * ROWS, row = first + warp_row + lane / 4;
    const tro_attention_at at = tro_attention_begin(o, blockIdx.y);
    const keys g = {(const IN_T *)p.ptr[1] + at.k, (const IN_T *)p.ptr[2] + at.v,
                    q_rows + ROWS * K_PITCH};
    uint32_t q[HEAD / 16][4];
    float acc[N_OUT_TILES][4], greatest[2] = {-TRO_INFINITY, -TRO_INFINITY}, sum[2] = {0, 0};
#pragma unroll
    for (int c = 0; c < N_OUT_TILES; c++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            acc[c][e] = 0;
    tro_wait();
    tro_launch_next();
#if MASK == 'f'
    const void *const mask = (const MASK_T *)p.ptr[3] + at.mask;
#elif MASK == 'b'
    const void *const mask = (const uint8_t *)p.ptr[3] + at.mask;
#else
    const void *const mask = nullptr;
#endif
    load_rows<HEAD>(q_rows, (const IN_T *)p.ptr[0] + at.q + (int32_t)first * o.q.stride[2],
                    o.q.stride[2], o.n_rows - first);
    load_keys(o, g, 0);
    for (uint32_t tile = 0; tile * KEYS < o.n_keys; tile++) {
        const uint32_t first_key = tile * KEYS + lane % 4 * 2;
        float s[N_KEY_TILES][4], m[N_KEY_TILES][4];
#pragma unroll
        for (int t = 0; t < N_KEY_TILES; t++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                m[t][e] = tro_attention_mask(o, mask, row + e / 2 * 8, first_key + t * 8 + e % 2);
#if STAGES > 1
        load_keys(o, g, tile + 1);
#endif
        tro_cp_async_wait<STAGES - 1>();
        __syncthreads();
        if (tile == 0) {
            const IN_T *const from = q_rows + (warp_row + lane % 16) * K_PITCH + lane / 16 * 8;
#pragma unroll
            for (int d = 0; d < HEAD / 16; d++)
                tro_ldmatrix4(q[d], from + d * 16);
        }
        const IN_T *const k = stage_of(g, tile);
        multiply_keys(s, q, k, lane);
#pragma unroll
        for (int t = 0; t < N_KEY_TILES; t++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                s[t][e] = tro_attention_score(o, s[t][e], m[t][e], first_key + t * 8 + e % 2);
        weigh(s, acc, greatest, sum);
        multiply_values(acc, s, k + KEYS * K_PITCH, lane);
#if STAGES > 1
        __syncthreads();
#endif
    }
    store(o, (OUT_T *)p.ptr[TRO_N_IN] + at.out, acc, sum, row, lane);
}
