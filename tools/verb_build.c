/* SPDX-License-Identifier: Apache-2.0 */
/* trocar build: a model becomes a plan. */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "build/model.h"
#include "build_onnx.h"
#include "build_opts.h"
#include "build_report.h"
#include "fit.h"
#include "frames.h"
#include "memory_use.h"
#include "progress.h"
#include "quantize.h"
#include "record/record.h"
#include "run/team.h"
#include "trial.h"
#include "verbs.h"

#define N_GOLDEN_DEFAULT (-1)
#define N_PROBES 12

struct verb {
    struct tro_list args, shapes, buckets, states, calib, fp32_layers;
    const char *output, *json_path, *record_path, *calibration_path, *eval_path, *gate_path,
        *html_path, *onnx_path, *frames;
    const char *frames_path; /* the record for these frames, while the plan is made */
    struct tro_build_opts opts;
    int64_t tune, n_wide, n_threads, n_golden;
    bool has_no_libraries, is_passed; /* passed: the gates, where there are some */
    double max_error;
    struct tro_quantize quantize;
    struct tro_trial trial;
    struct tro_fit fit;
    struct tro_arena arena;
    struct tro_model *model;
    struct tro_plan *plan;
    struct tro_plan_report report;
    struct tro_progress progress;
    int64_t n_nodes_before;
    double seconds;
};

/* ---- checks ---------------------------------------------------------------------------- */

static int check(struct verb *v, struct tro_err *err)
{
    struct tro_build_opts *o = &v->opts;
    if (!v->output)
        return tro_fail(err, TRO_E_INPUT, "expected -o PLAN, where the plan goes, found none");
    if (v->tune > 3)
        return tro_fail(err, TRO_E_INPUT, "--tune: expected 0 to 3, found %lld",
                        (long long)v->tune);
    if (v->n_golden > 1000)
        return tro_fail(err, TRO_E_INPUT, "--golden: expected at most 1000, found %lld",
                        (long long)v->n_golden);
    o->tune = (int)v->tune;
    o->n_wide = (int)v->n_wide;
    o->no_libraries = v->has_no_libraries;
    o->n_threads = (int)v->n_threads;
    o->n_golden = v->n_golden == N_GOLDEN_DEFAULT ? 0 : v->n_golden ? (int)v->n_golden : -1;
    return 0;
}

/* ---- building -------------------------------------------------------------------------- */

static void show_progress(void *ctx, const struct tro_build_progress *p)
{
    struct verb *v = ctx;
    if (!v->progress.what || strcmp(v->progress.what, p->what) != 0) {
        if (v->progress.what)
            tro_progress_end(&v->progress);
        tro_progress_start(&v->progress, p->what, p->total);
    }
    v->progress.n_total = p->total;
    v->progress.eta_seconds = p->eta_seconds;
    tro_progress_at(&v->progress, p->done);
}

static void show_warning(void *ctx, const char *message)
{
    struct verb *v = ctx;
    if (v->progress.what)
        tro_progress_end(&v->progress);
    fprintf(stderr, "trocar: warning: %s\n", message);
}

static bool is_precision(const struct verb *v, const char *name)
{
    return v->opts.precision && strcmp(v->opts.precision, name) == 0;
}

static bool is_half(const struct verb *v)
{
    return is_precision(v, "fp16") || is_precision(v, "bf16");
}

static struct tro_calib calib_of(const struct verb *v)
{
    return (struct tro_calib){.model_path = v->args.v[0],
                              .record_path = v->record_path,
                              .data = &v->calib,
                              .n_threads = v->opts.n_threads};
}

/* Whether values fit 16 bits, and which layers stay at fp32. */
static int fit(struct verb *v, const struct tro_builder *b, struct tro_err *err)
{
    v->fit.calib = calib_of(v);
    v->fit.layers = &v->fp32_layers;
    return tro_fit_check(&v->fit, b, &v->opts, err);
}

static int write_plan_to(struct verb *v, const char *path, const struct tro_build_opts *opts,
                         bool has_states, struct tro_err *err)
{
    struct tro_builder *b = tro_builder_create(v->model, err);
    int rc = b ? tro_build_set_shapes(b, v->model, &v->shapes, err) : err->status;
    if (rc >= 0)
        rc = tro_build_add_buckets(b, v->model, &v->buckets, err);
    if (rc >= 0 && has_states)
        rc = tro_build_add_states(b, &v->states, err);
    if (rc >= 0)
        rc = opts == &v->opts && is_half(v) ? fit(v, b, err) : 0;
    if (rc >= 0)
        rc = tro_builder_write(b, path, opts, err);
    tro_builder_destroy(b);
    if (v->progress.what)
        tro_progress_end(&v->progress);
    return rc;
}

static int write_plan(struct verb *v, struct tro_err *err)
{
    return write_plan_to(v, v->output, &v->opts, true, err);
}

static int open_report(struct verb *v, struct tro_err *err)
{
    const struct tro_session_opts opts = {.n_threads = v->opts.n_threads, .cpu = v->opts.cpu};
    v->plan = tro_plan_open(v->output, err);
    if (!v->plan)
        return err->status;
    return tro_plan_report_open(&v->report, v->output, v->plan, &opts, err);
}

/* ---- report ---------------------------------------------------------------------------- */

static void print_table(struct tro_table *t)
{
    if (t->n_cells) {
        tro_table_print(t, stdout);
        printf("\n");
    }
    tro_table_finish(t);
}

static void print_report(struct verb *v)
{
    struct tro_plan_report *r = &v->report;
    struct tro_table passes = {0}, memory = {0};
    char text[TRO_PLAN_TARGET_TEXT];
    const char *growing = tro_plan_report_growing(r);
    tro_plan_report_passes(r, &passes);
    print_table(&passes);
    printf("%lld nodes became %lld (%lld fused ones, %lld nodes inside)",
           (long long)v->n_nodes_before, (long long)r->n_nodes, (long long)r->n_fused,
           (long long)r->n_inner);
    if (!r->is_open)
        printf(", %d steps on %d thread%s", r->n_steps, r->n_threads, r->n_threads == 1 ? "" : "s");
    printf("\n");
    if (r->n_reference)
        printf("%d step%s on reference kernels, which are slow\n", r->n_reference,
               r->n_reference == 1 ? "" : "s");
    for (size_t i = 0; i < r->parts->n_targets; i++)
        printf("%s\n", tro_plan_report_target(r, (int)i, text));
    if (r->tuned)
        printf("tuned: %zu choices for %s\n", r->tuned->n_choices, r->tuned->chip);
    if (growing)
        printf("%s\n", growing);
    printf("\n");
    tro_plan_report_memory(r, &memory);
    print_table(&memory);
    printf("%s: %s, %zu golden sample%s, %016llx, built in %.1f s\n", v->output,
           tro_print_bytes(r->file_bytes, text), r->parts->n_samples,
           r->parts->n_samples == 1 ? "" : "s", (unsigned long long)r->hash, v->seconds);
}

/* NULL: nobody asked for one. */
static struct tro_trial *trial_of(struct verb *v)
{
    return v->trial.is_open ? &v->trial : NULL;
}

static int judge_to_json(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    TRO_TRY(eval_judge_gates(e, j, err));
    return eval_json_worst(e, j, err);
}

static void name_machine(const struct verb *v, char chip[TRO_PLAN_CHIP_SIZE])
{
    tro_plan_chip(tro_cpu_flags(), tro_team_default_size(v->opts.n_threads), chip);
}

static int write_json(struct verb *v, struct tro_err *err)
{
    struct tro_json j = {0};
    char chip[TRO_PLAN_CHIP_SIZE];
    int rc = 0;
    name_machine(v, chip);
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "model", v->args.v[0]);
    tro_json_string(&j, "version", tro_version());
    tro_json_string(&j, "machine", chip);
    tro_plan_report_json(&v->report, &j);
    tro_json_int(&j, "nodes_before", v->n_nodes_before);
    tro_json_number(&j, "build_s", v->seconds);
    tro_fit_json(&v->fit, &j);
    if (v->quantize.quant)
        rc = tro_quantize_json(&v->quantize, trial_of(v), &j, err);
    else if (trial_of(v))
        rc = judge_to_json(&v->trial.eval, &j, err);
    tro_json_object_end(&j);
    if (rc >= 0)
        rc = j.buf.failed ? tro_fail_nomem(err)
                          : tro_file_write(v->json_path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

/* Everything below reads that record instead. */
static int write_frames(struct verb *v, struct tro_err *err)
{
    if (!v->frames)
        return 0;
    if (!v->record_path)
        return tro_fail(err, TRO_E_INPUT,
                        "--frames: expected --record FILE with it, which says "
                        "what the network makes of frames");
    v->frames_path = tro_arena_printf(&v->arena, "%s.frames.json", v->output);
    if (!v->frames_path)
        return tro_fail_nomem(err);
    TRO_TRY(tro_frames_write_record(v->record_path, v->frames, v->frames_path, err));
    v->record_path = v->frames_path;
    return 0;
}

static int apply_record(struct verb *v, struct tro_err *err)
{
    struct tro_record record;
    if (!v->record_path)
        return 0;
    TRO_TRY(tro_record_read(v->record_path, &record, err));
    const int rc = tro_record_apply(&record, v->model, err);
    tro_record_finish(&record);
    return tro_err_prefix(err, rc, "%s: ", v->args.v[0]);
}

/* ---- integers -------------------------------------------------------------------------- */

/* The model's graph as it is, untuned, on this machine's processor; evaluations hand states on
 * themselves. */
static int write_trial(struct verb *v, const char *path, struct tro_err *err)
{
    struct tro_build_opts opts = v->opts;
    opts.device = opts.precision = NULL;
    opts.tune = 0;
    opts.n_golden = -1;
    return write_plan_to(v, path, &opts, false, err);
}

/* Against the floats, where that was asked for. */
static int judge_error(struct verb *v, bool *is_passed, struct tro_err *err)
{
    double error;
    if (!(v->max_error > 0))
        return 0;
    TRO_TRY(tro_quant_error(v->quantize.quant, v->quantize.kept_samples, v->quantize.n_kept, &error,
                            err));
    *is_passed = error <= v->max_error;
    if (!*is_passed)
        printf("gate: the worst output of %d samples: expected at most %g of it off the floats, "
               "found %g\n",
               v->quantize.n_kept, v->max_error, error);
    return 0;
}

static int judge(void *ctx, bool *is_passed, struct tro_err *err)
{
    struct verb *const v = ctx;
    printf("trial %d: %.1f %% of multiply-accumulates in integers\n", v->quantize.n_trials,
           100 * tro_quantize_int_share(&v->quantize));
    *is_passed = true;
    TRO_TRY(judge_error(v, is_passed, err));
    if (!*is_passed || !v->eval_path)
        return 0;
    TRO_TRY(write_trial(v, v->trial.plan, err));
    return tro_trial_judge(&v->trial, is_passed, err);
}

/* Files of a trial lie beside the plan; NULL: no memory. */
static void name_trial(struct verb *v, const char *precision)
{
    struct tro_trial *const t = &v->trial;
    t->data = v->eval_path;
    t->gate_path = v->gate_path;
    t->n_threads = v->opts.n_threads;
    t->first = tro_arena_printf(&v->arena, "%s.fp32", v->output);
    t->plan = tro_arena_printf(&v->arena, "%s.%s", v->output, precision);
}

static int open_trial(struct verb *v, struct tro_err *err)
{
    struct tro_trial *const t = &v->trial;
    name_trial(v, "int8");
    if (!t->first || !t->plan)
        return tro_fail_nomem(err);
    TRO_TRY(write_trial(v, t->first, err));
    return tro_trial_open(t, err);
}

/* Layers in integers, as many as the gates let. */
static int search(struct verb *v, struct tro_err *err)
{
    if (v->eval_path)
        TRO_TRY(open_trial(v, err));
    TRO_TRY(tro_quantize_search(&v->quantize, v->model, judge, v, &v->is_passed, err));
    if (!v->is_passed)
        fprintf(stderr,
                "trocar: %s: expected gates that the network passes in floats, found one "
                "that it misses without a single layer in integers; no plan was written\n",
                v->gate_path ? v->gate_path : v->args.v[0]);
    return 0;
}

/* ---- other precisions ------------------------------------------------------------------ */

/* The first of the devices that is a GPU of this machine; NULL: none, or no memory. */
static const char *gpu_here(struct verb *v)
{
    for (const char *at = v->opts.device; at; at = strchr(at, ',')) {
        at += *at == ',';
        const size_t n = strcspn(at, ",");
        if (n >= 4 && strncmp(at, "cuda", 4) == 0)
            return tro_arena_strndup(&v->arena, at, n);
    }
    return NULL;
}

static int judge_plan(struct verb *v, struct tro_err *err)
{
    struct tro_build_opts wide = v->opts;
    struct tro_trial *const t = &v->trial;
    wide.precision = NULL;
    wide.tune = 0;
    wide.n_golden = -1;
    wide.n_wide = 0;
    TRO_TRY(write_plan_to(v, t->first, &wide, false, err));
    TRO_TRY(write_plan_to(v, t->plan, &v->opts, false, err));
    TRO_TRY(tro_trial_open(t, err));
    TRO_TRY(tro_trial_judge(t, &v->is_passed, err));
    t->eval.html_path = v->html_path;
    return v->html_path ? eval_write_html(&t->eval, err) : 0;
}

/* The plan that goes out, beside one at fp32 on the same GPU: it gets its name when it passes. */
static int write_judged(struct verb *v, struct tro_err *err)
{
    struct tro_trial *const t = &v->trial;
    name_trial(v, v->opts.precision ? v->opts.precision : "plan");
    t->device = gpu_here(v);
    if (!t->first || !t->plan || !t->device)
        return tro_fail_nomem(err);
    TRO_TRY(judge_plan(v, err));
    if (!v->is_passed) {
        fprintf(stderr, "trocar: %s: a gate was not passed; no plan was written\n", v->gate_path);
        return 0;
    }
    return rename(t->plan, v->output) == 0
               ? 0
               : tro_fail(err, TRO_E_IO, "%s: cannot be written", v->output);
}

/* ---- what goes together ---------------------------------------------------------------- */

static int check_eval(struct verb *v, bool is_int8, struct tro_err *err)
{
    if (!v->eval_path != !v->gate_path)
        return tro_fail(err, TRO_E_INPUT,
                        "expected --eval DATA and --gate FILE, found one of them");
    if (v->eval_path && !is_int8 && !gpu_here(v))
        return tro_fail(err, TRO_E_INPUT,
                        "--eval: expected --precision int8, or --device cuda, where the plan can "
                        "be judged on the GPU of this machine");
    if (v->eval_path && !is_int8 && v->states.n)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "--eval: expected no --state with it: evaluations hand states on by the "
                        "record");
    return 0;
}

static int check_int8(struct verb *v, bool is_int8, struct tro_err *err)
{
    if (!is_int8 && v->calibration_path)
        return tro_fail(err, TRO_E_INPUT, "--calibration: expected --precision int8 with it");
    if (!is_int8 && !is_half(v) && v->calib.n)
        return tro_fail(err, TRO_E_INPUT,
                        "--calib: expected --precision int8, fp16 or bf16 with it");
    if (!is_half(v) && v->fp32_layers.n)
        return tro_fail(err, TRO_E_INPUT,
                        "--fp32-layers: expected --precision fp16 or bf16 with it");
    if (is_int8 && v->calib.n == 0 && !v->calibration_path)
        return tro_fail(err, TRO_E_INPUT,
                        "--precision int8: expected --calib DATA, what the network sees in use, "
                        "found none: without data there are no integers");
    if (v->max_error > 0 && (!is_int8 || v->calib.n == 0))
        return tro_fail(err, TRO_E_INPUT,
                        "--max-error: expected --precision int8 and --calib DATA with it");
    return check_eval(v, is_int8, err);
}

/* Integers of a model that brings none. */
static int quantize(struct verb *v, struct tro_err *err)
{
    const bool is_int8 = is_precision(v, "int8");
    TRO_TRY(check_int8(v, is_int8, err));
    if (!is_int8)
        return 0;
    v->opts.precision = NULL;
    v->quantize.calib = calib_of(v);
    v->quantize.calibration_path = v->calibration_path;
    v->quantize.n_probes = N_PROBES;
    TRO_TRY(tro_err_prefix(err, tro_quantize_calibrate(&v->quantize, v->model, err),
                           "%s: ", v->args.v[0]));
    TRO_TRY(v->eval_path || v->max_error > 0 ? search(v, err)
                                             : tro_quantize_apply(&v->quantize, v->model, err));
    tro_quantize_print(&v->quantize);
    return 0;
}

/* The network, with the quantize nodes that were put into it. */
static int write_onnx(const struct verb *v, struct tro_err *err)
{
    if (!v->onnx_path)
        return 0;
    if (!v->quantize.quant)
        return tro_build_onnx(v->args.v[0], v->onnx_path, err);
    return tro_build_onnx_quantized(v->model, v->args.v[0], v->record_path, v->onnx_path, err);
}

static int write_page(struct verb *v, struct tro_err *err)
{
    char chip[TRO_PLAN_CHIP_SIZE];
    if (!v->html_path || !v->quantize.quant)
        return 0;
    name_machine(v, chip);
    const struct tro_quantize_engine engine = {v->report.hash, chip};
    return tro_quantize_html(&v->quantize, trial_of(v), &engine, v->html_path, err);
}

static int build(struct verb *v, struct tro_err *err)
{
    TRO_TRY(check(v, err));
    TRO_TRY(write_frames(v, err));
    const int64_t begin = tro_clock_ns();
    tro_threads_set(v->opts.n_threads);
    v->model = tro_model_open(v->args.v[0], err);
    if (!v->model)
        return err->status;
    TRO_TRY(apply_record(v, err));
    v->is_passed = true;
    TRO_TRY(quantize(v, err));
    if (!v->is_passed)
        return 0;
    TRO_TRY(write_onnx(v, err));
    v->n_nodes_before = (int64_t)tro_block_get(tro_model_graph(v->model), TRO_MAIN_BLOCK)->n_nodes;
    const bool is_judged = v->eval_path && !v->quantize.quant;
    TRO_TRY(tro_err_prefix(err, is_judged ? write_judged(v, err) : write_plan(v, err),
                           "%s: ", v->args.v[0]));
    if (!v->is_passed)
        return 0;
    v->seconds = (double)(tro_clock_ns() - begin) * 1e-9;
    TRO_TRY(open_report(v, err));
    print_report(v);
    TRO_TRY(write_page(v, err));
    return v->json_path ? write_json(v, err) : 0;
}

static void finish(struct verb *v)
{
    tro_plan_report_close(&v->report);
    tro_plan_close(v->plan);
    tro_fit_finish(&v->fit);
    tro_model_close(v->model);
    tro_quantize_finish(&v->quantize);
    tro_trial_close(&v->trial);
    if (v->frames_path)
        remove(v->frames_path);
    if (v->trial.first)
        remove(v->trial.first);
    if (v->trial.plan)
        remove(v->trial.plan);
    tro_arena_finish(&v->arena);
}

static const char about[] =
    "Optimizes a model and writes it as a plan: the network with its weights, what was found\n"
    "fastest on this processor, and golden samples to check it with elsewhere (trocar verify).\n"
    "The same model, settings and cache give the same bytes.\n\n"
    "--shapes x=1x3x224x224 fixes the sizes of an input; x=1x3x224x224:4x3x384x384:8x3x512x512\n"
    "allows sizes from the first to the last and is fastest at the one between. --bucket x=SHAPE\n"
    "is one more shape that runs are prepared for. --state IN=OUT makes an output the input of "
    "the\n"
    "next run: neither is then bound.\n\n"
    "--device sm_87 compiles the kernels for GPUs of that architecture, --device cuda for that of\n"
    "the GPU in this machine; several stand with commas between. A GPU that is not named runs the\n"
    "plan too, untuned. Compiling needs NVRTC but no GPU. --precision fp16 stores values between\n"
    "layers in 16 bits and adds in 32; inputs and outputs stay as they are, the CPU runs FP32.\n\n"
    "--onnx FILE writes the network for other tools: optimized but not fused, without the record,\n"
    "with QuantizeLinear and DequantizeLinear around layers that became integers.";

int tro_verb_build(int argc, char **argv)
{
    static struct verb v; /* large */
    v = (struct verb){.tune = 2, .n_golden = N_GOLDEN_DEFAULT};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--output,-o", TRO_OPT_STRING, &v.output, "PLAN", "where the plan goes"},
        {"--device", TRO_OPT_STRING, &v.opts.device, "D,...",
         "cpu (the default), cuda, cuda:N, sm_80, sm_87, sm_90 ..."},
        {"--precision", TRO_OPT_STRING, &v.opts.precision, "P",
         "on GPUs: fp32 (the default), tf32, fp16, bf16"},
        {"--calib", TRO_OPT_LIST, &v.calib, "DATA",
         "of int8, and of fp16 and bf16 to look whether values fit: a data set (docs/dataset.md), "
         "or a folder of tensors or pictures"},
        {"--calibration", TRO_OPT_STRING, &v.calibration_path, "FILE",
         "of int8: what --calib found: read where it is there, else written"},
        {"--eval", TRO_OPT_STRING, &v.eval_path, "DATA",
         "a data set with truth to judge on: int8 here, others on --device cuda"},
        {"--gate", TRO_OPT_STRING, &v.gate_path, "FILE",
         "what must hold there (docs/metrics.md), else int8 layers go back to floats"},
        {"--max-error", TRO_OPT_DOUBLE, &v.max_error, "E",
         "of int8: how much of each output may be off the floats, on some samples of --calib"},
        {"--html", TRO_OPT_STRING, &v.html_path, "FILE",
         "of int8 or --eval: write a page about it"},
        {"--fp32-first", TRO_OPT_INT, &v.n_wide, "N",
         "of fp16 and bf16: the first N nodes stay at fp32"},
        {"--fp32-layers", TRO_OPT_LIST, &v.fp32_layers, "NAME,...",
         "likewise, by name; auto: those that make or take what overflows on the data of --calib"},
        {"--shapes", TRO_OPT_LIST, &v.shapes, "IN=SHAPE", "SHAPE, or MIN:OPT:MAX"},
        {"--bucket", TRO_OPT_LIST, &v.buckets, "IN=SHAPE", "one more shape within those"},
        {"--record", TRO_OPT_STRING, &v.record_path, "FILE",
         "frames of a camera as inputs, outputs decoded: a JSON text (docs/record.md)"},
        {"--frames", TRO_OPT_STRING, &v.frames, "FORM",
         "with --record: frames of another camera, nv12:1920x1080[:bt709[:limited]], stretched to "
         "the network's size; places in their pixels"},
        {"--onnx", TRO_OPT_STRING, &v.onnx_path, "FILE", "write the network as an ONNX model too"},
        {"--state", TRO_OPT_LIST, &v.states, "IN=OUT", "feed an output back into an input"},
        {"--tune", TRO_OPT_INT, &v.tune, "0..3",
         "0 not at all, 1 quick, 2 (the default), 3 thorough"},
        {"--time-budget", TRO_OPT_DOUBLE, &v.opts.time_budget, "S", "seconds of tuning at most"},
        {"--no-libraries", TRO_OPT_FLAG, &v.has_no_libraries, NULL,
         "kernels of our own alone, without cuDNN and cuBLASLt"},
        {"--cache", TRO_OPT_STRING, &v.opts.cache, "FILE", "timings, read and written"},
        {"--passes", TRO_OPT_STRING, &v.opts.passes, "LIST", "all, none, a list, or all,-NAME"},
        {"--dump-after", TRO_OPT_STRING, &v.opts.dump_after, "PASS",
         "print the graph after a pass, or after all of them"},
        {"--bisect", TRO_OPT_INT, &v.opts.bisect, "N",
         "make only the first N changes; says which the last one is"},
        {"--threads", TRO_OPT_INT, &v.n_threads, "N",
         "tune for so many threads (default: one a "
         "processor)"},
        {"--cpu", TRO_OPT_STRING, &v.opts.cpu, "LEVEL",
         "tune for no more than this: generic, avx2, avx512 ..."},
        {"--golden", TRO_OPT_INT, &v.n_golden, "N", "golden samples to record (1; 0: none)"},
        {"--json", TRO_OPT_STRING, &v.json_path, "FILE", "write the result as JSON"},
        {0}};
    const struct tro_usage usage = {.synopsis = "trocar build MODEL -o PLAN",
                                    .about = about,
                                    .opts = opts,
                                    .min_args = 1,
                                    .max_args = 1};
    v.opts.progress = show_progress;
    v.opts.warn = show_warning;
    v.opts.ctx = &v;
    int rc = tro_args_parse(&usage, argc, argv, &v.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = build(&v, &err);
    finish(&v);
    return rc >= 0 && !is_help && !v.is_passed ? TRO_EXIT_DIFFERENT : tro_exit_with(&err, rc);
}
