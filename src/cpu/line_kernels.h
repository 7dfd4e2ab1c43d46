/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of f32 on lines. `rows`: the line has no gaps. `cols`: n_cols lines side by side, whose
 * elements k lie `step` elements after those of k - 1.
 */
#ifndef TRO_CPU_LINE_KERNELS_H
#define TRO_CPU_LINE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/op.h"

/* Lines that a call of `cols` takes at most, and the elements of a line up to which its buffer (of
 * TRO_LINE_BUFFER * TRO_LINE_COLS elements) serves. */
#define TRO_LINE_COLS 64
#define TRO_LINE_BUFFER 128

struct tro_line_stats {
    float *mean, *scale; /* of each line, NULL where nobody wants them */
    int64_t mean_step, scale_step;
};

/* Local response normalization; alpha is that of one element of the window. */
struct tro_line_lrn {
    int64_t before, after;
    float bias, alpha, beta;
};

struct tro_line_kernels {
    void (*softmax_rows)(float *y, int64_t y_pitch, const float *x, int64_t x_pitch, int64_t n_rows,
                         int64_t n, bool is_log);
    void (*softmax_cols)(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,
                         int64_t n_cols, bool is_log, float *buffer);
    /* (x - mean) / sqrt(variance + epsilon); is_rms takes mean as 0. */
    void (*normalize_rows)(float *y, int64_t y_pitch, const float *x, int64_t x_pitch,
                           int64_t n_rows, int64_t n, double epsilon, bool is_rms,
                           const struct tro_line_stats *stats);
    void (*normalize_cols)(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,
                           int64_t n_cols, double epsilon, bool is_rms,
                           const struct tro_line_stats *stats);
    /* Folds n elements of one line, or of each of n_cols lines, into acc; means are sums. */
    void (*fold_row)(enum tro_reduction kind, double *acc, const float *x, int64_t n);
    void (*fold_cols)(enum tro_reduction kind, double *acc, const float *x, int64_t step, int64_t n,
                      int64_t n_cols);
    /* Index of the greatest (or least) element; NaN is both. Ties: the first, or the last. */
    void (*arg_rows)(int64_t *y, int64_t y_pitch, const float *x, int64_t x_pitch, int64_t n_rows,
                     int64_t n, bool is_min, bool is_last);
    void (*arg_cols)(int64_t *y, const float *x, int64_t step, int64_t n, int64_t n_cols,
                     bool is_min, bool is_last);
    void (*lrn_cols)(float *y, int64_t y_step, const float *x, int64_t x_step, int64_t n,
                     int64_t n_cols, const struct tro_line_lrn *lrn);
};

extern const struct tro_line_kernels tro_line_kernels, tro_line_kernels__avx2,
    tro_line_kernels__avx512;
/* Those for a processor. */
const struct tro_line_kernels *tro_line_kernels_for(uint32_t cpu_flags);

#endif
