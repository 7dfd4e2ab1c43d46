/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes: constants, or expressions over symbols. A symbol is a size known only at run time: the
 * free dimension of an input ("N"), or the extent of a result that depends on data ("u3"). Equal
 * expressions are one entry of the table, so that two sizes are known to be equal when their
 * tro_dim are.
 *
 * Arithmetic is exact on int64; constants outside +-2^62 are cut to it, which no size reaches.
 * div rounds down, mod takes the sign of the divisor; a divisor that may be 0 gives a fresh
 * unknown, unless it cancels: N*3/N is 3. What grows beyond a few hundred nodes becomes a fresh
 * unknown as well.
 */
#ifndef TRO_GRAPH_DIM_H
#define TRO_GRAPH_DIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/map.h"

/* Bit 0 clear: the constant bits >> 1. Bit 0 set: entry bits >> 1 of the table. */
typedef struct {
    int64_t bits;
} tro_dim;

#define TRO_DIM_MAX ((INT64_C(1) << 62) - 1)

static inline tro_dim tro_dim_const(int64_t v)
{
    const int64_t cut = v > TRO_DIM_MAX ? TRO_DIM_MAX : v < -TRO_DIM_MAX ? -TRO_DIM_MAX : v;
    return (tro_dim){cut * 2};
}

static inline bool tro_dim_is_const(tro_dim d)
{
    return !(d.bits & 1);
}

/* The constant; the dim must be one. */
static inline int64_t tro_dim_value(tro_dim d)
{
    return d.bits / 2;
}

/* The constant, or -1 for an expression: what struct tro_io_info reports. */
static inline int64_t tro_dim_value_or_minus1(tro_dim d)
{
    return tro_dim_is_const(d) ? d.bits / 2 : -1;
}

static inline bool tro_dim_eq(tro_dim a, tro_dim b)
{
    return a.bits == b.bits;
}

static inline bool tro_dim_is(tro_dim d, int64_t v)
{
    return d.bits == v * 2;
}

enum tro_dim_op {
    TRO_DIM_SYMBOL,
    TRO_DIM_ADD,
    TRO_DIM_MUL,
    TRO_DIM_DIV,
    TRO_DIM_MOD,
    TRO_DIM_MIN,
    TRO_DIM_MAX_OF
};

struct tro_dim_expr {
    enum tro_dim_op op;
    tro_dim a, b;     /* operands */
    const char *name; /* symbols only */
    int64_t lo, hi;   /* bounds of the value, inclusive; hi = TRO_DIM_MAX when there is none */
    uint16_t n_nodes, depth; /* of the expression as a tree */
};

struct tro_dims {
    struct tro_arena *arena; /* names live here; the graph's */
    struct tro_dim_expr *exprs;
    size_t n, cap;
    struct tro_map symbols; /* name -> entry */
    struct tro_map known;   /* key of an expression -> entry */
    uint32_t n_fresh;
    bool failed; /* memory ran out: results are the constant 0 */
};

void tro_dims_init(struct tro_dims *t, struct tro_arena *arena);
void tro_dims_finish(struct tro_dims *t);

/* The symbol of that name, made when new with bounds [lo, hi]; an existing one keeps its bounds. */
tro_dim tro_dim_symbol(struct tro_dims *t, struct tro_str name, int64_t lo, int64_t hi);
/* A new symbol "u0", "u1", ... with these bounds. */
tro_dim tro_dim_fresh(struct tro_dims *t, int64_t lo, int64_t hi);

tro_dim tro_dim_add(struct tro_dims *t, tro_dim a, tro_dim b);
tro_dim tro_dim_sub(struct tro_dims *t, tro_dim a, tro_dim b);
tro_dim tro_dim_mul(struct tro_dims *t, tro_dim a, tro_dim b);
tro_dim tro_dim_div(struct tro_dims *t, tro_dim a, tro_dim b);      /* rounds down */
tro_dim tro_dim_ceil_div(struct tro_dims *t, tro_dim a, tro_dim b); /* rounds up */
tro_dim tro_dim_mod(struct tro_dims *t, tro_dim a, tro_dim b);
tro_dim tro_dim_min(struct tro_dims *t, tro_dim a, tro_dim b);
tro_dim tro_dim_max(struct tro_dims *t, tro_dim a, tro_dim b);

int64_t tro_dim_lo(const struct tro_dims *t, tro_dim d);
int64_t tro_dim_hi(const struct tro_dims *t, tro_dim d);

/* True with the name when the dim is a plain symbol. */
bool tro_dim_is_symbol(const struct tro_dims *t, tro_dim d, const char **name);

/*
 * Values of symbols at run time, by entry. Entries that are not set are unknown.
 */
struct tro_dim_env {
    int64_t *values;
    bool *known;
    size_t n;
};
int tro_dim_env_init(struct tro_dim_env *env, const struct tro_dims *t);
void tro_dim_env_finish(struct tro_dim_env *env);
/* False when a symbol in it is unknown or a divisor is 0. */
bool tro_dim_eval(const struct tro_dims *t, const struct tro_dim_env *env, tro_dim d, int64_t *out);
/* Makes d equal v: binds an unknown symbol, solves sums and products with one unknown symbol where
 * that is exact; false when d is known and differs or the symbol would leave its bounds, true
 * otherwise (also when d cannot be solved). */
bool tro_dim_bind(const struct tro_dims *t, struct tro_dim_env *env, tro_dim d, int64_t v);

/* "3", "N", "N*2+1", "H/2" (floor), "max(a,b)", "min(a,b)", "a%b"; parentheses where needed. */
void tro_dim_print(const struct tro_dims *t, tro_dim d, struct tro_buf *out);
/* Reads what print writes from text[*pos]; new names become symbols with bounds [0, TRO_DIM_MAX].
 * False when malformed (nesting above 64 included). */
bool tro_dim_parse(struct tro_dims *t, struct tro_str text, size_t *pos, tro_dim *out);

#endif
