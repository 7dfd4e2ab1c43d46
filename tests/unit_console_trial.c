/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/supervisor.h: plans on trial, in the worker of their device and in a process of
 * their own, and what becomes of them when it ends. */
#include <sys/stat.h>

#include "console/core/worker.h"
#include "supervisor_kit.h"

#ifndef TRO_HAVE_JANSSON
TEST(trials)
{
    SKIP("built without jansson, which workers read their orders with");
}
#else

/* ---- in the worker of their device ---------------------------------------------------------- */

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
    CHECK(wait_for_start(&c, 0, 2));
    CHECK(wait_for_network(&c, i));
    CHECK(run_until(&c, i, runs_of(&c, i) + 2)); /* and goes on to be counted */
    /* One that comes while there is no worker. */
    kill_worker(&c, 0);
    const int late = tro_supervisor_load(c.supervisor, 0, &n, &err);
    CHECK_INT(late, N_NETWORKS + 1);
    CHECK(wait_for_start(&c, 0, 3));
    CHECK(wait_for_network(&c, late));
    CHECK(run_until(&c, late, 1));
    CHECK_INT(tro_supervisor_unload(c.supervisor, late, &err), 0);
    /* What may be the reason is not tried for ever. */
    CHECK(wait_for_network(&c, i));
    kill_worker(&c, 0);
    CHECK(wait_for_start(&c, 0, 4));
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

/* ---- in a process of their own -------------------------------------------------------------- */

#define MAIN 0
#define TRIALS 1

static struct tro_hosted_network bleeding(void)
{
    return (struct tro_hosted_network){.name = "trial",
                                       .n_tiers = 1,
                                       .plans = {kit_plan("endoscopy_bleeding_small")},
                                       .every = 1,
                                       .deadline_ns = 30 * SECOND};
}

static struct tro_worker_counters worker_of(struct console *c, int worker)
{
    struct tro_worker_counters w;
    tro_supervisor_worker(c->supervisor, worker, &w);
    return w;
}

/* A process for trials that has none ends. */
static bool wait_for_no_process(struct console *c)
{
    for (int k = 0; k < 6000; k++) {
        const struct tro_worker_counters w = worker_of(c, TRIALS);
        if (w.state == TRO_WORKER_ENDED && w.pid == 0)
            return true;
        usleep(10000);
    }
    return false;
}

TEST(neither_process_ends_with_the_other)
{
    struct tro_err err = {0};
    struct tro_supervisor_status s;
    struct console c;
    make_plans();
    const struct tro_hosted_network n = bleeding();
    CHECK_INT(open_console_with(&c, NULL, PATIENT_NS, true, NULL, &err), 0);
    CHECK_INT(worker_of(&c, TRIALS).starts, 0);
    CHECK_INT(worker_of(&c, TRIALS).state, TRO_WORKER_ENDED);
    const int i = tro_supervisor_load(c.supervisor, MAIN, &n, &err);
    CHECK(run_until(&c, i, 1));
    CHECK(tro_supervisor_network(c.supervisor, i, &s));
    CHECK_INT(s.worker, TRIALS);
    kill_worker(&c, TRIALS);
    CHECK(wait_for_start(&c, TRIALS, 2));
    CHECK(wait_for_network(&c, i));
    CHECK(run_until(&c, i, runs_of(&c, i) + 1));
    CHECK_INT(worker_of(&c, MAIN).starts, 1);
    kill_worker(&c, MAIN);
    CHECK(wait_for_start(&c, MAIN, 2));
    CHECK(put_until(&c, findings_of(&c, 0) + 3));
    CHECK(run_until(&c, i, runs_of(&c, i) + 1));
    CHECK_INT(worker_of(&c, MAIN).starts, 2);
    CHECK_INT(worker_of(&c, TRIALS).starts, 2);
    CHECK_INT(c.n_wrong, 0);
    close_console(&c);
    kit_end();
}

TEST(a_process_for_trials_is_there_while_there_are_some)
{
    struct tro_err err = {0};
    struct tro_supervisor_status s;
    struct console c;
    make_plans();
    struct tro_hosted_network n = bleeding();
    CHECK_INT(open_console_with(&c, NULL, PATIENT_NS, true, NULL, &err), 0);
    const int i = tro_supervisor_load(c.supervisor, MAIN, &n, &err);
    const int more = tro_supervisor_load(c.supervisor, MAIN, &n, &err);
    CHECK(i >= 0 && more >= 0 && i != more);
    CHECK_INT(tro_supervisor_load(c.supervisor, MAIN, &n, &err), TRO_E_UNSUPPORTED);
    CHECK(run_until(&c, i, 1) && run_until(&c, more, 1));
    CHECK_INT(tro_supervisor_unload(c.supervisor, i, &err), 0);
    CHECK(run_until(&c, more, runs_of(&c, more) + 1));
    CHECK_INT(tro_supervisor_unload(c.supervisor, more, &err), 0);
    CHECK(wait_for_no_process(&c));
    CHECK_INT(worker_of(&c, TRIALS).starts, 1);
    /* One that cannot be opened, and then one that can. */
    n.plans[0] = "/nonexistent.plan";
    const int bad = tro_supervisor_load(c.supervisor, MAIN, &n, &err);
    CHECK(wait_for_no_process(&c));
    for (int k = 0; k < 6000 && tro_supervisor_network(c.supervisor, bad, &s); k++) {
        if (s.opened.error[0])
            break;
        usleep(10000);
    }
    CHECK_HAS(s.opened.error, "/nonexistent.plan");
    n = bleeding();
    CHECK(run_until(&c, tro_supervisor_load(c.supervisor, MAIN, &n, &err), 1));
    CHECK(put_until(&c, findings_of(&c, 0) + 1));
    CHECK_INT(worker_of(&c, MAIN).starts, 1);
    CHECK_INT(c.n_wrong, 0);
    close_console(&c);
    kit_end();
}

/* A worker that ends at once where it is for trials, which it is told by its environment. */
static const char *make_weak_worker(void)
{
    FILE *const f = fopen(kit_path("worker"), "w");
    fprintf(f, "#!/bin/sh\n[ \"$CUDA_MPS_CLIENT_PRIORITY\" != 1 ] || exit 7\nexec %s \"$@\"\n",
            kit_program("../trocar-worker"));
    fclose(f);
    chmod(kit_path("worker"), 0700);
    return kit_path("worker");
}

TEST(a_start_does_not_need_what_is_on_trial)
{
    struct tro_err err = {0};
    struct tro_supervisor_status s = {0};
    struct console c;
    make_plans();
    kit_plan("endoscopy_bleeding_small");
    static char plan[200], worker[200];
    strcpy(plan, kit_path("endoscopy_bleeding_small.plan"));
    strcpy(worker, make_weak_worker());
    CHECK_INT(open_console_with(&c, worker, PATIENT_NS, true, plan, &err), 0);
    CHECK_STR(err.text, "");
    CHECK(put_until(&c, 3));
    CHECK(wait_for_no_process(&c));
    CHECK(tro_supervisor_network(c.supervisor, N_NETWORKS, &s));
    CHECK(s.is_given_up);
    CHECK_HAS(s.opened.error, "given up: the worker of cpu ended 3 times");
    CHECK_INT(worker_of(&c, TRIALS).starts, 3);
    CHECK_HAS(worker_of(&c, TRIALS).why, "exit 7");
    CHECK_INT(worker_of(&c, MAIN).starts, 1);
    close_console(&c);
    /* Nor the plan, here or in the worker of the device. */
    for (int with_trials = 0; with_trials < 2; with_trials++) {
        CHECK_INT(open_console_with(&c, NULL, PATIENT_NS, with_trials, "/none.plan", &err), 0);
        CHECK(put_until(&c, 3));
        CHECK(tro_supervisor_network(c.supervisor, N_NETWORKS, &s));
        CHECK(!s.is_given_up);
        CHECK_HAS(s.opened.error, "/none.plan");
        CHECK_INT(worker_of(&c, MAIN).starts, 1);
        close_console(&c);
    }
    kit_end();
}

#endif
