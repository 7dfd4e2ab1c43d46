/* SPDX-License-Identifier: Apache-2.0 */
/* The graph in floats, its layers, and which tensors share a scale. */
#include "quant/quant.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "passes/passes.h"
#include "quant/link.h"
#include "quant/probe.h"
#include "quant/watch.h"

/* ---- axes ----------------------------------------------------------------------------------- */

static int rank_of(const struct tro_graph *g, tro_value_id v)
{
    return tro_value_get(g, v)->shape.rank;
}

int tro_quant_weight_axis(const struct tro_graph *g, const struct tro_node *n)
{
    if (n->op == TRO_OP_MATMUL)
        return rank_of(g, n->in[1]) - 1;
    return n->op == TRO_OP_CONV ? 0 : 1;
}

int tro_quant_input_axis(const struct tro_graph *g, const struct tro_node *n)
{
    return n->op == TRO_OP_MATMUL ? rank_of(g, n->in[0]) - 1 : 1;
}

int tro_quant_result_axis(const struct tro_graph *g, const struct tro_node *n)
{
    return n->op == TRO_OP_MATMUL ? rank_of(g, n->out[0]) - 1 : 1;
}

/* ---- layers --------------------------------------------------------------------------------- */

static bool is_layer(const struct tro_graph *g, const struct tro_node *n)
{
    if (n->op != TRO_OP_CONV && n->op != TRO_OP_CONV_TRANSPOSE && n->op != TRO_OP_MATMUL)
        return false;
    const struct tro_value *const w = tro_value_get(g, n->in[1]);
    return !tro_is_const(g, n->in[0]) && tro_is_const(g, n->in[1]) && w->dtype == TRO_F32 &&
           w->shape.rank >= 2 && rank_of(g, n->in[0]) >= 2;
}

static double macs_of(const struct tro_graph *g, const struct tro_node *n)
{
    /* a weight is used at each place of the result; transposed, of the input */
    const tro_value_id places = n->op == TRO_OP_CONV_TRANSPOSE ? n->in[0] : n->out[0];
    const int axis = n->op == TRO_OP_MATMUL ? tro_quant_result_axis(g, n) : 1;
    const struct tro_shape *const s = &tro_value_get(g, places)->shape;
    double sum = (double)tro_value_max_elems(g, n->in[1]);
    for (int i = 0; i < s->rank; i++)
        if (i != axis && tro_dim_value_or_minus1(s->dim[i]) > 0)
            sum *= (double)tro_dim_value_or_minus1(s->dim[i]);
    return sum;
}

static int n_channels_of(const struct tro_graph *g, tro_value_id v, int axis)
{
    const struct tro_shape *const s = &tro_value_get(g, v)->shape;
    const int64_t n = axis < s->rank ? tro_dim_value_or_minus1(s->dim[axis]) : 0;
    return n > 0 && n < 1 << 20 ? (int)n : 0;
}

static int add_layer(struct tro_quant *q, tro_node_id id, struct tro_err *err)
{
    const struct tro_node *const n = tro_node_get(q->graph, id);
    struct tro_quant_layer *const l = &q->layers[q->n_layers++];
    *l = (struct tro_quant_layer){
        .node = id,
        .name = tro_value_get(q->graph, n->out[0])->name,
        .n_macs = macs_of(q->graph, n),
        .is_int = true,
        .n_channels = n_channels_of(q->graph, n->out[0], tro_quant_result_axis(q->graph, n))};
    l->shift = TRO_NEW_N(&q->arena, double, (size_t)l->n_channels *TRO_N_BOUNDS + 1);
    return l->shift ? 0 : tro_fail_nomem(err);
}

static int find_layers(struct tro_quant *q, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    q->layers = TRO_NEW_N(&q->arena, struct tro_quant_layer, b->n_nodes + 1);
    if (!q->layers)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < b->n_nodes; i++)
        if (is_layer(q->graph, tro_node_get(q->graph, b->nodes[i])))
            TRO_TRY(add_layer(q, b->nodes[i], err));
    return 0;
}

/* ---- groups --------------------------------------------------------------------------------- */

static bool is_float(const struct tro_graph *g, tro_value_id v)
{
    const struct tro_value *const x = tro_value_get(g, v);
    return v.i && x->dtype == TRO_F32 && !x->data && x->block.i == TRO_MAIN_BLOCK.i;
}

/* What comes out of it has the range of what goes in. */
static bool is_tied(const struct tro_graph *g, const struct tro_node *n)
{
    return (tro_node_takes_elements(n) || tro_is_int_resize(g, n)) && is_float(g, n->in[0]);
}

/* Values of moves take the group of what is moved; others have one of their own. */
static void number_groups(struct tro_quant *q)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < q->graph->n_values; i++)
        q->group_of[i] = -1;
    for (size_t i = 0; i < b->n_inputs; i++)
        if (is_float(q->graph, b->inputs[i]))
            q->group_of[b->inputs[i].i] = q->n_groups++;
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        for (uint32_t k = 0; k < n->n_out; k++)
            if (is_float(q->graph, n->out[k]))
                q->group_of[n->out[k].i] = is_tied(q->graph, n) ? q->group_of[n->in[0].i]
                                                                : q->n_groups++;
    }
}

static int want_links(struct tro_quant *q, struct tro_err *err)
{
    TRO_TRY(tro_quant_links_find(q, err));
    bool *const is_used = tro_calloc((size_t)q->n_links + 1, sizeof(*is_used));
    const int rc = is_used ? tro_quant_links_use(q, is_used, err) : tro_fail_nomem(err);
    for (int i = 0; i < q->n_links && rc >= 0; i++) {
        q->groups[q->group_of[q->links[i].from.i]].is_wanted |= is_used[i];
        q->groups[q->group_of[q->links[i].to.i]].is_wanted |= is_used[i];
    }
    tro_free(is_used);
    return rc;
}

/* What layers take, what lies between them, and the parts of concatenations that these take. */
static int want_groups(struct tro_quant *q, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (int i = 0; i < q->n_layers; i++) {
        struct tro_quant_layer *const l = &q->layers[i];
        l->group = q->group_of[tro_node_get(q->graph, l->node)->in[0].i];
        q->groups[l->group].is_wanted = true;
    }
    TRO_TRY(want_links(q, err));
    for (size_t i = b->n_nodes; i-- > 0;) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        if (n->op != TRO_OP_CONCAT || q->group_of[n->out[0].i] < 0 ||
            !q->groups[q->group_of[n->out[0].i]].is_wanted)
            continue;
        for (uint32_t k = 0; k < n->n_in; k++)
            if (is_float(q->graph, n->in[k]))
                q->groups[q->group_of[n->in[k].i]].is_wanted = true;
    }
    return 0;
}

static int add_source(struct tro_quant *q, tro_value_id v, struct tro_err *err)
{
    struct tro_quant_group *const g = &q->groups[q->group_of[v.i]];
    q->sources[q->n_sources++] = (struct tro_quant_source){v, q->group_of[v.i]};
    if (g->name)
        return 0;
    g->name = tro_value_get(q->graph, v)->name;
    /* channels of pictures; of rows they are the last axis */
    const int axis = rank_of(q->graph, v) >= 4 ? 1 : rank_of(q->graph, v) - 1;
    return tro_stats_init(&g->stats, axis < 0 ? 0 : n_channels_of(q->graph, v, axis), &q->arena,
                          err);
}

static int find_sources(struct tro_quant *q, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    q->sources = TRO_NEW_N(&q->arena, struct tro_quant_source, q->graph->n_values + 1);
    if (!q->sources)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < b->n_inputs; i++)
        if (q->group_of[b->inputs[i].i] >= 0)
            TRO_TRY(add_source(q, b->inputs[i], err));
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        const bool has_own = !is_tied(q->graph, n);
        for (uint32_t k = 0; k < n->n_out && has_own; k++)
            if (n->out[k].i && q->group_of[n->out[k].i] >= 0)
                TRO_TRY(add_source(q, n->out[k], err));
    }
    return 0;
}

static int find_groups(struct tro_quant *q, struct tro_err *err)
{
    q->group_of = TRO_NEW_N(&q->arena, int, q->graph->n_values + 1);
    if (!q->group_of)
        return tro_fail_nomem(err);
    q->n_grouped = q->graph->n_values;
    number_groups(q);
    q->groups = TRO_NEW_N(&q->arena, struct tro_quant_group, (size_t)q->n_groups + 1);
    if (!q->groups)
        return tro_fail_nomem(err);
    TRO_TRY(want_groups(q, err));
    return find_sources(q, err);
}

/* ---- all ------------------------------------------------------------------------------------ */

static int prepare(struct tro_quant *q, const struct tro_graph *g, struct tro_err *err)
{
    const struct tro_passes_opts opts = {.select = TRO_PASSES_FLOAT};
    q->graph = tro_graph_clone(g, NULL, err);
    if (!q->graph)
        return err->status;
    TRO_TRY(tro_passes_run(q->graph, &opts, NULL, err));
    TRO_TRY(find_layers(q, err));
    if (q->n_layers == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "expected convolutions or matrix products with constant weights of f32, "
                        "found none: there is nothing to quantize");
    return find_groups(q, err);
}

struct tro_quant *tro_quant_create(const struct tro_graph *g, struct tro_err *err)
{
    struct tro_quant *const q = tro_calloc(1, sizeof(*q));
    if (!q) {
        tro_fail_nomem(err);
        return NULL;
    }
    if (tro_err_prefix(err, prepare(q, g, err), "quantization: ") >= 0)
        return q;
    tro_quant_destroy(q);
    return NULL;
}

void tro_quant_destroy(struct tro_quant *q)
{
    if (!q)
        return;
    tro_free(q->repairs);
    tro_quant_watch_destroy(q->watch);
    tro_quant_probes_destroy(q->probes);
    tro_graph_destroy(q->graph);
    tro_arena_finish(&q->arena);
    tro_free(q);
}
