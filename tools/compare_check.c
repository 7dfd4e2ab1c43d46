/* SPDX-License-Identifier: Apache-2.0 */
/* What is found of one output, sample by sample. */
#include "compare.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

/* The heap's. */
static int widen(const struct tro_tensor *from, struct tro_tensor *out, struct tro_err *err)
{
    *out = *from;
    out->dtype = TRO_F64;
    out->data = tro_malloc_aligned(tro_tensor_n_bytes(out));
    if (!out->data)
        return tro_fail_nomem(err);
    tro_load_row_f64(from->dtype, from->data, 0, tro_tensor_n_elems(from), out->data);
    return 0;
}

int tro_compare_diff(const struct tro_compare *c, const struct tro_tensor *got,
                     const struct tro_tensor *want, struct tro_diff *out, struct tro_err *err)
{
    if (got->dtype == want->dtype || !tro_dtype_is_float(got->dtype) ||
        !tro_dtype_is_float(want->dtype)) {
        *out = tro_diff(got, want, c->rtol, c->atol);
        return 0;
    }
    struct tro_tensor g = {0}, w = {0};
    int rc = widen(got, &g, err);
    if (rc >= 0)
        rc = widen(want, &w, err);
    if (rc >= 0)
        *out = tro_diff(&g, &w, c->rtol, c->atol);
    tro_free(g.data);
    tro_free(w.data);
    return rc;
}

int tro_compare_add(const struct tro_compare *c, struct tro_compare_check *k, int64_t sample,
                    const struct tro_tensor *got, const struct tro_tensor *want,
                    struct tro_err *err)
{
    struct tro_diff d;
    TRO_TRY(tro_compare_diff(c, got, want, &d, err));
    if (!d.is_same_form) {
        if (!k->is_form_different) {
            tro_tensor_print_form(want, k->want_form, sizeof k->want_form);
            tro_tensor_print_form(got, k->got_form, sizeof k->got_form);
            k->worst_sample = sample;
        }
        k->is_form_different = true;
        return 0;
    }
    k->is_float = tro_dtype_is_float(want->dtype);
    k->n += d.n;
    k->n_bad += d.n_bad;
    k->n_unequal += d.n_unequal;
    k->n_nan += d.n_nan_alone;
    k->sum_squares += d.rmse * d.rmse * (double)d.n;
    k->max_value = fmax(k->max_value, d.max_value);
    if (k->is_form_different || !d.n || (k->worst_sample >= 0 && d.max_abs <= k->max_abs))
        return 0;
    k->max_abs = d.max_abs;
    k->worst_sample = sample;
    k->want = d.want;
    k->got = d.got;
    tro_index_print(want, d.worst, k->worst_index, sizeof k->worst_index);
    return 0;
}

double tro_check_relative(const struct tro_compare_check *k)
{
    if (k->is_form_different)
        return INFINITY;
    const struct tro_diff d = {.max_abs = k->max_abs, .max_value = k->max_value};
    return tro_diff_relative(&d);
}

double tro_check_rmse(const struct tro_compare_check *k)
{
    return k->n ? sqrt(k->sum_squares / (double)k->n) : 0;
}

/* Differing forms before NaN on one side, before errors. */
static double badness(const struct tro_compare_check *k)
{
    if (k->is_form_different || k->n_nan)
        return INFINITY;
    return tro_check_relative(k);
}

const struct tro_compare_check *tro_compare_worst(const struct tro_compare *c)
{
    const struct tro_compare_check *worst = NULL;
    for (int i = 0; i < c->n_checks; i++)
        if (!worst || badness(&c->checks[i]) > badness(worst))
            worst = &c->checks[i];
    return worst;
}
