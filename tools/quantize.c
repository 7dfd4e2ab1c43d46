/* SPDX-License-Identifier: Apache-2.0 */
#include "quantize.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "build/model.h"
#include "eval.h"
#include "progress.h"
#include "samples.h"
#include "table.h"

/* ---- samples -------------------------------------------------------------------------------- */

/* One pass over the data: all samples are observed, or some of them probed. */
struct pass {
    struct tro_quantize *z;
    bool is_probe;
    int64_t every; /* probes: each so many of the samples */
    int64_t n;     /* samples so far */
    struct tro_progress progress;
};

static int look(void *ctx, const struct tro_tensor *inputs, struct tro_err *err)
{
    struct pass *const p = ctx;
    struct tro_quant *const q = p->z->quant;
    const int64_t i = p->n++;
    tro_progress_at(&p->progress, p->n);
    if (p->is_probe)
        return i % p->every == 0 ? tro_quant_probe(q, inputs, err) : 0;
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (size_t k = 0; k < b->n_inputs; k++)
        p->z->data_hash = tro_hash64_wide(inputs[k].data, tro_tensor_n_bytes(&inputs[k]),
                                          p->z->data_hash);
    p->z->n_samples++;
    return tro_quant_observe(q, inputs, err);
}

/* Frames of a data set with truth, states handed on. */
static int pass_dataset(struct pass *p, const char *path, struct tro_err *err)
{
    static struct eval e; /* large */
    e = (struct eval){.record_path = p->z->record_path, .n_threads = p->z->n_threads};
    e.side.n_threads = p->z->n_threads;
    e.args.v[e.args.n++] = path;
    e.args.v[e.args.n++] = p->z->model_path;
    int rc = eval_prepare(&e, err);
    if (rc >= 0)
        rc = eval_open_engine(&e, 0, err);
    e.engines[0].look = look;
    e.engines[0].look_ctx = p;
    for (int64_t i = 0; i < e.data.n_frames && rc >= 0; i++) {
        struct tro_arena arena = {0};
        rc = eval_run(&e, &e.engines[0], i, &arena, err);
        tro_arena_finish(&arena);
    }
    eval_close_engine(&e, 0);
    tro_eval_table_finish(&e.table);
    tro_dataset_finish(&e.data);
    if (e.has_record)
        tro_record_finish(&e.record);
    tro_arena_finish(&e.arena);
    return rc;
}

/* Tensors and pictures, as `trocar compare --data` takes them. */
static int pass_samples(struct pass *p, const char *path, struct tro_err *err)
{
    const struct tro_side_opts side_opts = {.record = p->z->record_path, .device = "ref"};
    const struct tro_samples_opts opts = {.dir = path};
    struct tro_side side;
    struct tro_samples samples;
    TRO_TRY(tro_side_open(&side, p->z->model_path, &side_opts, err));
    int rc = tro_samples_open(&samples, &side, &opts, err);
    for (int64_t i = 0; rc >= 0 && i < samples.n; i++) {
        struct tro_arena arena = {0};
        struct tro_tensor in[64];
        rc = tro_samples_read(&samples, i, &arena, in, err);
        if (rc >= 0)
            rc = look(p, in, err);
        tro_arena_finish(&arena);
    }
    tro_samples_close(&samples);
    tro_side_close(&side);
    return rc;
}

static bool is_dataset(const char *path)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/frames.jsonl", path);
    return tro_path_has_ext(path, ".json") || tro_file_exists(name);
}

static int run_pass(struct pass *p, struct tro_err *err)
{
    const struct tro_list *const calib = p->z->calib;
    int rc = 0;
    tro_progress_start(&p->progress, p->is_probe ? "probing" : "calibration",
                       p->is_probe ? p->z->n_samples : 0);
    for (int i = 0; i < calib->n && rc >= 0; i++)
        rc = is_dataset(calib->v[i]) ? pass_dataset(p, calib->v[i], err)
                                     : pass_samples(p, calib->v[i], err);
    tro_progress_end(&p->progress);
    return rc;
}

int tro_quantize_calibrate(struct tro_quantize *z, struct tro_model *m, struct tro_err *err)
{
    z->quant = tro_quant_create(tro_model_graph(m), err);
    if (!z->quant)
        return err->status;
    struct pass observe = {.z = z};
    TRO_TRY(run_pass(&observe, err));
    TRO_TRY(tro_quant_bound(z->quant, err));
    struct pass probe = {.z = z, .is_probe = true, .every = z->n_samples / z->n_probes + 1};
    TRO_TRY(run_pass(&probe, err));
    tro_quant_choose(z->quant);
    return 0;
}

int tro_quantize_apply(struct tro_quantize *z, struct tro_model *m, struct tro_err *err)
{
    struct tro_graph *const g = tro_quant_make(z->quant, err);
    if (!g)
        return err->status;
    tro_model_replace_graph(m, g);
    return 0;
}

void tro_quantize_finish(struct tro_quantize *z)
{
    tro_quant_destroy(z->quant);
    z->quant = NULL;
}

/* ---- report --------------------------------------------------------------------------------- */

void tro_quantize_print(const struct tro_quantize *z)
{
    const struct tro_quant *const q = z->quant;
    double n_macs = 0, n_int = 0;
    static const char *const heads[] = {"layer", ">MACs", "precision", "bound", ">off", "why"};
    struct tro_table t = {0};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        tro_table_column(&t, heads[i]);
    for (int i = 0; i < q->n_layers; i++) {
        const struct tro_quant_layer *const l = &q->layers[i];
        const struct tro_quant_group *const g = &q->groups[l->group];
        n_macs += l->n_macs;
        n_int += l->is_int ? l->n_macs : 0;
        tro_table_cell(&t, "%s", l->name);
        tro_table_cell(&t, "%.3g M", l->n_macs * 1e-6);
        tro_table_cell(&t, "%s", l->is_int ? "int8" : "float");
        tro_table_cell(&t, "%s %.4g", tro_bound_names[g->chosen], g->bounds[g->chosen]);
        tro_table_cell(&t, "%.2f %%", 100 * sqrt(l->errors[g->chosen]));
        tro_table_cell(&t, "%s", l->why ? l->why : "");
    }
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
    printf("\n%" PRId64 " samples, %" PRId64 " probed; %.1f %% of multiply-accumulates in "
           "integers\n\n",
           z->n_samples, q->n_probed, 100 * n_int / n_macs);
}
