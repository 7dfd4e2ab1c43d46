/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/setup.h"

#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/thread.h"
#include "console/core/admit.h"
#include "console/core/mps.h"

#define NS_OF_MS 1e6
#define SETTLE_POLL_NS INT64_C(5000000)

static int worker_of(const struct tro_config *c, const struct tro_config_device *d)
{
    int i = 0;
    while (i < c->n_workers - 1 &&
           (c->workers[i].device.is_cuda != d->is_cuda || c->workers[i].device.index != d->index))
        i++;
    return i;
}

/* ---- processes ------------------------------------------------------------------------------ */

static bool has_regular(const struct tro_config *c, int worker)
{
    for (int i = 0; i < c->n_networks; i++)
        if (!c->networks[i].is_trial && worker_of(c, &c->networks[i].device) == worker)
            return true;
    return false;
}

/* Processes take turns on a GPU, and what waits for the other's turn is late, unless MPS lets them
 * compute at once. */
static bool may_have_two(struct tro_setup *s, const struct tro_config_device *d)
{
    if (!d->is_cuda)
        return true;
    if (s->config->ignores_mps)
        snprintf(s->no_mps, sizeof s->no_mps, "workers.cuda_mps is never");
    else if (!s->no_mps[0])
        s->has_mps = tro_mps_answers(s->no_mps, sizeof s->no_mps);
    return s->has_mps;
}

/* Each device has one, and one more of what is on trial, where that costs the others nothing. */
static void list_workers(struct tro_setup *s, struct tro_supervisor_worker *to)
{
    const struct tro_config *const c = s->config;
    s->n_workers = c->n_workers;
    for (int i = 0; i < c->n_workers; i++) {
        const struct tro_config_worker *const w = &c->workers[i];
        snprintf(s->device[i], sizeof s->device[i], w->device.is_cuda ? "cuda:%d" : "cpu",
                 w->device.index);
        s->is_for_trials[i] = !has_regular(c, i);
        to[i] = (struct tro_supervisor_worker){.device = s->device[i],
                                               .threads = w->threads,
                                               .lanes = w->lanes > 0 ? w->lanes : 1,
                                               .is_for_trials = s->is_for_trials[i]};
        if (s->is_for_trials[i] || !may_have_two(s, &w->device))
            continue;
        const int own = s->n_workers++;
        memcpy(s->device[own], s->device[i], sizeof s->device[i]);
        s->is_for_trials[own] = true;
        to[own] = (struct tro_supervisor_worker){
            .device = s->device[own], .threads = 1, .lanes = 1, .is_for_trials = true};
    }
}

static int trials_of(const struct tro_setup *s, int worker)
{
    for (int i = s->config->n_workers; i < s->n_workers; i++)
        if (strcmp(s->device[i], s->device[worker]) == 0)
            return i;
    return worker;
}

bool tro_setup_is_worth_telling(const struct tro_setup *s, int worker,
                                const struct tro_worker_counters *w)
{
    return !s->is_for_trials[worker] || w->starts > 0;
}

/* ---- opening -------------------------------------------------------------------------------- */

static struct tro_supervisor_network network_of(const struct tro_setup *s, int i)
{
    const struct tro_config *const c = s->config;
    const struct tro_config_network *const n = &c->networks[i];
    const int worker = worker_of(c, &n->device);
    struct tro_supervisor_network to = {
        .worker = n->is_trial ? trials_of(s, worker) : worker,
        .hosted = {.network = i,
                   .name = n->name,
                   .n_tiers = n->n_tiers,
                   .every = n->every,
                   .deadline_ns = (int64_t)(n->deadline_ms * NS_OF_MS),
                   .priority = n->priority,
                   .is_trial = n->is_trial},
    };
    memcpy(to.hosted.plans, n->plans, sizeof to.hosted.plans);
    to.hosted.worst_ns[0] = (int64_t)(n->worst_ms * NS_OF_MS);
    return to;
}

/* What guards privacy must be something that its network says. */
static int check_privacy(const struct tro_setup *s, struct tro_err *err)
{
    const struct tro_config *const c = s->config;
    struct tro_supervisor_status status;
    if (c->privacy.network < 0 ||
        !tro_supervisor_network(s->supervisor, c->privacy.network, &status))
        return 0;
    const struct tro_finding_names *const names = &status.opened.names;
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->name[i], c->privacy.name) == 0 &&
            names->kinds[i] & 1u << TRO_FINDING_SCALAR)
            return 0;
    return tro_config_fail(c, c->privacy.place, err,
                           "privacy.name: expected a score of the network '%s', found '%s', which "
                           "its record does not name",
                           c->networks[c->privacy.network].name, c->privacy.name);
}

int tro_setup_open(struct tro_setup *s, const struct tro_config *c,
                   const struct tro_setup_calls *calls, struct tro_err *err)
{
    struct tro_supervisor_worker workers[TRO_SUPERVISOR_MAX_WORKERS];
    struct tro_supervisor_network networks[TRO_BOARD_MAX_NETWORKS];
    *s = (struct tro_setup){.config = c};
    list_workers(s, workers);
    for (int i = 0; i < c->n_networks; i++)
        networks[i] = network_of(s, i);
    struct tro_supervisor_opts opts = {
        .focal_length = c->source.focal_length,
        .is_realtime = c->is_realtime,
        .budget_ns = (int64_t)(c->budget_ms * NS_OF_MS),
        .n_workers = s->n_workers,
        .n_networks = c->n_networks,
        .workers = workers,
        .networks = networks,
        .findings = calls->findings,
        .completed = calls->completed,
        .n_times = calls->n_times,
        .skipped = calls->skipped,
        .changed = calls->changed,
        .ctx = calls->ctx,
    };
    s->first_reader = tro_supervisor_n_readers(&opts);
    opts.ring = s->ring = tro_ring_create(&c->source.form, s->first_reader + calls->n_more_readers,
                                          err);
    s->supervisor = s->ring ? tro_supervisor_create(&opts, err) : NULL;
    if (s->supervisor)
        return 0;
    tro_setup_close(s);
    return err->status;
}

int tro_setup_start(struct tro_setup *s, struct tro_err *err)
{
    return tro_supervisor_start(s->supervisor, err);
}

/* The others run without it; at the start a plan that is not what it should be is a mistake of the
 * configuration, which one that crashes need not be. */
static int check_trials(const struct tro_setup *s, struct tro_err *err)
{
    const struct tro_config *const c = s->config;
    struct tro_supervisor_status status;
    for (int i = 0; i < c->n_networks; i++)
        if (c->networks[i].is_trial && tro_supervisor_network(s->supervisor, i, &status) &&
            status.opened.error[0] && !status.is_given_up)
            return tro_fail(err, TRO_E_INPUT, "network %s, on trial: %s", c->networks[i].name,
                            status.opened.error);
    return 0;
}

int tro_setup_opened(struct tro_setup *s, struct tro_err *err)
{
    const int rc = tro_supervisor_opened(s->supervisor, err);
    if (rc <= 0)
        return rc;
    TRO_TRY(check_trials(s, err));
    TRO_TRY(check_privacy(s, err));
    return rc;
}

int tro_setup_wait(struct tro_setup *s, struct tro_err *err)
{
    TRO_TRY(tro_supervisor_wait(s->supervisor, err));
    return tro_setup_opened(s, err);
}

void tro_setup_settle(struct tro_setup *s, int64_t most_ns)
{
    const struct timespec pause = {.tv_nsec = SETTLE_POLL_NS};
    const int64_t end_ns = tro_clock_ns() + most_ns;
    while (!tro_tally_is_settled(tro_supervisor_tally(s->supervisor)) && tro_clock_ns() < end_ns)
        nanosleep(&pause, NULL);
}

void tro_setup_stop(struct tro_setup *s)
{
    if (s->supervisor)
        tro_supervisor_stop(s->supervisor);
}

void tro_setup_close(struct tro_setup *s)
{
    tro_supervisor_destroy(s->supervisor);
    tro_ring_destroy(s->ring);
    *s = (struct tro_setup){0};
}

/* ---- admission ------------------------------------------------------------------------------ */

/* Numbers of lanes are of all devices together. A worker has no more lanes than networks. */
static int lane_of(const struct tro_setup *s, int network)
{
    const struct tro_config *const c = s->config;
    const int worker = worker_of(c, &c->networks[network].device);
    const int lanes = c->workers[worker].lanes > 0 ? c->workers[worker].lanes : 1;
    int n_before = 0, nth = 0;
    for (int i = 0; i < c->n_networks; i++) {
        const int of = worker_of(c, &c->networks[i].device);
        n_before += of < worker;
        nth += of == worker && i < network && !c->networks[i].is_trial;
    }
    return n_before + tro_hosted_lane(s->device[worker], lanes, nth);
}

bool tro_setup_is_given(const struct tro_setup *s)
{
    const struct tro_config *const c = s->config;
    for (int i = 0; i < c->n_networks; i++)
        if (!c->networks[i].is_trial && !(c->networks[i].worst_ms > 0))
            return false;
    return true;
}

static void print_trials(const struct tro_setup *s, FILE *out)
{
    const struct tro_config *const c = s->config;
    for (int i = 0; i < c->n_networks; i++) {
        const int worker = trials_of(s, worker_of(c, &c->networks[i].device));
        if (!c->networks[i].is_trial)
            continue;
        fprintf(out, "%-16s %-8s on trial, ", c->networks[i].name, s->device[worker]);
        if (s->is_for_trials[worker])
            fprintf(out, "in a process of its own\n");
        else
            fprintf(out, "in the worker of the others: no CUDA MPS (%s)\n", s->no_mps);
    }
}

bool tro_setup_admit(struct tro_setup *s, FILE *table)
{
    const struct tro_config *const c = s->config;
    struct tro_admit set[TRO_BOARD_MAX_NETWORKS];
    int n = 0;
    for (int i = 0; i < c->n_networks; i++) {
        struct tro_supervisor_status status;
        if (c->networks[i].is_trial || !tro_supervisor_network(s->supervisor, i, &status))
            continue;
        set[n++] = (struct tro_admit){
            .name = c->networks[i].name,
            .device = s->device[status.worker],
            .lane = lane_of(s, i),
            .period_ns = (int64_t)(1e9 * c->networks[i].every / c->source.fps),
            .deadline_ns = (int64_t)(c->networks[i].deadline_ms * NS_OF_MS),
            .alone_ns = status.opened.alone_ns[0],
            .worst_ns = c->networks[i].worst_ms > 0 ? (int64_t)(c->networks[i].worst_ms * NS_OF_MS)
                                                    : status.opened.worst_ns[0],
        };
    }
    const bool holds = tro_admit_check(set, n);
    if (table) {
        tro_admit_print(set, n, table);
        print_trials(s, table);
    }
    return holds;
}

sigset_t tro_setup_block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return set;
}

void tro_setup_put(struct tro_setup *s, const struct tro_frame *f)
{
    memcpy(tro_ring_begin(s->ring), f->bytes, tro_frame_n_bytes(&f->form));
    tro_supervisor_frame(s->supervisor, tro_ring_newest(s->ring) + 1, f->captured_ns);
    tro_ring_publish(s->ring, f->captured_ns);
}
