/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/dim.h"

#include "base/alloc.h"
#include "graph/dim_poly.h"

#include <stdio.h>
#include <string.h>

/* Bounds on an expression as a tree: walks over it may recurse and need not share. */
#define MAX_NODES 400
#define MAX_DEPTH 30
#define MAX_ENTRIES ((size_t)1 << 24)
/* From here on only fresh symbols are made, so that a small file whose sizes are long polynomials
 * costs memory in proportion. The networks we know need some hundred entries. */
#define MAX_EXPRS ((size_t)1 << 17)

void tro_dims_init(struct tro_dims *t, struct tro_arena *arena)
{
    *t = (struct tro_dims){.arena = arena};
}

void tro_dims_finish(struct tro_dims *t)
{
    tro_free(t->exprs);
    tro_map_finish(&t->symbols);
    tro_map_finish(&t->known);
    *t = (struct tro_dims){0};
}

const struct tro_dim_expr *tro_dim_expr_get(const struct tro_dims *t, tro_dim d)
{
    return &t->exprs[d.bits >> 1];
}

static tro_dim fail(struct tro_dims *t)
{
    t->failed = true;
    return tro_dim_const(0);
}

static tro_dim add_entry(struct tro_dims *t, struct tro_map *map, struct tro_str key,
                         const struct tro_dim_expr *e)
{
    if (t->n >= MAX_ENTRIES || TRO_GROW(&t->exprs, t->n, &t->cap) < 0)
        return fail(t);
    if (tro_map_set(map, key, (uint32_t)t->n) < 0)
        return fail(t);
    t->exprs[t->n] = *e;
    return (tro_dim){(int64_t)t->n++ * 2 + 1};
}

static tro_dim entry_at(uint32_t i)
{
    return (tro_dim){(int64_t)i * 2 + 1};
}

/* ---- symbols --------------------------------------------------------------------------- */

tro_dim tro_dim_symbol(struct tro_dims *t, struct tro_str name, int64_t lo, int64_t hi)
{
    name.n = name.n ? strnlen(name.p, name.n) : 0;
    uint32_t found;
    if (tro_map_get(&t->symbols, name, &found))
        return entry_at(found);
    const char *const copy = tro_arena_strndup(t->arena, name.p, name.n);
    if (!copy)
        return fail(t);
    const struct tro_dim_expr e = {.op = TRO_DIM_SYMBOL,
                                   .name = copy,
                                   .lo = tro_dim_value(tro_dim_const(lo)),
                                   .hi = tro_dim_value(tro_dim_const(hi < lo ? lo : hi)),
                                   .n_nodes = 1};
    return add_entry(t, &t->symbols, (struct tro_str){copy, name.n}, &e);
}

tro_dim tro_dim_fresh(struct tro_dims *t, int64_t lo, int64_t hi)
{
    if (lo == hi && lo > -TRO_DIM_MAX && lo < TRO_DIM_MAX)
        return tro_dim_const(lo);
    char name[16];
    struct tro_str key;
    do {
        key = (struct tro_str){name, (size_t)snprintf(name, sizeof(name), "u%u", t->n_fresh++)};
    } while (tro_map_get(&t->symbols, key, NULL));
    return tro_dim_symbol(t, key, lo, hi);
}

bool tro_dim_is_symbol(const struct tro_dims *t, tro_dim d, const char **name)
{
    if (tro_dim_is_const(d) || tro_dim_expr_get(t, d)->op != TRO_DIM_SYMBOL)
        return false;
    *name = tro_dim_expr_get(t, d)->name;
    return true;
}

/* ---- bounds ---------------------------------------------------------------------------- */

int64_t tro_dim_lo(const struct tro_dims *t, tro_dim d)
{
    return tro_dim_is_const(d) ? tro_dim_value(d) : tro_dim_expr_get(t, d)->lo;
}

int64_t tro_dim_hi(const struct tro_dims *t, tro_dim d)
{
    return tro_dim_is_const(d) ? tro_dim_value(d) : tro_dim_expr_get(t, d)->hi;
}

struct tro_range tro_range_of(const struct tro_dims *t, tro_dim d)
{
    return (struct tro_range){tro_dim_lo(t, d), tro_dim_hi(t, d)};
}

bool tro_dims_is_full(const struct tro_dims *t)
{
    return t->n >= MAX_EXPRS;
}

/* ---- the table ------------------------------------------------------------------------- */

bool tro_dim_find(const struct tro_dims *t, enum tro_dim_op op, tro_dim a, tro_dim b, tro_dim *out)
{
    const int64_t words[3] = {op, a.bits, b.bits};
    uint32_t found;
    if (!tro_map_get(&t->known, (struct tro_str){(const char *)words, sizeof(words)}, &found))
        return false;
    *out = entry_at(found);
    return true;
}

static void measure(const struct tro_dims *t, struct tro_dim_expr *e)
{
    const tro_dim operands[2] = {e->a, e->b};
    e->n_nodes = 1;
    for (int i = 0; i < 2; i++) {
        if (tro_dim_is_const(operands[i]))
            continue;
        const struct tro_dim_expr *const x = tro_dim_expr_get(t, operands[i]);
        e->n_nodes = (uint16_t)(e->n_nodes + x->n_nodes);
        if (x->depth > e->depth)
            e->depth = x->depth;
    }
    /* Sums and products are flat lists, in text as well. */
    if (e->op != TRO_DIM_ADD && e->op != TRO_DIM_MUL)
        e->depth++;
    const struct tro_range range = tro_range_calc(e->op, tro_range_of(t, e->a),
                                                  tro_range_of(t, e->b));
    e->lo = range.lo;
    e->hi = range.hi;
}

tro_dim tro_dim_intern(struct tro_dims *t, enum tro_dim_op op, tro_dim a, tro_dim b)
{
    tro_dim found;
    if (tro_dim_find(t, op, a, b, &found))
        return found;
    struct tro_dim_expr e = {.op = op, .a = a, .b = b};
    measure(t, &e);
    const bool is_chain = op == TRO_DIM_ADD || op == TRO_DIM_MUL;
    if (e.n_nodes > MAX_NODES || e.depth > MAX_DEPTH || (tro_dims_is_full(t) && !is_chain))
        return tro_dim_fresh(t, e.lo, e.hi);
    const int64_t words[3] = {op, a.bits, b.bits};
    const void *const key = tro_arena_memdup(t->arena, words, sizeof(words));
    if (!key)
        return fail(t);
    return add_entry(t, &t->known, (struct tro_str){key, sizeof(words)}, &e);
}

int tro_dim_order(const struct tro_dims *t, tro_dim a, tro_dim b)
{
    /* Entries that differ differ in a first operand: one path is followed. */
    while (!tro_dim_eq(a, b)) {
        if (tro_dim_is_const(a) && tro_dim_is_const(b))
            return tro_dim_value(a) < tro_dim_value(b) ? -1 : 1;
        if (tro_dim_is_const(a) || tro_dim_is_const(b))
            return tro_dim_is_const(a) ? -1 : 1;
        const struct tro_dim_expr *const x = tro_dim_expr_get(t, a);
        const struct tro_dim_expr *const y = tro_dim_expr_get(t, b);
        if (x->op != y->op)
            return x->op < y->op ? -1 : 1;
        if (x->op == TRO_DIM_SYMBOL)
            return strcmp(x->name, y->name);
        const bool is_first_equal = tro_dim_eq(x->a, y->a);
        a = is_first_equal ? x->b : x->a;
        b = is_first_equal ? y->b : y->a;
    }
    return 0;
}

/* ---- sums and products ----------------------------------------------------------------- */

/* a + factor * b */
static tro_dim add_scaled(struct tro_dims *t, tro_dim a, tro_dim b, int64_t factor)
{
    if (tro_dim_is_const(a) && tro_dim_is_const(b)) {
        const int64_t product = tro_dim_calc(TRO_DIM_MUL, tro_dim_value(b), factor);
        return tro_dim_const(tro_dim_value(a) + product);
    }
    const struct tro_range product = tro_range_calc(TRO_DIM_MUL, tro_range_of(t, b),
                                                    (struct tro_range){factor, factor});
    const struct tro_range range = tro_range_calc(TRO_DIM_ADD, tro_range_of(t, a), product);
    struct tro_poly p, q;
    tro_poly_of(t, a, &p);
    tro_poly_of(t, b, &q);
    tro_poly_add(t, &p, &q, factor);
    return tro_poly_dim(t, &p, range);
}

tro_dim tro_dim_add(struct tro_dims *t, tro_dim a, tro_dim b)
{
    return add_scaled(t, a, b, 1);
}

tro_dim tro_dim_sub(struct tro_dims *t, tro_dim a, tro_dim b)
{
    return add_scaled(t, a, b, -1);
}

tro_dim tro_dim_mul(struct tro_dims *t, tro_dim a, tro_dim b)
{
    if (tro_dim_is_const(a) && tro_dim_is_const(b))
        return tro_dim_const(tro_dim_calc(TRO_DIM_MUL, tro_dim_value(a), tro_dim_value(b)));
    if (tro_dim_is_const(a))
        return add_scaled(t, tro_dim_const(0), b, tro_dim_value(a));
    if (tro_dim_is_const(b))
        return add_scaled(t, tro_dim_const(0), a, tro_dim_value(b));
    struct tro_poly p, q, product;
    tro_poly_of(t, a, &p);
    tro_poly_of(t, b, &q);
    tro_poly_mul(t, &p, &q, &product);
    return tro_poly_dim(t, &product,
                        tro_range_calc(TRO_DIM_MUL, tro_range_of(t, a), tro_range_of(t, b)));
}
