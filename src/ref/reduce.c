/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions over any set of axes, by rows into an array of accumulators. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/rows.h"

#include <math.h>
#include <string.h>

/* ---- accumulators ---------------------------------------------------------------------- */

/* Row-major strides of the accumulators along the axes of x; 0 along reduced ones. Returns their
 * number; n_each receives the elements that each one gets. */
static int64_t accumulator_strides(const struct tro_tensor *x, const bool *is_reduced,
                                   int64_t strides[TRO_MAX_RANK], int64_t *n_each)
{
    int64_t n = 1;
    *n_each = 1;
    for (int a = x->rank - 1; a >= 0; a--) {
        strides[a] = is_reduced[a] ? 0 : n;
        *(is_reduced[a] ? n_each : &n) *= x->shape[a];
    }
    return n;
}

/* Rows of x (operand 0) and of the accumulators (operand 1). */
static void rows_begin(struct tro_rows *r, const struct tro_tensor *x,
                       const int64_t acc_strides[TRO_MAX_RANK])
{
    int64_t strides[2][TRO_MAX_RANK];
    tro_ref_strides(x, strides[0]);
    memcpy(strides[1], acc_strides, sizeof(strides[1]));
    tro_rows_begin(r, x, 2, strides);
}

/* ---- reduce ---------------------------------------------------------------------------- */

struct reduction {
    enum tro_reduction kind;
    const struct tro_tensor *x;
    int64_t strides[TRO_MAX_RANK];
    int64_t n, n_each;
};

#define EACH(kind, init)                  \
    case tro_reduction_##kind:            \
        for (int64_t i = 0; i < n; i++) { \
            acc[i * step] = (init);       \
        }                                 \
        break;

static void fold_f64(enum tro_reduction kind, int64_t n, const double *v, double *acc, int64_t step)
{
    switch (kind) {
        EACH(sum, acc[i * step] + v[i])
        EACH(mean, acc[i * step] + v[i])
        EACH(prod, acc[i * step] * v[i])
        EACH(max, v[i] > acc[i * step] || v[i] != v[i] ? v[i] : acc[i * step])
        EACH(min, v[i] < acc[i * step] || v[i] != v[i] ? v[i] : acc[i * step])
    }
}

/* Integers of u64 come with the sign bit flipped for max and min: their order is int64's then. */
static void fold_i64(enum tro_reduction kind, int64_t n, const int64_t *v, int64_t *acc,
                     int64_t step)
{
    switch (kind) {
        EACH(sum, (int64_t)((uint64_t)acc[i * step] + (uint64_t)v[i]))
        EACH(mean, (int64_t)((uint64_t)acc[i * step] + (uint64_t)v[i]))
        EACH(prod, (int64_t)((uint64_t)acc[i * step] * (uint64_t)v[i]))
        EACH(max, v[i] > acc[i * step] ? v[i] : acc[i * step])
        EACH(min, v[i] < acc[i * step] ? v[i] : acc[i * step])
    }
}

/* -0 + x is x for -0 too. */
static double start_f64(enum tro_reduction kind, int64_t n_each)
{
    switch (kind) {
    case tro_reduction_max:
        return -INFINITY;
    case tro_reduction_min:
        return INFINITY;
    case tro_reduction_prod:
        return 1;
    default:
        return n_each ? -0.0 : 0.0;
    }
}

static int reduce_f64(struct tro_ref_call *c, const struct reduction *d)
{
    double *const acc = TRO_NEW_N(c->scratch, double, (size_t)d->n);
    if (!acc)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < d->n; i++)
        acc[i] = start_f64(d->kind, d->n_each);
    struct tro_rows r;
    for (rows_begin(&r, d->x, d->strides); tro_rows_next(&r);)
        for (int64_t i = 0; i < r.n; i += TRO_CHUNK) {
            const int64_t n = r.n - i < TRO_CHUNK ? r.n - i : TRO_CHUNK;
            double v[TRO_CHUNK];
            tro_rows_load_f64(&r, 0, d->x, i, n, v);
            fold_f64(d->kind, n, v, acc + r.first[1] + i * r.step[1], r.step[1]);
        }
    if (d->kind == tro_reduction_mean)
        for (int64_t i = 0; i < d->n; i++)
            acc[i] /= (double)d->n_each;
    tro_store_row_f64(c->out[0].dtype, c->out[0].data, 0, d->n, acc);
    return 0;
}

static int64_t start_i64(enum tro_reduction kind, enum tro_dtype d)
{
    switch (kind) {
    case tro_reduction_max:
        return d == TRO_U64 ? INT64_MIN : tro_dtype_min(d);
    case tro_reduction_min:
        return tro_dtype_max(d);
    case tro_reduction_prod:
        return 1;
    default:
        return 0;
    }
}

static int64_t mean_i64(int64_t sum, int64_t n, bool is_u64)
{
    if (n == 0)
        return 0;
    return is_u64 ? (int64_t)((uint64_t)sum / (uint64_t)n) : sum / n;
}

static int reduce_i64(struct tro_ref_call *c, const struct reduction *d)
{
    const bool is_u64 = d->x->dtype == TRO_U64;
    const bool is_order = d->kind == tro_reduction_max || d->kind == tro_reduction_min;
    const int64_t flip = is_u64 && is_order ? INT64_MIN : 0;
    int64_t *const acc = TRO_NEW_N(c->scratch, int64_t, (size_t)d->n);
    if (!acc)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < d->n; i++)
        acc[i] = start_i64(d->kind, d->x->dtype);
    struct tro_rows r;
    for (rows_begin(&r, d->x, d->strides); tro_rows_next(&r);)
        for (int64_t i = 0; i < r.n; i += TRO_CHUNK) {
            const int64_t n = r.n - i < TRO_CHUNK ? r.n - i : TRO_CHUNK;
            int64_t v[TRO_CHUNK];
            tro_rows_load_i64(&r, 0, d->x, i, n, v);
            for (int64_t k = 0; k < n; k++)
                v[k] ^= flip;
            fold_i64(d->kind, n, v, acc + r.first[1] + i * r.step[1], r.step[1]);
        }
    for (int64_t i = 0; i < d->n; i++) {
        acc[i] ^= flip;
        if (d->kind == tro_reduction_mean)
            acc[i] = mean_i64(acc[i], d->n_each, is_u64);
    }
    tro_store_row_i64(c->out[0].dtype, c->out[0].data, 0, d->n, acc);
    return 0;
}

int tro_ref_reduce(struct tro_ref_call *c)
{
    const struct tro_attrs_reduce *const a = c->attrs;
    struct reduction d = {.kind = a->kind, .x = &c->in[0]};
    bool is_reduced[TRO_MAX_RANK] = {0};
    struct tro_ints axes;
    TRO_TRY(tro_ref_ints(c, 1, &axes));
    for (int i = 0; i < d.x->rank && axes.n == 0; i++)
        is_reduced[i] = !a->noop_if_empty;
    for (int i = 0; i < axes.n; i++)
        is_reduced[tro_ref_axis(axes.v[i], d.x->rank)] = true;
    d.n = accumulator_strides(d.x, is_reduced, d.strides, &d.n_each);
    return tro_dtype_is_float(d.x->dtype) ? reduce_f64(c, &d) : reduce_i64(c, &d);
}

/* ---- normalize ------------------------------------------------------------------------- */

struct normalization {
    const struct tro_tensor *x;
    int64_t strides[TRO_MAX_RANK];
    double *mean, *scale; /* accumulators, then results */
};

enum step { ADD_VALUES, ADD_SQUARES, WRITE };

static void normalize_chunk(enum step step, int64_t n, double *v, double *mean, double *scale,
                            int64_t stride)
{
    for (int64_t i = 0; i < n; i++) {
        if (step == ADD_VALUES) {
            mean[i * stride] += v[i];
            continue;
        }
        const double centred = v[i] - mean[i * stride];
        if (step == ADD_SQUARES)
            scale[i * stride] += centred * centred;
        else
            v[i] = centred * scale[i * stride];
    }
}

static void normalize_rows(const struct normalization *m, enum step step,
                           const struct tro_tensor *y)
{
    struct tro_rows r;
    for (rows_begin(&r, m->x, m->strides); tro_rows_next(&r);)
        for (int64_t i = 0; i < r.n; i += TRO_CHUNK) {
            const int64_t n = r.n - i < TRO_CHUNK ? r.n - i : TRO_CHUNK;
            const int64_t at = r.first[1] + i * r.step[1];
            double v[TRO_CHUNK];
            tro_rows_load_f64(&r, 0, m->x, i, n, v);
            normalize_chunk(step, n, v, m->mean + at, m->scale + at, r.step[1]);
            if (step == WRITE)
                tro_store_row_f64(y->dtype, y->data, r.first[0] + i, n, v);
        }
}

static void store_statistic(struct tro_ref_call *c, int i, int64_t n, const double *v)
{
    if (i < c->n_out && c->out[i].data)
        tro_store_row_f64(c->out[i].dtype, c->out[i].data, 0, n, v);
}

int tro_ref_normalize(struct tro_ref_call *c)
{
    const struct tro_attrs_normalize *const a = c->attrs;
    struct normalization m = {.x = &c->in[0]};
    bool is_reduced[TRO_MAX_RANK] = {0};
    int64_t n_each;
    for (int i = 0; i < a->axes.n; i++)
        is_reduced[tro_ref_axis(a->axes.v[i], m.x->rank)] = true;
    const int64_t n = accumulator_strides(m.x, is_reduced, m.strides, &n_each);
    m.mean = TRO_NEW_N(c->scratch, double, (size_t)n);
    m.scale = TRO_NEW_N(c->scratch, double, (size_t)n);
    if (!m.mean || !m.scale)
        return tro_fail_nomem(c->err);
    if (!a->is_rms) {
        normalize_rows(&m, ADD_VALUES, NULL);
        for (int64_t i = 0; i < n; i++)
            m.mean[i] /= (double)n_each;
    }
    normalize_rows(&m, ADD_SQUARES, NULL);
    for (int64_t i = 0; i < n; i++)
        m.scale[i] = 1 / sqrt(m.scale[i] / (double)n_each + a->epsilon);
    if (c->out[0].data)
        normalize_rows(&m, WRITE, &c->out[0]);
    store_statistic(c, 1, n, m.mean);
    store_statistic(c, 2, n, m.scale);
    return 0;
}
