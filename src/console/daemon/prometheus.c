/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "console/daemon/status.h"

static void put_head(struct tro_buf *out, const char *name, const char *kind, const char *what)
{
    tro_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, what, name, kind);
}

/* A label's value: escaped, and UTF-8 whatever comes. */
static void put_label(struct tro_buf *out, const char *key, const char *value)
{
    size_t left = strlen(value);
    tro_buf_printf(out, "%s=\"", key);
    while (left > 0) {
        const size_t n = tro_utf8_char(value, left);
        if (n == 0)
            tro_buf_str(out, "\xef\xbf\xbd");
        else if (*value == '\n')
            tro_buf_str(out, "\\n");
        else if (*value == '"' || *value == '\\')
            tro_buf_put(out, (const char[]){'\\', *value}, 2);
        else
            tro_buf_put(out, value, n);
        value += n ? n : 1;
        left -= n ? n : 1;
    }
    tro_buf_u8(out, '"');
}

static void put_gauge(struct tro_buf *out, const char *name, const char *what, double value)
{
    put_head(out, name, "gauge", what);
    tro_buf_printf(out, "%s %.9g\n", name, value);
}

static void put_counters(const struct tro_console_status *s, struct tro_buf *out)
{
    static const struct {
        const char *name, *what;
    } counters[] = {
#define TRO_COUNTER_TEXT(id, key, name, what) {name, what},
        TRO_COUNTERS(TRO_COUNTER_TEXT)
#undef TRO_COUNTER_TEXT
    };
    for (int i = 0; i < TRO_N_COUNTERS; i++) {
        put_head(out, counters[i].name, "counter", counters[i].what);
        tro_buf_printf(out, "%s %llu\n", counters[i].name,
                       (unsigned long long)tro_metrics_get(s->metrics, (enum tro_counter)i));
    }
    put_head(out, "trocar_budget_misses_total", "counter",
             "Frames whose last findings came after the budget.");
    tro_buf_printf(out, "trocar_budget_misses_total %llu\n",
                   (unsigned long long)tro_metrics_frame_misses(s->metrics));
}

static void put_network_counter(const struct tro_console_status *s,
                                enum tro_network_counter counter, const char *name, const char *why,
                                struct tro_buf *out)
{
    for (int i = 0; i < s->config->n_networks; i++) {
        tro_buf_printf(out, "%s{", name);
        put_label(out, "network", s->config->networks[i].name);
        if (*why) {
            tro_buf_u8(out, ',');
            put_label(out, "why", why);
        }
        tro_buf_printf(out, "} %llu\n",
                       (unsigned long long)tro_metrics_network_get(s->metrics, i, counter));
    }
}

static void put_network_counters(const struct tro_console_status *s, struct tro_buf *out)
{
    static const struct {
        const char *name, *why, *what;
    } counters[] = {
#define TRO_COUNTER_TEXT(id, name, why, what) {name, why, what},
        TRO_NETWORK_COUNTERS(TRO_COUNTER_TEXT)
#undef TRO_COUNTER_TEXT
    };
    for (int i = 0; i < TRO_N_NETWORK_COUNTERS; i++) {
        if (i == 0 || strcmp(counters[i].name, counters[i - 1].name) != 0)
            put_head(out, counters[i].name, "counter", counters[i].what);
        put_network_counter(s, (enum tro_network_counter)i, counters[i].name, counters[i].why, out);
    }
}

static void put_network_gauges(const struct tro_console_status *s, struct tro_buf *out)
{
    const int n = s->config->n_networks;
    put_head(out, "trocar_network_tier", "gauge", "The tier that runs, 0 is the first plan.");
    for (int i = 0; i < n; i++) {
        tro_buf_str(out, "trocar_network_tier{");
        put_label(out, "network", s->config->networks[i].name);
        tro_buf_printf(out, "} %d\n", s->networks[i].tier);
    }
    put_head(out, "trocar_network_up", "gauge", "1 while the network runs.");
    for (int i = 0; i < n; i++) {
        tro_buf_str(out, "trocar_network_up{");
        put_label(out, "network", s->config->networks[i].name);
        tro_buf_printf(out, "} %d\n", s->networks[i].state == TRO_NETWORK_IS_RUNNING);
    }
    put_head(out, "trocar_findings_age_seconds", "gauge",
             "Age of the newest findings; absent before the first.");
    for (int i = 0; i < n; i++) {
        if (s->networks[i].age_ms < 0)
            continue;
        tro_buf_str(out, "trocar_findings_age_seconds{");
        put_label(out, "network", s->config->networks[i].name);
        tro_buf_printf(out, "} %.9g\n", s->networks[i].age_ms / 1e3);
    }
}

static void put_workers(const struct tro_console_status *s, struct tro_buf *out)
{
    put_head(out, "trocar_worker_up", "gauge", "1 while the worker runs.");
    for (int i = 0; i < s->n_workers; i++) {
        tro_buf_str(out, "trocar_worker_up{");
        put_label(out, "device", s->workers[i].device);
        tro_buf_u8(out, ',');
        put_label(out, "process", tro_worker_process_name(s->workers[i].is_for_trials));
        tro_buf_printf(out, "} %d\n", s->workers[i].state == TRO_WORKER_RUNNING);
    }
    put_head(out, "trocar_worker_restarts_total", "counter", "Workers that were started again.");
    for (int i = 0; i < s->n_workers; i++) {
        tro_buf_str(out, "trocar_worker_restarts_total{");
        put_label(out, "device", s->workers[i].device);
        tro_buf_u8(out, ',');
        put_label(out, "process", tro_worker_process_name(s->workers[i].is_for_trials));
        tro_buf_printf(out, "} %llu\n", (unsigned long long)s->workers[i].n_restarts);
    }
}

/* label_key "": the series has none. */
static void put_histogram(const struct tro_console_status *s, const char *name,
                          const char *label_key, const char *label, int series, struct tro_buf *out)
{
    struct tro_metrics_histogram h;
    struct tro_buf text = {0};
    tro_metrics_histogram(s->metrics, series, &h);
    if (*label_key)
        put_label(&text, label_key, label);
    tro_buf_u8(&text, 0);
    out->failed = out->failed || text.failed;
    const char *const labels = text.failed ? "" : (const char *)text.p;
    const char *const comma = *label_key ? "," : "";
    for (int i = 0; i < TRO_N_BUCKETS; i++)
        tro_buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, comma,
                       tro_metrics_bounds_s[i], (unsigned long long)h.count[i]);
    const unsigned long long n = h.count[TRO_N_BUCKETS];
    const char *const open = *label_key ? "{" : "", *const close = *label_key ? "}" : "";
    tro_buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, n);
    tro_buf_printf(out, "%s_sum%s%s%s %.9g\n", name, open, labels, close, h.sum_s);
    tro_buf_printf(out, "%s_count%s%s%s %llu\n", name, open, labels, close, n);
    tro_buf_finish(&text);
}

static void put_histograms(const struct tro_console_status *s, struct tro_buf *out)
{
    put_head(out, "trocar_stage_seconds", "histogram", "Time of a stage of a frame.");
    for (int i = 0; i < TRO_N_STAGES; i++)
        put_histogram(s, "trocar_stage_seconds", "stage",
                      tro_trace_stage_name((enum tro_trace_stage)i), TRO_SERIES_STAGE + i, out);
    put_head(out, "trocar_findings_latency_seconds", "histogram",
             "From the frame in to the findings of a network.");
    for (int i = 0; i < s->config->n_networks; i++)
        put_histogram(s, "trocar_findings_latency_seconds", "network", s->config->networks[i].name,
                      TRO_SERIES_LATENCY + i, out);
    put_head(out, "trocar_run_seconds", "histogram", "Run of a network alone.");
    for (int i = 0; i < s->config->n_networks; i++)
        put_histogram(s, "trocar_run_seconds", "network", s->config->networks[i].name,
                      TRO_SERIES_RUN + i, out);
    put_head(out, "trocar_frame_latency_seconds", "histogram",
             "From the frame in to the last of its findings.");
    put_histogram(s, "trocar_frame_latency_seconds", "", "", TRO_SERIES_FRAME, out);
    put_head(out, "trocar_glass_latency_seconds", "histogram",
             "From the frame in to an expert's screen.");
    put_histogram(s, "trocar_glass_latency_seconds", "", "", TRO_SERIES_GLASS, out);
}

void tro_status_prometheus(const struct tro_console_status *s, struct tro_buf *out)
{
    put_head(out, "trocar_build_info", "gauge", "1, with the version as a label.");
    tro_buf_str(out, "trocar_build_info{");
    put_label(out, "version", tro_version());
    tro_buf_str(out, "} 1\n");
    put_gauge(out, "trocar_uptime_seconds", "Time since the daemon's start.",
              (double)(s->now_ns - s->started_ns) / 1e9);
    put_gauge(out, "trocar_budget_seconds", "Time from the frame in that findings may take.",
              s->config->budget_ms / 1e3);
    put_gauge(out, "trocar_viewers", "Viewers that are there.", s->n_viewers);
    put_gauge(out, "trocar_picture_blurred", "1 while what leaves the room is blurred.",
              s->is_blurred);
    put_gauge(out, "trocar_source_up", "1 while the source gives frames.",
              s->source == TRO_SOURCE_IS_RUNNING);
    put_counters(s, out);
    put_network_counters(s, out);
    put_network_gauges(s, out);
    put_workers(s, out);
    put_histograms(s, out);
}
