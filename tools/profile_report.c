/* SPDX-License-Identifier: Apache-2.0 */
/* A profile for people, as JSON, and as a trace. */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "memory_use.h"
#include "profile.h"
#include "table.h"

#define TRACE_RUNS 5

/* ---- text ------------------------------------------------------------------------------ */

static void print_head(const struct tro_profile *p)
{
    char scratch[32], weights[32];
    const char *name = p->machine;
    printf("%s\n", p->path);
    if (p->tensor_gflops > 0)
        printf("%s; by its clocks %.0f GFLOP/s of f16, %.0f of f32, memory %.0f GB/s\n", name,
               p->tensor_gflops, p->peak.gflops, p->peak.gbytes);
    else
        printf("%s%s%d thread%s; measured peak %.0f GFLOP/s, copies %.1f GB/s\n", name,
               name[0] ? ", " : "", p->n_threads, p->n_threads == 1 ? "" : "s", p->peak.gflops,
               p->peak.gbytes);
    printf("%lld runs: median %.3f ms, least %.3f ms; %d steps take %.3f ms", (long long)p->n_runs,
           p->latency.p50, p->latency.min, p->n_rows, p->steps_ms);
    if (p->n_flops > 0)
        printf("; %.3g GFLOP, %.1f GFLOP/s", p->n_flops * 1e-9,
               p->latency.p50 > 0 ? p->n_flops / p->latency.p50 * 1e-6 : 0);
    printf("\nmemory: scratch %s, weights %s%s\n\n", tro_print_bytes(p->memory.scratch, scratch),
           tro_print_bytes(p->memory.weights + p->memory.packed, weights),
           p->is_growing ? "; runs may allocate more" : "");
}

static void cell_or_dash(struct tro_table *t, bool is_there, const char *format, double value)
{
    char text[32];
    snprintf(text, sizeof text, format, value);
    tro_table_cell(t, "%s", is_there ? text : "-");
}

static void row_cells(struct tro_table *t, const struct tro_profile_row *r)
{
    char bytes[32];
    tro_table_cell(t, "%.3f", r->ms);
    tro_table_cell(t, "%.1f %%", r->share * 100);
    cell_or_dash(t, r->n_flops > 0, "%.1f", r->gflops);
    cell_or_dash(t, r->n_flops > 0, "%.0f %%", r->of_peak * 100);
    cell_or_dash(t, r->ms > 0, "%.1f", r->gbytes);
    tro_table_cell(t, "%s", tro_print_bytes((size_t)r->n_bytes, bytes));
    tro_table_text(t, r->kernel, strlen(r->kernel));
    tro_table_text(t, r->op, strlen(r->op));
    tro_table_text(t, r->shapes, strlen(r->shapes));
    tro_table_text(t, r->name, strlen(r->name));
}

static void print_rows(const struct tro_profile *p, int64_t n_shown)
{
    static const char *const heads[] = {">ms",    ">share", ">GFLOP/s", ">of peak", ">GB/s",
                                        ">bytes", "kernel", "operator", "shapes",   "node"};
    struct tro_table t = {0};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(&t, heads[i]);
    for (int i = 0; i < p->n_rows && i < n_shown; i++)
        row_cells(&t, p->worst[i]);
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
    if (p->n_rows > n_shown)
        printf("and %lld more steps: --rows N shows N\n", (long long)(p->n_rows - n_shown));
}

static void print_kernels(const struct tro_profile *p)
{
    static const char *const heads[] = {"kernel", ">steps", ">ms", ">share", ">GFLOP/s"};
    struct tro_table t = {0};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(&t, heads[i]);
    for (int i = 0; i < p->n_kernels; i++) {
        const struct tro_profile_kernel *k = &p->kernels[i];
        tro_table_text(&t, k->kernel, strlen(k->kernel));
        tro_table_cell(&t, "%d", k->n_steps);
        tro_table_cell(&t, "%.3f", k->ms);
        tro_table_cell(&t, "%.1f %%", k->share * 100);
        cell_or_dash(&t, k->gflops > 0, "%.1f", k->gflops);
    }
    printf("\n");
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
}

void tro_profile_print(const struct tro_profile *p, int64_t n_shown)
{
    print_head(p);
    print_rows(p, n_shown);
    print_kernels(p);
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void json_row(const struct tro_profile_row *r, int i, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_int(j, "step", i);
    tro_json_string(j, "node", r->name);
    tro_json_string(j, "operator", r->op);
    tro_json_string(j, "kernel", r->kernel);
    tro_json_string(j, "shapes", r->shapes);
    tro_json_number(j, "ms", r->ms);
    tro_json_number(j, "share", r->share);
    tro_json_number(j, "flops", r->n_flops);
    tro_json_number(j, "bytes", r->n_bytes);
    tro_json_number(j, "gflops_per_s", r->gflops);
    tro_json_number(j, "gbytes_per_s", r->gbytes);
    tro_json_number(j, "of_peak", r->of_peak);
    tro_json_number(j, "of_roof", r->of_roof);
    tro_json_number(j, "balance", r->balance);
    tro_json_int(j, "threads", r->n_threads);
    tro_json_object_end(j);
}

void tro_profile_json(const struct tro_profile *p, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "engine", p->path);
    tro_json_string(j, "processor", p->machine);
    tro_json_int(j, "threads", p->n_threads);
    tro_json_int(j, "runs", p->n_runs);
    tro_json_object_begin(j, "latency_ms");
    tro_json_number(j, "min", p->latency.min);
    tro_json_number(j, "p50", p->latency.p50);
    tro_json_object_end(j);
    tro_json_number(j, "steps_ms", p->steps_ms);
    tro_json_number(j, "flops", p->n_flops);
    tro_json_number(j, "peak_gflops_per_s", p->peak.gflops);
    tro_json_number(j, "peak_gbytes_per_s", p->peak.gbytes);
    tro_json_array_begin(j, "steps");
    for (int i = 0; i < p->n_rows; i++)
        json_row(&p->rows[i], i, j);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

/* ---- trace ----------------------------------------------------------------------------- */

static void trace_event(const struct tro_profile *p, int64_t run, int thread, int row,
                        struct tro_json *j)
{
    const int64_t *ns = tro_profile_times(p, run, thread, row);
    const struct tro_profile_row *r = &p->rows[row];
    const int64_t first_ns = p->begin_ns[p->n_runs > TRACE_RUNS ? p->n_runs - TRACE_RUNS : 0];
    if (!ns[0])
        return;
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", r->name[0] ? r->name : r->op);
    tro_json_string(j, "cat", "step");
    tro_json_string(j, "ph", "X");
    tro_json_number(j, "ts", (double)(ns[0] - first_ns) * 1e-3);
    tro_json_number(j, "dur", (double)(ns[1] - ns[0]) * 1e-3);
    tro_json_int(j, "pid", 1);
    tro_json_int(j, "tid", thread);
    tro_json_object_begin(j, "args");
    tro_json_int(j, "run", run);
    tro_json_int(j, "step", row);
    tro_json_string(j, "operator", r->op);
    tro_json_string(j, "kernel", r->kernel);
    tro_json_string(j, "shapes", r->shapes);
    tro_json_object_end(j);
    tro_json_object_end(j);
}

static void trace_name(const char *what, int thread, const char *name, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", what);
    tro_json_string(j, "ph", "M");
    tro_json_int(j, "pid", 1);
    tro_json_int(j, "tid", thread);
    tro_json_object_begin(j, "args");
    tro_json_string(j, "name", name);
    tro_json_object_end(j);
    tro_json_object_end(j);
}

void tro_profile_trace(const struct tro_profile *p, struct tro_buf *out)
{
    struct tro_json j = {0};
    const int64_t first = p->n_runs > TRACE_RUNS ? p->n_runs - TRACE_RUNS : 0;
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "displayTimeUnit", "ms");
    tro_json_array_begin(&j, "traceEvents");
    trace_name("process_name", 0, p->path, &j);
    for (int t = 0; t < p->n_threads; t++) {
        char name[32];
        snprintf(name, sizeof name, "thread %d", t);
        trace_name("thread_name", t, name, &j);
    }
    for (int64_t run = first; run < p->n_runs; run++)
        for (int t = 0; t < p->n_threads; t++)
            for (int i = 0; i < p->n_rows; i++)
                trace_event(p, run, t, i, &j);
    tro_json_array_end(&j);
    tro_json_object_end(&j);
    *out = j.buf;
}
