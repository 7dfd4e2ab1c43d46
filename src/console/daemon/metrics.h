/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon counts and times. Any thread adds, without a lock; times go into histograms
 * (since the start) and into windows of the last 1024 (for quantiles).
 */
#ifndef TRO_CONSOLE_DAEMON_METRICS_H
#define TRO_CONSOLE_DAEMON_METRICS_H

#include <trocar/trocar.h>

#include "console/core/board.h"
#include "console/core/trace.h"

/* clang-format off */
/* THE list of counters: id, key in the status, name for Prometheus, what it counts. */
#define TRO_COUNTERS(X)                                                                          \
    X(CAPTURED,         "captured",         "trocar_frames_captured_total",                      \
      "Frames that came in.")                                                                    \
    X(DISPLAYED,        "displayed",        "trocar_frames_displayed_total",                     \
      "Frames that reached the display.")                                                        \
    X(DISPLAY_LOST,     "display_lost",     "trocar_frames_lost_total",                          \
      "Frames that did not reach the display.")                                                  \
    X(ENCODED,          "encoded",          "trocar_frames_encoded_total",                       \
      "Frames encoded for viewers.")                                                             \
    X(ENCODER_LOST,     "encoder_lost",     "trocar_frames_encoder_lost_total",                  \
      "Frames that the encoder was too busy for.")                                               \
    X(FINDINGS,         "findings",         "trocar_findings_frames_total",                      \
      "Findings of a network in a frame that arrived.")                                          \
    X(RULES_FIRED,      "rules_fired",      "trocar_rules_fired_total",                          \
      "Sentences that began.")                                                                   \
    X(MARKS,            "marks",            "trocar_marks_total",                                \
      "Marks that experts drew.")                                                                \
    X(MESSAGES,         "messages",         "trocar_messages_total",                             \
      "Messages of viewers.")                                                                    \
    X(MESSAGES_REFUSED, "messages_refused", "trocar_messages_refused_total",                     \
      "Messages of viewers that were malformed or too many.")                                    \
    X(HTTP_REQUESTS,    "http_requests",    "trocar_http_requests_total",                        \
      "HTTP requests that were answered.")                                                       \
    X(HTTP_REFUSED,     "http_refused",     "trocar_http_refused_total",                         \
      "HTTP requests answered with 401 or 403.")                                                 \
    X(HTTP_CUT,         "http_cut",         "trocar_http_cut_total",                             \
      "HTTP connections ended because their client was too slow.")                               \
    X(EVENTS_DROPPED,   "events_dropped",   "trocar_events_dropped_total",                       \
      "Clients of events that were dropped because they lagged behind.")

/* THE list of counters of each network: id, name for Prometheus, value of the label `why` ("":
 * none), what it counts. Those of one name stand together. */
#define TRO_NETWORK_COUNTERS(X)                                                                  \
    X(RAN,          "trocar_network_runs_total",    "",     "Runs of a network.")                \
    X(SKIPPED_LATE, "trocar_network_skipped_total", "late",                                      \
      "Frames that a network did not look at: it could not have ended in time, or was busy.")    \
    X(SKIPPED_BUSY, "trocar_network_skipped_total", "busy", "")                                  \
    X(MISSES,       "trocar_network_misses_total",  "",                                          \
      "Runs that ended after their deadline.")                                                   \
    X(LOWERED,      "trocar_network_lowered_total", "",                                          \
      "Runs of a lower tier in place of the chosen one.")                                        \
    X(ITEMS,        "trocar_findings_total",        "",     "Things that a network found.")
/* clang-format on */

enum tro_counter {
#define TRO_COUNTER_ENUM(id, key, name, what) TRO_COUNT_##id,
    TRO_COUNTERS(TRO_COUNTER_ENUM)
#undef TRO_COUNTER_ENUM
        TRO_N_COUNTERS
};

enum tro_network_counter {
#define TRO_COUNTER_ENUM(id, name, why, what) TRO_NETWORK_##id,
    TRO_NETWORK_COUNTERS(TRO_COUNTER_ENUM)
#undef TRO_COUNTER_ENUM
        TRO_N_NETWORK_COUNTERS
};

/* Times of one kind. Stages come first, then those of networks: series + network. */
enum tro_series {
    TRO_SERIES_STAGE = 0,                                         /* + enum tro_trace_stage */
    TRO_SERIES_LATENCY = TRO_N_STAGES,                            /* frame in to findings */
    TRO_SERIES_RUN = TRO_SERIES_LATENCY + TRO_BOARD_MAX_NETWORKS, /* the network alone */
    TRO_SERIES_FRAME = TRO_SERIES_RUN + TRO_BOARD_MAX_NETWORKS,   /* in to last findings */
    TRO_SERIES_GLASS,                                             /* captured to shown */
    TRO_N_SERIES
};

struct tro_metrics;

struct tro_metrics *tro_metrics_create(struct tro_err *err);
void tro_metrics_destroy(struct tro_metrics *m);

/* m may be NULL: nothing happens, values are 0. set is for what is counted elsewhere. */
void tro_metrics_add(struct tro_metrics *m, enum tro_counter counter, uint64_t n);
void tro_metrics_set(struct tro_metrics *m, enum tro_counter counter, uint64_t value);
uint64_t tro_metrics_get(const struct tro_metrics *m, enum tro_counter counter);
void tro_metrics_network_add(struct tro_metrics *m, int network, enum tro_network_counter counter,
                             uint64_t n);
void tro_metrics_network_set(struct tro_metrics *m, int network, enum tro_network_counter counter,
                             uint64_t value);
uint64_t tro_metrics_network_get(const struct tro_metrics *m, int network,
                                 enum tro_network_counter counter);

/* One more time of a series (see enum tro_series); negative ones count as 0. */
void tro_metrics_time(struct tro_metrics *m, int series, int64_t ns);
/* A frame's time from its capture to the last of its findings, against the budget. */
void tro_metrics_frame(struct tro_metrics *m, int64_t ns, double budget_ms);
uint64_t tro_metrics_frame_misses(const struct tro_metrics *m);

struct tro_quantiles {
    int n; /* of the window; 0: the others are 0 */
    uint64_t n_all;
    double p50_ms, p95_ms, p99_ms, max_ms;
};
struct tro_quantiles tro_metrics_quantiles(const struct tro_metrics *m, int series);

/* Bounds of the histograms' buckets, seconds; the last bucket is without. */
#define TRO_N_BUCKETS 11
extern const double tro_metrics_bounds_s[TRO_N_BUCKETS];

struct tro_metrics_histogram {
    uint64_t count[TRO_N_BUCKETS + 1]; /* up to each bound, all that is below included */
    double sum_s;
};
void tro_metrics_histogram(const struct tro_metrics *m, int series,
                           struct tro_metrics_histogram *out);

#endif
