/* SPDX-License-Identifier: Apache-2.0 */
/* trocar verify: does a plan give on this machine what the network gave when it was built? */
#include <stdio.h>

#include "args.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "plan/plan.h"
#include "verbs.h"

struct verb {
    struct tro_list args;
    struct tro_session_opts opts;
    int64_t n_threads;
    const char *json_path;
    struct tro_plan *plan;
    struct tro_verify_report report;
};

/* ---- report ---------------------------------------------------------------------------- */

static void print_report(const struct verb *v)
{
    const struct tro_verify_report *r = &v->report;
    const int n_same = r->n_outputs - r->n_different;
    printf("%s: %d of %d outputs of %d golden sample%s as they were built\n",
           r->n_different ? "FAIL" : "pass", n_same, r->n_outputs, r->n_samples,
           r->n_samples == 1 ? "" : "s");
    if (r->n_chosen)
        printf("%d output%s of detections or peaks chosen otherwise, as a narrow precision may\n",
               r->n_chosen, r->n_chosen == 1 ? "" : "s");
    if (r->worst > 0)
        printf("worst: output '%s' of sample %d: error %.3g, %.3g of what is allowed\n",
               r->worst_output, r->worst_sample, r->worst_error, r->worst);
}

static int write_json(const struct verb *v, struct tro_err *err)
{
    const struct tro_verify_report *r = &v->report;
    struct tro_json j = {0};
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "plan", v->args.v[0]);
    tro_json_string(&j, "processor", tro_cpu_name());
    tro_json_bool(&j, "pass", !r->n_different);
    tro_json_int(&j, "samples", r->n_samples);
    tro_json_int(&j, "outputs", r->n_outputs);
    tro_json_int(&j, "outputs_different", r->n_different);
    tro_json_int(&j, "outputs_chosen_otherwise", r->n_chosen);
    tro_json_object_begin(&j, "worst");
    tro_json_string(&j, "output", r->worst_output);
    tro_json_int(&j, "sample", r->worst_sample);
    tro_json_number(&j, "error", r->worst_error);
    tro_json_number(&j, "error_over_allowed", r->worst);
    tro_json_object_end(&j);
    tro_json_object_end(&j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_file_write(v->json_path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
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
    return 0;
}

static int verify(struct verb *v, struct tro_err *err)
{
    TRO_TRY(open_plan(v, err));
    v->opts.n_threads = (int)v->n_threads;
    const int rc = tro_plan_verify(v->plan, &v->opts, &v->report, err);
    TRO_TRY(tro_err_prefix(err, rc, "%s: ", v->args.v[0]));
    print_report(v);
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
        {"--device", TRO_OPT_STRING, &v.opts.device, "D",
         "cpu, cuda or cuda:N; or ref: the reference kernels"},
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
    tro_plan_close(v.plan);
    if (rc < 0)
        return tro_exit_with(&err, rc);
    return v.report.n_different ? TRO_EXIT_DIFFERENT : TRO_EXIT_OK;
}
