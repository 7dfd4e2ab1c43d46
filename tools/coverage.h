/* SPDX-License-Identifier: Apache-2.0 */
/* Which kinds of frames data to calibrate with has, and what it lacks. */
#ifndef TRO_TOOLS_COVERAGE_H
#define TRO_TOOLS_COVERAGE_H

#include "base/arena.h"
#include "calib.h"

struct tro_coverage_kind {
    const char *name; /* "smoke": of slices without their strength; a make of camera */
    int64_t n;
};

struct tro_coverage_kinds {
    struct tro_coverage_kind *all;
    int n, cap;
};

/* An all-zero struct has seen nothing. */
struct tro_coverage {
    struct tro_arena arena;
    struct tro_coverage_kinds disturbances, cameras;
    int64_t n_samples;
};

int tro_coverage_add(struct tro_coverage *c, const struct tro_calib_sample *s, struct tro_err *err);

/* Says on standard error what is missing: fewer than five kinds of disturbance, those with fewer
 * than 200 frames, those of the simulator's that are not there at all, one make of camera alone. */
void tro_coverage_warn(const struct tro_coverage *c);

void tro_coverage_finish(struct tro_coverage *c);

#endif
