/* SPDX-License-Identifier: Apache-2.0 */
#include "record/notes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Where it is looked up: one of the two. */
struct source {
    const struct tro_onnx_model *model;
    const struct tro_plan_parts *plan;
};

static struct tro_str text_of(const struct source *r, const char *key)
{
    if (r->model)
        return tro_onnx_metadata(r->model, key);
    const char *text = tro_plan_note(r->plan, key);
    return (struct tro_str){text, text ? strlen(text) : 0};
}

static int read_numbers(const struct source *r, const char *key, double *out, int max_n,
                        bool *is_recorded, struct tro_err *err)
{
    const struct tro_str text = text_of(r, key);
    char buf[256], *at = buf, *end;
    if (!text.n)
        return 0;
    *is_recorded = true;
    const size_t n = text.n < sizeof buf - 1 ? text.n : sizeof buf - 1;
    memcpy(buf, text.p, n);
    buf[n] = 0;
    int count = 0;
    for (;; at = end + 1) {
        const double v = strtod(at, &end);
        if (end == at || !isfinite(v) || count == max_n || (*end && *end != ','))
            return tro_fail(err, TRO_E_INPUT,
                            "metadata '%s': expected 1 to %d numbers with commas, found '%s'", key,
                            max_n, buf);
        out[count++] = v;
        if (!*end)
            break;
    }
    for (int i = count; i < max_n; i++)
        out[i] = out[count - 1];
    return 0;
}

static int read_choice(const struct source *r, const char *key, const char *const *names, int *out,
                       bool *is_recorded, struct tro_err *err)
{
    const struct tro_str text = text_of(r, key);
    *out = 0;
    if (!text.n)
        return 0;
    *is_recorded = true;
    for (int i = 0; names[i]; i++) {
        if (tro_str_eqz(text, names[i])) {
            *out = i;
            return 0;
        }
    }
    return tro_fail(err, TRO_E_INPUT, "metadata '%s': expected %s or %s, found '%.*s'", key,
                    names[0], names[1], (int)text.n, text.p);
}

static int read_notes(const struct source *r, struct tro_preprocess *p, struct tro_err *err)
{
    static const char *const layouts[] = {"nchw", "nhwc", NULL};
    static const char *const colours[] = {"rgb", "bgr", "grey", NULL};
    int layout, colour;
    *p = (struct tro_preprocess){.scale = 1};
    for (int i = 0; i < TRO_PREPROCESS_MAX_CHANNELS; i++)
        p->std[i] = 1;
    TRO_TRY(read_choice(r, "trocar.input.layout", layouts, &layout, &p->is_recorded, err));
    TRO_TRY(read_choice(r, "trocar.input.colour", colours, &colour, &p->is_recorded, err));
    TRO_TRY(read_numbers(r, "trocar.input.scale", &p->scale, 1, &p->is_recorded, err));
    TRO_TRY(read_numbers(r, "trocar.input.mean", p->mean, TRO_PREPROCESS_MAX_CHANNELS,
                         &p->is_recorded, err));
    TRO_TRY(read_numbers(r, "trocar.input.std", p->std, TRO_PREPROCESS_MAX_CHANNELS,
                         &p->is_recorded, err));
    p->is_nhwc = layout == 1;
    p->is_bgr = colour == 1;
    p->is_grey = colour == 2;
    for (int i = 0; i < TRO_PREPROCESS_MAX_CHANNELS; i++)
        if (p->std[i] == 0)
            return tro_fail(err, TRO_E_INPUT, "metadata 'trocar.input.std': expected no 0");
    return 0;
}

int tro_preprocess_from_onnx(const struct tro_onnx_model *m, struct tro_preprocess *p,
                             struct tro_err *err)
{
    return read_notes(&(struct source){.model = m}, p, err);
}

int tro_preprocess_from_plan(const struct tro_plan_parts *plan, struct tro_preprocess *p,
                             struct tro_err *err)
{
    return read_notes(&(struct source){.plan = plan}, p, err);
}

bool tro_preprocess_is_nhwc(const struct tro_preprocess *p, const int64_t shape[4])
{
    const bool looks_nhwc = (shape[3] == 3 || shape[3] == 1) && shape[1] != 3;
    return p->is_recorded ? p->is_nhwc : looks_nhwc;
}
