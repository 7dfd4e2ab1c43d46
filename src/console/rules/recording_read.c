/* SPDX-License-Identifier: Apache-2.0 */
/* What is read: a line at a time, trusting nothing. */
#include "console/rules/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "console/core/board.h"
#include "console/core/frame.h"
#include "record/field.h"

#define MAX_BYTES 524288 /* of findings between processes */

struct tro_recording {
    FILE *file;
    struct tro_arena arena; /* what lives as long as the recording */
    const char *name;
    int line;
    char *text;     /* TRO_RECORDING_MAX_LINE */
    uint8_t *bytes; /* MAX_BYTES */
    struct tro_findings draft;
    struct tro_rules_opts opts;
    struct tro_rules_network networks[TRO_BOARD_MAX_NETWORKS];
};

/* ---- lines ---------------------------------------------------------------------------------- */

static int fail_line(const struct tro_recording *r, struct tro_err *err, const char *what)
{
    return tro_fail(err, TRO_E_INPUT, "%s:%d: %s", r->name, r->line, what);
}

/* Without its newline: 1, or 0 at the end. */
static int read_line(struct tro_recording *r, size_t *n, struct tro_err *err)
{
    int c;
    r->line++;
    *n = 0;
    while ((c = getc_unlocked(r->file)) != EOF && c != '\n') {
        if (*n == TRO_RECORDING_MAX_LINE)
            return fail_line(r, err,
                             "expected a line of at most 1048576 bytes, found a longer "
                             "one");
        r->text[(*n)++] = (char)c;
    }
    if (ferror(r->file))
        return tro_fail(err, TRO_E_IO, "%s: cannot read: %s", r->name, strerror(errno));
    if (c == EOF && *n)
        return fail_line(r, err, "expected a line that ends, found the end of the file");
    return c != EOF;
}

/* ---- the first line ------------------------------------------------------------------------- */

/* A list of texts that may be empty or left out: how many. */
static int read_texts(const struct tro_field *f, const char *key, int max_n,
                      const char *const **out)
{
    struct tro_field list;
    const int rc = tro_field_get(f, key, &list);
    if (rc <= 0 || tro_field_n_elements(&list) == 0)
        return rc < 0 ? rc : 0;
    return tro_field_texts(f, key, max_n, out);
}

static const char *const kind_names[] = {
#define KIND_NAME(id, name) name,
    TRO_FINDING_KINDS(KIND_NAME)
#undef KIND_NAME
        NULL};

static int index_of(const char *const *names, const char *text)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return -1;
}

/* One for each label, "" where it is not known. */
static int read_kinds(const struct tro_field *network, struct tro_finding_names *names)
{
    const char *const *kinds = NULL;
    const int n = read_texts(network, "kinds", TRO_FINDINGS_MAX_NAMES, &kinds);
    TRO_TRY(n);
    if (n != names->n)
        return tro_field_fail(network, "expected kinds of %d labels, found %d", names->n, n);
    for (int i = 0; i < n; i++) {
        const int kind = index_of(kind_names, kinds[i]);
        if (kind < 0 && kinds[i][0])
            return tro_field_fail(network, "expected kinds of findings, found '%.60s'", kinds[i]);
        names->kinds[i] = kind < 0 ? 0 : (uint8_t)(1u << kind);
    }
    return 0;
}

static int read_labels(struct tro_recording *r, const struct tro_field *network,
                       struct tro_rules_network *out)
{
    struct tro_finding_names *const names = TRO_NEW(&r->arena, struct tro_finding_names);
    const char *const *labels = NULL;
    if (!names)
        return tro_fail_nomem(network->err);
    out->names = names;
    const int n = read_texts(network, "labels", TRO_FINDINGS_MAX_NAMES, &labels);
    TRO_TRY(n);
    for (int i = 0; i < n; i++) {
        if (strlen(labels[i]) >= TRO_FINDINGS_NAME_BYTES)
            return tro_field_fail(network, "expected labels of at most %d bytes, found '%.60s'",
                                  TRO_FINDINGS_NAME_BYTES - 1, labels[i]);
        strcpy(names->name[i], labels[i]);
    }
    names->n = n;
    return read_kinds(network, names);
}

/* A key that must be there. */
static int need(const struct tro_field *f, const char *key, int rc)
{
    return rc ? rc : tro_field_fail(f, "expected the key %s, which is missing", key);
}

static int read_network(void *ctx, const char *key, const struct tro_field *value)
{
    static const char *const keys[] = {"name", "trial", "kinds", "labels", NULL};
    struct tro_recording *const r = ctx;
    (void)key;
    if (r->opts.n_networks == TRO_BOARD_MAX_NETWORKS)
        return tro_field_fail(value, "expected at most %d networks", TRO_BOARD_MAX_NETWORKS);
    struct tro_rules_network *const n = &r->networks[r->opts.n_networks];
    TRO_TRY(tro_field_want_keys(value, keys));
    TRO_TRY(need(value, "name", tro_field_text(value, "name", &n->name)));
    TRO_TRY(tro_field_bool(value, "trial", &n->is_trial));
    TRO_TRY(read_labels(r, value, n));
    r->opts.n_networks++;
    return 0;
}

static int read_number(const struct tro_field *f, const char *key, double lo, double hi, float *out)
{
    double v = 0;
    TRO_TRY(need(f, key, tro_field_number(f, key, &v)));
    if (!(v >= lo && v <= hi))
        return tro_field_fail(f, "%s: expected %g to %g, found %g", key, lo, hi, v);
    *out = (float)v;
    return 1;
}

static int read_needed_int(const struct tro_field *f, const char *key, int64_t lo, int64_t hi,
                           int64_t *out)
{
    return need(f, key, tro_field_int(f, key, lo, hi, out));
}

static int read_head(struct tro_recording *r, const struct tro_field *top)
{
    static const char *const keys[] = {"recording",  "width",    "height", "focal_length",
                                       "max_age_ms", "networks", NULL};
    struct tro_field networks;
    int64_t version, width, height;
    TRO_TRY(tro_field_want_keys(top, keys));
    TRO_TRY(read_needed_int(top, "recording", 1, 1, &version));
    TRO_TRY(read_needed_int(top, "width", 1, TRO_FRAME_MAX_SIDE, &width));
    TRO_TRY(read_needed_int(top, "height", 1, TRO_FRAME_MAX_SIDE, &height));
    TRO_TRY(read_number(top, "focal_length", 0, 100, &r->opts.focal_length));
    TRO_TRY(read_number(top, "max_age_ms", 1, 10000, &r->opts.max_age_ms));
    TRO_TRY(need(top, "networks", tro_field_get(top, "networks", &networks)));
    r->opts.width = (int)width;
    r->opts.height = (int)height;
    r->opts.networks = r->networks;
    return tro_field_each_element(&networks, read_network, r);
}

/* ---- findings ------------------------------------------------------------------------------- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Bytes of a text, at most max; negative: it is no base64, or longer. */
static int64_t decode_base64(const char *text, uint8_t *out, size_t max)
{
    const size_t n = strlen(text);
    const size_t n_pad = n && text[n - 1] == '=' ? 1 + (n > 1 && text[n - 2] == '=') : 0;
    if (n % 4 || n / 4 * 3 - n_pad > max)
        return -1;
    uint32_t bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const int digit = i + n_pad < n ? base64_digit(text[i]) : 0;
        if (digit < 0)
            return -1;
        bits = bits << 6 | (uint32_t)digit;
        for (int k = 0; i % 4 == 3 && k < 3 && at < n / 4 * 3 - n_pad; k++)
            out[at++] = (uint8_t)(bits >> (16 - 8 * k));
    }
    return (int64_t)at;
}

/* The bytes of a plane: {"width", "height", KEY: base64}. */
static int read_plane(struct tro_recording *r, const struct tro_field *plane, const char *key,
                      int64_t *width, int64_t *height, int64_t *n)
{
    const char *const keys[] = {"width", "height", key, NULL};
    const char *text = NULL;
    TRO_TRY(tro_field_want_keys(plane, keys));
    TRO_TRY(read_needed_int(plane, "width", 1, TRO_FRAME_MAX_SIDE, width));
    TRO_TRY(read_needed_int(plane, "height", 1, TRO_FRAME_MAX_SIDE, height));
    TRO_TRY(need(plane, key, tro_field_text(plane, key, &text)));
    *n = decode_base64(text, r->bytes, MAX_BYTES);
    return *n >= 0 ? 0 : tro_field_fail(plane, "expected base64 at %s", key);
}

static int read_map(struct tro_recording *r, const struct tro_field *top)
{
    struct tro_field plane;
    int64_t width, height, n;
    const int rc = tro_field_get(top, "map", &plane);
    if (rc <= 0)
        return rc;
    TRO_TRY(read_plane(r, &plane, "runs", &width, &height, &n));
    if (n % 3 || n / 3 > TRO_FINDINGS_MAX_RUNS)
        return tro_field_fail(&plane,
                              "expected at most %d runs of 3 bytes, found %" PRId64 " bytes",
                              TRO_FINDINGS_MAX_RUNS, n);
    r->draft.map_width = (int)width;
    r->draft.map_height = (int)height;
    r->draft.n_runs = (int)(n / 3);
    for (int i = 0; i < r->draft.n_runs; i++) {
        const uint8_t *const p = r->bytes + 3 * i;
        r->draft.runs[i] = (struct tro_run){p[0], (uint16_t)(p[1] | p[2] << 8)};
    }
    return 0;
}

static int read_grid(struct tro_recording *r, const struct tro_field *top)
{
    struct tro_field plane;
    int64_t width, height, n;
    const int rc = tro_field_get(top, "grid", &plane);
    if (rc <= 0)
        return rc;
    TRO_TRY(read_plane(r, &plane, "mm", &width, &height, &n));
    if (width * height > TRO_FINDINGS_MAX_GRID || n != width * height * 2)
        return tro_field_fail(&plane,
                              "expected 2 bytes for each of %" PRId64 " x %" PRId64
                              " elements, at most %d, found %" PRId64 " bytes",
                              width, height, TRO_FINDINGS_MAX_GRID, n);
    r->draft.grid_width = (int)width;
    r->draft.grid_height = (int)height;
    for (int64_t i = 0; i < width * height; i++)
        r->draft.grid[i] = (uint16_t)(r->bytes[2 * i] | r->bytes[2 * i + 1] << 8);
    return 0;
}

static const char *const unit_names[] = {
#define UNIT_NAME(id, text) text,
    TRO_UNITS(UNIT_NAME)
#undef UNIT_NAME
        NULL};

static int read_float(const struct tro_field *f, const char *key, float *out)
{
    double v;
    const int rc = tro_field_number(f, key, &v);
    if (rc > 0)
        *out = (float)v;
    return rc;
}

static int read_item_numbers(const struct tro_field *f, struct tro_finding *item)
{
    double box[4];
    int64_t track = 0;
    TRO_TRY(read_float(f, "score", &item->score));
    TRO_TRY(read_float(f, "x", &item->x));
    TRO_TRY(read_float(f, "y", &item->y));
    TRO_TRY(read_float(f, "area_px", &item->area_px));
    TRO_TRY(read_float(f, "age_ms", &item->age_ms));
    TRO_TRY(read_float(f, "value", &item->value));
    TRO_TRY(tro_field_int(f, "track", 1, UINT32_MAX, &track));
    item->track = (uint32_t)track;
    const int n = tro_field_numbers(f, "box", 4, box);
    TRO_TRY(n);
    if (n != 0 && n != 4)
        return tro_field_fail(f, "expected 4 numbers at box, found %d", n);
    if (n == 4) {
        item->x0 = (float)box[0];
        item->y0 = (float)box[1];
        item->x1 = (float)box[2];
        item->y1 = (float)box[3];
    }
    return 0;
}

static int read_item(void *ctx, const char *key, const struct tro_field *f)
{
    static const char *const keys[] = {"kind",  "name", "score", "track", "age_ms", "area_px",
                                       "value", "unit", "box",   "x",     "y",      NULL};
    struct tro_recording *const r = ctx;
    const struct tro_finding_names *const names = r->networks[r->draft.network].names;
    struct tro_finding item = {0};
    const char *name = NULL;
    int kind = 0, unit = 0;
    (void)key;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(need(f, "kind", tro_field_choice(f, "kind", kind_names, &kind)));
    TRO_TRY(need(f, "name", tro_field_text(f, "name", &name)));
    TRO_TRY(tro_field_choice(f, "unit", unit_names, &unit));
    TRO_TRY(read_item_numbers(f, &item));
    item.kind = (enum tro_finding_kind)kind;
    item.unit = (enum tro_unit)unit;
    item.label = -1;
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->name[i], name) == 0)
            item.label = i;
    if (item.label < 0)
        return tro_field_fail(f, "expected a label of the network, found '%.60s'", name);
    if (!tro_findings_add(&r->draft, &item))
        return tro_field_fail(f,
                              "expected at most %d items, places within 2^17 pixels, ages and "
                              "areas of 0 or more",
                              TRO_FINDINGS_MAX);
    return 0;
}

/* 16 digits. */
static int read_engine(const struct tro_field *f, uint64_t *out)
{
    const char *text = NULL;
    TRO_TRY(need(f, "engine", tro_field_text(f, "engine", &text)));
    int end = 0;
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16 ||
        sscanf(text, "%16" SCNx64 "%n", out, &end) != 1 || end != 16)
        return tro_field_fail(f, "expected 16 digits at engine, found '%.60s'", text);
    return 0;
}

static int read_findings_head(struct tro_recording *r, const struct tro_field *f)
{
    struct tro_findings *const d = &r->draft;
    const char *network = NULL;
    int64_t frame, tier, width, height;
    TRO_TRY(need(f, "network", tro_field_text(f, "network", &network)));
    d->network = -1;
    for (int i = 0; i < r->opts.n_networks; i++)
        if (strcmp(r->networks[i].name, network) == 0)
            d->network = i;
    if (d->network < 0)
        return tro_field_fail(f, "expected one of the networks of the first line, found '%.60s'",
                              network);
    TRO_TRY(read_needed_int(f, "frame", 1, INT64_MAX, &frame));
    TRO_TRY(read_needed_int(f, "tier", 0, TRO_FINDINGS_MAX_NETWORKS - 1, &tier));
    TRO_TRY(read_needed_int(f, "captured_ns", 0, INT64_MAX / 4, &d->captured_ns));
    TRO_TRY(read_needed_int(f, "started_ns", 0, INT64_MAX / 4, &d->started_ns));
    TRO_TRY(read_needed_int(f, "ready_ns", 0, INT64_MAX / 4, &d->ready_ns));
    TRO_TRY(read_needed_int(f, "width", 1, TRO_FRAME_MAX_SIDE, &width));
    TRO_TRY(read_needed_int(f, "height", 1, TRO_FRAME_MAX_SIDE, &height));
    d->frame = (uint64_t)frame;
    d->tier = (int)tier;
    d->width = (int)width;
    d->height = (int)height;
    return read_engine(f, &d->engine);
}

static int read_findings(struct tro_recording *r, const struct tro_field *f)
{
    static const char *const keys[] = {"frame",      "network",  "tier",  "engine", "captured_ns",
                                       "started_ns", "ready_ns", "width", "height", "cut",
                                       "items",      "map",      "grid",  NULL};
    struct tro_field items;
    bool is_cut = false;
    tro_findings_clear(&r->draft);
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(read_findings_head(r, f));
    TRO_TRY(need(f, "items", tro_field_get(f, "items", &items)));
    TRO_TRY(tro_field_each_element(&items, read_item, r));
    TRO_TRY(tro_field_bool(f, "cut", &is_cut));
    r->draft.is_cut = is_cut;
    TRO_TRY(read_map(r, f));
    return read_grid(r, f);
}

/* Through the reader of messages, which checks what is left to check. */
static int accept(struct tro_recording *r, struct tro_findings *out, struct tro_err *err)
{
    const size_t n = tro_findings_write(&r->draft, r->bytes, MAX_BYTES);
    if (n == 0)
        return tro_fail(err, TRO_E_INPUT, "expected findings of at most %d bytes", MAX_BYTES);
    return tro_findings_read(out, r->bytes, n, err);
}

/* ---- objects -------------------------------------------------------------------------------- */

/* 1: it had findings. */
static int read_object(struct tro_recording *r, const struct tro_field *top,
                       struct tro_findings *out)
{
    static const char *const keys[] = {"findings", "sentence", NULL};
    struct tro_field value;
    TRO_TRY(tro_field_want_keys(top, keys));
    if (tro_field_n_members(top) != 1)
        return tro_field_fail(top, "expected findings or a sentence");
    const int rc = tro_field_get(top, "findings", &value);
    if (rc <= 0)
        return rc;
    TRO_TRY(read_findings(r, &value));
    TRO_TRY(accept(r, out, top->err));
    return 1;
}

/* The first line, with out NULL, or another one: 1 for findings. */
static int parse_line(struct tro_recording *r, size_t n, struct tro_findings *out,
                      struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_field top;
    int rc = tro_field_parse(r->text, n, out ? &arena : &r->arena, &top, err);
    if (rc == 0) {
        rc = out ? read_object(r, &top, out) : read_head(r, &top);
        tro_field_finish(&top);
    }
    tro_arena_finish(&arena);
    return tro_err_prefix(err, rc, "%s:%d: ", r->name, r->line);
}

int tro_recording_next(struct tro_recording *r, struct tro_findings *out, struct tro_err *err)
{
    for (;;) {
        size_t n;
        int rc = read_line(r, &n, err);
        if (rc > 0)
            rc = parse_line(r, n, out, err);
        else
            return rc;
        if (rc != 0)
            return rc;
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static int begin(struct tro_recording *r, const char *name, struct tro_err *err)
{
    size_t n;
    r->name = tro_arena_strdup(&r->arena, name);
    r->text = tro_malloc(TRO_RECORDING_MAX_LINE);
    r->bytes = tro_malloc(MAX_BYTES);
    if (!r->name || !r->text || !r->bytes)
        return tro_fail_nomem(err);
    TRO_TRY(tro_findings_init(&r->draft, err));
    const int rc = read_line(r, &n, err);
    if (rc == 0)
        return fail_line(r, err, "expected {\"recording\": 1, ...}, found nothing");
    return rc < 0 ? rc : parse_line(r, n, NULL, err);
}

struct tro_recording *tro_recording_of(FILE *file, const char *name, struct tro_err *err)
{
    struct tro_recording *const r = tro_calloc(1, sizeof *r);
    if (!r) {
        fclose(file);
        tro_fail_nomem(err);
        return NULL;
    }
    r->file = file;
    if (begin(r, name, err) < 0) {
        tro_recording_close(r);
        return NULL;
    }
    return r;
}

struct tro_recording *tro_recording_open(const char *path, struct tro_err *err)
{
    FILE *const file = fopen(path, "re");
    if (!file) {
        tro_fail(err, TRO_E_IO, "%s: cannot read: %s", path, strerror(errno));
        return NULL;
    }
    return tro_recording_of(file, path, err);
}

void tro_recording_close(struct tro_recording *r)
{
    if (!r)
        return;
    fclose(r->file);
    tro_findings_finish(&r->draft);
    tro_arena_finish(&r->arena);
    tro_free(r->text);
    tro_free(r->bytes);
    tro_free(r);
}

const struct tro_rules_opts *tro_recording_opts(const struct tro_recording *r)
{
    return &r->opts;
}
