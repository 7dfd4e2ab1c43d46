/* SPDX-License-Identifier: Apache-2.0 */
#include "score.h"

#include <math.h>

#include "base/alloc.h"
#include "base/err.h"

/* ---- pixels ---------------------------------------------------------------------------- */

static void count_pixels(struct demo_pixels *s, const uint8_t *found, const uint8_t *exact,
                         int64_t n_px)
{
    for (int64_t i = 0; i < n_px; i++) {
        if (exact && exact[i] == DEMO_NO_LABEL)
            continue;
        s->n++;
        s->found[found[i]]++;
        if (!exact)
            continue;
        s->exact[exact[i]]++;
        s->both[exact[i]] += exact[i] == found[i];
    }
}

void demo_pixels_merge(struct demo_pixels *s, const struct demo_pixels *other)
{
    s->n += other->n;
    for (int i = 0; i < DEMO_MAX_NAMES; i++) {
        s->found[i] += other->found[i];
        s->exact[i] += other->exact[i];
        s->both[i] += other->both[i];
    }
}

double demo_pixels_iou(const struct demo_pixels *s, int label)
{
    const int64_t either = s->found[label] + s->exact[label] - s->both[label];
    return either ? (double)s->both[label] / (double)either : NAN;
}

double demo_pixels_mean_iou(const struct demo_pixels *s, int *worst)
{
    double sum = 0, lowest = INFINITY;
    int n = 0;
    for (int i = 0; i < DEMO_MAX_NAMES; i++) {
        if (!s->exact[i])
            continue;
        const double iou = demo_pixels_iou(s, i);
        sum += iou;
        n++;
        if (worst && iou < lowest)
            *worst = i;
        lowest = fmin(lowest, iou);
    }
    return n ? sum / n : NAN;
}

/* ---- a frame --------------------------------------------------------------------------- */

static int match_boxes(struct demo_score *s, const struct demo_findings *found,
                       const struct demo_findings *truth, struct tro_err *err)
{
    s->n_true_boxes = truth->n_boxes;
    for (int i = 0; i < truth->n_boxes; i++)
        s->n_true_of[truth->boxes[i].label]++;
    TRO_TRY(tro_match_boxes(truth->boxes, truth->n_boxes, found->boxes, found->n_boxes, s->matches,
                            err));
    for (int i = 0; i < s->n_matches; i++)
        s->n_hits += s->matches[i].score >= DEMO_SHOWN_SCORE && (s->matches[i].is_true & 1);
    return 0;
}

static void measure_points(struct demo_score *s, const struct demo_findings *found,
                           const struct demo_findings *truth)
{
    for (int i = 0; i < DEMO_MAX_NAMES; i++) {
        const struct demo_point *const want = &truth->points[i], *const got = &found->points[i];
        s->point_error_px[i] = NAN;
        if (i >= truth->n_points || !want->is_there)
            continue;
        s->n_true_points++;
        if (!got->is_there)
            continue;
        s->n_found_points++;
        s->point_error_px[i] = hypotf(got->x - want->x, got->y - want->y);
    }
}

int demo_score_frame(struct demo_score *s, const struct demo_findings *found,
                     const struct demo_findings *truth, struct tro_err *err)
{
    const int64_t n_px = (int64_t)found->width * found->height;
    if (found->label)
        count_pixels(&s->pixels, found->label, truth ? truth->label : NULL, n_px);
    s->n_matches = found->n_boxes;
    for (int i = 0; i < found->n_boxes; i++)
        s->n_shown += found->boxes[i].score >= DEMO_SHOWN_SCORE;
    if (!truth)
        return 0;
    TRO_TRY(match_boxes(s, found, truth, err));
    if (found->depth)
        s->depth = tro_depth_errors_of(truth->depth, found->depth, n_px);
    measure_points(s, found, truth);
    return 0;
}

/* ---- over frames ----------------------------------------------------------------------- */

const struct demo_score *demo_score_at(const struct demo_scores *s, int i)
{
    return (const struct demo_score *)((const char *)s->first + s->step * (size_t)i);
}

/* Of one kind, in the order of the frames. */
static int64_t gather(const struct demo_scores *s, int kind, struct tro_match *to, int64_t *n_true)
{
    int64_t n = 0;
    *n_true = 0;
    for (int i = 0; i < s->n; i++) {
        const struct demo_score *const one = demo_score_at(s, i);
        *n_true += one->n_true_of[kind];
        for (int k = 0; k < one->n_matches; k++)
            if (one->matches[k].label == kind)
                to[n++] = one->matches[k];
    }
    return n;
}

int demo_scores_map50(const struct demo_scores *s, double *out, struct tro_err *err)
{
    struct tro_match *const all = tro_calloc((size_t)s->n * DEMO_MAX_BOXES, sizeof *all);
    double sum = 0;
    int n_kinds = 0, rc = all ? 0 : tro_fail_nomem(err);
    for (int kind = 0; kind < DEMO_MAX_NAMES && rc >= 0; kind++) {
        int64_t n_true;
        double ap;
        const int64_t n = gather(s, kind, all, &n_true);
        if (n_true == 0)
            continue;
        rc = tro_average_precision(all, n, n_true, 0, &ap, err);
        sum += ap;
        n_kinds++;
    }
    tro_free(all);
    *out = n_kinds ? sum / n_kinds : NAN;
    return rc;
}

void demo_scores_depth(const struct demo_scores *s, double *abs_rel, double *rms)
{
    int n = 0;
    *abs_rel = *rms = 0;
    for (int i = 0; i < s->n; i++) {
        const struct tro_depth_errors *const d = &demo_score_at(s, i)->depth;
        if (d->n == 0)
            continue;
        *abs_rel += d->abs_rel;
        *rms += d->rms;
        n++;
    }
    *abs_rel = n ? *abs_rel / n : NAN;
    *rms = n ? *rms / n : NAN;
}

double demo_scores_point_error(const struct demo_scores *s, int name)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        const float *const error = demo_score_at(s, i)->point_error_px;
        for (int k = 0; k < DEMO_MAX_NAMES; k++) {
            if ((name >= 0 && k != name) || isnan(error[k]))
                continue;
            sum += error[k];
            n++;
        }
    }
    return n ? sum / n : NAN;
}
