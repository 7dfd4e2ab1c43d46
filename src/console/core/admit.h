/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a set of networks keeps its deadlines, before it starts.
 *
 * A lane runs one job at a time to its end, the one with the earliest deadline first. Each network
 * i brings a job with every frame it takes: released when the frame is captured, of worst case C_i,
 * due D_i later, again after T_i at the earliest (sporadic; all may come at once).
 *
 * Response times are exact for non-preemptive earliest deadline first with such releases (George,
 * Rivierre, Spuri, INRIA RR-2966, 1996, section 4): the worst response of i is the greatest over
 * releases a in the longest busy period of
 *
 *     L(a) + C_i - a,  L(a) = B(a) + W(a, L(a)) + floor(a / T_i) C_i
 *     B(a)    = the greatest C_j of those with D_j > a + D_i (one of them may have begun)
 *     W(a, t) = sum over j other than i with D_j <= a + D_i of
 *               min(floor(t / T_j) + 1, floor((a + D_i - D_j) / T_j) + 1) C_j
 *
 * and the set holds when each response is at most the deadline. All times are whole nanoseconds,
 * so that nothing is rounded.
 *
 * Networks of other lanes of the device are not part of this; what they cost is in the worst
 * cases, which are measured beside them.
 */
#ifndef TRO_CONSOLE_CORE_ADMIT_H
#define TRO_CONSOLE_CORE_ADMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <trocar/trocar.h>

#define TRO_ADMIT_MAX 64

struct tro_admit {
    /* given */
    const char *name, *device;
    int lane; /* numbers of lanes are of all devices together */
    int64_t period_ns, deadline_ns;
    int64_t alone_ns; /* measured without the others; 0: not known; of use to the table alone */
    int64_t worst_ns; /* measured beside them, or given */
    /* found */
    int64_t response_ns; /* -1: no bound, the lane has more work than time */
    bool holds;
};

/* Fills in what is found. True: all hold. n up to TRO_ADMIT_MAX; periods, deadlines and worst cases
 * are above 0 and below an hour. */
bool tro_admit_check(struct tro_admit *set, int n);

/* The table of --check, and a line for each network that does not hold, with what would help. */
void tro_admit_print(const struct tro_admit *set, int n, FILE *out);

/* What is admitted as the worst case of timed runs: the greatest of them, and at least 1.2 times
 * their 99th percentile. Sorts them. */
int64_t tro_admit_worst(int64_t *ns, size_t n);

#endif
