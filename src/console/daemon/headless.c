/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/headless.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "console/core/source_frames.h"
#include "console/daemon/guide.h"
#include "console/daemon/setup.h"

#define LAST_FINDINGS_NS INT64_C(5000000000) /* are waited for at most, after the last frame */
#define N_TIMES ((size_t)1 << 21)            /* an hour at 500 a second */
#define POLL_NS INT64_C(50000000)

struct headless {
    const struct tro_config *config;
    const struct tro_headless_opts *opts;
    struct tro_setup setup;
    struct tro_source_frames *source;
    struct tro_guide *guide; /* NULL: neither rules nor a record */
    atomic_bool has_ended;
    int trial; /* its number; -1: not loaded */
};

/* ---- callbacks ------------------------------------------------------------------------------ */

static void take_findings(void *ctx, const struct tro_findings *f, const struct tro_stage *s)
{
    struct headless *const h = ctx;
    (void)s;
    if (h->opts && h->opts->findings)
        h->opts->findings(h->opts->ctx, f);
    if (h->guide)
        tro_guide_put(h->guide, f, stdout);
}

static void take_change(void *ctx, int worker, enum tro_worker_state state, const char *why)
{
    struct headless *const h = ctx;
    struct tro_worker_counters w;
    if (state == TRO_WORKER_RUNNING && h->setup.supervisor) {
        tro_supervisor_worker(h->setup.supervisor, worker, &w);
        if (w.notice[0] && w.starts == 1 && !h->setup.is_for_trials[worker])
            fprintf(stderr, "trocard: worker of %s: %s\n", h->setup.device[worker], w.notice);
    }
    if (state == TRO_WORKER_PAUSED)
        fprintf(stderr, "trocard: %s: it is started again\n", *why ? why : h->setup.device[worker]);
}

static void take_frame(void *ctx, const struct tro_frame *f)
{
    struct headless *const h = ctx;
    tro_setup_put(&h->setup, f);
}

static void take_end(void *ctx)
{
    struct headless *const h = ctx;
    atomic_store(&h->has_ended, true);
}

/* ---- what was measured ---------------------------------------------------------------------- */

static void print_latency(const char *name, const struct tro_latency *l)
{
    printf("%-20s %8.2f %8.2f %8.2f %8.2f %8.2f %8.2f", name, l->p50, l->p90, l->p95, l->p99,
           l->p999, l->max);
}

static void print_all(struct headless *h)
{
    struct tro_tally *const t = tro_supervisor_tally(h->setup.supervisor);
    struct tro_tally_all all;
    tro_tally_all(t, &all);
    printf("%" PRIu64 " frames, %" PRIu64 " with all findings, %" PRIu64 " of them after the "
           "budget of %g ms\n\n",
           all.frames, all.complete, all.over_budget, h->config->budget_ms);
    printf("%-20s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s\n", "frame in to findings", "p50 ms",
           "p90", "p95", "p99", "p99.9", "max", "ran", "lower", "late", "busy");
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++) {
        struct tro_tally_network n;
        if (!tro_tally_network(t, i, &n))
            continue;
        print_latency(i < h->config->n_networks ? h->config->networks[i].name : "trial",
                      &n.latency);
        printf(" %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", n.count.ran, n.count.lower,
               n.count.skipped[TRO_SKIP_LATE], n.count.skipped[TRO_SKIP_BUSY]);
    }
    print_latency("all", &all.latency);
    printf("\n");
}

static void json_worker(struct headless *h, int i, struct tro_json *j)
{
    struct tro_worker_counters w;
    tro_supervisor_worker(h->setup.supervisor, i, &w);
    if (!tro_setup_is_worth_telling(&h->setup, i, &w))
        return;
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "device", h->setup.device[i]);
    tro_json_string(j, "process", tro_worker_process_name(h->setup.is_for_trials[i]));
    tro_json_int(j, "starts", (int64_t)w.starts);
    tro_json_int(j, "hangs", (int64_t)w.hangs);
    tro_json_int(j, "refused", (int64_t)w.refused);
    tro_json_string(j, "why", w.why);
    tro_json_string(j, "notice", w.notice);
    tro_json_object_end(j);
}

static int write_json(struct headless *h, struct tro_err *err)
{
    struct tro_json j = {0};
    if (!h->opts->json)
        return 0;
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "console", h->config->name);
    tro_json_int(&j, "unseen_frames", (int64_t)tro_ring_n_unseen(h->setup.ring));
    tro_tally_json(tro_supervisor_tally(h->setup.supervisor), &j);
    tro_json_array_begin(&j, "workers");
    for (int i = 0; i < h->setup.n_workers; i++)
        json_worker(h, i, &j);
    tro_json_array_end(&j);
    tro_json_object_end(&j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_file_write(h->opts->json, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

/* ---- a plan on trial ------------------------------------------------------------------------ */

static int load_trial(struct headless *h, struct tro_err *err)
{
    const struct tro_hosted_network n = {
        .name = "trial",
        .n_tiers = 1,
        .plans = {h->opts->trial},
        .every = 1,
        .deadline_ns = (int64_t)(h->config->budget_ms * 1e6),
    };
    struct tro_supervisor_status first;
    tro_supervisor_network(h->setup.supervisor, 0, &first);
    h->trial = tro_supervisor_load(h->setup.supervisor, first.worker, &n, err);
    return h->trial;
}

static int check_trial(struct headless *h, struct tro_err *err)
{
    struct tro_supervisor_status s;
    if (h->trial < 0 || !tro_supervisor_network(h->setup.supervisor, h->trial, &s) ||
        !s.opened.error[0])
        return 0;
    return tro_fail(err, TRO_E_INPUT, "the plan on trial: %s", s.opened.error);
}

/* ---- running -------------------------------------------------------------------------------- */

static int wait_for_end(struct headless *h, const sigset_t *set, struct tro_err *err)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    const int64_t begin_ns = tro_clock_ns();
    while (!atomic_load(&h->has_ended) && sigtimedwait(set, NULL, &pause) < 0) {
        const double seconds = (double)(tro_clock_ns() - begin_ns) / 1e9;
        if (h->opts->trial && h->trial < 0 && seconds >= h->opts->trial_after_s)
            TRO_TRY(load_trial(h, err));
        TRO_TRY(check_trial(h, err));
    }
    return 0;
}

static int run(struct headless *h, const sigset_t *set, struct tro_err *err)
{
    if (!tro_setup_admit(&h->setup, NULL)) {
        tro_setup_admit(&h->setup, stderr);
        return 1;
    }
    TRO_TRY(tro_source_frames_start(h->source, err));
    const int rc = wait_for_end(h, set, err);
    tro_source_frames_stop(h->source);
    TRO_TRY(rc);
    tro_setup_settle(&h->setup, LAST_FINDINGS_NS);
    print_all(h);
    return write_json(h, err);
}

static int open_source(struct headless *h, struct tro_err *err)
{
    const struct tro_config *const c = h->config;
    const struct tro_source_frames_opts opts = {
        .location = c->source.location,
        .form = c->source.form,
        .fps = c->source.fps,
        .loops = c->source.loops,
        .n_frames = h->opts->n_frames,
        .frame = take_frame,
        .ended = take_end,
        .ctx = h,
    };
    if (c->source.kind != TRO_SOURCE_FRAMES)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: without media the source's kind must be frames: change it, or give "
                        "--source frames:FOLDER",
                        c->path);
    h->source = tro_source_frames_create(&opts, err);
    return h->source ? 0 : err->status;
}

/* What is measured begins when all plans are open. */
static int open_workers(struct headless *h, struct tro_err *err)
{
    TRO_TRY(tro_setup_start(&h->setup, err));
    return tro_setup_wait(&h->setup, err);
}

/* Facts speak of labels, which the plans tell. */
static int open_guide(struct headless *h, struct tro_err *err)
{
    struct tro_finding_names names[TRO_BOARD_MAX_NETWORKS];
    struct tro_supervisor_status s;
    if (!h->config->rules && !h->opts->record)
        return 0;
    for (int i = 0; i < h->config->n_networks; i++) {
        tro_supervisor_network(h->setup.supervisor, i, &s);
        names[i] = s.opened.names;
    }
    h->guide = tro_guide_create(h->config, names, h->opts->record, err);
    return h->guide ? 0 : err->status;
}

int tro_headless_run(const struct tro_config *c, const struct tro_headless_opts *opts,
                     struct tro_err *err)
{
    struct headless h = {.config = c, .opts = opts, .trial = -1};
    const struct tro_setup_calls calls = {
        .findings = take_findings, .changed = take_change, .ctx = &h, .n_times = N_TIMES};
    const sigset_t set = tro_setup_block_signals();
    int rc = open_source(&h, err);
    if (rc >= 0)
        rc = tro_setup_open(&h.setup, c, &calls, err);
    if (rc >= 0)
        rc = open_workers(&h, err);
    if (rc >= 0)
        rc = open_guide(&h, err);
    if (rc >= 0)
        rc = run(&h, &set, err);
    tro_source_frames_destroy(h.source);
    tro_setup_close(&h.setup);
    const int closed = tro_guide_close(h.guide, rc < 0 ? NULL : err);
    if (rc >= 0 && closed < 0)
        rc = closed;
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return rc;
}

int tro_headless_check(const struct tro_config *c, struct tro_err *err)
{
    struct headless h = {.config = c, .trial = -1};
    const struct tro_setup_calls calls = {.findings = take_findings, .ctx = &h, .n_times = 1};
    TRO_TRY(tro_setup_open(&h.setup, c, &calls, err));
    const int rc = open_workers(&h, err);
    const bool holds = rc >= 0 && tro_setup_admit(&h.setup, stdout);
    tro_setup_close(&h.setup);
    return rc < 0 ? rc : holds ? 0 : 1;
}
