/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/supervisor.h with real workers: what is found, counted, and what becomes of workers
 * that die, hang or lie. */
#include "supervisor_kit.h"

#ifndef TRO_HAVE_JANSSON
TEST(workers)
{
    SKIP("built without jansson, which workers read their orders with");
}
#else

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

/* It has as long as ever from when there are frames again. */
TEST(a_source_that_stood_still_is_no_hang)
{
    struct tro_err err = {0};
    struct tro_worker_counters w = {0};
    struct console c;
    make_plans();
    CHECK_INT(open_console(&c, NULL, SECOND, &err), 0);
    usleep(1500000);
    tro_supervisor_worker(c.supervisor, 0, &w);
    if (CHECK(w.pid > 0))
        kill(w.pid, SIGSTOP);
    const int64_t begin_ns = tro_clock_ns();
    for (int k = 0; k < 3000 && w.hangs == 0; k++) {
        put_frame(&c);
        usleep(10000);
        tro_supervisor_worker(c.supervisor, 0, &w);
    }
    CHECK_INT(w.hangs, 1);
    CHECK(tro_clock_ns() - begin_ns >= SECOND);
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
