/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts workers, listens to them, starts them again when they end (docs/console.md). A worker that
 * crashes, hangs or lies costs findings until its successor is there, and nothing else.
 *
 * Threads: create, start, stop and destroy from one thread, all else from any. Callbacks come
 * from a thread for each worker and must not wait.
 */
#ifndef TRO_CONSOLE_CORE_SUPERVISOR_H
#define TRO_CONSOLE_CORE_SUPERVISOR_H

#include "console/core/hosted.h"
#include "console/core/ring.h"
#include "console/core/tally.h"
#include "console/core/wire.h"

#define TRO_SUPERVISOR_MAX_WORKERS 18 /* of the processor and eight devices, two each */

struct tro_supervisor_worker {
    const char *device; /* "cpu", "cuda:0" ... */
    int threads, lanes; /* as in struct tro_hosted; lanes of a GPU: 1 */
    /* Of plans on trial alone: its process is there while there are some, and what becomes of it
     * concerns nobody else; not even the start waits for more than its first end. */
    bool is_for_trials;
};

struct tro_supervisor_network {
    struct tro_hosted_network hosted; /* `network` is its index in the list */
    int worker;
};

/* THE list of states of a worker: id, name. */
#define TRO_WORKER_STATES(X)                                          \
    X(STARTING, "starting") /* opens its plans */                     \
    X(RUNNING, "running")                                             \
    X(PAUSED, "restarting") /* has ended; is started after a pause */ \
    X(ENDED, "ended")       /* as it was asked to, at first start, or with nothing on trial */

enum tro_worker_state {
#define TRO_WORKER_ENUM(id, name) TRO_WORKER_##id,
    TRO_WORKER_STATES(TRO_WORKER_ENUM)
#undef TRO_WORKER_ENUM
        TRO_N_WORKER_STATES
};
const char *tro_worker_state_name(enum tro_worker_state state);
/* "main", or "trials": which of the processes of a device. */
const char *tro_worker_process_name(bool is_for_trials);

struct tro_supervisor_opts {
    const char *program;   /* path of trocar-worker; NULL: beside the program that runs */
    struct tro_ring *ring; /* with tro_supervisor_n_readers readers */
    float focal_length;
    bool is_realtime; /* workers may have real-time threads */
    int64_t budget_ns;
    int64_t hang_ns; /* without a word, though there are frames to look at; 0: 2 s */
    size_t n_times;  /* of each kind that are kept, for percentiles */
    int n_workers, n_networks;
    const struct tro_supervisor_worker *workers;
    const struct tro_supervisor_network *networks;
    /* What a network has found, not of those on trial. Checked: of a network of that worker, of a
     * frame that was there. */
    void (*findings)(void *ctx, const struct tro_findings *f, const struct tro_stage *s);
    /* All that look at a frame have done so, in ns after it came in. May be NULL, as the next. */
    void (*completed)(void *ctx, uint64_t frame, int64_t ns);
    void (*skipped)(void *ctx, const struct tro_skipped *s);
    /* why: "" or a message of why it has ended. */
    void (*changed)(void *ctx, int worker, enum tro_worker_state state, const char *why);
    void *ctx;
};

struct tro_supervisor;

/* Readers that the ring needs: frames held at once by all workers, with room for trials. */
int tro_supervisor_n_readers(const struct tro_supervisor_opts *opts);

/* opts are copied, with all they point to. */
struct tro_supervisor *tro_supervisor_create(const struct tro_supervisor_opts *opts,
                                             struct tro_err *err);
/* Workers begin to open and to measure their plans; it does not wait for that. */
int tro_supervisor_start(struct tro_supervisor *s, struct tro_err *err);
/* 1: all workers have opened and measured their plans, once at least; 0: not yet; an error: one has
 * failed before it had, and is not started again. */
int tro_supervisor_opened(struct tro_supervisor *s, struct tro_err *err);
/* The same, but it waits until they have. */
int tro_supervisor_wait(struct tro_supervisor *s, struct tro_err *err);
/* Ends all workers: from then on nothing is called back. What was counted can still be asked. */
void tro_supervisor_stop(struct tro_supervisor *s);
void tro_supervisor_destroy(struct tro_supervisor *s); /* stops first */

/* The producer has published a frame: counted. */
void tro_supervisor_frame(struct tro_supervisor *s, uint64_t id, int64_t captured_ns);

/* One more network, on trial at the lowest priority, beside the running ones: its number, by which
 * it is counted. Where the worker's device has one for trials it runs there. It opens meanwhile;
 * tro_supervisor_network says what becomes of it. A worker that is started anew gets it again,
 * unless it has ended three times with it before it ran long. hosted.network and is_trial are not
 * looked at. */
int tro_supervisor_load(struct tro_supervisor *s, int worker, const struct tro_hosted_network *n,
                        struct tro_err *err);
int tro_supervisor_unload(struct tro_supervisor *s, int network, struct tro_err *err);

struct tro_supervisor_status {
    bool is_trial, is_running;
    bool is_given_up; /* on trial, and its worker ended again and again; opened.error says so */
    int worker;
    struct tro_opened_network opened; /* as it was opened last; error: why it does not run */
};
/* False: no such network. */
bool tro_supervisor_network(struct tro_supervisor *s, int network,
                            struct tro_supervisor_status *out);

struct tro_worker_counters {
    enum tro_worker_state state;
    int pid;                         /* 0: none */
    uint64_t starts, hangs, refused; /* refused: messages that were none */
    char why[256];                   /* it ended last; "": it never did */
    char notice[512];                /* what the user should know of how it runs; "": nothing */
};
void tro_supervisor_worker(struct tro_supervisor *s, int worker, struct tro_worker_counters *out);

struct tro_tally *tro_supervisor_tally(struct tro_supervisor *s);

#endif
