/* SPDX-License-Identifier: Apache-2.0 */
/* trocar run: one run of a model, its outputs written or checked. */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/thread.h"
#include "detections.h"
#include "diff.h"
#include "inputs.h"
#include "io/tensor_file.h"
#include "outputs.h"
#include "side.h"
#include "verbs.h"

struct run {
    struct tro_list args, inputs, expected;
    const char *dir, *json_path;
    double rtol, atol;
    int64_t n_threads;
    struct tro_side_opts side_opts;
    struct tro_list shapes;
    struct tro_side side;
    struct tro_arena arena;
    struct tro_json json;
    bool is_different;
};

static int read_inputs_and_run(struct run *r, struct tro_err *err)
{
    const int n = tro_side_n_inputs(&r->side);
    struct tro_tensor *inputs = TRO_NEW_N(&r->arena, struct tro_tensor, (size_t)n + 1);
    if (!inputs)
        return tro_fail_nomem(err);
    const int rc = tro_inputs_read(&r->side, &r->inputs, &r->arena, inputs, err);
    TRO_TRY(rc);
    return tro_side_run(&r->side, inputs, n, err);
}

/* ---- checking -------------------------------------------------------------------------- */

static void report_difference(const char *name, const struct tro_tensor *got,
                              const struct tro_tensor *want, const struct tro_diff *d)
{
    char a[256], b[256], at[256];
    if (!d->is_same_form) {
        tro_tensor_print_form(want, a, sizeof a);
        tro_tensor_print_form(got, b, sizeof b);
        printf("%s: expected %s, got %s\n", name, a, b);
        return;
    }
    tro_index_print(want, d->worst, at, sizeof at);
    printf("%s: %lld of %lld elements differ; worst at %s: expected %.9g, got %.9g%s\n", name,
           (long long)d->n_bad, (long long)d->n, at, d->want, d->got,
           d->n_nan_alone ? " (and NaN on one side alone)" : "");
}

static void json_check(struct tro_json *j, const char *name, const char *file,
                       const struct tro_diff *d)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "output", name);
    tro_json_string(j, "expected", file);
    tro_json_bool(j, "pass", d->is_same_form && d->n_bad == 0);
    tro_json_bool(j, "same_form", d->is_same_form);
    tro_json_int(j, "elements", d->n);
    tro_json_int(j, "elements_beyond_tolerance", d->n_bad);
    tro_json_number(j, "max_abs_error", d->max_abs);
    tro_json_number(j, "max_relative_error", tro_diff_relative(d));
    tro_json_object_end(j);
}

static int check_one(struct run *r, const char *file, int i, struct tro_err *err)
{
    struct tro_tensor want, got;
    const struct tro_io_info info = tro_side_output_info(&r->side, i);
    TRO_TRY(tro_side_output(&r->side, i, &got, err));
    TRO_TRY(tro_tensor_file_read(file, &r->arena, &got, &want, err));
    tro_reinterpret_raw(&want, got.dtype);
    const struct tro_diff d = tro_diff(&got, &want, r->rtol, r->atol);
    json_check(&r->json, info.name, file, &d);
    if (d.is_same_form && d.n_bad == 0)
        return 0;
    report_difference(info.name, &got, &want, &d);
    r->is_different = true;
    return 0;
}

static int check_expected(struct run *r, struct tro_err *err)
{
    const int n = tro_side_n_outputs(&r->side);
    const char **names = TRO_NEW_N(&r->arena, const char *, (size_t)n + 1);
    bool *taken = TRO_NEW_N(&r->arena, bool, (size_t)n + 1);
    if (!names || !taken)
        return tro_fail_nomem(err);
    for (int i = 0; i < n; i++)
        names[i] = tro_side_output_info(&r->side, i).name;
    for (int i = 0; i < r->expected.n; i++) {
        const char *file;
        int at;
        TRO_TRY(tro_match_name(r->expected.v[i], names, taken, n, "output", &file, &at, err));
        TRO_TRY(check_one(r, file, at, err));
    }
    return 0;
}

/* ---- the verb -------------------------------------------------------------------------- */

static void print_outputs(const struct run *r)
{
    for (int i = 0; i < tro_side_n_outputs(&r->side); i++) {
        struct tro_tensor t;
        char form[256];
        if (tro_side_output(&r->side, i, &t, NULL) < 0)
            continue;
        tro_tensor_print_form(&t, form, sizeof form);
        printf("%d  %s  %s\n", i, tro_side_output_info(&r->side, i).name, form);
    }
}

static void json_outputs(struct run *r)
{
    tro_json_array_begin(&r->json, "outputs");
    for (int i = 0; i < tro_side_n_outputs(&r->side); i++) {
        struct tro_tensor t;
        if (tro_side_output(&r->side, i, &t, NULL) < 0)
            continue;
        tro_json_object_begin(&r->json, NULL);
        tro_json_string(&r->json, "name", tro_side_output_info(&r->side, i).name);
        tro_json_string(&r->json, "type", tro_dtype_name(t.dtype));
        tro_json_array_begin(&r->json, "shape");
        for (int a = 0; a < t.rank; a++)
            tro_json_int(&r->json, NULL, t.shape[a]);
        tro_json_array_end(&r->json);
        tro_json_object_end(&r->json);
    }
    tro_json_array_end(&r->json);
}

static int run(struct run *r, struct tro_err *err)
{
    r->side_opts.n_threads = (int)r->n_threads;
    r->side_opts.shapes = &r->shapes;
    tro_threads_set((int)r->n_threads);
    TRO_TRY(tro_side_open(&r->side, r->args.v[0], &r->side_opts, err));
    if (r->side.kind == TRO_SIDE_FOLDER)
        return tro_fail(err, TRO_E_INPUT, "%s: expected a model, found a folder", r->args.v[0]);
    TRO_TRY(read_inputs_and_run(r, err));
    tro_json_object_begin(&r->json, NULL);
    tro_json_string(&r->json, "model", r->args.v[0]);
    tro_json_number(&r->json, "run_ms", (double)r->side.run_ns * 1e-6);
    json_outputs(r);
    tro_json_array_begin(&r->json, "checks");
    TRO_TRY(check_expected(r, err));
    tro_json_array_end(&r->json);
    tro_json_bool(&r->json, "pass", !r->is_different);
    tro_json_object_end(&r->json);
    if (r->dir)
        TRO_TRY(tro_outputs_write(r->dir, &r->side, err));
    if (!r->dir && !r->expected.n) {
        print_outputs(r);
        TRO_TRY(tro_detections_print(&r->side, err));
    }
    if (!r->json_path)
        return 0;
    if (r->json.buf.failed)
        return tro_fail_nomem(err);
    return tro_file_write(r->json_path, r->json.buf.p, r->json.buf.n, err);
}

int tro_verb_run(int argc, char **argv)
{
    struct run r = {.rtol = 1e-3, .atol = 1e-5};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--input,-i", TRO_OPT_LIST, &r.inputs, "[NAME=]FILE",
         "tensor (.npy, .pb, raw) or picture, or numbers: NAME=0.75,1"},
        {"--output,-o", TRO_OPT_STRING, &r.dir, "DIR",
         "write output_<i>.npy and outputs.tsv there"},
        {"--expect", TRO_OPT_LIST, &r.expected, "[NAME=]FILE",
         "compare an output with this tensor"},
        {"--rtol", TRO_OPT_DOUBLE, &r.rtol, "R", "relative tolerance of --expect (1e-3)"},
        {"--atol", TRO_OPT_DOUBLE, &r.atol, "A", "absolute tolerance of --expect (1e-5)"},
        {"--device", TRO_OPT_STRING, &r.side_opts.device, "D",
         "cpu, cuda or cuda:N; or ref: the reference kernels"},
        {"--precision", TRO_OPT_STRING, &r.side_opts.precision, "P",
         "of a model on a GPU: fp32 (the default), tf32, fp16, bf16"},
        {"--cpu", TRO_OPT_STRING, &r.side_opts.cpu, "LEVEL",
         "use no more than this: generic, avx2, avx512 ..."},
        {"--record", TRO_OPT_STRING, &r.side_opts.record, "FILE",
         "of models: what inputs and outputs are (docs/record.md)"},
        {"--passes", TRO_OPT_STRING, &r.side_opts.passes, "LIST",
         "of a model: all, none, a list, or all,-NAME"},
        {"--shapes", TRO_OPT_LIST, &r.shapes, "[NAME=]SHAPE",
         "of a model: build for this shape of an input"},
        {"--tile", TRO_OPT_STRING, &r.side_opts.tile, "SIZE:OVERLAP",
         "a large picture or volume by windows"},
        {"--threads", TRO_OPT_INT, &r.n_threads, "N", "threads (default: one a processor)"},
        {"--json", TRO_OPT_STRING, &r.json_path, "FILE", "write the result as JSON"},
        {0}};
    const struct tro_usage usage = {
        .synopsis = "trocar run MODEL|PLAN [-i [NAME=]FILE]... [-o DIR] [--expect [NAME=]FILE]...",
        .about =
            "Runs a plan once, or a model that is built in memory without tuning. Files without a "
            "name\ngo to the inputs in the model's order; inputs that have an initializer take "
            "none.\nref:MODEL runs on the reference kernels, ort:MODEL in ONNX Runtime.\n\n"
            "--tile 256:32 cuts windows of 256x256 that share 32 elements and a quarter of them "
            "more;\n256x192:32 and 96x96x64:16 give each axis its own size. Windows are blended "
            "where they\nmeet. A network that sees no further than the overlap gives what it "
            "gives on the whole.",
        .opts = opts,
        .min_args = 1,
        .max_args = 1};
    int rc = tro_args_parse(&usage, argc, argv, &r.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = run(&r, &err);
    tro_side_close(&r.side);
    tro_arena_finish(&r.arena);
    tro_json_finish(&r.json);
    if (rc < 0)
        return tro_exit_with(&err, rc);
    return r.is_different ? TRO_EXIT_DIFFERENT : TRO_EXIT_OK;
}
