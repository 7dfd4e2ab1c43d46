/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/assign.h"

#include <math.h>
#include <stdbool.h>

#define MAX_ALL (TRO_ASSIGN_MAX_COLUMNS + TRO_ASSIGN_MAX_ROWS)

/* The Hungarian method by shortest augmenting paths. Behind the columns lies one for each row that
 * means "alone". Rows and columns count from 1; 0 is none. */
struct state {
    int n_rows, n_columns; /* with those of "alone" */
    int n_real;
    const float *cost;
    float alone;
    double row_price[TRO_ASSIGN_MAX_ROWS + 1], column_price[MAX_ALL + 1];
    int row_of[MAX_ALL + 1]; /* of a column */
    int from[MAX_ALL + 1];   /* the column before it on the path */
    double slack[MAX_ALL + 1];
    bool is_done[MAX_ALL + 1];
};

static double cost_of(const struct state *s, int row, int column)
{
    if (column > s->n_real)
        return column - s->n_real == row ? (double)s->alone : HUGE_VAL;
    return (double)s->cost[(row - 1) * TRO_ASSIGN_MAX_COLUMNS + column - 1];
}

/* The nearest column that is not on the path yet; updates slacks by way of `at`. */
static int nearest(struct state *s, int at)
{
    const int row = s->row_of[at];
    int best = 0;
    for (int j = 1; j <= s->n_columns; j++) {
        if (s->is_done[j])
            continue;
        const double slack = cost_of(s, row, j) - s->row_price[row] - s->column_price[j];
        if (slack < s->slack[j]) {
            s->slack[j] = slack;
            s->from[j] = at;
        }
        if (s->slack[j] < HUGE_VAL && (best == 0 || s->slack[j] < s->slack[best]))
            best = j;
    }
    return best;
}

static void reprice(struct state *s, double delta)
{
    for (int j = 0; j <= s->n_columns; j++) {
        if (s->is_done[j]) {
            s->row_price[s->row_of[j]] += delta;
            s->column_price[j] -= delta;
        } else {
            s->slack[j] -= delta;
        }
    }
}

/* A path from a row to a free column: there is one, since a row's own column takes it alone. */
static void add_row(struct state *s, int row)
{
    for (int j = 0; j <= s->n_columns; j++) {
        s->slack[j] = HUGE_VAL;
        s->is_done[j] = false;
    }
    s->row_of[0] = row;
    int at = 0;
    do {
        s->is_done[at] = true;
        const int next = nearest(s, at);
        reprice(s, s->slack[next]);
        at = next;
    } while (s->row_of[at]);
    for (; at; at = s->from[at])
        s->row_of[at] = s->row_of[s->from[at]];
}

void tro_assign(int n_rows, int n_columns, const float *cost, float alone, int *column)
{
    struct state s = {.n_rows = n_rows,
                      .n_columns = n_columns + n_rows,
                      .n_real = n_columns,
                      .cost = cost,
                      .alone = alone};
    for (int i = 1; i <= n_rows; i++)
        add_row(&s, i);
    for (int i = 0; i < n_rows; i++)
        column[i] = -1;
    for (int j = 1; j <= n_columns; j++)
        if (s.row_of[j])
            column[s.row_of[j] - 1] = j - 1;
}
