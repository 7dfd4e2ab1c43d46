/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peaks of heat maps, a block for a map. What is computed of it: ref/boxes.h.
 *
 *     1  elements that none of the eight around them exceeds, gathered in any order
 *     2  of those, the ones that nothing within the radius exceeds, a warp each
 *     3  round by round the greatest key (boxes.cuh) below the one found last
 *
 * Where more than FOUND are gathered, as of a flat map, each round looks at all elements instead.
 *
 *     IN_T      of x
 *     BLOCK     threads
 *     IS_ONE    one peak: the greatest element is one
 *     IN_SHARED the map is read into shared memory first: n floats
 *     REFINE    0 none, 1 quarter, 2 parabola
 */
#include "boxes.cuh"

#define NONE 0ULL
#define FOUND 1024
#define ALL 0xffffffffU

struct map {
    const IN_T *x;
    const float *copy;
    const tro_peaks_params &o;

    __device__ __forceinline__ float at(int32_t row, int32_t column) const
    {
#if IN_SHARED
        return copy[row * (int32_t)o.w.d + column];
#else
        return tro_float(x[row * o.of_y + column * o.of_x]);
#endif
    }
    __device__ __forceinline__ bool has(int32_t row, int32_t column) const
    {
        return row >= 0 && row < (int32_t)o.h && column >= 0 && column < (int32_t)o.w.d;
    }
    __device__ __forceinline__ float near(int32_t row, int32_t column) const
    {
        return has(row, column) ? at(row, column) : 0;
    }
    /* The element there goes before v at number i; none there does not, nor does NaN. */
    __device__ __forceinline__ bool exceeds(int32_t row, int32_t column, float v, uint32_t i) const
    {
        if (!has(row, column))
            return false;
        const float other = at(row, column);
        return other > v || (other == v && (uint32_t)row * o.w.d + (uint32_t)column < i);
    }
};

static __device__ __forceinline__ void copy_in(const map &m, float *copy)
{
#if IN_SHARED
    for (uint32_t i = threadIdx.x; i < m.o.n; i += BLOCK) {
        uint32_t column = i;
        const int32_t row = (int32_t)tro_div_rest(column, m.o.w);
        copy[i] = tro_float(m.x[row * m.o.of_y + (int32_t)column * m.o.of_x]);
    }
    __syncthreads();
#endif
}

/* Nothing within r exceeds v at number i. */
static __device__ __forceinline__ bool is_peak(const map &m, int32_t row, int32_t column, float v,
                                               uint32_t i, int32_t r)
{
    for (int32_t y = row - r; y <= row + r; y++)
        for (int32_t x = column - r; x <= column + r; x++)
            if (m.exceeds(y, x, v, i))
                return false;
    return true;
}

/* The greatest of the block's, known to all of it. */
static __device__ __forceinline__ uint64_t over_block(uint64_t key)
{
    __shared__ uint64_t of_warp[BLOCK / 32];
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
        const uint64_t other = __shfl_xor_sync(ALL, key, offset);
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

/* Over all elements. */
static __device__ __forceinline__ uint64_t find(const map &m, uint64_t last)
{
    uint64_t best = NONE;
    for (uint32_t i = threadIdx.x; i < m.o.n; i += BLOCK) {
        uint32_t column = i;
        const int32_t row = (int32_t)tro_div_rest(column, m.o.w);
        const float v = m.at(row, (int32_t)column);
        const uint64_t key = tro_score_key(v, i);
        if (v >= m.o.threshold && key < last && key > best &&
            (IS_ONE || is_peak(m, row, (int32_t)column, v, i, m.o.radius)))
            best = key;
    }
    return over_block(best);
}

#if !IS_ONE
/* ---- all peaks at once ---------------------------------------------------------------------- */

/* Step 1; their number, which may be more than there is room for. */
static __device__ __forceinline__ uint32_t gather(const map &m, uint64_t *found)
{
    __shared__ uint32_t n_found;
    const int32_t r = min(m.o.radius, 1);
    if (threadIdx.x == 0)
        n_found = 0;
    __syncthreads();
    for (uint32_t i = threadIdx.x; i < m.o.n; i += BLOCK) {
        uint32_t column = i;
        const int32_t row = (int32_t)tro_div_rest(column, m.o.w);
        const float v = m.at(row, (int32_t)column);
        if (!(v >= m.o.threshold) || !is_peak(m, row, (int32_t)column, v, i, r))
            continue;
        const uint32_t to = atomicAdd(&n_found, 1U);
        if (to < FOUND)
            found[to] = tro_score_key(v, i);
    }
    __syncthreads();
    return n_found;
}

/* Step 2: those that are none become NONE. */
static __device__ __forceinline__ void sift(const map &m, uint64_t *found, uint32_t n)
{
    const int32_t side = 2 * m.o.radius + 1, n_around = side * side;
    for (uint32_t k = threadIdx.x / 32; k < n; k += BLOCK / 32) {
        const uint32_t i = ~(uint32_t)found[k];
        uint32_t column = i;
        const int32_t row = (int32_t)tro_div_rest(column, m.o.w);
        const float v = m.at(row, (int32_t)column);
        bool is_exceeded = false;
        for (int32_t at = (int32_t)threadIdx.x % 32; at < n_around; at += 32)
            is_exceeded |= m.exceeds(row + at / side - m.o.radius,
                                     (int32_t)column + at % side - m.o.radius, v, i);
        if (__ballot_sync(ALL, is_exceeded) && threadIdx.x % 32 == 0)
            found[k] = NONE;
    }
    __syncthreads();
}

static __device__ __forceinline__ uint64_t find_in(const uint64_t *found, uint32_t n, uint64_t last)
{
    uint64_t best = NONE;
    for (uint32_t k = threadIdx.x; k < n; k += BLOCK)
        if (found[k] < last && found[k] > best)
            best = found[k];
    return over_block(best);
}
#endif

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

/* The next peak. */
struct finder {
    const map &m;
    const uint64_t *found;
    uint32_t n_found;

    __device__ __forceinline__ uint64_t below(uint64_t last) const
    {
#if !IS_ONE
        if (n_found <= FOUND)
            return find_in(found, n_found, last);
#endif
        return find(m, last);
    }
};

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    TRO_SHARED(shared);
    const tro_peaks_params &o = p.own;
    const uint32_t index = blockIdx.y * gridDim.x + blockIdx.x;
    tro_wait();
    tro_launch_next();
    const map m = {(const IN_T *)p.ptr[0] + (int32_t)blockIdx.y * o.of_n +
                       (int32_t)blockIdx.x * o.of_c,
                   (const float *)shared, o};
    float *const out = (float *)p.ptr[TRO_N_IN] + (int64_t)index * o.n_peaks * 3;
    copy_in(m, (float *)shared);
#if IS_ONE
    const finder all = {m, NULL, 0};
#else
    __shared__ uint64_t found[FOUND];
    const finder all = {m, found, gather(m, found)};
    if (all.n_found <= FOUND)
        sift(m, found, all.n_found);
#endif
    uint64_t last = ~NONE;
    int32_t n = 0;
    for (; n < o.n_peaks; n++) {
        last = all.below(last);
        if (last == NONE)
            break;
        if (threadIdx.x == 0)
            store(m, last, out + 3 * n);
    }
    for (int32_t i = 3 * n + (int32_t)threadIdx.x; i < 3 * o.n_peaks; i += BLOCK)
        out[i] = i % 3 == 2 ? 0.0F : -1.0F;
}
