/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/finding.h"

#include "base/alloc.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

#define MAX_PLACE ((float)TRO_FINDINGS_MAX_PLACE)

const char *tro_unit_name(enum tro_unit unit)
{
    static const char *const names[] = {
#define TRO_UNIT_NAME(id, text) text,
        TRO_UNITS(TRO_UNIT_NAME)
#undef TRO_UNIT_NAME
    };
    return names[unit];
}

int tro_findings_init(struct tro_findings *f, struct tro_err *err)
{
    *f = (struct tro_findings){0};
    f->runs = tro_calloc(TRO_FINDINGS_MAX_RUNS, sizeof(*f->runs));
    f->grid = tro_calloc(TRO_FINDINGS_MAX_GRID, sizeof(*f->grid));
    if (f->runs && f->grid)
        return 0;
    tro_findings_finish(f);
    return tro_fail_nomem(err);
}

void tro_findings_finish(struct tro_findings *f)
{
    tro_free(f->runs);
    tro_free(f->grid);
    *f = (struct tro_findings){0};
}

void tro_findings_clear(struct tro_findings *f)
{
    *f = (struct tro_findings){.runs = f->runs, .grid = f->grid};
}

static size_t n_grid_bytes(const struct tro_findings *f)
{
    return (size_t)f->grid_width * (size_t)f->grid_height * sizeof(*f->grid);
}

void tro_findings_copy(struct tro_findings *to, const struct tro_findings *from)
{
    struct tro_run *const runs = to->runs;
    uint16_t *const grid = to->grid;
    *to = *from;
    to->runs = runs;
    to->grid = grid;
    memcpy(runs, from->runs, (size_t)from->n_runs * sizeof(*runs));
    memcpy(grid, from->grid, n_grid_bytes(from));
}

/* False where it is not finite. */
static bool clamp(float *v, float lo, float hi)
{
    const bool ok = isfinite(*v);
    *v = fminf(fmaxf(*v, lo), hi);
    return ok;
}

/* A box's sides along one axis. */
static bool order(float *lo, float *hi)
{
    const float a = *lo, b = *hi;
    *lo = fminf(a, b);
    *hi = fmaxf(a, b);
    const bool ok = isfinite(a) && isfinite(b);
    return clamp(lo, -MAX_PLACE, MAX_PLACE) && clamp(hi, -MAX_PLACE, MAX_PLACE) && ok;
}

static bool is_amount(float v)
{
    return isfinite(v) && v >= 0;
}

bool tro_findings_add(struct tro_findings *f, const struct tro_finding *item)
{
    struct tro_finding one = *item;
    const bool ok = one.label >= 0 && one.label < TRO_FINDINGS_MAX_NAMES &&
                    order(&one.x0, &one.x1) && order(&one.y0, &one.y1) &&
                    clamp(&one.x, -MAX_PLACE, MAX_PLACE) && clamp(&one.y, -MAX_PLACE, MAX_PLACE) &&
                    clamp(&one.score, 0, 1) && isfinite(one.value) && is_amount(one.area_px) &&
                    is_amount(one.age_ms);
    if (!ok)
        return false;
    if (f->n >= TRO_FINDINGS_MAX) {
        f->is_cut = true;
        return false;
    }
    f->items[f->n++] = one;
    return true;
}

/* ---- maps ------------------------------------------------------------------------------ */

void tro_findings_unpack(const struct tro_findings *f, uint8_t *labels)
{
    for (int i = 0; i < f->n_runs; i++) {
        memset(labels, f->runs[i].label, f->runs[i].length);
        labels += f->runs[i].length;
    }
}

int tro_findings_sample(int i, int step, int n)
{
    const int at = i * step + step / 2;
    return at < n ? at : n - 1;
}

/* Every step-th pixel of every step-th row. False: there are more runs than have room. */
static bool pack_every(struct tro_findings *f, const uint8_t *labels, int width, int height,
                       int step)
{
    f->map_width = (width + step - 1) / step;
    f->map_height = (height + step - 1) / step;
    f->n_runs = 0;
    struct tro_run run = {0};
    for (int y = 0; y < f->map_height; y++) {
        const uint8_t *const row = labels +
                                   (size_t)tro_findings_sample(y, step, height) * (size_t)width;
        for (int x = 0; x < f->map_width; x++) {
            const uint8_t found = row[tro_findings_sample(x, step, width)];
            const uint8_t label = found < TRO_FINDINGS_MAX_NAMES ? found : 0;
            if (run.length && (label != run.label || run.length == UINT16_MAX)) {
                if (f->n_runs + 1 >= TRO_FINDINGS_MAX_RUNS)
                    return false;
                f->runs[f->n_runs++] = run;
                run.length = 0;
            }
            run.label = label;
            run.length++;
        }
    }
    f->runs[f->n_runs++] = run;
    return true;
}

void tro_findings_pack(struct tro_findings *f, const uint8_t *labels, int width, int height)
{
    int step = 1;
    while ((int64_t)((width + step - 1) / step) * ((height + step - 1) / step) >
           TRO_FINDINGS_MAX_MAP)
        step *= 2;
    while (!pack_every(f, labels, width, height, step))
        step *= 2;
    f->is_cut = f->is_cut || step > 1;
}

/* ---- depth ----------------------------------------------------------------------------- */

/* Place along one axis in cells: the first of two neighbours and the second one's weight. */
static float cell_of(float at, int n_frame, int n_cells, int *first)
{
    const float cell = at * (float)n_cells / (float)n_frame - 0.5f;
    const float inside = fminf(fmaxf(cell, 0), (float)(n_cells - 1));
    *first = (int)inside;
    return inside - (float)*first;
}

float tro_findings_depth_at(const struct tro_findings *f, float x, float y)
{
    if (f->grid_width < 1 || f->width < 1 || f->height < 1 ||
        !(x >= 0 && y >= 0 && x <= (float)f->width && y <= (float)f->height))
        return 0;
    int column, row;
    const float wx = cell_of(x, f->width, f->grid_width, &column);
    const float wy = cell_of(y, f->height, f->grid_height, &row);
    float sum = 0, weights = 0;
    for (int i = 0; i < 4; i++) {
        const float w = (i % 2 ? wx : 1 - wx) * (i / 2 ? wy : 1 - wy);
        if (w == 0)
            continue;
        const uint16_t d = f->grid[(row + i / 2) * f->grid_width + column + i % 2];
        sum += d ? w * (float)d : 0;
        weights += d ? w : 0;
    }
    return weights > 0 ? sum / weights * 0.01f : 0;
}
