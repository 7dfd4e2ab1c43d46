/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "memory_use.h"
#include "run/session.h"

#define WARM_UP_NS INT64_C(300000000)
#define WARM_UP_MAX_NS INT64_C(2000000000) /* when runs are slow */
#define TURN_NS INT64_C(200000000)         /* of several sides */
#define DEVICE_RUNS 100
#define POLL_NS INT64_C(20000000000) /* of one side: energy counters want to be read */

/* ---- opening --------------------------------------------------------------------------- */

static int read_inputs(struct tro_bench *b, struct tro_bench_stream *s, struct tro_err *err)
{
    static const struct tro_list no_files;
    const struct tro_samples_opts opts = {
        .files = &no_files, .shapes = &b->shapes, .n_random = 1, .seed = (uint64_t)b->seed};
    struct tro_samples samples = {0};
    s->inputs = TRO_NEW_N(&b->arena, struct tro_tensor, (size_t)tro_side_n_inputs(&s->side) + 1);
    if (!s->inputs)
        return tro_fail_nomem(err);
    TRO_TRY(tro_samples_open(&samples, &s->side, &opts, err));
    const int rc = tro_samples_read(&samples, 0, &b->arena, s->inputs, err);
    tro_samples_close(&samples);
    return rc;
}

static int run_once(struct tro_bench_stream *s, struct tro_err *err)
{
    return tro_side_run(&s->side, s->inputs, tro_side_n_inputs(&s->side), err);
}

/* Each stream has run once then: memory is what it will be. */
static int open_streams(struct tro_bench *b, struct tro_bench_side *side, struct tro_err *err)
{
    const size_t before = tro_memory_resident();
    for (int i = 0; i < b->n_streams; i++) {
        struct tro_bench_stream *s = &side->streams[i];
        TRO_TRY(i ? tro_side_open_again(&s->side, &side->streams[0].side, &b->side_opts, err)
                  : tro_side_open(&s->side, side->text, &b->side_opts, err));
        side->n_streams++;
        if (s->side.kind == TRO_SIDE_FOLDER)
            return tro_fail(err, TRO_E_INPUT, "%s: expected a model or plan, found a folder",
                            side->text);
        TRO_TRY(read_inputs(b, s, err));
        TRO_TRY(run_once(s, err));
        if (s->side.session && !b->has_transfers)
            tro_session_set_transfers(s->side.session, false);
        s->idle_ns = b->idle_ms * 1000000;
    }
    side->peak_bytes = tro_memory_of_side(&side->streams[0].side, side->n_streams, before);
    return 0;
}

int tro_bench_open(struct tro_bench *b, const struct tro_list *sides, struct tro_err *err)
{
    b->sides = TRO_NEW_N(&b->arena, struct tro_bench_side, (size_t)sides->n);
    if (!b->sides)
        return tro_fail_nomem(err);
    for (int i = 0; i < sides->n; i++) {
        struct tro_bench_side *side = &b->sides[b->n_sides++];
        side->text = sides->v[i];
        side->streams = TRO_NEW_N(&b->arena, struct tro_bench_stream, (size_t)b->n_streams);
        if (!side->streams)
            return tro_fail_nomem(err);
        TRO_TRY(open_streams(b, side, err));
    }
    tro_energy_open(&b->energy, NULL);
    b->has_energy = b->energy.n_packages > 0;
    return 0;
}

void tro_bench_close(struct tro_bench *b)
{
    for (int i = 0; i < b->n_sides; i++) {
        struct tro_bench_side *side = &b->sides[i];
        for (int k = side->n_streams - 1; k >= 0; k--) {
            tro_side_close(&side->streams[k].side);
            tro_free(side->streams[k].ns);
        }
        tro_free(side->ns);
    }
    tro_arena_finish(&b->arena);
}

/* ---- turns ----------------------------------------------------------------------------- */

static void rest(int64_t ns)
{
    const struct timespec t = {ns / 1000000000, ns % 1000000000};
    if (ns > 0)
        nanosleep(&t, NULL);
}

/* At least one run, then more until the time is over. */
static void *run_turn(void *arg)
{
    struct tro_bench_stream *s = arg;
    do {
        rest(s->until_ns ? s->idle_ns : 0);
        s->rc = run_once(s, &s->err);
        if (s->rc >= 0 && s->until_ns) {
            if (TRO_GROW(&s->ns, s->n, &s->cap) < 0)
                s->rc = tro_fail_nomem(&s->err);
            else
                s->ns[s->n++] = s->side.run_ns;
        }
    } while (s->rc >= 0 && tro_clock_ns() < s->until_ns);
    return NULL;
}

/* The first stream in this thread. */
int tro_bench_run(struct tro_bench_side *side, int64_t until_ns, struct tro_err *err)
{
    pthread_t *threads = tro_calloc((size_t)side->n_streams, sizeof *threads);
    int n_started = 1, rc = threads ? 0 : tro_fail_nomem(err);
    for (int i = 0; i < side->n_streams; i++)
        side->streams[i].until_ns = until_ns;
    for (; rc >= 0 && n_started < side->n_streams; n_started++)
        if (pthread_create(&threads[n_started], NULL, run_turn, &side->streams[n_started])) {
            rc = tro_fail(err, TRO_E_NOMEM, "expected %d threads, the system gave %d",
                          side->n_streams, n_started);
            break;
        }
    if (rc >= 0)
        run_turn(&side->streams[0]);
    for (int i = 1; threads && i < n_started; i++)
        pthread_join(threads[i], NULL);
    tro_free(threads);
    for (int i = 0; i < side->n_streams && rc >= 0; i++)
        if (side->streams[i].rc < 0) {
            rc = side->streams[i].rc;
            *err = side->streams[i].err;
        }
    return rc;
}

static double energy_of(struct tro_bench *b)
{
    double mj = 0;
    b->has_energy = b->has_energy && tro_energy_read(&b->energy, &mj);
    return mj;
}

/* After another side's turn the caches are its: a run first that does not count. */
static int take_turn(struct tro_bench *b, struct tro_bench_side *side, int64_t ns,
                     struct tro_err *err)
{
    if (b->n_sides > 1)
        TRO_TRY(tro_bench_run(side, 0, err));
    const double before_mj = energy_of(b);
    const int64_t begin = tro_clock_ns();
    TRO_TRY(tro_bench_run(side, begin + ns, err));
    side->wall_ns += tro_clock_ns() - begin;
    side->energy_mj += energy_of(b) - before_mj;
    tro_bench_gpu_look(side);
    return 0;
}

static int warm_up(struct tro_bench_side *side, struct tro_err *err)
{
    const int64_t begin = tro_clock_ns();
    for (int n = 0;; n++) {
        const int64_t passed = tro_clock_ns() - begin;
        if (passed > WARM_UP_MAX_NS || (passed > WARM_UP_NS && n >= 3))
            return 0;
        TRO_TRY(tro_bench_run(side, 0, err));
    }
}

/* Runs apart from those that count, since looking at the GPU's clock takes time. */
static int time_device(struct tro_bench_side *side, struct tro_err *err)
{
    struct tro_session *const s = side->streams[0].side.session;
    int64_t ns[DEVICE_RUNS];
    if (!side->has_device)
        return 0;
    tro_session_set_timed(s, true);
    for (int i = 0; i < DEVICE_RUNS; i++) {
        TRO_TRY(run_once(&side->streams[0], err));
        ns[i] = tro_session_device_ns(s);
    }
    tro_session_set_timed(s, false);
    side->device = tro_latency_of(ns, DEVICE_RUNS);
    return 0;
}

/* ---- results --------------------------------------------------------------------------- */

static int sum_up(struct tro_bench_side *side, struct tro_err *err)
{
    for (int i = 0; i < side->n_streams; i++)
        side->n += side->streams[i].n;
    side->ns = tro_calloc(side->n + 1, sizeof *side->ns);
    if (!side->ns)
        return tro_fail_nomem(err);
    size_t n = 0;
    for (int i = 0; i < side->n_streams; i++) {
        const struct tro_bench_stream *s = &side->streams[i];
        if (s->n)
            memcpy(side->ns + n, s->ns, s->n * sizeof *s->ns);
        n += s->n;
    }
    side->latency = tro_latency_of(side->ns, side->n);
    side->throughput_hz = side->wall_ns ? (double)side->n * 1e9 / (double)side->wall_ns : 0;
    return 0;
}

int tro_bench_measure(struct tro_bench *b, struct tro_err *err)
{
    const int64_t total_ns = (int64_t)(b->duration * 1e9);
    const int64_t turn_ns = b->n_sides > 1 ? TURN_NS : POLL_NS;
    struct tro_progress progress;
    int rc = 0;
    for (int i = 0; i < b->n_sides; i++) {
        TRO_TRY(warm_up(&b->sides[i], err));
        tro_bench_gpu_open(&b->sides[i]);
    }
    tro_progress_start(&progress, "bench", total_ns);
    for (bool is_done = false; !is_done && rc >= 0;) {
        is_done = true;
        for (int i = 0; i < b->n_sides && rc >= 0; i++) {
            const int64_t left = total_ns - b->sides[i].wall_ns;
            if (left > 0 || !b->sides[i].wall_ns)
                rc = take_turn(b, &b->sides[i], left < turn_ns ? left : turn_ns, err);
            is_done &= b->sides[i].wall_ns >= total_ns;
        }
        tro_progress_at(&progress, b->sides[0].wall_ns);
    }
    tro_progress_end(&progress);
    for (int i = 0; i < b->n_sides && rc >= 0; i++) {
        rc = sum_up(&b->sides[i], err);
        if (rc >= 0)
            rc = time_device(&b->sides[i], err);
        if (rc >= 0)
            rc = tro_bench_gpu_energy(&b->sides[i], err);
    }
    return rc;
}
