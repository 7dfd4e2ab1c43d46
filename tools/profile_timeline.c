/* SPDX-License-Identifier: Apache-2.0 */
/* Runs on a GPU as they were: when each kernel began and ended beside the others. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cuda/trace.h"
#include "profile.h"
#include "run/session.h"

#define ENOUGH_NS INT64_C(1500000000)
enum { MIN_RUNS = 5, MAX_RUNS = 25, N_WARM = 2 };

struct traced_run {
    struct tro_cuda_event *events;
    size_t n;
};

struct tracer {
    struct tro_profile *p;
    struct tro_side side; /* the second session */
    const struct tro_tensor *inputs;
    struct tro_cuda_exec *exec;
    struct traced_run runs[MAX_RUNS];
    int n_runs;
    struct tro_err *err;
};

static int64_t span_of(const struct traced_run *r)
{
    int64_t end = 0;
    for (size_t i = 0; i < r->n; i++)
        end = r->events[i].end_ns > end ? r->events[i].end_ns : end;
    return r->n ? end - r->events[0].begin_ns : 0;
}

/* ---- running --------------------------------------------------------------------------- */

/* Latencies, and the median by the device's own clock; keeps events where there is a trace. */
static int run_timed(struct tracer *t, struct tro_side *s, bool is_traced,
                     struct tro_latency *latency, double *device_ms)
{
    int64_t ns[MAX_RUNS], device_ns[MAX_RUNS];
    int rc = 0;
    tro_session_set_timed(s->session, true);
    for (int i = 0; i < N_WARM + t->n_runs && rc >= 0; i++) {
        const int k = i < N_WARM ? 0 : i - N_WARM;
        struct traced_run *const r = &t->runs[k];
        rc = tro_side_run(s, t->inputs, tro_side_n_inputs(s), t->err);
        ns[k] = s->run_ns;
        device_ns[k] = tro_session_device_ns(s->session);
        if (rc < 0 || !is_traced)
            continue;
        t->exec = tro_session_cuda_exec(s->session, t->err);
        tro_free(r->events);
        rc = tro_cuda_exec_events(t->exec, &r->events, &r->n, t->err);
    }
    tro_session_set_timed(s->session, false);
    if (rc < 0)
        return rc;
    *latency = tro_latency_of(ns, (size_t)t->n_runs);
    *device_ms = tro_latency_of(device_ns, (size_t)t->n_runs).p50;
    return 0;
}

/* The steps are known by their index: the second session must have the same. */
static int check_steps(struct tracer *t)
{
    const struct tro_program *const program = tro_session_program(t->side.session, t->err);
    if (!program)
        return t->err->status;
    bool is_same = program->n_steps == t->p->n_rows;
    for (int i = 0; i < program->n_steps && is_same; i++) {
        const char *const kernel = program->steps[i].kernel;
        is_same = strcmp(kernel ? kernel : "", t->p->rows[i].kernel) == 0;
    }
    return is_same ? 0
                   : tro_fail(t->err, TRO_E_INTERNAL,
                              "expected the same steps in a second session, found others");
}

static int trace(struct tracer *t, const struct tro_side *first,
                 const struct tro_profile_opts *opts)
{
    struct tro_latency latency;
    TRO_TRY(tro_side_open_again(&t->side, first, &opts->side, t->err));
    TRO_TRY(run_timed(t, &t->side, true, &latency, &t->p->timeline.traced_ms));
    return check_steps(t);
}

/* ---- the run that is shown ------------------------------------------------------------- */

static int by_span(const void *a, const void *b)
{
    const int64_t x = span_of(a), y = span_of(b);
    return (x > y) - (x < y);
}

static int take_events(struct tro_profile *p, const struct traced_run *r, struct tro_err *err)
{
    struct tro_profile_timeline *const t = &p->timeline;
    t->events = TRO_NEW_N(&p->arena, struct tro_profile_event, r->n + 1);
    if (!t->events)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < r->n; i++) {
        const struct tro_cuda_event *const e = &r->events[i];
        const int64_t zero = r->events[0].begin_ns;
        t->events[i] = (struct tro_profile_event){.row = e->step,
                                                  .launch = e->launch,
                                                  .begin_ns = e->begin_ns - zero,
                                                  .end_ns = e->end_ns - zero};
    }
    t->n_events = r->n;
    t->span_ms = (double)span_of(r) * 1e-6;
    return 0;
}

/* The last to end of those that the event's step waits for in its graph, and of all that had ended
 * when it began: it may have waited for room. -1: none. */
static int64_t waited_for(const struct tracer *t, size_t i)
{
    const struct tro_profile_event *const all = t->p->timeline.events;
    int n_waits;
    const int32_t *const waits = tro_cuda_exec_waits(t->exec, all[i].row, &n_waits);
    int64_t found = -1;
    for (size_t k = 0; k < i; k++) {
        bool is_waited_for = all[k].end_ns <= all[i].begin_ns;
        for (int w = 0; w < n_waits; w++)
            is_waited_for |= all[k].launch == all[i].launch && all[k].row == waits[w];
        if (is_waited_for && (found < 0 || all[k].end_ns > all[found].end_ns))
            found = (int64_t)k;
    }
    return found;
}

static void find_work(const struct tracer *t)
{
    struct tro_profile_event *const all = t->p->timeline.events;
    for (size_t i = 0; i < t->p->timeline.n_events; i++) {
        struct tro_profile_event *const e = &all[i];
        e->before = waited_for(t, i);
        e->ready_ns = e->begin_ns;
        if (e->before >= 0 && all[e->before].end_ns > e->ready_ns)
            e->ready_ns = all[e->before].end_ns;
        e->ready_ns = e->ready_ns < e->end_ns ? e->ready_ns : e->end_ns;
        t->p->rows[e->row].run_ms += (double)(e->end_ns - e->ready_ns) * 1e-6;
    }
}

/* From the kernel that ended last back through those that were waited for; their times add up to
 * the run's. */
static void find_critical(struct tro_profile *p)
{
    struct tro_profile_timeline *const t = &p->timeline;
    int64_t i = -1;
    for (size_t k = 0; k < t->n_events; k++)
        if (i < 0 || t->events[k].end_ns > t->events[i].end_ns)
            i = (int64_t)k;
    for (; i >= 0; i = t->events[i].before) {
        struct tro_profile_event *const e = &t->events[i];
        e->critical_ns = e->end_ns - (e->before < 0 ? 0 : t->events[e->before].end_ns);
        p->rows[e->row].critical_ms += (double)e->critical_ns * 1e-6;
    }
}

static int by_ready(const void *a, const void *b)
{
    const struct tro_profile_event *x = a, *y = b;
    if (x->ready_ns != y->ready_ns)
        return x->ready_ns < y->ready_ns ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Each event into the first lane that is free. */
static int find_lanes(struct tro_profile *p, struct tro_err *err)
{
    struct tro_profile_timeline *const t = &p->timeline;
    int64_t *const busy_until = TRO_NEW_N(&p->arena, int64_t, t->n_events + 1);
    if (!busy_until)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < t->n_events; i++) {
        struct tro_profile_event *const e = &t->events[i];
        while (e->lane < t->n_lanes && busy_until[e->lane] > e->ready_ns)
            e->lane++;
        busy_until[e->lane] = e->end_ns;
        t->n_lanes = e->lane == t->n_lanes ? e->lane + 1 : t->n_lanes;
    }
    return 0;
}

static void sum_time(struct tro_profile_timeline *t)
{
    int64_t busy = 0, overlap = 0, one_until = 0, two_until = 0;
    for (size_t i = 0; i < t->n_events; i++) {
        const struct tro_profile_event *const e = &t->events[i];
        const int64_t two_from = e->ready_ns > two_until ? e->ready_ns : two_until;
        const int64_t two_to = e->end_ns < one_until ? e->end_ns : one_until;
        const int64_t one_from = e->ready_ns > one_until ? e->ready_ns : one_until;
        if (two_to > two_from) {
            overlap += two_to - two_from;
            two_until = two_to;
        }
        if (e->end_ns > one_from) {
            busy += e->end_ns - one_from;
            one_until = e->end_ns;
        }
    }
    t->busy_ms = (double)busy * 1e-6;
    t->overlap_ms = (double)overlap * 1e-6;
}

static int keep_median(struct tracer *t)
{
    struct tro_profile *const p = t->p;
    qsort(t->runs, (size_t)t->n_runs, sizeof *t->runs, by_span);
    const struct traced_run *const r = &t->runs[t->n_runs / 2];
    if (r->n == 0)
        return tro_fail(t->err, TRO_E_DEVICE, "CUPTI saw no kernel of the run's graphs");
    TRO_TRY(take_events(p, r, t->err));
    p->timeline.n_runs = t->n_runs;
    find_work(t);
    find_critical(p);
    qsort(p->timeline.events, p->timeline.n_events, sizeof *p->timeline.events, by_ready);
    sum_time(&p->timeline);
    return find_lanes(p, t->err);
}

/* ---- the whole ------------------------------------------------------------------------- */

static int trace_and_keep(struct tracer *t, const struct tro_side *first,
                          const struct tro_profile_opts *opts)
{
    TRO_TRY(tro_cuda_trace_start(t->err));
    int rc = trace(t, first, opts);
    if (rc >= 0)
        rc = keep_median(t);
    for (int i = 0; i < MAX_RUNS; i++)
        tro_free(t->runs[i].events);
    tro_side_close(&t->side);
    tro_cuda_trace_stop();
    return rc;
}

int tro_profile_trace_runs(struct tro_profile *p, struct tro_side *side,
                           const struct tro_profile_opts *opts, const struct tro_tensor *inputs,
                           struct tro_err *err)
{
    struct tro_err own = {0};
    struct tracer t = {.p = p, .inputs = inputs, .err = err};
    TRO_TRY(tro_side_run(side, inputs, tro_side_n_inputs(side), err));
    const int64_t n = ENOUGH_NS / (side->run_ns + 1);
    t.n_runs = n < MIN_RUNS ? MIN_RUNS : n > MAX_RUNS ? MAX_RUNS : (int)n;
    TRO_TRY(run_timed(&t, side, false, &p->latency, &p->timeline.untraced_ms));
    p->n_timed = t.n_runs;
    t.err = &own;
    if (trace_and_keep(&t, side, opts) >= 0)
        return 0;
    p->timeline.missing = tro_arena_strdup(&p->arena, own.text);
    return p->timeline.missing ? 0 : tro_fail_nomem(err);
}
