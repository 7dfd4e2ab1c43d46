/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps ids of boxes and landmarks from frame to frame, also while something lies in front of
 * them, and smooths their places.
 *
 * Boxes of one network and label are assigned to tracks at the least sum of costs (1 - IoU, and the
 * distance of middles over the size); a track moves on with its own velocity while it is not seen,
 * for keep_ms, and is then given up. Of landmarks there is one track a label. Smoothing is a
 * filter of constant velocity (alpha, beta); it delays a thing that starts to move by
 * tro_tracker_delay_ms, which is stated wherever its places are shown. Same input, same output.
 */
#ifndef TRO_CONSOLE_CORE_TRACKER_H
#define TRO_CONSOLE_CORE_TRACKER_H

#include "console/core/finding.h"

struct tro_tracker;

struct tro_tracker_opts {
    float keep_ms;      /* through occlusion */
    float smoothing_ms; /* time constant; 0: places as they are found */
};

struct tro_tracker *tro_tracker_create(const struct tro_tracker_opts *opts, struct tro_err *err);
void tro_tracker_destroy(struct tro_tracker *t);

/* Findings of one network, frames in order (an older frame than the last is left as it is): boxes
 * and landmarks get their track and their smoothed place; tracks that are not seen are added with
 * their age_ms while they are kept and there is room. */
void tro_tracker_update(struct tro_tracker *t, struct tro_findings *f);

float tro_tracker_delay_ms(const struct tro_tracker *t);

#endif
