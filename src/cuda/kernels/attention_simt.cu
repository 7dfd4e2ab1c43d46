/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention in float: a warp for ROWS rows of a head, a lane for each of 32 keys at a time, then
 * for every 32nd element of the result's rows. Scores are not stored: when a greater one comes,
 * what was summed so far is scaled down.
 *
 *     HEAD, V_HEAD   elements of a row of q and k, of v
 *     IN_T, OUT_T    of q, k and v; of the result
 *     others         attention.cuh, exp.cuh
 */
#include "attention.cuh"

#define N_WARPS 4
#define ROWS 4
#define KEYS 32
#define N_THREADS (N_WARPS * 32)
#define K_PITCH (HEAD + 1)
#define N_COLS ((V_HEAD + 31) / 32)

struct rows_state {
    float greatest[ROWS], sum[ROWS], acc[ROWS][N_COLS];
};

/* n rows of `width` elements into shared memory as float; rows beyond n are zeros. */
static __device__ __forceinline__ void load_rows(float *to, int pitch, const IN_T *from,
                                                 int32_t stride, int width, int n_rows, int n)
{
    for (int i = threadIdx.x; i < n_rows * width; i += N_THREADS) {
        const int r = i / width, c = i % width;
        to[r * pitch + c] = r < n ? tro_float(from[r * stride + c]) : 0.0F;
    }
}

static __device__ __forceinline__ float fold_warp(float v, bool is_max)
{
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
        const float other = __shfl_xor_sync(0xffffffffU, v, offset);
        v = is_max ? fmaxf(v, other) : v + other;
    }
    return v;
}

/* The score of this lane's key becomes its weight. */
static __device__ __forceinline__ float weigh(rows_state &s, int r, float score)
{
    const float greatest = fmaxf(s.greatest[r], fold_warp(score, true));
    const float base = greatest == -TRO_INFINITY ? 0.0F : greatest;
    const float scale = tro_exp(s.greatest[r] - base), weight = tro_exp(score - base);
    s.greatest[r] = greatest;
    s.sum[r] = s.sum[r] * scale + fold_warp(weight, false);
#pragma unroll
    for (int c = 0; c < N_COLS; c++)
        s.acc[r][c] *= scale;
    return weight;
}

static __device__ __forceinline__ void add_values(rows_state &s, const float *v,
                                                  const float (&weight)[ROWS], int lane)
{
    for (int key = 0; key < KEYS; key++)
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const float w = __shfl_sync(0xffffffffU, weight[r], key);
#pragma unroll
            for (int c = 0; c < N_COLS; c++)
                if (c * 32 + lane < V_HEAD)
                    s.acc[r][c] = fmaf(w, v[key * V_HEAD + c * 32 + lane], s.acc[r][c]);
        }
}

extern "C" __global__ void __launch_bounds__(N_THREADS)
    tro_kernel(const __grid_constant__ tro_params p)
{
    __shared__ float q[N_WARPS * ROWS * HEAD], k[KEYS * K_PITCH], v[KEYS * V_HEAD];
    const tro_attention &o = p.own.net;
    const int lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * ROWS;
    const uint32_t first = blockIdx.x * N_WARPS * ROWS;
    const tro_attention_at at = tro_attention_begin(o, blockIdx.y);
    rows_state s;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        s.greatest[r] = -TRO_INFINITY;
        s.sum[r] = 0;
#pragma unroll
        for (int c = 0; c < N_COLS; c++)
            s.acc[r][c] = 0;
    }
    tro_wait();
    tro_launch_next();
#if MASK == 'f'
    const void *const mask = (const MASK_T *)p.ptr[3] + at.mask;
#elif MASK == 'b'
    const void *const mask = (const uint8_t *)p.ptr[3] + at.mask;
#else
    const void *const mask = nullptr;
#endif
    load_rows(q, HEAD, (const IN_T *)p.ptr[0] + at.q + (int32_t)first * o.q.stride[2],
              o.q.stride[2], HEAD, N_WARPS * ROWS, (int)(o.n_rows - first));
    for (uint32_t key = 0; key < o.n_keys; key += KEYS) {
        const int n = (int)(o.n_keys - key);
        float weight[ROWS];
        __syncthreads();
        load_rows(k, K_PITCH, (const IN_T *)p.ptr[1] + at.k + (int32_t)key * o.k.stride[2],
                  o.k.stride[2], HEAD, KEYS, n);
        load_rows(v, V_HEAD, (const IN_T *)p.ptr[2] + at.v + (int32_t)key * o.v.stride[2],
                  o.v.stride[2], V_HEAD, KEYS, n);
        __syncthreads();
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            float product = 0;
            for (int i = 0; i < HEAD; i++)
                product = fmaf(q[(warp_row + r) * HEAD + i], k[lane * K_PITCH + i], product);
            const float m = tro_attention_mask(o, mask, first + warp_row + r, key + lane);
            weight[r] = weigh(s, r, tro_attention_score(o, product, m, key + lane));
        }
        add_values(s, v, weight, lane);
    }
    OUT_T *const out = (OUT_T *)p.ptr[TRO_N_IN] + at.out;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const uint32_t row = first + warp_row + r;
#pragma unroll
        for (int c = 0; c < N_COLS; c++)
            if (row < o.n_rows && c * 32 + lane < V_HEAD)
                out[(int32_t)row * o.out.stride[2] + c * 32 + lane] = tro_from_float<OUT_T>(
                    s.acc[r][c] / s.sum[r]);
    }
}
