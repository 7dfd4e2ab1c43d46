/* SPDX-License-Identifier: Apache-2.0 */
/* Branches of If with a known condition, put in place. */
#include "edit/steps.h"

#include <string.h>

#include "base/err.h"

/* The branch that a node always takes; NULL when that is not known or it cannot be put in place. */
static struct tro_onnx_graph *known_branch(struct tro_edit *e, struct tro_edit_scope *s,
                                           const struct tro_onnx_node *n)
{
    struct tro_ints cond;
    if (!tro_edit_is_op(e, n, "If") || n->n_inputs != 1 ||
        !tro_edit_constant_ints(e, s, n->inputs[0], &cond) || cond.n != 1)
        return NULL;
    const struct tro_onnx_attr *a = tro_onnx_find_attr(n,
                                                       cond.v[0] ? "then_branch" : "else_branch");
    if (!a || !a->g || a->g->n_outputs != n->n_outputs || a->g->n_inputs ||
        a->g->n_sparse_initializers)
        return NULL;
    return a->g;
}

/* ---- names ----------------------------------------------------------------------------- */

struct renaming {
    struct tro_edit *e;
    struct tro_edit_renames renames;
    int rc;
};

static void undeclare_one(struct tro_str name, void *ctx)
{
    struct renaming *r = ctx;
    uint32_t n = 0;
    if (tro_map_get(&r->e->n_declared, name, &n) && n && r->rc >= 0)
        r->rc = tro_map_set(&r->e->n_declared, name, n - 1);
}

static void undeclare_graph(struct tro_onnx_graph *g, void *ctx)
{
    tro_edit_each_declared(g, undeclare_one, ctx);
    for (size_t i = 0; i < g->n_nodes; i++)
        tro_edit_each_graph(&g->nodes[i], undeclare_graph, ctx);
}

static void declare_one(struct tro_str name, void *ctx)
{
    struct renaming *r = ctx;
    uint32_t n = 0;
    if (r->rc < 0 || tro_map_get(&r->renames.map, name, NULL))
        return;
    tro_map_get(&r->e->n_declared, name, &n);
    struct tro_str to = name;
    if (n) {
        to = tro_edit_fresh(r->e->m, &r->e->names, name);
        r->rc = to.n ? tro_edit_renames_add(&r->renames, name, to) : TRO_E_NOMEM;
    }
    if (r->rc >= 0)
        r->rc = tro_map_set(&r->e->n_declared, to, 1);
}

static void declare_within(struct tro_onnx_graph *g, void *ctx)
{
    tro_edit_each_declared(g, declare_one, ctx);
    for (size_t i = 0; i < g->n_nodes; i++)
        tro_edit_each_graph(&g->nodes[i], declare_within, ctx);
}

/* The node's branches are gone; names of the one that is put in place are changed where they stand
 * elsewhere too. */
static int make_unique(struct tro_edit *e, struct tro_onnx_node *n, struct tro_onnx_graph *branch)
{
    struct renaming r = {.e = e};
    tro_edit_each_graph(n, undeclare_graph, &r);
    declare_within(branch, &r);
    if (r.rc >= 0)
        tro_edit_rename_all(branch, &r.renames);
    tro_edit_renames_finish(&r.renames);
    return r.rc < 0 ? tro_fail_nomem(e->err) : 0;
}

/* ---- putting in place ------------------------------------------------------------------ */

/* The branch's results under the names of the node's outputs. */
static int add_results(struct tro_edit *e, struct tro_onnx_graph *g,
                       const struct tro_onnx_graph *branch, const struct tro_str *outputs)
{
    struct tro_str *ends = TRO_NEW_N(&e->m->arena, struct tro_str, 2 * branch->n_outputs);
    if (!ends)
        return tro_fail_nomem(e->err);
    for (size_t i = 0; i < branch->n_outputs; i++) {
        if (!outputs[i].n)
            continue;
        ends[2 * i] = branch->outputs[i].name;
        ends[2 * i + 1] = outputs[i];
        g->nodes[g->n_nodes++] = (struct tro_onnx_node){.op_type = TRO_STR("Identity"),
                                                        .name = outputs[i],
                                                        .inputs = &ends[2 * i],
                                                        .n_inputs = 1,
                                                        .outputs = &ends[2 * i + 1],
                                                        .n_outputs = 1};
    }
    return 0;
}

static int put_in_place(struct tro_edit *e, struct tro_edit_scope *s, struct tro_onnx_node *n,
                        struct tro_onnx_graph *branch)
{
    struct tro_onnx_graph *g = s->graph;
    TRO_TRY(make_unique(e, n, branch));
    for (size_t i = 0; i < branch->n_initializers; i++)
        TRO_TRY(tro_edit_add_constant(e, s, &branch->initializers[i]));
    if (branch->n_nodes)
        memcpy(&g->nodes[g->n_nodes], branch->nodes, branch->n_nodes * sizeof *g->nodes);
    g->n_nodes += branch->n_nodes;
    TRO_TRY(add_results(e, g, branch, n->outputs));
    e->report->n_branch++;
    return 0;
}

/* Nodes and results of all branches that will be put in place. */
static size_t count_more(struct tro_edit *e, struct tro_edit_scope *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->graph->n_nodes; i++) {
        const struct tro_onnx_graph *branch = known_branch(e, s, &s->graph->nodes[i]);
        n += branch ? branch->n_nodes + branch->n_outputs : 0;
    }
    return n;
}

int tro_edit_inline_branches(struct tro_edit *e, struct tro_edit_scope *s)
{
    struct tro_onnx_graph *g = s->graph;
    bool is_any = false;
    for (size_t i = 0; i < g->n_nodes; i++)
        is_any = is_any || known_branch(e, s, &g->nodes[i]);
    if (!is_any)
        return 0;
    struct tro_onnx_node *old = g->nodes;
    const size_t n_old = g->n_nodes;
    struct tro_onnx_node *nodes = TRO_NEW_N(&e->m->arena, struct tro_onnx_node,
                                            n_old + count_more(e, s));
    if (!nodes)
        return tro_fail_nomem(e->err);
    g->nodes = nodes;
    g->n_nodes = 0;
    for (size_t i = 0; i < n_old; i++) {
        struct tro_onnx_graph *branch = known_branch(e, s, &old[i]);
        if (branch)
            TRO_TRY(put_in_place(e, s, &old[i], branch));
        else
            g->nodes[g->n_nodes++] = old[i];
    }
    return 0;
}
