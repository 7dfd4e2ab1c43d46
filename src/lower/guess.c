/* SPDX-License-Identifier: Apache-2.0 */
/* Before a block is lowered: the form each value is likely to have, and which values are made
 * inside the memory of a concatenation. */
#include "lower/lowering.h"

/* Convolutions, pooling and resizing work channels last. */
static bool is_spatial(enum tro_op op)
{
    switch (op) {
    case TRO_OP_CONV:
    case TRO_OP_CONV_TRANSPOSE:
    case TRO_OP_CONV_INT:
    case TRO_OP_CONV_TRANSPOSE_INT:
    case TRO_OP_POOL:
    case TRO_OP_RESIZE:
    case TRO_OP_RESIZE_INT:
        return true;
    default:
        return false;
    }
}

/* Keeps the order of axes, so that the form goes from input to output. */
static bool is_form_kept(enum tro_op op)
{
    switch (op) {
    case TRO_OP_CONCAT:
    case TRO_OP_SPLIT:
    case TRO_OP_SLICE:
    case TRO_OP_PAD:
    case TRO_OP_REDUCE:
    case TRO_OP_NORMALIZE:
    case TRO_OP_SOFTMAX:
    case TRO_OP_LRN:
    case TRO_OP_FUSED:
        return true;
    default:
        return tro_op_info(op)->kind == TRO_KIND_POINTWISE;
    }
}

static int rank_of(const struct tro_lowering *l, tro_value_id v)
{
    return tro_value_get(l->g, v)->shape.rank;
}

/* The operator that decides for a fused node: its anchor's, or that of its first node. */
static enum tro_op leading_op(const struct tro_lowering *l, const struct tro_node *n)
{
    if (n->op != TRO_OP_FUSED)
        return n->op;
    const struct tro_block *const b = tro_block_get(l->g, n->blocks[0]);
    const enum tro_op first = b->n_nodes ? tro_node_get(l->g, b->nodes[0])->op : n->op;
    return is_spatial(first) ? first : TRO_OP_FUSED;
}

/* Of the inputs with the output's rank, as many elements as are channels last, or more. */
static bool is_mostly_last(const struct tro_lowering *l, const struct tro_node *n, int rank)
{
    int64_t last = 0, other = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (!n->in[i].i || rank_of(l, n->in[i]) != rank || tro_is_const(l->g, n->in[i]))
            continue;
        struct tro_tensor t;
        const int64_t size = tro_lower_type(l, n->in[i], &t) ? tro_tensor_n_elems(&t) : 1;
        if (tro_lower_guess(l, n->in[i]) == TRO_FORM_CHANNELS_LAST)
            last += size;
        else
            other += size;
    }
    return last > 0 && last >= other;
}

static void guess_node(struct tro_lowering *l, const struct tro_node *n)
{
    const enum tro_op op = leading_op(l, n);
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (!n->out[i].i)
            continue;
        const int rank = rank_of(l, n->out[i]);
        const bool is_last = rank >= 3 &&
                             (is_spatial(op) || (is_form_kept(op) && is_mostly_last(l, n, rank)));
        l->values[n->out[i].i].guess = is_last ? TRO_FORM_CHANNELS_LAST : TRO_FORM_DENSE;
    }
}

/* ---- inside concatenations ---------------------------------------------------------------- */

/* Made by a kernel that can write anywhere: no view, no constant, no input. */
static bool is_made(const struct tro_lowering *l, tro_value_id v, tro_block_id block)
{
    const struct tro_value *const value = tro_value_get(l->g, v);
    if (!value->def.i || value->elems || tro_node_get(l->g, value->def)->block.i != block.i)
        return false;
    const struct tro_node *const n = tro_node_get(l->g, value->def);
    switch (n->op) {
    case TRO_OP_RESHAPE:
    case TRO_OP_SQUEEZE:
    case TRO_OP_UNSQUEEZE:
    case TRO_OP_TRANSPOSE:
    case TRO_OP_EXPAND:
    case TRO_OP_SLICE:
    case TRO_OP_SPLIT:
    case TRO_OP_IF:
    case TRO_OP_LOOP:
    case TRO_OP_SCAN:
        return false;
    default:
        return tro_op_info(n->op)->kind != TRO_KIND_EXTENT;
    }
}

static void claim_parts(struct tro_lowering *l, const struct tro_node *n, tro_block_id block)
{
    const struct tro_attrs_axis *const a = n->attrs;
    struct tro_tensor t;
    int64_t first = 0;
    if (!tro_lower_type(l, n->out[0], &t))
        return;
    const int axis = (int)(a->axis < 0 ? a->axis + t.rank : a->axis);
    for (uint32_t i = 0; i < n->n_in; i++) {
        struct tro_lower_value *const v = &l->values[n->in[i].i];
        if (!tro_lower_type(l, n->in[i], &t))
            return;
        if (is_made(l, n->in[i], block) && !v->parent.i && v->output < 0) {
            v->parent = n->out[0];
            v->parent_first = first;
        }
        first += t.shape[axis];
    }
}

int tro_lower_guess_block(struct tro_lowering *l, tro_block_id block)
{
    const struct tro_block *const b = tro_block_get(l->g, block);
    for (size_t i = 0; i < b->n_nodes; i++)
        guess_node(l, tro_node_get(l->g, b->nodes[i]));
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(l->g, b->nodes[i]);
        if (n->op == TRO_OP_CONCAT && n->out[0].i)
            claim_parts(l, n, block);
    }
    return 0;
}
