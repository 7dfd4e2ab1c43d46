/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/tally.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

#define N_OPEN_FRAMES 256 /* whose findings may still come */
#define N_SLOWEST 16

struct times {
    int64_t *ns;
    size_t n, cap, at; /* at: the next one to go, when all room is taken */
    size_t most;
};

struct network {
    bool is_there, is_trial;
    char name[64];
    int every;
    int64_t deadline_ns;
    uint64_t ran, lower, late, over_budget, skipped[TRO_N_SKIPS];
    uint64_t settled; /* the newest frame that it has looked at or given up */
    int64_t received_ns, longest_gap_ns;
    struct times latency, stages[TRO_N_TALLY_STAGES];
};

struct open_frame {
    uint64_t id; /* 0: none */
    int64_t captured_ns;
    int n_left; /* networks that have not looked at it yet */
};

/* A network on a frame, where its time went. */
struct slow {
    int64_t ns; /* from the frame in until its findings were there, or it was given up */
    int64_t captured_ns;
    int network;
    bool is_skipped;
    uint64_t frame;
    int64_t stages[TRO_N_TALLY_STAGES];
};

struct tro_tally {
    pthread_mutex_t lock;
    int64_t budget_ns;
    size_t most;
    struct network networks[TRO_HOSTED_MAX_NETWORKS];
    struct open_frame open[N_OPEN_FRAMES];
    uint64_t frames, complete, incomplete, over_budget;
    uint64_t newest;  /* frame */
    int64_t began_ns; /* the first frame came in */
    struct times latency;
    struct slow slowest[N_SLOWEST]; /* in no order */
};

const char *tro_tally_stage_name(enum tro_tally_stage stage)
{
    static const char *const names[] = {
#define TRO_TALLY_NAME(id, name) name,
        TRO_TALLY_STAGES(TRO_TALLY_NAME)
#undef TRO_TALLY_NAME
    };
    return names[stage];
}

/* ---- times ---------------------------------------------------------------------------------- */

/* Where memory runs out the oldest go. */
static void add_time(struct times *t, int64_t ns)
{
    if (t->n < t->most && TRO_GROW(&t->ns, t->n, &t->cap) >= 0) {
        t->ns[t->n++] = ns;
        return;
    }
    if (t->n == 0)
        return;
    t->ns[t->at] = ns;
    t->at = (t->at + 1) % t->n;
}

static void finish_times(struct times *t)
{
    tro_free(t->ns);
    *t = (struct times){.most = t->most};
}

/* Of a copy, since the order in time matters here. */
static struct tro_latency latency_of(const struct times *t)
{
    struct tro_latency l = {0};
    int64_t *const copy = t->n ? tro_malloc(t->n * sizeof *copy) : NULL;
    if (copy) {
        memcpy(copy, t->ns, t->n * sizeof *copy);
        l = tro_latency_of(copy, t->n);
    }
    tro_free(copy);
    return l;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void clear_network(struct network *n)
{
    finish_times(&n->latency);
    for (int i = 0; i < TRO_N_TALLY_STAGES; i++)
        finish_times(&n->stages[i]);
    *n = (struct network){0};
}

struct tro_tally *tro_tally_create(int64_t budget_ns, size_t n_times, struct tro_err *err)
{
    struct tro_tally *const t = tro_calloc(1, sizeof *t);
    if (!t) {
        tro_fail_nomem(err);
        return NULL;
    }
    t->budget_ns = budget_ns;
    t->most = t->latency.most = n_times;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void tro_tally_destroy(struct tro_tally *t)
{
    if (!t)
        return;
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++)
        clear_network(&t->networks[i]);
    finish_times(&t->latency);
    pthread_mutex_destroy(&t->lock);
    tro_free(t);
}

void tro_tally_add(struct tro_tally *t, int network, const char *name, int every,
                   int64_t deadline_ns, bool is_trial)
{
    struct network *const n = &t->networks[network];
    pthread_mutex_lock(&t->lock);
    clear_network(n);
    for (int i = 0; i < N_SLOWEST; i++)
        if (t->slowest[i].network == network)
            t->slowest[i] = (struct slow){0};
    n->is_there = true;
    n->latency.most = t->most;
    for (int i = 0; i < TRO_N_TALLY_STAGES; i++)
        n->stages[i].most = t->most;
    n->is_trial = is_trial;
    n->every = every;
    n->deadline_ns = deadline_ns;
    snprintf(n->name, sizeof n->name, "%s", name);
    pthread_mutex_unlock(&t->lock);
}

/* ---- counting ------------------------------------------------------------------------------- */

static bool is_released(const struct network *n, uint64_t id)
{
    return n->is_there && !n->is_trial && id % (uint64_t)n->every == 0;
}

void tro_tally_frame(struct tro_tally *t, uint64_t id, int64_t captured_ns)
{
    pthread_mutex_lock(&t->lock);
    struct open_frame *const f = &t->open[id % N_OPEN_FRAMES];
    if (t->frames++ == 0)
        t->began_ns = captured_ns;
    t->newest = id;
    t->incomplete += f->id && f->n_left > 0;
    *f = (struct open_frame){.id = id, .captured_ns = captured_ns};
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++)
        f->n_left += is_released(&t->networks[i], id);
    if (f->n_left == 0)
        f->id = 0;
    pthread_mutex_unlock(&t->lock);
}

/* How long the frame took, if this was the last it waited for; else 0. */
static int64_t complete(struct tro_tally *t, uint64_t id, int64_t received_ns)
{
    struct open_frame *const f = &t->open[id % N_OPEN_FRAMES];
    if (f->id != id || --f->n_left > 0)
        return 0;
    const int64_t ns = received_ns - f->captured_ns;
    f->id = 0;
    t->complete++;
    t->over_budget += ns > t->budget_ns;
    add_time(&t->latency, ns);
    return ns;
}

static void note_slow(struct tro_tally *t, const struct slow *s)
{
    struct slow *least = t->slowest;
    for (int i = 1; i < N_SLOWEST; i++)
        if (t->slowest[i].ns < least->ns)
            least = &t->slowest[i];
    if (s->ns > least->ns)
        *least = *s;
}

static void settle(struct network *n, uint64_t frame)
{
    if (frame > n->settled)
        n->settled = frame;
}

int64_t tro_tally_findings(struct tro_tally *t, const struct tro_stage *s, int64_t received_ns)
{
    const int64_t at[] = {s->captured_ns, s->taken_ns,   s->started_ns,
                          s->ran_ns,      s->decoded_ns, received_ns};
    const int64_t ns = received_ns - s->captured_ns;
    struct slow slow = {
        .ns = ns, .captured_ns = s->captured_ns, .network = s->network, .frame = s->frame};
    int64_t all_ns = 0;
    struct network *const n = &t->networks[s->network];
    pthread_mutex_lock(&t->lock);
    if (n->ran++ > 0 && received_ns - n->received_ns > n->longest_gap_ns)
        n->longest_gap_ns = received_ns - n->received_ns;
    n->received_ns = received_ns;
    settle(n, s->frame);
    n->lower += s->tier > 0;
    n->late += ns > n->deadline_ns;
    n->over_budget += ns > t->budget_ns;
    add_time(&n->latency, ns);
    for (int i = 0; i < TRO_N_TALLY_STAGES; i++) {
        slow.stages[i] = at[i + 1] - at[i];
        add_time(&n->stages[i], slow.stages[i]);
    }
    if (!n->is_trial)
        note_slow(t, &slow);
    if (is_released(n, s->frame))
        all_ns = complete(t, s->frame, received_ns);
    pthread_mutex_unlock(&t->lock);
    return all_ns;
}

void tro_tally_skipped(struct tro_tally *t, const struct tro_skipped *s)
{
    pthread_mutex_lock(&t->lock);
    t->networks[s->network].skipped[s->why] += s->n_frames;
    settle(&t->networks[s->network], s->frame);
    if (s->at_ns && !t->networks[s->network].is_trial)
        note_slow(t, &(struct slow){.ns = s->at_ns - s->captured_ns,
                                    .captured_ns = s->captured_ns,
                                    .network = s->network,
                                    .is_skipped = true,
                                    .frame = s->frame,
                                    .stages = {[TRO_TALLY_WAKE] = s->taken_ns - s->captured_ns,
                                               [TRO_TALLY_WAIT] = s->at_ns - s->taken_ns}});
    pthread_mutex_unlock(&t->lock);
}

bool tro_tally_is_settled(struct tro_tally *t)
{
    bool is_settled = true;
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++) {
        const struct network *const n = &t->networks[i];
        if (n->is_there && !n->is_trial)
            is_settled &= n->settled >= t->newest - t->newest % (uint64_t)n->every;
    }
    pthread_mutex_unlock(&t->lock);
    return is_settled;
}

/* ---- looking -------------------------------------------------------------------------------- */

static struct tro_tally_counts counts_of(const struct network *n)
{
    struct tro_tally_counts c = {.ran = n->ran,
                                 .lower = n->lower,
                                 .late = n->late,
                                 .over_budget = n->over_budget,
                                 .longest_gap_ns = n->longest_gap_ns};
    memcpy(c.skipped, n->skipped, sizeof c.skipped);
    return c;
}

bool tro_tally_counts(struct tro_tally *t, int network, struct tro_tally_counts *out)
{
    pthread_mutex_lock(&t->lock);
    const bool is_there = t->networks[network].is_there;
    *out = counts_of(&t->networks[network]);
    pthread_mutex_unlock(&t->lock);
    return is_there;
}

bool tro_tally_network(struct tro_tally *t, int network, struct tro_tally_network *out)
{
    const struct network *const n = &t->networks[network];
    pthread_mutex_lock(&t->lock);
    const bool is_there = n->is_there;
    *out = (struct tro_tally_network){.count = counts_of(n), .latency = latency_of(&n->latency)};
    for (int i = 0; i < TRO_N_TALLY_STAGES; i++)
        out->stages[i] = latency_of(&n->stages[i]);
    pthread_mutex_unlock(&t->lock);
    return is_there;
}

void tro_tally_all(struct tro_tally *t, struct tro_tally_all *out)
{
    pthread_mutex_lock(&t->lock);
    *out = (struct tro_tally_all){.frames = t->frames,
                                  .complete = t->complete,
                                  .incomplete = t->incomplete,
                                  .over_budget = t->over_budget,
                                  .latency = latency_of(&t->latency)};
    for (int i = 0; i < N_OPEN_FRAMES; i++)
        out->incomplete += t->open[i].id != 0;
    pthread_mutex_unlock(&t->lock);
}

void tro_latency_json(const struct tro_latency *l, const char *key, struct tro_json *j)
{
    tro_json_object_begin(j, key);
    tro_json_number(j, "min", l->min);
    tro_json_number(j, "mean", l->mean);
    tro_json_number(j, "p50", l->p50);
    tro_json_number(j, "p90", l->p90);
    tro_json_number(j, "p95", l->p95);
    tro_json_number(j, "p99", l->p99);
    tro_json_number(j, "p999", l->p999);
    tro_json_number(j, "max", l->max);
    tro_json_object_end(j);
}

static void network_json(struct tro_tally *t, int network, struct tro_json *j)
{
    struct tro_tally_network n;
    if (!tro_tally_network(t, network, &n))
        return;
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", t->networks[network].name);
    tro_json_bool(j, "trial", t->networks[network].is_trial);
    tro_json_int(j, "ran", (int64_t)n.count.ran);
    tro_json_int(j, "lower_tier", (int64_t)n.count.lower);
    tro_json_int(j, "skipped_late", (int64_t)n.count.skipped[TRO_SKIP_LATE]);
    tro_json_int(j, "skipped_busy", (int64_t)n.count.skipped[TRO_SKIP_BUSY]);
    tro_json_int(j, "missed_deadline", (int64_t)n.count.late);
    tro_json_int(j, "over_budget", (int64_t)n.count.over_budget);
    tro_json_number(j, "longest_gap_ms", (double)n.count.longest_gap_ns / 1e6);
    tro_latency_json(&n.latency, "latency_ms", j);
    tro_json_object_begin(j, "stages_ms");
    for (int i = 0; i < TRO_N_TALLY_STAGES; i++)
        tro_latency_json(&n.stages[i], tro_tally_stage_name((enum tro_tally_stage)i), j);
    tro_json_object_end(j);
    tro_json_object_end(j);
}

static int slower_first(const void *a, const void *b)
{
    const struct slow *const s = a, *const o = b;
    return s->ns != o->ns ? (s->ns < o->ns) - (s->ns > o->ns)
                          : (s->frame > o->frame) - (s->frame < o->frame);
}

static void slowest_json(struct tro_tally *t, struct tro_json *j)
{
    struct slow sorted[N_SLOWEST];
    pthread_mutex_lock(&t->lock);
    memcpy(sorted, t->slowest, sizeof sorted);
    pthread_mutex_unlock(&t->lock);
    qsort(sorted, N_SLOWEST, sizeof *sorted, slower_first);
    tro_json_array_begin(j, "slowest");
    for (int i = 0; i < N_SLOWEST && sorted[i].ns > 0; i++) {
        const struct slow *const s = &sorted[i];
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "network", t->networks[s->network].name);
        tro_json_int(j, "frame", (int64_t)s->frame);
        tro_json_number(j, "at_s", (double)(s->captured_ns - t->began_ns) / 1e9);
        tro_json_bool(j, "skipped", s->is_skipped);
        tro_json_number(j, "ms", (double)s->ns / 1e6);
        for (int k = 0; k < TRO_N_TALLY_STAGES; k++)
            tro_json_number(j, tro_tally_stage_name((enum tro_tally_stage)k),
                            (double)s->stages[k] / 1e6);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

void tro_tally_json(struct tro_tally *t, struct tro_json *j)
{
    struct tro_tally_all all;
    tro_tally_all(t, &all);
    tro_json_int(j, "frames", (int64_t)all.frames);
    tro_json_number(j, "began_s", (double)t->began_ns / 1e9);
    tro_json_number(j, "budget_ms", (double)t->budget_ns / 1e6);
    tro_json_int(j, "complete", (int64_t)all.complete);
    tro_json_int(j, "incomplete", (int64_t)all.incomplete);
    tro_json_int(j, "over_budget", (int64_t)all.over_budget);
    tro_latency_json(&all.latency, "latency_ms", j);
    tro_json_array_begin(j, "networks");
    for (int i = 0; i < TRO_HOSTED_MAX_NETWORKS; i++)
        network_json(t, i, j);
    tro_json_array_end(j);
    slowest_json(t, j);
}
