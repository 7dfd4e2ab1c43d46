/* SPDX-License-Identifier: Apache-2.0 */
/* trocar verify: does a plan give on this machine what the network gave when it was built? */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "base/arena.h"
#include "base/cpu.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "diff.h"
#include "plan/plan.h"
#include "progress.h"
#include "table.h"
#include "verbs.h"

struct verb {
    struct tro_list args;
    struct tro_session_opts opts;
    int64_t n_threads;
    const char *json_path;
    struct tro_plan *plan;
    struct tro_session *session;
    struct tro_table table;
    struct tro_json json;
    int64_t n_checks, n_failed;
};

/* ---- one output ------------------------------------------------------------------------ */

/* Error allowed, relative to the largest value: FP32 quality, or two steps of a narrower type. */
static double tolerance_of(enum tro_dtype dtype)
{
    switch (dtype) {
    case TRO_F64:
    case TRO_F32:
        return 1e-4;
    case TRO_F16:
        return 2e-3;
    case TRO_BF16:
        return 1.6e-2;
    default:
        return tro_dtype_is_float(dtype) ? 0.25 : 0;
    }
}

/* 8- and 16-bit integers are quantized values: one quantum apart is right. */
static bool is_right(const struct tro_diff *d, enum tro_dtype dtype)
{
    if (!d->is_same_form || d->n_nan_alone)
        return false;
    if (tro_dtype_is_float(dtype))
        return d->max_abs <= tolerance_of(dtype) * d->max_value;
    return d->max_abs <= (dtype != TRO_BOOL && tro_dtype_size(dtype) <= 2 ? 1 : 0);
}

static void note(struct verb *v, size_t sample, const char *output, const struct tro_diff *d,
                 bool ok)
{
    struct tro_json *j = &v->json;
    tro_table_cell(&v->table, "%zu", sample);
    tro_table_text(&v->table, output, strlen(output));
    if (d->is_same_form) {
        tro_table_cell(&v->table, "%.3g", d->max_abs);
        tro_table_cell(&v->table, "%.3g", tro_diff_relative(d));
    } else {
        tro_table_cell(&v->table, "form");
        tro_table_cell(&v->table, "-");
    }
    tro_table_cell(&v->table, "%s", ok ? "pass" : "FAIL");
    tro_json_object_begin(j, NULL);
    tro_json_int(j, "sample", (int64_t)sample);
    tro_json_string(j, "output", output);
    tro_json_bool(j, "pass", ok);
    tro_json_bool(j, "same_form", d->is_same_form);
    tro_json_number(j, "max_abs_error", d->max_abs);
    tro_json_number(j, "max_relative_error", tro_diff_relative(d));
    tro_json_object_end(j);
    v->n_checks++;
    v->n_failed += !ok;
}

/* ---- samples --------------------------------------------------------------------------- */

static const char *name_of(const struct verb *v, const tro_value_id *list, size_t i)
{
    return tro_value_get(tro_plan_contents(v->plan)->graph, list[i])->name;
}

static bool is_state(const struct tro_plan_parts *p, size_t i, bool is_input)
{
    for (size_t k = 0; k < p->n_states; k++)
        if ((size_t)(is_input ? p->states[k].input : p->states[k].output) == i)
            return true;
    return false;
}

static int run_sample(struct verb *v, const struct tro_plan_sample *sample, struct tro_err *err)
{
    const struct tro_plan_parts *p = tro_plan_contents(v->plan);
    const struct tro_block *b = tro_block_get(p->graph, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_inputs; i++)
        if (!is_state(p, i, true))
            TRO_TRY(tro_session_bind(v->session, name_of(v, b->inputs, i), &sample->in[i], err));
    return tro_session_run(v->session, err);
}

/* Outputs that are states are not handed out; the next sample shows whether they were right. */
static int check_sample(struct verb *v, size_t index, struct tro_err *err)
{
    const struct tro_plan_parts *p = tro_plan_contents(v->plan);
    const struct tro_block *b = tro_block_get(p->graph, TRO_MAIN_BLOCK);
    const struct tro_plan_sample *sample = &p->samples[index];
    TRO_TRY(run_sample(v, sample, err));
    int at = 0;
    for (size_t i = 0; i < b->n_outputs; i++) {
        struct tro_tensor got;
        if (is_state(p, i, false))
            continue;
        TRO_TRY(tro_session_output(v->session, at++, &got, err));
        const struct tro_diff d = tro_diff(&got, &sample->out[i], 0, 0);
        note(v, index, name_of(v, b->outputs, i), &d, is_right(&d, got.dtype));
    }
    return 0;
}

static int check_samples(struct verb *v, struct tro_err *err)
{
    static const char *const heads[] = {">sample", "output", ">max |error|", ">/ max |value|", ""};
    const struct tro_plan_parts *p = tro_plan_contents(v->plan);
    struct tro_progress progress;
    int rc = 0;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(&v->table, heads[i]);
    tro_progress_start(&progress, "samples", (int64_t)p->n_samples);
    for (size_t i = 0; i < p->n_samples && rc >= 0; i++) {
        rc = check_sample(v, i, err);
        tro_progress_at(&progress, (int64_t)i + 1);
    }
    tro_progress_end(&progress);
    return rc;
}

/* ---- the verb -------------------------------------------------------------------------- */

static int open_plan(struct verb *v, struct tro_err *err)
{
    const char *path = v->args.v[0];
    if (tro_file_exists(path) && !tro_plan_is_file(path))
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected a plan, found another kind of file: trocar build makes "
                        "plans of models",
                        path);
    v->plan = tro_plan_open(path, err);
    if (!v->plan)
        return err->status;
    if (!tro_plan_contents(v->plan)->n_samples)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected golden samples, found none: build it with --golden 1", path);
    v->opts.n_threads = (int)v->n_threads;
    v->session = tro_session_create(v->plan, &v->opts, err);
    return tro_err_prefix(err, v->session ? 0 : err->status, "%s: ", path);
}

static int write_json(struct verb *v, struct tro_err *err)
{
    if (v->json.buf.failed)
        return tro_fail_nomem(err);
    return tro_file_write(v->json_path, v->json.buf.p, v->json.buf.n, err);
}

static int verify(struct verb *v, struct tro_err *err)
{
    struct tro_json *j = &v->json;
    TRO_TRY(open_plan(v, err));
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "plan", v->args.v[0]);
    tro_json_string(j, "processor", tro_cpu_name());
    tro_json_array_begin(j, "checks");
    TRO_TRY(tro_err_prefix(err, check_samples(v, err), "%s: ", v->args.v[0]));
    tro_json_array_end(j);
    tro_json_bool(j, "pass", !v->n_failed);
    tro_json_object_end(j);
    tro_table_print(&v->table, stdout);
    printf("\n%s: %lld of %lld outputs as they were built\n", v->n_failed ? "FAIL" : "pass",
           (long long)(v->n_checks - v->n_failed), (long long)v->n_checks);
    return v->json_path ? write_json(v, err) : 0;
}

static const char about[] =
    "Runs the golden samples of a plan on this machine and compares with what the unoptimized\n"
    "network gave on the reference kernels when the plan was built. An output is right within\n"
    "1e-4 of its largest value (FP32; two steps of a narrower type), and within one quantum where\n"
    "it is an 8- or 16-bit integer; other integers must be equal.";

int tro_verb_verify(int argc, char **argv)
{
    struct verb v = {0};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--device", TRO_OPT_STRING, &v.opts.device, "D", "cpu, or ref: the reference kernels"},
        {"--cpu", TRO_OPT_STRING, &v.opts.cpu, "LEVEL",
         "use no more than this: generic, avx2, avx512 ..."},
        {"--threads", TRO_OPT_INT, &v.n_threads, "N", "threads (default: one a processor)"},
        {"--json", TRO_OPT_STRING, &v.json_path, "FILE", "write the result as JSON"},
        {0}};
    const struct tro_usage usage = {.synopsis = "trocar verify PLAN",
                                    .about = about,
                                    .opts = opts,
                                    .min_args = 1,
                                    .max_args = 1};
    int rc = tro_args_parse(&usage, argc, argv, &v.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = verify(&v, &err);
    tro_session_destroy(v.session);
    tro_plan_close(v.plan);
    tro_table_finish(&v.table);
    tro_json_finish(&v.json);
    if (rc < 0)
        return tro_exit_with(&err, rc);
    return v.n_failed ? TRO_EXIT_DIFFERENT : TRO_EXIT_OK;
}
