/* SPDX-License-Identifier: Apache-2.0 */
/* Plans on trial, and those that come while the others run. They are remembered: a worker that is
 * started anew gets them again, unless they are what it ends of. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "console/core/supervisor_state.h"
#include "console/core/worker.h"

#define MAX_ENDS 3     /* of its worker, one after the other, then it is given up */
#define MANY_RUNS 1000 /* in one process: what that ends of is something else */

/* ---- to the worker; under the lock ---------------------------------------------------------- */

static int send_network(const struct tro_supervised_worker *w, enum tro_wire_type type,
                        const struct tro_hosted_network *n, struct tro_err *err)
{
    const struct tro_hosted h = {.device = w->opts.device,
                                 .lanes = 1,
                                 .reader = w->reader,
                                 .n_networks = 1,
                                 .networks = {*n}};
    struct tro_json j = {.is_line = true};
    tro_hosted_write(&h, &j);
    const int rc = j.buf.failed ? tro_fail_nomem(err)
                                : tro_wire_send(w->socket, type, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

bool tro_supervised_is_wanted(const struct tro_supervised_network *n)
{
    return n->is_there && !(n->hosted.is_trial && n->status.opened.error[0]);
}

static bool is_of(const struct tro_supervised_network *n, const struct tro_supervised_worker *w)
{
    return n->is_there && n->status.worker == w->number;
}

bool tro_supervised_has_work(const struct tro_supervised_worker *w)
{
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++)
        if (is_of(&w->s->networks[i], w) && tro_supervised_is_wanted(&w->s->networks[i]))
            return true;
    return !w->opts.is_for_trials;
}

int tro_supervised_load_again(struct tro_supervised_worker *w, struct tro_err *err)
{
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++) {
        struct tro_supervised_network *const n = &w->s->networks[i];
        if (!is_of(n, w) || n->is_sent || !tro_supervised_is_wanted(n))
            continue;
        TRO_TRY(send_network(w, TRO_WIRE_LOAD, &n->hosted, err));
        n->is_sent = true;
    }
    return 0;
}

/* Whatever the worker has ended of, it may have been this one. */
static void note_end(struct tro_supervised_network *n, const char *device, uint64_t n_ran)
{
    struct tro_opened_network *const o = &n->status.opened;
    n->n_ends = n_ran - n->n_ran < MANY_RUNS ? n->n_ends + 1 : 1;
    n->n_ran = n_ran;
    if (n->n_ends < MAX_ENDS || o->error[0])
        return;
    n->status.is_given_up = true;
    snprintf(o->error, sizeof o->error,
             "given up: the worker of %s ended %d times, each before it had run %d times; load "
             "it again if there was another reason",
             device, n->n_ends, MANY_RUNS);
}

void tro_supervised_note_end(struct tro_supervised_worker *w)
{
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++) {
        struct tro_supervised_network *const n = &w->s->networks[i];
        struct tro_tally_counts t = {0};
        if (!is_of(n, w))
            continue;
        tro_tally_counts(w->s->tally, i, &t);
        if (n->hosted.is_trial && n->is_sent)
            note_end(n, w->opts.device, t.ran);
        n->is_sent = n->status.is_running = false;
    }
}

/* ---- loading -------------------------------------------------------------------------------- */

/* Under the lock: a place for one more, -1: there is none. */
static int find_place(const struct tro_supervised_worker *w)
{
    int n_loaded = 0, place = -1;
    for (int i = TRO_HOSTED_MAX_NETWORKS - 1; i >= 0; i--) {
        n_loaded += is_of(&w->s->networks[i], w) && w->s->networks[i].is_loaded;
        place = w->s->networks[i].is_there ? place : i;
    }
    return n_loaded < TRO_WORKER_MAX_TRIALS ? place : -1;
}

/* A worker that does not run now, or is just gone, gets it when it has opened the rest. */
static int load(struct tro_supervised_worker *w, const struct tro_hosted_network *from,
                struct tro_err *err)
{
    const int i = find_place(w);
    if (i < 0)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "expected at most %d networks on trial on a device and %d in all",
                        TRO_WORKER_MAX_TRIALS, TRO_HOSTED_MAX_NETWORKS);
    struct tro_supervised_network *const n = &w->s->networks[i];
    TRO_TRY(tro_supervised_copy(w->s, from, &n->hosted, err));
    n->hosted.is_trial = true;
    n->hosted.network = i;
    if (w->counters.state == TRO_WORKER_RUNNING &&
        send_network(w, TRO_WIRE_LOAD, &n->hosted, NULL) == TRO_E_NOMEM)
        return tro_fail_nomem(err);
    n->is_loaded = true;
    n->is_sent = w->counters.state == TRO_WORKER_RUNNING;
    n->n_ends = 0;
    n->n_ran = 0;
    tro_supervised_add(w->s, i, w->number);
    pthread_cond_broadcast(&w->s->wake);
    return i;
}

/* The one of its device that is for trials, if there is one. */
static struct tro_supervised_worker *worker_for(struct tro_supervisor *s, int worker)
{
    for (int i = 0; i < s->n_workers; i++)
        if (s->workers[i].opts.is_for_trials &&
            strcmp(s->workers[i].opts.device, s->workers[worker].opts.device) == 0)
            return &s->workers[i];
    return &s->workers[worker];
}

int tro_supervisor_load(struct tro_supervisor *s, int worker, const struct tro_hosted_network *n,
                        struct tro_err *err)
{
    if (worker < 0 || worker >= s->n_workers)
        return tro_fail(err, TRO_E_INPUT, "expected a worker of 0 to %d, found %d",
                        s->n_workers - 1, worker);
    pthread_mutex_lock(&s->lock);
    const int rc = load(worker_for(s, worker), n, err);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static int unload(struct tro_supervised_network *n, const struct tro_supervised_worker *w,
                  struct tro_err *err)
{
    if (n->is_sent && send_network(w, TRO_WIRE_UNLOAD, &n->hosted, NULL) == TRO_E_NOMEM)
        return tro_fail_nomem(err);
    n->is_there = n->is_loaded = n->is_sent = false;
    return 0;
}

int tro_supervisor_unload(struct tro_supervisor *s, int network, struct tro_err *err)
{
    struct tro_supervised_network *const n = network >= 0 && network < TRO_HOSTED_MAX_NETWORKS
                                                 ? &s->networks[network]
                                                 : NULL;
    pthread_mutex_lock(&s->lock);
    const int rc = n && n->is_there && n->is_loaded
                       ? unload(n, &s->workers[n->status.worker], err)
                       : tro_fail(err, TRO_E_INPUT,
                                  "expected a network that was loaded, found number %d", network);
    pthread_mutex_unlock(&s->lock);
    return rc;
}
