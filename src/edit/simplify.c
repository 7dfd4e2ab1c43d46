/* SPDX-License-Identifier: Apache-2.0 */
#include "edit/steps.h"

#include "base/dtype.h"
#include "base/err.h"
#include "onnx/import.h"

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

/* ---- one round ------------------------------------------------------------------------- */

static tro_edit_step *const main_steps[] = {
    tro_edit_drop_identities, tro_edit_fold_shapes, tro_edit_fold_constants,
    tro_edit_inline_branches, tro_edit_join_chains, tro_edit_fold_normalization,
    tro_edit_drop_duplicates, tro_edit_drop_dead,
};
static tro_edit_step *const inner_steps[] = {
    tro_edit_drop_identities,
    tro_edit_fold_constants,
    tro_edit_inline_branches,
    tro_edit_drop_dead,
};

struct inner {
    struct tro_edit *e;
    const struct tro_edit_scope *parent;
    int rc;
};

static int map_initializers(struct tro_edit *e, struct tro_edit_scope *s)
{
    tro_map_finish(&s->initializers);
    return tro_edit_initializer_map(s->graph, &s->initializers) < 0 ? tro_fail_nomem(e->err) : 0;
}

static int run_steps(struct tro_edit *e, struct tro_edit_scope *s, tro_edit_step *const *steps,
                     size_t n);

static void simplify_inner(struct tro_onnx_graph *g, void *ctx)
{
    struct inner *in = ctx;
    struct tro_edit_scope s = {.parent = in->parent, .graph = g};
    if (in->rc >= 0)
        in->rc = run_steps(in->e, &s, inner_steps, sizeof inner_steps / sizeof *inner_steps);
    tro_map_finish(&s.initializers);
    tro_map_finish(&s.outputs);
}

/* The graph itself, then the graphs within, which see the initializers it is left with. */
static int run_steps(struct tro_edit *e, struct tro_edit_scope *s, tro_edit_step *const *steps,
                     size_t n)
{
    TRO_TRY(map_initializers(e, s));
    if (tro_edit_info_map(s->graph->outputs, s->graph->n_outputs, &s->outputs) < 0)
        return tro_fail_nomem(e->err);
    for (size_t i = 0; i < n; i++) {
        TRO_TRY(steps[i](e, s));
        tro_edit_compact(s->graph);
    }
    TRO_TRY(map_initializers(e, s));
    struct inner in = {.e = e, .parent = s};
    for (size_t i = 0; i < s->graph->n_nodes; i++)
        tro_edit_each_graph(&s->graph->nodes[i], simplify_inner, &in);
    return in.rc;
}

/* Operators that are not known are no reason to stop: what depends on the import is left undone. */
static int import(struct tro_edit *e)
{
    struct tro_err err = {0};
    const int rc = tro_onnx_import_named(e->m, &e->ir, &e->values, &err);
    if (rc >= 0 || rc == TRO_E_UNSUPPORTED)
        return 0;
    return tro_fail(e->err, (enum tro_status)rc, "%s", err.text);
}

static int run_round(struct tro_edit *e)
{
    struct tro_edit_scope s = {.graph = &e->m->graph};
    int rc = import(e);
    if (rc >= 0)
        rc = run_steps(e, &s, main_steps, sizeof main_steps / sizeof *main_steps);
    tro_map_finish(&s.initializers);
    tro_map_finish(&s.outputs);
    tro_map_finish(&e->values);
    tro_graph_destroy(e->ir);
    e->ir = NULL;
    tro_arena_finish(&e->scratch);
    return rc;
}

/* ---- before the first round ------------------------------------------------------------ */

/* What simplifying computes and keeps is at most in proportion to the model, and some. */
#define FREE_BYTES 8e6
#define BYTES_PER_BYTE 8
#define MAX_WORK 1e9

/* Inputs that have an initializer are constants; declaring them so needs IR version 4. */
static int make_constants(struct tro_edit *e)
{
    struct tro_onnx_graph *g = &e->m->graph;
    struct tro_map initializers = {0};
    size_t n = 0;
    const int rc = tro_edit_initializer_map(g, &initializers);
    for (size_t i = 0; i < g->n_inputs && rc >= 0; i++)
        if (!tro_map_get(&initializers, g->inputs[i].name, NULL))
            g->inputs[n++] = g->inputs[i];
    tro_map_finish(&initializers);
    if (rc < 0)
        return tro_fail_nomem(e->err);
    g->n_inputs = n;
    if (e->m->ir_version < 4)
        e->m->ir_version = 4;
    return 0;
}

/* Data where elements have their alignment, so that it need not be copied each time it is looked
 * at;
 * tensors that cannot be decoded stay as they are. */
static int align_data(struct tro_edit *e, struct tro_onnx_graph *g)
{
    for (size_t i = 0; i < g->n_initializers; i++) {
        struct tro_onnx_tensor *t = &g->initializers[i];
        struct tro_tensor data;
        const int rc = tro_onnx_tensor_decode(e->m, &e->m->arena, t, &data, NULL);
        if (rc == TRO_E_NOMEM)
            return tro_fail_nomem(e->err);
        if (rc < 0)
            continue;
        e->bytes_left += BYTES_PER_BYTE * (double)tro_tensor_n_bytes(&data);
        if (t->has_raw && (t->raw.p == data.data || tro_dtype_bits(data.dtype) == 4))
            continue;
        struct tro_onnx_tensor raw;
        TRO_TRY(tro_onnx_tensor_encode(&e->m->arena, t->name, &data, &raw, e->err));
        t->raw = raw.raw;
        t->has_raw = true;
        t->typed = (struct tro_str){0};
        t->typed_field = 0;
    }
    return 0;
}

struct preparing {
    struct tro_edit *e;
    int rc;
};

static void count_declared(struct tro_str name, void *ctx)
{
    struct preparing *p = ctx;
    uint32_t n = 0;
    tro_map_get(&p->e->n_declared, name, &n);
    if (p->rc >= 0)
        p->rc = tro_map_set(&p->e->n_declared, name, n + 1);
}

static void prepare_graph(struct tro_onnx_graph *g, void *ctx)
{
    struct preparing *p = ctx;
    tro_edit_each_declared(g, count_declared, p);
    if (p->rc >= 0)
        p->rc = align_data(p->e, g);
    for (size_t i = 0; i < g->n_nodes; i++)
        tro_edit_each_graph(&g->nodes[i], prepare_graph, p);
}

static int prepare(struct tro_edit *e)
{
    TRO_TRY(tro_edit_check(e->m, e->err));
    TRO_TRY(tro_edit_embed(e->m, e->err));
    TRO_TRY(make_constants(e));
    e->bytes_left = FREE_BYTES;
    e->work_left = MAX_WORK;
    struct preparing p = {.e = e};
    prepare_graph(&e->m->graph, &p);
    if (p.rc >= 0)
        p.rc = tro_edit_all_names(&e->m->graph, &e->names);
    for (size_t i = 0; i < e->m->n_functions && p.rc >= 0; i++)
        if (!e->m->functions[i].domain.n)
            p.rc = tro_map_set(&e->functions, e->m->functions[i].name, 0);
    return p.rc < 0 ? tro_fail_nomem(e->err) : 0;
}

/* ---- rounds ---------------------------------------------------------------------------- */

static int64_t n_changes(const struct tro_edit_report *r)
{
    int64_t n = 0;
#define TRO_EDIT_COUNT(id, text) n += r->n_##id;
    TRO_EDIT_STEPS(TRO_EDIT_COUNT)
#undef TRO_EDIT_COUNT
    return n;
}

/* Many rounds at most: each one opens the way for a few more changes, networks need three or four.
 * */
#define MAX_ROUNDS 32

int tro_edit_simplify(struct tro_onnx_model *m, struct tro_edit_report *report, struct tro_err *err)
{
    struct tro_edit e = {.m = m, .report = report, .err = err};
    *report = (struct tro_edit_report){.n_nodes_before = tro_edit_n_nodes(&m->graph)};
    int64_t before = -1;
    int rc = prepare(&e);
    for (int i = 0; i < MAX_ROUNDS && rc >= 0 && n_changes(report) != before; i++) {
        before = n_changes(report);
        rc = run_round(&e);
    }
    tro_map_finish(&e.names);
    tro_map_finish(&e.n_declared);
    tro_map_finish(&e.functions);
    tro_map_finish(&e.failed);
    tro_map_finish(&e.rooms);
    report->n_nodes_after = tro_edit_n_nodes(&m->graph);
    return rc < 0 ? rc : tro_edit_refresh_shapes(m, err);
}
