/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many values in few: what a report says of a metric over frames.
 *
 * Percentiles   Linear between the two nearest ranks, rank p / 100 * (n - 1) from 0 (NumPy's
 *               default, Hyndman and Fan's type 7).
 * Interval      Of the mean, by bootstrap over procedures: procedures are drawn with replacement,
 *               all frames of one together, since frames of one procedure are alike. 2.5th and
 *               97.5th percentile of the means of the draws.
 * NaN           Values that are not defined are left out and counted.
 */
#ifndef TRO_EVAL_SUMMARY_H
#define TRO_EVAL_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <trocar/trocar.h>

/* Puts the values into another order; none is NaN. NaN where n is 0. */
double tro_percentile(double *values, int64_t n, double percent);

struct tro_sample {
    double value;
    int32_t procedure; /* index from 0 */
    int32_t frame;     /* whatever names the frame to the caller */
};

struct tro_summary {
    int64_t n, n_undefined;
    double mean, median;
    double bad_tail; /* 5th percentile, or the 95th where less is better */
    double worst;    /* and its frame: the first of equals */
    int32_t worst_frame;
    double lo, hi; /* of the mean; NaN with fewer than two procedures */
};

struct tro_summary_opts {
    bool is_less_better;
    int n_procedures;
    int n_draws;   /* of the bootstrap */
    uint64_t seed; /* likewise */
};

/* The same samples in the same order and the same options give the same bits. */
int tro_summarize(const struct tro_sample *samples, int64_t n, const struct tro_summary_opts *opts,
                  struct tro_summary *out, struct tro_err *err);

#endif
