/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/supervisor.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "console/core/spawn.h"
#include "console/core/supervisor_state.h"
#include "console/core/worker.h"

const char *tro_worker_state_name(enum tro_worker_state state)
{
    static const char *const names[] = {
#define TRO_WORKER_NAME(id, name) name,
        TRO_WORKER_STATES(TRO_WORKER_NAME)
#undef TRO_WORKER_NAME
    };
    return names[state];
}

const char *tro_worker_process_name(bool is_for_trials)
{
    return is_for_trials ? "trials" : "main";
}

/* ---- readers -------------------------------------------------------------------------------- */

static bool takes_trials(const struct tro_supervisor_opts *o, int worker)
{
    for (int i = 0; i < o->n_workers; i++)
        if (o->workers[i].is_for_trials &&
            strcmp(o->workers[i].device, o->workers[worker].device) == 0)
            return i == worker;
    return true;
}

/* Lanes of a worker: each holds a frame. */
static int n_lanes(const struct tro_supervisor_opts *o, int worker)
{
    const bool is_gpu = tro_hosted_is_gpu(o->workers[worker].device);
    int n_regular = 0, n_trials = 0;
    for (int i = 0; i < o->n_networks; i++) {
        if (o->networks[i].worker != worker)
            continue;
        n_trials += o->networks[i].hosted.is_trial;
        n_regular += !o->networks[i].hosted.is_trial;
    }
    if (!is_gpu && n_regular > o->workers[worker].lanes)
        n_regular = o->workers[worker].lanes;
    return n_regular + n_trials + (takes_trials(o, worker) ? TRO_WORKER_MAX_TRIALS : 0);
}

int tro_supervisor_n_readers(const struct tro_supervisor_opts *opts)
{
    int n = 0;
    for (int i = 0; i < opts->n_workers; i++)
        n += n_lanes(opts, i);
    return n < 1 ? 1 : n > TRO_RING_MAX_READERS ? TRO_RING_MAX_READERS : n;
}

/* ---- copies --------------------------------------------------------------------------------- */

int tro_supervised_copy(struct tro_supervisor *s, const struct tro_hosted_network *from,
                        struct tro_hosted_network *to, struct tro_err *err)
{
    *to = *from;
    to->name = tro_arena_strdup(&s->arena, from->name);
    bool is_copied = to->name != NULL;
    for (int i = 0; i < from->n_tiers; i++) {
        to->plans[i] = tro_arena_strdup(&s->arena, from->plans[i]);
        is_copied = is_copied && to->plans[i];
    }
    return is_copied ? 0 : tro_fail_nomem(err);
}

void tro_supervised_add(struct tro_supervisor *s, int i, int worker)
{
    struct tro_supervised_network *const n = &s->networks[i];
    n->is_there = true;
    n->hosted.network = i;
    n->status = (struct tro_supervisor_status){.is_trial = n->hosted.is_trial, .worker = worker};
    tro_tally_add(s->tally, i, n->hosted.name, n->hosted.every, n->hosted.deadline_ns,
                  n->hosted.is_trial);
}

static int check(const struct tro_supervisor_opts *o, struct tro_err *err)
{
    if (o->n_workers < 1 || o->n_workers > TRO_SUPERVISOR_MAX_WORKERS || o->n_networks < 1 ||
        o->n_networks > TRO_HOSTED_MAX_NETWORKS)
        return tro_fail(
            err, TRO_E_INPUT, "expected 1 to %d workers and 1 to %d networks, found %d and %d",
            TRO_SUPERVISOR_MAX_WORKERS, TRO_HOSTED_MAX_NETWORKS, o->n_workers, o->n_networks);
    return 0;
}

static int copy_workers(struct tro_supervisor *s, struct tro_err *err)
{
    int reader = 0;
    for (int i = 0; i < s->opts.n_workers; i++) {
        struct tro_supervised_worker *const w = &s->workers[s->n_workers++];
        w->s = s;
        w->number = i;
        w->socket = -1;
        w->opts = s->opts.workers[i];
        w->opts.device = tro_arena_strdup(&s->arena, w->opts.device);
        w->reader = reader;
        reader += n_lanes(&s->opts, i);
        if (w->reader >= TRO_RING_MAX_READERS)
            return tro_fail(err, TRO_E_UNSUPPORTED,
                            "expected at most %d networks that run at once on all devices, with "
                            "%d of each device kept for trials",
                            TRO_RING_MAX_READERS, TRO_WORKER_MAX_TRIALS);
        w->in = tro_malloc(TRO_WIRE_MAX_BYTES);
        if (!w->opts.device || !w->in)
            return tro_fail_nomem(err);
        TRO_TRY(tro_findings_init(&w->findings, err));
    }
    return 0;
}

static int copy_opts(struct tro_supervisor *s, struct tro_err *err)
{
    TRO_TRY(copy_workers(s, err));
    for (int i = 0; i < s->opts.n_networks; i++) {
        TRO_TRY(tro_supervised_copy(s, &s->opts.networks[i].hosted, &s->networks[i].hosted, err));
        tro_supervised_add(s, i, s->opts.networks[i].worker);
    }
    for (int i = 0; i < s->n_workers; i++)
        if (!tro_supervised_has_work(&s->workers[i])) {
            s->workers[i].has_opened = true;
            s->workers[i].counters.state = TRO_WORKER_ENDED;
        }
    if (!s->opts.program)
        return tro_spawn_path("trocar-worker", s->program, sizeof s->program, err);
    if (strlen(s->opts.program) >= sizeof s->program)
        return tro_fail(err, TRO_E_INPUT, "the path of the worker's program is too long");
    strcpy(s->program, s->opts.program);
    return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void init_locks(struct tro_supervisor *s)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct tro_supervisor *tro_supervisor_create(const struct tro_supervisor_opts *opts,
                                             struct tro_err *err)
{
    struct tro_supervisor *const s = check(opts, err) < 0 ? NULL : tro_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->opts = *opts;
    init_locks(s);
    s->tally = tro_tally_create(opts->budget_ns, opts->n_times, err);
    if (!s->tally || copy_opts(s, err) < 0) {
        tro_supervisor_destroy(s);
        return NULL;
    }
    return s;
}

static void ask_to_quit(struct tro_supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    for (int i = 0; i < s->n_workers; i++)
        if (s->workers[i].socket >= 0)
            tro_wire_send(s->workers[i].socket, TRO_WIRE_QUIT, NULL, 0, NULL);
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void tro_supervisor_stop(struct tro_supervisor *s)
{
    ask_to_quit(s);
    for (int i = 0; i < s->n_workers; i++) {
        struct tro_supervised_worker *const w = &s->workers[i];
        if (w->has_thread)
            pthread_join(w->thread, NULL);
        w->has_thread = false;
    }
}

void tro_supervisor_destroy(struct tro_supervisor *s)
{
    if (!s)
        return;
    tro_supervisor_stop(s);
    for (int i = 0; i < s->n_workers; i++) {
        tro_findings_finish(&s->workers[i].findings);
        tro_free(s->workers[i].in);
    }
    tro_tally_destroy(s->tally);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    tro_arena_finish(&s->arena);
    tro_free(s);
}

static bool all_opened(const struct tro_supervisor *s)
{
    for (int i = 0; i < s->n_workers; i++)
        if (!s->workers[i].has_opened)
            return false;
    return true;
}

static const struct tro_err *first_failure(const struct tro_supervisor *s)
{
    for (int i = 0; i < s->n_workers; i++)
        if (s->workers[i].has_ended)
            return &s->workers[i].err;
    return NULL;
}

int tro_supervisor_start(struct tro_supervisor *s, struct tro_err *err)
{
    for (int i = 0; i < s->n_workers; i++) {
        struct tro_supervised_worker *const w = &s->workers[i];
        if (pthread_create(&w->thread, NULL, tro_supervised_main, w) != 0)
            return tro_fail(err, TRO_E_NOMEM, "no thread could be had for a worker");
        w->has_thread = true;
    }
    return 0;
}

/* Under the lock. */
static int opened(const struct tro_supervisor *s, struct tro_err *err)
{
    const struct tro_err *const failure = first_failure(s);
    if (failure)
        return tro_fail(err, (enum tro_status)failure->status, "%s", failure->text);
    return all_opened(s);
}

int tro_supervisor_opened(struct tro_supervisor *s, struct tro_err *err)
{
    pthread_mutex_lock(&s->lock);
    const int rc = opened(s, err);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int tro_supervisor_wait(struct tro_supervisor *s, struct tro_err *err)
{
    int rc;
    pthread_mutex_lock(&s->lock);
    while ((rc = opened(s, err)) == 0)
        pthread_cond_wait(&s->wake, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void tro_supervisor_frame(struct tro_supervisor *s, uint64_t id, int64_t captured_ns)
{
    tro_tally_frame(s->tally, id, captured_ns);
}

/* ---- looking -------------------------------------------------------------------------------- */

bool tro_supervisor_network(struct tro_supervisor *s, int network,
                            struct tro_supervisor_status *out)
{
    if (network < 0 || network >= TRO_HOSTED_MAX_NETWORKS)
        return false;
    pthread_mutex_lock(&s->lock);
    const bool is_there = s->networks[network].is_there;
    *out = s->networks[network].status;
    pthread_mutex_unlock(&s->lock);
    return is_there;
}

void tro_supervisor_worker(struct tro_supervisor *s, int worker, struct tro_worker_counters *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->workers[worker].counters;
    pthread_mutex_unlock(&s->lock);
}

struct tro_tally *tro_supervisor_tally(struct tro_supervisor *s)
{
    return s->tally;
}
