/* SPDX-License-Identifier: Apache-2.0 */
#include "diff.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/dtype.h"

static bool same_form(const struct tro_tensor *a, const struct tro_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* 64-bit integers differ exactly even where both round to one double. */
static double error_of(const struct tro_tensor *got, const struct tro_tensor *want, int64_t i,
                       double g, double w)
{
    if (g == w && !tro_dtype_is_float(got->dtype) &&
        tro_load_i64(got->dtype, got->data, i) != tro_load_i64(want->dtype, want->data, i))
        return 1;
    return g == w ? 0 : fabs(g - w);
}

static void add_element(struct tro_diff *d, const struct tro_tensor *got,
                        const struct tro_tensor *want, int64_t i, double rtol, double atol)
{
    const double g = tro_load_f64(got->dtype, got->data, i);
    const double w = tro_load_f64(want->dtype, want->data, i);
    if (isnan(g) || isnan(w)) {
        const bool is_alone = !(isnan(g) && isnan(w));
        d->n_nan_alone += is_alone;
        d->n_bad += is_alone;
        d->n_unequal += is_alone;
        return;
    }
    const double e = error_of(got, want, i, g, w);
    if (isfinite(w) && fabs(w) > d->max_value)
        d->max_value = fabs(w);
    if (isfinite(e))
        d->rmse += e * e;
    d->n_unequal += e != 0;
    d->n_bad += e > atol + rtol * fabs(w) || (isinf(w) && e != 0);
    if (e > d->max_abs || i == 0) {
        d->max_abs = e;
        d->worst = i;
        d->got = g;
        d->want = w;
    }
}

struct tro_diff tro_diff(const struct tro_tensor *got, const struct tro_tensor *want, double rtol,
                         double atol)
{
    struct tro_diff d = {.is_same_form = same_form(got, want)};
    if (!d.is_same_form)
        return d;
    d.n = tro_tensor_n_elems(want);
    for (int64_t i = 0; i < d.n; i++)
        add_element(&d, got, want, i, rtol, atol);
    d.rmse = d.n ? sqrt(d.rmse / (double)d.n) : 0;
    return d;
}

double tro_diff_relative(const struct tro_diff *d)
{
    if (d->max_abs == 0)
        return 0;
    return d->max_value > 0 ? d->max_abs / d->max_value : INFINITY;
}

static void print_list(const int64_t *v, int rank, const char *before, char *out, size_t n)
{
    size_t at = (size_t)snprintf(out, n, "%s[", before);
    for (int i = 0; i < rank && at < n; i++)
        at += (size_t)snprintf(out + at, n - at, "%s%lld", i ? "," : "", (long long)v[i]);
    if (at < n)
        snprintf(out + at, n - at, "]");
}

void tro_tensor_print_form(const struct tro_tensor *t, char *out, size_t n)
{
    print_list(t->shape, t->rank, tro_dtype_name(t->dtype), out, n);
}

void tro_index_print(const struct tro_tensor *t, int64_t i, char *out, size_t n)
{
    int64_t index[TRO_MAX_RANK];
    for (int a = t->rank - 1; a >= 0; a--) {
        index[a] = i % t->shape[a];
        i /= t->shape[a];
    }
    print_list(index, t->rank, "", out, n);
}
