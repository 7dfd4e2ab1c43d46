/* SPDX-License-Identifier: Apache-2.0 */
/* Relu and Clip: two of the few operators that are recognized again, since other tools join them to
 * the quantized layer in front. */
#include "onnx/export_call.h"

#include "base/dtype.h"

/* A constant of one element that leaves the other operand's shape as it is. */
static bool is_scalar_beside(const struct tro_graph *g, tro_value_id v, tro_value_id x)
{
    const struct tro_value *c = tro_value_get(g, v), *other = tro_value_get(g, x);
    return c->data && tro_value_max_elems(g, v) == 1 && !other->data &&
           (c->shape.rank == 0 || c->shape.rank <= other->shape.rank);
}

/* The operand of a node with two that is such a constant: 0 or 1, -1 when neither is. */
static int scalar_of(const struct tro_graph *g, const struct tro_node *n)
{
    for (int i = 0; i < 2; i++)
        if (is_scalar_beside(g, n->in[i], n->in[1 - i]))
            return i;
    return -1;
}

/* The node of the max in min(max(x, lo), hi), lo and hi numbers, where nothing else needs it. */
static tro_node_id clipped(const struct tro_graph *g, const uint32_t *uses,
                           const struct tro_node *n)
{
    const int hi = n->op == TRO_OP_MIN ? scalar_of(g, n) : -1;
    if (hi < 0)
        return TRO_NODE_NONE;
    const tro_value_id v = n->in[1 - hi];
    const tro_node_id def = tro_value_get(g, v)->def;
    if (!def.i || uses[v.i] != 1)
        return TRO_NODE_NONE;
    const struct tro_node *max = tro_node_get(g, def);
    return max->op == TRO_OP_MAX && scalar_of(g, max) >= 0 ? def : TRO_NODE_NONE;
}

void tro_export_find_clips(struct tro_export *x)
{
    uint32_t *uses = TRO_NEW_N(&x->m->arena, uint32_t, x->g->n_values);
    x->is_clipped = TRO_NEW_N(&x->m->arena, bool, x->g->n_nodes);
    if (!uses || !x->is_clipped) {
        tro_export_no_memory(x);
        return;
    }
    tro_graph_count_uses(x->g, uses);
    for (uint32_t i = 1; i < x->g->n_nodes; i++)
        if (x->g->nodes[i].block.i)
            x->is_clipped[clipped(x->g, uses, &x->g->nodes[i]).i] = true;
    x->is_clipped[0] = false;
}

/* A bound of Clip is a scalar. */
static const char *bound(struct tro_export *x, tro_value_id v, const char *suffix)
{
    struct tro_tensor t = tro_const_tensor(x->g, v);
    if (t.rank == 0)
        return tro_export_value(x, v);
    t.rank = 0;
    return tro_export_const(x, &t, suffix);
}

void tro_export_minimum(struct tro_export *x)
{
    const struct tro_node *n = x->node;
    const int hi = scalar_of(x->g, n);
    const tro_node_id def = hi < 0 ? TRO_NODE_NONE : tro_value_get(x->g, n->in[1 - hi])->def;
    if (!def.i || !x->is_clipped[def.i]) {
        tro_export_direct(x);
        return;
    }
    const struct tro_node *max = tro_node_get(x->g, def);
    const int lo = scalar_of(x->g, max);
    const char *in[3] = {tro_export_value(x, max->in[1 - lo]), bound(x, max->in[lo], "least"),
                         bound(x, n->in[hi], "greatest")};
    tro_export_last(x, "Clip", in, 3);
}

void tro_export_maximum(struct tro_export *x)
{
    const struct tro_node *n = x->node;
    const int lo = scalar_of(x->g, n);
    const enum tro_dtype dtype = tro_export_in_value(x, 0)->dtype;
    const bool is_signed = tro_dtype_is_float(dtype) || dtype == TRO_I8 || dtype == TRO_I16 ||
                           dtype == TRO_I32 || dtype == TRO_I64;
    if (lo < 0 || !is_signed || tro_load_f64(dtype, tro_value_get(x->g, n->in[lo])->data, 0) != 0) {
        tro_export_direct(x);
        return;
    }
    const char *in = tro_export_in(x, (uint32_t)(1 - lo));
    tro_export_last(x, "Relu", &in, 1);
}
