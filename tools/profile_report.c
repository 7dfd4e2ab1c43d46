/* SPDX-License-Identifier: Apache-2.0 */
/* A profile for people, as JSON, and as a trace. */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "memory_use.h"
#include "profile.h"
#include "table.h"

#define TRACE_RUNS 5
enum { STEPS = 1, GPU = 2 }; /* processes of a trace */

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
    printf("%lld runs%s: median %.3f ms, least %.3f ms; %d steps take %.3f ms",
           (long long)p->n_timed, p->tensor_gflops > 0 ? " with transfers" : "", p->latency.p50,
           p->latency.min, p->n_rows, p->steps_ms);
    if (p->n_flops > 0)
        printf("; %.3g GFLOP, %.1f GFLOP/s", p->n_flops * 1e-9,
               p->latency.p50 > 0 ? p->n_flops / p->latency.p50 * 1e-6 : 0);
    printf("\nmemory: scratch %s, weights %s%s\n\n", tro_print_bytes(p->memory.scratch, scratch),
           tro_print_bytes(p->memory.weights + p->memory.packed, weights),
           p->is_growing ? "; runs may allocate more" : "");
}

/* Nothing for a processor, whose steps were timed in their runs. */
static void print_timeline(const struct tro_profile *p)
{
    const struct tro_profile_timeline *const t = &p->timeline;
    if (t->missing)
        printf("steps are timed alone; no time line of a run: %s\n\n", t->missing);
    if (!t->n_events)
        return;
    printf(
        "in a run: %.4f ms from the first kernel's begin to the last one's end; %.1f %% of it no "
        "kernel works,\n%.1f %% two or more do (of %d runs the median; a run takes the device "
        "%.4f ms with tracing, %.4f ms without)\n\n",
        t->span_ms, (1 - t->busy_ms / t->span_ms) * 100, t->overlap_ms / t->span_ms * 100,
        t->n_runs, t->traced_ms, t->untraced_ms);
}

static void cell_or_dash(struct tro_table *t, bool is_there, const char *format, double value)
{
    char text[32];
    snprintf(text, sizeof text, format, value);
    tro_table_cell(t, "%s", is_there ? text : "-");
}

static void row_cells(struct tro_table *t, const struct tro_profile *p,
                      const struct tro_profile_row *r)
{
    char bytes[32];
    if (p->timeline.n_events) {
        tro_table_cell(t, "%.4f", r->run_ms);
        tro_table_cell(t, "%.1f %%", r->critical_ms / p->timeline.span_ms * 100);
    }
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
    if (p->timeline.n_events) {
        tro_table_column(&t, ">in run");
        tro_table_column(&t, ">critical");
    }
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(&t, heads[i]);
    for (int i = 0; i < p->n_rows && i < n_shown; i++)
        row_cells(&t, p, p->worst[i]);
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
    print_timeline(p);
    print_rows(p, n_shown);
    print_kernels(p);
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void json_if(struct tro_json *j, bool is_there, const char *key, double value)
{
    if (is_there)
        tro_json_number(j, key, value);
    else
        tro_json_null(j, key);
}

static void json_row(const struct tro_profile *p, const struct tro_profile_row *r,
                     struct tro_json *j)
{
    const bool has_run = p->timeline.n_events > 0;
    tro_json_object_begin(j, NULL);
    tro_json_int(j, "step", r - p->rows);
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
    json_if(j, has_run, "run_ms", r->run_ms);
    json_if(j, has_run, "critical_ms", r->critical_ms);
    tro_json_object_end(j);
}

static void json_event(const struct tro_profile_event *e, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_int(j, "step", e->row);
    tro_json_int(j, "lane", e->lane);
    tro_json_number(j, "begin_ms", (double)e->begin_ns * 1e-6);
    tro_json_number(j, "ready_ms", (double)e->ready_ns * 1e-6);
    tro_json_number(j, "end_ms", (double)e->end_ns * 1e-6);
    tro_json_number(j, "critical_ms", (double)e->critical_ns * 1e-6);
    tro_json_object_end(j);
}

static void json_timeline(const struct tro_profile_timeline *t, struct tro_json *j)
{
    if (!t->n_events) {
        tro_json_null(j, "timeline");
        if (t->missing)
            tro_json_string(j, "timeline_missing", t->missing);
        return;
    }
    tro_json_object_begin(j, "timeline");
    tro_json_int(j, "runs", t->n_runs);
    tro_json_int(j, "lanes", t->n_lanes);
    tro_json_number(j, "span_ms", t->span_ms);
    tro_json_number(j, "busy_ms", t->busy_ms);
    tro_json_number(j, "overlap_ms", t->overlap_ms);
    tro_json_number(j, "traced_ms", t->traced_ms);
    tro_json_number(j, "untraced_ms", t->untraced_ms);
    tro_json_array_begin(j, "events");
    for (size_t i = 0; i < t->n_events; i++)
        json_event(&t->events[i], j);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

void tro_profile_json(const struct tro_profile *p, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "engine", p->path);
    tro_json_string(j, "processor", p->machine);
    tro_json_int(j, "threads", p->n_threads);
    tro_json_int(j, "runs", p->n_timed);
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
        json_row(p, &p->rows[i], j);
    tro_json_array_end(j);
    json_timeline(&p->timeline, j);
    tro_json_object_end(j);
}

/* ---- trace ----------------------------------------------------------------------------- */

static void trace_event(const struct tro_profile *p, int process, int thread, int row, int64_t run,
                        double begin_ns, double end_ns, struct tro_json *j)
{
    const struct tro_profile_row *r = &p->rows[row];
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", r->name[0] ? r->name : r->op);
    tro_json_string(j, "cat", "step");
    tro_json_string(j, "ph", "X");
    tro_json_number(j, "ts", begin_ns * 1e-3);
    tro_json_number(j, "dur", (end_ns - begin_ns) * 1e-3);
    tro_json_int(j, "pid", process);
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

static void trace_run(const struct tro_profile *p, int64_t run, int64_t zero_ns, struct tro_json *j)
{
    for (int t = 0; t < p->n_threads; t++)
        for (int i = 0; i < p->n_rows; i++) {
            const int64_t *ns = tro_profile_times(p, run, t, i);
            if (ns[0])
                trace_event(p, STEPS, t, i, run, (double)(ns[0] - zero_ns),
                            (double)(ns[1] - zero_ns), j);
        }
}

static void trace_name(const char *what, int process, int thread, const char *name,
                       struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", what);
    tro_json_string(j, "ph", "M");
    tro_json_int(j, "pid", process);
    tro_json_int(j, "tid", thread);
    tro_json_object_begin(j, "args");
    tro_json_string(j, "name", name);
    tro_json_object_end(j);
    tro_json_object_end(j);
}

static void trace_timeline(const struct tro_profile *p, struct tro_json *j)
{
    const struct tro_profile_timeline *const t = &p->timeline;
    if (t->n_events)
        trace_name("process_name", GPU, 0, "GPU, a run", j);
    for (size_t i = 0; i < t->n_events; i++)
        trace_event(p, GPU, t->events[i].lane, t->events[i].row, 0, (double)t->events[i].ready_ns,
                    (double)t->events[i].end_ns, j);
}

void tro_profile_trace(const struct tro_profile *p, struct tro_buf *out)
{
    struct tro_json j = {0};
    const int64_t first = p->n_runs > TRACE_RUNS ? p->n_runs - TRACE_RUNS : 0;
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "displayTimeUnit", "ms");
    tro_json_array_begin(&j, "traceEvents");
    trace_name("process_name", STEPS, 0, p->path, &j);
    for (int t = 0; t < p->n_threads; t++) {
        char name[32];
        snprintf(name, sizeof name, "thread %d", t);
        trace_name("thread_name", STEPS, t, name, &j);
    }
    for (int64_t run = first; run < p->n_runs; run++)
        trace_run(p, run, p->begin_ns[first], &j);
    trace_timeline(p, &j);
    tro_json_array_end(&j);
    tro_json_object_end(&j);
    *out = j.buf;
}
