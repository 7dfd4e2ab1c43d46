/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax along an axis with gaps: a thread for each vector of columns, which reads its elements
 * again for the sum and for the result.
 *
 *     BLOCK, VECTOR, IN_T   threads; elements of a load; of x
 *     IS_LOG, IS_FAST       the logarithm; exp.cuh
 */
#include "exp.cuh"
#include "path.cuh"

static __device__ __forceinline__ void load(const IN_T *x, float (&v)[VECTOR])
{
    IN_T from[VECTOR];
    tro_load<VECTOR, VECTOR>(from, x);
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        v[k] = tro_float(from[k]);
}

static __device__ __forceinline__ void find_greatest(const tro_softmax_cols_params &o,
                                                     const IN_T *x, float (&greatest)[VECTOR])
{
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        greatest[k] = -__int_as_float(0x7f800000);
#pragma unroll 4
    for (uint32_t i = 0; i < o.n; i++) {
        float v[VECTOR];
        load(x + (int32_t)i * o.step, v);
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            greatest[k] = v[k] > greatest[k] || v[k] != v[k] ? v[k] : greatest[k];
    }
}

static __device__ __forceinline__ void find_scale(const tro_softmax_cols_params &o, const IN_T *x,
                                                  const float (&greatest)[VECTOR],
                                                  float (&scale)[VECTOR])
{
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        scale[k] = 0;
#pragma unroll 4
    for (uint32_t i = 0; i < o.n; i++) {
        float v[VECTOR];
        load(x + (int32_t)i * o.step, v);
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            scale[k] += tro_exp(v[k] - greatest[k]);
    }
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        scale[k] = IS_LOG ? logf(scale[k]) : 1.0F / scale[k];
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_softmax_cols_params &o = p.own;
    const uint32_t index = blockIdx.x * BLOCK + threadIdx.x;
    tro_wait();
    tro_launch_next();
    if (index >= o.n_threads)
        return;
    uint32_t col = index;
    const uint32_t item = tro_div_rest(col, o.n_vectors);
    col *= VECTOR;
    const IN_T *const x = (const IN_T *)p.ptr[0] + tro_path_at(o.kept, item) + col;
    float greatest[VECTOR], scale[VECTOR];
    find_greatest(o, x, greatest);
    find_scale(o, x, greatest, scale);
#pragma unroll 2
    for (uint32_t i = 0; i < o.n; i++) {
        float v[VECTOR];
        load(x + (int32_t)i * o.step, v);
#pragma unroll
        for (int k = 0; k < VECTOR; k++) {
            const float shifted = v[k] - greatest[k];
            v[k] = IS_LOG ? shifted - scale[k] : tro_exp(shifted) * scale[k];
        }
        tro_point_row<VECTOR>(p, item * o.n + i, col, VECTOR, v);
    }
}
