/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of depths d against true ones t over the pixels where t is above 0, after Eigen, Puhrsch
 * and Fergus (arXiv 1406.2283): absolute relative |d - t| / t, squared relative (d - t)^2 / t, root
 * mean square of d - t and of ln d - ln t, shares with max(d / t, t / d) below 1.25, 1.25^2 and
 * 1.25^3. A d that is not above 0 counts as 0.001 in logarithm and ratio, so that it is bad and not
 * NaN.
 */
#ifndef TRO_EVAL_DEPTH_H
#define TRO_EVAL_DEPTH_H

#include <stdint.h>

struct tro_depth_errors {
    int64_t n;
    double abs_rel, sq_rel, rms, rms_log, delta[3]; /* NaN where n is 0 */
};

/* truth in millimetres, found in the same unit. */
struct tro_depth_errors tro_depth_errors_of(const float *truth, const float *found, int64_t n_px);

#endif
