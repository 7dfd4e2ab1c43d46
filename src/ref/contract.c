/* SPDX-License-Identifier: Apache-2.0 */
/* Operands of products that lie in memory. */
#include "ref/gemm.h"

#include "base/dtype.h"
#include "base/err.h"

/* ---- numbers --------------------------------------------------------------------------- */

static bool is_exact_f32(enum tro_dtype d)
{
    const bool is_wide = d == TRO_F64 || d == TRO_I32 || d == TRO_U32 || d == TRO_I64 ||
                         d == TRO_U64;
    return !is_wide;
}

int tro_ref_reals(struct tro_ref_call *c, const struct tro_tensor *t, struct tro_reals *out)
{
    const int64_t n = tro_tensor_n_elems(t);
    *out = (struct tro_reals){0};
    if (t->dtype == TRO_F32) {
        out->f = t->data;
    } else if (t->dtype == TRO_F64) {
        out->d = t->data;
    } else if (is_exact_f32(t->dtype)) {
        float *const copy = TRO_NEW_N(c->scratch, float, (size_t)n);
        if (!copy)
            return tro_fail_nomem(c->err);
        tro_load_row_f32(t->dtype, t->data, 0, n, copy);
        out->f = copy;
    } else {
        out->d = tro_ref_load_f64(c, t);
        if (!out->d)
            return tro_fail_nomem(c->err);
    }
    return 0;
}

void tro_reals_row(const struct tro_reals *v, int64_t first, int64_t step, int64_t n, double *out)
{
    if (v->f && step == 1) {
        const float *const p = v->f + first;
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)p[i];
    } else if (v->f) {
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)v->f[first + i * step];
    } else {
        for (int64_t i = 0; i < n; i++)
            out[i] = v->d[first + i * step];
    }
}

/* ---- walks along axes ------------------------------------------------------------------ */

enum side { SIDE_A, SIDE_B, SIDE_OUT };

static int64_t stride_of(const struct tro_axis *x, enum side side)
{
    return side == SIDE_A ? x->a : side == SIDE_B ? x->b : x->out;
}

/* Position of the flat index in the operand; index receives its parts. */
static int64_t place(const struct tro_axes *axes, enum side side, int64_t flat, int64_t *index)
{
    int64_t at = 0;
    for (int i = axes->n - 1; i >= 0; i--) {
        index[i] = flat % axes->v[i].size;
        flat /= axes->v[i].size;
        at += index[i] * stride_of(&axes->v[i], side);
    }
    return at;
}

/* Elements first .. first+n along the axes, in runs along the last one. */
struct walk {
    const struct tro_axes *axes;
    enum side side;
    int64_t index[TRO_MAX_AXES];
    int64_t at, step, n; /* the current run */
    int64_t left;        /* elements after it */
};

static void walk_run(struct walk *w)
{
    const int last = w->axes->n - 1;
    const int64_t in_run = last < 0 ? 1 : w->axes->v[last].size - w->index[last];
    w->n = in_run < w->left ? in_run : w->left;
    w->left -= w->n;
}

static void walk_begin(struct walk *w, const struct tro_axes *axes, enum side side, int64_t base,
                       int64_t first, int64_t n)
{
    w->axes = axes;
    w->side = side;
    w->at = base + place(axes, side, first, w->index);
    w->step = axes->n ? stride_of(&axes->v[axes->n - 1], side) : 0;
    w->left = n;
    walk_run(w);
}

static bool walk_next(struct walk *w)
{
    if (w->left == 0)
        return false;
    int i = w->axes->n - 1;
    w->at -= w->index[i] * w->step;
    w->index[i] = 0;
    while (--i >= 0) {
        w->at += stride_of(&w->axes->v[i], w->side);
        if (++w->index[i] < w->axes->v[i].size)
            break;
        w->at -= w->index[i] * stride_of(&w->axes->v[i], w->side);
        w->index[i] = 0;
    }
    walk_run(w);
    return true;
}

/* ---- contraction ----------------------------------------------------------------------- */

static int64_t base_of(const struct tro_contraction *c, enum side side, int64_t batch,
                       const struct tro_axes *row_axes, int64_t row)
{
    int64_t index[TRO_MAX_AXES];
    return place(&c->batch, side, batch, index) + place(row_axes, side, row, index);
}

static void load(const struct tro_reals *v, const struct tro_axes *axes, enum side side,
                 int64_t base, int64_t first, int64_t n, double *out)
{
    struct walk w;
    walk_begin(&w, axes, side, base, first, n);
    do {
        tro_reals_row(v, w.at, w.step, w.n, out);
        out += w.n;
    } while (walk_next(&w));
}

static void load_a(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                   double *out)
{
    const struct tro_contraction *const c = ctx;
    load(&c->a, &c->k, SIDE_A, base_of(c, SIDE_A, batch, &c->m, row), first, n, out);
}

static void load_b(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                   double *out)
{
    const struct tro_contraction *const c = ctx;
    load(&c->b, &c->n, SIDE_B, base_of(c, SIDE_B, batch, &c->k, row), first, n, out);
}

static void store(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                  double *sums)
{
    const struct tro_contraction *const c = ctx;
    struct walk w;
    walk_begin(&w, &c->n, SIDE_OUT, base_of(c, SIDE_OUT, batch, &c->m, row), first, n);
    do {
        if (w.step == 1)
            tro_store_row_f64(c->out_dtype, c->out, w.at, w.n, sums);
        else
            for (int64_t i = 0; i < w.n; i++)
                tro_store_f64(c->out_dtype, c->out, w.at + i * w.step, sums[i]);
        sums += w.n;
    } while (walk_next(&w));
}

static int64_t n_of(const struct tro_axes *axes)
{
    int64_t n = 1;
    for (int i = 0; i < axes->n; i++)
        n *= axes->v[i].size;
    return n;
}

int tro_ref_contract(const struct tro_contraction *c, struct tro_err *err)
{
    const struct tro_gemm g = {n_of(&c->batch), n_of(&c->m), n_of(&c->n), n_of(&c->k),
                               load_a,          load_b,      store,       c};
    return tro_ref_gemm(&g, err);
}
