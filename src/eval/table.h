/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What engines made of frames, in numbers: all that a report needs, so that parts made on many
 * machines join to the same table as one machine's, bit for bit.
 */
#ifndef TRO_EVAL_TABLE_H
#define TRO_EVAL_TABLE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "eval/detect.h"
#include "eval/mask.h"

/* clang-format off */
/* THE list of metrics of a frame: id, name, is less better, unit, what it is. */
#define TRO_EVAL_METRICS(X)                                                                        \
    X(PIXEL_ACCURACY, "pixel-accuracy", false, "", "share of pixels with the true class")          \
    X(MEAN_IOU, "mean-iou", false, "", "mean IoU of the classes that are in the frame or found")   \
    X(IOU, "iou", false, "", "area of a class in both over that in either")                        \
    X(DICE, "dice", false, "", "twice the common area over the sum of both")                       \
    X(HD95, "hd95", true, "px", "95th percentile of distances between outlines")                   \
    X(NSD, "nsd", false, "", "share of outlines within the tolerance of each other")               \
    X(TEMPORAL_IOU, "temporal-iou", false, "", "mean IoU with what was found in the frame before") \
    X(TRUE_TEMPORAL_IOU, "true-temporal-iou", false, "", "the same of the truth")                  \
    X(ABS_REL, "abs-rel", true, "", "mean of |depth - true| / true")                               \
    X(RMS_DEPTH, "rms-depth", true, "mm", "root of the mean square of depth - true")               \
    X(DELTA1, "delta1", false, "", "share of depths within a factor of 1.25")                      \
    X(POINT_ERROR, "point-error", true, "px", "distance of a point that is there and found")       \
    X(POINT_RECALL, "point-recall", false, "", "1: a point that is there was found")               \
    X(BOX_RECALL, "box-recall", false, "", "share of true boxes found, IoU 0.5")                   \
    X(BOX_PRECISION, "box-precision", false, "", "share of found boxes that are true, IoU 0.5")    \
    X(STEP_ACCURACY, "step-accuracy", false, "", "1: the step that was found is the true one")     \
    X(STEP_RECALL, "step-recall", false, "", "of frames of a step: 1 where it was found")          \
    X(STEP_PRECISION, "step-precision", false, "", "where a step was found: 1 if it is the true")  \
    X(STEP_FOUND, "step-found", false, "", "index of the step that was found: not a figure")       \
    X(STEP_TRUTH, "step-truth", false, "", "index of the true one: likewise")                      \
    X(FLAG_SCORE, "flag-score", false, "", "score of a yes: not a figure by itself")               \
    X(FLAG_TRUTH, "flag-truth", false, "", "1 where it is a yes, else 0: likewise")
/* clang-format on */

enum tro_eval_metric {
#define TRO_EVAL_METRIC_ENUM(id, ...) TRO_EVAL_##id,
    TRO_EVAL_METRICS(TRO_EVAL_METRIC_ENUM)
#undef TRO_EVAL_METRIC_ENUM
        TRO_N_EVAL_METRICS
};

struct tro_eval_metric_info {
    const char *name, *unit, *text;
    bool is_less_better;
};
extern const struct tro_eval_metric_info tro_eval_metrics[TRO_N_EVAL_METRICS];

/* Means of it say something. */
static inline bool tro_eval_is_figure(enum tro_eval_metric m)
{
    return m != TRO_EVAL_FLAG_SCORE && m != TRO_EVAL_FLAG_TRUTH && m != TRO_EVAL_STEP_FOUND &&
           m != TRO_EVAL_STEP_TRUTH;
}

struct tro_eval_column {
    enum tro_eval_metric metric;
    const char *of; /* class, point or output; "" of all */
};

/* One engine's frame. NaN: not defined there. */
struct tro_eval_cell {
    bool is_there;
    int64_t latency_ns;      /* -1: not measured */
    double *values;          /* a column each */
    struct tro_areas *areas; /* a class each */
    struct tro_match *matches;
    int n_matches;
    int32_t *n_true_boxes; /* a label each */
};

struct tro_eval_table {
    struct tro_arena arena;
    const struct tro_eval_column *columns;
    int n_columns, n_classes, n_labels; /* classes of pixels, labels of boxes */
    int n_engines;
    int64_t n_frames;
    struct tro_eval_cell *cells; /* n_engines x n_frames */
};

/* columns are kept by reference. All cells are empty. */
int tro_eval_table_init(struct tro_eval_table *t, const struct tro_eval_column *columns,
                        int n_columns, int n_classes, int n_labels, int n_engines, int64_t n_frames,
                        struct tro_err *err);
void tro_eval_table_finish(struct tro_eval_table *t);

struct tro_eval_cell *tro_eval_cell(const struct tro_eval_table *t, int engine, int64_t frame);
/* All cells of an engine are empty again. */
void tro_eval_table_clear(struct tro_eval_table *t, int engine);
/* Fills the pointers of an empty cell, values NaN, numbers 0. */
int tro_eval_cell_make(struct tro_eval_table *t, struct tro_eval_cell *c, struct tro_err *err);
/* Copies the matches into the table's arena. */
int tro_eval_cell_set_matches(struct tro_eval_table *t, struct tro_eval_cell *c,
                              const struct tro_match *matches, int n, struct tro_err *err);

/* The filled cells as bytes, for the frames and engines that the key stands for. */
void tro_eval_table_write(const struct tro_eval_table *t, uint64_t key, struct tro_buf *out);
/* Adds cells; those that are there already, another key or another form are errors. */
int tro_eval_table_join(struct tro_eval_table *t, uint64_t key, const void *bytes, size_t n,
                        struct tro_err *err);

#endif
