/* SPDX-License-Identifier: Apache-2.0 */
/* trocar profile: which step of an engine takes how long, against what the machine can do. */
#include "args.h"
#include "base/err.h"
#include "base/file.h"
#include "profile.h"
#include "verbs.h"

struct verb {
    struct tro_list args, shapes;
    struct tro_profile_opts opts;
    int64_t n_threads, n_shown;
    const char *json_path, *trace_path, *html_path;
    struct tro_profile p;
};

static int write_buf(const char *path, struct tro_buf *buf, struct tro_err *err)
{
    const int rc = buf->failed ? tro_fail_nomem(err) : tro_file_write(path, buf->p, buf->n, err);
    tro_buf_finish(buf);
    return rc;
}

static int write_files(const struct verb *v, struct tro_err *err)
{
    struct tro_json j = {0};
    struct tro_buf trace = {0}, page = {0};
    if (v->json_path) {
        tro_profile_json(&v->p, &j);
        TRO_TRY(write_buf(v->json_path, &j.buf, err));
    }
    if (v->trace_path) {
        tro_profile_trace(&v->p, &trace);
        TRO_TRY(write_buf(v->trace_path, &trace, err));
    }
    if (v->html_path) {
        tro_profile_html(&v->p, &page);
        TRO_TRY(write_buf(v->html_path, &page, err));
    }
    return 0;
}

static int profile(struct verb *v, struct tro_err *err)
{
    v->opts.side.n_threads = (int)v->n_threads;
    v->opts.side.shapes = &v->shapes;
    TRO_TRY(tro_profile_open(&v->p, v->args.v[0], &v->opts, err));
    tro_profile_print(&v->p, v->n_shown);
    return write_files(v, err);
}

static const char about[] =
    "Runs an engine on seeded inputs and tells of each step how long it takes (the median, from\n"
    "the first thread's begin to the last one's end), how many operations and bytes that is a\n"
    "second, and which share of what the machine can do, measured at the start: float32\n"
    "multiply-adds from registers (four times as many for 8-bit products where the machine has\n"
    "instructions for them), and copies between arrays that no cache holds. Bytes are those of "
    "all\n"
    "inputs and outputs of a step, so that more than the copies' rate means that caches held "
    "them.\n"
    "On a GPU steps are timed alone; CUPTI, where it is, shows a run as it was: `in run` is the\n"
    "time that a step worked in it, `critical` the share by which it made the run longer.";

int tro_verb_profile(int argc, char **argv)
{
    struct verb v = {.opts = {.seed = 1}, .n_shown = 20};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--input,-i", TRO_OPT_LIST, &v.opts.inputs, "[NAME=]FILE",
         "tensor or picture instead of seeded inputs"},
        {"--shapes", TRO_OPT_LIST, &v.shapes, "[NAME=]SHAPE", "shape of an input"},
        {"--runs", TRO_OPT_INT, &v.opts.n_runs, "N", "runs (default: what 1.5 s allow)"},
        {"--rows", TRO_OPT_INT, &v.n_shown, "N", "steps to print (20)"},
        {"--threads", TRO_OPT_INT, &v.n_threads, "N", "threads (default: one a processor)"},
        {"--device", TRO_OPT_STRING, &v.opts.side.device, "D", "cpu, cuda or cuda:N"},
        {"--precision", TRO_OPT_STRING, &v.opts.side.precision, "P",
         "of a model on a GPU: fp32 (the default), tf32, fp16, bf16"},
        {"--cpu", TRO_OPT_STRING, &v.opts.side.cpu, "LEVEL",
         "use no more than this: generic, avx2, avx512 ..."},
        {"--record", TRO_OPT_STRING, &v.opts.side.record, "FILE",
         "of models: what inputs and outputs are (docs/record.md)"},
        {"--passes", TRO_OPT_STRING, &v.opts.side.passes, "LIST",
         "of a model: all, none, a list, or all,-NAME"},
        {"--seed", TRO_OPT_INT, &v.opts.seed, "S", "seed of inputs (1)"},
        {"--trace", TRO_OPT_STRING, &v.trace_path, "FILE",
         "write a trace for Perfetto or chrome://tracing"},
        {"--html", TRO_OPT_STRING, &v.html_path, "FILE", "write it as a page that stands alone"},
        {"--json", TRO_OPT_STRING, &v.json_path, "FILE", "write it as JSON"},
        {0}};
    const struct tro_usage usage = {
        .synopsis = "trocar profile PLAN|MODEL [--trace FILE] [--html FILE]",
        .about = about,
        .opts = opts,
        .min_args = 1,
        .max_args = 1};
    int rc = tro_args_parse(&usage, argc, argv, &v.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = profile(&v, &err);
    tro_profile_close(&v.p);
    return tro_exit_with(&err, rc);
}
