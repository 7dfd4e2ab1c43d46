/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that wait. The one user of a value may be able to do without its memory: a convolution that
 * reads the frame of a camera instead. Such a node waits until its user is lowered; where no
 * emitter of the user takes it as it is, it is lowered then, in front of the user.
 */
#include "lower/lowering.h"

#include "base/err.h"

/* The operator that emitters are asked by. */
static enum tro_op op_of(const struct tro_graph *g, const struct tro_node *n)
{
    if (n->op != TRO_OP_FUSED)
        return n->op;
    const struct tro_block *const b = tro_block_get(g, n->blocks[0]);
    return b->n_nodes ? tro_node_get(g, b->nodes[0])->op : n->op;
}

/* The only node of the block that uses v, and only once; NULL: none or several. */
static const struct tro_node *user_of(const struct tro_graph *g, const struct tro_block *b,
                                      tro_value_id v)
{
    const struct tro_node *user = NULL;
    int n_uses = 0;
    for (size_t i = 0; i < b->n_outputs; i++)
        n_uses += tro_value_eq(b->outputs[i], v);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(g, b->nodes[i]);
        for (uint32_t k = 0; k < n->n_in; k++) {
            if (!tro_value_eq(n->in[k], v))
                continue;
            user = n;
            n_uses++;
        }
    }
    return n_uses == 1 ? user : NULL;
}

/* Is v the first operand of a node, and nothing else to it? Of a fused one: of its anchor. */
static bool is_first(const struct tro_graph *g, const struct tro_node *n, tro_value_id v)
{
    if (n->op != TRO_OP_FUSED)
        return n->n_in && tro_value_eq(n->in[0], v);
    const struct tro_block *const b = tro_block_get(g, n->blocks[0]);
    for (size_t i = 0; i < b->n_inputs; i++) {
        const struct tro_node *const inner = tro_value_eq(n->in[i], v) ? user_of(g, b, b->inputs[i])
                                                                       : NULL;
        if (inner)
            return inner == tro_node_get(g, b->nodes[0]) &&
                   tro_value_eq(inner->in[0], b->inputs[i]);
    }
    return false;
}

bool tro_lower_folds(const struct tro_lowering *l, const struct tro_node *n)
{
    const struct tro_backend *const b = l->opts.backend;
    const enum tro_op op = op_of(l->g, n);
    for (size_t i = 0; b && i < b->n_emitters; i++)
        if (b->emitters[i].op == op && b->emitters[i].is_folding)
            return true;
    return false;
}

int tro_lower_defer(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_lower_value *const v = n->n_out == 1 ? &l->values[n->out[0].i] : NULL;
    const bool is_main = v && tro_value_get(l->g, n->out[0])->block.i == TRO_MAIN_BLOCK.i;
    const struct tro_node *const user = is_main ? user_of(l->g, tro_block_get(l->g, TRO_MAIN_BLOCK),
                                                          n->out[0])
                                                : NULL;
    if (!user || v->deferred.i || v->parent.i || v->output >= 0 || v->alias.i ||
        !tro_lower_folds(l, user) || !is_first(l->g, user, n->out[0]))
        return 0;
    v->deferred = n->id;
    v->is_waiting = true;
    v->precision = l->opts.precision;
    return 1;
}

const struct tro_node *tro_lower_deferred(const struct tro_lowering *l, tro_value_id v)
{
    const struct tro_lower_value *const value = tro_lower_value(l, v);
    return value->is_waiting ? tro_node_get(l->g, value->deferred) : NULL;
}

static int settle_value(struct tro_lowering *l, struct tro_lower_value *v)
{
    const enum tro_precision precision = l->opts.precision;
    v->is_waiting = false;
    l->opts.precision = v->precision;
    TRO_TRY(tro_lower_node(l, v->deferred));
    l->opts.precision = precision;
    return tro_lower_note(l, v->deferred);
}

int tro_lower_settle(struct tro_lowering *l, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(l->g, id);
    for (uint32_t i = 0; i < n->n_in; i++) {
        struct tro_lower_value *const v = n->in[i].i ? tro_lower_value(l, n->in[i]) : NULL;
        if (v && v->is_waiting)
            TRO_TRY(settle_value(l, v));
    }
    return 0;
}
