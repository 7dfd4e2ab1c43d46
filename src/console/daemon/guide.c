/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/guide.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "console/core/tracker.h"
#include "console/rules/recording.h"

struct tro_guide {
    const struct tro_config *config;
    pthread_mutex_t lock;
    struct tro_rules_network networks[TRO_BOARD_MAX_NETWORKS];
    struct tro_finding_names names[TRO_BOARD_MAX_NETWORKS];
    struct tro_tracker *tracker;
    struct tro_rules *rules;       /* NULL: none */
    struct tro_recorder *recorder; /* NULL: none */
    struct tro_findings findings;  /* tracked */
    struct tro_sentence sentence;
};

static int open_parts(struct tro_guide *g, const char *record, struct tro_err *err)
{
    const struct tro_config *const c = g->config;
    const struct tro_tracker_opts tracker = {c->keep_ms, c->smoothing_ms};
    const struct tro_rules_opts opts = {.n_networks = c->n_networks,
                                        .networks = g->networks,
                                        .width = c->source.form.width,
                                        .height = c->source.form.height,
                                        .focal_length = c->source.focal_length,
                                        .max_age_ms = c->max_age_ms};
    for (int i = 0; i < c->n_networks; i++)
        g->networks[i] = (struct tro_rules_network){.name = c->networks[i].name,
                                                    .names = &g->names[i],
                                                    .is_trial = c->networks[i].is_trial};
    TRO_TRY(tro_findings_init(&g->findings, err));
    g->tracker = tro_tracker_create(&tracker, err);
    if (!g->tracker)
        return TRO_E_NOMEM;
    if (c->rules)
        g->rules = tro_rules_load(c->rules, &opts, err);
    if (c->rules && !g->rules)
        return TRO_E_INPUT;
    if (record)
        g->recorder = tro_recorder_create(record, &opts, err);
    return record && !g->recorder ? TRO_E_IO : 0;
}

struct tro_guide *tro_guide_create(const struct tro_config *c,
                                   const struct tro_finding_names *names, const char *record,
                                   struct tro_err *err)
{
    struct tro_guide *const g = tro_calloc(1, sizeof *g);
    if (!g) {
        tro_fail_nomem(err);
        return NULL;
    }
    g->config = c;
    memcpy(g->names, names, (size_t)c->n_networks * sizeof *names);
    pthread_mutex_init(&g->lock, NULL);
    if (open_parts(g, record, err) < 0) {
        tro_guide_close(g, NULL);
        return NULL;
    }
    return g;
}

static void print_sentence(const struct tro_guide *g, enum tro_rules_event event, FILE *say)
{
    const struct tro_findings *const f = &g->findings;
    if (event == TRO_RULES_ENDED)
        fprintf(say, "frame %llu: -\n", (unsigned long long)f->frame);
    else if (event != TRO_RULES_SAME)
        fprintf(say, "frame %llu: %s: %s\n", (unsigned long long)f->frame, g->sentence.rule,
                g->sentence.text[g->config->language]);
}

/* With the lock held. */
static enum tro_rules_event take(struct tro_guide *g, const struct tro_findings *f)
{
    enum tro_rules_event event = TRO_RULES_SAME;
    tro_findings_copy(&g->findings, f);
    tro_tracker_update(g->tracker, &g->findings);
    if (g->rules)
        event = tro_rules_feed(g->rules, &g->findings, &g->sentence);
    if (g->recorder)
        tro_recorder_put(g->recorder, &g->findings, event, &g->sentence);
    return event;
}

enum tro_rules_event tro_guide_take(struct tro_guide *g, const struct tro_findings *f,
                                    struct tro_findings *tracked, struct tro_sentence *now)
{
    pthread_mutex_lock(&g->lock);
    const enum tro_rules_event event = take(g, f);
    tro_findings_copy(tracked, &g->findings);
    *now = g->sentence;
    pthread_mutex_unlock(&g->lock);
    return event;
}

void tro_guide_put(struct tro_guide *g, const struct tro_findings *f, FILE *say)
{
    if (f->network < 0 || f->network >= g->config->n_networks)
        return;
    pthread_mutex_lock(&g->lock);
    const enum tro_rules_event event = take(g, f);
    if (say)
        print_sentence(g, event, say);
    pthread_mutex_unlock(&g->lock);
}

float tro_guide_delay_ms(const struct tro_guide *g)
{
    return tro_tracker_delay_ms(g->tracker);
}

int tro_guide_close(struct tro_guide *g, struct tro_err *err)
{
    if (!g)
        return 0;
    const int rc = tro_recorder_close(g->recorder, err);
    tro_rules_destroy(g->rules);
    tro_tracker_destroy(g->tracker);
    tro_findings_finish(&g->findings);
    pthread_mutex_destroy(&g->lock);
    tro_free(g);
    return rc;
}

/* ---- replay --------------------------------------------------------------------------------- */

static int write_line(void *ctx, const char *line, size_t n, struct tro_err *err)
{
    return fwrite(line, 1, n, ctx) == n
               ? 0
               : tro_fail(err, TRO_E_IO, "cannot write: %s", strerror(errno));
}

int tro_guide_replay(const struct tro_config *c, const char *record, FILE *out, struct tro_err *err)
{
    if (!c->rules)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected the key rules, from which sentences are made", c->path);
    return tro_recording_replay(record, c->rules, write_line, out, err);
}
