/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Residual networks whose branches work on windows stay in the order of windows: P and Q are
 * gathers of rows, Q the inverse of P, f and g work on each row alone.
 *
 *     y = x + Q(v), and P(f(x)) somewhere       y = Q(P(x) + v), and f(P(x))
 *     z = Q(v) + g(Q(v))                        z = Q(v + g(v))
 *     P'(Q(v))                                  one gather, or v where P' is P
 *
 * so that a block has one gather, from its predecessor's windows, and additions stand beside the
 * products that make their operands.
 */
#include "base/alloc.h"
#include "base/err.h"
#include "passes/pass.h"

#include <string.h>

enum { MOST_NODES = 64, MOST_CHAIN = 6 };

/* Rows of x, two axes, by a constant table. */
struct gathered {
    tro_value_id x, table;
    const int32_t *from;
    int64_t n, n_x;
};

/* ---- what is there ----------------------------------------------------------------------- */

static const struct tro_node *def_of(const struct tro_pass *p, tro_value_id v)
{
    const tro_node_id def = tro_value_get(p->g, v)->def;
    return def.i && tro_node_get(p->g, def)->block.i ? tro_node_get(p->g, def) : NULL;
}

/* -1: not known. */
static int64_t width_of(const struct tro_pass *p, tro_value_id v)
{
    const struct tro_shape *const s = &tro_value_get(p->g, v)->shape;
    return s->rank > 0 && tro_dim_is_const(s->dim[s->rank - 1]) ? tro_dim_value(s->dim[s->rank - 1])
                                                                : -1;
}

static bool is_reshape(const struct tro_node *n)
{
    return n->op == TRO_OP_RESHAPE || n->op == TRO_OP_SQUEEZE || n->op == TRO_OP_UNSQUEEZE;
}

/* v in another shape of the same rows, as it was made. */
static tro_value_id unshaped(const struct tro_pass *p, tro_value_id v)
{
    for (;;) {
        const struct tro_node *const n = def_of(p, v);
        if (!n || !is_reshape(n) || width_of(p, v) < 0 || width_of(p, n->in[0]) != width_of(p, v))
            return v;
        v = n->in[0];
    }
}

static bool match_gather(const struct tro_pass *p, tro_value_id v, struct gathered *g)
{
    const struct tro_node *const n = tro_pass_def(p, unshaped(p, v), TRO_OP_GATHER);
    if (!n || ((const struct tro_attrs_axis *)n->attrs)->axis != 0 || !tro_is_const(p->g, n->in[1]))
        return false;
    const struct tro_value *const table = tro_value_get(p->g, n->in[1]);
    const struct tro_shape *const s = &tro_value_get(p->g, n->in[0])->shape;
    if (table->dtype != TRO_I32 || table->shape.rank != 1 || s->rank != 2 ||
        !tro_dim_is_const(s->dim[0]) || width_of(p, n->in[0]) != width_of(p, v))
        return false;
    *g = (struct gathered){n->in[0], n->in[1], table->data, tro_dim_value(table->shape.dim[0]),
                           tro_dim_value(s->dim[0])};
    return true;
}

/* The inverse of a permutation, NULL when it is none. */
static int32_t *invert(const struct gathered *g, struct tro_arena *scratch)
{
    int32_t *const to = g->n == g->n_x ? TRO_NEW_N(scratch, int32_t, (size_t)g->n) : NULL;
    for (int64_t i = 0; to && i < g->n; i++)
        to[i] = -1;
    for (int64_t i = 0; to && i < g->n; i++) {
        if (g->from[i] < 0 || g->from[i] >= g->n || to[g->from[i]] >= 0)
            return NULL;
        to[g->from[i]] = (int32_t)i;
    }
    return to;
}

/* A constant that is the same for all rows. */
static bool is_row_const(const struct tro_pass *p, tro_value_id v)
{
    const struct tro_shape *const s = &tro_value_get(p->g, v)->shape;
    for (int i = 0; i + 1 < s->rank; i++)
        if (!tro_dim_is(s->dim[i], 1))
            return false;
    return tro_is_const(p->g, v);
}

/* Each row of the result comes from the same row of the operands, whose number is *n_full. */
static bool is_by_row(const struct tro_pass *p, const struct tro_node *n, int *n_full)
{
    const struct tro_attrs_normalize *const norm = n->attrs;
    *n_full = 1;
    if (n->n_out != 1 || !tro_pass_is_sized(p, n->out[0]))
        return false;
    const int rank = tro_value_get(p->g, n->out[0])->shape.rank;
    if (n->op == TRO_OP_NORMALIZE)
        return norm->axes.n == 1 && (norm->axes.v[0] == -1 || norm->axes.v[0] == rank - 1);
    if (n->op == TRO_OP_MATMUL)
        return rank > 1 && tro_is_const(p->g, n->in[1]) &&
               tro_value_get(p->g, n->in[1])->shape.rank == 2;
    *n_full = 0;
    if (tro_op_info(n->op)->kind != TRO_KIND_POINTWISE || n->n_in > 3)
        return false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const bool is_table = n->op == TRO_OP_TABLE && i == 1;
        const bool is_full = n->in[i].i && !is_table && !is_row_const(p, n->in[i]);
        if (is_full && !tro_pass_is_same_shape(p, n->in[i], n->out[0]))
            return false;
        *n_full += is_full;
    }
    return *n_full > 0;
}

/* ---- changes ----------------------------------------------------------------------------- */

static tro_value_id shaped_like(struct tro_pass *p, tro_node_id before, tro_value_id v,
                                tro_value_id like)
{
    const struct tro_shape s = tro_value_get(p->g, like)->shape;
    return tro_pass_emit_reshape(p, before, v, s.dim, s.rank);
}

/* Rows of v, in the shape of another value. */
static tro_value_id emit_gather(struct tro_pass *p, tro_node_id before, tro_value_id v,
                                tro_value_id table, int64_t n_rows, tro_value_id like)
{
    const struct tro_attrs_axis axis = {0};
    const tro_dim flat[2] = {tro_dim_const(n_rows), tro_dim_const(width_of(p, v))};
    const tro_value_id in[2] = {tro_pass_emit_reshape(p, before, v, flat, 2), table};
    return shaped_like(p, before, tro_pass_emit(p, before, TRO_OP_GATHER, &axis, in, 2), like);
}

static tro_value_id emit_table(struct tro_pass *p, int32_t *from, int64_t n)
{
    const struct tro_tensor t = {.dtype = TRO_I32, .rank = 1, .shape = {n}, .data = from};
    return tro_pass_const(p, &t);
}

/* The node again, with values of `from` replaced by those of `to`. */
static tro_value_id emit_again(struct tro_pass *p, tro_node_id before, tro_node_id id,
                               const tro_value_id *from, const tro_value_id *to, int n)
{
    const struct tro_node node = *tro_node_get(p->g, id);
    tro_value_id in[3];
    for (uint32_t i = 0; i < node.n_in; i++) {
        in[i] = node.in[i];
        for (int k = 0; k < n; k++)
            if (tro_value_eq(node.in[i], from[k]))
                in[i] = to[k];
    }
    return tro_pass_emit(p, before, node.op, node.attrs, in, node.n_in);
}

/* ---- y = x + Q(v) ------------------------------------------------------------------------ */

/* P(f(x)): the gather, and the nodes of f from its end. */
struct branch {
    tro_node_id gather, chain[MOST_CHAIN];
    int n;
};

static bool comes_from(const struct tro_pass *p, tro_value_id v, tro_value_id x, struct branch *b)
{
    for (b->n = 0; !tro_value_eq(v, x); b->n++) {
        const struct tro_node *const n = def_of(p, v);
        int n_full;
        if (!n || b->n == MOST_CHAIN || n->n_in > 3 || n->op == TRO_OP_MATMUL ||
            !is_by_row(p, n, &n_full) || n_full != 1)
            return false;
        b->chain[b->n] = tro_value_get(p->g, v)->def;
        for (uint32_t i = 0; i < n->n_in; i++)
            if (n->in[i].i && !is_row_const(p, n->in[i]))
                v = n->in[i];
    }
    return true;
}

static bool find_branch(const struct tro_pass *p, tro_node_id add, tro_value_id x,
                        const int32_t *from, int64_t n, struct branch *b)
{
    const struct tro_block *const block = tro_block_get(p->g, tro_node_get(p->g, add)->block);
    for (size_t i = 0; i < block->n_nodes && block->nodes[i].i != add.i; i++) {
        const struct tro_node *const node = tro_node_get(p->g, block->nodes[i]);
        struct gathered g;
        b->gather = block->nodes[i];
        if (node->op == TRO_OP_GATHER && match_gather(p, node->out[0], &g) && g.n == n &&
            memcmp(g.from, from, (size_t)n * sizeof(*from)) == 0 &&
            comes_from(p, unshaped(p, g.x), x, b))
            return true;
    }
    return false;
}

/* What the sum needs stands before the branch: products take only what is there before them. */
static void move_sum(struct tro_pass *p, tro_node_id id, tro_value_id x, const struct gathered *q,
                     const struct branch *b)
{
    const struct tro_node add = *tro_node_get(p->g, id), gather = *tro_node_get(p->g, b->gather);
    const tro_value_id px = emit_gather(p, b->gather, x, gather.in[1], q->n, x);
    const tro_value_id v = unshaped(p, q->x), operand = shaped_like(p, b->gather, px, v);
    tro_value_id old = x, now = px;
    for (int i = b->n - 1; i >= 0 && p->rc == 0; i--) {
        now = emit_again(p, b->gather, b->chain[i], &old, &now, 1);
        old = tro_node_get(p->g, b->chain[i])->out[0];
    }
    if (p->rc < 0)
        return;
    tro_pass_replace(p, gather.out[0], shaped_like(p, b->gather, now, gather.out[0]));
    const tro_value_id sum = tro_pass_emit2(p, id, TRO_OP_ADD, operand, v);
    if (p->rc == 0)
        tro_pass_replace(p, add.out[0], emit_gather(p, id, sum, q->table, q->n, add.out[0]));
}

static void visit_sum(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    int n_full;
    if (n.op != TRO_OP_ADD || !is_by_row(p, &n, &n_full) || n_full != 2)
        return;
    for (int k = 0; k < 2; k++) {
        struct tro_arena scratch = {0};
        struct gathered q;
        struct branch b;
        int32_t *const inverse = match_gather(p, n.in[k], &q) && tro_pass_n_uses(p, n.in[k]) == 1
                                     ? invert(&q, &scratch)
                                     : NULL;
        const bool is_found = inverse && find_branch(p, id, n.in[1 - k], inverse, q.n, &b) &&
                              tro_pass_allows(p, id);
        tro_arena_finish(&scratch);
        if (is_found) {
            move_sum(p, id, n.in[1 - k], &q, &b);
            return;
        }
    }
}

/* ---- z = Q(v) + g(Q(v)) ------------------------------------------------------------------ */

/* Nodes that work on rows of one value alone, and what they make; the value itself is made[0]. */
struct rows {
    tro_node_id nodes[MOST_NODES];
    tro_value_id made[MOST_NODES + 1];
    int n;
};

static bool is_made(const struct rows *r, tro_value_id v)
{
    for (int i = 0; i <= r->n; i++)
        if (tro_value_eq(r->made[i], v))
            return true;
    return false;
}

static bool belongs(const struct tro_pass *p, const struct rows *r, const struct tro_node *n)
{
    int n_full;
    if (!is_by_row(p, n, &n_full))
        return false;
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i].i && !tro_is_const(p->g, n->in[i]) && !is_made(r, n->in[i]))
            return false;
    return true;
}

/* The one value that others use: its node's number; -1 when there are several or w is one. */
static int find_exit(struct tro_pass *p, const struct rows *r)
{
    int exit = -1;
    for (int i = 0; i <= r->n; i++) {
        uint32_t n_inside = 0;
        for (int k = 0; k < r->n; k++) {
            const struct tro_node *const n = tro_node_get(p->g, r->nodes[k]);
            for (uint32_t j = 0; j < n->n_in; j++)
                n_inside += tro_value_eq(n->in[j], r->made[i]);
        }
        if (tro_pass_n_uses(p, r->made[i]) <= n_inside)
            continue;
        if (i == 0 || exit >= 0)
            return -1;
        exit = i - 1;
    }
    return exit;
}

/* Up to the last sum of two of them: what stands behind it, a wide product perhaps, would make the
 * gather dearer. */
static void collect(const struct tro_pass *p, tro_node_id after, struct rows *r)
{
    const struct tro_block *const b = tro_block_get(p->g, tro_node_get(p->g, after)->block);
    int n_to_sum = 0;
    size_t i = 0;
    while (i < b->n_nodes && b->nodes[i].i != after.i)
        i++;
    for (; i < b->n_nodes && r->n < MOST_NODES; i++) {
        const struct tro_node *const n = tro_node_get(p->g, b->nodes[i]);
        int n_full;
        if (!belongs(p, r, n))
            continue;
        r->nodes[r->n++] = b->nodes[i];
        r->made[r->n] = n->out[0];
        if (is_by_row(p, n, &n_full) && n_full > 1)
            n_to_sum = r->n;
    }
    r->n = r->n < MOST_NODES ? n_to_sum : 0;
}

static void visit_rows(struct tro_pass *p, tro_node_id id)
{
    struct tro_arena scratch = {0};
    struct rows r = {.made = {tro_node_get(p->g, id)->out[0]}};
    tro_value_id now[MOST_NODES + 1];
    struct gathered q;
    if (!is_reshape(tro_node_get(p->g, id)) || !match_gather(p, r.made[0], &q))
        return;
    const bool is_permutation = invert(&q, &scratch) != NULL;
    tro_arena_finish(&scratch);
    if (!is_permutation)
        return;
    collect(p, id, &r);
    const int exit = r.n ? find_exit(p, &r) : -1;
    if (exit < 0 || !tro_pass_allows(p, id))
        return;
    now[0] = shaped_like(p, r.nodes[0], q.x, r.made[0]);
    for (int i = 0; i < r.n && p->rc == 0; i++)
        now[i + 1] = emit_again(p, r.nodes[exit], r.nodes[i], r.made, now, i + 1);
    if (p->rc == 0)
        tro_pass_replace(
            p, r.made[exit + 1],
            emit_gather(p, r.nodes[exit], now[exit + 1], q.table, q.n, r.made[exit + 1]));
}

/* ---- P'(Q(v)) ----------------------------------------------------------------------------- */

static void visit_gather(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    struct gathered outer, inner;
    if (n.op != TRO_OP_GATHER || !match_gather(p, n.out[0], &outer) ||
        !match_gather(p, outer.x, &inner) || inner.n != outer.n_x || !tro_pass_allows(p, id))
        return;
    struct tro_arena scratch = {0};
    int32_t *const from = TRO_NEW_N(&scratch, int32_t, (size_t)outer.n);
    bool is_same = outer.n == inner.n_x;
    if (!from)
        p->rc = tro_fail_nomem(p->err);
    for (int64_t i = 0; from && i < outer.n; i++) {
        from[i] = inner.from[outer.from[i]];
        is_same = is_same && from[i] == i;
    }
    if (is_same && from)
        tro_pass_replace(p, n.out[0], shaped_like(p, id, inner.x, n.out[0]));
    else if (from)
        tro_pass_replace(
            p, n.out[0],
            emit_gather(p, id, inner.x, emit_table(p, from, outer.n), inner.n_x, n.out[0]));
    tro_arena_finish(&scratch);
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    visit_sum(p, id);
    if (p->rc == 0 && tro_node_get(p->g, id)->block.i)
        visit_gather(p, id);
    if (p->rc == 0 && tro_node_get(p->g, id)->block.i)
        visit_rows(p, id);
}

int tro_pass_windows(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
