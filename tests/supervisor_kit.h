/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the supervisor: a console of two small networks, with real workers. */
#ifndef TRO_TESTS_SUPERVISOR_KIT_H
#define TRO_TESTS_SUPERVISOR_KIT_H

#include <pthread.h>
#include <signal.h>

#include "base/err.h"
#include "base/thread.h"
#include "console/core/supervisor.h"
#include "worker_kit.h"

#define SECOND INT64_C(1000000000)
#define N_NETWORKS 2
#define PATIENT_NS (60 * SECOND) /* with a worker: checks of threads make it slow */

/* ---- a small console ------------------------------------------------------------------------ */

struct console {
    struct tro_ring *ring;
    struct tro_supervisor *supervisor;
    pthread_mutex_t lock;
    uint64_t n_findings[N_NETWORKS], last[N_NETWORKS], n_skipped;
    int n_back, n_wrong, n_starts;
};

static inline void take_findings(void *ctx, const struct tro_findings *f, const struct tro_stage *s)
{
    struct console *const c = ctx;
    pthread_mutex_lock(&c->lock);
    if (f->network < N_NETWORKS) {
        c->n_findings[f->network]++;
        c->n_back += f->frame <= c->last[f->network];
        c->last[f->network] = f->frame;
    }
    /* Network 0 gives masks, network 1 a score. */
    const bool is_right = f->network == 0   ? f->n > 0 && f->items[0].kind == TRO_FINDING_MASK
                          : f->network == 1 ? f->n == 1 && f->items[0].kind == TRO_FINDING_SCALAR
                                            : false;
    c->n_wrong += !is_right || f->width != kit_form.width || s->frame != f->frame;
    pthread_mutex_unlock(&c->lock);
}

static inline void take_skipped(void *ctx, const struct tro_skipped *s)
{
    struct console *const c = ctx;
    pthread_mutex_lock(&c->lock);
    c->n_skipped += s->n_frames;
    pthread_mutex_unlock(&c->lock);
}

static inline void take_change(void *ctx, int worker, enum tro_worker_state state, const char *why)
{
    struct console *const c = ctx;
    (void)worker, (void)why;
    pthread_mutex_lock(&c->lock);
    c->n_starts += state == TRO_WORKER_STARTING;
    pthread_mutex_unlock(&c->lock);
}

/* trial: NULL, or the plan of a third network; with_trials: what is on trial has a process. */
static inline int open_console_with(struct console *c, const char *program, int64_t hang_ns,
                                    bool with_trials, const char *trial, struct tro_err *err)
{
    static const struct tro_supervisor_worker cpu[] = {{"cpu", 1, 1, false}, {"cpu", 1, 1, true}};
    static char tissue[200], outside[200];
    strcpy(tissue, kit_path("endoscopy_unet_small.plan"));
    strcpy(outside, kit_path("endoscopy_outside_small.plan"));
    const struct tro_supervisor_network networks[N_NETWORKS + 1] = {
        {.hosted = {.network = 0,
                    .name = "tissue",
                    .n_tiers = 1,
                    .plans = {tissue},
                    .worst_ns = {1000},
                    .every = 1,
                    .deadline_ns = 20 * SECOND}},
        {.hosted = {.network = 1,
                    .name = "outside",
                    .n_tiers = 1,
                    .plans = {outside},
                    .worst_ns = {1000},
                    .every = 2,
                    .deadline_ns = 30 * SECOND}},
        {.worker = with_trials ? 1 : 0,
         .hosted = {.network = 2,
                    .name = "trial",
                    .n_tiers = 1,
                    .plans = {trial},
                    .every = 1,
                    .deadline_ns = 30 * SECOND,
                    .is_trial = true}},
    };
    struct tro_supervisor_opts opts = {.program = program ? program
                                                          : kit_program("../trocar-worker"),
                                       .budget_ns = 20 * SECOND,
                                       .n_times = 100000,
                                       .hang_ns = hang_ns,
                                       .n_workers = with_trials ? 2 : 1,
                                       .n_networks = N_NETWORKS + (trial != NULL),
                                       .workers = cpu,
                                       .networks = networks,
                                       .findings = take_findings,
                                       .skipped = take_skipped,
                                       .changed = take_change,
                                       .ctx = c};
    *c = (struct console){.lock = PTHREAD_MUTEX_INITIALIZER};
    opts.ring = c->ring = tro_ring_create(&kit_form, tro_supervisor_n_readers(&opts), err);
    c->supervisor = c->ring ? tro_supervisor_create(&opts, err) : NULL;
    TRO_TRY(c->supervisor ? tro_supervisor_start(c->supervisor, err) : -1);
    TRO_TRY(tro_supervisor_wait(c->supervisor, err));
    return 0;
}

static inline int open_console(struct console *c, const char *program, int64_t hang_ns,
                               struct tro_err *err)
{
    return open_console_with(c, program, hang_ns, false, NULL, err);
}

static inline void close_console(struct console *c)
{
    tro_supervisor_destroy(c->supervisor);
    tro_ring_destroy(c->ring);
}

static inline void put_frame(struct console *c)
{
    uint8_t *const to = tro_ring_begin(c->ring);
    const uint64_t id = tro_ring_newest(c->ring) + 1;
    const int64_t now_ns = tro_clock_ns();
    for (size_t i = 0; i < tro_frame_n_bytes(&kit_form); i++)
        to[i] = (uint8_t)(i * 7 + id * 13);
    tro_supervisor_frame(c->supervisor, id, now_ns);
    tro_ring_publish(c->ring, now_ns);
}

static inline uint64_t findings_of(struct console *c, int network)
{
    pthread_mutex_lock(&c->lock);
    const uint64_t n = c->n_findings[network];
    pthread_mutex_unlock(&c->lock);
    return n;
}

static inline bool put_until(struct console *c, uint64_t n_findings)
{
    const int64_t until_ns = tro_clock_ns() + 200 * SECOND;
    while (tro_clock_ns() < until_ns) {
        if (findings_of(c, 0) >= n_findings && findings_of(c, 1) > 0)
            return true;
        put_frame(c);
        usleep(5000);
    }
    return false;
}

/* Frames that released a network and that it looked at, or told of as skipped. */
static inline uint64_t count_frames(struct console *c)
{
    uint64_t n = 0;
    for (int i = 0; i < N_NETWORKS; i++) {
        struct tro_tally_counts t;
        CHECK(tro_tally_counts(tro_supervisor_tally(c->supervisor), i, &t));
        n += t.ran + t.skipped[TRO_SKIP_BUSY] + t.skipped[TRO_SKIP_LATE];
    }
    return n;
}

static inline void settle(struct console *c, uint64_t n_frames)
{
    for (int i = 0; i < 600 && count_frames(c) < n_frames; i++)
        usleep(100000);
}

static inline void make_plans(void)
{
    kit_begin();
    kit_plan("endoscopy_unet_small");
    kit_plan("endoscopy_outside_small");
}

/* Frames come until the network has run n times. */
static inline bool run_until(struct console *c, int network, uint64_t n)
{
    struct tro_tally_counts t = {0};
    for (int k = 0; k < 6000 && t.ran < n; k++) {
        put_frame(c);
        usleep(10000);
        tro_tally_counts(tro_supervisor_tally(c->supervisor), network, &t);
    }
    return t.ran >= n;
}

static inline uint64_t runs_of(struct console *c, int network)
{
    struct tro_tally_counts t = {0};
    tro_tally_counts(tro_supervisor_tally(c->supervisor), network, &t);
    return t.ran;
}

static inline void kill_worker(struct console *c, int worker)
{
    struct tro_worker_counters w;
    tro_supervisor_worker(c->supervisor, worker, &w);
    if (CHECK(w.pid > 0))
        kill(w.pid, SIGKILL);
}

/* Until its process has been started so many times. */
static inline bool wait_for_start(struct console *c, int worker, uint64_t n)
{
    struct tro_worker_counters w = {0};
    for (int k = 0; k < 6000 && w.starts < n; k++) {
        usleep(10000);
        tro_supervisor_worker(c->supervisor, worker, &w);
    }
    return w.starts >= n;
}

static inline bool wait_for_network(struct console *c, int network)
{
    struct tro_supervisor_status s = {0};
    for (int k = 0; k < 6000 && !s.is_running; k++) {
        usleep(10000);
        tro_supervisor_network(c->supervisor, network, &s);
    }
    return s.is_running;
}

#endif
