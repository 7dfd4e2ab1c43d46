/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line and the team that works on it. Up to KEPT vectors of a thread stay in registers; where
 * that is 0 a line is read again each time.
 */
#ifndef TRO_CUDA_KERNELS_LINE_CUH
#define TRO_CUDA_KERNELS_LINE_CUH

#include "path.cuh"
#include "team.cuh"

static __device__ __forceinline__ void tro_line_split(const struct tro_line &o, uint32_t &i,
                                                      uint32_t &run)
{
#if IS_LINE
    run = 0;
#else
    run = tro_div_rest(i, o.n_vectors);
#endif
}

static __device__ __forceinline__ void tro_line_load(const struct tro_line &o, const IN_T *x,
                                                     uint32_t i, float (&v)[VECTOR])
{
    IN_T from[VECTOR];
    uint32_t run;
    tro_line_split(o, i, run);
    const int32_t at = (IS_LINE ? 0 : tro_path_at(o.runs, run)) + (int32_t)i * VECTOR * o.step;
    tro_load<VECTOR, VECTOR>(from, x + at);
#pragma unroll
    for (int k = 0; k < VECTOR; k++)
        v[k] = tro_float(from[k]);
}

struct tro_line_values {
#if KEPT
    float v[KEPT][VECTOR];
#endif
    const IN_T *x;
};

static __device__ __forceinline__ void tro_line_begin(const struct tro_line &o, const IN_T *x,
                                                      tro_line_values &values)
{
    values.x = x;
#if KEPT
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (k * TEAM + tro_team_lane() < o.n_all)
            tro_line_load(o, x, k * TEAM + tro_team_lane(), values.v[k]);
#endif
}

/* f(i, values of vector i) for each vector of this thread. */
template <typename F>
static __device__ __forceinline__ void tro_line_each(const struct tro_line &o,
                                                     const tro_line_values &values, F f)
{
#if KEPT
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (k * TEAM + tro_team_lane() < o.n_all)
            f(k * TEAM + tro_team_lane(), values.v[k]);
#else
#pragma unroll 2
    for (uint32_t i = tro_team_lane(); i < o.n_all; i += TEAM) {
        float v[VECTOR];
        tro_line_load(o, values.x, i, v);
        f(i, v);
    }
#endif
}

/* Vector i of a line to its place in the result. */
static __device__ __forceinline__ void tro_line_store(const tro_params &p, const struct tro_line &o,
                                                      uint32_t line, uint32_t i,
                                                      float (&acc)[VECTOR])
{
    uint32_t run;
    tro_line_split(o, i, run);
    tro_point_row<VECTOR>(p, line * o.n_runs + run, i * VECTOR, VECTOR, acc);
}

#endif
