/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of a tensor over many runs: range, histogram of magnitudes, range and mean of each
 * channel. What is found does not depend on the order of runs, but for the last bits of the means.
 *
 * The histogram reaches from 0 to a power of two, which doubles when a greater magnitude comes: two
 * bins then become one, and no count is lost.
 */
#ifndef TRO_QUANT_STATS_H
#define TRO_QUANT_STATS_H

#include "base/arena.h"
#include <stdbool.h>

#include <trocar/trocar.h>

#define TRO_STATS_BINS 2048

struct tro_stats_channel {
    float min, max;
    double sum;
};

struct tro_stats {
    int64_t n;                    /* finite elements */
    int64_t n_bad;                /* NaN and infinite ones */
    int64_t n_zero;               /* not in the histogram */
    float min, max;               /* of the finite ones; 0 where there are none */
    double top;                   /* where the histogram ends */
    double least;                 /* magnitude that is not 0; infinite where there are none */
    int64_t bins[TRO_STATS_BINS]; /* bin i: magnitudes from i to i + 1 times top / TRO_STATS_BINS */
    int n_channels;               /* 0: not told apart */
    struct tro_stats_channel *channels;
};

/* n_channels may be 0. The memory is the arena's. */
int tro_stats_init(struct tro_stats *s, int n_channels, struct tro_arena *arena,
                   struct tro_err *err);

/* A tensor of f32 whose channels lie along the axis; it has as many as the statistics. */
void tro_stats_add(struct tro_stats *s, const struct tro_tensor *t, int axis);

/* Range and histogram of two tensors as if they were one; channels stay those of `to`. */
void tro_stats_join(struct tro_stats *to, const struct tro_stats *from);

/* There are elements on both sides of 0, and they reach much farther to one side. */
bool tro_stats_has_tail(const struct tro_stats *s);

/* The greatest magnitude. */
float tro_stats_peak(const struct tro_stats *s);

#endif
