/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scores from a threshold on, as keys. A block has a piece of one picture's scores and of the keys'
 * memory. Keys lie there in the order in which threads came: it tells nothing, since they are all
 * different and are sorted afterwards.
 *
 *     IN_T      of scores
 *     VECTOR    scores that are loaded together
 */
#include "boxes.cuh"

#define BLOCK 256

/* Vectors of a thread that are under way at a time: 2048 scores of a block. */
#define AHEAD (2048 / BLOCK / VECTOR)

/* The scores from item i on, those of one line. */
static __device__ __forceinline__ void load(const tro_detect_filter_params &o, const IN_T *x,
                                            uint32_t i, IN_T (&to)[VECTOR])
{
    const uint32_t line = tro_div_rest(i, o.inner);
    tro_load<VECTOR, VECTOR>(to, x + (int32_t)line * o.of_line + (int32_t)i * o.of_inner);
}

static __device__ __forceinline__ void keep(const tro_detect_filter_params &o,
                                            const IN_T (&from)[VECTOR], uint32_t i, uint64_t *keys,
                                            uint32_t &n_found)
{
#pragma unroll
    for (uint32_t k = 0; k < VECTOR; k++) {
        const float v = tro_float(from[k]);
        if (!(v >= o.least))
            continue;
        uint32_t inner = i + k;
        const uint32_t line = tro_div_rest(inner, o.inner);
        const uint32_t index = line * o.line_weight + inner * o.inner_weight;
        if (index - o.first_skipped >= o.n_skipped)
            keys[atomicAdd(&n_found, 1U)] = tro_score_key(v, index);
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    __shared__ uint32_t n_found;
    const tro_detect_filter_params &o = p.own;
    const uint32_t picture = blockIdx.y, first = blockIdx.x * o.pieces.piece;
    const uint32_t end = min(first + o.pieces.piece, o.n);
    const uint32_t block = picture * o.pieces.n_blocks + blockIdx.x;
    const IN_T *const x = (const IN_T *)p.ptr[0] + (int64_t)picture * o.of_picture;
    uint64_t *const keys = (uint64_t *)p.ptr[TRO_N_IN] + (int64_t)block * o.pieces.piece;
    if (threadIdx.x == 0)
        n_found = 0;
    __syncthreads();
    tro_wait();
    tro_launch_next();
    for (uint32_t i = first + threadIdx.x * VECTOR; i < end; i += BLOCK * VECTOR * AHEAD) {
        IN_T from[AHEAD][VECTOR];
#pragma unroll
        for (uint32_t k = 0; k < AHEAD; k++)
            if (i + k * BLOCK * VECTOR < end)
                load(o, x, i + k * BLOCK * VECTOR, from[k]);
#pragma unroll
        for (uint32_t k = 0; k < AHEAD; k++)
            if (i + k * BLOCK * VECTOR < end)
                keep(o, from[k], i + k * BLOCK * VECTOR, keys, n_found);
    }
    __syncthreads();
    if (threadIdx.x == 0)
        ((uint32_t *)p.ptr[TRO_N_IN + 1])[block] = n_found;
}
