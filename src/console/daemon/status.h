/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon is and does, as the dashboard and Prometheus read it (docs/console.md, "Status
 * and events"). A plain snapshot that the daemon fills; what never changes comes from the
 * configuration, counters and times from metrics.
 */
#ifndef TRO_CONSOLE_DAEMON_STATUS_H
#define TRO_CONSOLE_DAEMON_STATUS_H

#include "console/core/board.h"
#include "console/core/supervisor.h"
#include "console/daemon/metrics.h"
#include "console/rules/config.h"

#define TRO_STATUS_MAX_VIEWERS 64

/* Lists of states: id, name. */
#define TRO_SOURCE_STATES(X) \
    X(RUNNING, "running")    \
    X(WAITING, "waiting")    \
    X(ENDED, "ended")
#define TRO_NETWORK_STATES(X) \
    X(RUNNING, "running")     \
    X(WAITING, "waiting")     \
    X(LOADING, "loading")     \
    X(REFUSED, "refused")
#define TRO_PRIVACY_STATES(X) \
    X(OFF, "off")             \
    X(UNSURE, "unsure")       \
    X(INSIDE, "inside")       \
    X(OUTSIDE, "outside")

#define TRO_STATE_ENUM(id, name) TRO_STATE_ID(id),
#define TRO_STATE_ID(id) TRO_SOURCE_IS_##id
enum tro_source_state { TRO_SOURCE_STATES(TRO_STATE_ENUM) TRO_N_SOURCE_STATES };
#undef TRO_STATE_ID
#define TRO_STATE_ID(id) TRO_NETWORK_IS_##id
enum tro_network_state { TRO_NETWORK_STATES(TRO_STATE_ENUM) TRO_N_NETWORK_STATES };
#undef TRO_STATE_ID
#define TRO_STATE_ID(id) TRO_PRIVACY_IS_##id
enum tro_privacy_state { TRO_PRIVACY_STATES(TRO_STATE_ENUM) TRO_N_PRIVACY_STATES };
#undef TRO_STATE_ID
#undef TRO_STATE_ENUM

struct tro_status_network {
    enum tro_network_state state;
    bool is_for_trials; /* the worker that hosts it */
    int tier;           /* that runs now */
    struct {
        uint64_t engine; /* 0: not opened yet */
        double worst_ms; /* 0: not measured yet */
    } tiers[TRO_CONFIG_MAX_TIERS];
    const struct tro_finding_names *names; /* NULL: not known yet */
    double age_ms;                         /* of the newest findings; negative: none yet */
};

struct tro_status_worker {
    char device[16];
    enum tro_worker_state state;
    int pid; /* 0: none */
    uint64_t n_restarts;
    double since_ms; /* in this state */
    int lanes;
    bool is_for_trials;
};

struct tro_status_viewer {
    char name[TRO_MARK_NAME_BYTES];
    const char *role;
    bool is_burned_in, is_connected;
    double since_ms;
    uint64_t n_sent, n_dropped, n_messages, n_refused;
};

struct tro_console_status {
    const struct tro_config *config;
    const struct tro_metrics *metrics;
    int64_t started_ns, now_ns;
    enum tro_source_state source;
    uint64_t frame; /* id of the newest one */
    float smoothing_delay_ms;
    struct tro_status_network networks[TRO_BOARD_MAX_NETWORKS]; /* as many as are configured */
    int n_workers;
    struct tro_status_worker workers[TRO_SUPERVISOR_MAX_WORKERS];
    int n_viewers;
    struct tro_status_viewer viewers[TRO_STATUS_MAX_VIEWERS];
    enum tro_privacy_state privacy;
    bool is_blurred;
    struct tro_sentence sentence; /* id 0: none */
    enum tro_sentence_state sentence_state;
    float sentence_age_ms;
    char encoder[64]; /* "": none runs */
};

/* One object; key as for tro_json_object_begin. */
void tro_status_json(const struct tro_console_status *s, const char *key, struct tro_json *j);

/* Text for Prometheus, version 0.0.4. */
void tro_status_prometheus(const struct tro_console_status *s, struct tro_buf *out);

#endif
