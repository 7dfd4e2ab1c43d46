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

static bool may_inline(const struct inliner *x)
{
    const struct tro_graph *const g = x->p->g;
    const struct tro_block *const b = tro_block_get(g, x->block);
    for (uint32_t i = 0; i < x->n.n_out; i++)
        if (x->n.out[i].i && !tro_pass_may_replace(x->p, x->n.out[i], captured(x, b->outputs[i])))
            return false;
    return true;
}

static tro_value_id outside_of(const struct inliner *x, tro_value_id v)
{
    return v.i == 0 || tro_is_const(x->p->g, v) ? v : x->outside[v.i];
}

/* Blocks are closed: those of a node in the branch become those of its copy. */
static void move_blocks(struct tro_graph *g, tro_node_id id, struct tro_node_spec *spec)
{
    struct tro_node *const n = tro_node_get(g, id);
    for (int i = 0; i < 2; i++) {
        spec->blocks[i] = n->blocks[i];
        n->blocks[i] = TRO_BLOCK_NONE;
        if (spec->blocks[i].i)
            tro_block_get(g, spec->blocks[i])->owner = TRO_NODE_NONE;
    }
}

static int copy_node(struct inliner *x, tro_node_id id)
{
    struct tro_graph *const g = x->p->g;
    const struct tro_node n = *tro_node_get(g, id);
    tro_value_id *const in = TRO_NEW_N(&g->arena, tro_value_id, n.n_in);
    tro_value_id *const out = TRO_NEW_N(&g->arena, tro_value_id, n.n_out);
    struct tro_node_spec spec = {.op = n.op,
                                 .name = n.name,
                                 .attrs = n.attrs,
                                 .n_in = n.n_in,
                                 .n_out = n.n_out,
                                 .in = in,
                                 .before = x->id};
    if (!in || !out)
        return tro_fail_nomem(x->p->err);
    move_blocks(g, id, &spec);
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

static bool has_unknown_sizes(const struct tro_pass *p)
{
    for (uint32_t v = 1; v < p->g->n_values; v++) {
        const tro_node_id def = tro_value_get(p->g, (tro_value_id){v})->def;
        if (def.i && tro_node_get(p->g, def)->block.i && !tro_pass_is_sized(p, (tro_value_id){v}))
            return true;
    }
    return false;
}

/* One branch is left to say the sizes of what two of them left open. Where sizes contradict each
 * other the run will say so, if it comes there: a branch that stays may be one that never runs. */
int tro_pass_branches(struct tro_pass *p)
{
    struct tro_err err = {0};
    TRO_TRY(tro_pass_each(p, visit));
    p->is_index_stale = true;
    if (p->n_changes == 0 || !has_unknown_sizes(p))
        return 0;
    const int rc = tro_graph_infer_again(p->g, &err);
    return rc == TRO_E_NOMEM ? tro_fail_nomem(p->err) : 0;
}
