/* SPDX-License-Identifier: Apache-2.0 */
/* What functions of inference share: axes, equal sizes, broadcasting, type checks. */
#include "base/err.h"
#include "graph/infer.h"

#include <stdio.h>

/* ---- axes ------------------------------------------------------------------------------ */

int tro_norm_axis(const struct tro_infer_call *c, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return tro_fail(c->err, TRO_E_INPUT, "axis %lld is outside [%d, %d) of rank %d",
                        (long long)axis, -rank, rank, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return 0;
}

int tro_norm_axes(const struct tro_infer_call *c, const struct tro_ints *axes, int rank, int *out)
{
    for (int i = 0; i < axes->n; i++) {
        TRO_TRY(tro_norm_axis(c, axes->v[i], rank, &out[i]));
        for (int j = 0; j < i; j++)
            if (out[j] == out[i])
                return tro_fail(c->err, TRO_E_INPUT, "axis %d is named twice", out[i]);
    }
    return 0;
}

void tro_out_like(struct tro_infer_call *c, int i, int j)
{
    c->out[i].dtype = c->in[j].dtype;
    c->out[i].shape = c->in[j].shape;
}

/* ---- sizes ----------------------------------------------------------------------------- */

static int fail_sizes(const struct tro_infer_call *c, tro_dim a, tro_dim b, const char *format)
{
    struct tro_buf text[2] = {{0}, {0}};
    tro_dim_print(c->dims, a, &text[0]);
    tro_dim_print(c->dims, b, &text[1]);
    for (int i = 0; i < 2; i++)
        tro_buf_u8(&text[i], 0);
    const int rc = text[0].failed || text[1].failed
                       ? tro_fail_nomem(c->err)
                       : tro_fail(c->err, TRO_E_INPUT, "%s: %s and %s", format,
                                  (const char *)text[0].p, (const char *)text[1].p);
    tro_buf_finish(&text[0]);
    tro_buf_finish(&text[1]);
    return rc;
}

/* Known to be different, whatever the symbols are. */
static bool is_different(const struct tro_dims *t, tro_dim a, tro_dim b)
{
    return tro_dim_lo(t, a) > tro_dim_hi(t, b) || tro_dim_lo(t, b) > tro_dim_hi(t, a);
}

int tro_same_dim(const struct tro_infer_call *c, tro_dim a, tro_dim b, const char *what,
                 tro_dim *out)
{
    if (is_different(c->dims, a, b)) {
        char text[160];
        snprintf(text, sizeof(text), "%s: expected equal sizes, found", what);
        return fail_sizes(c, a, b, text);
    }
    const bool is_b = tro_dim_is_const(b) || (tro_dim_lo(c->dims, b) >= tro_dim_lo(c->dims, a) &&
                                              tro_dim_hi(c->dims, b) < tro_dim_hi(c->dims, a));
    *out = tro_dim_is_const(a) || !is_b ? a : b;
    return 0;
}

/* Valid pairs are equal, or one is 1. */
static int broadcast_dim(const struct tro_infer_call *c, tro_dim a, tro_dim b, tro_dim *out)
{
    struct tro_dims *const t = c->dims;
    if (tro_dim_eq(a, b) || tro_dim_is(b, 1) || tro_dim_is(a, 1)) {
        *out = tro_dim_is(a, 1) ? b : a;
        return 0;
    }
    const bool is_a_many = tro_dim_lo(t, a) > 1 || tro_dim_is(a, 0);
    const bool is_b_many = tro_dim_lo(t, b) > 1 || tro_dim_is(b, 0);
    if (is_a_many && is_b_many)
        return tro_same_dim(c, a, b, "broadcasting", out);
    if (is_a_many)
        *out = a;
    else if (is_b_many)
        *out = b;
    else if (tro_dim_lo(t, a) >= 1 && tro_dim_lo(t, b) >= 1)
        *out = tro_dim_max(t, a, b);
    else
        *out = tro_dim_fresh(t, 0, tro_dim_hi(t, tro_dim_max(t, a, b)));
    return 0;
}

int tro_broadcast(const struct tro_infer_call *c, const struct tro_shape *a,
                  const struct tro_shape *b, struct tro_shape *out)
{
    const struct tro_shape x = *a, y = *b;
    const int rank = x.rank > y.rank ? x.rank : y.rank;
    *out = (struct tro_shape){.rank = rank};
    for (int i = 1; i <= rank; i++) {
        const tro_dim p = i <= x.rank ? x.dim[x.rank - i] : tro_dim_const(1);
        const tro_dim q = i <= y.rank ? y.dim[y.rank - i] : tro_dim_const(1);
        TRO_TRY(broadcast_dim(c, p, q, &out->dim[rank - i]));
    }
    return 0;
}

/* ---- types ----------------------------------------------------------------------------- */

int tro_want_type(const struct tro_infer_call *c, int i, uint32_t set)
{
    const enum tro_dtype found = c->in[i].dtype;
    if (set & TRO_T(found))
        return 0;
    char list[200] = "";
    size_t n = 0;
    for (int d = 1; d < TRO_N_DTYPES; d++)
        if ((set & TRO_T(d)) && n < sizeof(list))
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
                                  tro_dtype_name((enum tro_dtype)d));
    return tro_fail(c->err, TRO_E_INPUT, "input %d: expected type %s, found %s", i, list,
                    tro_dtype_name(found));
}

int tro_want_same_type(const struct tro_infer_call *c, int i, int j)
{
    if (c->in[i].dtype == c->in[j].dtype)
        return 0;
    return tro_fail(c->err, TRO_E_INPUT, "input %d: expected type %s as input %d, found %s", i,
                    tro_dtype_name(c->in[j].dtype), j, tro_dtype_name(c->in[i].dtype));
}

int tro_want_rank(const struct tro_infer_call *c, int i, int lo, int hi)
{
    const int rank = c->in[i].shape.rank;
    if (rank >= lo && rank <= hi)
        return 0;
    if (lo == hi)
        return tro_fail(c->err, TRO_E_INPUT, "input %d: expected rank %d, found %d", i, lo, rank);
    return tro_fail(c->err, TRO_E_INPUT, "input %d: expected rank %d to %d, found %d", i, lo, hi,
                    rank);
}

/* ---- windows --------------------------------------------------------------------------- */

/* Constant arithmetic of sizes, which cannot overflow and touches no table. */
static tro_dim extent(const struct tro_window *w)
{
    const tro_dim one = tro_dim_const(1);
    const tro_dim gaps = tro_dim_sub(NULL, tro_dim_const(w->kernel), one);
    return tro_dim_add(NULL, tro_dim_mul(NULL, gaps, tro_dim_const(w->dilation)), one);
}

tro_dim tro_window_out(struct tro_dims *t, tro_dim in, const struct tro_window *w)
{
    const tro_dim stride = tro_dim_const(w->stride);
    if (w->auto_pad != tro_auto_pad_explicit)
        return tro_dim_ceil_div(t, in, stride);
    const tro_dim begun = tro_dim_add(t, in, tro_dim_const(w->pad_begin));
    const tro_dim last = tro_dim_sub(t, tro_dim_add(t, begun, tro_dim_const(w->pad_end)),
                                     extent(w));
    if (!w->ceil_mode)
        return tro_dim_add(t, tro_dim_div(t, last, stride), tro_dim_const(1));
    const tro_dim n = tro_dim_add(t, tro_dim_ceil_div(t, last, stride), tro_dim_const(1));
    return tro_dim_min(t, n, tro_dim_ceil_div(t, begun, stride));
}

void tro_window_resolve(struct tro_window *w, int64_t in)
{
    if (w->auto_pad == tro_auto_pad_explicit || w->stride < 1)
        return;
    const struct tro_window same = *w;
    const tro_dim n = tro_window_out(NULL, tro_dim_const(in), &same);
    const tro_dim start = tro_dim_mul(NULL, tro_dim_sub(NULL, n, tro_dim_const(1)),
                                      tro_dim_const(w->stride));
    const tro_dim end = tro_dim_add(NULL, start, extent(w));
    int64_t total = tro_dim_value(tro_dim_sub(NULL, end, tro_dim_const(in)));
    if (total < 0)
        total = 0;
    const int64_t less = total / 2;
    w->pad_begin = w->auto_pad == tro_auto_pad_same_upper ? less : total - less;
    w->pad_end = total - w->pad_begin;
    w->auto_pad = tro_auto_pad_explicit;
}
