/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes as polynomials: the canonical form behind dim.h. A term is an integer times a product of
 * atoms (symbols, div, mod, min, max); the constant is the term without atoms. Terms are ordered by
 * degree, highest first, then by their atoms, and stand in the table as
 *     ADD(ADD(term, term), constant)      term = MUL(MUL(atom, atom), factor)
 * so that equal polynomials are one entry. The order of atoms depends on names and structure alone,
 * not on the history of the table, so that printed text is stable.
 */
#ifndef TRO_GRAPH_DIM_POLY_H
#define TRO_GRAPH_DIM_POLY_H

#include "graph/dim.h"

#define TRO_POLY_MAX_TERMS 24
#define TRO_POLY_MAX_ATOMS 8

struct tro_term {
    int64_t factor;
    int n;
    tro_dim atom[TRO_POLY_MAX_ATOMS]; /* in order */
};

struct tro_poly {
    int n;
    bool is_too_large; /* more terms, atoms or digits than fit; the rest is then meaningless */
    struct tro_term term[TRO_POLY_MAX_TERMS];
};

struct tro_range {
    int64_t lo, hi; /* -TRO_DIM_MAX and TRO_DIM_MAX: no bound */
};

void tro_poly_of(const struct tro_dims *t, tro_dim d, struct tro_poly *p);
/* p += factor * q */
void tro_poly_add(const struct tro_dims *t, struct tro_poly *p, const struct tro_poly *q,
                  int64_t factor);
void tro_poly_mul(const struct tro_dims *t, const struct tro_poly *p, const struct tro_poly *q,
                  struct tro_poly *out);
/* p = q * quotient; false when there is no such polynomial. */
bool tro_poly_divide(const struct tro_dims *t, const struct tro_poly *p, const struct tro_poly *q,
                     struct tro_poly *quotient);
/* p = k * quotient + rest, factors of rest in [0, k); k > 0. */
void tro_poly_split(const struct tro_dims *t, const struct tro_poly *p, int64_t k,
                    struct tro_poly *quotient, struct tro_poly *rest);
/* Divides both by every atom and integer that divides all terms of both. */
void tro_poly_cancel(struct tro_poly *p, struct tro_poly *q);
struct tro_range tro_poly_range(const struct tro_dims *t, const struct tro_poly *p);
/* The table's entry, or a fresh symbol within these bounds when it is too large. */
tro_dim tro_poly_dim(struct tro_dims *t, const struct tro_poly *p, struct tro_range bounds);

/* The entry op(a, b), made when new; operands must be in canonical form already. */
tro_dim tro_dim_intern(struct tro_dims *t, enum tro_dim_op op, tro_dim a, tro_dim b);
/* The same when it is there already. */
bool tro_dim_find(const struct tro_dims *t, enum tro_dim_op op, tro_dim a, tro_dim b, tro_dim *out);
/* Expressions are not made any more, fresh symbols take their place. */
bool tro_dims_is_full(const struct tro_dims *t);
/* Negative, 0, positive: a total order that depends on names and structure. */
int tro_dim_order(const struct tro_dims *t, tro_dim a, tro_dim b);
/* Of an expression, not a constant. */
const struct tro_dim_expr *tro_dim_expr_get(const struct tro_dims *t, tro_dim d);
/* By value, within +-TRO_DIM_MAX. b is not 0 for div and mod. */
int64_t tro_dim_calc(enum tro_dim_op op, int64_t a, int64_t b);
struct tro_range tro_range_of(const struct tro_dims *t, tro_dim d);
struct tro_range tro_range_calc(enum tro_dim_op op, struct tro_range a, struct tro_range b);

#endif
