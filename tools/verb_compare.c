/* SPDX-License-Identifier: Apache-2.0 */
/* trocar compare: outputs of models, engines or folders against those of the first. */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "compare.h"
#include "run/session.h"
#include "verbs.h"

#define NOT_GIVEN (-1.0)

struct verb {
    struct tro_list args, inputs, shapes;
    const char *data, *gate, *device, *precision, *cpu, *passes, *record, *json_path;
    int64_t n_random, seed, n_threads, ort_level;
    struct tro_compare c;
};

static int open_sides(struct verb *v, struct tro_err *err)
{
    struct tro_compare *c = &v->c;
    c->side_opts = (struct tro_side_opts){.device = v->device,
                                          .precision = v->precision,
                                          .cpu = v->cpu,
                                          .passes = v->passes,
                                          .record = v->record,
                                          .n_threads = (int)v->n_threads,
                                          .ort_optimization = (int)v->ort_level};
    c->sides = TRO_NEW_N(&c->arena, struct tro_compare_side, (size_t)v->args.n);
    if (!c->sides)
        return tro_fail_nomem(err);
    for (int i = 0; i < v->args.n; i++) {
        TRO_TRY(tro_side_open(&c->sides[i].side, v->args.v[i], &c->side_opts, err));
        c->n_sides++;
    }
    return 0;
}

static bool has_folder(const struct tro_compare *c)
{
    for (int i = 0; i < c->n_sides; i++)
        if (c->sides[i].side.kind == TRO_SIDE_FOLDER)
            return true;
    return false;
}

static int open_samples(struct verb *v, struct tro_err *err)
{
    struct tro_compare *c = &v->c;
    const struct tro_samples_opts opts = {.files = &v->inputs,
                                          .shapes = &v->shapes,
                                          .dir = v->data,
                                          .n_random = v->n_random,
                                          .seed = (uint64_t)v->seed};
    if (c->leader < 0) {
        c->samples = (struct tro_samples){.n = 1, .opts = opts};
        return 0;
    }
    const struct tro_side *leader = &c->sides[c->leader].side;
    if (has_folder(c) && tro_side_n_inputs(leader) && !v->inputs.n && !v->data && !v->n_random)
        return tro_fail(
            err, TRO_E_INPUT,
            "expected -i FILE, the input that the folder's outputs are for, found none");
    TRO_TRY(tro_samples_open(&c->samples, leader, &opts, err));
    if (has_folder(c) && c->samples.n != 1)
        return tro_fail(err, TRO_E_INPUT,
                        "expected one sample as a folder has the outputs of one, found %lld",
                        (long long)c->samples.n);
    return 0;
}

static int plan_checks(struct tro_compare *c, struct tro_err *err)
{
    const struct tro_side *first = &c->sides[0].side;
    const int n = tro_side_n_outputs(first);
    c->checks = TRO_NEW_N(&c->arena, struct tro_compare_check, (size_t)(n * c->n_sides));
    if (!c->checks)
        return tro_fail_nomem(err);
    for (int s = 1; s < c->n_sides; s++)
        for (int i = 0; i < n; i++)
            c->checks[c->n_checks++] = (struct tro_compare_check){
                .side = s,
                .output = i,
                .name = tro_side_output_info(first, i).name,
                .worst_sample = -1};
    for (int s = 0; s < c->n_sides; s++) {
        c->sides[s].run_ns = TRO_NEW_N(&c->arena, int64_t, (size_t)c->samples.n);
        if (!c->sides[s].run_ns)
            return tro_fail_nomem(err);
    }
    return 0;
}

static int prepare(struct verb *v, struct tro_err *err)
{
    TRO_TRY(open_sides(v, err));
    TRO_TRY(tro_compare_match(&v->c, err));
    if (v->gate)
        TRO_TRY(tro_compare_read_gates(&v->c, v->gate, err));
    if (v->c.with_layers && (v->c.n_sides != 2 || has_folder(&v->c)))
        return tro_fail(err, TRO_E_INPUT, "--layers: expected two models, found %s",
                        has_folder(&v->c) ? "a folder" : "more sides");
    TRO_TRY(open_samples(v, err));
    return plan_checks(&v->c, err);
}

/* ---- running --------------------------------------------------------------------------- */

static int run_side(struct tro_compare *c, int s, int64_t sample, const struct tro_tensor *leading,
                    struct tro_arena *arena, struct tro_err *err)
{
    struct tro_side *side = &c->sides[s].side;
    const int n = tro_side_n_inputs(side);
    struct tro_tensor *inputs = TRO_NEW_N(arena, struct tro_tensor, (size_t)n + 1);
    if (!inputs)
        return tro_fail_nomem(err);
    TRO_TRY(tro_compare_inputs(c, s, leading, arena, inputs, err));
    TRO_TRY(tro_side_run(side, inputs, n, err));
    c->sides[s].run_ns[sample] = side->run_ns;
    return 0;
}

static int check_sample(struct tro_compare *c, int64_t sample, struct tro_err *err)
{
    for (int i = 0; i < c->n_checks; i++) {
        struct tro_compare_check *k = &c->checks[i];
        const struct tro_compare_side *s = &c->sides[k->side];
        struct tro_tensor want, got;
        TRO_TRY(tro_side_output(&c->sides[0].side, k->output, &want, err));
        TRO_TRY(tro_side_output(&s->side, s->outputs[k->output], &got, err));
        TRO_TRY(tro_compare_add(c, k, sample, &got, &want, err));
    }
    return 0;
}

static int run_sample(struct tro_compare *c, int64_t sample, struct tro_arena *arena,
                      struct tro_err *err)
{
    const int n = c->leader < 0 ? 0 : tro_side_n_inputs(&c->sides[c->leader].side);
    struct tro_tensor *inputs = TRO_NEW_N(arena, struct tro_tensor, (size_t)n + 1);
    if (!inputs)
        return tro_fail_nomem(err);
    if (n)
        TRO_TRY(tro_samples_read(&c->samples, sample, arena, inputs, err));
    for (int s = 0; s < c->n_sides; s++)
        TRO_TRY(run_side(c, s, sample, inputs, arena, err));
    return check_sample(c, sample, err);
}

static int run_samples(struct tro_compare *c, struct tro_err *err)
{
    struct tro_progress progress;
    int rc = 0;
    tro_progress_start(&progress, "samples", c->samples.n);
    for (int64_t i = 0; i < c->samples.n && rc >= 0; i++) {
        struct tro_arena arena = {0};
        rc = run_sample(c, i, &arena, err);
        tro_arena_finish(&arena);
        tro_progress_at(&progress, i + 1);
    }
    tro_progress_end(&progress);
    return rc;
}

static int write_json(const struct verb *v, struct tro_err *err)
{
    struct tro_json j = {0};
    tro_compare_json(&v->c, &j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_file_write(v->json_path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

/* What the side with the narrowest precision is allowed. */
static double quality_of(const struct tro_compare *c)
{
    double quality = 0;
    for (int i = 0; i < c->n_sides; i++) {
        const struct tro_session *s = c->sides[i].side.session;
        const double own = tro_precision_allowance(s ? tro_session_precision(s)
                                                     : TRO_PRECISION_FP32);
        quality = own > quality ? own : quality;
    }
    return quality;
}

static void set_tolerance(struct tro_compare *c)
{
    c->quality = c->rtol == NOT_GIVEN && c->atol == NOT_GIVEN ? quality_of(c) : 0;
    if (c->rtol == NOT_GIVEN)
        c->rtol = 1e-3;
    if (c->atol == NOT_GIVEN)
        c->atol = 1e-5;
}

static int compare(struct verb *v, struct tro_err *err)
{
    struct tro_compare *c = &v->c;
    tro_threads_set((int)v->n_threads);
    TRO_TRY(prepare(v, err));
    set_tolerance(c);
    TRO_TRY(run_samples(c, err));
    tro_compare_judge(c);
    const struct tro_compare_check *worst = tro_compare_worst(c);
    const int64_t sample = worst && worst->worst_sample >= 0 ? worst->worst_sample : 0;
    if (c->with_layers)
        TRO_TRY(tro_compare_layers(c, sample, err));
    tro_compare_print(c);
    return v->json_path ? write_json(v, err) : 0;
}

static void finish(struct tro_compare *c)
{
    for (int i = 0; i < c->n_sides; i++)
        tro_side_close(&c->sides[i].side);
    tro_samples_close(&c->samples);
    tro_free(c->layers);
    tro_arena_finish(&c->arena);
}

static const char about[] =
    "Runs the same inputs through models and compares each output with that of A. A side is\n"
    "  NET.onnx                 a model, built in memory without tuning\n"
    "  NET.plan                 a plan\n"
    "  ref:NET.onnx             a model on the reference kernels\n"
    "  ort:NET.onnx             a model in ONNX Runtime\n"
    "  DIR                      outputs that trocar run -o DIR wrote, compared with runs on -i\n"
    "Inputs and outputs are matched by name, or by order where numbers and types agree.\n\n"
    "Inputs are the files of -i; or random ones: floats from the standard normal distribution,\n"
    "8-bit integers of any value, wider ones 0 or 1, free sizes 1; or those in --data DIR: each\n"
    "picture or tensor file of a model with one input, each folder with NAME.npy or input_<i>.npy\n"
    "for each input. Files named output_* or label_* are left out.\n\n"
    "An element is right when |error| <= A + R * |value of the reference|. Where neither is "
    "given,\n"
    "outputs of floating point also pass when no error is above 1e-4 of the largest value, which\n"
    "is what FP32 means here: sums are added in another order (on a GPU at tf32 5e-3, fp16 2e-2,\n"
    "bf16 0.15). A gate file replaces all this: a\n"
    "line is METRIC [OUTPUT] <= NUMBER, # begins a comment, and a metric is max_abs,\n"
    "max_rel (max |error| / max |value|), rmse or unequal (share of elements that differ).";

int tro_verb_compare(int argc, char **argv)
{
    struct verb v = {.seed = 1, .ort_level = 99, .c = {.rtol = NOT_GIVEN, .atol = NOT_GIVEN}};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--input,-i", TRO_OPT_LIST, &v.inputs, "[NAME=]FILE",
         "tensor (.npy, .pb, raw) or picture"},
        {"--random", TRO_OPT_INT, &v.n_random, "N", "N samples of random inputs (default: 1)"},
        {"--seed", TRO_OPT_INT, &v.seed, "S", "seed of random inputs (1)"},
        {"--shapes", TRO_OPT_LIST, &v.shapes, "[NAME=]SHAPE", "shape of a random input"},
        {"--data", TRO_OPT_STRING, &v.data, "DIR", "samples in a folder"},
        {"--rtol", TRO_OPT_DOUBLE, &v.c.rtol, "R", "relative tolerance (1e-3)"},
        {"--atol", TRO_OPT_DOUBLE, &v.c.atol, "A", "absolute tolerance (1e-5)"},
        {"--gate", TRO_OPT_STRING, &v.gate, "FILE", "limits to keep instead of the tolerance"},
        {"--layers", TRO_OPT_FLAG, &v.c.with_layers, NULL,
         "compare inner tensors too, on the worst sample"},
        {"--device", TRO_OPT_STRING, &v.device, "D",
         "cpu, cuda or cuda:N; or ref: the reference kernels"},
        {"--precision", TRO_OPT_STRING, &v.precision, "P",
         "of a model on a GPU: fp32 (the default), tf32, fp16, bf16"},
        {"--cpu", TRO_OPT_STRING, &v.cpu, "LEVEL",
         "use no more than this: generic, avx2, avx512 ..."},
        {"--record", TRO_OPT_STRING, &v.record, "FILE",
         "of models: what inputs and outputs are (docs/record.md)"},
        {"--passes", TRO_OPT_STRING, &v.passes, "LIST",
         "of models: all, none, a list, or all,-NAME"},
        {"--threads", TRO_OPT_INT, &v.n_threads, "N", "threads (default: one a processor)"},
        {"--ort-level", TRO_OPT_INT, &v.ort_level, "L",
         "graph optimization of ONNX Runtime: 0, 1, 2, 99 (99)"},
        {"--json", TRO_OPT_STRING, &v.json_path, "FILE", "write the result as JSON"},
        {0}};
    const struct tro_usage usage = {.synopsis = "trocar compare A B... [-i [NAME=]FILE]... | "
                                                "[--random N] | [--data DIR]",
                                    .about = about,
                                    .opts = opts,
                                    .min_args = 2,
                                    .max_args = -1};
    int rc = tro_args_parse(&usage, argc, argv, &v.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = compare(&v, &err);
    finish(&v.c);
    if (rc < 0)
        return tro_exit_with(&err, rc);
    return is_help || v.c.passes ? TRO_EXIT_OK : TRO_EXIT_DIFFERENT;
}
