/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the supervisor: what its threads share. */
#ifndef TRO_CONSOLE_CORE_SUPERVISOR_STATE_H
#define TRO_CONSOLE_CORE_SUPERVISOR_STATE_H

#include <pthread.h>
#include <sys/types.h>

#include "console/core/supervisor.h"

#define TRO_SUPERVISOR_STARTS 8 /* whose times are kept */

struct tro_supervised_network {
    bool is_there, is_loaded; /* loaded: came while the others ran */
    bool is_sent;             /* to the process that runs now */
    int n_ends;               /* of its worker, where it is on trial: in a row, soon after */
    uint64_t n_ran;           /* when its worker ended last */
    struct tro_hosted_network hosted;
    struct tro_supervisor_status status;
    struct tro_stage stage; /* its last one; of its worker's thread alone */
};

struct tro_supervised_worker {
    struct tro_supervisor *s;
    int number;
    struct tro_supervisor_worker opts;
    int reader, n_readers; /* bits of the ring */
    pthread_t thread;
    bool has_thread;

    /* of its thread alone */
    struct tro_findings findings;
    uint8_t *in;
    int64_t heard_ns;      /* its last message */
    uint64_t heard_newest; /* the ring's newest frame then */
    int64_t free_ns;       /* it had nothing to look at until then */
    int64_t quit_ns;       /* it was asked to end; 0: it was not */
    int64_t starts_ns[TRO_SUPERVISOR_STARTS];

    /* under the lock */
    int socket;      /* -1: none */
    bool has_opened; /* once, at least, or it is not waited for */
    bool has_ended;
    struct tro_worker_counters counters;
    struct tro_err err; /* why it never opened */
};

struct tro_supervisor {
    struct tro_arena arena; /* of strings; under the lock */
    struct tro_supervisor_opts opts;
    char program[4096];
    struct tro_tally *tally;
    int n_workers;
    struct tro_supervised_worker workers[TRO_SUPERVISOR_MAX_WORKERS];

    pthread_mutex_t lock;
    pthread_cond_t wake; /* of the monotonic clock */
    bool is_stopping;
    struct tro_supervised_network networks[TRO_HOSTED_MAX_NETWORKS];
};

/* Strings of the copy are the supervisor's. Under the lock, once workers run. */
int tro_supervised_copy(struct tro_supervisor *s, const struct tro_hosted_network *from,
                        struct tro_hosted_network *to, struct tro_err *err);
/* Network i of a worker is there, and counted, from now on. Under the lock. */
void tro_supervised_add(struct tro_supervisor *s, int i, int worker);

/* ---- supervisor_trial.c; with the lock held ------------------------------------------------- */

/* Is it there, and, where it is on trial, neither refused nor given up? */
bool tro_supervised_is_wanted(const struct tro_supervised_network *n);
/* Is there something that its process is for? */
bool tro_supervised_has_work(const struct tro_supervised_worker *w);
/* What was loaded, to a process that has opened the rest. */
int tro_supervised_load_again(struct tro_supervised_worker *w, struct tro_err *err);
/* Its process has ended. */
void tro_supervised_note_end(struct tro_supervised_worker *w);

/* A worker's thread: from its first start to the supervisor's end. */
void *tro_supervised_main(void *worker);

#endif
