/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/depth.h"

#include <math.h>

#define LEAST_DEPTH 0.001

static void add(struct tro_depth_errors *e, double t, double d)
{
    const double above = d > LEAST_DEPTH ? d : LEAST_DEPTH; /* also for NaN */
    const double gap = d - t, log_gap = log(above) - log(t);
    const double ratio = fmax(above / t, t / above);
    e->n++;
    e->abs_rel += fabs(gap) / t;
    e->sq_rel += gap * gap / t;
    e->rms += gap * gap;
    e->rms_log += log_gap * log_gap;
    double limit = 1;
    for (int i = 0; i < 3; i++) {
        limit *= 1.25;
        e->delta[i] += ratio < limit;
    }
}

struct tro_depth_errors tro_depth_errors_of(const float *truth, const float *found, int64_t n_px)
{
    struct tro_depth_errors e = {0};
    for (int64_t i = 0; i < n_px; i++)
        if (truth[i] > 0)
            add(&e, (double)truth[i], (double)found[i]);
    const double n = (double)e.n; /* 0 / 0 is NaN */
    e.abs_rel /= n;
    e.sq_rel /= n;
    e.rms = sqrt(e.rms / n);
    e.rms_log = sqrt(e.rms_log / n);
    for (int i = 0; i < 3; i++)
        e.delta[i] /= n;
    return e;
}
