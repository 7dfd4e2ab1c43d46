/* SPDX-License-Identifier: Apache-2.0 */
/* A pointwise program over its whole space: a thread computes VECTOR columns of a row. IS_ONE_ROW
 * spares the division, HAS_WHOLE_ROWS what the last vector of a row lacks. */

extern "C" __global__ void __launch_bounds__(256) tro_kernel(const __grid_constant__ tro_params p)
{
    tro_launch_next();
    uint32_t vector = blockIdx.x * blockDim.x + threadIdx.x;
    const bool is_inside = vector < p.own.n_vectors;
    const uint32_t row = IS_ONE_ROW ? 0 : tro_div_rest(vector, p.own.row_vectors);
    const uint32_t col = vector * VECTOR;
    const uint32_t left = HAS_WHOLE_ROWS ? VECTOR : p.own.n_cols - col;
    TRO_POINT_ACC none[VECTOR];
    tro_wait();
    if (is_inside)
        tro_point_row<VECTOR>(p, row, col, left < VECTOR ? (int)left : VECTOR, none);
}
