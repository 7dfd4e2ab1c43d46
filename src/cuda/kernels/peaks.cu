/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peaks of heat maps, a block for a map: round by round the greatest key (boxes.cuh) below the one
 * found last whose element nothing around it exceeds. What is computed of it: ref/boxes.h.
 *
 *     IN_T      of x
 *     BLOCK     threads
 *     IS_ONE    one peak: the greatest element is one
 *     REFINE    0 none, 1 quarter, 2 parabola
 */
#include "boxes.cuh"

#define NONE 0ULL

struct map {
    const IN_T *x;
    const tro_peaks_params &o;

    __device__ __forceinline__ float at(int32_t row, int32_t column) const
    {
        return tro_float(x[row * o.of_y + column * o.of_x]);
    }
    __device__ __forceinline__ uint64_t key(int32_t row, int32_t column) const
    {
        const float v = at(row, column);
        return v != v ? NONE : tro_score_key(v, (uint32_t)row * o.w.d + (uint32_t)column);
    }
    __device__ __forceinline__ float near(int32_t row, int32_t column) const
    {
        const bool is_in = row >= 0 && row < (int32_t)o.h && column >= 0 &&
                           column < (int32_t)o.w.d;
        return is_in ? at(row, column) : 0;
    }
};

static __device__ __forceinline__ bool is_peak(const map &m, int32_t row, int32_t column,
                                               uint64_t key)
{
#if !IS_ONE
    const int32_t r = m.o.radius, bottom = min(row + r, (int32_t)m.o.h - 1);
    const int32_t right = min(column + r, (int32_t)m.o.w.d - 1);
    for (int32_t v = max(row - r, 0); v <= bottom; v++)
        for (int32_t u = max(column - r, 0); u <= right; u++)
            if (m.key(v, u) > key)
                return false;
#endif
    return true;
}

/* The greatest of the block's, known to all of it. */
static __device__ __forceinline__ uint64_t over_block(uint64_t key)
{
    __shared__ uint64_t of_warp[BLOCK / 32];
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
        const uint64_t other = __shfl_xor_sync(0xffffffffU, key, offset);
        key = other > key ? other : key;
    }
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = key;
    __syncthreads();
    for (int i = 0; i < BLOCK / 32; i++)
        key = of_warp[i] > key ? of_warp[i] : key;
    __syncthreads();
    return key;
}

static __device__ __forceinline__ uint64_t find(const map &m, uint64_t last)
{
    uint64_t best = NONE;
#pragma unroll 4
    for (uint32_t i = threadIdx.x; i < m.o.n; i += BLOCK) {
        uint32_t column = i;
        const int32_t row = (int32_t)tro_div_rest(column, m.o.w);
        const float v = m.at(row, (int32_t)column);
        const uint64_t key = tro_score_key(v, i);
        if (v >= m.o.threshold && key < last && key > best &&
            is_peak(m, row, (int32_t)column, key))
            best = key;
    }
    return over_block(best);
}

/* ---- where between the elements ------------------------------------------------------------- */

static __device__ __forceinline__ float vertex(float l, float c, float r)
{
    const float bend = (l - c) + (r - c), d = 0.5F * (l - r) / bend;
    if (!(bend < 0))
        return 0;
    return d < -0.5F ? -0.5F : d > 0.5F ? 0.5F : d;
}

static __device__ __forceinline__ float quarter(float l, float r)
{
    return r > l ? 0.25F : r < l ? -0.25F : 0;
}

static __device__ __forceinline__ void store(const map &m, uint64_t key, float *out)
{
    uint32_t column = ~(uint32_t)key;
    const int32_t y = (int32_t)tro_div_rest(column, m.o.w), x = (int32_t)column;
    const float score = m.at(y, x);
    float dx = 0, dy = 0;
#if REFINE
    const bool has_x = x > 0 && x < (int32_t)m.o.w.d - 1, has_y = y > 0 && y < (int32_t)m.o.h - 1;
    const float left = m.near(y, x - 1), right = m.near(y, x + 1);
    const float up = m.near(y - 1, x), down = m.near(y + 1, x);
#if REFINE == 2
    dx = has_x ? vertex(left, score, right) : 0;
    dy = has_y ? vertex(up, score, down) : 0;
#else
    const bool is_inside = has_x && has_y && x > 1 && y > 1;
    dx = is_inside ? quarter(left, right) : 0;
    dy = is_inside ? quarter(up, down) : 0;
#endif
#endif
    out[0] = ((float)x + dx) * m.o.to.x_scale + m.o.to.x_offset;
    out[1] = ((float)y + dy) * m.o.to.y_scale + m.o.to.y_offset;
    out[2] = score;
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_peaks_params &o = p.own;
    const uint32_t index = blockIdx.y * gridDim.x + blockIdx.x;
    tro_wait();
    tro_launch_next();
    const map m = {(const IN_T *)p.ptr[0] + (int32_t)blockIdx.y * o.of_n +
                       (int32_t)blockIdx.x * o.of_c,
                   o};
    float *const out = (float *)p.ptr[TRO_N_IN] + (int64_t)index * o.n_peaks * 3;
    uint64_t last = ~NONE;
    int32_t n = 0;
    for (; n < o.n_peaks; n++) {
        last = find(m, last);
        if (last == NONE)
            break;
        if (threadIdx.x == 0)
            store(m, last, out + 3 * n);
    }
    for (int32_t i = 3 * n + (int32_t)threadIdx.x; i < 3 * o.n_peaks; i += BLOCK)
        out[i] = i % 3 == 2 ? 0.0F : -1.0F;
}
