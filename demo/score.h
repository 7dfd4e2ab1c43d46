/* SPDX-License-Identifier: Apache-2.0 */
/* How well labels match the exact ones. Intersection over union (IoU) of a class: pixels that both
 * give it, over pixels that either does. */
#ifndef DEMO_SCORE_H
#define DEMO_SCORE_H

#include "classes.h"

/* An all-zero struct has seen no pixel. */
struct demo_score {
    int64_t n_px;
    int64_t found[DEMO_MAX_CLASSES], exact[DEMO_MAX_CLASSES], both[DEMO_MAX_CLASSES];
};

/* exact may be NULL: only what was found is counted. Labels are below DEMO_MAX_CLASSES. */
void demo_score_add(struct demo_score *s, const uint8_t *found, const uint8_t *exact, int64_t n_px);
void demo_score_merge(struct demo_score *s, const struct demo_score *other);

/* NaN for a class that neither has. */
double demo_score_iou(const struct demo_score *s, int label);

/* Over the classes that the exact labels have; NaN without such. worst may be NULL: the one with
 * the lowest IoU. */
double demo_score_mean_iou(const struct demo_score *s, int *worst);

#endif
