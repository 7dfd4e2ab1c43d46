/* SPDX-License-Identifier: Apache-2.0 */
#include "profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/thread.h"
#include "run/session.h"

#define ENOUGH_NS INT64_C(1500000000)
#define MIN_RUNS 5
#define MAX_RUNS 200
#define MAX_TIMES (INT64_C(8) << 20) /* pairs kept in all */

/* ---- running --------------------------------------------------------------------------- */

static size_t times_of_run(const struct tro_profile *p)
{
    return (size_t)p->n_threads * (size_t)p->n_rows * 2;
}

const int64_t *tro_profile_times(const struct tro_profile *p, int64_t run, int thread, int row)
{
    return p->step_ns + (size_t)run * times_of_run(p) +
           ((size_t)thread * (size_t)p->n_rows + (size_t)row) * 2;
}

static int64_t runs_for(const struct tro_profile *p, const struct tro_profile_opts *opts,
                        int64_t one_ns)
{
    const int64_t room = MAX_TIMES / (int64_t)(times_of_run(p) / 2 + 1);
    int64_t n = opts->n_runs ? opts->n_runs : ENOUGH_NS / (one_ns + 1);
    if (p->tensor_gflops > 0 && !opts->n_runs)
        n = MIN_RUNS; /* each of which times every kernel some twenty times */
    else if (!opts->n_runs)
        n = n < MIN_RUNS ? MIN_RUNS : n > MAX_RUNS ? MAX_RUNS : n;
    return n < room ? n : room > 1 ? room : 1;
}

static int run_all(struct tro_profile *p, struct tro_side *s, const struct tro_tensor *inputs,
                   struct tro_err *err)
{
    struct tro_progress progress;
    int64_t *ns = tro_calloc((size_t)p->n_runs, sizeof *ns);
    int rc = ns ? 0 : tro_fail_nomem(err);
    tro_progress_start(&progress, "profile", p->n_runs);
    for (int64_t i = 0; i < p->n_runs && rc >= 0; i++) {
        tro_session_set_times(s->session, p->step_ns + (size_t)i * times_of_run(p));
        p->begin_ns[i] = tro_clock_ns();
        rc = tro_side_run(s, inputs, tro_side_n_inputs(s), err);
        if (rc >= 0)
            ns[i] = s->run_ns;
        tro_progress_at(&progress, i + 1);
    }
    tro_progress_end(&progress);
    tro_session_set_times(s->session, NULL);
    if (rc >= 0)
        p->latency = tro_latency_of(ns, (size_t)p->n_runs);
    p->n_timed = p->n_runs;
    tro_free(ns);
    return rc;
}

/* ---- summing up ------------------------------------------------------------------------ */

struct part {
    int64_t span_ns, longest_ns, sum_ns;
    int n_threads;
};

static struct part part_of(const struct tro_profile *p, int64_t run, int row)
{
    struct part part = {0};
    int64_t begin = INT64_MAX, end = 0;
    for (int t = 0; t < p->n_threads; t++) {
        const int64_t *ns = tro_profile_times(p, run, t, row);
        if (!ns[0])
            continue;
        const int64_t own = ns[1] - ns[0];
        begin = ns[0] < begin ? ns[0] : begin;
        end = ns[1] > end ? ns[1] : end;
        part.longest_ns = own > part.longest_ns ? own : part.longest_ns;
        part.sum_ns += own;
        part.n_threads++;
    }
    part.span_ns = part.n_threads ? end - begin : 0;
    return part;
}

static void sum_row(struct tro_profile *p, int i, int64_t *spans)
{
    struct tro_profile_row *row = &p->rows[i];
    double sum = 0, longest = 0;
    for (int64_t run = 0; run < p->n_runs; run++) {
        const struct part part = part_of(p, run, i);
        spans[run] = part.span_ns;
        sum += part.n_threads ? (double)part.sum_ns / part.n_threads : 0;
        longest += (double)part.longest_ns;
        row->n_threads = part.n_threads > row->n_threads ? part.n_threads : row->n_threads;
    }
    row->ms = tro_latency_of(spans, (size_t)p->n_runs).p50;
    row->balance = longest > 0 ? sum / longest : 1;
    if (row->ms <= 0)
        return;
    row->gflops = row->n_flops / row->ms * 1e-6;
    row->gbytes = row->n_bytes / row->ms * 1e-6;
    row->of_peak = row->peak_gflops > 0 ? row->gflops / row->peak_gflops : 0;
    const double memory_ms = p->peak.gbytes > 0 ? row->n_bytes / p->peak.gbytes * 1e-6 : 0;
    const double compute_ms = row->peak_gflops > 0 ? row->n_flops / row->peak_gflops * 1e-6 : 0;
    row->is_memory_bound = memory_ms > compute_ms;
    row->of_roof = (row->is_memory_bound ? memory_ms : compute_ms) / row->ms;
}

static int by_time(const void *a, const void *b)
{
    const struct tro_profile_row *x = *(const struct tro_profile_row *const *)a;
    const struct tro_profile_row *y = *(const struct tro_profile_row *const *)b;
    if (x->ms != y->ms)
        return x->ms > y->ms ? -1 : 1;
    return (x > y) - (x < y);
}

static int kernel_by_time(const void *a, const void *b)
{
    const struct tro_profile_kernel *x = a, *y = b;
    return x->ms != y->ms ? (x->ms > y->ms ? -1 : 1) : strcmp(x->kernel, y->kernel);
}

/* gflops holds the operations until the end. */
static void add_to_kernel(struct tro_profile *p, const struct tro_profile_row *row)
{
    int i = 0;
    while (i < p->n_kernels && strcmp(p->kernels[i].kernel, row->kernel) != 0)
        i++;
    if (i == p->n_kernels)
        p->kernels[p->n_kernels++] = (struct tro_profile_kernel){.kernel = row->kernel};
    p->kernels[i].n_steps++;
    p->kernels[i].ms += row->ms;
    p->kernels[i].share += row->share;
    p->kernels[i].gflops += row->n_flops;
}

static int sum_up(struct tro_profile *p, struct tro_err *err)
{
    int64_t *spans = TRO_NEW_N(&p->arena, int64_t, (size_t)p->n_runs);
    p->worst = TRO_NEW_N(&p->arena, const struct tro_profile_row *, (size_t)p->n_rows + 1);
    p->kernels = TRO_NEW_N(&p->arena, struct tro_profile_kernel, (size_t)p->n_rows + 1);
    if (!spans || !p->worst || !p->kernels)
        return tro_fail_nomem(err);
    p->roof_gflops = p->peak.gflops;
    for (int i = 0; i < p->n_rows; i++) {
        const struct tro_profile_row *const row = &p->rows[i];
        if (p->tensor_gflops > 0 && row->n_flops > 0 && row->peak_gflops > p->roof_gflops)
            p->roof_gflops = row->peak_gflops;
        sum_row(p, i, spans);
        p->steps_ms += p->rows[i].ms;
        p->n_flops += p->rows[i].n_flops;
        p->worst[i] = &p->rows[i];
    }
    for (int i = 0; i < p->n_rows; i++) {
        p->rows[i].share = p->steps_ms > 0 ? p->rows[i].ms / p->steps_ms : 0;
        add_to_kernel(p, &p->rows[i]);
    }
    for (int i = 0; i < p->n_kernels; i++)
        p->kernels[i].gflops = p->kernels[i].ms > 0 ? p->kernels[i].gflops / p->kernels[i].ms * 1e-6
                                                    : 0;
    qsort(p->worst, (size_t)p->n_rows, sizeof *p->worst, by_time);
    qsort(p->kernels, (size_t)p->n_kernels, sizeof *p->kernels, kernel_by_time);
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------- */

static int read_inputs(struct tro_profile *p, const struct tro_side *s,
                       const struct tro_profile_opts *opts, struct tro_tensor **inputs,
                       struct tro_err *err)
{
    static const struct tro_list nothing;
    const struct tro_samples_opts how = {.files = &opts->inputs,
                                         .shapes = opts->side.shapes ? opts->side.shapes : &nothing,
                                         .seed = (uint64_t)opts->seed};
    struct tro_samples samples = {0};
    *inputs = TRO_NEW_N(&p->arena, struct tro_tensor, (size_t)tro_side_n_inputs(s) + 1);
    if (!*inputs)
        return tro_fail_nomem(err);
    TRO_TRY(tro_samples_open(&samples, s, &how, err));
    const int rc = tro_samples_read(&samples, 0, &p->arena, *inputs, err);
    tro_samples_close(&samples);
    return rc;
}

static uint32_t cpu_flags_of(const struct tro_side_opts *opts)
{
    uint32_t mask;
    return opts->cpu && tro_cpu_level_mask(opts->cpu, &mask) ? tro_cpu_flags() & mask
                                                             : tro_cpu_flags();
}

/* A GPU's rates are those of its clocks, a processor's are measured. */
static int find_peak(struct tro_profile *p, const struct tro_side *s,
                     const struct tro_profile_opts *opts, struct tro_err *err)
{
    struct tro_session_gpu gpu;
    const int n_threads = tro_session_n_threads(s->session);
    if (tro_session_gpu(s->session, &gpu)) {
        p->machine = tro_arena_strdup(&p->arena, gpu.device->name);
        p->peak = (struct tro_cpu_peak){gpu.device->fp32_gflops, gpu.device->gbytes, n_threads};
        p->tensor_gflops = gpu.device->tensor_gflops;
    } else {
        p->machine = tro_arena_strdup(&p->arena, tro_cpu_name());
        p->peak = tro_cpu_peak_measure(cpu_flags_of(&opts->side), n_threads);
    }
    return p->machine ? 0 : tro_fail_nomem(err);
}

static int measure(struct tro_profile *p, struct tro_side *s, const struct tro_profile_opts *opts,
                   struct tro_err *err)
{
    struct tro_tensor *inputs = NULL;
    const int n = tro_side_n_inputs(s);
    TRO_TRY(read_inputs(p, s, opts, &inputs, err));
    for (int i = 0; i < 2; i++) /* the second time with warm caches */
        TRO_TRY(tro_side_run(s, inputs, n, err));
    TRO_TRY(find_peak(p, s, opts, err));
    TRO_TRY(tro_profile_describe(p, s->session, err));
    p->n_runs = runs_for(p, opts, s->run_ns);
    p->step_ns = tro_calloc((size_t)p->n_runs * times_of_run(p) + 1, sizeof *p->step_ns);
    p->begin_ns = TRO_NEW_N(&p->arena, int64_t, (size_t)p->n_runs);
    if (!p->step_ns || !p->begin_ns)
        return tro_fail_nomem(err);
    TRO_TRY(run_all(p, s, inputs, err));
    if (p->tensor_gflops > 0)
        TRO_TRY(tro_profile_trace_runs(p, s, opts, inputs, err));
    tro_session_memory(s->session, &p->memory);
    p->is_growing = tro_session_is_growing(s->session);
    return sum_up(p, err);
}

int tro_profile_open(struct tro_profile *p, const char *path, const struct tro_profile_opts *opts,
                     struct tro_err *err)
{
    struct tro_side side = {0};
    *p = (struct tro_profile){.path = path};
    int rc = tro_side_open(&side, path, &opts->side, err);
    if (rc >= 0 && (side.kind != TRO_SIDE_ENGINE))
        rc = tro_fail(err, TRO_E_INPUT, "%s: expected a plan or a model to build, found %s", path,
                      side.kind == TRO_SIDE_FOLDER ? "a folder"
                      : side.kind == TRO_SIDE_ORT  ? "a model in ONNX Runtime"
                                                   : "a model on the reference kernels");
    if (rc >= 0)
        rc = measure(p, &side, opts, err);
    tro_side_close(&side);
    return rc;
}

void tro_profile_close(struct tro_profile *p)
{
    tro_free(p->step_ns);
    tro_arena_finish(&p->arena);
    *p = (struct tro_profile){0};
}
