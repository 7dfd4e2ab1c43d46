/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an instrument: lengths along its patch of a map, whatever its bends. */
#include "console/core/geometry.h"

#include <math.h>
#include <string.h>

#define SIDE 64 /* cells of the longest box; a smaller one has a cell for each pixel of the map */
#define MAX_CELLS (SIDE * SIDE)
#define FAR_SHARE 0.95f /* of the greatest length: what counts as the end */

enum cell { NOTHING, REST, END };

struct patch {
    float x0, y0, cell_width, cell_height; /* in the frame */
    int columns, rows;
    uint8_t kind[MAX_CELLS];  /* enum cell */
    uint16_t part[MAX_CELLS]; /* number of its patch, from 1 */
    uint16_t queue[MAX_CELLS];
    float length[MAX_CELLS]; /* from the rest, px; below 0: not reached */
};

static int cells_along(float length, float px)
{
    const float n = ceilf(length / px);
    return n < 1 ? 1 : n > SIDE ? SIDE : (int)n;
}

static void lay(struct patch *p, const struct tro_findings *map, const struct tro_finding *box)
{
    const float width = fmaxf(box->x1 - box->x0, 1), height = fmaxf(box->y1 - box->y0, 1);
    p->x0 = box->x0;
    p->y0 = box->y0;
    p->columns = cells_along(width, (float)map->width / (float)map->map_width);
    p->rows = cells_along(height, (float)map->height / (float)map->map_height);
    p->cell_width = width / (float)p->columns;
    p->cell_height = height / (float)p->rows;
    memset(p->kind, NOTHING, sizeof(p->kind));
    memset(p->part, 0, sizeof(p->part));
}

/* Pixels of a run into the cells that they lie in; an end wins over the rest. */
static void put_run(struct patch *p, const struct tro_findings *map, int64_t first, int n,
                    enum cell kind)
{
    const float px_width = (float)map->width / (float)map->map_width;
    const float px_height = (float)map->height / (float)map->map_height;
    for (int64_t i = first; i < first + n; i++) {
        const float x = (((float)(i % map->map_width) + 0.5f) * px_width - p->x0) / p->cell_width;
        const float y = (((float)(i / map->map_width) + 0.5f) * px_height - p->y0) / p->cell_height;
        if (!(x >= 0 && y >= 0 && x < (float)p->columns && y < (float)p->rows))
            continue;
        uint8_t *const cell = &p->kind[(int)y * p->columns + (int)x];
        if (*cell < kind)
            *cell = (uint8_t)kind;
    }
}

static void put_map(struct patch *p, const struct tro_findings *map, uint64_t ends, uint64_t rest)
{
    int64_t at = 0;
    for (int i = 0; i < map->n_runs; i++) {
        const struct tro_run *const run = &map->runs[i];
        if (ends >> run->label & 1)
            put_run(p, map, at, run->length, END);
        else if (rest >> run->label & 1)
            put_run(p, map, at, run->length, REST);
        at += run->length;
    }
}

/* Neighbour k of 8, or -1. */
static int neighbour(const struct patch *p, int cell, int k)
{
    const int i = k < 4 ? k : k + 1;
    const int column = cell % p->columns + i % 3 - 1, row = cell / p->columns + i / 3 - 1;
    const bool is_inside = column >= 0 && row >= 0 && column < p->columns && row < p->rows;
    return is_inside && p->kind[row * p->columns + column] ? row * p->columns + column : -1;
}

/* Numbers what hangs together with a cell; how many cells that are. */
static int number(struct patch *p, int first, int part)
{
    int n = 0;
    p->part[first] = (uint16_t)part;
    p->queue[n++] = (uint16_t)first;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < 8; k++) {
            const int to = neighbour(p, p->queue[i], k);
            if (to < 0 || p->part[to])
                continue;
            p->part[to] = (uint16_t)part;
            p->queue[n++] = (uint16_t)to;
        }
    }
    return n;
}

/* Empties all cells but those of the largest patch that has an end. */
static void keep_largest(struct patch *p)
{
    const int n = p->columns * p->rows;
    int most = 0, best = 0, n_parts = 0;
    for (int i = 0; i < n; i++) {
        if (p->kind[i] != END || p->part[i])
            continue;
        const int size = number(p, i, ++n_parts);
        if (size > most) {
            most = size;
            best = n_parts;
        }
    }
    for (int i = 0; i < n; i++)
        if (p->part[i] != best)
            p->kind[i] = NOTHING;
}

/* Lengths begin at the rest, or at the cell that is the nearest to the box's outer corner. */
static void begin(struct patch *p, const struct tro_findings *map, const struct tro_finding *box)
{
    const float middle_x = (float)map->width / 2, middle_y = (float)map->height / 2;
    const float x = fabsf(box->x0 - middle_x) > fabsf(box->x1 - middle_x) ? box->x0 : box->x1;
    const float y = fabsf(box->y0 - middle_y) > fabsf(box->y1 - middle_y) ? box->y0 : box->y1;
    bool has_rest = false;
    int nearest = -1;
    float least = HUGE_VALF;
    for (int i = 0; i < p->columns * p->rows; i++) {
        p->length[i] = p->kind[i] == REST ? 0 : -1;
        has_rest = has_rest || p->kind[i] == REST;
        const float dx = p->x0 + ((float)(i % p->columns) + 0.5f) * p->cell_width - x;
        const float dy = p->y0 + ((float)(i / p->columns) + 0.5f) * p->cell_height - y;
        if (p->kind[i] == END && dx * dx + dy * dy < least) {
            least = dx * dx + dy * dy;
            nearest = i;
        }
    }
    if (!has_rest && nearest >= 0)
        p->length[nearest] = 0;
}

static bool relax(struct patch *p, int cell)
{
    bool is_less = false;
    for (int k = 0; p->kind[cell] == END && k < 8; k++) {
        const int from = neighbour(p, cell, k);
        if (from < 0 || p->length[from] < 0)
            continue;
        const float dx = from % p->columns != cell % p->columns ? p->cell_width : 0;
        const float dy = from / p->columns != cell / p->columns ? p->cell_height : 0;
        const float length = p->length[from] + sqrtf(dx * dx + dy * dy);
        if (p->length[cell] < 0 || length < p->length[cell]) {
            p->length[cell] = length;
            is_less = true;
        }
    }
    return is_less;
}

static float spread(struct patch *p)
{
    const int n = p->columns * p->rows;
    for (bool is_less = true; is_less;) {
        is_less = false;
        for (int i = 0; i < n; i++)
            is_less = relax(p, i) || is_less;
        for (int i = n - 1; i >= 0; i--)
            is_less = relax(p, i) || is_less;
    }
    float most = 0;
    for (int i = 0; i < n; i++)
        most = fmaxf(most, p->length[i]);
    return most;
}

enum tro_evidence tro_geometry_tip(const struct tro_geometry *g, const struct tro_findings *map,
                                   uint64_t ends, uint64_t rest, const struct tro_finding *box,
                                   float *x, float *y)
{
    struct patch p;
    if (!box || map->n_runs == 0)
        return TRO_EVIDENCE_ABSENT;
    lay(&p, map, box);
    put_map(&p, map, ends, rest);
    keep_largest(&p);
    int n_ends = 0;
    for (int i = 0; i < p.columns * p.rows; i++)
        n_ends += p.kind[i] == END;
    if (n_ends == 0)
        return TRO_EVIDENCE_ABSENT;
    if (n_ends < g->n_near)
        return TRO_EVIDENCE_SMALL;
    begin(&p, map, box);
    const float far = spread(&p) * FAR_SHARE;
    float sx = 0, sy = 0, n = 0;
    for (int i = 0; i < p.columns * p.rows; i++) {
        if (p.kind[i] != END || p.length[i] < far)
            continue;
        sx += (float)(i % p.columns) + 0.5f;
        sy += (float)(i / p.columns) + 0.5f;
        n++;
    }
    *x = p.x0 + sx / n * p.cell_width;
    *y = p.y0 + sy / n * p.cell_height;
    return TRO_EVIDENCE_ENOUGH;
}
