/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions as products of matrices, for each picture and group of channels:
 *
 *     result [m / group, windows] = w [m / group, channels * taps] * columns [channels * taps,
 * windows]
 *
 * A column holds what one window sees; columns are made as the product asks for them.
 */
#ifndef TRO_REF_CONV_H
#define TRO_REF_CONV_H

#include "ref/windows.h"

struct tro_conv {
    struct tro_windows windows;
    struct tro_reals x, w;
    const double *bias;                  /* [m], NULL when there is none */
    int64_t n, group, channels, outputs; /* pictures; channels and outputs of one group */
    struct tro_tensor *out;
};

/* Sizes from x, w [m, channels, kernel] and the result. */
void tro_conv_sizes(struct tro_conv *v, const struct tro_ref_call *c, int64_t group);
/* Input i as double, NULL in out when it is absent. */
int tro_conv_bias(struct tro_ref_call *c, int i, const double **out);
/* Input i less its zero, input i_zero, as float: 9 bits, exact. A zero is absent, one, or one for
 * each index of the axis. */
int tro_conv_less_zero(struct tro_ref_call *c, int i, int i_zero, int axis, struct tro_reals *out);
/* Row `row` of w: a tro_gemm_load, as load_b is. */
tro_gemm_load tro_conv_load_w;
/* Adds the bias and rounds. */
tro_gemm_store tro_conv_store;
int tro_conv_run(const struct tro_conv *v, tro_gemm_load *load_b, const void *ctx,
                 struct tro_err *err);

/* The pad at the beginning of a spatial axis of conv_transpose. Pads follow from the size of the
 * result when that is given: pads whose sum is odd are greater at the end with same_upper, else at
 * the beginning. */
int64_t tro_conv_transpose_pad(const struct tro_attrs_conv_transpose *a, int axis, int64_t in,
                               int64_t out, int64_t kernel);

#endif
