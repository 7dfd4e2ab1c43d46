/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/status.h"

#include <stdio.h>

#include "base/file.h"
#include "console/core/palette.h"
#include "console/daemon/sentences.h"

#define TRO_STATE_NAME(id, name) name,
static const char *const source_states[] = {TRO_SOURCE_STATES(TRO_STATE_NAME)};
static const char *const network_states[] = {TRO_NETWORK_STATES(TRO_STATE_NAME)};
static const char *const privacy_states[] = {TRO_PRIVACY_STATES(TRO_STATE_NAME)};
#undef TRO_STATE_NAME

static const char *const source_kinds[] = {
#define TRO_SOURCE_NAME(id, name) name,
    TRO_SOURCES(TRO_SOURCE_NAME)
#undef TRO_SOURCE_NAME
};

static const char *const languages[] = {
#define TRO_LANGUAGE_NAME(id, code) code,
    TRO_LANGUAGES(TRO_LANGUAGE_NAME)
#undef TRO_LANGUAGE_NAME
};

static const char *const counter_keys[] = {
#define TRO_COUNTER_KEY(id, key, name, what) key,
    TRO_COUNTERS(TRO_COUNTER_KEY)
#undef TRO_COUNTER_KEY
};

static void put_quantiles(const struct tro_console_status *s, const char *key, int series,
                          struct tro_json *j)
{
    const struct tro_quantiles q = tro_metrics_quantiles(s->metrics, series);
    const struct {
        const char *key;
        double value;
    } values[] = {
        {"p50_ms", q.p50_ms}, {"p95_ms", q.p95_ms}, {"p99_ms", q.p99_ms}, {"max_ms", q.max_ms}};
    tro_json_object_begin(j, key);
    tro_json_int(j, "n", q.n);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (q.n)
            tro_json_number(j, values[i].key, values[i].value);
        else
            tro_json_null(j, values[i].key);
    }
    tro_json_object_end(j);
}

static void put_positive(struct tro_json *j, const char *key, double value)
{
    if (value > 0)
        tro_json_number(j, key, value);
    else
        tro_json_null(j, key);
}

static void put_source(const struct tro_console_status *s, struct tro_json *j)
{
    const struct tro_config *const c = s->config;
    tro_json_object_begin(j, "source");
    tro_json_string(j, "kind", source_kinds[c->source.kind]);
    tro_json_string(j, "state", source_states[s->source]);
    tro_json_int(j, "width", c->source.form.width);
    tro_json_int(j, "height", c->source.form.height);
    tro_json_number(j, "fps", c->source.fps);
    tro_json_string(j, "format", tro_frame_format_name(c->source.form.format));
    tro_json_object_end(j);
}

static void put_budget(const struct tro_console_status *s, struct tro_json *j)
{
    const struct tro_quantiles q = tro_metrics_quantiles(s->metrics, TRO_SERIES_FRAME);
    tro_json_object_begin(j, "budget");
    tro_json_number(j, "budget_ms", s->config->budget_ms);
    put_quantiles(s, "used", TRO_SERIES_FRAME, j);
    tro_json_int(j, "frames", (int64_t)q.n_all);
    tro_json_int(j, "misses", (int64_t)tro_metrics_frame_misses(s->metrics));
    tro_json_object_end(j);
}

static void put_stages(const struct tro_console_status *s, struct tro_json *j)
{
    tro_json_array_begin(j, "stages");
    for (int i = 0; i < TRO_N_STAGES; i++) {
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "name", tro_trace_stage_name((enum tro_trace_stage)i));
        tro_json_string(j, "what", tro_trace_stage_what((enum tro_trace_stage)i));
        put_quantiles(s, "time", TRO_SERIES_STAGE + i, j);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void put_tiers(const struct tro_config_network *c, const struct tro_status_network *n,
                      struct tro_json *j)
{
    tro_json_array_begin(j, "tiers");
    for (int i = 0; i < c->n_tiers; i++) {
        char engine[17];
        snprintf(engine, sizeof(engine), "%016llx", (unsigned long long)n->tiers[i].engine);
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "plan", tro_path_base(c->plans[i]));
        if (n->tiers[i].engine)
            tro_json_string(j, "engine", engine);
        else
            tro_json_null(j, "engine");
        put_positive(j, "worst_ms", n->tiers[i].worst_ms);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void put_labels(const struct tro_finding_names *names, struct tro_json *j)
{
    tro_json_array_begin(j, "labels");
    for (int i = 0; names && i < names->n; i++) {
        uint8_t rgb[3];
        char colour[8];
        const bool is_shown = tro_palette_colour(names->name[i], i, rgb);
        snprintf(colour, sizeof(colour), "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "name", names->name[i]);
        tro_json_string(j, "colour", colour);
        tro_json_bool(j, "shown", is_shown);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void put_device(const struct tro_config_device *d, struct tro_json *j)
{
    char text[24] = "cpu";
    if (d->is_cuda)
        snprintf(text, sizeof(text), "cuda:%d", d->index);
    tro_json_string(j, "device", text);
}

static void put_network_counters(const struct tro_console_status *s, int i, struct tro_json *j)
{
    const struct tro_metrics *const m = s->metrics;
    tro_json_int(j, "ran", (int64_t)tro_metrics_network_get(m, i, TRO_NETWORK_RAN));
    tro_json_object_begin(j, "skipped");
    tro_json_int(j, "late", (int64_t)tro_metrics_network_get(m, i, TRO_NETWORK_SKIPPED_LATE));
    tro_json_int(j, "busy", (int64_t)tro_metrics_network_get(m, i, TRO_NETWORK_SKIPPED_BUSY));
    tro_json_object_end(j);
    tro_json_int(j, "misses", (int64_t)tro_metrics_network_get(m, i, TRO_NETWORK_MISSES));
    tro_json_int(j, "lowered", (int64_t)tro_metrics_network_get(m, i, TRO_NETWORK_LOWERED));
    tro_json_int(j, "findings", (int64_t)tro_metrics_network_get(m, i, TRO_NETWORK_ITEMS));
}

static void put_network(const struct tro_console_status *s, int i, struct tro_json *j)
{
    const struct tro_config_network *const c = &s->config->networks[i];
    const struct tro_status_network *const n = &s->networks[i];
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", c->name);
    put_device(&c->device, j);
    tro_json_string(j, "process", tro_worker_process_name(n->is_for_trials));
    tro_json_string(j, "state", network_states[n->state]);
    tro_json_bool(j, "trial", c->is_trial);
    tro_json_int(j, "every", c->every);
    tro_json_number(j, "deadline_ms", c->deadline_ms);
    tro_json_int(j, "priority", c->priority);
    tro_json_int(j, "tier", n->tier);
    put_tiers(c, n, j);
    put_labels(n->names, j);
    put_network_counters(s, i, j);
    if (n->age_ms >= 0)
        tro_json_number(j, "age_ms", n->age_ms);
    else
        tro_json_null(j, "age_ms");
    put_quantiles(s, "latency", TRO_SERIES_LATENCY + i, j);
    put_quantiles(s, "run", TRO_SERIES_RUN + i, j);
    tro_json_object_end(j);
}

static void put_worker(const struct tro_status_worker *w, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "device", w->device);
    tro_json_string(j, "process", tro_worker_process_name(w->is_for_trials));
    tro_json_string(j, "state", tro_worker_state_name(w->state));
    if (w->pid)
        tro_json_int(j, "pid", w->pid);
    else
        tro_json_null(j, "pid");
    tro_json_int(j, "restarts", (int64_t)w->n_restarts);
    tro_json_number(j, "since_ms", w->since_ms);
    tro_json_int(j, "lanes", w->lanes);
    tro_json_object_end(j);
}

static void put_viewer(const struct tro_status_viewer *v, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "name", v->name);
    tro_json_string(j, "role", v->role);
    tro_json_string(j, "view", v->is_burned_in ? "burned" : "plain");
    tro_json_bool(j, "connected", v->is_connected);
    tro_json_number(j, "since_ms", v->since_ms);
    tro_json_int(j, "sent", (int64_t)v->n_sent);
    tro_json_int(j, "dropped", (int64_t)v->n_dropped);
    tro_json_int(j, "messages", (int64_t)v->n_messages);
    tro_json_int(j, "refused", (int64_t)v->n_refused);
    tro_json_object_end(j);
}

static void put_sentence(const struct tro_console_status *s, struct tro_json *j)
{
    if (!s->sentence.id || s->sentence_state == TRO_SENTENCE_NONE) {
        tro_json_null(j, "sentence");
        return;
    }
    tro_json_object_begin(j, "sentence");
    tro_json_int(j, "id", s->sentence.id);
    tro_json_string(j, "rule", s->sentence.rule);
    tro_json_string(j, "state", tro_sentence_state_name(s->sentence_state));
    tro_json_float(j, "age_ms", s->sentence_age_ms);
    tro_json_object_begin(j, "text");
    for (int i = 0; i < TRO_N_LANGUAGES; i++)
        tro_json_string(j, languages[i], s->sentence.text[i]);
    tro_json_object_end(j);
    tro_json_object_end(j);
}

static void put_lists(const struct tro_console_status *s, struct tro_json *j)
{
    put_stages(s, j);
    tro_json_array_begin(j, "networks");
    for (int i = 0; i < s->config->n_networks; i++)
        put_network(s, i, j);
    tro_json_array_end(j);
    tro_json_array_begin(j, "workers");
    for (int i = 0; i < s->n_workers; i++)
        put_worker(&s->workers[i], j);
    tro_json_array_end(j);
    tro_json_array_begin(j, "viewers");
    for (int i = 0; i < s->n_viewers; i++)
        put_viewer(&s->viewers[i], j);
    tro_json_array_end(j);
    tro_json_int(j, "viewers_max", s->config->server.viewers);
}

static void put_ends(const struct tro_console_status *s, struct tro_json *j)
{
    tro_json_object_begin(j, "privacy");
    tro_json_bool(j, "blurred", s->is_blurred);
    tro_json_string(j, "state", privacy_states[s->privacy]);
    tro_json_object_end(j);
    put_sentence(s, j);
    if (s->encoder[0])
        tro_json_string(j, "encoder", s->encoder);
    else
        tro_json_null(j, "encoder");
    put_quantiles(s, "glass", TRO_SERIES_GLASS, j);
    tro_json_object_begin(j, "counters");
    for (int i = 0; i < TRO_N_COUNTERS; i++)
        tro_json_int(j, counter_keys[i], (int64_t)tro_metrics_get(s->metrics, (enum tro_counter)i));
    tro_json_object_end(j);
}

void tro_status_json(const struct tro_console_status *s, const char *key, struct tro_json *j)
{
    const struct tro_config *const c = s->config;
    tro_json_object_begin(j, key);
    tro_json_string(j, "name", c->name);
    tro_json_string(j, "language", languages[c->language]);
    tro_json_string(j, "version", tro_version());
    tro_json_number(j, "now_ms", (double)(s->now_ns - s->started_ns) / 1e6);
    put_source(s, j);
    tro_json_int(j, "frame", (int64_t)s->frame);
    tro_json_float(j, "max_age_ms", c->max_age_ms);
    tro_json_float(j, "fade_ms", c->fade_ms);
    tro_json_float(j, "smoothing_ms", c->smoothing_ms);
    tro_json_float(j, "smoothing_delay_ms", s->smoothing_delay_ms);
    put_budget(s, j);
    put_lists(s, j);
    put_ends(s, j);
    tro_json_object_end(j);
}
