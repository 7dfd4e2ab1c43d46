/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was measured: frames in, findings out, and the time between. Times are kept one by one, so
 * that percentiles are those of the times and not of bins; where there are more than was asked for
 * of a kind, the oldest go. Any thread.
 */
#ifndef TRO_CONSOLE_CORE_TALLY_H
#define TRO_CONSOLE_CORE_TALLY_H

#include "base/json.h"
#include "base/latency.h"
#include "console/core/hosted.h"
#include "console/core/wire.h"

/* THE list of stages of a network's work: id, name. */
#define TRO_TALLY_STAGES(X)                                              \
    X(WAKE, "wake")     /* the frame came in ... its lane has seen it */ \
    X(WAIT, "wait")     /* ... the network begins */                     \
    X(RUN, "run")       /* ... its outputs are there */                  \
    X(DECODE, "decode") /* ... as findings */                            \
    X(SEND, "send")     /* ... in the daemon */

enum tro_tally_stage {
#define TRO_TALLY_ENUM(id, name) TRO_TALLY_##id,
    TRO_TALLY_STAGES(TRO_TALLY_ENUM)
#undef TRO_TALLY_ENUM
        TRO_N_TALLY_STAGES
};
const char *tro_tally_stage_name(enum tro_tally_stage stage);

struct tro_tally;

/* budget_ns: from the frame in to the findings of all networks that it releases. */
struct tro_tally *tro_tally_create(int64_t budget_ns, size_t n_times, struct tro_err *err);
void tro_tally_destroy(struct tro_tally *t);

/* A network is counted from now on; the same number again begins anew. Those on trial are no part
 * of a frame's findings. */
void tro_tally_add(struct tro_tally *t, int network, const char *name, int every,
                   int64_t deadline_ns, bool is_trial);

void tro_tally_frame(struct tro_tally *t, uint64_t id, int64_t captured_ns);
/* How long their frame took, where they were the last that it waited for; else 0. */
int64_t tro_tally_findings(struct tro_tally *t, const struct tro_stage *s, int64_t received_ns);
void tro_tally_skipped(struct tro_tally *t, const struct tro_skipped *s);
/* Has each network looked at, or given up, each frame that it was to look at so far? Those on trial
 * are not asked. */
bool tro_tally_is_settled(struct tro_tally *t);

/* Of one network. */
struct tro_tally_counts {
    uint64_t ran, lower; /* of them at a lower tier */
    uint64_t skipped[TRO_N_SKIPS];
    uint64_t late;          /* findings after its deadline */
    uint64_t over_budget;   /* findings after the budget */
    int64_t longest_gap_ns; /* from findings to the next ones */
};
/* False: no such network. */
bool tro_tally_counts(struct tro_tally *t, int network, struct tro_tally_counts *out);

struct tro_tally_network {
    struct tro_tally_counts count;
    struct tro_latency latency; /* from the frame in to the findings in the daemon */
    struct tro_latency stages[TRO_N_TALLY_STAGES];
};
/* Sorts: costs milliseconds where there are many times. False: no such network. */
bool tro_tally_network(struct tro_tally *t, int network, struct tro_tally_network *out);

/* Of frames. */
struct tro_tally_all {
    uint64_t frames;
    uint64_t complete;          /* all networks that they release have looked at them */
    uint64_t incomplete;        /* some have not */
    uint64_t over_budget;       /* complete after the budget */
    struct tro_latency latency; /* of those that are complete: until the last findings */
};
void tro_tally_all(struct tro_tally *t, struct tro_tally_all *out);

/* Members of an object: frames, began_s (the first came in, CLOCK_MONOTONIC), complete, ...,
 * latency_ms, networks, and slowest: where the time went of the frames that took longest or were
 * given up late, at_s after the first frame. */
void tro_tally_json(struct tro_tally *t, struct tro_json *j);
void tro_latency_json(const struct tro_latency *l, const char *key, struct tro_json *j);

#endif
