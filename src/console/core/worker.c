/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/worker.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/core/realtime.h"
#include "console/core/wire.h"
#include "console/core/worker_lane.h"

#define MAX_LANES (TRO_HOSTED_MAX_NETWORKS + TRO_WORKER_MAX_TRIALS)
#define MOST_URGENT (-5) /* of streams */

struct worker {
    struct tro_worker_shared shared;
    int control_fd, pixels_fd; /* of the ring */
    struct tro_pinned *pinned; /* its pixels, for a GPU */
    char notice[512];
    struct tro_arena arena; /* of what was asked for */
    struct tro_hosted hosted;
    struct tro_worker_lane *lanes[MAX_LANES]; /* NULL: free */
    int n_first;                              /* those of the configuration */
    uint8_t *in;                              /* room for a message */
};

static bool is_gpu(const struct worker *w)
{
    return tro_hosted_is_gpu(w->hosted.device);
}

/* ---- lanes ---------------------------------------------------------------------------------- */

static struct tro_worker_lane *add_lane(struct worker *w, struct tro_err *err)
{
    for (int i = 0; i < MAX_LANES; i++) {
        if (w->lanes[i])
            continue;
        struct tro_worker_lane *const l = tro_calloc(1, sizeof *l);
        if (!l) {
            tro_fail_nomem(err);
            return NULL;
        }
        l->shared = &w->shared;
        l->number = i;
        w->lanes[i] = l;
        return l;
    }
    tro_fail(err, TRO_E_UNSUPPORTED, "expected at most %d lanes", MAX_LANES);
    return NULL;
}

static void add_slot(struct tro_worker_lane *l, const struct tro_hosted_network *n)
{
    l->slots[l->n++].spec = *n;
}

static void end_lane(struct worker *w, int i)
{
    if (!w->lanes[i])
        return;
    tro_worker_lane_finish(w->lanes[i]);
    tro_free(w->lanes[i]);
    w->lanes[i] = NULL;
}

/* The more urgent of n ranks gets the more urgent stream; the lowest is left to trials. */
static int stream_priority(const struct worker *w, int priority)
{
    int n_before = 0;
    for (int p = 0; p < priority; p++)
        for (int i = 0; i < w->hosted.n_networks; i++)
            if (!w->hosted.networks[i].is_trial && w->hosted.networks[i].priority == p) {
                n_before++;
                break;
            }
    const int of = MOST_URGENT + n_before;
    return of < -1 ? of : -1;
}

static int threads_of_lane(const struct worker *w)
{
    if (is_gpu(w))
        return 1;
    const int n = (w->hosted.threads ? w->hosted.threads : tro_threads_get()) / w->hosted.lanes;
    return n > 1 ? n : 1;
}

static bool is_unmeasured(const struct tro_hosted *h)
{
    for (int i = 0; i < h->n_networks; i++)
        for (int k = 0; k < h->networks[i].n_tiers; k++)
            if (h->networks[i].worst_ns[k] == 0)
                return true;
    return false;
}

/* A lane for each network of a GPU and for each trial; on a CPU the others take turns in lanes. */
static int make_lanes(struct worker *w, struct tro_err *err)
{
    struct tro_worker_lane *shared[TRO_HOSTED_MAX_NETWORKS] = {NULL};
    int n_regular = 0;
    for (int i = 0; i < w->hosted.n_networks; i++) {
        const struct tro_hosted_network *const n = &w->hosted.networks[i];
        const int turn = n->is_trial
                             ? 0
                             : tro_hosted_lane(w->hosted.device, w->hosted.lanes, n_regular++);
        struct tro_worker_lane *l = n->is_trial ? NULL : shared[turn];
        if (!l)
            l = add_lane(w, err);
        if (!l)
            return err->status;
        if (!n->is_trial)
            shared[turn] = l;
        l->is_trial = n->is_trial;
        l->is_urgent = is_gpu(w) && !n->is_trial;
        l->priority = n->is_trial ? 0 : stream_priority(w, n->priority);
        l->n_threads = n->is_trial ? 1 : threads_of_lane(w);
        l->is_measured = is_unmeasured(&w->hosted);
        add_slot(l, n);
        w->n_first = l->number + 1 > w->n_first ? l->number + 1 : w->n_first;
    }
    return 0;
}

/* What the user should know: it works without. */
static void add_notice(struct worker *w, const char *what, const struct tro_err *err)
{
    const size_t n = strlen(w->notice);
    snprintf(w->notice + n, sizeof w->notice - n, "%s%s: %.200s", n ? "; " : "", what, err->text);
}

static void allow_realtime(struct worker *w)
{
    struct tro_err err = {0};
    if (w->hosted.is_realtime && tro_realtime_allow(&err) < 0)
        add_notice(w, "not in real time", &err);
}

/* A GPU reads frames where they lie. Without that they are copied first, which costs time alone. */
static void pin_pixels(struct worker *w)
{
    struct tro_err err = {0};
    size_t n_bytes;
    const uint8_t *const pixels = tro_ring_pixels(w->shared.ring, &n_bytes);
    if (!is_gpu(w))
        return;
    w->pinned = tro_pinned_register(w->hosted.device, pixels, n_bytes, &err);
    if (!w->pinned)
        add_notice(w, "frames are copied before the GPU gets them", &err);
}

/* ---- messages ------------------------------------------------------------------------------- */

static int receive(struct worker *w, struct tro_wire *m, struct tro_err *err)
{
    return tro_wire_receive(w->shared.socket, w->in, m, err);
}

static int read_open(struct worker *w, struct tro_err *err)
{
    struct tro_wire m;
    const int rc = receive(w, &m, err);
    if (rc <= 0)
        return rc;
    if (m.type != TRO_WIRE_OPEN)
        return tro_fail(err, TRO_E_INPUT, "expected the message open first, found number %d",
                        (int)m.type);
    TRO_TRY(tro_err_prefix(
        err, tro_hosted_read((const char *)m.body, m.n, &w->arena, &w->hosted, err), "open: "));
    return 1;
}

static void release_lanes(struct worker *w)
{
    pthread_mutex_lock(&w->shared.lock);
    w->shared.is_released = true;
    pthread_cond_broadcast(&w->shared.wake);
    pthread_mutex_unlock(&w->shared.lock);
}

static int start_lanes(struct worker *w, struct tro_err *err)
{
    w->shared.n_starting = w->shared.n_alone = w->shared.n_measuring = w->n_first;
    for (int i = 0; i < w->n_first; i++) {
        if (tro_worker_lane_start(w->lanes[i], err) >= 0)
            continue;
        pthread_mutex_lock(&w->shared.lock); /* those that run wait for nobody */
        w->shared.n_starting = w->shared.n_alone = w->shared.n_measuring = 0;
        pthread_cond_broadcast(&w->shared.wake);
        pthread_mutex_unlock(&w->shared.lock);
        return err->status;
    }
    pthread_mutex_lock(&w->shared.lock);
    while (w->shared.n_ready < w->n_first)
        pthread_cond_wait(&w->shared.wake, &w->shared.lock);
    pthread_mutex_unlock(&w->shared.lock);
    return 0;
}

static int tell_opened(struct worker *w, struct tro_err *err)
{
    struct tro_opened *const o = tro_calloc(1, sizeof *o);
    if (!o)
        return tro_fail_nomem(err);
    memcpy(o->notice, w->notice, sizeof o->notice);
    for (int i = 0; i < w->n_first; i++)
        tro_worker_lane_tell(w->lanes[i], o);
    const int rc = tro_worker_send_opened(w->shared.socket, o, err);
    tro_free(o);
    return rc;
}

/* One more network on trial. What is wrong with it is told in `opened`; the others go on. */
static int load(struct worker *w, const struct tro_wire *m, struct tro_err *err)
{
    struct tro_hosted more;
    TRO_TRY(tro_err_prefix(err, tro_hosted_read((const char *)m->body, m->n, &w->arena, &more, err),
                           "load: "));
    if (more.n_networks != 1)
        return tro_fail(err, TRO_E_INPUT, "load: expected one network, found %d", more.n_networks);
    struct tro_worker_lane *const l = add_lane(w, err);
    if (!l)
        return err->status;
    l->is_trial = l->is_late = true;
    l->n_threads = 1;
    l->is_measured = is_unmeasured(&more); /* it was, if this is not its first worker */
    add_slot(l, &more.networks[0]);
    return tro_worker_lane_start(l, err);
}

static int unload(struct worker *w, const struct tro_wire *m, struct tro_err *err)
{
    struct tro_hosted gone;
    TRO_TRY(tro_err_prefix(err, tro_hosted_read((const char *)m->body, m->n, &w->arena, &gone, err),
                           "unload: "));
    for (int i = 0; i < MAX_LANES && gone.n_networks; i++)
        if (w->lanes[i] && w->lanes[i]->is_trial &&
            w->lanes[i]->slots[0].spec.network == gone.networks[0].network)
            end_lane(w, i);
    return 0;
}

/* Until quit, the daemon's end, or a lane's failure, which ends reading too. */
static int serve(struct worker *w, struct tro_err *err)
{
    struct tro_wire m;
    for (;;) {
        const int rc = receive(w, &m, err);
        if (rc <= 0 || m.type == TRO_WIRE_QUIT)
            return rc < 0 ? rc : 0;
        if (m.type == TRO_WIRE_LOAD)
            TRO_TRY(load(w, &m, err));
        else if (m.type == TRO_WIRE_UNLOAD)
            TRO_TRY(unload(w, &m, err));
        else
            return tro_fail(err, TRO_E_INPUT, "expected load, unload or quit, found message %d",
                            (int)m.type);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static int work(struct worker *w, struct tro_err *err)
{
    int rc = read_open(w, err);
    if (rc <= 0)
        return rc;
    w->shared.device = w->hosted.device;
    w->shared.focal_length = w->hosted.focal_length;
    w->shared.ring = tro_ring_open(w->control_fd, w->pixels_fd, w->hosted.reader, err);
    if (!w->shared.ring)
        return err->status;
    allow_realtime(w);
    pin_pixels(w);
    rc = make_lanes(w, err);
    if (rc >= 0)
        rc = start_lanes(w, err);
    if (rc >= 0)
        rc = tell_opened(w, err);
    release_lanes(w);
    return rc < 0 ? rc : serve(w, err);
}

/* What failed first, if it was a lane. */
static int find_failure(struct worker *w, int rc, struct tro_err *err)
{
    pthread_mutex_lock(&w->shared.lock);
    if (w->shared.has_failed)
        rc = tro_fail(err, (enum tro_status)w->shared.err.status, "%s", w->shared.err.text);
    pthread_mutex_unlock(&w->shared.lock);
    return rc;
}

static void finish(struct worker *w)
{
    atomic_store(&w->shared.is_stopped, true);
    for (int i = 0; i < MAX_LANES; i++)
        end_lane(w, i);
    tro_pinned_destroy(w->pinned);
    tro_ring_destroy(w->shared.ring);
    pthread_cond_destroy(&w->shared.wake);
    pthread_mutex_destroy(&w->shared.alone);
    pthread_mutex_destroy(&w->shared.lock);
    tro_arena_finish(&w->arena);
    tro_free(w->in);
    tro_free(w);
}

int tro_worker_run(int control_fd, int pixels_fd, int socket_fd, struct tro_err *err)
{
    struct worker *const w = tro_calloc(1, sizeof *w);
    if (!w)
        return tro_fail_nomem(err);
    w->shared.socket = socket_fd;
    w->control_fd = control_fd;
    w->pixels_fd = pixels_fd;
    pthread_mutex_init(&w->shared.lock, NULL);
    pthread_mutex_init(&w->shared.alone, NULL);
    pthread_cond_init(&w->shared.wake, NULL);
    w->in = tro_malloc(TRO_WIRE_MAX_BYTES);
    const int rc = find_failure(w, w->in ? work(w, err) : tro_fail_nomem(err), err);
    if (rc < 0)
        tro_wire_send(socket_fd, TRO_WIRE_FAILED, err->text, strlen(err->text), NULL);
    if (rc != TRO_E_FAULT)
        finish(w);
    return rc;
}
