/* SPDX-License-Identifier: Apache-2.0 */
/*
 * (x - mean) / sqrt(variance + epsilon) of lines, a team for each; the variance is of what is left
 * when the mean is taken off.
 *
 *     TEAM, VECTOR, KEPT, IS_LINE   team.cuh, line.cuh
 *     IN_T                          of x
 *     IS_RMS                        no mean is taken off
 */
#include "line.cuh"

extern "C" __global__ void __launch_bounds__(TRO_TEAM_BLOCK)
    tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_line &o = p.own.line;
    const uint32_t index = tro_team_index(), line = index < o.n_lines ? index : o.n_lines - 1;
    tro_line_values values;
    float mean = 0, square = 0;
    tro_wait();
    tro_launch_next();
    tro_line_begin(o, (const IN_T *)p.ptr[0] + tro_path_at(o.kept, line), values);
#if !IS_RMS
    tro_line_each(o, values, [&](uint32_t, const float(&v)[VECTOR]) {
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            mean += v[k];
    });
    mean = tro_team_fold(mean, tro_fold_sum()) / p.own.n;
#endif
    tro_line_each(o, values, [&](uint32_t, const float(&v)[VECTOR]) {
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            square = fmaf(v[k] - mean, v[k] - mean, square);
    });
    square = tro_team_fold(square, tro_fold_sum());
    const float scale = 1.0F / sqrtf(square / p.own.n + p.own.epsilon);
    if (index >= o.n_lines)
        return;
    tro_line_each(o, values, [&](uint32_t i, const float(&v)[VECTOR]) {
        float acc[VECTOR];
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            acc[k] = (v[k] - mean) * scale;
        tro_line_store(p, o, line, i, acc);
    });
}
