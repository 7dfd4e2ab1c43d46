/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says of itself. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "console/daemon/console_state.h"

static void fill_network(struct tro_console *c, int i, int64_t now_ns,
                         struct tro_status_network *out)
{
    const bool is_seeing = atomic_load(&c->is_seeing);
    struct tro_supervisor_status s;
    struct tro_worker_counters w;
    if (!tro_supervisor_network(c->setup.supervisor, i, &s))
        return;
    tro_supervisor_worker(c->setup.supervisor, s.worker, &w);
    out->state = s.opened.error[0]                                ? TRO_NETWORK_IS_REFUSED
                 : s.is_running && is_seeing                      ? TRO_NETWORK_IS_RUNNING
                 : s.is_running || w.state == TRO_WORKER_STARTING ? TRO_NETWORK_IS_LOADING
                                                                  : TRO_NETWORK_IS_WAITING;
    out->is_for_trials = c->setup.is_for_trials[s.worker];
    out->tier = c->tiers[i];
    for (int t = 0; t < s.opened.n_tiers && t < TRO_CONFIG_MAX_TIERS; t++) {
        out->tiers[t].engine = s.opened.engine[t];
        out->tiers[t].worst_ms = (double)s.opened.worst_ns[t] * 1e-6;
    }
    out->names = is_seeing ? &c->names[i] : NULL;
    out->age_ms = c->seen[i].frame ? (double)(now_ns - c->seen[i].captured_ns) * 1e-6 : -1;
}

static void fill_worker(struct tro_console *c, int i, int64_t now_ns,
                        struct tro_console_status *all)
{
    struct tro_worker_counters w;
    tro_supervisor_worker(c->setup.supervisor, i, &w);
    if (!tro_setup_is_worth_telling(&c->setup, i, &w))
        return;
    struct tro_status_worker *const out = &all->workers[all->n_workers++];
    snprintf(out->device, sizeof out->device, "%s", c->setup.device[i]);
    out->state = w.state;
    out->pid = w.pid;
    out->n_restarts = w.starts ? w.starts - 1 : 0;
    out->since_ms = (double)(now_ns - atomic_load(&c->worker_since_ns[i])) * 1e-6;
    out->lanes = i < c->config->n_workers ? c->config->workers[i].lanes : 1;
    out->is_for_trials = c->setup.is_for_trials[i];
}

static void fill_viewers(struct tro_console *c, int64_t now_ns, struct tro_console_status *out)
{
    struct tro_viewer_info list[TRO_STATUS_MAX_VIEWERS];
    const int n_all = tro_viewers_list(c->viewers, list, TRO_STATUS_MAX_VIEWERS);
    const int n = n_all < TRO_STATUS_MAX_VIEWERS ? n_all : TRO_STATUS_MAX_VIEWERS;
    for (int i = 0; i < n; i++) {
        struct tro_person who = {.name = "", .role = "expert"};
        struct tro_status_viewer *const v = &out->viewers[out->n_viewers++];
        tro_console_person(c, list[i].id, &who);
        *v = (struct tro_status_viewer){.role = who.role,
                                        .is_burned_in = list[i].is_burned_in,
                                        .is_connected = list[i].is_connected,
                                        .since_ms = (double)(now_ns - list[i].since_ns) * 1e-6,
                                        .n_sent = list[i].n_sent,
                                        .n_dropped = list[i].n_dropped,
                                        .n_messages = list[i].n_messages,
                                        .n_refused = list[i].n_refused};
        snprintf(v->name, sizeof v->name, "%s", who.name);
    }
}

/* What is counted elsewhere. */
static void gather(struct tro_console *c)
{
    struct tro_tally *const t = tro_supervisor_tally(c->setup.supervisor);
    struct tro_media_counters m;
    tro_media_count(c->media, &m);
    tro_metrics_set(c->metrics, TRO_COUNT_CAPTURED, m.captured);
    tro_metrics_set(c->metrics, TRO_COUNT_DISPLAYED, m.displayed);
    tro_metrics_set(c->metrics, TRO_COUNT_DISPLAY_LOST, m.display_lost);
    tro_metrics_set(c->metrics, TRO_COUNT_ENCODED, m.encoded);
    tro_metrics_set(c->metrics, TRO_COUNT_ENCODER_LOST, m.encoder_lost);
    for (int i = 0; i < c->config->n_networks; i++) {
        struct tro_tally_counts n;
        if (!tro_tally_counts(t, i, &n))
            continue;
        tro_metrics_network_set(c->metrics, i, TRO_NETWORK_RAN, n.ran);
        tro_metrics_network_set(c->metrics, i, TRO_NETWORK_LOWERED, n.lower);
        tro_metrics_network_set(c->metrics, i, TRO_NETWORK_SKIPPED_LATE, n.skipped[TRO_SKIP_LATE]);
        tro_metrics_network_set(c->metrics, i, TRO_NETWORK_SKIPPED_BUSY, n.skipped[TRO_SKIP_BUSY]);
        tro_metrics_network_set(c->metrics, i, TRO_NETWORK_MISSES, n.late);
    }
}

void tro_console_status(struct tro_console *c, struct tro_console_status *out)
{
    const int64_t now_ns = tro_clock_ns();
    struct tro_media_counters m;
    *out = (struct tro_console_status){
        .config = c->config,
        .metrics = c->metrics,
        .started_ns = c->started_ns,
        .now_ns = now_ns,
        .source = (enum tro_source_state)atomic_load(&c->source_state),
        .frame = atomic_load(&c->newest),
        .privacy = (enum tro_privacy_state)atomic_load(&c->privacy)};
    gather(c);
    out->is_blurred = out->privacy != TRO_PRIVACY_IS_INSIDE && out->privacy != TRO_PRIVACY_IS_OFF;
    out->smoothing_delay_ms = atomic_load(&c->is_seeing) ? tro_guide_delay_ms(c->guide) : 0;
    pthread_mutex_lock(&c->see);
    for (int i = 0; i < c->config->n_networks; i++)
        fill_network(c, i, now_ns, &out->networks[i]);
    if (c->sentence_state != TRO_SENTENCE_NONE)
        out->sentence = c->sentence;
    out->sentence_state = c->sentence_state;
    out->sentence_age_ms = (float)((double)(now_ns - c->sentence.seen_ns) * 1e-6);
    pthread_mutex_unlock(&c->see);
    for (int i = 0; i < c->setup.n_workers; i++)
        fill_worker(c, i, now_ns, out);
    fill_viewers(c, now_ns, out);
    tro_media_count(c->media, &m);
    snprintf(out->encoder, sizeof out->encoder, "%s", m.encoder);
}

void tro_console_put_status(struct tro_console *c, const char *key, struct tro_json *j)
{
    struct tro_console_status *const s = tro_calloc(1, sizeof *s);
    if (!s) {
        j->buf.failed = true;
        return;
    }
    tro_console_status(c, s);
    tro_status_json(s, key, j);
    tro_free(s);
}

void tro_console_status_json(void *ctx, struct tro_json *j)
{
    tro_console_put_status(ctx, NULL, j);
}

void tro_console_metrics_text(void *ctx, struct tro_buf *out)
{
    struct tro_console_status *const s = tro_calloc(1, sizeof *s);
    if (!s) {
        out->failed = true;
        return;
    }
    tro_console_status(ctx, s);
    tro_status_prometheus(s, out);
    tro_free(s);
}
