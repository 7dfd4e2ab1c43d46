/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/finding.h"

#include "base/alloc.h"
#include "console/core/finding_code.h"

#include <math.h>
#include <stdio.h>

/* Items, map and grid of the page stay within a message of 60 kB; what usually comes is far
 * smaller, so that it crosses a long line that loses packets in one go (docs/console.md). */
#define SMALL_MAP_COLUMNS 128
#define SMALL_MAP_BYTES 20000
#define SMALL_COLUMNS 32

static void put_base64(struct tro_json *j, const char *key, const struct tro_buf *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct tro_buf text = {0};
    for (size_t i = 0; i < bytes->n; i += 3) {
        const size_t n = bytes->n - i < 3 ? bytes->n - i : 3;
        const uint32_t v = (uint32_t)bytes->p[i] << 16 |
                           (n > 1 ? (uint32_t)bytes->p[i + 1] << 8 : 0) |
                           (n > 2 ? bytes->p[i + 2] : 0);
        const char four[] = {digits[v >> 18], digits[v >> 12 & 63],
                             n > 1 ? digits[v >> 6 & 63] : '=', n > 2 ? digits[v & 63] : '='};
        tro_buf_put(&text, four, sizeof(four));
    }
    tro_buf_u8(&text, 0);
    if (text.failed || bytes->failed)
        j->buf.failed = true;
    else
        tro_json_string(j, key, (const char *)text.p);
    tro_buf_finish(&text);
}

static void put_name(struct tro_json *j, const struct tro_finding_names *names, int label)
{
    char text[16];
    if (names && label < names->n) {
        tro_json_string(j, "name", names->name[label]);
        return;
    }
    snprintf(text, sizeof(text), "%d", label);
    tro_json_string(j, "name", text);
}

/* For the page no more digits than can be seen: a tenth of a pixel, a thousandth of a score. */
static void put_float(struct tro_json *j, const char *key, float value, float steps,
                      enum tro_findings_planes planes)
{
    tro_json_float(j, key, planes == TRO_PLANES_SMALL ? roundf(value * steps) / steps : value);
}

static void put_place(struct tro_json *j, const struct tro_finding *d,
                      enum tro_findings_planes planes)
{
    const float box[] = {d->x0, d->y0, d->x1, d->y1};
    if (d->kind == TRO_FINDING_MASK || d->kind == TRO_FINDING_BOX) {
        tro_json_array_begin(j, "box");
        for (int i = 0; i < 4; i++)
            put_float(j, NULL, box[i], 10, planes);
        tro_json_array_end(j);
    }
    put_float(j, "x", d->x, 10, planes);
    put_float(j, "y", d->y, 10, planes);
}

static void put_item(struct tro_json *j, const struct tro_finding *d,
                     const struct tro_finding_names *names, enum tro_findings_planes planes)
{
    static const char *const kinds[] = {
#define TRO_FINDING_NAME(id, name) name,
        TRO_FINDING_KINDS(TRO_FINDING_NAME)
#undef TRO_FINDING_NAME
    };
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "kind", kinds[d->kind]);
    put_name(j, names, d->label);
    put_float(j, "score", d->score, 1000, planes);
    if (d->track)
        tro_json_int(j, "track", d->track);
    if (d->age_ms > 0)
        put_float(j, "age_ms", d->age_ms, 10, planes);
    if (d->kind == TRO_FINDING_MASK)
        tro_json_float(j, "area_px", d->area_px);
    if (d->kind == TRO_FINDING_DEPTH || d->kind == TRO_FINDING_SCALAR) {
        tro_json_float(j, "value", d->value);
        tro_json_string(j, "unit", tro_unit_name(d->unit));
    } else {
        put_place(j, d, planes);
    }
    tro_json_object_end(j);
}

/* ---- planes ---------------------------------------------------------------------------- */

static void put_run(struct tro_buf *out, const struct tro_run *run)
{
    tro_buf_u8(out, run->label);
    tro_buf_u16(out, run->length);
}

/* For the page: halved until it is small. */
static void put_labels(struct tro_json *j, const struct tro_findings *f)
{
    struct tro_buf bytes = {0};
    int step = (f->map_width + SMALL_MAP_COLUMNS - 1) / SMALL_MAP_COLUMNS;
    tro_findings_code_map(f, step, &bytes);
    while (bytes.n > SMALL_MAP_BYTES) {
        bytes.n = 0;
        step *= 2;
        tro_findings_code_map(f, step, &bytes);
    }
    tro_json_object_begin(j, "map");
    tro_json_int(j, "width", (f->map_width + step - 1) / step);
    tro_json_int(j, "height", (f->map_height + step - 1) / step);
    put_base64(j, "labels", &bytes);
    tro_json_object_end(j);
    tro_buf_finish(&bytes);
}

static void put_runs(struct tro_json *j, const struct tro_findings *f)
{
    struct tro_buf bytes = {0};
    for (int i = 0; i < f->n_runs; i++)
        put_run(&bytes, &f->runs[i]);
    tro_json_object_begin(j, "map");
    tro_json_int(j, "width", f->map_width);
    tro_json_int(j, "height", f->map_height);
    put_base64(j, "runs", &bytes);
    tro_json_object_end(j);
    tro_buf_finish(&bytes);
}

static void put_grid(struct tro_json *j, const struct tro_findings *f)
{
    struct tro_buf bytes = {0};
    for (int i = 0; i < f->grid_width * f->grid_height; i++)
        tro_buf_u16(&bytes, f->grid[i]);
    tro_json_object_begin(j, "grid");
    tro_json_int(j, "width", f->grid_width);
    tro_json_int(j, "height", f->grid_height);
    put_base64(j, "mm", &bytes);
    tro_json_object_end(j);
    tro_buf_finish(&bytes);
}

static uint16_t grid_at(const struct tro_findings *f, int step, int x, int y)
{
    return f->grid[tro_findings_sample(y, step, f->grid_height) * f->grid_width +
                   tro_findings_sample(x, step, f->grid_width)];
}

/* For the page: a byte each, 0 where nothing is known, else 1 to 255 from near to far. */
static void put_steps(struct tro_json *j, const struct tro_findings *f)
{
    struct tro_buf bytes = {0}, coded = {0};
    const int step = (f->grid_width + SMALL_COLUMNS - 1) / SMALL_COLUMNS;
    const int width = (f->grid_width + step - 1) / step;
    const int height = (f->grid_height + step - 1) / step;
    int near = UINT16_MAX, far = 0;
    for (int i = 0; i < width * height; i++) {
        const int depth = grid_at(f, step, i % width, i / width);
        near = depth && depth < near ? depth : near;
        far = depth > far ? depth : far;
    }
    const int span = far > near ? far - near : 1;
    for (int i = 0; i < width * height; i++) {
        const int depth = grid_at(f, step, i % width, i / width);
        tro_buf_u8(&bytes, depth ? (uint8_t)(1 + ((depth - near) * 254 + span / 2) / span) : 0);
    }
    if (!bytes.failed)
        tro_findings_code_steps(bytes.p, width, height, &coded);
    coded.failed |= bytes.failed;
    tro_json_object_begin(j, "grid");
    tro_json_int(j, "width", width);
    tro_json_int(j, "height", height);
    tro_json_number(j, "near", (far ? near : 0) / 100.0);
    tro_json_number(j, "far", far / 100.0);
    put_base64(j, "steps", &coded);
    tro_json_object_end(j);
    tro_buf_finish(&bytes);
    tro_buf_finish(&coded);
}

/* ---- all of it ------------------------------------------------------------------------- */

static void put_exact(struct tro_json *j, const struct tro_findings *f)
{
    tro_json_int(j, "captured_ns", f->captured_ns);
    tro_json_int(j, "started_ns", f->started_ns);
    tro_json_int(j, "ready_ns", f->ready_ns);
    tro_json_int(j, "width", f->width);
    tro_json_int(j, "height", f->height);
}

void tro_findings_json(const struct tro_findings *f, const struct tro_finding_names *names,
                       const char *network, int64_t now_ns, enum tro_findings_planes planes,
                       struct tro_json *j)
{
    char engine[24];
    snprintf(engine, sizeof(engine), "%016llx", (unsigned long long)f->engine);
    tro_json_int(j, "frame", (int64_t)f->frame);
    tro_json_string(j, "network", network);
    tro_json_int(j, "tier", f->tier);
    tro_json_string(j, "engine", engine);
    if (now_ns)
        tro_json_number(j, "age_ms", round((double)(now_ns - f->captured_ns) / 1e5) / 10);
    if (planes == TRO_PLANES_EXACT)
        put_exact(j, f);
    if (f->is_cut)
        tro_json_bool(j, "cut", true);
    tro_json_array_begin(j, "items");
    for (int i = 0; i < f->n; i++)
        if (planes != TRO_PLANES_SMALL || f->items[i].kind != TRO_FINDING_MASK)
            put_item(j, &f->items[i], names, planes);
    tro_json_array_end(j);
    if (planes == TRO_PLANES_SMALL && f->n_runs)
        put_labels(j, f);
    else if (planes == TRO_PLANES_EXACT && f->n_runs)
        put_runs(j, f);
    if (planes == TRO_PLANES_SMALL && f->grid_width)
        put_steps(j, f);
    else if (planes == TRO_PLANES_EXACT && f->grid_width)
        put_grid(j, f);
}
