/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax of lines without gaps, a team for each.
 *
 *     TEAM, VECTOR, KEPT, IS_LINE   team.cuh, line.cuh
 *     IN_T                          of x
 *     IS_LOG, IS_FAST               the logarithm; exp.cuh
 */
#include "exp.cuh"
#include "line.cuh"

extern "C" __global__ void __launch_bounds__(TRO_TEAM_BLOCK)
    tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_line &o = p.own.line;
    const uint32_t index = tro_team_index(), line = index < o.n_lines ? index : o.n_lines - 1;
    tro_line_values values;
    float greatest = -__int_as_float(0x7f800000), sum = 0;
    tro_wait();
    tro_launch_next();
    tro_line_begin(o, (const IN_T *)p.ptr[0] + tro_path_at(o.kept, line), values);
    tro_line_each(o, values, [&](uint32_t, const float(&v)[VECTOR]) {
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            greatest = tro_fold_max()(greatest, v[k]);
    });
    greatest = tro_team_fold(greatest, tro_fold_max());
    tro_line_each(o, values, [&](uint32_t, const float(&v)[VECTOR]) {
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            sum += tro_exp(v[k] - greatest);
    });
    sum = tro_team_fold(sum, tro_fold_sum());
    if (index >= o.n_lines)
        return;
    const float scale = IS_LOG ? logf(sum) : 1.0F / sum;
    tro_line_each(o, values, [&](uint32_t i, const float(&v)[VECTOR]) {
        float acc[VECTOR];
#pragma unroll
        for (int k = 0; k < VECTOR; k++)
            acc[k] = IS_LOG ? v[k] - greatest - scale : tro_exp(v[k] - greatest) * scale;
        tro_line_store(p, o, line, i, acc);
    });
}
