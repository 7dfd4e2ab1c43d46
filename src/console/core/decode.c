/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/decode.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"

#define N_DEPTHS 65536

/* ---- what there is -------------------------------------------------------------------------- */

struct part {
    const char *suffix;
    enum tro_dtype dtype;
    int rank; /* 0: any */
};

/* Tensors of each kind of output, as docs/record.md has them. */
enum { BOXES_COUNT, BOXES_BOXES, BOXES_SCORES, BOXES_CLASSES };
static const struct part parts[][TRO_DECODE_MAX_TENSORS] = {
    [TRO_RECORD_BOXES] = {{"count", TRO_I32, 2},
                          {"boxes", TRO_F32, 3},
                          {"scores", TRO_F32, 2},
                          {"classes", TRO_I32, 2}},
    [TRO_RECORD_PEAKS] = {{"points", TRO_F32, 4}},
    [TRO_RECORD_CLASSES] = {{"classes", TRO_U8, 3}},
    [TRO_RECORD_LINEAR] = {{"linear", TRO_F32, 0}},
    [TRO_RECORD_SCORES] = {{"scores", TRO_F32, 2}},
};

static int find_tensor(const struct tro_session *s, const struct tro_record_output *o,
                       const struct part *p, int *out, struct tro_err *err)
{
    char name[512];
    snprintf(name, sizeof name, "%.400s_%s", o->name, p->suffix);
    for (int i = 0; i < tro_session_n_outputs(s); i++) {
        const struct tro_io_info info = tro_session_output_info(s, i);
        if (strcmp(info.name, name) != 0)
            continue;
        if (info.dtype != p->dtype || (p->rank && info.rank != p->rank) || info.rank < 1 ||
            info.shape[0] != 1)
            return tro_fail(err, TRO_E_INPUT,
                            "output %s: expected %s of one picture, found type %s and rank %d",
                            name, tro_dtype_name(p->dtype), tro_dtype_name(info.dtype), info.rank);
        for (int k = 0; k < info.rank; k++)
            if (info.shape[k] < 1)
                return tro_fail(err, TRO_E_INPUT, "output %s: expected a fixed size, found none",
                                name);
        *out = i;
        return 0;
    }
    return tro_fail(err, TRO_E_INPUT,
                    "expected an output %s, which the record speaks of, found none", name);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The label of that name, which is added where it is new. */
static int name_label(struct tro_finding_names *names, const char *name, enum tro_finding_kind kind,
                      uint8_t *label, struct tro_err *err)
{
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->name[i], name) == 0) {
            *label = (uint8_t)i;
            names->kinds[i] |= (uint8_t)(1u << kind);
            return 0;
        }
    if (names->n == TRO_FINDINGS_MAX_NAMES)
        return tro_fail(err, TRO_E_UNSUPPORTED, "expected at most %d names in all, found more",
                        TRO_FINDINGS_MAX_NAMES);
    if (strlen(name) >= TRO_FINDINGS_NAME_BYTES)
        return tro_fail(err, TRO_E_UNSUPPORTED, "expected names of at most %d bytes, found '%.60s'",
                        TRO_FINDINGS_NAME_BYTES - 1, name);
    *label = (uint8_t)names->n;
    names->kinds[names->n] = (uint8_t)(1u << kind);
    strcpy(names->name[names->n++], name);
    return 0;
}

static int name_labels(struct tro_decode_output *to, struct tro_finding_names *names,
                       struct tro_err *err)
{
    static const enum tro_finding_kind kinds[] = {[TRO_RECORD_BOXES] = TRO_FINDING_BOX,
                                                  [TRO_RECORD_PEAKS] = TRO_FINDING_LANDMARK,
                                                  [TRO_RECORD_CLASSES] = TRO_FINDING_MASK,
                                                  [TRO_RECORD_LINEAR] = TRO_FINDING_DEPTH,
                                                  [TRO_RECORD_SCORES] = TRO_FINDING_SCALAR};
    const struct tro_record_output *const o = to->of;
    if (o->decode == TRO_RECORD_LINEAR)
        return name_label(names, o->name, kinds[o->decode], &to->label[0], err);
    if (o->n_names == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "output %s: expected names in the record, which findings are called by, "
                        "found none",
                        o->name);
    for (int i = 0; i < o->n_names && i < 256; i++)
        TRO_TRY(name_label(names, o->names[i], kinds[o->decode], &to->label[i], err));
    return 0;
}

/* ---- places --------------------------------------------------------------------------------- */

static int find_view(struct tro_decode_output *to, const struct tro_camera *c, struct tro_err *err)
{
    const struct tro_record_output *const o = to->of;
    to->left = to->top = 0;
    to->by_x = to->by_y = 1;
    if ((o->decode != TRO_RECORD_BOXES && o->decode != TRO_RECORD_PEAKS) ||
        o->space == TRO_RECORD_SPACE_FRAME)
        return 0;
    if (o->space == TRO_RECORD_SPACE_MAP)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "output %s: expected places in pixels of the frame or the network, found "
                        "those of the map: give the record \"space\": \"frame\"",
                        o->name);
    to->left = (double)c->left;
    to->top = (double)c->top;
    to->by_x = (double)c->width / (double)c->fit_width;
    to->by_y = (double)c->height / (double)c->fit_height;
    return 0;
}

static float place_x(const struct tro_decode_output *o, double x)
{
    return (float)((x - o->left) * o->by_x);
}

static float place_y(const struct tro_decode_output *o, double y)
{
    return (float)((y - o->top) * o->by_y);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int count_kind(const struct tro_record *r, enum tro_record_decode kind)
{
    int n = 0;
    for (size_t i = 0; i < r->n_outputs; i++)
        n += r->outputs[i].decode == kind;
    return n;
}

static int init_output(struct tro_decode *d, const struct tro_record_output *o,
                       const struct tro_camera *camera, struct tro_finding_names *names,
                       struct tro_err *err)
{
    struct tro_decode_output *const to = &d->outputs[d->n_outputs++];
    to->of = o;
    for (int i = 0; i < TRO_DECODE_MAX_TENSORS && parts[o->decode][i].suffix; i++)
        TRO_TRY(find_tensor(d->session, o, &parts[o->decode][i], &to->tensor[i], err));
    TRO_TRY(name_labels(to, names, err));
    return find_view(to, camera, err);
}

static int reserve(struct tro_decode *d, struct tro_err *err)
{
    size_t n = 1;
    for (int i = 0; i < d->n_outputs; i++) {
        const struct tro_io_info info = tro_session_output_info(d->session,
                                                                d->outputs[i].tensor[0]);
        if (d->outputs[i].of->decode == TRO_RECORD_CLASSES)
            n = (size_t)(info.shape[1] * info.shape[2]);
    }
    d->labels = tro_arena_alloc64(&d->arena, n);
    d->counts = TRO_NEW_N(&d->arena, uint32_t, N_DEPTHS);
    return d->labels && d->counts ? 0 : tro_fail_nomem(err);
}

static int init(struct tro_decode *d, const struct tro_record *r, const struct tro_camera *camera,
                struct tro_finding_names *names, struct tro_err *err)
{
    if (r->n_outputs == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a record that says what outputs are, found one without outputs");
    if (count_kind(r, TRO_RECORD_CLASSES) > 1 || count_kind(r, TRO_RECORD_LINEAR) > 1)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "expected at most one output of classes and one of depth, found more");
    d->outputs = TRO_NEW_N(&d->arena, struct tro_decode_output, r->n_outputs);
    if (!d->outputs)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < r->n_outputs; i++)
        TRO_TRY(init_output(d, &r->outputs[i], camera, names, err));
    return reserve(d, err);
}

int tro_decode_init(struct tro_decode *d, const struct tro_record *r,
                    const struct tro_session *session, const struct tro_camera *camera,
                    const struct tro_frame_form *form, struct tro_finding_names *names,
                    struct tro_err *err)
{
    *d = (struct tro_decode){.session = session, .form = *form};
    const int rc = init(d, r, camera, names, err);
    if (rc < 0)
        tro_decode_finish(d);
    return rc;
}

void tro_decode_finish(struct tro_decode *d)
{
    tro_arena_finish(&d->arena);
    *d = (struct tro_decode){0};
}

/* ---- findings ------------------------------------------------------------------------------- */

/* NULL: no room. */
static struct tro_finding *add(struct tro_findings *f, enum tro_finding_kind kind, int label,
                               float score)
{
    if (f->n == TRO_FINDINGS_MAX) {
        f->is_cut = true;
        return NULL;
    }
    struct tro_finding *const item = &f->items[f->n++];
    *item = (struct tro_finding){.kind = kind, .label = label};
    item->score = score > 0 ? fminf(score, 1) : 0;
    return item;
}

static const void *tensor(const struct tro_decode *d, const struct tro_decode_output *o, int i,
                          struct tro_tensor *t)
{
    return tro_session_output(d->session, o->tensor[i], t, NULL) < 0 ? NULL : t->data;
}

/* Networks may give anything: what is no place within reach of the frame is none. */
static bool is_near(const struct tro_decode *d, float x, float y)
{
    const float w = (float)d->form.width, h = (float)d->form.height;
    return x >= -w && x <= 2 * w && y >= -h && y <= 2 * h;
}

static void add_box(const struct tro_decode *d, const struct tro_decode_output *o, const float *at,
                    int label, float score, struct tro_findings *f)
{
    const float x0 = place_x(o, (double)at[0]), y0 = place_y(o, (double)at[1]);
    const float x1 = place_x(o, (double)at[2]), y1 = place_y(o, (double)at[3]);
    if (!is_near(d, x0, y0) || !is_near(d, x1, y1) || x0 > x1 || y0 > y1)
        return;
    struct tro_finding *const item = add(f, TRO_FINDING_BOX, label, score);
    if (!item)
        return;
    item->x0 = x0;
    item->y0 = y0;
    item->x1 = x1;
    item->y1 = y1;
    item->x = (x0 + x1) / 2;
    item->y = (y0 + y1) / 2;
}

static void find_boxes(const struct tro_decode *d, const struct tro_decode_output *o,
                       struct tro_findings *f)
{
    struct tro_tensor t;
    const int32_t *const count = tensor(d, o, BOXES_COUNT, &t);
    const int32_t *const classes = tensor(d, o, BOXES_CLASSES, &t);
    const float *const scores = tensor(d, o, BOXES_SCORES, &t);
    const float *const boxes = tensor(d, o, BOXES_BOXES, &t);
    for (int64_t i = 0; i < t.shape[1] && i < count[0]; i++)
        if (classes[i] >= 0 && classes[i] < o->of->n_names)
            add_box(d, o, boxes + 4 * i, o->label[classes[i]], scores[i], f);
}

static void find_peaks(const struct tro_decode *d, const struct tro_decode_output *o,
                       struct tro_findings *f)
{
    struct tro_tensor t;
    const float *p = tensor(d, o, 0, &t);
    for (int64_t i = 0; i < t.shape[1] * t.shape[2]; i++, p += 3) {
        const int64_t map = i / t.shape[2];
        if ((p[0] == -1 && p[1] == -1) || map >= o->of->n_names)
            continue;
        const float x = place_x(o, (double)p[0] + 0.5), y = place_y(o, (double)p[1] + 0.5);
        struct tro_finding *const item = is_near(d, x, y)
                                             ? add(f, TRO_FINDING_LANDMARK, o->label[map], p[2])
                                             : NULL;
        if (item) {
            item->x = x;
            item->y = y;
        }
    }
}

static void find_scores(const struct tro_decode *d, const struct tro_decode_output *o,
                        struct tro_findings *f)
{
    struct tro_tensor t;
    const float *const scores = tensor(d, o, 0, &t);
    for (int64_t i = 0; i < t.shape[1] && i < o->of->n_names; i++) {
        struct tro_finding *const item = isfinite(scores[i])
                                             ? add(f, TRO_FINDING_SCALAR, o->label[i], scores[i])
                                             : NULL;
        if (item)
            item->value = scores[i];
    }
}

/* ---- masks ---------------------------------------------------------------------------------- */

struct mask {
    int64_t n, sum_x, sum_y; /* pixels of the map */
    int x0, y0, x1, y1;      /* the last ones included */
};

/* A part of a run that lies in one row. */
static void add_piece(struct mask *m, int x, int y, int length)
{
    if (m->n == 0)
        *m = (struct mask){.x0 = x, .y0 = y, .x1 = x, .y1 = y};
    m->n += length;
    m->sum_x += (int64_t)length * x + (int64_t)length * (length - 1) / 2;
    m->sum_y += (int64_t)length * y;
    m->x0 = x < m->x0 ? x : m->x0;
    m->x1 = x + length - 1 > m->x1 ? x + length - 1 : m->x1;
    m->y1 = y;
}

static void measure_masks(const struct tro_findings *f, struct mask *masks)
{
    int x = 0, y = 0;
    for (int i = 0; i < f->n_runs; i++) {
        for (int left = f->runs[i].length; left > 0;) {
            const int piece = left < f->map_width - x ? left : f->map_width - x;
            add_piece(&masks[f->runs[i].label], x, y, piece);
            left -= piece;
            x += piece;
            y += x == f->map_width;
            x = x == f->map_width ? 0 : x;
        }
    }
}

static void find_classes(struct tro_decode *d, const struct tro_decode_output *o,
                         struct tro_findings *f)
{
    struct mask masks[TRO_FINDINGS_MAX_NAMES] = {{0}};
    struct tro_tensor t;
    const uint8_t *const classes = tensor(d, o, 0, &t);
    const int64_t n = t.shape[1] * t.shape[2];
    for (int64_t i = 0; i < n; i++)
        d->labels[i] = o->label[classes[i]];
    tro_findings_pack(f, d->labels, (int)t.shape[2], (int)t.shape[1]);
    measure_masks(f, masks);
    const double by_x = (double)d->form.width / f->map_width;
    const double by_y = (double)d->form.height / f->map_height;
    for (int i = 0; i < TRO_FINDINGS_MAX_NAMES; i++) {
        const struct mask *const m = &masks[i];
        struct tro_finding *const item = m->n ? add(f, TRO_FINDING_MASK, i, 1) : NULL;
        if (!item)
            continue;
        item->area_px = (float)((double)m->n * by_x * by_y);
        item->x = (float)(((double)m->sum_x / (double)m->n + 0.5) * by_x);
        item->y = (float)(((double)m->sum_y / (double)m->n + 0.5) * by_y);
        item->x0 = (float)(m->x0 * by_x);
        item->y0 = (float)(m->y0 * by_y);
        item->x1 = (float)((m->x1 + 1) * by_x);
        item->y1 = (float)((m->y1 + 1) * by_y);
    }
}

/* ---- depth ---------------------------------------------------------------------------------- */

/* Hundredths of a mm; 0: none. */
static uint16_t hundredths(double mm)
{
    return (uint16_t)(mm > 0 ? fmin(rint(mm * 100), 65535) : 0);
}

/* The mean of the depths in a square of step x step, those that are there. */
static uint16_t shrink(const float *mm, int64_t width, int64_t height, int64_t x, int64_t y,
                       int64_t step)
{
    double sum = 0;
    int n = 0;
    for (int64_t i = y; i < y + step && i < height; i++)
        for (int64_t k = x; k < x + step && k < width; k++) {
            const float v = mm[i * width + k];
            sum += v > 0 ? (double)v : 0;
            n += v > 0;
        }
    return n ? hundredths(sum / n) : 0;
}

static float median_mm(const struct tro_decode *d, const struct tro_findings *f)
{
    const int n = f->grid_width * f->grid_height;
    int n_known = 0;
    memset(d->counts, 0, N_DEPTHS * sizeof *d->counts);
    for (int i = 0; i < n; i++) {
        d->counts[f->grid[i]]++;
        n_known += f->grid[i] != 0;
    }
    int64_t below = 0;
    for (int v = 1; v < N_DEPTHS; v++) {
        below += d->counts[v];
        if (2 * below >= n_known && n_known)
            return (float)v / 100;
    }
    return 0;
}

static void find_depth(const struct tro_decode *d, const struct tro_decode_output *o,
                       struct tro_findings *f)
{
    struct tro_tensor t;
    const float *const mm = tensor(d, o, 0, &t);
    const int64_t width = t.shape[t.rank - 1], height = t.rank > 1 ? t.shape[t.rank - 2] : 1;
    int64_t step = 1;
    while (((width + step - 1) / step) * ((height + step - 1) / step) > TRO_FINDINGS_MAX_GRID)
        step++;
    f->grid_width = (int)((width + step - 1) / step);
    f->grid_height = (int)((height + step - 1) / step);
    uint16_t *out = f->grid;
    for (int64_t y = 0; y < height; y += step)
        for (int64_t x = 0; x < width; x += step)
            *out++ = step == 1 ? hundredths((double)mm[y * width + x])
                               : shrink(mm, width, height, x, y, step);
    struct tro_finding *const item = add(f, TRO_FINDING_DEPTH, o->label[0], 1);
    if (item) {
        item->value = median_mm(d, f);
        item->unit = TRO_UNIT_MM;
    }
}

void tro_decode_run(struct tro_decode *d, struct tro_findings *out)
{
    tro_findings_clear(out);
    out->width = d->form.width;
    out->height = d->form.height;
    for (int i = 0; i < d->n_outputs; i++) {
        const struct tro_decode_output *const o = &d->outputs[i];
        switch (o->of->decode) {
        case TRO_RECORD_BOXES:
            find_boxes(d, o, out);
            break;
        case TRO_RECORD_PEAKS:
            find_peaks(d, o, out);
            break;
        case TRO_RECORD_CLASSES:
            find_classes(d, o, out);
            break;
        case TRO_RECORD_LINEAR:
            find_depth(d, o, out);
            break;
        case TRO_RECORD_SCORES:
            find_scores(d, o, out);
            break;
        }
    }
}
