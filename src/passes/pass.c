/* SPDX-License-Identifier: Apache-2.0 */
/* Walking, counting uses, questions. */
#include "passes/pass.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "graph/elems.h"
#include "graph/graph_build.h"

#include <stdio.h>
#include <string.h>

bool tro_pass_allows(struct tro_pass *p, tro_node_id n)
{
    if (p->rc < 0 || (p->limit > 0 && *p->n_made >= p->limit))
        return false;
    ++*p->n_made;
    p->n_changes++;
    if (*p->n_made != p->limit)
        return true;
    const struct tro_node *const node = tro_node_get(p->g, n);
    const char *name = node->name;
    for (uint32_t i = 0; !*name && i < node->n_out; i++)
        if (node->out[i].i)
            name = tro_value_get(p->g, node->out[i])->name;
    p->report->last_pass = p->name;
    snprintf(p->report->last_node, sizeof(p->report->last_node), "%s (%s)", name,
             tro_op_info(node->op)->text);
    return true;
}

/* ---- walking --------------------------------------------------------------------------- */

struct node_list {
    tro_node_id *ids;
    size_t n, cap;
};

static int list_block(const struct tro_graph *g, tro_block_id b, struct node_list *list)
{
    const struct tro_block *const block = tro_block_get(g, b);
    for (size_t i = 0; i < block->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(g, block->nodes[i]);
        for (int k = 0; k < 2 && n->op != TRO_OP_FUSED; k++)
            if (n->blocks[k].i)
                TRO_TRY(list_block(g, n->blocks[k], list));
        TRO_TRY(TRO_GROW(&list->ids, list->n, &list->cap));
        list->ids[list->n++] = block->nodes[i];
    }
    return 0;
}

int tro_pass_each(struct tro_pass *p, tro_pass_visit *visit)
{
    struct node_list list = {0};
    if (list_block(p->g, TRO_MAIN_BLOCK, &list) < 0)
        p->rc = tro_fail_nomem(p->err);
    for (size_t i = 0; i < list.n && p->rc == 0; i++)
        if (tro_node_get(p->g, list.ids[i])->block.i)
            visit(p, list.ids[i]);
    tro_free(list.ids);
    return p->rc;
}

/* ---- uses ------------------------------------------------------------------------------ */

static bool grow_index(struct tro_pass *p)
{
    if (p->n_index >= p->g->n_values)
        return true;
    const size_t n = p->g->n_values + p->g->n_values / 4 + 16;
    uint32_t *const uses = tro_realloc(p->uses, n * sizeof(*uses));
    if (uses)
        p->uses = uses;
    tro_node_id *const users = tro_realloc(p->users, n * sizeof(*users));
    if (users)
        p->users = users;
    p->n_index = uses && users ? n : p->n_index;
    return uses && users;
}

static bool index_uses(struct tro_pass *p)
{
    const struct tro_graph *const g = p->g;
    if (!p->is_index_stale && p->n_index >= g->n_values)
        return true;
    if (!grow_index(p)) {
        p->rc = p->rc < 0 ? p->rc : tro_fail_nomem(p->err);
        return false;
    }
    tro_graph_count_uses(g, p->uses);
    memset(p->users, 0, g->n_values * sizeof(*p->users));
    for (uint32_t n = 1; n < g->n_nodes; n++)
        for (uint32_t i = 0; i < g->nodes[n].n_in && g->nodes[n].block.i; i++)
            p->users[g->nodes[n].in[i].i] = (tro_node_id){n};
    memset(&p->uses[g->n_values], 0, (p->n_index - g->n_values) * sizeof(*p->uses));
    p->is_index_stale = false;
    return true;
}

uint32_t tro_pass_n_uses(struct tro_pass *p, tro_value_id v)
{
    return index_uses(p) ? p->uses[v.i] : UINT32_MAX;
}

tro_node_id tro_pass_user(struct tro_pass *p, tro_value_id v)
{
    return tro_pass_n_uses(p, v) == 1 ? p->users[v.i] : TRO_NODE_NONE;
}

/* ---- questions ------------------------------------------------------------------------- */

const struct tro_node *tro_pass_def(const struct tro_pass *p, tro_value_id v, enum tro_op op)
{
    const tro_node_id n = v.i ? tro_value_get(p->g, v)->def : TRO_NODE_NONE;
    const struct tro_node *const node = tro_node_get(p->g, n);
    return n.i && node->op == op && node->block.i ? node : NULL;
}

bool tro_pass_is_output(const struct tro_pass *p, tro_value_id v)
{
    const struct tro_block *const b = tro_block_get(p->g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_outputs; i++)
        if (tro_value_eq(b->outputs[i], v))
            return true;
    return false;
}

bool tro_pass_is_same_shape(const struct tro_pass *p, tro_value_id a, tro_value_id b)
{
    const struct tro_shape *const x = &tro_value_get(p->g, a)->shape;
    const struct tro_shape *const y = &tro_value_get(p->g, b)->shape;
    if (x->rank < 0 || x->rank != y->rank)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (!tro_dim_eq(x->dim[i], y->dim[i]))
            return false;
    return true;
}

bool tro_pass_splat(const struct tro_pass *p, tro_value_id v, double *out)
{
    if (!tro_is_const(p->g, v))
        return false;
    const struct tro_tensor t = tro_const_tensor(p->g, v);
    const int64_t n = tro_tensor_n_elems(&t);
    const size_t size = tro_dtype_size(t.dtype);
    const char *const data = t.data;
    if (n < 1)
        return false;
    for (int64_t i = 1; i < n; i++)
        if (memcmp(data, data + (size_t)i * size, size) != 0)
            return false;
    *out = tro_load_f64(t.dtype, t.data, 0);
    return true;
}

bool tro_pass_ints(const struct tro_pass *p, tro_value_id v, struct tro_ints *out)
{
    if (v.i == 0)
        return false;
    const struct tro_operand o = tro_operand_of(p->g, v);
    struct tro_dim_list list;
    if (!tro_operand_elems(&o, &list))
        return false;
    out->n = list.n;
    for (int i = 0; i < list.n; i++) {
        if (!tro_dim_is_const(list.v[i]))
            return false;
        out->v[i] = tro_dim_value(list.v[i]);
    }
    return true;
}

/* Does an entry of the table occur in d? Trees are of a few hundred nodes at most. */
static bool has_entry(const struct tro_dims *t, tro_dim d, tro_dim symbol)
{
    if (tro_dim_is_const(d))
        return false;
    if (tro_dim_eq(d, symbol))
        return true;
    const struct tro_dim_expr *const e = &t->exprs[d.bits >> 1];
    return e->op != TRO_DIM_SYMBOL && (has_entry(t, e->a, symbol) || has_entry(t, e->b, symbol));
}

static bool is_input_symbol(const struct tro_graph *g, tro_dim symbol)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_inputs; i++) {
        const struct tro_shape *const s = &tro_value_get(g, b->inputs[i])->shape;
        for (int a = 0; a < s->rank; a++)
            if (has_entry(&g->dims, s->dim[a], symbol))
                return true;
    }
    return false;
}

static bool is_known(const struct tro_graph *g, tro_dim d)
{
    if (tro_dim_is_const(d))
        return true;
    const struct tro_dim_expr *const e = &g->dims.exprs[d.bits >> 1];
    if (e->op == TRO_DIM_SYMBOL)
        return is_input_symbol(g, d);
    return is_known(g, e->a) && is_known(g, e->b);
}

bool tro_pass_is_sized_dim(const struct tro_pass *p, tro_dim d)
{
    return is_known(p->g, d);
}

bool tro_pass_is_sized(const struct tro_pass *p, tro_value_id v)
{
    const struct tro_shape *const s = &tro_value_get(p->g, v)->shape;
    for (int i = 0; i < s->rank; i++)
        if (!is_known(p->g, s->dim[i]))
            return false;
    return s->rank >= 0;
}

/* Sizes that only `from` names would have no value at run time without it. */
static bool are_sizes_kept(const struct tro_value *from, const struct tro_value *to)
{
    if (from->dtype != to->dtype)
        return false;
    if (from->shape.rank < 0)
        return true;
    for (int i = 0; i < from->shape.rank && from->shape.rank == to->shape.rank; i++)
        if (!tro_dim_is_const(from->shape.dim[i]) &&
            !tro_dim_eq(from->shape.dim[i], to->shape.dim[i]))
            return false;
    return from->shape.rank == to->shape.rank;
}

bool tro_pass_may_replace(const struct tro_pass *p, tro_value_id from, tro_value_id to)
{
    const struct tro_value *const a = tro_value_get(p->g, from), *const b = tro_value_get(p->g, to);
    if (from.i == 0 || to.i == 0 || !are_sizes_kept(a, b))
        return false;
    if (!tro_pass_is_output(p, from))
        return true;
    if (tro_pass_is_output(p, to))
        return false;
    return b->data ? b->is_name_made_up : b->def.i != 0;
}
