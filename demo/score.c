/* SPDX-License-Identifier: Apache-2.0 */
#include "score.h"

#include <math.h>

void demo_score_add(struct demo_score *s, const uint8_t *found, const uint8_t *exact, int64_t n_px)
{
    s->n_px += n_px;
    for (int64_t i = 0; i < n_px; i++) {
        s->found[found[i]]++;
        if (!exact)
            continue;
        s->exact[exact[i]]++;
        s->both[exact[i]] += exact[i] == found[i];
    }
}

void demo_score_merge(struct demo_score *s, const struct demo_score *other)
{
    s->n_px += other->n_px;
    for (int i = 0; i < DEMO_MAX_CLASSES; i++) {
        s->found[i] += other->found[i];
        s->exact[i] += other->exact[i];
        s->both[i] += other->both[i];
    }
}

double demo_score_iou(const struct demo_score *s, int label)
{
    const int64_t either = s->found[label] + s->exact[label] - s->both[label];
    return either ? (double)s->both[label] / (double)either : NAN;
}

double demo_score_mean_iou(const struct demo_score *s, int *worst)
{
    double sum = 0, lowest = INFINITY;
    int n = 0;
    for (int i = 0; i < DEMO_MAX_CLASSES; i++) {
        if (!s->exact[i])
            continue;
        const double iou = demo_score_iou(s, i);
        sum += iou;
        n++;
        if (worst && iou < lowest)
            *worst = i;
        lowest = fmin(lowest, iou);
    }
    return n ? sum / n : NAN;
}
