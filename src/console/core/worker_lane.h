/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the worker: a lane's thread. */
#ifndef TRO_CONSOLE_CORE_WORKER_LANE_H
#define TRO_CONSOLE_CORE_WORKER_LANE_H

#include <pthread.h>
#include <stdatomic.h>

#include "console/core/engine.h"
#include "console/core/hosted.h"
#include "console/core/lane.h"
#include "console/core/ring.h"

/* What all lanes of a worker share. */
struct tro_worker_shared {
    struct tro_ring *ring;
    int socket;
    const char *device;
    float focal_length;
    atomic_bool is_stopped;

    pthread_mutex_t alone; /* held by the lane that runs while all others wait */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    int n_starting;  /* lanes that have not opened their engines yet */
    int n_alone;     /* lanes that have not run alone yet */
    int n_measuring; /* lanes that need more runs beside the others */
    int n_ready;     /* lanes that wait for is_released */
    bool is_released;
    bool has_failed;
    struct tro_err err; /* the first failure of a run */
};

struct tro_worker_slot {
    struct tro_hosted_network spec;
    struct tro_engine *engines[TRO_HOSTED_MAX_TIERS];
    struct tro_opened_network opened;
};

struct tro_worker_lane {
    struct tro_worker_shared *shared;
    int number, n, n_threads;
    int priority;     /* of a GPU's stream */
    bool is_trial;    /* at the lowest priority */
    bool is_urgent;   /* in real time, where that is allowed */
    bool is_measured; /* by the side of the others, where its worst cases are not given */
    bool is_late;     /* came after the others: it waits for nobody and tells by itself */
    struct tro_worker_slot slots[TRO_HOSTED_MAX_NETWORKS];

    pthread_t thread;
    bool has_thread;
    atomic_bool is_stopped;
    struct tro_lane lane;
    struct tro_findings findings;
    uint8_t *out; /* room for a message */
};

/* Slots are filled with what to host. Its thread opens the engines, measures, waits until it is
 * released (is_late: sends `opened`) and runs. */
int tro_worker_lane_start(struct tro_worker_lane *l, struct tro_err *err);
void tro_worker_lane_finish(struct tro_worker_lane *l); /* ends the thread first */

/* What became of its networks, appended. */
void tro_worker_lane_tell(const struct tro_worker_lane *l, struct tro_opened *out);

int tro_worker_send_opened(int socket, const struct tro_opened *o, struct tro_err *err);

#endif
