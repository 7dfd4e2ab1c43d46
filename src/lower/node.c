/* SPDX-License-Identifier: Apache-2.0 */
/* One node of a block: known contents, views, the backend's emitters, the reference. */
#include "lower/lowering.h"

#include "base/dtype.h"
#include "base/err.h"

/* ---- known contents ----------------------------------------------------------------------- */

/* Integers that follow from sizes are written down now; false when one is not known or was cut. */
static bool write_known(struct tro_lowering *l, tro_value_id v)
{
    const tro_dim *const elems = tro_value_get(l->g, v)->elems;
    struct tro_tensor t;
    if (!elems || !tro_lower_type(l, v, &t) || tro_tensor_n_elems(&t) > TRO_MAX_INTS)
        return false;
    const int64_t n = tro_tensor_n_elems(&t);
    char *const data = tro_arena_alloc64(&l->p->arena, tro_tensor_n_bytes(&t));
    for (int64_t i = 0; i < n; i++) {
        int64_t e;
        if (!data || !tro_dim_eval(&l->g->dims, &l->env, elems[i], &e) || e >= TRO_DIM_MAX ||
            e <= -TRO_DIM_MAX)
            return false;
        tro_store_i64(t.dtype, data, i, e);
    }
    l->values[v.i].data = data;
    return true;
}

static bool is_known(struct tro_lowering *l, const struct tro_node *node)
{
    bool all = true;
    for (uint32_t i = 0; i < node->n_out && all; i++)
        all = !node->out[i].i || write_known(l, node->out[i]);
    return all;
}

static bool is_dynamic(const struct tro_lowering *l, const struct tro_node *node)
{
    struct tro_tensor t;
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i].i && tro_lower_value(l, node->in[i])->is_dynamic)
            return true;
    for (uint32_t i = 0; i < node->n_out; i++)
        if (node->out[i].i && !tro_lower_type(l, node->out[i], &t))
            return true;
    /* Sizes that are not known by now are those of a dynamic value. */
    return tro_op_info(node->op)->kind == TRO_KIND_EXTENT || node->op == TRO_OP_DIMS;
}

/* ---- emitters ----------------------------------------------------------------------------- */

static bool is_pointwise(const struct tro_node *n)
{
    return tro_op_info(n->op)->kind == TRO_KIND_POINTWISE;
}

/* A row that says no after it has added steps or buffers is undone, copies of inputs included. */
struct mark {
    int32_t n_steps;
    uint32_t n_buffers;
};

static struct mark mark_of(const struct tro_lowering *l)
{
    return (struct mark){l->p->n_steps, l->p->n_buffers};
}

static void forget(struct tro_lower_value *v, uint32_t n_buffers)
{
    while (v->n_copies > 0 && v->copies[v->n_copies - 1].buffer >= n_buffers)
        v->n_copies--;
    if (v->is_placed && v->at.buffer >= n_buffers)
        v->is_placed = false;
}

static void roll_back(struct tro_lowering *l, const struct mark *m)
{
    if (l->p->n_steps == m->n_steps && l->p->n_buffers == m->n_buffers)
        return;
    for (size_t i = 1; i < l->g->n_values; i++)
        forget(&l->values[i], m->n_buffers);
    l->p->n_steps = m->n_steps;
    l->p->n_buffers = m->n_buffers;
}

static int ask(struct tro_lowering *l, const struct tro_lower_node *n, enum tro_op op)
{
    const struct tro_backend *const b = l->opts.backend;
    for (size_t i = 0; b && i < b->n_emitters; i++) {
        if (b->emitters[i].op != op)
            continue;
        if (!b->emitters[i].is_folding)
            TRO_TRY(tro_lower_settle(l, n->id));
        const struct mark m = mark_of(l);
        const int rc = b->emitters[i].emit(l, n);
        l->problem = NULL;
        l->candidates = NULL;
        if (rc != 0)
            return rc;
        roll_back(l, &m);
    }
    return 0;
}

/* ---- plain nodes -------------------------------------------------------------------------- */

static const char *name_of(const struct tro_graph *g, const struct tro_node *n)
{
    if (n->name[0])
        return n->name;
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i)
            return tro_value_get(g, n->out[i])->name;
    return "";
}

static int lower_plain(struct tro_lowering *l, const struct tro_lower_node *n)
{
    int rc = tro_lower_move(l, n);
    if (rc != 0)
        return rc;
    if (is_pointwise(n->node)) {
        const struct tro_lower_node alone = {.id = n->id,
                                             .epilogue = &n->node,
                                             .n_epilogue = 1,
                                             .out = n->out,
                                             .n_out = n->n_out,
                                             .block_out = n->out,
                                             .name = n->name};
        rc = ask(l, &alone, TRO_N_OPS);
    } else {
        rc = ask(l, n, n->node->op);
    }
    if (rc != 0)
        return rc;
    TRO_TRY(tro_lower_settle(l, n->id));
    return tro_lower_reference(l, n);
}

/* ---- fused nodes -------------------------------------------------------------------------- */

/* Inside the block its inputs are the operands. */
static void enter_block(struct tro_lowering *l, const struct tro_node *node,
                        const struct tro_block *b)
{
    for (size_t i = 0; i < b->n_inputs; i++)
        l->values[b->inputs[i].i].alias = node->in[i];
}

static int try_fused(struct tro_lowering *l, tro_node_id id, const struct tro_block *b)
{
    const struct tro_node *const node = tro_node_get(l->g, id);
    const struct tro_node **const list = TRO_NEW_N(&l->p->arena, const struct tro_node *,
                                                   b->n_nodes + 1);
    if (!list)
        return tro_fail_nomem(l->err);
    for (size_t i = 0; i < b->n_nodes; i++)
        list[i] = tro_node_get(l->g, b->nodes[i]);
    if (!b->n_nodes)
        return 0;
    const int has_anchor = !is_pointwise(list[0]);
    for (size_t i = (size_t)has_anchor; i < b->n_nodes; i++)
        if (!is_pointwise(list[i]))
            return 0;
    const struct tro_lower_node n = {.id = id,
                                     .node = has_anchor ? list[0] : NULL,
                                     .attrs = has_anchor ? list[0]->attrs : NULL,
                                     .epilogue = list + has_anchor,
                                     .n_epilogue = (int)b->n_nodes - has_anchor,
                                     .out = node->out,
                                     .n_out = (int)node->n_out,
                                     .block_out = b->outputs,
                                     .name = name_of(l->g, node)};
    return has_anchor ? ask(l, &n, list[0]->op) : ask(l, &n, TRO_N_OPS);
}

/* What is known of a result goes to the value inside the block that it is. */
static void adopt(struct tro_lowering *l, tro_value_id outer, tro_value_id inner)
{
    struct tro_lower_value *const from = &l->values[outer.i], *const to = &l->values[inner.i];
    if (!to->alias.i && !tro_is_const(l->g, inner)) {
        to->parent = from->parent;
        to->parent_first = from->parent_first;
        to->guess = from->guess;
        to->output = from->output;
    }
    from->alias = inner;
}

/* Nobody took the region: its nodes one by one. */
static int lower_inline(struct tro_lowering *l, const struct tro_node *node,
                        const struct tro_block *b)
{
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const inner = tro_node_get(l->g, b->nodes[i]);
        for (uint32_t k = 0; k < inner->n_out; k++)
            if (node->n_out && inner->out[k].i)
                l->values[inner->out[k].i].guess = l->values[node->out[0].i].guess;
    }
    for (uint32_t i = 0; i < node->n_out; i++)
        if (node->out[i].i)
            adopt(l, node->out[i], b->outputs[i]);
    for (size_t i = 0; i < b->n_nodes; i++) {
        TRO_TRY(tro_lower_node(l, b->nodes[i]));
        TRO_TRY(tro_lower_note_inner(l, b->nodes[i]));
    }
    return 0;
}

static int lower_fused(struct tro_lowering *l, tro_node_id id)
{
    const struct tro_node *const node = tro_node_get(l->g, id);
    const struct tro_block *const b = tro_block_get(l->g, node->blocks[0]);
    enter_block(l, node, b);
    const int rc = try_fused(l, id, b);
    if (rc != 0)
        return rc;
    return lower_inline(l, node, b);
}

/* ---- any node ----------------------------------------------------------------------------- */

static int lower_any(struct tro_lowering *l, tro_node_id id)
{
    const struct tro_node *const node = tro_node_get(l->g, id);
    if (is_known(l, node))
        return 0;
    if (!tro_lower_folds(l, node))
        TRO_TRY(tro_lower_settle(l, id));
    if (tro_op_info(node->op)->kind == TRO_KIND_CONTROL && node->op != TRO_OP_FUSED) {
        const int rc = tro_lower_control(l, id);
        return rc != 0 ? rc : tro_lower_dynamic(l, id);
    }
    if (is_dynamic(l, node)) {
        TRO_TRY(tro_lower_settle(l, id));
        return tro_lower_dynamic(l, id);
    }
    if (node->op == TRO_OP_FUSED)
        return lower_fused(l, id);
    const struct tro_lower_node n = {.id = id,
                                     .node = node,
                                     .attrs = node->attrs,
                                     .out = node->out,
                                     .n_out = (int)node->n_out,
                                     .block_out = node->out,
                                     .name = name_of(l->g, node)};
    return lower_plain(l, &n);
}

int tro_lower_node(struct tro_lowering *l, tro_node_id id)
{
    const struct tro_node *const node = tro_node_get(l->g, id);
    const char *const outer = l->name;
    l->name = name_of(l->g, node);
    const int rc = lower_any(l, id);
    tro_err_prefix(l->err, rc, "node '%s' (%s): ", l->name, tro_op_info(node->op)->text);
    l->name = outer;
    return rc < 0 ? rc : 0;
}
