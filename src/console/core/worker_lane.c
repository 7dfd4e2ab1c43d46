/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/worker_lane.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/core/admit.h"
#include "console/core/realtime.h"
#include "console/core/wire.h"

#define WAIT_NS INT64_C(100000000) /* for a frame, before it is looked whether to stop */
#define GRAIN 48                   /* of the picture that is measured with, bytes and rows */
#define N_WARM 3
#define N_TIMED 40
#define ALONE_NS INT64_C(500000000)   /* a network, at most */
#define BESIDE_NS INT64_C(4000000000) /* a lane */
#define TRIAL_NICE 10

static bool is_stopped(struct tro_worker_lane *l)
{
    return atomic_load(&l->is_stopped) || atomic_load(&l->shared->is_stopped);
}

/* The whole worker ends: its main thread sees the socket's end. */
static void fail(struct tro_worker_lane *l, const struct tro_worker_slot *s,
                 const struct tro_err *err)
{
    struct tro_worker_shared *const w = l->shared;
    pthread_mutex_lock(&w->lock);
    if (!w->has_failed) {
        w->has_failed = true;
        tro_fail(&w->err, (enum tro_status)err->status, "network %s: %s", s->spec.name, err->text);
    }
    pthread_mutex_unlock(&w->lock);
    atomic_store(&w->is_stopped, true);
    shutdown(w->socket, SHUT_RD);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int open_slot(struct tro_worker_lane *l, struct tro_worker_slot *s, struct tro_err *err)
{
    const struct tro_worker_shared *const w = l->shared;
    for (int i = 0; i < s->spec.n_tiers; i++) {
        const struct tro_engine_opts opts = {
            .plan = s->spec.plans[i],
            .device = w->device,
            .n_threads = l->n_threads,
            .priority = l->priority,
            .form = tro_ring_form(w->ring),
            .focal_length = w->focal_length,
        };
        s->engines[i] = tro_engine_open(&opts, &s->opened.names, err);
        if (!s->engines[i])
            return err->status;
        s->opened.engine[i] = tro_engine_hash(s->engines[i]);
    }
    return 0;
}

static void close_slot(struct tro_worker_slot *s)
{
    for (int i = 0; i < s->spec.n_tiers; i++) {
        tro_engine_close(s->engines[i]);
        s->engines[i] = NULL;
    }
}

/* A network that cannot be opened is told of; the others run. */
static void open_slots(struct tro_worker_lane *l)
{
    l->lane.n = l->n;
    for (int i = 0; i < l->n; i++) {
        struct tro_worker_slot *const s = &l->slots[i];
        struct tro_lane_network *const n = &l->lane.networks[i];
        struct tro_err err = {0};
        s->opened.network = s->spec.network;
        s->opened.n_tiers = s->spec.n_tiers;
        *n = (struct tro_lane_network){.n_tiers = s->spec.n_tiers,
                                       .every = s->spec.every,
                                       .priority = s->spec.priority,
                                       .deadline_ns = s->spec.deadline_ns};
        n->is_there = open_slot(l, s, &err) >= 0;
        if (n->is_there)
            continue;
        close_slot(s);
        s->opened.n_tiers = 0;
        snprintf(s->opened.error, sizeof s->opened.error, "%s", err.text);
    }
}

/* ---- measuring ------------------------------------------------------------------------------ */

struct timing {
    int64_t ns[N_TIMED];
    int n;
};

struct measuring {
    uint8_t *picture; /* a frame of coarse noise, so that networks have something to find */
    struct timing times[TRO_HOSTED_MAX_NETWORKS][TRO_HOSTED_MAX_TIERS];
};

static struct measuring *measuring_new(const struct tro_worker_lane *l)
{
    const struct tro_frame_form form = tro_ring_form(l->shared->ring);
    const size_t n = tro_frame_n_bytes(&form), row = (size_t)form.width;
    struct measuring *const m = tro_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->picture = tro_malloc_aligned(n);
    if (!m->picture) {
        tro_free(m);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t block = (uint32_t)(i / row / GRAIN * (row / GRAIN + 1) + i % row / GRAIN);
        m->picture[i] = (uint8_t)(block * 2654435761u >> 24);
    }
    return m;
}

/* Once there is no room any more, the slowest runs are kept. */
static void note_time(struct timing *t, int64_t ns)
{
    if (t->n < N_TIMED)
        t->ns[t->n++] = ns;
    else if (ns > t->ns[N_TIMED - 1])
        t->ns[N_TIMED - 1] = ns;
}

static int time_once(struct tro_worker_lane *l, struct measuring *m, int slot, int tier)
{
    struct tro_worker_slot *const s = &l->slots[slot];
    struct tro_err err = {0};
    const int64_t begin_ns = tro_clock_ns();
    if (tro_engine_run(s->engines[tier], m->picture, &err) < 0) {
        fail(l, s, &err);
        return -1;
    }
    tro_engine_find(s->engines[tier], &l->findings);
    note_time(&m->times[slot][tier], tro_clock_ns() - begin_ns);
    return 0;
}

static int run_all_once(struct tro_worker_lane *l, struct measuring *m)
{
    for (int i = 0; i < l->n; i++)
        for (int k = 0; l->lane.networks[i].is_there && k < l->lane.networks[i].n_tiers; k++)
            if (time_once(l, m, i, k) < 0)
                return -1;
    return 0;
}

static int64_t worst_of(struct timing *t)
{
    return t->n ? tro_admit_worst(t->ns, (size_t)t->n) : 0;
}

/* Each network by itself, one lane after the other. */
static void measure_alone(struct tro_worker_lane *l, struct measuring *m)
{
    pthread_mutex_lock(&l->shared->alone);
    for (int i = 0; i < l->n; i++)
        for (int k = 0; l->lane.networks[i].is_there && k < l->lane.networks[i].n_tiers; k++) {
            const int64_t begin_ns = tro_clock_ns();
            for (int run = 0; run < N_TIMED && tro_clock_ns() - begin_ns < ALONE_NS; run++)
                if (is_stopped(l) || time_once(l, m, i, k) < 0)
                    break;
            l->slots[i].opened.alone_ns[k] = worst_of(&m->times[i][k]);
        }
    pthread_mutex_unlock(&l->shared->alone);
}

/* The others need this lane to go on running. */
static bool others_measure(struct tro_worker_shared *w, bool is_done, bool *was_done)
{
    pthread_mutex_lock(&w->lock);
    if (is_done && !*was_done)
        w->n_measuring--;
    *was_done = *was_done || is_done;
    const bool is_needed = w->n_measuring > 0;
    pthread_mutex_unlock(&w->lock);
    return is_needed;
}

/* All by turns, while other lanes do the same: none ends before all have enough. */
static void measure_beside(struct tro_worker_lane *l, struct measuring *m)
{
    const int64_t begin_ns = tro_clock_ns();
    bool was_done = false, is_needed = true;
    for (int round = 0; is_needed && !is_stopped(l); round++) {
        const bool is_enough = round >= N_TIMED || tro_clock_ns() - begin_ns > BESIDE_NS;
        is_needed = l->is_late ? !is_enough : others_measure(l->shared, is_enough, &was_done);
        if (is_needed && run_all_once(l, m) < 0)
            break;
    }
    if (!l->is_late)
        others_measure(l->shared, true, &was_done);
}

static void take_worst(struct tro_worker_lane *l, struct measuring *m)
{
    for (int i = 0; i < l->n; i++)
        for (int k = 0; k < l->lane.networks[i].n_tiers; k++) {
            const int64_t given_ns = l->slots[i].spec.worst_ns[k];
            const int64_t ns = given_ns ? given_ns : worst_of(&m->times[i][k]);
            l->lane.networks[i].worst_ns[k] = l->slots[i].opened.worst_ns[k] = ns;
        }
}

static void clear_times(struct measuring *m)
{
    memset(m->times, 0, sizeof m->times);
}

/* None begins before all have come so far. */
static void meet(struct tro_worker_shared *w, int *n_missing)
{
    pthread_mutex_lock(&w->lock);
    --*n_missing;
    pthread_cond_broadcast(&w->wake);
    while (*n_missing > 0)
        pthread_cond_wait(&w->wake, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* What is asked for is measured; all are warm in the end. */
static void measure(struct tro_worker_lane *l)
{
    struct measuring *const m = measuring_new(l);
    struct tro_err err = {0};
    if (!m) {
        tro_fail_nomem(&err);
        fail(l, &l->slots[0], &err);
    }
    for (int i = 0; m && i < (l->is_measured ? N_WARM : 1); i++)
        if (run_all_once(l, m) < 0)
            break;
    if (m && l->is_measured && !l->is_late) {
        clear_times(m);
        measure_alone(l, m);
    }
    if (!l->is_late)
        meet(l->shared, &l->shared->n_alone);
    if (m && l->is_measured) {
        clear_times(m);
        measure_beside(l, m);
    }
    if (m) {
        take_worst(l, m);
        tro_free(m->picture);
    }
    tro_free(m);
}

/* ---- running -------------------------------------------------------------------------------- */

static int send_stage(struct tro_worker_lane *l, const struct tro_stage *s, struct tro_err *err)
{
    uint8_t body[TRO_STAGE_BYTES];
    tro_stage_write(s, body);
    return tro_wire_send(l->shared->socket, TRO_WIRE_STAGE, body, sizeof body, err);
}

static int send_skipped(struct tro_worker_lane *l, int slot, const struct tro_skipped *s,
                        struct tro_err *err)
{
    uint8_t body[TRO_SKIPPED_BYTES];
    struct tro_skipped of_network = *s;
    of_network.network = l->slots[slot].spec.network;
    tro_skipped_write(&of_network, body);
    return tro_wire_send(l->shared->socket, TRO_WIRE_SKIPPED, body, sizeof body, err);
}

static int send_findings(struct tro_worker_lane *l, struct tro_err *err)
{
    const size_t n = tro_findings_write(&l->findings, l->out, TRO_WIRE_MAX_BYTES);
    return tro_wire_send(l->shared->socket, TRO_WIRE_FINDINGS, l->out, n, err);
}

/* The frame is released as soon as the network has seen it. */
static int look(struct tro_worker_lane *l, struct tro_lane_choice c, const struct tro_frame *f,
                int64_t taken_ns, struct tro_err *err)
{
    struct tro_worker_slot *const s = &l->slots[c.network];
    struct tro_engine *const e = s->engines[c.tier];
    struct tro_stage stage = {.network = s->spec.network,
                              .tier = c.tier,
                              .frame = f->id,
                              .captured_ns = f->captured_ns,
                              .taken_ns = taken_ns,
                              .started_ns = tro_clock_ns()};
    const int rc = tro_engine_run(e, f->bytes, err);
    tro_ring_release(l->shared->ring, f);
    TRO_TRY(rc);
    stage.ran_ns = tro_clock_ns();
    tro_engine_find(e, &l->findings);
    stage.decoded_ns = tro_clock_ns();
    l->findings.frame = stage.frame;
    l->findings.captured_ns = stage.captured_ns;
    l->findings.started_ns = stage.started_ns;
    l->findings.ready_ns = stage.decoded_ns;
    l->findings.network = s->spec.network;
    l->findings.tier = c.tier;
    TRO_TRY(send_stage(l, &stage, err));
    return send_findings(l, err);
}

static int offer(struct tro_worker_lane *l, const struct tro_frame *f, struct tro_err *err)
{
    struct tro_lane_skip busy[TRO_HOSTED_MAX_NETWORKS];
    tro_lane_offer(&l->lane, f->id, f->captured_ns, busy);
    for (int i = 0; i < l->n; i++)
        if (busy[i].n) {
            const struct tro_skipped s = {
                .why = TRO_SKIP_BUSY, .frame = busy[i].last, .n_frames = busy[i].n};
            TRO_TRY(send_skipped(l, i, &s, err));
        }
    return 0;
}

/* The newest frame, held, if there is one to look at: a newer one than before, or, while networks
 * wait, the same one again. */
static bool take_frame(struct tro_worker_lane *l, int64_t *taken_ns, struct tro_frame *f,
                       struct tro_err *err)
{
    const bool is_waiting = tro_lane_is_waiting(&l->lane);
    if (!tro_ring_take(l->shared->ring, is_waiting ? l->lane.seen - 1 : l->lane.seen,
                       is_waiting ? 0 : WAIT_NS, f))
        return false;
    if (f->id == l->lane.seen)
        return true;
    *taken_ns = tro_clock_ns();
    if (offer(l, f, err) >= 0 && tro_lane_is_waiting(&l->lane))
        return true;
    tro_ring_release(l->shared->ring, f);
    return false;
}

/* One turn of one network. */
static int turn(struct tro_worker_lane *l, int64_t *taken_ns, int *slot, struct tro_err *err)
{
    struct tro_frame f;
    *slot = 0;
    if (!take_frame(l, taken_ns, &f, err))
        return err->status;
    const struct tro_lane_choice c = tro_lane_pick(&l->lane, tro_clock_ns());
    *slot = c.network;
    if (c.tier >= 0)
        return look(l, c, &f, *taken_ns, err);
    tro_ring_release(l->shared->ring, &f);
    const struct tro_lane_network *const n = &l->lane.networks[c.network];
    const struct tro_skipped late = {.why = TRO_SKIP_LATE,
                                     .frame = n->released,
                                     .n_frames = 1,
                                     .captured_ns = n->released_ns,
                                     .taken_ns = *taken_ns,
                                     .at_ns = tro_clock_ns()};
    return send_skipped(l, c.network, &late, err);
}

static void run(struct tro_worker_lane *l)
{
    struct tro_err err = {0};
    int64_t taken_ns = 0;
    int slot = 0;
    while (!is_stopped(l))
        if (turn(l, &taken_ns, &slot, &err) < 0) {
            fail(l, &l->slots[slot], &err);
            return;
        }
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void wait_for_release(struct tro_worker_shared *w)
{
    pthread_mutex_lock(&w->lock);
    w->n_ready++;
    pthread_cond_broadcast(&w->wake);
    while (!w->is_released)
        pthread_cond_wait(&w->wake, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

static void tell_alone(struct tro_worker_lane *l)
{
    struct tro_opened *const o = tro_calloc(1, sizeof *o);
    struct tro_err err = {0};
    if (o) {
        tro_worker_lane_tell(l, o);
        if (tro_worker_send_opened(l->shared->socket, o, &err) < 0)
            fail(l, &l->slots[0], &err);
    }
    tro_free(o);
}

static void *lane_main(void *ctx)
{
    struct tro_worker_lane *const l = ctx;
    if (l->is_trial)
        setpriority(PRIO_PROCESS, (id_t)gettid(), TRIAL_NICE);
    open_slots(l);
    if (l->is_urgent)
        tro_realtime_enter(TRO_REALTIME_LANE);
    if (!l->is_late)
        meet(l->shared, &l->shared->n_starting);
    measure(l);
    l->lane.seen = tro_ring_newest(l->shared->ring); /* from here on nothing goes uncounted */
    if (l->is_late)
        tell_alone(l);
    else
        wait_for_release(l->shared);
    run(l);
    for (int i = 0; i < l->n; i++)
        close_slot(&l->slots[i]);
    return NULL;
}

int tro_worker_lane_start(struct tro_worker_lane *l, struct tro_err *err)
{
    TRO_TRY(tro_findings_init(&l->findings, err));
    l->out = tro_malloc(TRO_WIRE_MAX_BYTES);
    if (!l->out)
        return tro_fail_nomem(err);
    if (pthread_create(&l->thread, NULL, lane_main, l) != 0)
        return tro_fail(err, TRO_E_NOMEM, "no thread could be had for lane %d", l->number);
    l->has_thread = true;
    return 0;
}

void tro_worker_lane_finish(struct tro_worker_lane *l)
{
    atomic_store(&l->is_stopped, true);
    if (l->has_thread)
        pthread_join(l->thread, NULL);
    l->has_thread = false;
    tro_findings_finish(&l->findings);
    tro_free(l->out);
    l->out = NULL;
}

void tro_worker_lane_tell(const struct tro_worker_lane *l, struct tro_opened *out)
{
    for (int i = 0; i < l->n && out->n_networks < TRO_HOSTED_MAX_NETWORKS; i++)
        out->networks[out->n_networks++] = l->slots[i].opened;
}

int tro_worker_send_opened(int socket, const struct tro_opened *o, struct tro_err *err)
{
    struct tro_json j = {.is_line = true};
    tro_opened_write(o, &j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_wire_send(socket, TRO_WIRE_OPENED, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}
