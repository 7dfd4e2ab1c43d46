/* SPDX-License-Identifier: Apache-2.0 */
#include "edit/steps.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "edit/shapes.h"
#include "onnx/import.h"

/* ---- what the steps share -------------------------------------------------------------- */

struct tro_onnx_tensor *tro_edit_constant(const struct tro_edit_scope *s, struct tro_str name)
{
    uint32_t i;
    for (; s; s = s->parent)
        if (tro_map_get(&s->initializers, name, &i))
            return &s->graph->initializers[i];
    return NULL;
}

bool tro_edit_constant_value(const struct tro_edit *e, const struct tro_edit_scope *s,
                             struct tro_str name, struct tro_tensor *out)
{
    const struct tro_onnx_tensor *t = tro_edit_constant(s, name);
    return t && tro_onnx_tensor_decode(e->m, &e->m->arena, t, out, NULL) >= 0;
}

bool tro_edit_constant_ints(const struct tro_edit *e, const struct tro_edit_scope *s,
                            struct tro_str name, struct tro_ints *out)
{
    struct tro_tensor t;
    if (!tro_edit_constant_value(e, s, name, &t) || tro_dtype_is_float(t.dtype) ||
        tro_tensor_n_elems(&t) > TRO_MAX_INTS)
        return false;
    out->n = (int32_t)tro_tensor_n_elems(&t);
    for (int i = 0; i < out->n; i++)
        out->v[i] = tro_load_i64(t.dtype, t.data, i);
    return true;
}

void tro_edit_drop(struct tro_onnx_node *n)
{
    n->op_type = (struct tro_str){0};
    n->n_inputs = n->n_outputs = n->n_attrs = 0;
}

bool tro_edit_is_dropped(const struct tro_onnx_node *n)
{
    return n->op_type.n == 0;
}

void tro_edit_compact(struct tro_onnx_graph *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (!tro_edit_is_dropped(&g->nodes[i]))
            g->nodes[n++] = g->nodes[i];
    g->n_nodes = n;
}

bool tro_edit_is_op(const struct tro_onnx_node *n, const char *op_type)
{
    return !n->domain.n && tro_str_eqz(n->op_type, op_type);
}

static void count_nodes(struct tro_onnx_graph *g, void *ctx)
{
    *(int64_t *)ctx += (int64_t)g->n_nodes;
    for (size_t i = 0; i < g->n_nodes; i++)
        tro_edit_each_graph(&g->nodes[i], count_nodes, ctx);
}

int64_t tro_edit_n_nodes(const struct tro_onnx_graph *g)
{
    int64_t n = 0;
    count_nodes((struct tro_onnx_graph *)g, &n);
    return n;
}

/* ---- the rounds ------------------------------------------------------------------------ */

static tro_edit_step *const main_steps[] = {
    tro_edit_fold_shapes,        tro_edit_fold_constants,  tro_edit_inline_branches,
    tro_edit_drop_identities,    tro_edit_join_chains,     tro_edit_fold_normalization,
    tro_edit_drop_duplicates,    tro_edit_drop_dead,
};
static tro_edit_step *const inner_steps[] = {
    tro_edit_fold_constants, tro_edit_inline_branches, tro_edit_drop_identities,
    tro_edit_drop_dead,
};

struct inner {
    struct tro_edit *e;
    const struct tro_edit_scope *parent;
    int rc;
};

static int run_steps(struct tro_edit *e, struct tro_edit_scope *s, tro_edit_step *const *steps,
                     size_t n);

static void simplify_inner(struct tro_onnx_graph *g, void *ctx)
{
    struct inner *in = ctx;
    struct tro_edit_scope s = {.parent = in->parent, .graph = g};
    if (in->rc < 0)
        return;
    in->rc = run_steps(in->e, &s, inner_steps, sizeof inner_steps / sizeof *inner_steps);
    tro_map_finish(&s.initializers);
}

/* Each step sees the initializers as the one before it left them. */
static int run_steps(struct tro_edit *e, struct tro_edit_scope *s, tro_edit_step *const *steps,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tro_map_finish(&s->initializers);
        if (tro_edit_initializer_map(s->graph, &s->initializers) < 0)
            return tro_fail_nomem(e->err);
        TRO_TRY(steps[i](e, s));
        tro_edit_compact(s->graph);
    }
    tro_map_finish(&s->initializers);
    if (tro_edit_initializer_map(s->graph, &s->initializers) < 0)
        return tro_fail_nomem(e->err);
    struct inner in = {.e = e, .parent = s};
    for (size_t i = 0; i < s->graph->n_nodes; i++)
        tro_edit_each_graph(&s->graph->nodes[i], simplify_inner, &in);
    return in.rc;
}

static int64_t n_changes(const struct tro_edit_report *r)
{
    int64_t n = 0;
#define TRO_EDIT_COUNT(id, text) n += r->n_##id;
    TRO_EDIT_STEPS(TRO_EDIT_COUNT)
#undef TRO_EDIT_COUNT
    return n;
}

/* Inputs that have an initializer are constants; declaring them so needs IR version 4. */
static void make_constants(struct tro_onnx_model *m)
{
    struct tro_onnx_graph *g = &m->graph;
    size_t n = 0;
    for (size_t i = 0; i < g->n_inputs; i++) {
        bool is_constant = false;
        for (size_t k = 0; k < g->n_initializers && !is_constant; k++)
            is_constant = tro_str_eq(g->initializers[k].name, g->inputs[i].name);
        if (!is_constant)
            g->inputs[n++] = g->inputs[i];
    }
    g->n_inputs = n;
    if (m->ir_version < 4)
        m->ir_version = 4;
    m->has_ir_version = true;
}

/* Many rounds at most: each one opens the way for a few more changes, networks need three or four. */
#define MAX_ROUNDS 64

int tro_edit_simplify(struct tro_onnx_model *m, struct tro_edit_report *report, struct tro_err *err)
{
    *report = (struct tro_edit_report){.n_nodes_before = tro_edit_n_nodes(&m->graph)};
    make_constants(m);
    int64_t before = -1;
    int rc = 0;
    for (int i = 0; i < MAX_ROUNDS && rc >= 0 && n_changes(report) != before; i++) {
        struct tro_edit e = {.m = m, .report = report, .err = err};
        struct tro_edit_scope s = {.graph = &m->graph};
        before = n_changes(report);
        tro_onnx_import(m, &e.ir, NULL);
        if (e.ir && tro_edit_value_map(e.ir, &e.values) < 0)
            rc = tro_fail_nomem(err);
        if (rc >= 0)
            rc = run_steps(&e, &s, main_steps, sizeof main_steps / sizeof *main_steps);
        tro_map_finish(&s.initializers);
        tro_map_finish(&e.values);
        tro_graph_destroy(e.ir);
    }
    report->n_nodes_after = tro_edit_n_nodes(&m->graph);
    return rc < 0 ? rc : tro_edit_refresh_shapes(m, err);
}
