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

struct tro_outline_work {
    int width, height;
    int *column;         /* height x width: distance down the column to the nearest outline pixel */
    int *vertex, *begin; /* width each: the lower envelope of a row */
    double *distances;   /* of outline pixels, for sorting */
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
        if (w->column && w->distances && w->vertex && w->begin)
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
    tro_free(w);
}

static bool is_outline(const struct tro_outline_work *w, const uint8_t *labels, uint8_t label,
                       int x, int y)
{
    const uint8_t *const at = labels + (int64_t)y * w->width + x;
    return *at == label &&
           (x == 0 || y == 0 || x + 1 == w->width || y + 1 == w->height || at[-1] != label ||
            at[1] != label || at[-w->width] != label || at[w->width] != label);
}

/* Meijster, Roerdink, Hesselink: A general algorithm for computing distance transforms in linear
 * time (2000). First down and up each column. */
static void find_columns(struct tro_outline_work *w, const uint8_t *labels, uint8_t label)
{
    const int far = w->width + w->height; /* more than any distance */
    for (int x = 0; x < w->width; x++) {
        int d = far;
        for (int y = 0; y < w->height; y++) {
            d = is_outline(w, labels, label, x, y) ? 0 : d < far ? d + 1 : far;
            w->column[(int64_t)y * w->width + x] = d;
        }
        d = far;
        for (int y = w->height - 1; y >= 0; y--) {
            int *const at = &w->column[(int64_t)y * w->width + x];
            d = *at < d + 1 ? *at : d + 1;
            *at = d;
        }
    }
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
    int last = 0;
    w->vertex[0] = w->begin[0] = 0;
    for (int u = 1; u < w->width; u++) {
        while (last >= 0 && parabola(column, w->begin[last], w->vertex[last]) >
                                parabola(column, w->begin[last], u))
            last--;
        if (last < 0) {
            last = 0;
            w->vertex[0] = u;
            w->begin[0] = 0;
            continue;
        }
        const int64_t at = 1 + meeting(column, w->vertex[last], u);
        if (at < w->width) {
            last++;
            w->vertex[last] = u;
            w->begin[last] = (int)at;
        }
    }
    return last;
}

/* Distances from the outline of `from` to the one that the columns are of: their number. */
static int64_t find_distances(struct tro_outline_work *w, const uint8_t *from, uint8_t label)
{
    int64_t n = 0;
    for (int y = 0; y < w->height; y++) {
        const int *const column = w->column + (int64_t)y * w->width;
        int piece = find_envelope(w, column);
        for (int x = w->width - 1; x >= 0; x--) {
            while (w->begin[piece] > x)
                piece--;
            if (is_outline(w, from, label, x, y))
                w->distances[n++] = sqrt((double)parabola(column, x, w->vertex[piece]));
        }
    }
    return n;
}

struct directed {
    double percentile;
    int64_t n, n_near;
};

static struct directed directed_distance(struct tro_outline_work *w, const uint8_t *from,
                                         const uint8_t *to, uint8_t label, double tolerance_px)
{
    find_columns(w, to, label);
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

struct tro_outlines tro_outlines_of(struct tro_outline_work *w, const uint8_t *truth,
                                    const uint8_t *found, uint8_t label, double tolerance_px)
{
    const int64_t n_px = (int64_t)w->width * w->height;
    const bool in_truth = has_label(truth, n_px, label), in_found = has_label(found, n_px, label);
    if (!in_truth && !in_found)
        return (struct tro_outlines){NAN, NAN};
    if (!in_truth || !in_found)
        return (struct tro_outlines){hypot(w->width, w->height), 0};
    const struct directed a = directed_distance(w, truth, found, label, tolerance_px);
    const struct directed b = directed_distance(w, found, truth, label, tolerance_px);
    return (struct tro_outlines){fmax(a.percentile, b.percentile),
                                 (double)(a.n_near + b.n_near) / (double)(a.n + b.n)};
}
