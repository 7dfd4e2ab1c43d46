/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to columns, one each, at the least sum of costs. */
#ifndef TRO_CONSOLE_CORE_ASSIGN_H
#define TRO_CONSOLE_CORE_ASSIGN_H

#define TRO_ASSIGN_MAX_ROWS 128
#define TRO_ASSIGN_MAX_COLUMNS 256

/* cost: n_rows x n_columns, rows TRO_ASSIGN_MAX_COLUMNS apart, finite or HUGE_VALF for pairs that
 * may not be; a row may stay without a column at the cost `alone`. column[row]: its column or -1.
 * Equal sums: the same input gives the same answer. No allocation; O(rows^2 (rows + columns)). */
void tro_assign(int n_rows, int n_columns, const float *cost, float alone, int *column);

#endif
