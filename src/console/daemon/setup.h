/* SPDX-License-Identifier: Apache-2.0 */
/* What looks at frames, as the configuration wants it: the frame ring, and the workers behind it.
 */
#ifndef TRO_CONSOLE_DAEMON_SETUP_H
#define TRO_CONSOLE_DAEMON_SETUP_H

#include <signal.h>
#include <stdio.h>

#include "console/core/supervisor.h"
#include "console/rules/config.h"

struct tro_setup {
    const struct tro_config *config;
    struct tro_ring *ring;
    struct tro_supervisor *supervisor;
    int first_reader; /* of those beside the workers' */
    /* Those of the configuration, in its order, then processes of what is on trial. */
    int n_workers;
    char device[TRO_SUPERVISOR_MAX_WORKERS][16]; /* "cpu", "cuda:0" */
    bool is_for_trials[TRO_SUPERVISOR_MAX_WORKERS];
    bool has_mps;
    char no_mps[256]; /* why not, where it was looked for */
};

/* As in struct tro_supervisor_opts. */
struct tro_setup_calls {
    void (*findings)(void *ctx, const struct tro_findings *f, const struct tro_stage *s);
    void (*completed)(void *ctx, uint64_t frame, int64_t ns);
    void (*skipped)(void *ctx, const struct tro_skipped *s);
    void (*changed)(void *ctx, int worker, enum tro_worker_state state, const char *why);
    void *ctx;
    size_t n_times;
    int n_more_readers; /* of the ring, beside the workers'; they come last */
};

/* Makes the ring and gets the workers ready; nothing runs yet. Networks have the numbers of the
 * configuration, which outlives it. */
int tro_setup_open(struct tro_setup *s, const struct tro_config *c,
                   const struct tro_setup_calls *calls, struct tro_err *err);
/* Workers begin to open and to measure their plans; it does not wait for that. */
int tro_setup_start(struct tro_setup *s, struct tro_err *err);
/* 1: all plans are open and measured, and are what the configuration takes them for; 0: not yet;
 * else why that will not be. */
int tro_setup_opened(struct tro_setup *s, struct tro_err *err);
/* The same, but it waits until they are. */
int tro_setup_wait(struct tro_setup *s, struct tro_err *err);
/* Waits until each frame so far has been looked at, or given up, by each network; at most most_ns,
 * since a worker may hang. */
void tro_setup_settle(struct tro_setup *s, int64_t most_ns);
void tro_setup_stop(struct tro_setup *s);  /* nothing is called back any more */
void tro_setup_close(struct tro_setup *s); /* an all-zero struct is fine */

/* A process for trials that never was needed is not worth a word. */
bool tro_setup_is_worth_telling(const struct tro_setup *s, int worker,
                                const struct tro_worker_counters *w);

/* Does the configuration give all worst cases, so that the set can be judged before it starts? */
bool tro_setup_is_given(const struct tro_setup *s);
/* Do the networks hold their deadlines (docs/console.md, "Admission")? table: NULL, or where it is
 * written, with a line for each network on trial, which is no part of it. Once worst cases are
 * known: given, or opened. */
bool tro_setup_admit(struct tro_setup *s, FILE *table);

/* Before any thread is made, so that all inherit it: SIGINT and SIGTERM come to sigtimedwait with
 * this set alone. */
sigset_t tro_setup_block_signals(void);

/* A frame for the workers: copied into the ring, counted. One thread, the capture's. Its id is the
 * frame's own, which count from 1. */
void tro_setup_put(struct tro_setup *s, const struct tro_frame *f);

#endif
