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
#pragma unroll 4
    for (uint32_t i = first + threadIdx.x * VECTOR; i < end; i += BLOCK * VECTOR) {
        IN_T from[VECTOR];
        uint32_t inner = i;
        const uint32_t line = tro_div_rest(inner, o.inner);
        tro_load<VECTOR, VECTOR>(from, x + (int32_t)line * o.of_line + (int32_t)inner * o.of_inner);
#pragma unroll
        for (int k = 0; k < VECTOR; k++) {
            const float v = tro_float(from[k]);
            const uint32_t index = line * o.line_weight + (inner + k) * o.inner_weight;
            if (v >= o.least && index - o.first_skipped >= o.n_skipped)
                keys[atomicAdd(&n_found, 1U)] = tro_score_key(v, index);
        }
    }
    __syncthreads();
    if (threadIdx.x == 0)
        ((uint32_t *)p.ptr[TRO_N_IN + 1])[block] = n_found;
}
