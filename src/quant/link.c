/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/link.h"

#include "base/alloc.h"
#include "base/err.h"
#include "passes/passes.h"

/* Of each value: what it is a function of, itself where it is none of one tensor alone; whether
 * that function is curved. */
struct roots {
    const struct tro_graph *g;
    uint32_t *root;
    bool *is_curved;
};

/* ---- functions of one tensor ---------------------------------------------------------------- */

static bool is_same_shape(const struct tro_graph *g, tro_value_id a, tro_value_id b)
{
    const struct tro_shape *const x = &tro_value_get(g, a)->shape;
    const struct tro_shape *const y = &tro_value_get(g, b)->shape;
    for (int i = 0; i < x->rank && x->rank == y->rank; i++)
        if (!tro_dim_eq(x->dim[i], y->dim[i]))
            return false;
    return x->rank == y->rank && x->rank >= 0;
}

/* 0: more than one tensor, or constants of more than one element. */
static uint32_t root_of(const struct roots *r, const struct tro_node *n)
{
    uint32_t root = 0;
    if (tro_op_info(n->op)->kind != TRO_KIND_POINTWISE || n->n_out != 1 || n->n_in > 3)
        return 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tro_value_id v = n->in[i];
        if (v.i == 0)
            continue;
        if (tro_is_const(r->g, v)) {
            if (tro_value_max_elems(r->g, v) != 1)
                return 0;
        } else if (root == 0 || root == r->root[v.i]) {
            root = r->root[v.i];
        } else {
            return 0;
        }
    }
    return root && tro_value_get(r->g, (tro_value_id){root})->dtype == TRO_F32 &&
                   is_same_shape(r->g, (tro_value_id){root}, n->out[0])
               ? root
               : 0;
}

static void find_roots(struct roots *r)
{
    const struct tro_block *const b = tro_block_get(r->g, TRO_MAIN_BLOCK);
    for (uint32_t i = 0; i < r->g->n_values; i++)
        r->root[i] = i;
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(r->g, b->nodes[i]);
        const uint32_t root = root_of(r, n);
        if (root == 0)
            continue;
        r->root[n->out[0].i] = root;
        r->is_curved[n->out[0].i] = tro_op_is_curved(n->op);
        for (uint32_t k = 0; k < n->n_in; k++)
            r->is_curved[n->out[0].i] |= r->is_curved[n->in[k].i];
    }
}

static void add_link(struct tro_quant *q, tro_value_id from, tro_value_id to, bool is_curve)
{
    for (int i = 0; i < q->n_links; i++)
        if (tro_value_eq(q->links[i].to, to))
            return;
    if (q->group_of[from.i] >= 0 && q->group_of[to.i] >= 0)
        q->links[q->n_links++] = (struct tro_quant_link){from, to, is_curve};
}

/* Curves end where something else than their own function takes them. */
static void add_links(struct tro_quant *q, const struct roots *r)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        for (uint32_t k = 0; k < n->n_in; k++) {
            const tro_value_id v = n->in[k];
            if (v.i && r->is_curved[v.i] && (n->n_out == 0 || r->root[n->out[0].i] != r->root[v.i]))
                add_link(q, (tro_value_id){r->root[v.i]}, v, true);
        }
        if (tro_is_int_resize(q->graph, n))
            add_link(q, n->in[0], n->out[0], false);
    }
}

int tro_quant_links_find(struct tro_quant *q, struct tro_err *err)
{
    struct roots r = {.g = q->graph};
    struct tro_arena arena = {0};
    r.root = TRO_NEW_N(&q->arena, uint32_t, q->graph->n_values);
    r.is_curved = TRO_NEW_N(&arena, bool, q->graph->n_values);
    q->links = TRO_NEW_N(&q->arena, struct tro_quant_link, q->graph->n_values + 1);
    const bool is_full = r.root && r.is_curved && q->links;
    if (is_full) {
        find_roots(&r);
        add_links(q, &r);
        q->root_of = r.root;
        q->n_rooted = q->graph->n_values;
    }
    tro_arena_finish(&arena);
    return is_full ? 0 : tro_fail_nomem(err);
}

/* ---- between layers ------------------------------------------------------------------------- */

static bool is_int_layer(const struct tro_quant *q, tro_node_id id)
{
    for (int i = 0; i < q->n_layers; i++)
        if (q->layers[i].node.i == id.i)
            return q->layers[i].is_int;
    return false;
}

/* Hands on what comes from integers, to be quantized again. */
static bool hands_on(const struct tro_graph *g, const struct tro_node *n)
{
    const struct tro_attrs_reduce *const reduce = n->attrs;
    return tro_op_info(n->op)->kind == TRO_KIND_POINTWISE || tro_node_takes_elements(n) ||
           n->op == TRO_OP_CONCAT || n->op == TRO_OP_PAD || n->op == TRO_OP_POOL ||
           tro_is_int_resize(g, n) ||
           (n->op == TRO_OP_REDUCE &&
            (reduce->kind == tro_reduction_mean || reduce->kind == tro_reduction_sum));
}

static void find_behind(const struct tro_quant *q, bool *is_behind)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        bool is = is_int_layer(q, b->nodes[i]);
        for (uint32_t k = 0; k < n->n_in && hands_on(q->graph, n); k++)
            is = is || is_behind[n->in[k].i];
        for (uint32_t k = 0; k < n->n_out; k++)
            is_behind[n->out[k].i] = n->out[k].i && is;
    }
}

static void find_in_front(const struct tro_quant *q, bool *is_in_front)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (size_t i = b->n_nodes; i-- > 0;) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        bool is = false;
        for (uint32_t k = 0; k < n->n_out && hands_on(q->graph, n); k++)
            is = is || is_in_front[n->out[k].i];
        for (uint32_t k = 0; k < n->n_in; k++)
            is_in_front[n->in[k].i] |= n->in[k].i && is;
        if (is_int_layer(q, b->nodes[i]))
            is_in_front[n->in[0].i] = true;
    }
}

int tro_quant_links_use(const struct tro_quant *q, bool *is_used, struct tro_err *err)
{
    struct tro_arena arena = {0};
    bool *const is_behind = TRO_NEW_N(&arena, bool, q->graph->n_values);
    bool *const is_in_front = TRO_NEW_N(&arena, bool, q->graph->n_values);
    const bool is_full = is_behind && is_in_front;
    if (is_full) {
        find_behind(q, is_behind);
        find_in_front(q, is_in_front);
        for (int i = 0; i < q->n_links; i++)
            is_used[i] = is_behind[q->links[i].from.i] && is_in_front[q->links[i].to.i];
    }
    tro_arena_finish(&arena);
    return is_full ? 0 : tro_fail_nomem(err);
}

tro_value_id tro_quant_root(const struct tro_quant *q, tro_value_id v)
{
    if (v.i < q->n_rooted)
        v.i = q->root_of[v.i];
    return v;
}
