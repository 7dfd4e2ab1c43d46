/* SPDX-License-Identifier: Apache-2.0 */
/* trocar bench: how long runs take, of one engine or of several that take turns. */
#include "args.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "bench.h"
#include "verbs.h"

struct verb {
    struct tro_list args;
    struct tro_bench b;
    int64_t n_threads, ort_level;
    const char *json_path;
};

static int check(struct verb *v, struct tro_err *err)
{
    struct tro_bench *b = &v->b;
    if (b->duration <= 0 || b->duration > 86400)
        return tro_fail(err, TRO_E_INPUT, "--duration: expected seconds from 0 to 86400, found %g",
                        b->duration);
    if (b->n_streams < 1 || b->n_streams > 256)
        return tro_fail(err, TRO_E_INPUT, "--streams: expected 1 to 256, found %lld",
                        (long long)b->n_streams);
    if (b->idle_ms > 60000)
        return tro_fail(err, TRO_E_INPUT, "--idle: expected at most 60000 ms, found %lld",
                        (long long)b->idle_ms);
    b->side_opts.n_threads = (int)v->n_threads;
    if (!b->side_opts.n_threads && b->n_streams > 1) {
        const int each = tro_threads_get() / (int)b->n_streams;
        b->side_opts.n_threads = each > 1 ? each : 1;
    }
    b->side_opts.ort_optimization = (int)v->ort_level;
    b->side_opts.shapes = &b->shapes;
    return 0;
}

static int write_json(const struct verb *v, struct tro_err *err)
{
    struct tro_json j = {0};
    tro_bench_json(&v->b, &j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_file_write(v->json_path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

static int bench(struct verb *v, struct tro_err *err)
{
    TRO_TRY(check(v, err));
    tro_threads_set(v->b.side_opts.n_threads);
    TRO_TRY(tro_bench_open(&v->b, &v->args, err));
    TRO_TRY(tro_bench_measure(&v->b, err));
    tro_bench_print(&v->b);
    return v->json_path ? write_json(v, err) : 0;
}

static const char about[] =
    "Runs each side again and again on the same seeded inputs, after a warm-up, and tells how "
    "long\n"
    "a run takes. Several sides take turns of 0.2 s, so that what the machine does besides meets\n"
    "all of them; `speed` is the first side's median over a side's. A side is\n"
    "  NET.onnx       a model, built in memory without tuning\n"
    "  NET.plan       a plan\n"
    "  ref:NET.onnx   a model on the reference kernels\n"
    "  ort:NET.onnx   a model in ONNX Runtime\n"
    "Free sizes of inputs are 1, or a plan's optimal ones. Memory is what an engine planned, and "
    "of\n"
    "other sides what the process grew by. Energy is that of the whole processor while a side has\n"
    "its turn, where the machine tells (RAPL, which many systems show to root alone); that of a "
    "GPU "
    "is\n"
    "a figure of its own, as are its temperature, clock and power before and after (NVML).";

int tro_verb_bench(int argc, char **argv)
{
    struct verb v = {.b = {.duration = 3, .n_streams = 1, .seed = 1}, .ort_level = 99};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--duration", TRO_OPT_DOUBLE, &v.b.duration, "S", "seconds for each side (3)"},
        {"--streams", TRO_OPT_INT, &v.b.n_streams, "N", "sessions that run at the same time (1)"},
        {"--idle", TRO_OPT_INT, &v.b.idle_ms, "MS", "rest before each run (0)"},
        {"--transfers", TRO_OPT_FLAG, &v.b.has_transfers, NULL,
         "on a GPU: bring inputs and fetch outputs in each run"},
        {"--threads", TRO_OPT_INT, &v.n_threads, "N",
         "threads of a session (default: the processors, shared among streams)"},
        {"--shapes", TRO_OPT_LIST, &v.b.shapes, "[NAME=]SHAPE", "shape of an input"},
        {"--seed", TRO_OPT_INT, &v.b.seed, "S", "seed of inputs (1)"},
        {"--device", TRO_OPT_STRING, &v.b.side_opts.device, "D",
         "cpu, cuda or cuda:N; or ref: the reference kernels"},
        {"--precision", TRO_OPT_STRING, &v.b.side_opts.precision, "P",
         "of a model on a GPU: fp32 (the default), tf32, fp16, bf16"},
        {"--cpu", TRO_OPT_STRING, &v.b.side_opts.cpu, "LEVEL",
         "use no more than this: generic, avx2, avx512 ..."},
        {"--record", TRO_OPT_STRING, &v.b.side_opts.record, "FILE",
         "of models: what inputs and outputs are (docs/record.md)"},
        {"--passes", TRO_OPT_STRING, &v.b.side_opts.passes, "LIST",
         "of models: all, none, a list, or all,-NAME"},
        {"--tile", TRO_OPT_STRING, &v.b.side_opts.tile, "SIZE:OVERLAP",
         "large inputs by windows; a run is all of them"},
        {"--ort-level", TRO_OPT_INT, &v.ort_level, "L",
         "graph optimization of ONNX Runtime: 0, 1, 2, 99 (99)"},
        {"--json", TRO_OPT_STRING, &v.json_path, "FILE", "write the result as JSON"},
        {0}};
    const struct tro_usage usage = {
        .synopsis = "trocar bench MODEL|PLAN|ort:MODEL... [--duration S] [--streams N]",
        .about = about,
        .opts = opts,
        .min_args = 1,
        .max_args = -1};
    int rc = tro_args_parse(&usage, argc, argv, &v.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = bench(&v, &err);
    tro_bench_close(&v.b);
    return tro_exit_with(&err, rc);
}
