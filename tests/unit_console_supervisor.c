/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/supervisor.h with real workers: what is found, counted, and what becomes of workers
 * that die, hang or lie. */
#include <pthread.h>
#include <signal.h>

#include "base/err.h"
#include "base/thread.h"
#include "console/core/supervisor.h"
#include "worker_kit.h"

#define SECOND INT64_C(1000000000)
#define N_NETWORKS 2
#define PATIENT_NS (60 * SECOND) /* with a worker: checks of threads make it slow */

#ifndef TRO_HAVE_JANSSON
TEST(workers)
{
    SKIP("built without jansson, which workers read their orders with");
}
#else

/* ---- a small console ------------------------------------------------------------------------ */

struct console {
    struct tro_ring *ring;
    struct tro_supervisor *supervisor;
    pthread_mutex_t lock;
    uint64_t n_findings[N_NETWORKS], last[N_NETWORKS], n_skipped;
    int n_back, n_wrong, n_starts;
};

static void take_findings(void *ctx, const struct tro_findings *f, const struct tro_stage *s)
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

static void take_skipped(void *ctx, const struct tro_skipped *s)
{
    struct console *const c = ctx;
    pthread_mutex_lock(&c->lock);
    c->n_skipped += s->n_frames;
    pthread_mutex_unlock(&c->lock);
}

static void take_change(void *ctx, int worker, enum tro_worker_state state, const char *why)
{
    struct console *const c = ctx;
    (void)worker, (void)why;
    pthread_mutex_lock(&c->lock);
    c->n_starts += state == TRO_WORKER_STARTING;
    pthread_mutex_unlock(&c->lock);
}

static int open_console(struct console *c, const char *program, int64_t hang_ns,
                        struct tro_err *err)
{
    static const struct tro_supervisor_worker cpu = {"cpu", 1, 1};
    static char tissue[200], outside[200];
    strcpy(tissue, kit_path("endoscopy_unet_small.plan"));
    strcpy(outside, kit_path("endoscopy_outside_small.plan"));
    const struct tro_supervisor_network networks[N_NETWORKS] = {
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
    };
    struct tro_supervisor_opts opts = {.program = program ? program
                                                          : kit_program("../trocar-worker"),
                                       .budget_ns = 20 * SECOND,
                                       .n_times = 100000,
                                       .hang_ns = hang_ns,
                                       .n_workers = 1,
                                       .n_networks = N_NETWORKS,
                                       .workers = &cpu,
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

static void close_console(struct console *c)
{
    tro_supervisor_destroy(c->supervisor);
    tro_ring_destroy(c->ring);
}

static void put_frame(struct console *c)
{
    uint8_t *const to = tro_ring_begin(c->ring);
    const uint64_t id = tro_ring_newest(c->ring) + 1;
    const int64_t now_ns = tro_clock_ns();
    for (size_t i = 0; i < tro_frame_n_bytes(&kit_form); i++)
        to[i] = (uint8_t)(i * 7 + id * 13);
    tro_supervisor_frame(c->supervisor, id, now_ns);
    tro_ring_publish(c->ring, now_ns);
}

static uint64_t findings_of(struct console *c, int network)
{
    pthread_mutex_lock(&c->lock);
    const uint64_t n = c->n_findings[network];
    pthread_mutex_unlock(&c->lock);
    return n;
}

static bool put_until(struct console *c, uint64_t n_findings)
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
static uint64_t count_frames(struct console *c)
{
    uint64_t n = 0;
    for (int i = 0; i < N_NETWORKS; i++) {
        struct tro_tally_counts t;
        CHECK(tro_tally_counts(tro_supervisor_tally(c->supervisor), i, &t));
        n += t.ran + t.skipped[TRO_SKIP_BUSY] + t.skipped[TRO_SKIP_LATE];
    }
    return n;
}

static void settle(struct console *c, uint64_t n_frames)
{
    for (int i = 0; i < 600 && count_frames(c) < n_frames; i++)
        usleep(100000);
}

static void make_plans(void)
{
    kit_begin();
    kit_plan("endoscopy_unet_small");
    kit_plan("endoscopy_outside_small");
}

/* ---- what works ----------------------------------------------------------------------------- */

TEST(frames_become_findings)
{
    struct tro_err err = {0};
    struct console c;
    make_plans();
    CHECK_INT(open_console(&c, NULL, PATIENT_NS, &err), 0);
    CHECK_STR(err.text, "");
    CHECK(put_until(&c, 20));
    const uint64_t n = tro_ring_newest(c.ring);
    settle(&c, n + n / 2);
    CHECK_INT(c.n_wrong, 0);
    CHECK_INT(c.n_back, 0);
    struct tro_supervisor_status s;
    CHECK(tro_supervisor_network(c.supervisor, 0, &s));
    CHECK(s.is_running && s.opened.names.n > 5);
    CHECK_STR(s.opened.names.name[0], "outside");
    for (int i = 0; i < N_NETWORKS; i++) {
        struct tro_tally_network t;
        CHECK(tro_tally_network(tro_supervisor_tally(c.supervisor), i, &t));
        CHECK_INT(t.count.ran, c.n_findings[i]);
        CHECK_INT(t.count.skipped[TRO_SKIP_LATE], 0);
        CHECK(t.latency.min > 0 && t.latency.max >= t.latency.p999);
    }
    CHECK_INT(count_frames(&c), n + n / 2);
    CHECK_INT(tro_ring_n_unseen(c.ring), 0);
    close_console(&c);
    kit_end();
}

TEST(killed_workers_come_back)
{
    struct tro_err err = {0};
    struct tro_worker_counters w;
    struct console c;
    make_plans();
    CHECK_INT(open_console(&c, NULL, PATIENT_NS, &err), 0);
    for (int i = 0; i < 4; i++) {
        CHECK(put_until(&c, findings_of(&c, 0) + 3));
        tro_supervisor_worker(c.supervisor, 0, &w);
        if (CHECK(w.pid > 0))
            kill(w.pid, SIGKILL);
        usleep(20000);
    }
    CHECK(put_until(&c, findings_of(&c, 0) + 3));
    tro_supervisor_worker(c.supervisor, 0, &w);
    CHECK_INT(w.starts, 5);
    CHECK_INT(w.refused, 0);
    CHECK_HAS(w.why, "signal 9");
    CHECK_INT(c.n_wrong, 0);
    CHECK_INT(c.n_back, 0);
    CHECK_INT(tro_ring_n_unseen(c.ring), 0);
    close_console(&c);
    kit_end();
}

TEST(a_hung_worker_is_started_anew)
{
    struct tro_err err = {0};
    struct tro_worker_counters w;
    struct console c;
    make_plans();
    CHECK_INT(open_console(&c, NULL, 4 * SECOND, &err), 0);
    CHECK(put_until(&c, 2));
    tro_supervisor_worker(c.supervisor, 0, &w);
    if (CHECK(w.pid > 0))
        kill(w.pid, SIGSTOP);
    CHECK(put_until(&c, findings_of(&c, 0) + 8));
    tro_supervisor_worker(c.supervisor, 0, &w);
    CHECK(w.hangs >= 1);
    CHECK_HAS(w.why, "no word");
    CHECK_INT(tro_ring_n_unseen(c.ring), 0);
    close_console(&c);
    kit_end();
}

TEST(a_plan_on_trial)
{
    struct tro_err err = {0};
    struct tro_supervisor_status s;
    struct tro_tally_network t = {0};
    struct console c;
    make_plans();
    const char *const plan = kit_plan("endoscopy_bleeding_small");
    struct tro_hosted_network n = {
        .name = "trial", .n_tiers = 1, .plans = {plan}, .every = 1, .deadline_ns = 30 * SECOND};
    CHECK_INT(open_console(&c, NULL, PATIENT_NS, &err), 0);
    const int i = tro_supervisor_load(c.supervisor, 0, &n, &err);
    CHECK_INT(i, N_NETWORKS);
    for (int k = 0; k < 2000 && t.count.ran < 3; k++) {
        put_frame(&c);
        usleep(10000);
        CHECK(tro_supervisor_network(c.supervisor, i, &s));
        tro_tally_network(tro_supervisor_tally(c.supervisor), i, &t);
    }
    CHECK(s.is_running && s.is_trial);
    CHECK_STR(s.opened.error, "");
    CHECK(t.count.ran >= 3);
    CHECK_INT(c.n_wrong, 0); /* it is counted, not handed on */
    CHECK_INT(tro_supervisor_unload(c.supervisor, i, &err), 0);
    CHECK(!tro_supervisor_network(c.supervisor, i, &s));
    CHECK(put_until(&c, findings_of(&c, 0) + 3));
    /* One that cannot be opened harms nobody. */
    n.plans[0] = "/nonexistent.plan";
    CHECK_INT(tro_supervisor_load(c.supervisor, 0, &n, &err), N_NETWORKS);
    for (int k = 0; k < 2000 && !s.opened.error[0]; k++) {
        usleep(10000);
        tro_supervisor_network(c.supervisor, N_NETWORKS, &s);
    }
    CHECK_HAS(s.opened.error, "/nonexistent.plan");
    CHECK(put_until(&c, findings_of(&c, 0) + 3));
    struct tro_worker_counters w;
    tro_supervisor_worker(c.supervisor, 0, &w);
    CHECK_INT(w.starts, 1);
    CHECK_INT(tro_supervisor_unload(c.supervisor, 0, &err), TRO_E_INPUT);
    close_console(&c);
    kit_end();
}

/* Frames come until the network has run n times. */
static bool run_until(struct console *c, int network, uint64_t n)
{
    struct tro_tally_counts t = {0};
    for (int k = 0; k < 6000 && t.ran < n; k++) {
        put_frame(c);
        usleep(10000);
        tro_tally_counts(tro_supervisor_tally(c->supervisor), network, &t);
    }
    return t.ran >= n;
}

static uint64_t runs_of(struct console *c, int network)
{
    struct tro_tally_counts t = {0};
    tro_tally_counts(tro_supervisor_tally(c->supervisor), network, &t);
    return t.ran;
}

static void kill_worker(struct console *c, int worker)
{
    struct tro_worker_counters w;
    tro_supervisor_worker(c->supervisor, worker, &w);
    if (CHECK(w.pid > 0))
        kill(w.pid, SIGKILL);
}

/* Until the network is not running, or is again. */
static bool wait_for_network(struct console *c, int network, bool runs)
{
    struct tro_supervisor_status s = {0};
    for (int k = 0; k < 6000; k++) {
        if (tro_supervisor_network(c->supervisor, network, &s) && s.is_running == runs)
            return true;
        usleep(10000);
    }
    return false;
}

TEST(a_plan_on_trial_comes_back_with_its_worker)
{
    struct tro_err err = {0};
    struct tro_supervisor_status s;
    struct console c;
    make_plans();
    const struct tro_hosted_network n = {.name = "trial",
                                         .n_tiers = 1,
                                         .plans = {kit_plan("endoscopy_bleeding_small")},
                                         .every = 1,
                                         .deadline_ns = 30 * SECOND};
    CHECK_INT(open_console(&c, NULL, PATIENT_NS, &err), 0);
    const int i = tro_supervisor_load(c.supervisor, 0, &n, &err);
    CHECK(run_until(&c, i, 1));
    kill_worker(&c, 0);
    CHECK(wait_for_network(&c, i, false));
    CHECK(wait_for_network(&c, i, true));
    CHECK(run_until(&c, i, runs_of(&c, i) + 2)); /* and goes on to be counted */
    /* One that comes while there is no worker. */
    kill_worker(&c, 0);
    const int late = tro_supervisor_load(c.supervisor, 0, &n, &err);
    CHECK_INT(late, N_NETWORKS + 1);
    CHECK(wait_for_network(&c, late, true));
    CHECK(run_until(&c, late, 1));
    CHECK_INT(tro_supervisor_unload(c.supervisor, late, &err), 0);
    /* What may be the reason is not tried for ever. */
    CHECK(wait_for_network(&c, i, true));
    kill_worker(&c, 0);
    CHECK(put_until(&c, findings_of(&c, 0) + 3));
    CHECK(tro_supervisor_network(c.supervisor, i, &s));
    CHECK(!s.is_running);
    CHECK_HAS(s.opened.error, "given up: the worker of cpu ended 3 times");
    CHECK_INT(tro_supervisor_unload(c.supervisor, i, &err), 0);
    CHECK_INT(tro_supervisor_load(c.supervisor, 0, &n, &err), i);
    CHECK(run_until(&c, i, 1));
    CHECK_STR(err.text, "");
    CHECK_INT(c.n_wrong, 0);
    close_console(&c);
    kit_end();
}

/* ---- what does not -------------------------------------------------------------------------- */

static void expect_no_start(const char *program, const char *why)
{
    struct tro_err err = {0};
    struct console c;
    CHECK(open_console(&c, program, PATIENT_NS, &err) < 0);
    CHECK_HAS(err.text, why);
    close_console(&c);
}

TEST(a_start_that_fails)
{
    kit_begin();
    expect_no_start(NULL, "endoscopy_unet_small.plan");
    expect_no_start("/nonexistent/worker", "/nonexistent/worker: cannot be started");
    expect_no_start("/bin/true", "worker of cpu: it has ended: exit 0");
    expect_no_start("/bin/false", "exit 1");
    kit_end();
}

/* tests/tool_console_liar.c in place of the worker, which lies in a way of its own each time. */
TEST(a_lying_worker_is_started_anew)
{
    struct tro_err err = {0};
    struct tro_worker_counters w = {0};
    struct console c;
    make_plans();
    CHECK_INT(open_console(&c, kit_program("tool_console_liar"), PATIENT_NS, &err), 0);
    CHECK_STR(err.text, "");
    for (int k = 0; k < 3000 && w.refused < 5; k++) {
        put_frame(&c);
        usleep(10000);
        tro_supervisor_worker(c.supervisor, 0, &w);
    }
    CHECK(w.refused >= 5);
    CHECK_INT(c.n_findings[0] + c.n_findings[1], 0);
    close_console(&c);
    kit_end();
}

#endif
