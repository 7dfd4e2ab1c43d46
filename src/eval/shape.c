/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/shape.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"

/* ---- polygons ------------------------------------------------------------------------------- */

struct edge {
    int first, end; /* rows whose centres it crosses */
    double x0, y0, x1, y1;
};

/* The first pixel whose centre is not before v. */
static int first_from(double v, int n)
{
    const double at = ceil(v - 0.5);
    return at < 0 ? 0 : at > n ? n : (int)at;
}

static int by_first(const void *a, const void *b)
{
    const struct edge *const x = a, *const y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Those that cross a row's centre at all, from the top. */
static int find_edges(const struct tro_truth_shape *s, int height, struct edge *edges)
{
    const int n_corners = s->n / 2;
    int n = 0;
    for (int i = 0; i < n_corners; i++) {
        const double *const a = s->numbers + 2 * i;
        const double *const b = s->numbers + 2 * ((i + 1) % n_corners);
        const double *const top = a[1] < b[1] ? a : b, *const bottom = top == a ? b : a;
        const struct edge e = {first_from(top[1], height),
                               first_from(bottom[1], height),
                               top[0],
                               top[1],
                               bottom[0],
                               bottom[1]};
        if (e.first < e.end)
            edges[n++] = e;
    }
    qsort(edges, (size_t)n, sizeof(*edges), by_first);
    return n;
}

static void fill_row(const double *crossings, int n, int width, uint8_t label, uint8_t *row)
{
    for (int i = 0; i + 1 < n; i += 2) {
        const int end = first_from(crossings[i + 1], width);
        for (int x = first_from(crossings[i], width); x < end; x++)
            row[x] = label;
    }
}

/* Edges from `begin` to `end` may cross the row; those that ended stay behind. */
static void draw_rows(struct edge *edges, int n_edges, double *crossings,
                      const struct tro_truth_shape *s, int width, int height, uint8_t *labels)
{
    int n_active = 0, n_seen = 0;
    for (int y = n_edges ? edges[0].first : height; y < height; y++) {
        int n = 0, n_kept = 0;
        while (n_seen < n_edges && edges[n_seen].first <= y)
            edges[n_active++] = edges[n_seen++];
        for (int i = 0; i < n_active; i++) {
            const struct edge e = edges[i];
            if (e.end <= y)
                continue;
            edges[n_kept++] = e;
            crossings[n++] = e.x0 + (y + 0.5 - e.y0) * (e.x1 - e.x0) / (e.y1 - e.y0);
        }
        n_active = n_kept;
        qsort(crossings, (size_t)n, sizeof(*crossings), by_value);
        fill_row(crossings, n, width, s->label, labels + (int64_t)y * width);
    }
}

static int draw_polygon(const struct tro_truth_shape *s, int width, int height, uint8_t *labels,
                        struct tro_err *err)
{
    const size_t n = (size_t)s->n / 2 + 1;
    struct edge *const edges = tro_malloc(n * sizeof(*edges));
    double *const crossings = tro_malloc(n * sizeof(*crossings));
    const int rc = edges && crossings ? 0 : tro_fail_nomem(err);
    if (rc >= 0)
        draw_rows(edges, find_edges(s, height, edges), crossings, s, width, height, labels);
    tro_free(edges);
    tro_free(crossings);
    return rc;
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void draw_runs(const struct tro_truth_shape *s, int width, int height, uint8_t *labels)
{
    int64_t at = 0;
    for (int i = 0; i < s->n; i++) {
        const int64_t end = at + (int64_t)s->numbers[i];
        for (; at < end; at++)
            if (i % 2)
                labels[at % height * width + at / height] = s->label;
    }
}

int tro_shape_draw(const struct tro_truth_shape *s, int width, int height, uint8_t *labels,
                   struct tro_err *err)
{
    if (!s->is_runs)
        return draw_polygon(s, width, height, labels, err);
    draw_runs(s, width, height, labels);
    return 0;
}
