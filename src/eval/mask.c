/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/mask.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "eval/summary.h"

/* ---- areas ---------------------------------------------------------------------------------- */

void tro_areas_of(const uint8_t *truth, const uint8_t *found, int64_t n_px, int n_classes,
                  struct tro_areas *counts)
{
    memset(counts, 0, (size_t)n_classes * sizeof(*counts));
    for (int64_t i = 0; i < n_px; i++) {
        if (truth[i] == found[i]) {
            if (truth[i] < n_classes)
                counts[truth[i]].tp++;
            continue;
        }
        if (truth[i] < n_classes)
            counts[truth[i]].fn++;
        if (found[i] < n_classes)
            counts[found[i]].fp++;
    }
}

double tro_iou(struct tro_areas a)
{
    return (double)a.tp / (double)(a.tp + a.fp + a.fn);
}

double tro_dice(struct tro_areas a)
{
    return 2 * (double)a.tp / (double)(2 * a.tp + a.fp + a.fn);
}

/* ---- outlines ------------------------------------------------------------------------------- */

/* Pixels from first to last; last before first: none. */
struct box {
    int x0, y0, x1, y1;
};

struct tro_outline_work {
    int width, height;
    struct box boxes[256]; /* what both outlines of a label lie in: nothing else matters to them */
    struct box box;        /* of the label at hand */
    int *column;         /* height x width: distance down the column to the nearest outline pixel */
    int *vertex, *begin; /* width each: the lower envelope of a row */
    int *outline;        /* likewise: where its pixels are */
    double *distances;   /* of outline pixels, for sorting */
    /* of the truth and of what was found: labels, and what is on the outline of its own label */
    const uint8_t *labels[2];
    uint8_t *is_edge[2];
};

struct tro_outline_work *tro_outline_work_create(int width, int height, struct tro_err *err)
{
    const size_t n = (size_t)width * (size_t)height;
    struct tro_outline_work *const w = tro_calloc(1, sizeof(*w));
    if (w) {
        *w = (struct tro_outline_work){.width = width, .height = height};
        w->column = tro_malloc(n * sizeof(*w->column));
        w->distances = tro_malloc(n * sizeof(*w->distances));
        w->vertex = tro_malloc((size_t)width * sizeof(*w->vertex));
        w->begin = tro_malloc((size_t)width * sizeof(*w->begin));
        w->outline = tro_malloc((size_t)width * sizeof(*w->outline));
        w->is_edge[0] = tro_malloc(n);
        w->is_edge[1] = tro_malloc(n);
        if (w->column && w->distances && w->vertex && w->begin && w->outline && w->is_edge[0] &&
            w->is_edge[1])
            return w;
    }
    tro_outline_work_destroy(w);
    tro_fail_nomem(err);
    return NULL;
}

void tro_outline_work_destroy(struct tro_outline_work *w)
{
    if (!w)
        return;
    tro_free(w->column);
    tro_free(w->distances);
    tro_free(w->vertex);
    tro_free(w->begin);
    tro_free(w->outline);
    tro_free(w->is_edge[0]);
    tro_free(w->is_edge[1]);
    tro_free(w);
}

static void find_edges(const struct tro_outline_work *w, const uint8_t *labels, uint8_t *is_edge)
{
    const int width = w->width;
    for (int y = 0; y < w->height; y++) {
        const uint8_t *const row = labels + (int64_t)y * width;
        uint8_t *const out = is_edge + (int64_t)y * width;
        if (y == 0 || y + 1 == w->height) {
            memset(out, 1, (size_t)width);
            continue;
        }
        for (int x = 1; x + 1 < width; x++)
            out[x] = (row[x - 1] != row[x]) | (row[x + 1] != row[x]) | (row[x - width] != row[x]) |
                     (row[x + width] != row[x]);
        out[0] = out[width - 1] = 1;
    }
}

static void find_boxes(struct tro_outline_work *w, const uint8_t *labels, const uint8_t *is_edge)
{
    for (int y = 0; y < w->height; y++)
        for (int x = 0; x < w->width; x++) {
            const int64_t at = (int64_t)y * w->width + x;
            struct box *const b = &w->boxes[labels[at]];
            if (!is_edge[at])
                continue;
            b->x0 = x < b->x0 ? x : b->x0;
            b->x1 = x > b->x1 ? x : b->x1;
            b->y0 = y < b->y0 ? y : b->y0;
            b->y1 = y > b->y1 ? y : b->y1;
        }
}

void tro_outlines_begin(struct tro_outline_work *w, const uint8_t *truth, const uint8_t *found)
{
    w->labels[0] = truth;
    w->labels[1] = found;
    for (int i = 0; i < 256; i++)
        w->boxes[i] = (struct box){w->width, w->height, -1, -1};
    for (int i = 0; i < 2; i++) {
        find_edges(w, w->labels[i], w->is_edge[i]);
        find_boxes(w, w->labels[i], w->is_edge[i]);
    }
}

/* Meijster, Roerdink, Hesselink: A general algorithm for computing distance transforms in linear
 * time (2000). First down and up each column, row by row. */
static void find_columns(struct tro_outline_work *w, const uint8_t *labels, const uint8_t *is_edge,
                         uint8_t label)
{
    const int far = w->width + w->height; /* more than any distance */
    const int64_t width = w->width;
    const struct box *const b = &w->box;
    int *const d = w->column;
    for (int y = b->y0; y <= b->y1; y++)
        for (int64_t i = y * width + b->x0; i <= y * width + b->x1; i++) {
            const int above = y == b->y0 || d[i - width] >= far ? far : d[i - width] + 1;
            d[i] = is_edge[i] && labels[i] == label ? 0 : above;
        }
    for (int y = b->y1 - 1; y >= b->y0; y--)
        for (int64_t i = y * width + b->x0; i <= y * width + b->x1; i++)
            d[i] = d[i] < d[i + width] + 1 ? d[i] : d[i + width] + 1;
}

static int64_t parabola(const int *column, int x, int i)
{
    return (int64_t)(x - i) * (x - i) + (int64_t)column[i] * column[i];
}

/* The first x where the parabola of u is below that of i < u. */
static int64_t meeting(const int *column, int i, int u)
{
    const int64_t gap = (int64_t)u * u - (int64_t)i * i + (int64_t)column[u] * column[u] -
                        (int64_t)column[i] * column[i];
    const int64_t width = 2 * ((int64_t)u - i);
    return gap < 0 ? -((-gap + width - 1) / width) : gap / width;
}

/* Then the lower envelope of the parabolas of a row: its pieces. */
static int find_envelope(struct tro_outline_work *w, const int *column)
{
    const int first = w->box.x0, end = w->box.x1 + 1;
    int last = 0;
    w->vertex[0] = w->begin[0] = first;
    for (int u = first + 1; u < end; u++) {
        while (last >= 0 && parabola(column, w->begin[last], w->vertex[last]) >
                                parabola(column, w->begin[last], u))
            last--;
        if (last < 0) {
            last = 0;
            w->vertex[0] = u;
            w->begin[0] = first;
            continue;
        }
        const int64_t at = 1 + meeting(column, w->vertex[last], u);
        if (at < end) {
            last++;
            w->vertex[last] = u;
            w->begin[last] = (int)at;
        }
    }
    return last;
}

/* Where the outline is in a row: the number of its pixels. */
static int find_outline(struct tro_outline_work *w, int from, int y, uint8_t label)
{
    const uint8_t *const labels = w->labels[from] + (int64_t)y * w->width;
    const uint8_t *const is_edge = w->is_edge[from] + (int64_t)y * w->width;
    int n = 0;
    for (int x = w->box.x0; x <= w->box.x1; x++)
        if (labels[x] == label && is_edge[x])
            w->outline[n++] = x;
    return n;
}

/* Distances from the outline to the one that the columns are of: their number. */
static int64_t find_distances(struct tro_outline_work *w, int from, uint8_t label)
{
    int64_t n = 0;
    for (int y = w->box.y0; y <= w->box.y1; y++) {
        const int *const column = w->column + (int64_t)y * w->width;
        const int n_here = find_outline(w, from, y, label);
        int piece = n_here ? find_envelope(w, column) : 0;
        for (int i = n_here - 1; i >= 0; i--) {
            const int x = w->outline[i];
            while (w->begin[piece] > x)
                piece--;
            w->distances[n++] = sqrt((double)parabola(column, x, w->vertex[piece]));
        }
    }
    return n;
}

struct directed {
    double percentile;
    int64_t n, n_near;
};

static struct directed directed_distance(struct tro_outline_work *w, int from, uint8_t label,
                                         double tolerance_px)
{
    find_columns(w, w->labels[!from], w->is_edge[!from], label);
    struct directed d = {.n = find_distances(w, from, label)};
    for (int64_t i = 0; i < d.n; i++)
        d.n_near += w->distances[i] <= tolerance_px;
    d.percentile = tro_percentile(w->distances, d.n, 95);
    return d;
}

static bool has_label(const uint8_t *labels, int64_t n_px, uint8_t label)
{
    return memchr(labels, label, (size_t)n_px) != NULL;
}

struct tro_outlines tro_outlines_of(struct tro_outline_work *w, uint8_t label, double tolerance_px)
{
    const int64_t n_px = (int64_t)w->width * w->height;
    const bool in_truth = has_label(w->labels[0], n_px, label);
    const bool in_found = has_label(w->labels[1], n_px, label);
    if (!in_truth && !in_found)
        return (struct tro_outlines){NAN, NAN};
    if (!in_truth || !in_found)
        return (struct tro_outlines){hypot(w->width, w->height), 0};
    w->box = w->boxes[label];
    const struct directed a = directed_distance(w, 0, label, tolerance_px);
    const struct directed b = directed_distance(w, 1, label, tolerance_px);
    return (struct tro_outlines){fmax(a.percentile, b.percentile),
                                 (double)(a.n_near + b.n_near) / (double)(a.n + b.n)};
}
