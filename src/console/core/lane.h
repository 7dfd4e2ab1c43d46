/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which network of a lane goes next: earliest deadline first, what cannot end in time is left out
 * (docs/console.md, "Admission"). Decisions alone, no threads and no clock, so that they can be
 * tried one by one; worker.c has the threads.
 *
 * A network is released by each frame whose id is a multiple of its `every`. It looks at the newest
 * frame there is when its turn comes, which may be a newer one than released it. Its deadline, by
 * which turns are ordered, is that of the frame which released it; of equal ones the more urgent
 * priority goes first, then the one earlier in the configuration.
 */
#ifndef TRO_CONSOLE_CORE_LANE_H
#define TRO_CONSOLE_CORE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "console/core/hosted.h"

/* n frames in a row, `last` the newest of them, that a network will not look at. */
struct tro_lane_skip {
    uint32_t n;
    uint64_t last;
};

struct tro_lane_network {
    int n_tiers, every, priority;
    int64_t deadline_ns;
    int64_t worst_ns[TRO_HOSTED_MAX_TIERS];
    bool is_there; /* false: its place is empty */

    bool is_waiting;
    uint64_t released;   /* by this frame */
    int64_t released_ns; /* captured then */
};

struct tro_lane {
    int n;
    struct tro_lane_network networks[TRO_HOSTED_MAX_NETWORKS];
    uint64_t seen; /* the newest frame; at the start the one that was there before */
    int64_t seen_ns;
};

/* A newer frame has come; frames between the last one and this one were not seen. busy, one for
 * each network, gets what it has missed: frames that it has not begun. */
void tro_lane_offer(struct tro_lane *l, uint64_t id, int64_t captured_ns,
                    struct tro_lane_skip busy[TRO_HOSTED_MAX_NETWORKS]);

bool tro_lane_is_waiting(const struct tro_lane *l);

struct tro_lane_choice {
    int network; /* of the lane; -1: nothing is waiting */
    int tier;    /* -1: it cannot end in time, which is now counted as its turn */
};

/* The next turn on the newest frame; its network is not waiting any more. */
struct tro_lane_choice tro_lane_pick(struct tro_lane *l, int64_t now_ns);

#endif
