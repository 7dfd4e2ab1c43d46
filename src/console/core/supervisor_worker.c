/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's thread in the daemon: starts its process, listens to it, starts it again. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/thread.h"
#include "console/core/realtime.h"
#include "console/core/spawn.h"
#include "console/core/supervisor_state.h"

#define MS INT64_C(1000000)
#define POLL_MS 100
#define SEND_SECONDS 1             /* that a worker may take to read a message */
#define HANG_NS (2000 * MS)        /* without a word, while frames come */
#define TRIAL_HANG_NS (20000 * MS) /* of what runs when nothing else does */
#define OPEN_NS (600000 * MS)      /* to open and measure all plans */
#define QUIT_NS (2000 * MS)        /* to end when asked to */
#define MINUTE_NS (60000 * MS)
#define BELOW_OTHERS "CUDA_MPS_CLIENT_PRIORITY=1" /* of processes that share a GPU under MPS */
#define FREE_STARTS 3                             /* within a minute, without a pause */
#define FIRST_PAUSE_NS (50 * MS)
#define LONGEST_PAUSE_NS (1000 * MS)

/* ---- state ---------------------------------------------------------------------------------- */

static bool is_needed(struct tro_supervised_worker *w)
{
    pthread_mutex_lock(&w->s->lock);
    const bool is_it = !w->s->is_stopping && tro_supervised_has_work(w);
    pthread_mutex_unlock(&w->s->lock);
    return is_it;
}

static void set_state(struct tro_supervised_worker *w, enum tro_worker_state state, const char *why)
{
    struct tro_supervisor *const s = w->s;
    pthread_mutex_lock(&s->lock);
    w->counters.state = state;
    if (*why)
        snprintf(w->counters.why, sizeof w->counters.why, "%s", why);
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->opts.changed)
        s->opts.changed(s->opts.ctx, w->number, state, why);
}

static bool is_mine(const struct tro_supervised_worker *w, int network)
{
    const struct tro_supervised_network *const all = w->s->networks;
    return network < TRO_HOSTED_MAX_NETWORKS && all[network].is_there &&
           all[network].status.worker == w->number;
}

/* ---- opened --------------------------------------------------------------------------------- */

/* Under the lock. A worker that is started again need not measure again. */
static int take_opened(struct tro_supervised_worker *w, const struct tro_opened_network *o,
                       struct tro_err *err)
{
    struct tro_supervised_network *const n = &w->s->networks[o->network];
    if (!is_mine(w, o->network))
        return 0; /* unloaded meanwhile */
    if (!o->error[0] && o->n_tiers != n->hosted.n_tiers)
        return tro_fail(err, TRO_E_INPUT, "network %s: expected %d tiers, found %d", n->hosted.name,
                        n->hosted.n_tiers, o->n_tiers);
    n->status.opened = *o;
    n->status.is_running = !o->error[0];
    for (int i = 0; i < o->n_tiers; i++)
        n->hosted.worst_ns[i] = o->worst_ns[i];
    if (o->error[0] && !n->hosted.is_trial)
        return tro_fail(err, TRO_E_INPUT, "network %s: %s", n->hosted.name, o->error);
    return 0;
}

static bool has_all(const struct tro_supervised_worker *w)
{
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++)
        if (is_mine(w, i) && !w->s->networks[i].is_loaded &&
            tro_supervised_is_wanted(&w->s->networks[i]) && !w->s->networks[i].status.is_running)
            return false;
    return true;
}

static int hear_opened(struct tro_supervised_worker *w, const struct tro_wire *m,
                       struct tro_err *err)
{
    struct tro_opened o;
    TRO_TRY(tro_opened_read((const char *)m->body, m->n, &o, err));
    pthread_mutex_lock(&w->s->lock);
    int rc = 0;
    if (o.notice[0])
        memcpy(w->counters.notice, o.notice, sizeof o.notice);
    for (int i = 0; rc >= 0 && i < o.n_networks; i++)
        rc = take_opened(w, &o.networks[i], err);
    const bool is_running = rc >= 0 && has_all(w);
    const bool is_new = is_running && w->counters.state == TRO_WORKER_STARTING;
    w->has_opened = w->has_opened || is_running;
    if (is_new) { /* what is loaded from here on is sent at once */
        rc = tro_supervised_load_again(w, err);
        w->counters.state = TRO_WORKER_RUNNING;
    }
    pthread_mutex_unlock(&w->s->lock);
    if (is_new)
        set_state(w, TRO_WORKER_RUNNING, "");
    return rc;
}

/* ---- what comes ----------------------------------------------------------------------------- */

/* A stage comes before its findings. */
static int hear_stage(struct tro_supervised_worker *w, const struct tro_wire *m,
                      struct tro_err *err)
{
    struct tro_stage s;
    TRO_TRY(tro_stage_read(&s, m->body, m->n, err));
    if (s.frame == 0 || s.frame > tro_ring_newest(w->s->opts.ring) || s.decoded_ns > w->heard_ns)
        return tro_fail(err, TRO_E_INPUT, "stage: expected a frame that was there");
    pthread_mutex_lock(&w->s->lock);
    if (is_mine(w, s.network))
        w->s->networks[s.network].stage = s;
    pthread_mutex_unlock(&w->s->lock);
    return 0;
}

static int hear_skipped(struct tro_supervised_worker *w, const struct tro_wire *m,
                        struct tro_err *err)
{
    struct tro_skipped s;
    TRO_TRY(tro_skipped_read(&s, m->body, m->n, err));
    pthread_mutex_lock(&w->s->lock);
    const bool counts = is_mine(w, s.network);
    pthread_mutex_unlock(&w->s->lock);
    if (!counts)
        return 0;
    tro_tally_skipped(w->s->tally, &s);
    if (w->s->opts.skipped)
        w->s->opts.skipped(w->s->opts.ctx, &s);
    return 0;
}

/* Under the lock: are they of a plan that was opened, of the frame that the stage told of? */
static bool is_expected(const struct tro_supervised_worker *w, const struct tro_findings *f)
{
    const struct tro_supervised_network *const n = &w->s->networks[f->network];
    const struct tro_frame_form form = tro_ring_form(w->s->opts.ring);
    return f->frame == n->stage.frame && f->tier == n->stage.tier && f->tier < n->hosted.n_tiers &&
           f->engine == n->status.opened.engine[f->tier] && f->width == form.width &&
           f->height == form.height && f->captured_ns == n->stage.captured_ns;
}

static int hear_findings(struct tro_supervised_worker *w, const struct tro_wire *m,
                         struct tro_err *err)
{
    struct tro_supervisor *const s = w->s;
    struct tro_findings *const f = &w->findings;
    struct tro_stage stage = {0};
    TRO_TRY(tro_findings_read(f, m->body, m->n, err));
    pthread_mutex_lock(&s->lock);
    const bool is_it = is_mine(w, f->network);
    const bool is_right = is_it && is_expected(w, f);
    const bool is_trial = is_it && s->networks[f->network].hosted.is_trial;
    if (is_right)
        stage = s->networks[f->network].stage;
    pthread_mutex_unlock(&s->lock);
    if (!is_it)
        return 0;
    if (!is_right)
        return tro_fail(err, TRO_E_INPUT, "findings: expected those of the stage before them");
    if (!is_trial)
        s->opts.findings(s->opts.ctx, f, &stage);
    /* Whoever waits until a frame is counted finds its findings taken. */
    const int64_t frame_ns = tro_tally_findings(s->tally, &stage, w->heard_ns);
    if (frame_ns && s->opts.completed)
        s->opts.completed(s->opts.ctx, stage.frame, frame_ns);
    return 0;
}

static int hear(struct tro_supervised_worker *w, const struct tro_wire *m, struct tro_err *err)
{
    switch (m->type) {
    case TRO_WIRE_OPENED:
        return hear_opened(w, m, err);
    case TRO_WIRE_FINDINGS:
        return hear_findings(w, m, err);
    case TRO_WIRE_SKIPPED:
        return hear_skipped(w, m, err);
    case TRO_WIRE_STAGE:
        return hear_stage(w, m, err);
    case TRO_WIRE_FAILED:
        return tro_fail(err, TRO_E_DEVICE, "%.*s", (int)(m->n < 900 ? m->n : 900),
                        (const char *)m->body);
    default:
        return tro_fail(err, TRO_E_INPUT, "expected a worker's message, found number %d",
                        (int)m->type);
    }
}

/* ---- listening ------------------------------------------------------------------------------ */

/* Nothing has come for so long, though there were frames to look at, that something must have. A
 * source that stood still is no reason: time counts from when it brought frames again. */
static int check_hang(struct tro_supervised_worker *w, int64_t now_ns, struct tro_err *err)
{
    int64_t longest_ns = w->opts.is_for_trials ? TRIAL_HANG_NS
                         : w->s->opts.hang_ns  ? w->s->opts.hang_ns
                                               : HANG_NS;
    uint64_t most_frames = 2;
    pthread_mutex_lock(&w->s->lock);
    const bool is_running = w->counters.state == TRO_WORKER_RUNNING;
    uint64_t every = UINT64_MAX / 4;
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++) {
        const struct tro_hosted_network *const n = &w->s->networks[i].hosted;
        if (!is_mine(w, i) || n->is_trial != w->opts.is_for_trials)
            continue;
        every = (uint64_t)n->every < every ? (uint64_t)n->every : every;
        longest_ns = 10 * n->worst_ns[0] > longest_ns ? 10 * n->worst_ns[0] : longest_ns;
    }
    pthread_mutex_unlock(&w->s->lock);
    most_frames += 2 * every;
    if (!is_running)
        longest_ns = OPEN_NS;
    const bool has_work = !is_running ||
                          tro_ring_newest(w->s->opts.ring) > w->heard_newest + most_frames;
    if (!has_work)
        w->free_ns = now_ns;
    const int64_t silent_ns = now_ns - (w->heard_ns > w->free_ns ? w->heard_ns : w->free_ns);
    if (silent_ns < longest_ns)
        return 0;
    pthread_mutex_lock(&w->s->lock);
    w->counters.hangs++;
    pthread_mutex_unlock(&w->s->lock);
    return tro_fail(err, TRO_E_DEVICE, "no word from it for %.1f s", (double)silent_ns / 1e9);
}

/* 1: go on; 0: it has ended as it was asked to, or by itself. */
static int listen_once(struct tro_supervised_worker *w, struct tro_err *err)
{
    struct pollfd p = {.fd = w->socket, .events = POLLIN};
    const int n = poll(&p, 1, POLL_MS);
    const int64_t now_ns = tro_clock_ns();
    struct tro_wire m;
    if (w->quit_ns == 0 && !is_needed(w)) {
        tro_wire_send(w->socket, TRO_WIRE_QUIT, NULL, 0, NULL);
        w->quit_ns = now_ns;
    }
    if (w->quit_ns && now_ns - w->quit_ns > QUIT_NS)
        return 0;
    if (n <= 0) {
        if (w->quit_ns == 0)
            TRO_TRY(check_hang(w, now_ns, err));
        return 1;
    }
    const int rc = tro_wire_receive(w->socket, w->in, &m, err);
    if (rc <= 0)
        return rc;
    w->heard_ns = tro_clock_ns();
    w->heard_newest = tro_ring_newest(w->s->opts.ring);
    TRO_TRY(hear(w, &m, err));
    return 1;
}

static int listen_to(struct tro_supervised_worker *w, struct tro_err *err)
{
    int rc = 1;
    w->heard_ns = tro_clock_ns();
    w->heard_newest = tro_ring_newest(w->s->opts.ring);
    while (rc > 0)
        rc = listen_once(w, err);
    if (rc == TRO_E_INPUT) {
        pthread_mutex_lock(&w->s->lock);
        w->counters.refused++;
        pthread_mutex_unlock(&w->s->lock);
    }
    return rc;
}

/* ---- its process ---------------------------------------------------------------------------- */

static int send_open(struct tro_supervised_worker *w, struct tro_err *err)
{
    struct tro_hosted h = {.device = w->opts.device,
                           .threads = w->opts.threads,
                           .lanes = w->opts.lanes,
                           .reader = w->reader,
                           .focal_length = w->s->opts.focal_length,
                           .is_realtime = w->s->opts.is_realtime && !w->opts.is_for_trials};
    struct tro_json j = {.is_line = true};
    pthread_mutex_lock(&w->s->lock);
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++) {
        struct tro_supervised_network *const n = &w->s->networks[i];
        if (!is_mine(w, i) || !tro_supervised_is_wanted(n) ||
            (n->is_loaded && !w->opts.is_for_trials)) /* the others do not wait for it */
            continue;
        h.networks[h.n_networks++] = n->hosted;
        n->is_sent = true;
    }
    pthread_mutex_unlock(&w->s->lock);
    tro_hosted_write(&h, &j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_wire_send(w->socket, TRO_WIRE_OPEN, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

static int spawn(struct tro_supervised_worker *w, pid_t *pid, struct tro_err *err)
{
    struct tro_supervisor *const s = w->s;
    const struct timeval limit = {.tv_sec = SEND_SECONDS};
    int pair[2];
    TRO_TRY(tro_wire_pair(pair, err));
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const int fds[3] = {tro_ring_control_fd(s->opts.ring), tro_ring_pixels_fd(s->opts.ring),
                        pair[1]};
    const int rc = tro_spawn_worker(s->program, fds, w->opts.is_for_trials ? BELOW_OTHERS : NULL,
                                    pid, err);
    close(pair[1]);
    if (rc < 0) {
        close(pair[0]);
        return rc;
    }
    pthread_mutex_lock(&s->lock);
    w->socket = pair[0];
    w->counters.pid = (int)*pid;
    w->counters.starts++;
    pthread_mutex_unlock(&s->lock);
    return 0;
}

/* Its networks do not run. */
static void forget(struct tro_supervised_worker *w)
{
    struct tro_supervisor *const s = w->s;
    pthread_mutex_lock(&s->lock);
    close(w->socket);
    w->socket = -1;
    w->counters.pid = 0;
    w->counters.state = TRO_WORKER_PAUSED;
    tro_supervised_note_end(w);
    pthread_mutex_unlock(&s->lock);
    tro_ring_forget(s->opts.ring, w->reader);
}

/* From its start to its end; err says why, unless it was asked to. */
static void live(struct tro_supervised_worker *w, struct tro_err *err)
{
    pid_t pid;
    int status = 0;
    char how[64];
    if (spawn(w, &pid, err) < 0)
        return;
    w->quit_ns = 0;
    int rc = send_open(w, err);
    if (rc >= 0)
        rc = listen_to(w, err);
    if (rc < 0 || w->quit_ns)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    forget(w);
    tro_spawn_why(status, how, sizeof how);
    /* TRO_E_IO: it was gone before it was told what to do. */
    if ((rc >= 0 || rc == TRO_E_IO) && !w->quit_ns)
        tro_fail(err, TRO_E_DEVICE, "it has ended: %s", how);
    tro_err_prefix(err, rc < 0 || !w->quit_ns ? -1 : 0, "worker of %s%s: ", w->opts.device,
                   w->opts.is_for_trials ? " for plans on trial" : "");
}

/* ---- again and again ------------------------------------------------------------------------ */

/* At once at first; then longer and longer, within a minute. */
static int64_t find_pause(struct tro_supervised_worker *w, int64_t now_ns)
{
    int n = 0;
    for (int i = 0; i < TRO_SUPERVISOR_STARTS; i++)
        n += w->starts_ns[i] && now_ns - w->starts_ns[i] < MINUTE_NS;
    int64_t pause_ns = FIRST_PAUSE_NS;
    for (int i = FREE_STARTS; i < n; i++)
        pause_ns *= 2;
    return n < FREE_STARTS ? 0 : pause_ns < LONGEST_PAUSE_NS ? pause_ns : LONGEST_PAUSE_NS;
}

static void note_start(struct tro_supervised_worker *w, int64_t now_ns)
{
    memmove(&w->starts_ns[1], &w->starts_ns[0], sizeof w->starts_ns - sizeof w->starts_ns[0]);
    w->starts_ns[0] = now_ns;
}

static void wait_for(struct tro_supervisor *s, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                   .tv_nsec = (long)(until_ns % 1000000000)};
    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping && pthread_cond_timedwait(&s->wake, &s->lock, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&s->lock);
}

/* What is on trial does not hold up the start when its process has ended. */
static bool may_go_on(struct tro_supervised_worker *w)
{
    pthread_mutex_lock(&w->s->lock);
    w->has_opened = w->has_opened || w->opts.is_for_trials;
    pthread_cond_broadcast(&w->s->wake);
    const bool is_it = w->has_opened && !w->s->is_stopping;
    pthread_mutex_unlock(&w->s->lock);
    return is_it;
}

/* False: it is stopping instead. */
static bool wait_for_work(struct tro_supervised_worker *w)
{
    struct tro_supervisor *const s = w->s;
    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping && !tro_supervised_has_work(w))
        pthread_cond_wait(&s->wake, &s->lock);
    const bool is_it = !s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return is_it;
}

static void pause_before_next(struct tro_supervised_worker *w, const char *why)
{
    if (!is_needed(w)) {
        set_state(w, TRO_WORKER_ENDED, why);
        return;
    }
    set_state(w, TRO_WORKER_PAUSED, why);
    const int64_t now_ns = tro_clock_ns();
    wait_for(w->s, now_ns + find_pause(w, now_ns));
}

void *tro_supervised_main(void *worker)
{
    struct tro_supervised_worker *const w = worker;
    struct tro_err err = {0};
    tro_realtime_enter(TRO_REALTIME_REPORTS);
    while (wait_for_work(w)) {
        err = (struct tro_err){0};
        note_start(w, tro_clock_ns());
        set_state(w, TRO_WORKER_STARTING, "");
        live(w, &err);
        if (!may_go_on(w))
            break;
        pause_before_next(w, err.text);
    }
    pthread_mutex_lock(&w->s->lock);
    w->has_ended = true;
    w->err = err;
    pthread_mutex_unlock(&w->s->lock);
    set_state(w, TRO_WORKER_ENDED, err.text);
    return NULL;
}
