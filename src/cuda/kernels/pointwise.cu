/* SPDX-License-Identifier: Apache-2.0 */
/* A pointwise program over its whole space: a thread computes VECTOR columns of ROWS rows.
 * IS_ONE_ROW spares the division, HAS_WHOLE_ROWS what the last vector of a row or the last rows
 * lack. */

extern "C" __global__ void __launch_bounds__(256) tro_kernel(const __grid_constant__ tro_params p)
{
    tro_launch_next();
    uint32_t vector = blockIdx.x * blockDim.x + threadIdx.x;
    const bool is_inside = vector < p.own.n_vectors;
    const uint32_t first = IS_ONE_ROW ? 0 : ROWS * tro_div_rest(vector, p.own.row_vectors);
    const uint32_t col = vector * VECTOR;
    const uint32_t left = HAS_WHOLE_ROWS ? VECTOR : p.own.n_cols - col;
    uint32_t row[ROWS];
    int n[ROWS];
    TRO_POINT_ACC none[ROWS][VECTOR];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        row[r] = first + r;
        n[r] = !HAS_WHOLE_ROWS && row[r] >= p.own.n_rows ? 0 : left < VECTOR ? (int)left : VECTOR;
    }
    tro_wait();
    if (is_inside)
        tro_point_rows<VECTOR, ROWS>(p, row, col, n, none);
}
