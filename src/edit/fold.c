/* SPDX-License-Identifier: Apache-2.0 */
/* Constant and shape folding, Constant nodes, branches of If. */
#include "edit/steps.h"

#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "onnx/import.h"
#include "ref/ref.h"

/* Results beyond this size are computed only when they are no larger than what they come from. */
#define FOLD_MAX_BYTES 65536

/* Puts a tensor in as an initializer of that name; the caller has reserved the room. */
static int add_constant(struct tro_edit *e, struct tro_edit_scope *s, struct tro_str name,
                        const struct tro_tensor *t)
{
    struct tro_onnx_graph *g = s->graph;
    struct tro_tensor copy = *t;
    copy.data = tro_arena_memdup(&e->m->arena, t->data, tro_tensor_n_bytes(t));
    if (!copy.data)
        return tro_fail_nomem(e->err);
    struct tro_onnx_tensor *out = &g->initializers[g->n_initializers];
    TRO_TRY(tro_onnx_tensor_encode(&e->m->arena, name, &copy, out, e->err));
    if (tro_map_set(&s->initializers, name, (uint32_t)g->n_initializers) < 0)
        return tro_fail_nomem(e->err);
    g->n_initializers++;
    return 0;
}

static int reserve(struct tro_edit *e, struct tro_edit_scope *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->graph->n_nodes; i++)
        n += s->graph->nodes[i].n_outputs;
    return tro_edit_reserve_initializers(e->m, s->graph, n) < 0 ? tro_fail_nomem(e->err) : 0;
}

/* Operators whose result is not a function of their inputs, or that must stay. */
static bool must_stay(const struct tro_onnx_node *n)
{
    static const char *const names[] = {
        "RandomNormal", "RandomNormalLike", "RandomUniform",    "RandomUniformLike", "Multinomial",
        "Bernoulli",    "QuantizeLinear",   "DequantizeLinear", "Dropout",           "Constant"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tro_str_eqz(n->op_type, names[i]))
            return true;
    return n->n_outputs == 0;
}

static bool has_graphs(const struct tro_onnx_node *n)
{
    for (size_t i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].g || n->attrs[i].n_graphs)
            return true;
    return false;
}

/* ---- shapes ---------------------------------------------------------------------------- */

/* The importer's value of that name, when its contents are known. */
static bool known_value(const struct tro_edit *e, struct tro_str name, struct tro_tensor *out)
{
    uint32_t i;
    if (!e->ir || !name.n || !tro_map_get(&e->values, name, &i))
        return false;
    const struct tro_value *v = tro_value_get(e->ir, (tro_value_id){i});
    if (v->data) {
        *out = tro_const_tensor(e->ir, (tro_value_id){i});
        return tro_tensor_n_bytes(out) <= FOLD_MAX_BYTES;
    }
    return false;
}

int tro_edit_fold_shapes(struct tro_edit *e, struct tro_edit_scope *s)
{
    TRO_TRY(reserve(e, s));
    for (size_t i = 0; i < s->graph->n_nodes; i++) {
        struct tro_onnx_node *n = &s->graph->nodes[i];
        struct tro_tensor t;
        if (n->n_outputs != 1 || must_stay(n) || tro_edit_is_output(s->graph, n->outputs[0]) ||
            !known_value(e, n->outputs[0], &t))
            continue;
        TRO_TRY(add_constant(e, s, n->outputs[0], &t));
        tro_edit_drop(n);
        e->report->n_shape++;
    }
    return 0;
}

/* ---- constants ------------------------------------------------------------------------- */

/* The node alone as a model: constant inputs as initializers, its outputs as outputs. */
static int make_single(struct tro_edit *e, const struct tro_edit_scope *s, struct tro_onnx_node *n,
                       struct tro_onnx_model *single, bool *is_constant)
{
    struct tro_onnx_graph *g = &single->graph;
    *single = (struct tro_onnx_model){.dir = e->m->dir,
                                      .ir_version = e->m->ir_version,
                                      .opsets = e->m->opsets,
                                      .n_opsets = e->m->n_opsets,
                                      .functions = e->m->functions,
                                      .n_functions = e->m->n_functions};
    g->nodes = n;
    g->n_nodes = 1;
    g->initializers = TRO_NEW_N(&single->arena, struct tro_onnx_tensor, n->n_inputs + 1);
    g->outputs = TRO_NEW_N(&single->arena, struct tro_onnx_value_info, n->n_outputs + 1);
    if (!g->initializers || !g->outputs)
        return tro_fail_nomem(e->err);
    *is_constant = true;
    for (size_t i = 0; i < n->n_inputs && *is_constant; i++) {
        bool is_there = !n->inputs[i].n;
        for (size_t k = 0; k < g->n_initializers && !is_there; k++)
            is_there = tro_str_eq(g->initializers[k].name, n->inputs[i]);
        const struct tro_onnx_tensor *t = is_there ? NULL : tro_edit_constant(s, n->inputs[i]);
        *is_constant = is_there || t;
        if (t)
            g->initializers[g->n_initializers++] = *t;
    }
    for (size_t i = 0; i < n->n_outputs; i++)
        if (n->outputs[i].n)
            g->outputs[g->n_outputs++] =
                (struct tro_onnx_value_info){.name = n->outputs[i], .is_tensor = true};
    return 0;
}

static size_t n_constant_bytes(struct tro_onnx_model *single)
{
    size_t n = 0;
    for (size_t i = 0; i < single->graph.n_initializers; i++) {
        struct tro_tensor t;
        if (tro_onnx_tensor_decode(single, &single->arena, &single->graph.initializers[i], &t,
                                   NULL) >= 0)
            n += tro_tensor_n_bytes(&t);
    }
    return n;
}

/* Size of the results as inferred; huge when it is not known before the run. */
static size_t n_result_bytes(const struct tro_graph *g)
{
    const struct tro_block *b = tro_block_get(g, TRO_MAIN_BLOCK);
    size_t n = 0;
    for (size_t i = 0; i < b->n_outputs; i++) {
        const int64_t n_elems = tro_value_max_elems(g, b->outputs[i]);
        if (n_elems > INT32_MAX)
            return SIZE_MAX;
        n += (size_t)n_elems * tro_dtype_size(tro_value_get(g, b->outputs[i])->dtype);
    }
    return n;
}

/* Computes a single-node model. Not being able to is no error: the node stays. */
static int compute(struct tro_edit *e, struct tro_edit_scope *s, struct tro_onnx_model *single,
                   bool *is_done)
{
    struct tro_graph *g = NULL;
    struct tro_tensor out[16] = {0};
    const size_t n_out = single->graph.n_outputs;
    *is_done = false;
    if (n_out > 16 || tro_onnx_import(single, &g, NULL) < 0)
        return 0;
    const size_t n_bytes = n_result_bytes(g);
    int rc = 0;
    if ((n_bytes <= FOLD_MAX_BYTES || n_bytes <= n_constant_bytes(single)) &&
        tro_ref_run(g, NULL, out, NULL, NULL, NULL) >= 0) {
        for (size_t i = 0; i < n_out && rc >= 0; i++)
            rc = add_constant(e, s, single->graph.outputs[i].name, &out[i]);
        *is_done = rc >= 0;
    }
    for (size_t i = 0; i < n_out; i++)
        tro_free(out[i].data);
    tro_graph_destroy(g);
    return rc;
}

static bool makes_output(const struct tro_onnx_graph *g, const struct tro_onnx_node *n)
{
    for (size_t i = 0; i < n->n_outputs; i++)
        if (tro_edit_is_output(g, n->outputs[i]))
            return true;
    return false;
}

static int fold_node(struct tro_edit *e, struct tro_edit_scope *s, struct tro_onnx_node *n)
{
    struct tro_onnx_model single;
    bool is_constant = false, is_done = false;
    if (must_stay(n) || has_graphs(n) || !n->n_inputs || makes_output(s->graph, n))
        return 0;
    int rc = make_single(e, s, n, &single, &is_constant);
    if (rc >= 0 && is_constant)
        rc = compute(e, s, &single, &is_done);
    tro_arena_finish(&single.arena);
    if (is_done) {
        tro_edit_drop(n);
        e->report->n_constant++;
    }
    return rc;
}

static int fold_constant_node(struct tro_edit *e, struct tro_edit_scope *s, struct tro_onnx_node *n)
{
    const struct tro_onnx_attr *a = tro_onnx_find_attr(n, "value");
    struct tro_onnx_graph *g = s->graph;
    struct tro_tensor t;
    if (!a || !a->t || n->n_outputs != 1 || tro_edit_is_output(g, n->outputs[0]) ||
        tro_onnx_tensor_decode(e->m, &e->m->arena, a->t, &t, NULL) < 0)
        return 0;
    g->initializers[g->n_initializers] = *a->t;
    g->initializers[g->n_initializers].name = n->outputs[0];
    if (tro_map_set(&s->initializers, n->outputs[0], (uint32_t)g->n_initializers) < 0)
        return tro_fail_nomem(e->err);
    g->n_initializers++;
    tro_edit_drop(n);
    e->report->n_constant_node++;
    return 0;
}

int tro_edit_fold_constants(struct tro_edit *e, struct tro_edit_scope *s)
{
    TRO_TRY(reserve(e, s));
    for (size_t i = 0; i < s->graph->n_nodes; i++) {
        struct tro_onnx_node *n = &s->graph->nodes[i];
        if (tro_edit_is_op(n, "Constant"))
            TRO_TRY(fold_constant_node(e, s, n));
        else
            TRO_TRY(fold_node(e, s, n));
    }
    return 0;
}

/* ---- branches -------------------------------------------------------------------------- */

/* Names the branch makes that stand elsewhere too are changed. */
static int make_unique(struct tro_edit *e, struct tro_onnx_graph *branch)
{
    struct tro_map outside = {0}, inside = {0};
    int rc = tro_edit_all_names(&e->m->graph, &outside);
    if (rc >= 0)
        rc = tro_edit_all_names(branch, &inside);
    for (size_t i = 0; i < inside.cap && rc >= 0; i++) {
        if (!inside.slots[i].used || !tro_map_get(&outside, inside.slots[i].key, NULL))
            continue;
        const struct tro_str to = tro_edit_fresh(e->m, &outside, inside.slots[i].key);
        rc = to.n ? 0 : TRO_E_NOMEM;
        tro_edit_rename_all(branch, inside.slots[i].key, to);
    }
    tro_map_finish(&outside);
    tro_map_finish(&inside);
    return rc < 0 ? tro_fail_nomem(e->err) : 0;
}

static int put_in_place(struct tro_edit *e, struct tro_onnx_graph *g, size_t at,
                        const struct tro_onnx_graph *branch, const struct tro_str *outputs)
{
    const size_t n = branch->n_nodes + branch->n_outputs;
    if (tro_edit_reserve_initializers(e->m, g, branch->n_initializers) < 0)
        return tro_fail_nomem(e->err);
    for (size_t i = 0; i < branch->n_initializers; i++)
        g->initializers[g->n_initializers++] = branch->initializers[i];
    struct tro_onnx_node *nodes = tro_edit_insert_nodes(e->m, g, at, n);
    struct tro_str *ends = TRO_NEW_N(&e->m->arena, struct tro_str, 2 * branch->n_outputs + 1);
    if (!nodes || !ends)
        return tro_fail_nomem(e->err);
    if (branch->n_nodes)
        memcpy(nodes, branch->nodes, branch->n_nodes * sizeof *nodes);
    for (size_t i = 0; i < branch->n_outputs; i++) {
        ends[2 * i] = branch->outputs[i].name;
        ends[2 * i + 1] = outputs[i];
        nodes[branch->n_nodes + i] = (struct tro_onnx_node){.op_type = TRO_STR("Identity"),
                                                            .inputs = &ends[2 * i],
                                                            .n_inputs = 1,
                                                            .outputs = &ends[2 * i + 1],
                                                            .n_outputs = 1};
    }
    return 0;
}

int tro_edit_inline_branches(struct tro_edit *e, struct tro_edit_scope *s)
{
    for (size_t i = 0; i < s->graph->n_nodes; i++) {
        struct tro_onnx_node node = s->graph->nodes[i];
        struct tro_ints cond;
        if (!tro_edit_is_op(&node, "If") || node.n_inputs != 1 ||
            !tro_edit_constant_ints(e, s, node.inputs[0], &cond) || cond.n != 1)
            continue;
        const struct tro_onnx_attr *a =
            tro_onnx_find_attr(&node, cond.v[0] ? "then_branch" : "else_branch");
        if (!a || !a->g || a->g->n_outputs != node.n_outputs || a->g->n_inputs)
            continue;
        tro_edit_drop(&s->graph->nodes[i]);
        TRO_TRY(make_unique(e, a->g));
        TRO_TRY(put_in_place(e, s->graph, i, a->g, node.outputs));
        i += a->g->n_nodes + a->g->n_outputs;
        e->report->n_branch++;
    }
    return 0;
}
