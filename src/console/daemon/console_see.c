/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in, findings on the board, sentences made of them. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/thread.h"
#include "console/daemon/console_state.h"

#define GUARD_NS \
    INT64_C(2000000000) /* an older word that the endoscope is inside counts for nothing */

/* ---- frames ----------------------------------------------------------------------------- */

static struct tro_console_frame *frame_at(struct tro_console *c, uint64_t id)
{
    return &c->frames[id % TRO_CONSOLE_FRAMES];
}

/* In the capture's thread: nothing here waits longer than it takes to copy a frame. */
void tro_console_frame(struct tro_console *c, const struct tro_frame *f)
{
    tro_setup_put(&c->setup, f);
    atomic_store(&c->newest, f->id);
    pthread_mutex_lock(&c->see);
    *frame_at(c, f->id) = (struct tro_console_frame){f->id, f->captured_ns};
    pthread_mutex_unlock(&c->see);
    const int64_t now_ns = tro_clock_ns();
    tro_metrics_time(c->metrics, TRO_SERIES_STAGE + TRO_STAGE_CAPTURE, now_ns - f->captured_ns);
    tro_trace_put(c->trace, TRO_STAGE_CAPTURE, f->id, -1, f->captured_ns, now_ns);
}

int64_t tro_console_captured_ns(struct tro_console *c, uint64_t frame)
{
    pthread_mutex_lock(&c->see);
    const struct tro_console_frame *const at = frame_at(c, frame);
    const int64_t ns = frame && at->id == frame ? at->captured_ns : 0;
    pthread_mutex_unlock(&c->see);
    return ns;
}

void tro_console_completed(void *ctx, uint64_t frame, int64_t ns)
{
    struct tro_console *const c = ctx;
    (void)frame;
    tro_metrics_frame(c->metrics, ns, c->config->budget_ms);
}

/* ---- privacy ---------------------------------------------------------------------------- */

/* Blurred unless the network that guards it has just said that the endoscope is in the body. */
static void guard(struct tro_console *c, const struct tro_findings *f)
{
    enum tro_privacy_state state = TRO_PRIVACY_IS_UNSURE;
    if (f->network != c->config->privacy.network)
        return;
    for (int i = 0; i < f->n; i++) {
        const struct tro_finding *const x = &f->items[i];
        if (x->kind == TRO_FINDING_SCALAR && x->label < c->names[f->network].n &&
            strcmp(c->names[f->network].name[x->label], c->config->privacy.name) == 0)
            state = x->value > c->config->privacy.above ? TRO_PRIVACY_IS_OUTSIDE
                                                        : TRO_PRIVACY_IS_INSIDE;
    }
    atomic_store(&c->privacy, (int)state);
    tro_media_blur(c->media, state != TRO_PRIVACY_IS_INSIDE);
}

/* ---- sentences -------------------------------------------------------------------------- */

void tro_console_tell_sentence(struct tro_console *c, enum tro_sentence_state state)
{
    struct tro_json message = {.is_line = true}, event = {.is_line = true};
    const float age_ms = (float)((double)(tro_clock_ns() - c->sentence.seen_ns) * 1e-6);
    c->sentence_state = state;
    tro_sentences_put(c->sentences, &c->sentence, state);
    tro_sentence_object(&c->sentence, state, age_ms, c->network_names, c->config->n_networks,
                        ++c->sentence_seq, &message);
    tro_sentence_object(&c->sentence, state, age_ms, c->network_names, c->config->n_networks, 0,
                        &event);
    tro_console_send_twice(c, &message);
    tro_console_event(c, "sentence", &event);
}

/* Tracks what was found and hears the rules. */
static void follow_rules(struct tro_console *c, const struct tro_findings *f,
                         struct tro_findings *own)
{
    struct tro_sentence now;
    const int64_t begin_ns = tro_clock_ns();
    const enum tro_rules_event event = tro_guide_take(c->guide, f, own, &now);
    const int64_t end_ns = tro_clock_ns();
    tro_metrics_time(c->metrics, TRO_SERIES_STAGE + TRO_STAGE_RULES, end_ns - begin_ns);
    tro_trace_put(c->trace, TRO_STAGE_RULES, f->frame, f->network, begin_ns, end_ns);
    if (event != TRO_RULES_SAME || now.id)
        tro_board_put_sentence(c->board, &now);
    if (now.id)
        c->sentence = now;
    if (event == TRO_RULES_BEGAN)
        tro_metrics_add(c->metrics, TRO_COUNT_RULES_FIRED, 1);
    if (event == TRO_RULES_BEGAN || event == TRO_RULES_CHANGED)
        tro_console_tell_sentence(c, TRO_SENTENCE_TRUE);
    else if (event == TRO_RULES_ENDED && c->sentence.id)
        tro_console_tell_sentence(c, TRO_SENTENCE_HELD);
}

/* Is something that the sentence rests on too old to be shown? Since when. */
static bool is_interrupted(const struct tro_console *c, int64_t now_ns, int64_t *since_ns)
{
    const int64_t limit_ns = (int64_t)((c->config->max_age_ms + c->config->fade_ms) * 1e6F);
    bool is = false;
    *since_ns = now_ns;
    for (int w = 0; w < c->sentence.n_why; w++) {
        const struct tro_sentence_why *const why = &c->sentence.why[w];
        for (int i = 0; i < why->n_from; i++) {
            const struct tro_findings *const f = &c->seen[why->from[i].network];
            const int64_t period_ns = (int64_t)(1e9 *
                                                c->config->networks[why->from[i].network].every /
                                                c->config->source.fps);
            const int64_t due_ns = f->captured_ns + period_ns + limit_ns;
            if (now_ns <= due_ns)
                continue;
            is = true;
            *since_ns = due_ns < *since_ns ? due_ns : *since_ns;
        }
    }
    return is;
}

static void watch_sentence(struct tro_console *c)
{
    int64_t since_ns;
    const bool has_one = c->sentence.id && c->sentence_state != TRO_SENTENCE_NONE;
    const bool is = has_one && is_interrupted(c, tro_clock_ns(), &since_ns);
    if (has_one && is != (c->sentence_state == TRO_SENTENCE_INTERRUPTED)) {
        tro_board_interrupt(c->board, is, since_ns);
        tro_console_tell_sentence(c, is ? TRO_SENTENCE_INTERRUPTED : TRO_SENTENCE_HELD);
    }
}

/* What guards privacy has not been heard from for too long. */
static void watch_privacy(struct tro_console *c)
{
    const int network = c->config->privacy.network;
    if (network < 0 || tro_clock_ns() - c->seen[network].ready_ns < GUARD_NS)
        return;
    atomic_store(&c->privacy, TRO_PRIVACY_IS_UNSURE);
    tro_media_blur(c->media, true);
}

void tro_console_watch(struct tro_console *c)
{
    pthread_mutex_lock(&c->see);
    watch_sentence(c);
    watch_privacy(c);
    pthread_mutex_unlock(&c->see);
}

void tro_console_dismiss(struct tro_console *c)
{
    pthread_mutex_lock(&c->see);
    tro_board_dismiss(c->board);
    if (c->sentence.id)
        tro_console_tell_sentence(c, TRO_SENTENCE_NONE);
    pthread_mutex_unlock(&c->see);
}

/* ---- findings --------------------------------------------------------------------------- */

static void measure(struct tro_console *c, const struct tro_findings *f, const struct tro_stage *s,
                    int64_t now_ns)
{
    const struct {
        enum tro_trace_stage stage;
        int64_t begin_ns, end_ns;
    } spans[] = {{TRO_STAGE_RING, s->captured_ns, s->taken_ns},
                 {TRO_STAGE_QUEUE, s->taken_ns, s->started_ns},
                 {TRO_STAGE_RUN, s->started_ns, s->ran_ns},
                 {TRO_STAGE_FINDINGS, s->ran_ns, now_ns}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        tro_metrics_time(c->metrics, TRO_SERIES_STAGE + (int)spans[i].stage,
                         spans[i].end_ns - spans[i].begin_ns);
        tro_trace_put(c->trace, spans[i].stage, f->frame, f->network, spans[i].begin_ns,
                      spans[i].end_ns);
    }
    tro_metrics_time(c->metrics, TRO_SERIES_LATENCY + f->network, now_ns - s->captured_ns);
    tro_metrics_time(c->metrics, TRO_SERIES_RUN + f->network, s->ran_ns - s->started_ns);
    tro_metrics_add(c->metrics, TRO_COUNT_FINDINGS, 1);
    tro_metrics_network_add(c->metrics, f->network, TRO_NETWORK_ITEMS, (uint64_t)f->n);
}

/* Members of an object are the same on the channel and in records. */
static void tell_findings(struct tro_console *c, const struct tro_findings *f, int64_t now_ns)
{
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "t", "findings");
    tro_json_int(&j, "shown_on", (int64_t)atomic_load(&c->newest));
    tro_findings_json(f, &c->names[f->network], c->network_names[f->network], now_ns,
                      TRO_PLANES_SMALL, &j);
    tro_json_object_end(&j);
    tro_console_send(c, NULL, TRO_CHANNEL_FRAMES, &j);
    const int64_t end_ns = tro_clock_ns();
    tro_metrics_time(c->metrics, TRO_SERIES_STAGE + TRO_STAGE_SEND, end_ns - now_ns);
    tro_trace_put(c->trace, TRO_STAGE_SEND, f->frame, f->network, now_ns, end_ns);
}

static void tell_tier(struct tro_console *c, const struct tro_findings *f)
{
    struct tro_json j = {.is_line = true};
    if (f->tier == c->tiers[f->network])
        return;
    tro_json_object_begin(&j, NULL);
    tro_json_number(&j, "at", tro_console_ms(c, tro_clock_ns()));
    tro_json_string(&j, "network", c->network_names[f->network]);
    tro_json_int(&j, "from", c->tiers[f->network]);
    tro_json_int(&j, "to", f->tier);
    tro_json_string(&j, "why", f->tier > c->tiers[f->network] ? "late" : "in time again");
    tro_json_object_end(&j);
    c->tiers[f->network] = f->tier;
    tro_console_event(c, "tier", &j);
}

void tro_console_findings(void *ctx, const struct tro_findings *f, const struct tro_stage *s)
{
    struct tro_console *const c = ctx;
    struct tro_findings *const own = &c->seen[f->network];
    if (!atomic_load(&c->is_seeing)) /* other workers still open their plans */
        return;
    pthread_mutex_lock(&c->see);
    follow_rules(c, f, own);
    tro_board_put_findings(c->board, own);
    const int64_t now_ns = tro_clock_ns();
    guard(c, own);
    tell_tier(c, own);
    tell_findings(c, own, now_ns);
    pthread_mutex_unlock(&c->see);
    measure(c, f, s, now_ns);
}

/* ---- workers ---------------------------------------------------------------------------- */

/* What guards privacy is gone: blurred until it is back. */
static void unguard(struct tro_console *c, int worker)
{
    const int network = c->config->privacy.network;
    struct tro_supervisor_status s;
    if (network < 0 || !tro_supervisor_network(c->setup.supervisor, network, &s) ||
        s.worker != worker)
        return;
    atomic_store(&c->privacy, TRO_PRIVACY_IS_UNSURE);
    tro_media_blur(c->media, true);
}

void tro_console_worker_changed(void *ctx, int worker, enum tro_worker_state state, const char *why)
{
    struct tro_console *const c = ctx;
    struct tro_json j = {.is_line = true};
    struct tro_worker_counters counters = {0};
    atomic_store(&c->worker_since_ns[worker], tro_clock_ns());
    if (state != TRO_WORKER_RUNNING)
        unguard(c, worker);
    tro_supervisor_worker(c->setup.supervisor, worker, &counters);
    tro_json_object_begin(&j, NULL);
    tro_json_number(&j, "at", tro_console_ms(c, tro_clock_ns()));
    tro_json_string(&j, "device", c->setup.device[worker]);
    tro_json_string(&j, "process", tro_worker_process_name(c->setup.is_for_trials[worker]));
    tro_json_string(&j, "state", tro_worker_state_name(state));
    tro_json_int(&j, "restarts", counters.starts ? (int64_t)counters.starts - 1 : 0);
    tro_json_string(&j, "why", why);
    tro_json_object_end(&j);
    tro_console_event(c, "worker", &j);
}
