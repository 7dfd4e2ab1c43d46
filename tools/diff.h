/* SPDX-License-Identifier: Apache-2.0 */
/* Two tensors, element by element. */
#ifndef TRO_TOOLS_DIFF_H
#define TRO_TOOLS_DIFF_H

#include <stdbool.h>
#include <trocar/trocar.h>

struct tro_diff {
    bool is_same_form; /* type and shape equal; otherwise nothing else is filled */
    int64_t n,
        n_bad; /* elements; those beyond tolerance, and NaN without a NaN on the other side */
    int64_t n_nan_alone; /* NaN on one side only */
    int64_t n_unequal;   /* not bit for bit the same value */
    int64_t worst;       /* index of the greatest error */
    double got, want;    /* there */
    double max_abs;      /* greatest |got - want|; infinity where one side alone is infinite */
    double max_value;    /* greatest finite |want| */
    double rmse;         /* root of the mean squared error, finite elements */
};

/* An element is bad when |got - want| > atol + rtol * |want|. Equal infinities are equal. */
struct tro_diff tro_diff(const struct tro_tensor *got, const struct tro_tensor *want, double rtol,
                         double atol);

/* max_abs / max_value: 0 when both are 0, infinity when only max_value is. */
double tro_diff_relative(const struct tro_diff *d);

/* "f32[1,3,224,224]" */
void tro_tensor_print_form(const struct tro_tensor *t, char *out, size_t n);

/* The position of an element as "[0,3,17,5]". */
void tro_index_print(const struct tro_tensor *t, int64_t i, char *out, size_t n);

#endif
