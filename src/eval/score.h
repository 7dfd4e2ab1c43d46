/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found in one frame against the truth. Columns of a table are filled; those whose truth
 * or finding is missing stay NaN.
 */
#ifndef TRO_EVAL_SCORE_H
#define TRO_EVAL_SCORE_H

#include "eval/dataset.h"
#include "eval/table.h"

/* Where the columns of a kind begin in a table, -1: there are none. Those of a class, point are
 * next to one another, in their order. */
struct tro_eval_layout {
    int pixel_accuracy, mean_iou, iou, dice, hd95, nsd; /* the last four: n_classes each */
    int temporal_iou, true_temporal_iou;
    int abs_rel, rms_depth, delta1;
    int point_error, point_recall; /* n_points each */
    int box_recall, box_precision;
    int flag_score, flag_truth; /* n_flags each */
    int step_accuracy, step_found, step_truth;
    int step_recall, step_precision; /* n_steps each */
};

/* Labels of pixels, height x width; 255: no class. before: of the frame before in the same
 * procedure, NULL: none. */
struct tro_eval_masks {
    const uint8_t *truth, *found, *truth_before, *found_before;
    int64_t n_px;
    struct tro_outline_work *work;
    double tolerance_px;
};
void tro_score_masks(const struct tro_eval_layout *l, int n_classes, const struct tro_eval_masks *m,
                     struct tro_eval_cell *c);

/* Millimetres. */
void tro_score_depth(const struct tro_eval_layout *l, const float *truth, const float *found,
                     int64_t n_px, struct tro_eval_cell *c);

/* found: n_points times x, y, score; a score of 0 or less: not found. names: of the points. */
void tro_score_points(const struct tro_eval_layout *l, const struct tro_truth_frame *truth,
                      const char *const *names, int n_points, const float *found,
                      struct tro_eval_cell *c);

/* found: a score for each name. Names that the truth has no flag of stay undefined. */
void tro_score_flags(const struct tro_eval_layout *l, const struct tro_truth_frame *truth,
                     const char *const *names, int n_names, const float *found,
                     struct tro_eval_cell *c);

/* Has the truth a flag of this name? */
bool tro_truth_has_flag(const struct tro_truth_frame *truth, const char *name);

/* found: a score for each name; the greatest is the step, the first of equals, none where all are
 * NaN. Undefined where the true step is not known or has none of the names. */
void tro_score_steps(const struct tro_eval_layout *l, const struct tro_truth_frame *truth,
                     const char *const *names, int n_names, const float *found,
                     struct tro_eval_cell *c);

/* Boxes with labels from 0. */
int tro_score_boxes(const struct tro_eval_layout *l, struct tro_eval_table *t,
                    const struct tro_eval_box *truth, int n_truth, const struct tro_eval_box *found,
                    int n_found, struct tro_eval_cell *c, struct tro_err *err);

#endif
