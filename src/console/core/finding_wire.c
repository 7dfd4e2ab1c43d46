/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as bytes, little-endian:
 *
 *   u32 version  u64 frame  u64 captured, started, ready (ns)  u64 engine
 *   u32 network, tier, width, height, is_cut, n, map width, map height, n runs, grid width, height
 *   n x      u8 kind, label, unit, 0  u32 track  f32 score, x, y, x0, y0, x1, y1, area, value, age
 *   n runs x u8 label  u16 length
 *   grid     u16, row by row
 */
#include "console/core/finding.h"

#include "base/err.h"
#include "console/core/frame.h"

#include <math.h>
#include <string.h>

#define VERSION 1
#define HEAD_BYTES (4 + 5 * 8 + 11 * 4)
#define ITEM_BYTES (4 + 4 + 10 * 4)
#define RUN_BYTES 3

/* ---- writing --------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

static uint8_t *put_float(uint8_t *p, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return put(p, bits, 4);
}

static uint8_t *put_head(uint8_t *p, const struct tro_findings *f)
{
    p = put(p, VERSION, 4);
    const uint64_t longs[] = {f->frame, (uint64_t)f->captured_ns, (uint64_t)f->started_ns,
                              (uint64_t)f->ready_ns, f->engine};
    for (size_t i = 0; i < sizeof(longs) / sizeof(*longs); i++)
        p = put(p, longs[i], 8);
    const int words[] = {f->network,   f->tier,       f->width,  f->height,     f->is_cut,     f->n,
                         f->map_width, f->map_height, f->n_runs, f->grid_width, f->grid_height};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        p = put(p, (uint32_t)words[i], 4);
    return p;
}

static uint8_t *put_item(uint8_t *p, const struct tro_finding *d)
{
    const uint8_t bytes[] = {(uint8_t)d->kind, (uint8_t)d->label, (uint8_t)d->unit, 0};
    for (size_t i = 0; i < sizeof(bytes); i++)
        p = put(p, bytes[i], 1);
    p = put(p, d->track, 4);
    const float floats[] = {d->score, d->x,  d->y,       d->x0,    d->y0,
                            d->x1,    d->y1, d->area_px, d->value, d->age_ms};
    for (size_t i = 0; i < sizeof(floats) / sizeof(*floats); i++)
        p = put_float(p, floats[i]);
    return p;
}

size_t tro_findings_write(const struct tro_findings *f, uint8_t *out, size_t n_out)
{
    const size_t n_grid = (size_t)f->grid_width * (size_t)f->grid_height;
    const size_t n = HEAD_BYTES + (size_t)f->n * ITEM_BYTES + (size_t)f->n_runs * RUN_BYTES +
                     n_grid * sizeof(*f->grid);
    if (n > n_out)
        return 0;
    uint8_t *p = put_head(out, f);
    for (int i = 0; i < f->n; i++)
        p = put_item(p, &f->items[i]);
    for (int i = 0; i < f->n_runs; i++) {
        p = put(p, f->runs[i].label, 1);
        p = put(p, f->runs[i].length, 2);
    }
    for (size_t i = 0; i < n_grid; i++)
        p = put(p, f->grid[i], 2);
    return n;
}

/* ---- reading --------------------------------------------------------------------------- */

static int expected(struct tro_err *err, const char *what, uint64_t lo, uint64_t hi, uint64_t found)
{
    return tro_fail(err, TRO_E_INPUT, "findings: expected %s of %llu to %llu, found %llu", what,
                    (unsigned long long)lo, (unsigned long long)hi, (unsigned long long)found);
}

/* A word within bounds. */
static int read_int(struct tro_bytes *b, const char *what, uint32_t lo, uint32_t hi, int *out,
                    struct tro_err *err)
{
    const uint32_t v = tro_bytes_u32(b);
    if (b->failed || v < lo || v > hi)
        return expected(err, b->failed ? "a whole message, a word" : what, lo, hi, v);
    *out = (int)v;
    return 0;
}

static int read_time(struct tro_bytes *b, const char *what, int64_t *out, struct tro_err *err)
{
    const uint64_t v = tro_bytes_u64(b);
    if (v > INT64_MAX)
        return expected(err, what, 0, INT64_MAX, v);
    *out = (int64_t)v;
    return 0;
}

static int read_head(struct tro_findings *f, struct tro_bytes *b, struct tro_err *err)
{
    int version, is_cut = 0;
    TRO_TRY(read_int(b, "version", VERSION, VERSION, &version, err));
    f->frame = tro_bytes_u64(b);
    TRO_TRY(read_time(b, "time of capture", &f->captured_ns, err));
    TRO_TRY(read_time(b, "time of start", &f->started_ns, err));
    TRO_TRY(read_time(b, "time of end", &f->ready_ns, err));
    f->engine = tro_bytes_u64(b);
    if (!b->failed && (f->frame == 0 || f->frame > INT64_MAX))
        return expected(err, "frame", 1, INT64_MAX, f->frame);
    const struct {
        const char *what;
        uint32_t lo, hi;
        int *out;
    } words[] = {{"network", 0, TRO_FINDINGS_MAX_NETWORKS - 1, &f->network},
                 {"tier", 0, TRO_FINDINGS_MAX_NETWORKS - 1, &f->tier},
                 {"width", 1, TRO_FRAME_MAX_SIDE, &f->width},
                 {"height", 1, TRO_FRAME_MAX_SIDE, &f->height},
                 {"mark of what is cut", 0, 1, &is_cut},
                 {"number of items", 0, TRO_FINDINGS_MAX, &f->n},
                 {"width of the map", 0, TRO_FRAME_MAX_SIDE, &f->map_width},
                 {"height of the map", 0, TRO_FRAME_MAX_SIDE, &f->map_height},
                 {"number of runs", 0, TRO_FINDINGS_MAX_RUNS, &f->n_runs},
                 {"width of the grid", 0, TRO_FRAME_MAX_SIDE, &f->grid_width},
                 {"height of the grid", 0, TRO_FRAME_MAX_SIDE, &f->grid_height}};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        TRO_TRY(read_int(b, words[i].what, words[i].lo, words[i].hi, words[i].out, err));
    f->is_cut = is_cut;
    return 0;
}

/* The sizes of what follows, against each other and against the bytes that are there. */
static int check_sizes(const struct tro_findings *f, const struct tro_bytes *b, struct tro_err *err)
{
    const uint64_t n_map = (uint64_t)f->map_width * (uint64_t)f->map_height;
    const uint64_t n_grid = (uint64_t)f->grid_width * (uint64_t)f->grid_height;
    if (n_map > TRO_FINDINGS_MAX_MAP)
        return expected(err, "pixels of the map", 0, TRO_FINDINGS_MAX_MAP, n_map);
    if (n_grid > TRO_FINDINGS_MAX_GRID)
        return expected(err, "elements of the grid", 0, TRO_FINDINGS_MAX_GRID, n_grid);
    if ((f->map_width == 0) != (f->map_height == 0) ||
        (f->grid_width == 0) != (f->grid_height == 0))
        return tro_fail(err, TRO_E_INPUT,
                        "findings: expected both sides of map and grid or none, found %d x %d and "
                        "%d x %d",
                        f->map_width, f->map_height, f->grid_width, f->grid_height);
    const uint64_t n = (uint64_t)f->n * ITEM_BYTES + (uint64_t)f->n_runs * RUN_BYTES +
                       n_grid * sizeof(uint16_t);
    if (n != tro_bytes_left(b))
        return expected(err, "bytes after the head", n, n, tro_bytes_left(b));
    return 0;
}

static float read_float(struct tro_bytes *b, float lo, float hi, bool *ok)
{
    const uint32_t bits = tro_bytes_u32(b);
    float v;
    memcpy(&v, &bits, sizeof(v));
    *ok = *ok && isfinite(v) && v >= lo && v <= hi;
    return v;
}

static int read_item(struct tro_finding *d, int i, struct tro_bytes *b, struct tro_err *err)
{
    const uint8_t kind = tro_bytes_u8(b), label = tro_bytes_u8(b), unit = tro_bytes_u8(b);
    const uint8_t zero = tro_bytes_u8(b);
    if (kind >= TRO_N_FINDING_KINDS || label >= TRO_FINDINGS_MAX_NAMES || unit >= TRO_N_UNITS ||
        zero)
        return tro_fail(err, TRO_E_INPUT,
                        "findings: item %d: expected a kind below %d, a label below %d, a unit "
                        "below %d and 0, found %d, %d, %d, %d",
                        i, TRO_N_FINDING_KINDS, TRO_FINDINGS_MAX_NAMES, TRO_N_UNITS, kind, label,
                        unit, zero);
    *d = (struct tro_finding){.kind = (enum tro_finding_kind)kind,
                              .label = label,
                              .unit = (enum tro_unit)unit,
                              .track = tro_bytes_u32(b)};
    bool ok = true;
    d->score = read_float(b, 0, 1, &ok);
    float *const places[] = {&d->x, &d->y, &d->x0, &d->y0, &d->x1, &d->y1};
    for (size_t k = 0; k < sizeof(places) / sizeof(*places); k++)
        *places[k] = read_float(b, -TRO_FINDINGS_MAX_PLACE, TRO_FINDINGS_MAX_PLACE, &ok);
    d->area_px = read_float(b, 0, HUGE_VALF, &ok);
    d->value = read_float(b, -HUGE_VALF, HUGE_VALF, &ok);
    d->age_ms = read_float(b, 0, HUGE_VALF, &ok);
    if (!ok || d->x0 > d->x1 || d->y0 > d->y1)
        return tro_fail(err, TRO_E_INPUT,
                        "findings: item %d: expected finite numbers, a score of 0 to 1, places "
                        "within 2^17 pixels and corners in order, found others",
                        i);
    return 0;
}

static int read_runs(struct tro_findings *f, struct tro_bytes *b, struct tro_err *err)
{
    uint64_t n = 0;
    for (int i = 0; i < f->n_runs; i++) {
        const uint8_t label = tro_bytes_u8(b);
        const uint16_t length = tro_bytes_u16(b);
        if (label >= TRO_FINDINGS_MAX_NAMES || length == 0)
            return tro_fail(err, TRO_E_INPUT,
                            "findings: run %d: expected a label below %d and a length of 1 or "
                            "more, found %d and %d",
                            i, TRO_FINDINGS_MAX_NAMES, label, length);
        f->runs[i] = (struct tro_run){.label = label, .length = length};
        n += length;
    }
    const uint64_t n_map = (uint64_t)f->map_width * (uint64_t)f->map_height;
    return n == n_map ? 0 : expected(err, "pixels in the runs", n_map, n_map, n);
}

static int read_all(struct tro_findings *f, struct tro_bytes *b, struct tro_err *err)
{
    TRO_TRY(read_head(f, b, err));
    TRO_TRY(check_sizes(f, b, err));
    for (int i = 0; i < f->n; i++)
        TRO_TRY(read_item(&f->items[i], i, b, err));
    TRO_TRY(read_runs(f, b, err));
    for (int i = 0; i < f->grid_width * f->grid_height; i++)
        f->grid[i] = tro_bytes_u16(b);
    return 0;
}

int tro_findings_read(struct tro_findings *f, const uint8_t *bytes, size_t n, struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(bytes, n);
    tro_findings_clear(f);
    const int rc = read_all(f, &b, err);
    if (rc < 0)
        tro_findings_clear(f);
    return rc;
}
