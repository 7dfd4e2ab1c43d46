/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reduction along runs without gaps: a team for each kept element.
 *
 *     TEAM, VECTOR     threads; elements of a load
 *     IN_T, IS_FLOAT   of x; sums are float or 64-bit
 *     KIND, IS_MEAN    fold.cuh
 *     IS_LINE          there is one run
 *     STORE            'p' through the pointwise program, 'd' as OUT_T, 't' as a part's result
 */
#include "fold.cuh"
#include "path.cuh"
#include "team.cuh"

/* Elements from the beginning of an item to its vector i. */
static __device__ __forceinline__ int32_t vector_at(const tro_reduce_rows_params &o, uint32_t i)
{
#if IS_LINE
    return (int32_t)i * VECTOR * o.step;
#else
    const uint32_t run = tro_div_rest(i, o.n_vectors);
    return tro_path_at(o.runs, run) + (int32_t)i * VECTOR * o.step;
#endif
}

static __device__ __forceinline__ tro_acc fold_part(const tro_reduce_rows_params &o, const IN_T *x,
                                                    uint32_t part)
{
    tro_acc acc = tro_fold_start();
#pragma unroll 4
    for (uint32_t i = part * TEAM + tro_team_lane(); i < o.n_all; i += o.n_parts * TEAM) {
        IN_T v[VECTOR];
        tro_load<VECTOR, VECTOR>(v, x + vector_at(o, i));
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            acc = tro_fold()(acc, tro_acc_of(v[k]));
    }
    return acc;
}

static __device__ __forceinline__ void store(const tro_params &p, uint32_t item, uint32_t part,
                                             tro_acc acc)
{
    const tro_reduce_rows_params &o = p.own;
#if STORE == 't'
    ((tro_acc *)p.ptr[TRO_N_IN])[item * o.n_parts + part] = acc;
#else
#if IS_MEAN
    acc = acc / (tro_acc)o.n_each;
#endif
#if STORE == 'd'
    ((OUT_T *)p.ptr[TRO_N_IN])[tro_path_at(o.to, item)] = (OUT_T)acc;
#else
    float v[1] = {acc};
    uint32_t col = item;
    const uint32_t row = tro_div_rest(col, o.n_result_cols);
    tro_point_row<1>(p, row, col, 1, v);
#endif
#endif
}

extern "C" __global__ void __launch_bounds__(TRO_TEAM_BLOCK)
    tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_reduce_rows_params &o = p.own;
    const uint32_t index = tro_team_index(), item = index < o.n_items ? index : o.n_items - 1;
    tro_wait();
    tro_launch_next();
    const IN_T *const x = (const IN_T *)p.ptr[0] + tro_path_at(o.kept, item);
    const tro_acc acc = tro_team_fold(fold_part(o, x, blockIdx.y), tro_fold());
    if (index < o.n_items && tro_team_lane() == 0)
        store(p, item, blockIdx.y, acc);
}
