/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/dim_poly.h"

/* Below the bound on any expression in dim.c by the length of one chain. */
#define MAX_SUM_NODES 300

/* ---- numbers --------------------------------------------------------------------------- */

static int64_t cut(__int128 v)
{
    return v > TRO_DIM_MAX ? TRO_DIM_MAX : v < -TRO_DIM_MAX ? -TRO_DIM_MAX : (int64_t)v;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t tro_dim_calc(enum tro_dim_op op, int64_t a, int64_t b)
{
    switch (op) {
    case TRO_DIM_ADD:
        return cut((__int128)a + b);
    case TRO_DIM_MUL:
        return cut((__int128)a * b);
    case TRO_DIM_DIV:
        return floor_div(a, b);
    case TRO_DIM_MOD:
        return cut(a - (__int128)floor_div(a, b) * b);
    case TRO_DIM_MIN:
        return a < b ? a : b;
    case TRO_DIM_MAX_OF:
        return a > b ? a : b;
    case TRO_DIM_SYMBOL:
        break;
    }
    return 0;
}

static struct tro_range mul_range(struct tro_range a, struct tro_range b)
{
    const int64_t corner[4] = {
        tro_dim_calc(TRO_DIM_MUL, a.lo, b.lo), tro_dim_calc(TRO_DIM_MUL, a.lo, b.hi),
        tro_dim_calc(TRO_DIM_MUL, a.hi, b.lo), tro_dim_calc(TRO_DIM_MUL, a.hi, b.hi)};
    struct tro_range r = {corner[0], corner[0]};
    for (int i = 1; i < 4; i++) {
        r.lo = tro_dim_calc(TRO_DIM_MIN, r.lo, corner[i]);
        r.hi = tro_dim_calc(TRO_DIM_MAX_OF, r.hi, corner[i]);
    }
    return r;
}

/* Divisor b > 0. What has no bound has none after it either. */
static struct tro_range div_range(struct tro_range a, struct tro_range b)
{
    struct tro_range r = {floor_div(a.lo, a.lo < 0 ? b.lo : b.hi),
                          floor_div(a.hi, a.hi < 0 ? b.hi : b.lo)};
    if (a.lo == -TRO_DIM_MAX)
        r.lo = -TRO_DIM_MAX;
    if (a.hi == TRO_DIM_MAX)
        r.hi = TRO_DIM_MAX;
    return r;
}

struct tro_range tro_range_calc(enum tro_dim_op op, struct tro_range a, struct tro_range b)
{
    struct tro_range r = {-TRO_DIM_MAX, TRO_DIM_MAX};
    switch (op) {
    case TRO_DIM_ADD:
        if (a.lo != -TRO_DIM_MAX && b.lo != -TRO_DIM_MAX)
            r.lo = tro_dim_calc(op, a.lo, b.lo);
        if (a.hi != TRO_DIM_MAX && b.hi != TRO_DIM_MAX)
            r.hi = tro_dim_calc(op, a.hi, b.hi);
        break;
    case TRO_DIM_MUL:
        return mul_range(a, b);
    case TRO_DIM_DIV:
        return b.lo > 0 ? div_range(a, b) : r;
    case TRO_DIM_MOD:
        if (b.lo > 0)
            r = (struct tro_range){0, a.lo >= 0 && a.hi < b.hi ? a.hi : b.hi - 1};
        break;
    case TRO_DIM_MIN:
    case TRO_DIM_MAX_OF:
        return (struct tro_range){tro_dim_calc(op, a.lo, b.lo), tro_dim_calc(op, a.hi, b.hi)};
    case TRO_DIM_SYMBOL:
        break;
    }
    return r;
}

/* ---- from and to the table ------------------------------------------------------------- */

static void term_of(const struct tro_dims *t, tro_dim d, struct tro_term *out)
{
    *out = (struct tro_term){.factor = 1};
    while (!tro_dim_is_const(d) && tro_dim_expr_get(t, d)->op == TRO_DIM_MUL) {
        const struct tro_dim_expr *const e = tro_dim_expr_get(t, d);
        if (tro_dim_is_const(e->b))
            out->factor = tro_dim_value(e->b);
        else
            out->atom[out->n++] = e->b;
        d = e->a;
    }
    if (tro_dim_is_const(d))
        out->factor = tro_dim_value(d);
    else
        out->atom[out->n++] = d;
    for (int i = 0, j = out->n - 1; i < j; i++, j--) {
        const tro_dim swap = out->atom[i];
        out->atom[i] = out->atom[j];
        out->atom[j] = swap;
    }
}

static bool is_sum(const struct tro_dims *t, tro_dim d)
{
    return !tro_dim_is_const(d) && tro_dim_expr_get(t, d)->op == TRO_DIM_ADD;
}

void tro_poly_of(const struct tro_dims *t, tro_dim d, struct tro_poly *p)
{
    p->n = 0;
    p->is_too_large = false;
    if (tro_dim_is(d, 0))
        return;
    p->n = 1;
    for (tro_dim rest = d; is_sum(t, rest); rest = tro_dim_expr_get(t, rest)->a)
        p->n++;
    for (int i = p->n - 1; i > 0; i--) {
        term_of(t, tro_dim_expr_get(t, d)->b, &p->term[i]);
        d = tro_dim_expr_get(t, d)->a;
    }
    term_of(t, d, &p->term[0]);
}

struct tro_range tro_poly_range(const struct tro_dims *t, const struct tro_poly *p)
{
    struct tro_range sum = {0, 0};
    for (int i = 0; i < p->n; i++) {
        struct tro_range product = {p->term[i].factor, p->term[i].factor};
        for (int j = 0; j < p->term[i].n; j++)
            product = tro_range_calc(TRO_DIM_MUL, product, tro_range_of(t, p->term[i].atom[j]));
        sum = tro_range_calc(TRO_DIM_ADD, sum, product);
    }
    return sum;
}

/* Whether the sum as a whole is allowed: were a part of it refused in tro_dim_intern, a fresh
 * symbol would stand in the middle of a chain, out of order. */
static bool is_over(const struct tro_dims *t, const struct tro_poly *p)
{
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        n += p->term[i].n + 2;
        for (int j = 0; j < p->term[i].n; j++)
            n += tro_dim_expr_get(t, p->term[i].atom[j])->n_nodes;
    }
    return n > MAX_SUM_NODES;
}

static bool link_node(struct tro_dims *t, enum tro_dim_op op, tro_dim b, tro_dim *chain)
{
    if (tro_dims_is_full(t))
        return tro_dim_find(t, op, *chain, b, chain);
    *chain = tro_dim_intern(t, op, *chain, b);
    return true;
}

static bool term_dim(struct tro_dims *t, const struct tro_term *x, tro_dim *out)
{
    *out = x->n ? x->atom[0] : tro_dim_const(x->factor);
    for (int i = 1; i < x->n; i++)
        if (!link_node(t, TRO_DIM_MUL, x->atom[i], out))
            return false;
    return x->n == 0 || x->factor == 1 || link_node(t, TRO_DIM_MUL, tro_dim_const(x->factor), out);
}

static bool sum_dim(struct tro_dims *t, const struct tro_poly *p, tro_dim *out)
{
    *out = tro_dim_const(0);
    for (int i = 0; i < p->n; i++) {
        tro_dim d;
        if (!term_dim(t, &p->term[i], &d))
            return false;
        if (i == 0)
            *out = d;
        else if (!link_node(t, TRO_DIM_ADD, d, out))
            return false;
    }
    return true;
}

tro_dim tro_poly_dim(struct tro_dims *t, const struct tro_poly *p, struct tro_range bounds)
{
    tro_dim d;
    if (p->is_too_large || is_over(t, p) || !sum_dim(t, p, &d))
        return tro_dim_fresh(t, bounds.lo, bounds.hi);
    return d;
}

/* ---- arithmetic ------------------------------------------------------------------------ */

static int term_order(const struct tro_dims *t, const struct tro_term *x, const struct tro_term *y)
{
    if (x->n != y->n)
        return y->n - x->n;
    for (int i = 0; i < x->n; i++) {
        const int order = tro_dim_order(t, x->atom[i], y->atom[i]);
        if (order)
            return order;
    }
    return 0;
}

/* p += x */
static void add_term(const struct tro_dims *t, struct tro_poly *p, const struct tro_term *x)
{
    if (p->is_too_large || x->factor == 0)
        return;
    int at = 0, order = 1;
    while (at < p->n && (order = term_order(t, &p->term[at], x)) < 0)
        at++;
    if (at < p->n && order == 0) {
        const int64_t sum = p->term[at].factor + x->factor;
        p->term[at].factor = sum;
        p->is_too_large = sum >= TRO_DIM_MAX || sum <= -TRO_DIM_MAX;
        if (sum == 0) {
            p->n--;
            for (int i = at; i < p->n; i++)
                p->term[i] = p->term[i + 1];
        }
        return;
    }
    if (p->n == TRO_POLY_MAX_TERMS) {
        p->is_too_large = true;
        return;
    }
    for (int i = p->n++; i > at; i--)
        p->term[i] = p->term[i - 1];
    p->term[at] = *x;
}

/* False when it does not fit. */
static bool mul_term(const struct tro_dims *t, const struct tro_term *x, const struct tro_term *y,
                     struct tro_term *out)
{
    if (x->n + y->n > TRO_POLY_MAX_ATOMS)
        return false;
    *out = (struct tro_term){.factor = tro_dim_calc(TRO_DIM_MUL, x->factor, y->factor)};
    for (int i = 0, j = 0; i < x->n || j < y->n;) {
        const bool is_x = j == y->n || (i < x->n && tro_dim_order(t, x->atom[i], y->atom[j]) <= 0);
        out->atom[out->n++] = is_x ? x->atom[i++] : y->atom[j++];
    }
    return out->factor < TRO_DIM_MAX && out->factor > -TRO_DIM_MAX;
}

static void add_product(const struct tro_dims *t, struct tro_poly *p, const struct tro_poly *q,
                        const struct tro_term *x)
{
    p->is_too_large |= q->is_too_large;
    for (int i = 0; i < q->n && !p->is_too_large; i++) {
        struct tro_term product;
        if (mul_term(t, &q->term[i], x, &product))
            add_term(t, p, &product);
        else
            p->is_too_large = true;
    }
}

void tro_poly_add(const struct tro_dims *t, struct tro_poly *p, const struct tro_poly *q,
                  int64_t factor)
{
    add_product(t, p, q, &(struct tro_term){.factor = factor});
}

void tro_poly_mul(const struct tro_dims *t, const struct tro_poly *p, const struct tro_poly *q,
                  struct tro_poly *out)
{
    out->n = 0;
    out->is_too_large = q->is_too_large;
    for (int i = 0; i < q->n; i++)
        add_product(t, out, p, &q->term[i]);
}

/* x = y * quotient; false when there is none. */
static bool divide_term(const struct tro_term *x, const struct tro_term *y,
                        struct tro_term *quotient)
{
    if (x->factor % y->factor != 0 || x->n < y->n)
        return false;
    *quotient = (struct tro_term){.factor = x->factor / y->factor};
    int j = 0;
    for (int i = 0; i < x->n; i++) {
        if (j < y->n && tro_dim_eq(x->atom[i], y->atom[j]))
            j++;
        else
            quotient->atom[quotient->n++] = x->atom[i];
    }
    return j == y->n;
}

bool tro_poly_divide(const struct tro_dims *t, const struct tro_poly *p, const struct tro_poly *q,
                     struct tro_poly *quotient)
{
    quotient->n = 0;
    quotient->is_too_large = false;
    if (q->n == 0 || q->is_too_large || p->is_too_large)
        return false;
    struct tro_poly rest = *p;
    /* Each round takes the leading term away and adds lower ones only, so this ends; the number of
     * rounds is that of the quotient's terms. */
    while (rest.n > 0) {
        struct tro_term x;
        if (!divide_term(&rest.term[0], &q->term[0], &x))
            return false;
        add_term(t, quotient, &x);
        x.factor = -x.factor;
        add_product(t, &rest, q, &x);
        if (rest.is_too_large || quotient->is_too_large)
            return false;
    }
    return true;
}

void tro_poly_split(const struct tro_dims *t, const struct tro_poly *p, int64_t k,
                    struct tro_poly *quotient, struct tro_poly *rest)
{
    quotient->n = rest->n = 0;
    quotient->is_too_large = rest->is_too_large = p->is_too_large;
    for (int i = 0; i < p->n; i++) {
        struct tro_term x = p->term[i];
        x.factor = floor_div(p->term[i].factor, k);
        add_term(t, quotient, &x);
        x.factor = p->term[i].factor - x.factor * k;
        add_term(t, rest, &x);
    }
}

static int64_t gcd(int64_t a, int64_t b)
{
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
    while (b) {
        const int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static void common_term(const struct tro_poly *p, struct tro_term *common)
{
    for (int i = 0; i < p->n; i++) {
        const struct tro_term *const x = &p->term[i];
        common->factor = gcd(common->factor, x->factor);
        int n = 0;
        for (int j = 0, k = 0; j < common->n && k < x->n;) {
            /* Both lists are in order, so what is equal is found by a search from k on. */
            int at = k;
            while (at < x->n && !tro_dim_eq(x->atom[at], common->atom[j]))
                at++;
            if (at < x->n) {
                common->atom[n++] = common->atom[j];
                k = at + 1;
            }
            j++;
        }
        common->n = n;
    }
}

static void divide_all(struct tro_poly *p, const struct tro_term *x)
{
    for (int i = 0; i < p->n; i++) {
        const struct tro_term from = p->term[i];
        divide_term(&from, x, &p->term[i]);
    }
}

void tro_poly_cancel(struct tro_poly *p, struct tro_poly *q)
{
    if (p->n == 0 || q->n == 0 || p->is_too_large || q->is_too_large)
        return;
    struct tro_term common = p->term[0];
    common_term(p, &common);
    common_term(q, &common);
    if (common.factor < 0)
        common.factor = -common.factor;
    divide_all(p, &common);
    divide_all(q, &common);
}
