/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions yes or no. With tp, fp, fn, tn their numbers: sensitivity = tp / (tp + fn), specificity
 * = tn / (tn + fp), positive predictive value = tp / (tp + fp), accuracy = (tp + tn) / all, F1 =
 * 2 tp / (2 tp + fp + fn); NaN where the divisor is 0. AUC: the share of pairs of a yes and a no
 * with the greater score for the yes, ties half (Mann and Whitney).
 */
#ifndef TRO_EVAL_BINARY_H
#define TRO_EVAL_BINARY_H

#include <stdbool.h>
#include <stdint.h>
#include <trocar/trocar.h>

struct tro_decision {
    float score;
    bool is_true;
};

struct tro_binary {
    int64_t tp, fp, fn, tn;
    double sensitivity, specificity, ppv, accuracy, f1, auc;
};

/* A score of at least the threshold is a yes; NaN is a no. */
int tro_binary_of(const struct tro_decision *decisions, int64_t n, double threshold,
                  struct tro_binary *out, struct tro_err *err);

#endif
