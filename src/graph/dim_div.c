/* SPDX-License-Identifier: Apache-2.0 */
/* Division, remainder, minimum and maximum of sizes. */
#include "graph/dim_poly.h"

#define NO_BOUND ((struct tro_range){-TRO_DIM_MAX, TRO_DIM_MAX})

static bool is_bounded(struct tro_range r)
{
    return r.lo > -TRO_DIM_MAX && r.hi < TRO_DIM_MAX;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        const int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* p / k as g*R + c over g*k': the constant rounds down by itself. Returns k'. */
static int64_t reduce_fraction(struct tro_poly *p, int64_t k)
{
    int64_t g = k;
    for (int i = 0; i < p->n; i++)
        if (p->term[i].n > 0)
            g = gcd(g, p->term[i].factor);
    for (int i = 0; i < p->n; i++)
        p->term[i].factor /= g;
    if (p->n > 0 && p->term[p->n - 1].factor == 0)
        p->n--;
    return k / g;
}

/* (x / k2 + c) / k = (x + c * k2) / (k * k2): gives the right side's parts. */
static bool is_nested_div(const struct tro_dims *t, const struct tro_poly *p, int64_t k,
                          struct tro_poly *inner, int64_t *inner_k)
{
    const bool has_const = p->n == 2 && p->term[1].n == 0;
    if ((p->n != 1 && !has_const) || p->term[0].n != 1 || p->term[0].factor != 1)
        return false;
    const struct tro_dim_expr *const e = tro_dim_expr_get(t, p->term[0].atom[0]);
    if (e->op != TRO_DIM_DIV || !tro_dim_is_const(e->b))
        return false;
    const int64_t k2 = tro_dim_value(e->b);
    *inner_k = tro_dim_calc(TRO_DIM_MUL, k, k2);
    if (*inner_k >= TRO_DIM_MAX)
        return false;
    tro_poly_of(t, e->a, inner);
    if (has_const) {
        const struct tro_poly c = {.n = 1, .term = {p->term[1]}};
        tro_poly_add(t, inner, &c, k2);
    }
    return !inner->is_too_large;
}

/* Leaves p / k as quotient + rest / divisor, the second part 0 when rest is empty. k > 0. */
static void split_fraction(const struct tro_dims *t, const struct tro_poly *p, int64_t k,
                           struct tro_poly *quotient, struct tro_poly *rest, int64_t *divisor)
{
    struct tro_poly inner = *p;
    quotient->n = 0;
    quotient->is_too_large = false;
    for (;;) {
        struct tro_poly part;
        tro_poly_split(t, &inner, k, &part, rest);
        tro_poly_add(t, quotient, &part, 1);
        k = reduce_fraction(rest, k);
        *divisor = k;
        if (rest->is_too_large || rest->n == 0 || rest->term[0].n == 0) {
            rest->n = 0;
            return;
        }
        if (k == 1) {
            tro_poly_add(t, quotient, rest, 1);
            rest->n = 0;
            return;
        }
        int64_t inner_k;
        if (!is_nested_div(t, rest, k, &inner, &inner_k))
            return;
        k = inner_k;
    }
}

static tro_dim div_by_const(struct tro_dims *t, tro_dim a, const struct tro_poly *p, int64_t k)
{
    const struct tro_range by = {k, k};
    const struct tro_range bounds = tro_range_calc(TRO_DIM_DIV, tro_range_of(t, a), by);
    if (is_bounded(bounds) && bounds.lo == bounds.hi)
        return tro_dim_const(bounds.lo);
    struct tro_poly quotient, rest;
    int64_t divisor;
    split_fraction(t, p, k, &quotient, &rest, &divisor);
    const tro_dim whole = tro_poly_dim(t, &quotient, bounds);
    if (quotient.is_too_large || rest.n == 0)
        return whole;
    const struct tro_range range = tro_poly_range(t, &rest);
    const struct tro_range parts = tro_range_calc(TRO_DIM_DIV, range,
                                                  (struct tro_range){divisor, divisor});
    if (is_bounded(parts) && parts.lo == parts.hi)
        return tro_dim_add(t, whole, tro_dim_const(parts.lo));
    const tro_dim r = tro_poly_dim(t, &rest, range);
    return tro_dim_add(t, whole, tro_dim_intern(t, TRO_DIM_DIV, r, tro_dim_const(divisor)));
}

static tro_dim negated(struct tro_dims *t, tro_dim d)
{
    return tro_dim_sub(t, tro_dim_const(0), d);
}

/* What a quotient by something that may be 0 can be. */
static tro_dim unknown_quotient(struct tro_dims *t, tro_dim a, tro_dim b)
{
    const struct tro_range x = tro_range_of(t, a);
    if (x.lo >= 0 && tro_dim_lo(t, b) >= 0)
        return tro_dim_fresh(t, 0, x.hi);
    return tro_dim_fresh(t, -TRO_DIM_MAX, TRO_DIM_MAX);
}

/* Of polynomials without a common factor, the divisor not a constant. */
static tro_dim div_by_poly(struct tro_dims *t, const struct tro_poly *p, const struct tro_poly *q)
{
    const tro_dim a = tro_poly_dim(t, p, NO_BOUND), b = tro_poly_dim(t, q, NO_BOUND);
    const struct tro_range x = tro_range_of(t, a), y = tro_range_of(t, b);
    if (y.lo <= 0 && y.hi >= 0)
        return unknown_quotient(t, a, b);
    if (y.hi < 0)
        return tro_dim_div(t, negated(t, a), negated(t, b));
    if (x.lo >= 0 && x.hi < y.lo)
        return tro_dim_const(0);
    return tro_dim_intern(t, TRO_DIM_DIV, a, b);
}

tro_dim tro_dim_div(struct tro_dims *t, tro_dim a, tro_dim b)
{
    if (tro_dim_is(b, 0))
        return unknown_quotient(t, a, b);
    if (tro_dim_is_const(a) && tro_dim_is_const(b))
        return tro_dim_const(tro_dim_calc(TRO_DIM_DIV, tro_dim_value(a), tro_dim_value(b)));
    struct tro_poly p, q, quotient;
    tro_poly_of(t, a, &p);
    tro_poly_of(t, b, &q);
    if (tro_dim_is_const(b)) {
        if (tro_dim_value(b) > 0)
            return div_by_const(t, a, &p, tro_dim_value(b));
        return tro_dim_div(t, negated(t, a), tro_dim_const(-tro_dim_value(b)));
    }
    if (tro_poly_divide(t, &p, &q, &quotient))
        return tro_poly_dim(t, &quotient, NO_BOUND);
    tro_poly_cancel(&p, &q);
    if (q.n == 1 && q.term[0].n == 0)
        return tro_dim_div(t, tro_poly_dim(t, &p, NO_BOUND), tro_dim_const(q.term[0].factor));
    return div_by_poly(t, &p, &q);
}

tro_dim tro_dim_ceil_div(struct tro_dims *t, tro_dim a, tro_dim b)
{
    if (tro_dim_hi(t, b) < 0)
        return tro_dim_ceil_div(t, negated(t, a), negated(t, b));
    const tro_dim up = tro_dim_sub(t, b, tro_dim_const(1));
    struct tro_poly p, q, quotient;
    tro_poly_of(t, a, &p);
    tro_poly_of(t, b, &q);
    if (!tro_dim_is_const(b) && tro_poly_divide(t, &p, &q, &quotient))
        return tro_poly_dim(t, &quotient, NO_BOUND);
    if (tro_dim_lo(t, b) < 0) /* of either sign, so "up" is not known */
        return unknown_quotient(t, a, b);
    return tro_dim_div(t, tro_dim_add(t, a, up), b);
}

static tro_dim mod_const(struct tro_dims *t, tro_dim a, int64_t k)
{
    struct tro_poly p, quotient, rest;
    tro_poly_of(t, a, &p);
    tro_poly_split(t, &p, k, &quotient, &rest);
    const struct tro_range range = tro_poly_range(t, &rest);
    const tro_dim r = tro_poly_dim(t, &rest, range);
    if (tro_dim_is_const(r) || (range.lo >= 0 && range.hi < k))
        return r;
    return tro_dim_intern(t, TRO_DIM_MOD, r, tro_dim_const(k));
}

tro_dim tro_dim_mod(struct tro_dims *t, tro_dim a, tro_dim b)
{
    const struct tro_range x = tro_range_of(t, a), y = tro_range_of(t, b);
    if (!tro_dim_is(b, 0)) {
        if (tro_dim_is_const(a) && tro_dim_is_const(b))
            return tro_dim_const(tro_dim_calc(TRO_DIM_MOD, tro_dim_value(a), tro_dim_value(b)));
        if (tro_dim_is_const(b) && tro_dim_value(b) > 0)
            return mod_const(t, a, tro_dim_value(b));
    }
    struct tro_poly p, q, quotient;
    tro_poly_of(t, a, &p);
    tro_poly_of(t, b, &q);
    if (tro_poly_divide(t, &p, &q, &quotient))
        return tro_dim_const(0);
    if (y.lo <= 0 && y.hi >= 0)
        return tro_dim_fresh(t, y.lo < 0 ? -TRO_DIM_MAX : 0, TRO_DIM_MAX);
    if (y.hi < 0)
        return negated(t, tro_dim_mod(t, negated(t, a), negated(t, b)));
    if (x.lo >= 0 && x.hi < y.lo)
        return a;
    return tro_dim_intern(t, TRO_DIM_MOD, a, b);
}

/* ---- least and greatest ---------------------------------------------------------------- */

/* The one of a and b that is the result, when bounds tell. */
static bool is_decided(const struct tro_dims *t, enum tro_dim_op op, tro_dim a, tro_dim b,
                       tro_dim *out)
{
    struct tro_poly p, q;
    tro_poly_of(t, a, &p);
    tro_poly_of(t, b, &q);
    tro_poly_add(t, &p, &q, -1);
    if (p.is_too_large)
        return false;
    const struct tro_range difference = tro_poly_range(t, &p);
    if (difference.hi <= 0)
        *out = op == TRO_DIM_MIN ? a : b;
    else if (difference.lo >= 0)
        *out = op == TRO_DIM_MIN ? b : a;
    return difference.hi <= 0 || difference.lo >= 0;
}

static tro_dim pick(struct tro_dims *t, enum tro_dim_op op, tro_dim a, tro_dim b)
{
    tro_dim out;
    if (is_decided(t, op, a, b, &out))
        return out;
    /* Constants second, so that a nested one is found and merged below. */
    if (tro_dim_is_const(a) || (!tro_dim_is_const(b) && tro_dim_order(t, a, b) > 0)) {
        const tro_dim swap = a;
        a = b;
        b = swap;
    }
    const tro_dim operands[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (tro_dim_is_const(operands[i]))
            continue;
        const struct tro_dim_expr e = *tro_dim_expr_get(t, operands[i]);
        const tro_dim other = operands[1 - i];
        if (e.op != op)
            continue;
        if (tro_dim_eq(e.a, other) || tro_dim_eq(e.b, other))
            return operands[i];
        if (tro_dim_is_const(e.b) && tro_dim_is_const(other))
            return pick(t, op, e.a,
                        tro_dim_const(tro_dim_calc(op, tro_dim_value(e.b), tro_dim_value(other))));
    }
    return tro_dim_intern(t, op, a, b);
}

tro_dim tro_dim_min(struct tro_dims *t, tro_dim a, tro_dim b)
{
    return pick(t, TRO_DIM_MIN, a, b);
}

tro_dim tro_dim_max(struct tro_dims *t, tro_dim a, tro_dim b)
{
    return pick(t, TRO_DIM_MAX_OF, a, b);
}
