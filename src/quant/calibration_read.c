/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/calibration.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "quant/groups.h"
#include "quant/watch.h"
#include "record/field.h"

#define MAX_BYTES (64 << 20)
#define MAX_CHANNELS (1 << 20)

struct reader {
    struct tro_calibration *c;
    struct tro_quant *q;
    bool *is_read; /* groups, then layers */
};

/* ---- numbers -------------------------------------------------------------------------------- */

static int read_hash(const struct tro_field *f, const char *key, uint64_t *out)
{
    const char *text = NULL;
    char *end = NULL;
    TRO_TRY(tro_field_text(f, key, &text));
    if (text)
        *out = strtoull(text, &end, 16);
    return text && end == text + 16 && !*end
               ? 0
               : tro_field_fail(f, "expected the key %s, 16 hexadecimal digits", key);
}

static int want_number(const struct tro_field *f, const char *key, double *out)
{
    const int rc = tro_field_number(f, key, out);
    TRO_TRY(rc);
    return rc ? 0 : tro_field_fail(f, "expected the key %s, a number", key);
}

/* Errors that were not measured are null. */
static int read_bounds(const struct tro_field *f, const char *key, double out[TRO_N_BOUNDS])
{
    struct tro_field numbers;
    const int rc = tro_field_get(f, key, &numbers);
    TRO_TRY(rc);
    for (int i = 0; rc && i < TRO_N_BOUNDS; i++)
        TRO_TRY(want_number(&numbers, tro_bound_names[i], &out[i]));
    return rc;
}

/* ---- groups --------------------------------------------------------------------------------- */

static int find_source(const struct tro_quant *q, const char *name)
{
    for (int i = 0; i < q->n_sources; i++)
        if (strcmp(tro_value_get(q->graph, q->sources[i].value)->name, name) == 0)
            return i;
    return -1;
}

/* The tensors of one group of the file are one of the network, whose index is returned. */
static int read_tensors(struct reader *r, const struct tro_field *f)
{
    const char *const *names;
    const int n = tro_field_texts(f, "tensors", r->q->n_sources, &names);
    int group = -1;
    TRO_TRY(n);
    for (int i = 0; i < n; i++) {
        const int at = find_source(r->q, names[i]);
        if (at < 0)
            return tro_field_fail(
                f, "expected tensors of the network, found '%s', which it has not", names[i]);
        if (group >= 0)
            tro_quant_join(r->q, group, r->q->sources[at].group);
        group = r->q->sources[at].group;
    }
    return group >= 0 ? group : tro_field_fail(f, "expected the key tensors, a list of names");
}

static int read_form(const struct tro_field *f, double scale, struct tro_quant_form *out)
{
    static const char *const types[] = {"i8", "u8", NULL};
    int64_t zero = 0;
    int type = 0;
    TRO_TRY(tro_field_choice(f, "type", types, &type));
    TRO_TRY(tro_field_int(f, "zero", 0, type ? 255 : 0, &zero));
    *out = (struct tro_quant_form){type ? TRO_U8 : TRO_I8, (float)scale, (int)zero};
    return 0;
}

static int read_group(void *ctx, const char *key, const struct tro_field *f)
{
    static const char *const keys[] = {"tensors", "min",  "max",   "unsigned", "bounds", "errors",
                                       "chosen",  "type", "scale", "zero",     NULL};
    struct reader *const r = ctx;
    double min, max, scale;
    int chosen = 0;
    (void)key;
    TRO_TRY(tro_field_want_keys(f, keys));
    const int index = read_tensors(r, f);
    TRO_TRY(index);
    struct tro_quant_group *const g = &r->q->groups[index];
    TRO_TRY(want_number(f, "min", &min));
    TRO_TRY(want_number(f, "max", &max));
    TRO_TRY(want_number(f, "scale", &scale));
    TRO_TRY(tro_field_bool(f, "unsigned", &g->is_unsigned));
    TRO_TRY(tro_field_choice(f, "chosen", tro_bound_names, &chosen));
    if (read_bounds(f, "bounds", g->bounds) != 1)
        return tro_field_fail(f, "expected the key bounds, a number each");
    for (int i = 0; i < TRO_N_BOUNDS; i++)
        g->errors[i] = NAN;
    if (!(scale > 0) || !isfinite(scale))
        return tro_field_fail(f, "scale: expected a number above 0, found %g", scale);
    g->stats.min = (float)min;
    g->stats.max = (float)max;
    TRO_TRY(read_form(f, scale, &g->form));
    g->chosen = (enum tro_bound)chosen;
    r->is_read[index] = true;
    return 0;
}

/* ---- layers --------------------------------------------------------------------------------- */

static int read_layer(void *ctx, const char *key, const struct tro_field *f)
{
    static const char *const keys[] = {"name", "error", "shift", NULL};
    struct reader *const r = ctx;
    struct tro_field shift;
    const char *name = "";
    double *numbers;
    int i = 0;
    (void)key;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(tro_field_text(f, "name", &name));
    while (i < r->q->n_layers && strcmp(r->q->layers[i].name, name) != 0)
        i++;
    if (i == r->q->n_layers)
        return tro_field_fail(f, "expected a layer of the network, found '%s'", name);
    struct tro_quant_layer *const l = &r->q->layers[i];
    const enum tro_bound chosen = r->q->groups[l->group].chosen;
    TRO_TRY(want_number(f, "error", &l->errors[chosen]));
    const int rc = tro_field_get(f, "shift", &shift);
    TRO_TRY(rc);
    if (rc == 0)
        return tro_field_fail(f, "expected the key shift, a list of numbers");
    const int n = tro_field_all_numbers(&shift, l->n_channels, &numbers);
    TRO_TRY(n);
    if (n != l->n_channels && (n != 0 || r->q->n_probed > 0))
        return tro_field_fail(&shift, "expected %d numbers, found %d", l->n_channels, n);
    memcpy(l->shift + (int)chosen * l->n_channels, numbers, (size_t)n * sizeof(*numbers));
    r->is_read[r->q->n_groups + i] = true;
    return 0;
}

/* ---- repairs -------------------------------------------------------------------------------- */

/* Done again as they are read, before anything is said of the tensors that follow from them. */
static int read_repair(void *ctx, const char *key, const struct tro_field *f)
{
    static const char *const keys[] = {"repair", "from", "before", "after", "factors", NULL};
    struct reader *const r = ctx;
    struct tro_quant_repair repair = {.from = ""};
    struct tro_field factors;
    double *numbers;
    int kind = 0;
    (void)key;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(tro_field_choice(f, "repair", tro_quant_repair_names, &kind));
    TRO_TRY(tro_field_text(f, "from", &repair.from));
    TRO_TRY(want_number(f, "before", &repair.before));
    TRO_TRY(want_number(f, "after", &repair.after));
    const int rc = tro_field_get(f, "factors", &factors);
    TRO_TRY(rc);
    if (rc == 0)
        return tro_field_fail(f, "expected the key factors, a list of numbers");
    const int n = tro_field_all_numbers(&factors, MAX_CHANNELS, &numbers);
    TRO_TRY(n);
    float *const v = TRO_NEW_N(&r->q->arena, float, (size_t)n + 1);
    if (!v)
        return tro_fail_nomem(f->err);
    for (int i = 0; i < n; i++) {
        v[i] = (float)numbers[i];
        if (!(v[i] > 0) || !isfinite(v[i]))
            return tro_field_fail(&factors, "expected numbers above 0, found %g", numbers[i]);
    }
    repair.kind = (enum tro_quant_repair_kind)kind;
    repair.factors = v;
    repair.n_channels = n;
    return tro_quant_repair_again(r->q, &repair, f->err);
}

/* ---- all ------------------------------------------------------------------------------------ */

static int read_list(struct reader *r, const struct tro_field *top, const char *key,
                     tro_field_fn *fn)
{
    struct tro_field list;
    const int rc = tro_field_get(top, key, &list);
    TRO_TRY(rc);
    return rc ? tro_field_each_element(&list, fn, r)
              : tro_field_fail(top, "expected the key %s, a list", key);
}

static int want_all(const struct reader *r, const struct tro_field *top)
{
    const struct tro_quant *const q = r->q;
    for (int i = 0; i < q->n_groups; i++)
        if (q->groups[i].is_wanted && !r->is_read[i])
            return tro_field_fail(top, "expected the tensor '%s' in groups, found none of it",
                                  q->groups[i].name);
    for (int i = 0; i < q->n_layers; i++)
        if (!r->is_read[q->n_groups + i])
            return tro_field_fail(top, "expected the layer '%s' in layers, found none of it",
                                  q->layers[i].name);
    return 0;
}

static int read_top(struct reader *r, const struct tro_field *top)
{
    static const char *const keys[] = {"trocar_calibration",
                                       "model",
                                       "data",
                                       "samples",
                                       "probed",
                                       "repairs",
                                       "groups",
                                       "layers",
                                       NULL};
    const uint64_t expected = r->c->model_hash;
    int64_t version = 0;
    TRO_TRY(tro_field_want_keys(top, keys));
    TRO_TRY(tro_field_int(top, "trocar_calibration", 0, INT32_MAX, &version));
    if (version != 1)
        return tro_field_fail(top, "trocar_calibration: expected 1, found %" PRId64, version);
    TRO_TRY(read_hash(top, "model", &r->c->model_hash));
    TRO_TRY(read_hash(top, "data", &r->c->data_hash));
    if (r->c->model_hash != expected)
        return tro_field_fail(top,
                              "expected the calibration of this model and record, %016" PRIx64
                              ", found that of another, %016" PRIx64 ": calibrate again (--calib)",
                              expected, r->c->model_hash);
    TRO_TRY(tro_field_int(top, "samples", 1, INT64_MAX / 2, &r->c->n_samples));
    TRO_TRY(tro_field_int(top, "probed", 0, INT64_MAX / 2, &r->q->n_probed));
    TRO_TRY(read_list(r, top, "repairs", read_repair));
    TRO_TRY(read_list(r, top, "groups", read_group));
    TRO_TRY(read_list(r, top, "layers", read_layer));
    return want_all(r, top);
}

static int parse(struct reader *r, const char *text, size_t n, struct tro_err *err)
{
    struct tro_field top;
    TRO_TRY(tro_field_parse(text, n, &r->q->arena, &top, err));
    const int rc = read_top(r, &top);
    tro_field_finish(&top);
    return rc;
}

int tro_calibration_parse(struct tro_calibration *c, struct tro_quant *q, const char *text,
                          size_t n, const char *name, struct tro_err *err)
{
    struct reader r = {.c = c, .q = q};
    r.is_read = tro_calloc((size_t)q->n_groups + (size_t)q->n_layers + 1, sizeof(*r.is_read));
    const int rc = r.is_read ? parse(&r, text, n, err) : tro_fail_nomem(err);
    tro_free(r.is_read);
    return tro_err_prefix(err, rc, "%s: ", name);
}

int tro_calibration_read(struct tro_calibration *c, struct tro_quant *q, const char *path,
                         struct tro_err *err)
{
    struct tro_file file;
    TRO_TRY(tro_file_read(&file, path, MAX_BYTES, err));
    const int rc = tro_calibration_parse(c, q, file.data, file.n_bytes, path, err);
    tro_file_finish(&file);
    return rc;
}
