/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Average precision of detections, as COCO defines it (cocodataset.org/#detection-eval) without
 * crowds, areas and limits on the number of detections: detections of a class in the order of their
 * scores (equal ones in the order given) each take the true box of their picture and class with the
 * greatest IoU of at least the threshold that is still free; precision is made to fall with recall
 * and read at recalls 0, 0.01 .. 1; their mean is the AP. Boxes are x0, y0, x1, y1 with areas
 * (x1 - x0) * (y1 - y0).
 */
#ifndef TRO_EVAL_DETECT_H
#define TRO_EVAL_DETECT_H

#include <stdint.h>
#include <trocar/trocar.h>

struct tro_eval_box {
    float x0, y0, x1, y1;
    float score; /* of detections */
    int32_t label;
};

double tro_box_iou(const struct tro_eval_box *a, const struct tro_eval_box *b);

/* A detection after matching, at each threshold. */
#define TRO_N_IOU_THRESHOLDS 10 /* 0.50, 0.55 .. 0.95 */
struct tro_match {
    float score;
    int32_t label;
    uint16_t is_true; /* bit i: at threshold i */
};

/* Of one picture: found is n_found detections, matches as many, in the order of their scores. */
int tro_match_boxes(const struct tro_eval_box *truth, int n_truth, const struct tro_eval_box *found,
                    int n_found, struct tro_match *matches, struct tro_err *err);

/* Of the matches of one class over all pictures, in an order that is the same every time (they are
 * sorted by score, stably); n_truth: true boxes. NaN where there is none. */
int tro_average_precision(const struct tro_match *matches, int64_t n, int64_t n_truth,
                          int threshold, double *out, struct tro_err *err);

#endif
