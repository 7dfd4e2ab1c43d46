/* SPDX-License-Identifier: Apache-2.0 */
/* How well what was found in frames matches the truth. Metrics are those of docs/metrics.md. */
#ifndef DEMO_SCORE_H
#define DEMO_SCORE_H

#include "eval/depth.h"
#include "findings.h"

/* Of one frame, or of many merged. An all-zero struct has seen nothing. */
struct demo_pixels {
    int64_t n;
    int64_t found[DEMO_MAX_NAMES], exact[DEMO_MAX_NAMES], both[DEMO_MAX_NAMES];
};
void demo_pixels_merge(struct demo_pixels *s, const struct demo_pixels *other);
/* Intersection over union: pixels that both give the class, over pixels that either does. NaN for a
 * class that neither has. */
double demo_pixels_iou(const struct demo_pixels *s, int label);
/* Over the classes that the exact labels have; NaN without such. worst may be NULL: the one with
 * the lowest IoU. */
double demo_pixels_mean_iou(const struct demo_pixels *s, int *worst);

struct demo_score {
    struct demo_pixels pixels;
    int n_matches;       /* boxes found */
    int n_shown, n_hits; /* those of them that are shown; of these those that are true at IoU 0.5 */
    int n_true_boxes, n_true_of[DEMO_MAX_NAMES];
    struct tro_match matches[DEMO_MAX_BOXES];
    struct tro_depth_errors depth;
    int n_true_points, n_found_points;    /* visible ones; those of them that were found */
    float point_error_px[DEMO_MAX_NAMES]; /* of those, by name; else NaN */
};

/* Of one frame. truth may be NULL: only what was found is counted. */
int demo_score_frame(struct demo_score *s, const struct demo_findings *found,
                     const struct demo_findings *truth, struct tro_err *err);

/* ---- over frames ----------------------------------------------------------------------- */

/* `step` bytes lead from one score to the next. */
struct demo_scores {
    const struct demo_score *first;
    size_t step;
    int n;
};
const struct demo_score *demo_score_at(const struct demo_scores *s, int i);

/* Average precision at IoU 0.5, mean over the kinds that are there; NaN where there are none. */
int demo_scores_map50(const struct demo_scores *s, double *out, struct tro_err *err);
/* Means over frames of |depth - true| / true and the root mean square in mm; NaN without depths. */
void demo_scores_depth(const struct demo_scores *s, double *abs_rel, double *rms);
/* Mean over frames of a landmark's error; name -1: of all. NaN where none was found. */
double demo_scores_point_error(const struct demo_scores *s, int name);

#endif
