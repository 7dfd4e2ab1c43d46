/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention as exporters write it becomes one node:
 *
 *     matmul(softmax(matmul(q * a, transpose(k) * b) * c + mask), v)
 *
 * The factors are constants of one element, each may be missing; there may be two masks where both
 * are constants. Operands are [batch, heads, length, size], or [batch, length, size] and seen as of
 * one head.
 */
#include "base/dtype.h"
#include "passes/pass.h"

#include <math.h>

/* The sum of two masks may take more memory than they do. */
#define MAX_MASK_BYTES ((int64_t)4 << 20)

struct match {
    tro_node_id id;
    tro_value_id q, k, v, mask[2]; /* k with its axes as in the product */
    int n_masks, rank;
    double scale;
};

static struct tro_shape shape_of(const struct tro_pass *p, tro_value_id v)
{
    return tro_value_get(p->g, v)->shape;
}

/* The node of this operator that makes v for one user alone. */
static const struct tro_node *own_def(struct tro_pass *p, tro_value_id v, enum tro_op op)
{
    const struct tro_node *const n = tro_pass_def(p, v, op);
    return n && tro_pass_n_uses(p, v) == 1 ? n : NULL;
}

/* v = x * c or x / c, c of one element: x, with the factor multiplied into *scale. */
static tro_value_id unscaled(struct tro_pass *p, tro_value_id v, double *scale)
{
    const bool is_mul = tro_pass_def(p, v, TRO_OP_MUL);
    const struct tro_node *const n = tro_pass_def(p, v, is_mul ? TRO_OP_MUL : TRO_OP_DIV);
    double c;
    if (!n)
        return v;
    const int k = is_mul && tro_is_const(p->g, n->in[0]) ? 0 : 1;
    if (!tro_pass_splat(p, n->in[k], &c) || !tro_pass_is_same_shape(p, n->in[1 - k], v) ||
        !isfinite(c) || c == 0)
        return v;
    *scale *= is_mul ? c : 1 / c;
    return unscaled(p, n->in[1 - k], scale);
}

/* Takes masks off the scores. */
static tro_value_id unmasked(struct tro_pass *p, tro_value_id v, struct match *m)
{
    const struct tro_node *const n = own_def(p, v, TRO_OP_ADD);
    if (!n || m->n_masks == 2)
        return v;
    for (int k = 0; k < 2; k++) {
        const tro_value_id scores = n->in[k], mask = n->in[1 - k];
        double scale = 1;
        if (!tro_pass_is_same_shape(p, scores, v) || tro_pass_n_uses(p, scores) != 1 ||
            (m->n_masks == 1 && !tro_is_const(p->g, mask)))
            continue;
        const bool is_more = tro_pass_def(p, scores, TRO_OP_ADD) != NULL;
        if (!is_more && !tro_pass_def(p, unscaled(p, scores, &scale), TRO_OP_MATMUL))
            continue;
        m->mask[m->n_masks++] = mask;
        return unmasked(p, scores, m);
    }
    return v;
}

static bool is_same_batch(const struct tro_shape *a, const struct tro_shape *b)
{
    for (int i = 0; i < a->rank - 2; i++)
        if (a->rank != b->rank || !tro_dim_eq(a->dim[i], b->dim[i]))
            return false;
    return a->rank == b->rank;
}

static bool are_masks_fine(const struct tro_pass *p, const struct match *m,
                           const struct tro_shape *scores)
{
    int64_t n = 4;
    if (m->n_masks < 2)
        return m->n_masks == 0 || shape_of(p, m->mask[0]).rank <= m->rank;
    for (int i = 0; i < scores->rank; i++)
        n *= tro_dim_is_const(scores->dim[i]) && n < MAX_MASK_BYTES ? tro_dim_value(scores->dim[i])
                                                                    : MAX_MASK_BYTES;
    return n <= MAX_MASK_BYTES && tro_is_const(p->g, m->mask[0]) && tro_is_const(p->g, m->mask[1]);
}

static bool match(struct tro_pass *p, tro_node_id id, struct match *m)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    *m = (struct match){.id = id, .scale = 1};
    if (n->op != TRO_OP_MATMUL || tro_value_get(p->g, n->out[0])->dtype != TRO_F32)
        return false;
    const struct tro_node *const softmax = own_def(p, n->in[0], TRO_OP_SOFTMAX);
    const struct tro_attrs_softmax *const a = softmax ? softmax->attrs : NULL;
    m->v = n->in[1];
    m->rank = shape_of(p, n->out[0]).rank;
    if (!softmax || a->is_log || (a->axis != -1 && a->axis != m->rank - 1) ||
        (m->rank != 3 && m->rank != 4) || tro_pass_n_uses(p, softmax->in[0]) != 1)
        return false;
    const tro_value_id scores = softmax->in[0];
    const struct tro_node *const product = tro_pass_def(
        p, unscaled(p, unmasked(p, scores, m), &m->scale), TRO_OP_MATMUL);
    if (!product)
        return false;
    m->q = unscaled(p, product->in[0], &m->scale);
    m->k = unscaled(p, product->in[1], &m->scale);
    const struct tro_shape q = shape_of(p, m->q), k = shape_of(p, m->k), v = shape_of(p, m->v);
    const struct tro_shape s = shape_of(p, scores);
    return q.rank == m->rank && is_same_batch(&q, &k) && is_same_batch(&q, &v) &&
           tro_pass_is_sized(p, m->q) && tro_pass_is_sized(p, m->k) && tro_pass_is_sized(p, m->v) &&
           are_masks_fine(p, m, &s);
}

/* ---- the node -------------------------------------------------------------------------- */

/* Of three axes: one head comes in behind the first; a mask gets it where it has all three. */
static tro_value_id with_heads(struct tro_pass *p, const struct match *m, tro_value_id v)
{
    if (p->rc < 0)
        return v;
    const struct tro_shape s = shape_of(p, v);
    const tro_dim dims[4] = {s.dim[0], tro_dim_const(1), s.dim[1], s.dim[2]};
    return m->rank == 4 || s.rank < 3 ? v : tro_pass_emit_reshape(p, m->id, v, dims, 4);
}

static tro_value_id keys(struct tro_pass *p, const struct match *m)
{
    struct tro_attrs_transpose swap = {.perm.n = m->rank};
    for (int i = 0; i < m->rank; i++)
        swap.perm.v[i] = i;
    swap.perm.v[m->rank - 2] = m->rank - 1;
    swap.perm.v[m->rank - 1] = m->rank - 2;
    return tro_pass_emit(p, m->id, TRO_OP_TRANSPOSE, &swap, &m->k, 1);
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    struct match m;
    if (!match(p, id, &m) || !tro_pass_allows(p, id))
        return;
    const tro_value_id y = tro_node_get(p->g, id)->out[0];
    const struct tro_shape shape = shape_of(p, y);
    const struct tro_attrs_attention attrs = {.scale = m.scale};
    tro_value_id mask = m.mask[0];
    if (m.n_masks == 2)
        mask = tro_pass_emit2(p, id, TRO_OP_ADD, m.mask[0], m.mask[1]);
    if (mask.i)
        mask = with_heads(p, &m, mask);
    const tro_value_id in[4] = {with_heads(p, &m, m.q), with_heads(p, &m, keys(p, &m)),
                                with_heads(p, &m, m.v), mask};
    const tro_value_id z = tro_pass_emit(p, id, TRO_OP_ATTENTION, &attrs, in, mask.i ? 4 : 3);
    tro_pass_replace(p, y,
                     m.rank == 4 ? z : tro_pass_emit_reshape(p, id, z, shape.dim, shape.rank));
}

int tro_pass_attention(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
