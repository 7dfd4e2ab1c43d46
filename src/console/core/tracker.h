/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps ids of boxes and landmarks from frame to frame, also while something lies in front of
 * them, and smooths their places.
 *
 * Boxes of one network and label are assigned to tracks at the least sum of costs (1 - IoU, and the
 * distance of middles over the size); a track moves on with its own velocity, which dies away,
 * while it is not seen, for keep_ms or until it has left the picture, and is then given up. Of
 * landmarks there is one track a label, of the best item. What scores less than TRO_TRACKER_BEGIN
 * continues tracks and begins none. Same input, same output.
 *
 * Smoothing is a filter of constant velocity (alpha, beta) of middle and size with fading memory:
 *
 *     theta = exp(-dt / smoothing)    alpha = 1 - theta^2    beta = (1 - theta)^2
 *
 * What moves evenly is not delayed. A thing at rest that begins to move with velocity v is behind
 * by v t exp(-t / smoothing) after t, at most v smoothing / e, after t = smoothing: it is shown
 * where it was up to smoothing / e earlier. That is tro_tracker_delay_ms, stated wherever places
 * are shown.
 */
#ifndef TRO_CONSOLE_CORE_TRACKER_H
#define TRO_CONSOLE_CORE_TRACKER_H

#include "console/core/finding.h"

#define TRO_TRACKER_BEGIN 0.3f
#define TRO_TRACKER_MAX_TRACKS 256

struct tro_tracker;

struct tro_tracker_opts {
    float keep_ms;      /* through occlusion */
    float smoothing_ms; /* time constant; 0: places as they are found */
};

struct tro_tracker *tro_tracker_create(const struct tro_tracker_opts *opts, struct tro_err *err);
void tro_tracker_destroy(struct tro_tracker *t);

/* Findings of one network, frames in order (not newer than the last of its network: it is left as
 * it is): boxes and landmarks get their track and their smoothed place; tracks that are not seen
 * are added with their age_ms while they are kept and there is room. Tracks of all networks have
 * ids of their own. */
void tro_tracker_update(struct tro_tracker *t, struct tro_findings *f);

float tro_tracker_delay_ms(const struct tro_tracker *t);

#endif
