/* SPDX-License-Identifier: Apache-2.0 */
/* Ways in the picture: the least sum of steps over a grid of cells, pulled straight afterwards. */
#include "console/core/geometry.h"

#include <math.h>
#include <string.h>

#define COLUMNS 64 /* of the grid over the frame, which is not higher than wide for long */
#define MAX_ROWS 64
#define MAX_CELLS (COLUMNS * MAX_ROWS)
/* Costs of steps. */
#define STRAIGHT 70
#define DIAGONAL 99
#define INSIDE 8 /* times as much in what an end lies in, so that it is left by a short way */
#define NEVER INT32_MAX

struct field {
    float side_px; /* of a cell */
    int rows;
    bool is_avoided[MAX_CELLS];
    bool is_around_end[MAX_CELLS]; /* avoided, but hangs together with an end */
    int32_t cost[MAX_CELLS];       /* to the end */
    int n;
    int cells[MAX_CELLS]; /* the way, from its start; before, those that were reached */
};

static int cell_at(const struct field *d, float x, float y)
{
    const int column = (int)fminf(fmaxf(x / d->side_px, 0), COLUMNS - 1);
    const int row = (int)fminf(fmaxf(y / d->side_px, 0), (float)(d->rows - 1));
    return row * COLUMNS + column;
}

/* Cells that a run of the map reaches, and those beside them. */
static void avoid(struct field *d, const struct tro_findings *map, int64_t first, int64_t n)
{
    const float cell_width = (float)map->width / (float)map->map_width;
    const float cell_height = (float)map->height / (float)map->map_height;
    for (int64_t i = first; i < first + n; i++) {
        const float x = ((float)(i % map->map_width) + 0.5f) * cell_width;
        const float y = ((float)(i / map->map_width) + 0.5f) * cell_height;
        const float reach = d->side_px * 0.64f;
        for (int k = 0; k < 9; k++)
            d->is_avoided[cell_at(d, x + (float)(k % 3 - 1) * reach,
                                  y + (float)(k / 3 - 1) * reach)] = true;
    }
}

static void fill(struct field *d, const struct tro_findings *map, uint64_t labels)
{
    d->side_px = (float)map->width / COLUMNS;
    const int rows = (int)ceilf((float)map->height / d->side_px);
    d->rows = rows < MAX_ROWS ? rows : MAX_ROWS;
    d->side_px = fmaxf(d->side_px, (float)map->height / (float)d->rows);
    memset(d->is_avoided, 0, sizeof(d->is_avoided));
    memset(d->is_around_end, 0, sizeof(d->is_around_end));
    int64_t at = 0;
    for (int i = 0; i < map->n_runs; i++) {
        if (labels >> map->runs[i].label & 1)
            avoid(d, map, at, map->runs[i].length);
        at += map->runs[i].length;
    }
}

/* Neighbour k of 8, or -1 beyond the grid. */
static int neighbour(const struct field *d, int cell, int k)
{
    static const int8_t steps[8][2] = {{1, 0}, {0, 1},  {-1, 0},  {0, -1},
                                       {1, 1}, {-1, 1}, {-1, -1}, {1, -1}};
    const int column = cell % COLUMNS + steps[k][0], row = cell / COLUMNS + steps[k][1];
    return column < 0 || row < 0 || column >= COLUMNS || row >= d->rows ? -1
                                                                        : row * COLUMNS + column;
}

/* What has to be gone through, since an end lies in it. */
static void open_around(struct field *d, int end)
{
    if (!d->is_avoided[end] || d->is_around_end[end])
        return;
    d->n = 0;
    d->is_around_end[end] = true;
    d->cells[d->n++] = end;
    for (int i = 0; i < d->n; i++) {
        for (int k = 0; k < 8; k++) {
            const int to = neighbour(d, d->cells[i], k);
            if (to < 0 || !d->is_avoided[to] || d->is_around_end[to])
                continue;
            d->is_around_end[to] = true;
            d->cells[d->n++] = to;
        }
    }
}

static int32_t step_cost(const struct field *d, int cell, int k)
{
    return (k < 4 ? STRAIGHT : DIAGONAL) * (d->is_around_end[cell] ? INSIDE : 1);
}

static bool relax(struct field *d, int cell)
{
    bool is_less = false;
    if (d->is_avoided[cell] && !d->is_around_end[cell])
        return false;
    for (int k = 0; k < 8; k++) {
        const int from = neighbour(d, cell, k);
        if (from >= 0 && d->cost[from] != NEVER &&
            d->cost[from] + step_cost(d, cell, k) < d->cost[cell]) {
            d->cost[cell] = d->cost[from] + step_cost(d, cell, k);
            is_less = true;
        }
    }
    return is_less;
}

/* Sweeps there and back until nothing becomes less: few times, since ways bend seldom. */
static void spread(struct field *d, int end)
{
    const int n = d->rows * COLUMNS;
    for (int i = 0; i < n; i++)
        d->cost[i] = NEVER;
    d->cost[end] = 0;
    for (bool is_less = true; is_less;) {
        is_less = false;
        for (int i = 0; i < n; i++)
            is_less = relax(d, i) || is_less;
        for (int i = n - 1; i >= 0; i--)
            is_less = relax(d, i) || is_less;
    }
}

static void trace(struct field *d, int start, int end)
{
    d->n = 0;
    d->cells[d->n++] = start;
    for (int at = start; at != end; d->cells[d->n++] = at) {
        int best = -1;
        for (int k = 0; k < 8; k++) {
            const int to = neighbour(d, at, k);
            if (to >= 0 && (best < 0 || d->cost[to] < d->cost[best]))
                best = to;
        }
        at = best;
    }
}

/* How many steps of half a cell on the straight line between two cells are to be avoided. */
static int n_avoided(const struct field *d, int a, int b)
{
    const float ax = (float)(a % COLUMNS) + 0.5f, ay = (float)(a / COLUMNS) + 0.5f;
    const float dx = (float)(b % COLUMNS - a % COLUMNS), dy = (float)(b / COLUMNS - a / COLUMNS);
    const int n = (int)ceilf(2 * hypotf(dx, dy));
    int sum = 0;
    for (int i = 0; i <= n; i++) {
        const float t = n > 0 ? (float)i / (float)n : 0;
        sum += d->is_avoided[cell_at(d, (ax + t * dx) * d->side_px, (ay + t * dy) * d->side_px)];
    }
    return sum;
}

/* The farthest cell of the way that a straight line reaches through no more of what is avoided than
 * the way itself does. */
static int pull(const struct field *d, int from)
{
    int best = from + 1, n = d->is_avoided[d->cells[from]];
    for (int i = from + 1; i < d->n; i++) {
        n += d->is_avoided[d->cells[i]];
        if (n_avoided(d, d->cells[from], d->cells[i]) <= (n > 0 ? 2 * n + 1 : 0))
            best = i;
    }
    return best;
}

static void add(struct tro_path *p, float x, float y)
{
    if (p->n > 0)
        p->length_px += hypotf(x - p->x[p->n - 1], y - p->y[p->n - 1]);
    p->x[p->n] = x;
    p->y[p->n++] = y;
}

enum tro_evidence tro_geometry_path(const struct tro_findings *map, uint64_t labels, float ax,
                                    float ay, float bx, float by, struct tro_path *out)
{
    struct field d;
    if (map->n_runs == 0)
        return TRO_EVIDENCE_ABSENT;
    fill(&d, map, labels);
    const int start = cell_at(&d, ax, ay), end = cell_at(&d, bx, by);
    open_around(&d, start);
    open_around(&d, end);
    spread(&d, end);
    if (d.cost[start] == NEVER)
        return TRO_EVIDENCE_BLOCKED;
    trace(&d, start, end);
    struct tro_path p = {0};
    add(&p, ax, ay);
    for (int i = 0; i + 1 < d.n;) {
        i = pull(&d, i);
        if (i + 1 >= d.n)
            break;
        if (p.n + 1 >= TRO_PATH_POINTS)
            return TRO_EVIDENCE_BLOCKED;
        add(&p, ((float)(d.cells[i] % COLUMNS) + 0.5f) * d.side_px,
            ((float)(d.cells[i] / COLUMNS) + 0.5f) * d.side_px);
    }
    add(&p, bx, by);
    *out = p;
    return TRO_EVIDENCE_ENOUGH;
}

enum tro_evidence tro_geometry_path_mm(const struct tro_geometry *g,
                                       const struct tro_findings *depth,
                                       const struct tro_path *path, float *mm)
{
    struct tro_point3 last;
    enum tro_evidence e = tro_geometry_place(g, depth, path->x[0], path->y[0], &last);
    float sum = 0;
    for (int i = 1; i < path->n && e == TRO_EVIDENCE_ENOUGH; i++) {
        const float x = path->x[i - 1], y = path->y[i - 1];
        const float dx = path->x[i] - x, dy = path->y[i] - y;
        const int n = 1 + (int)(hypotf(dx, dy) * COLUMNS / (float)depth->width);
        for (int k = 1; k <= n && e == TRO_EVIDENCE_ENOUGH; k++) {
            const float t = (float)k / (float)n;
            struct tro_point3 here;
            e = tro_geometry_place(g, depth, x + t * dx, y + t * dy, &here);
            if (e == TRO_EVIDENCE_ENOUGH) {
                sum += tro_geometry_distance_mm(&last, &here);
                last = here;
            }
        }
    }
    if (e == TRO_EVIDENCE_ENOUGH)
        *mm = sum;
    return e;
}
