/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/calibration.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"

static void put_hash(struct tro_json *j, const char *key, uint64_t hash)
{
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    tro_json_string(j, key, text);
}

static void put_bounds(struct tro_json *j, const char *key, const double v[TRO_N_BOUNDS])
{
    tro_json_object_begin(j, key);
    for (int i = 0; i < TRO_N_BOUNDS; i++)
        tro_json_number(j, tro_bound_names[i], v[i]);
    tro_json_object_end(j);
}

static void put_group(struct tro_json *j, const struct tro_quant *q, int index)
{
    const struct tro_quant_group *const g = &q->groups[index];
    tro_json_object_begin(j, NULL);
    tro_json_array_begin(j, "tensors");
    for (int i = 0; i < q->n_sources; i++)
        if (q->sources[i].group == index)
            tro_json_string(j, NULL, tro_value_get(q->graph, q->sources[i].value)->name);
    tro_json_array_end(j);
    tro_json_number(j, "min", (double)g->stats.min);
    tro_json_number(j, "max", (double)g->stats.max);
    tro_json_bool(j, "unsigned", g->is_unsigned);
    put_bounds(j, "bounds", g->bounds);
    put_bounds(j, "errors", g->errors);
    tro_json_string(j, "chosen", tro_bound_names[g->chosen]);
    tro_json_string(j, "type", tro_dtype_name(g->form.dtype));
    tro_json_number(j, "scale", (double)g->form.scale);
    tro_json_int(j, "zero", g->form.zero);
    tro_json_object_end(j);
}

static void put_repair(struct tro_json *j, const struct tro_quant_repair *r)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "repair", tro_quant_repair_names[r->kind]);
    tro_json_string(j, "from", r->from);
    tro_json_number(j, "before", r->before);
    tro_json_number(j, "after", r->after);
    tro_json_array_begin(j, "factors");
    for (int i = 0; i < r->n_channels; i++)
        tro_json_number(j, NULL, (double)r->factors[i]);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

static void put_layer(struct tro_json *j, const struct tro_quant *q,
                      const struct tro_quant_layer *l)
{
    const enum tro_bound chosen = q->groups[l->group].chosen;
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", l->name);
    tro_json_number(j, "error", l->errors[chosen]);
    tro_json_array_begin(j, "shift");
    for (int i = 0; i < l->n_channels && q->n_probed > 0; i++)
        tro_json_number(j, NULL, l->shift[(int)chosen * l->n_channels + i]);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

int tro_calibration_write(const struct tro_calibration *c, const struct tro_quant *q,
                          const char *path, struct tro_err *err)
{
    struct tro_json j = {0};
    tro_json_object_begin(&j, NULL);
    tro_json_int(&j, "trocar_calibration", 1);
    put_hash(&j, "model", c->model_hash);
    put_hash(&j, "data", c->data_hash);
    tro_json_int(&j, "samples", c->n_samples);
    tro_json_int(&j, "probed", q->n_probed);
    tro_json_array_begin(&j, "repairs");
    for (int i = 0; i < q->n_repairs; i++)
        put_repair(&j, &q->repairs[i]);
    tro_json_array_end(&j);
    tro_json_array_begin(&j, "groups");
    for (int i = 0; i < q->n_groups; i++)
        if (q->groups[i].is_wanted)
            put_group(&j, q, i);
    tro_json_array_end(&j);
    tro_json_array_begin(&j, "layers");
    for (int i = 0; i < q->n_layers; i++)
        put_layer(&j, q, &q->layers[i]);
    tro_json_array_end(&j);
    tro_json_object_end(&j);
    const int rc = j.buf.failed ? tro_fail_nomem(err) : tro_file_write(path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}
