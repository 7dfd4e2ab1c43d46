/* SPDX-License-Identifier: Apache-2.0 */
/* The page about a network in integers, and its part of the build's JSON. */
#include "quantize.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "base/file.h"
#include "html.h"

/* ---- the page ------------------------------------------------------------------------------- */

static void put_head(const struct tro_quantize *z, const struct tro_trial *trial,
                     const struct tro_quantize_engine *engine, struct tro_buf *out)
{
    tro_buf_printf(out,
                   "<p>%.1f %% of multiply-accumulates are in integers, by %" PRId64 " samples of ",
                   100 * tro_quantize_int_share(z), z->n_samples);
    for (int i = 0; i < z->calib.data->n; i++) {
        tro_buf_str(out, i ? ", " : "");
        tro_html_text(out, z->calib.data->v[i]);
    }
    tro_buf_printf(out, " (%016" PRIx64 "). ", z->data_hash);
    if (trial)
        tro_buf_printf(out, "The gates hold on %" PRId64 " frames, after %d trial%s. ",
                       trial->eval.data.n_frames, z->n_trials, z->n_trials == 1 ? "" : "s");
    else
        tro_buf_str(out, "Nobody asked what that does to the results (--eval, --gate). ");
    tro_buf_printf(out, "Model %016" PRIx64 ", engine %016" PRIx64 ", trocar %s, ", z->model_hash,
                   engine->hash, tro_version());
    tro_html_text(out, engine->machine);
    tro_buf_str(out, ".</p>\n");
}

/* The figure that the network is judged by, of each slice. */
static int put_slices(struct eval *e, struct tro_buf *out, struct tro_err *err)
{
    const enum eval_figure figure = eval_main_figure(e);
    struct tro_table t = {0};
    int rc = 0;
    tro_table_column(&t, "frames of");
    tro_table_column(&t, ">fp32");
    tro_table_column(&t, ">int8");
    tro_table_column(&t, ">difference");
    for (int i = 0; i < e->n_groups && rc >= 0; i++) {
        const struct eval_group *const g = &e->groups[i];
        double first, second;
        rc = eval_figure(e, 0, g, figure, &first, err);
        if (rc >= 0)
            rc = eval_figure(e, 1, g, figure, &second, err);
        if (rc < 0)
            break;
        tro_table_cell(&t, "%s %s", g->kind, g->name);
        eval_number(&t, first);
        eval_number(&t, second);
        eval_number(&t, second - first);
    }
    tro_html_element(out, "h2", eval_figures[figure].name);
    tro_html_table(out, &t, NULL);
    tro_table_finish(&t);
    return rc;
}

static int put_trial(struct tro_trial *trial, struct tro_buf *out, struct tro_err *err)
{
    tro_html_element(out, "h2", "Gates");
    tro_html_table(out, &trial->eval.gates, NULL);
    TRO_TRY(put_slices(&trial->eval, out, err));
    return eval_put_worst(&trial->eval, out, err);
}

static void put_repairs(const struct tro_quantize *z, struct tro_buf *out)
{
    struct tro_table t = {0};
    if (z->quant->n_repairs == 0)
        return;
    tro_quantize_repairs_table(z, &t);
    tro_html_element(out, "h2", "Scaled channels");
    tro_html_table(out, &t, NULL);
    tro_table_finish(&t);
}

int tro_quantize_html(const struct tro_quantize *z, struct tro_trial *trial,
                      const struct tro_quantize_engine *engine, const char *path,
                      struct tro_err *err)
{
    struct tro_buf page = {0};
    struct tro_table layers = {0};
    tro_html_begin(&page, "Engine in integers");
    put_head(z, trial, engine, &page);
    tro_html_element(&page, "h2", "Layers");
    tro_quantize_table(z, &layers);
    tro_html_table(&page, &layers, NULL);
    tro_table_finish(&layers);
    put_repairs(z, &page);
    int rc = trial ? put_trial(trial, &page, err) : 0;
    tro_html_end(&page);
    if (rc >= 0)
        rc = page.failed ? tro_fail_nomem(err) : tro_file_write(path, page.p, page.n, err);
    tro_buf_finish(&page);
    return rc;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_hash(struct tro_json *j, const char *key, uint64_t hash)
{
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    tro_json_string(j, key, text);
}

static void put_layer(const struct tro_quantize *z, int i, struct tro_json *j)
{
    const struct tro_quant_layer *const l = &z->quant->layers[i];
    const struct tro_quant_group *const g = &z->quant->groups[l->group];
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", l->name);
    tro_json_number(j, "macs", l->n_macs);
    tro_json_string(j, "precision", l->is_int ? "int8" : "float");
    tro_json_string(j, "bound", tro_bound_names[g->chosen]);
    tro_json_number(j, "reach", g->bounds[g->chosen]);
    tro_json_number(j, "error", sqrt(l->errors[g->chosen]));
    if (z->damage)
        tro_json_number(j, "damage", z->damage[i]);
    if (l->why)
        tro_json_string(j, "why", l->why);
    tro_json_object_end(j);
}

static void put_repair(const struct tro_quant_repair *r, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "repair", tro_quant_repair_names[r->kind]);
    tro_json_string(j, "from", r->from);
    tro_json_string(j, "to", r->to);
    tro_json_int(j, "layers", r->n_layers);
    tro_json_number(j, "error_before", sqrt(r->before));
    tro_json_number(j, "error", sqrt(r->after));
    tro_json_object_end(j);
}

/* The figure that the page has of each slice. */
static int put_groups(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    const enum eval_figure figure = eval_main_figure(e);
    tro_json_array_begin(j, "groups");
    for (int i = 0; i < e->n_groups; i++) {
        const struct eval_group *const g = &e->groups[i];
        double first, second;
        TRO_TRY(eval_figure(e, 0, g, figure, &first, err));
        TRO_TRY(eval_figure(e, 1, g, figure, &second, err));
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "kind", g->kind);
        tro_json_string(j, "group", g->name);
        tro_json_string(j, "metric", eval_figures[figure].name);
        tro_json_number(j, "fp32", first);
        tro_json_number(j, "int8", second);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
    return 0;
}

static int put_judged(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    TRO_TRY(eval_judge_gates(e, j, err));
    TRO_TRY(put_groups(e, j, err));
    return eval_json_worst(e, j, err);
}

int tro_quantize_json(const struct tro_quantize *z, struct tro_trial *trial, struct tro_json *j,
                      struct tro_err *err)
{
    tro_json_object_begin(j, "quantization");
    tro_json_int(j, "samples", z->n_samples);
    put_hash(j, "data_hash", z->data_hash);
    put_hash(j, "model_hash", z->model_hash);
    tro_json_number(j, "int_share", tro_quantize_int_share(z));
    tro_json_int(j, "trials", z->n_trials);
    tro_json_array_begin(j, "layers");
    for (int i = 0; i < z->quant->n_layers; i++)
        put_layer(z, i, j);
    tro_json_array_end(j);
    tro_json_array_begin(j, "repairs");
    for (int i = 0; i < z->quant->n_repairs; i++)
        put_repair(&z->quant->repairs[i], j);
    tro_json_array_end(j);
    if (trial)
        TRO_TRY(put_judged(&trial->eval, j, err));
    tro_json_object_end(j);
    return 0;
}
