/* SPDX-License-Identifier: Apache-2.0 */
/* Operators along one axis. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/rows.h"

#include <math.h>

/* ---- softmax --------------------------------------------------------------------------- */

/* One line with elements `step` apart. */
static void softmax_line(double *v, int64_t n, int64_t step, bool is_log)
{
    double greatest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (v[i * step] > greatest || v[i * step] != v[i * step])
            greatest = v[i * step];
    for (int64_t i = 0; i < n; i++) {
        const double shifted = v[i * step] - greatest, e = exp(shifted);
        sum += e;
        v[i * step] = is_log ? shifted : e;
    }
    const double log_sum = log(sum);
    for (int64_t i = 0; i < n; i++)
        v[i * step] = is_log ? v[i * step] - log_sum : v[i * step] / sum;
}

int tro_ref_softmax(struct tro_ref_call *c)
{
    const struct tro_attrs_softmax *const a = c->attrs;
    struct tro_lines l;
    tro_lines_begin(&l, &c->in[0], tro_ref_axis(a->axis, c->in[0].rank));
    double *const v = TRO_NEW_N(c->scratch, double, (size_t)(l.n * l.max_width));
    if (!v)
        return tro_fail_nomem(c->err);
    while (tro_lines_next(&l)) {
        tro_lines_load_f64(&l, &c->in[0], v);
        for (int64_t j = 0; j < l.width; j++)
            softmax_line(v + j, l.n, l.width, a->is_log != 0);
        tro_lines_store_f64(&l, &c->out[0], v);
    }
    return 0;
}

/* ---- running sums ---------------------------------------------------------------------- */

#define DEFINE_CUMSUM(name, type, add)                                                   \
    static void name(const struct tro_attrs_cumsum *a, type *v, int64_t n, int64_t step) \
    {                                                                                    \
        type sum = 0;                                                                    \
        for (int64_t k = 0; k < n; k++) {                                                \
            type *const at = v + (a->is_reverse ? n - 1 - k : k) * step;                 \
            const type before = sum;                                                     \
            sum = add(sum, *at);                                                         \
            *at = a->is_exclusive ? before : sum;                                        \
        }                                                                                \
    }

static double add_f64(double x, double y)
{
    return x + y;
}

static int64_t add_i64(int64_t x, int64_t y)
{
    return (int64_t)((uint64_t)x + (uint64_t)y);
}

DEFINE_CUMSUM(cumsum_f64, double, add_f64)
DEFINE_CUMSUM(cumsum_i64, int64_t, add_i64)

int tro_ref_cumsum(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0], *const y = &c->out[0];
    const bool is_float = tro_dtype_is_float(x->dtype);
    struct tro_ints axis;
    TRO_TRY(tro_ref_ints(c, 1, &axis));
    if (axis.n != 1 || axis.v[0] < -x->rank || axis.v[0] >= x->rank)
        return tro_fail(c->err, TRO_E_INPUT, "axis: expected one axis of rank %d, found %lld",
                        x->rank, (long long)axis.v[0]);
    struct tro_lines l;
    tro_lines_begin(&l, x, tro_ref_axis(axis.v[0], x->rank));
    double *const f = TRO_NEW_N(c->scratch, double, is_float ? (size_t)(l.n * l.max_width) : 0);
    int64_t *const i = TRO_NEW_N(c->scratch, int64_t, is_float ? 0 : (size_t)(l.n * l.max_width));
    if (!f || !i)
        return tro_fail_nomem(c->err);
    while (tro_lines_next(&l)) {
        if (is_float) {
            tro_lines_load_f64(&l, x, f);
            for (int64_t j = 0; j < l.width; j++)
                cumsum_f64(c->attrs, f + j, l.n, l.width);
            tro_lines_store_f64(&l, y, f);
        } else {
            tro_lines_load_i64(&l, x, i);
            for (int64_t j = 0; j < l.width; j++)
                cumsum_i64(c->attrs, i + j, l.n, l.width);
            tro_lines_store_i64(&l, y, i);
        }
    }
    return 0;
}

/* ---- local response normalization ------------------------------------------------------ */

/* y[k] = x[k] / (bias + alpha / size * sum of squares of `size` channels around k) ^ beta */
static void lrn_line(const struct tro_attrs_lrn *a, const double *x, double *y, int64_t n,
                     int64_t step)
{
    const int64_t before = (a->size - 1) / 2, after = a->size - 1 - before;
    for (int64_t k = 0; k < n; k++) {
        const int64_t first = k < before ? 0 : k - before;
        const int64_t last = n - 1 - k < after ? n - 1 : k + after;
        double sum = 0;
        for (int64_t i = first; i <= last; i++)
            sum += x[i * step] * x[i * step];
        y[k * step] = x[k * step] / pow(a->bias + a->alpha / (double)a->size * sum, a->beta);
    }
}

int tro_ref_lrn(struct tro_ref_call *c)
{
    struct tro_lines l;
    tro_lines_begin(&l, &c->in[0], 1);
    double *const x = TRO_NEW_N(c->scratch, double, (size_t)(l.n * l.max_width));
    double *const y = TRO_NEW_N(c->scratch, double, (size_t)(l.n * l.max_width));
    if (!x || !y)
        return tro_fail_nomem(c->err);
    while (tro_lines_next(&l)) {
        tro_lines_load_f64(&l, &c->in[0], x);
        for (int64_t j = 0; j < l.width; j++)
            lrn_line(c->attrs, x + j, y + j, l.n, l.width);
        tro_lines_store_f64(&l, &c->out[0], y);
    }
    return 0;
}
