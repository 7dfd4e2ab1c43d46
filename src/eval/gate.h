/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gates: what an engine must reach, a JSON file.
 *
 *   {"gates": [{"metric": "iou", "of": "liver", "slice": "clean", "statistic": "mean", "min": 0.9},
 *              {"metric": "map50", "min": 0.9},
 *              {"metric": "hd95", "of": "liver", "statistic": "worst", "max": 40},
 *              {"metric": "pooled-iou", "of": "*", "max_loss": 0.02, "each": true}]}
 *
 * metric      one of a frame (eval/table.h), or of all frames together: pooled-miou, map50, map,
 *             mean-point-error, macro-f1 and so on (docs/metrics.md), latency-p99-ms; of a flag:
 *             sensitivity, specificity, ppv, accuracy, f1, auc; of a class: pooled-iou, pooled-dice
 * of          class, point, step, flag or output; left out where the metric has one alone. "*": all
 *             that the metric has, as their mean
 * engine      file of the one that it is for, without its folder; left out: all
 * slice, camera, procedure   at most one; left out: all frames. "*-0.5": the mean over all of them
 *             that end so, each by itself, where it is defined
 * statistic   of metrics of a frame: mean (left out), median, tail (5th percentile, or the 95th
 *             where less is better), worst, low, high (ends of the interval of the mean)
 * min, max    a value that is not defined does not pass
 * max_loss    by how much it may be worse than that of the first engine: lower, or greater where
 *             less is better. The first one passes itself; where neither has a value is no loss
 * each        true: of a pattern, each by itself must pass in place of the mean; those that are not
 *             defined are left out
 *
 * At least one of min, max and max_loss.
 */
#ifndef TRO_EVAL_GATE_H
#define TRO_EVAL_GATE_H

#include <stdbool.h>

#include "base/arena.h"
#include <trocar/trocar.h>

enum tro_gate_statistic {
    TRO_GATE_MEAN,
    TRO_GATE_MEDIAN,
    TRO_GATE_TAIL,
    TRO_GATE_WORST,
    TRO_GATE_LOW,
    TRO_GATE_HIGH,
    TRO_N_GATE_STATISTICS
};
extern const char *const tro_gate_statistics[TRO_N_GATE_STATISTICS + 1]; /* ends with NULL */

struct tro_gate {
    const char *engine;       /* NULL: all */
    const char *metric, *of;  /* of: "" where left out */
    const char *kind, *group; /* "slice", "clean"; "all", "" */
    enum tro_gate_statistic statistic;
    double min, max, max_loss; /* -INFINITY, INFINITY, INFINITY where left out */
    bool is_each;
};

struct tro_gates {
    struct tro_arena arena;
    struct tro_gate *gates;
    int n;
};

int tro_gates_read(const char *path, struct tro_gates *out, struct tro_err *err);
void tro_gates_finish(struct tro_gates *g);

/* Is it a pattern, "*" and the end of names? Does it cover this name? */
bool tro_gate_is_pattern(const char *text);
bool tro_gate_covers(const char *pattern, const char *name);

#endif
