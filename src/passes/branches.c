/* SPDX-License-Identifier: Apache-2.0 */
/* An `if` whose condition became known is replaced by the nodes of its branch. */
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "passes/pass.h"

struct inliner {
    struct tro_pass *p;
    tro_node_id id;
    struct tro_node n;     /* the `if` */
    tro_block_id block;    /* the branch */
    tro_value_id *outside; /* for each value of the branch */
};

/* What a value of the branch is outside, before anything is copied: a capture is known. */
static tro_value_id captured(const struct inliner *x, tro_value_id v)
{
    const struct tro_block *const b = tro_block_get(x->p->g, x->block);
    for (size_t i = 0; i < b->n_inputs; i++)
        if (tro_value_eq(b->inputs[i], v))
            return x->n.in[1 + i];
    return v;
}

/* Nodes with blocks of their own stay where they are. */
static bool may_inline(const struct inliner *x)
{
    const struct tro_graph *const g = x->p->g;
    const struct tro_block *const b = tro_block_get(g, x->block);
    for (size_t i = 0; i < b->n_nodes; i++)
        if (tro_op_info(tro_node_get(g, b->nodes[i])->op)->kind == TRO_KIND_CONTROL)
            return false;
    for (uint32_t i = 0; i < x->n.n_out; i++)
        if (x->n.out[i].i && !tro_pass_may_replace(x->p, x->n.out[i], captured(x, b->outputs[i])))
            return false;
    return true;
}

static tro_value_id outside_of(const struct inliner *x, tro_value_id v)
{
    return v.i == 0 || tro_is_const(x->p->g, v) ? v : x->outside[v.i];
}

static int copy_node(struct inliner *x, tro_node_id id)
{
    struct tro_graph *const g = x->p->g;
    const struct tro_node n = *tro_node_get(g, id);
    tro_value_id *const in = TRO_NEW_N(&g->arena, tro_value_id, n.n_in);
    tro_value_id *const out = TRO_NEW_N(&g->arena, tro_value_id, n.n_out);
    const struct tro_node_spec spec = {.op = n.op,
                                       .name = n.name,
                                       .attrs = n.attrs,
                                       .n_in = n.n_in,
                                       .n_out = n.n_out,
                                       .in = in,
                                       .before = x->id};
    if (!in || !out)
        return tro_fail_nomem(x->p->err);
    for (uint32_t i = 0; i < n.n_in; i++)
        in[i] = outside_of(x, n.in[i]);
    TRO_TRY(tro_graph_add_node(g, x->n.block, &spec, out, x->p->err));
    for (uint32_t i = 0; i < n.n_out; i++) {
        if (n.out[i].i == 0) {
            tro_graph_drop_output(g, tro_value_get(g, out[0])->def, i);
            continue;
        }
        x->outside[n.out[i].i] = out[i];
        tro_graph_refine(g, out[i], &tro_value_get(g, n.out[i])->shape);
        TRO_TRY(tro_graph_take_name(g, out[i], n.out[i], x->p->err));
    }
    return 0;
}

static int inline_branch(struct inliner *x)
{
    struct tro_graph *const g = x->p->g;
    for (size_t i = 0; i < tro_block_get(g, x->block)->n_inputs; i++)
        x->outside[tro_block_get(g, x->block)->inputs[i].i] = x->n.in[1 + i];
    for (size_t i = 0; i < tro_block_get(g, x->block)->n_nodes; i++)
        TRO_TRY(copy_node(x, tro_block_get(g, x->block)->nodes[i]));
    x->p->is_index_stale = true;
    /* The block is emptied with the last output. */
    tro_value_id *const to = TRO_NEW_N(&g->arena, tro_value_id, x->n.n_out);
    if (!to)
        return tro_fail_nomem(x->p->err);
    for (uint32_t i = 0; i < x->n.n_out; i++)
        to[i] = outside_of(x, tro_block_get(g, x->block)->outputs[i]);
    for (uint32_t i = 0; i < x->n.n_out; i++)
        if (x->n.out[i].i)
            tro_pass_replace(x->p, x->n.out[i], to[i]);
    return x->p->rc;
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    struct inliner x = {.p = p, .id = id, .n = *tro_node_get(p->g, id)};
    if (x.n.op != TRO_OP_IF || !tro_is_const(p->g, x.n.in[0]))
        return;
    const bool condition = tro_load_i64(TRO_BOOL, tro_const_tensor(p->g, x.n.in[0]).data, 0) != 0;
    x.block = x.n.blocks[condition ? 0 : 1];
    if (!may_inline(&x) || !tro_pass_allows(p, id))
        return;
    x.outside = tro_calloc(p->g->n_values, sizeof(*x.outside));
    const int rc = x.outside ? inline_branch(&x) : tro_fail_nomem(p->err);
    p->rc = p->rc < 0 ? p->rc : rc;
    tro_free(x.outside);
}

int tro_pass_branches(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
