/* SPDX-License-Identifier: Apache-2.0 */
/* Constant and shape folding, Constant nodes. */
#include "edit/steps.h"

#include <math.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "onnx/import.h"
#include "ref/ref.h"

/* Results beyond this size are kept only when they are no larger than what they come from. */
#define FOLD_MAX_BYTES 65536
#define FOLD_MAX_OUTPUTS 16

/* Operators whose result is not a function of their inputs, or that must stay. */
static bool must_stay(const struct tro_edit *e, const struct tro_onnx_node *n)
{
    return tro_str_eqz(n->op_type, "QuantizeLinear") ||
           tro_str_eqz(n->op_type, "DequantizeLinear") || tro_edit_is_random(n) ||
           tro_edit_is_op(e, n, "Constant");
}

static bool has_constant_inputs(const struct tro_edit_scope *s, const struct tro_onnx_node *n)
{
    size_t n_constant = 0;
    for (size_t i = 0; i < n->n_inputs; i++) {
        if (!n->inputs[i].n)
            continue;
        if (!tro_edit_constant(s, n->inputs[i]))
            return false;
        n_constant++;
    }
    return n_constant > 0;
}

/* ---- shapes ---------------------------------------------------------------------------- */

/* Sizes and what is computed of them are integers; of other types are weights, on the way to which
 * there may be a node that must stay. */
static bool known_sizes(const struct tro_edit *e, struct tro_str name, struct tro_tensor *out)
{
    uint32_t i;
    if (!e->ir || !name.n || !tro_map_get(&e->values, name, &i) ||
        !tro_is_const(e->ir, (tro_value_id){i}))
        return false;
    *out = tro_const_tensor(e->ir, (tro_value_id){i});
    return (out->dtype == TRO_I64 || out->dtype == TRO_I32 || out->dtype == TRO_BOOL) &&
           tro_tensor_n_bytes(out) <= FOLD_MAX_BYTES;
}

int tro_edit_fold_shapes(struct tro_edit *e, struct tro_edit_scope *s)
{
    for (size_t i = 0; i < s->graph->n_nodes; i++) {
        struct tro_onnx_node *n = &s->graph->nodes[i];
        struct tro_tensor t;
        if (n->n_outputs != 1 || tro_edit_is_dropped(n) || must_stay(e, n) ||
            tro_edit_makes_output(s, n) || has_constant_inputs(s, n) ||
            !known_sizes(e, n->outputs[0], &t) ||
            !tro_edit_afford(e, (double)tro_tensor_n_bytes(&t), 0))
            continue;
        TRO_TRY(tro_edit_add_tensor(e, s, n->outputs[0], &t));
        tro_edit_drop(n);
        e->report->n_shape++;
    }
    return 0;
}

/* ---- constants ------------------------------------------------------------------------- */

static bool has_graphs(const struct tro_onnx_node *n)
{
    for (size_t i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].g || n->attrs[i].n_graphs)
            return true;
    return false;
}

/* The node alone as a model: constant inputs as initializers, its outputs as outputs. */
static int make_single(struct tro_edit *e, const struct tro_edit_scope *s, struct tro_onnx_node *n,
                       struct tro_onnx_model *single)
{
    struct tro_onnx_graph *g = &single->graph;
    struct tro_map names = {0};
    int rc = 0;
    *single = (struct tro_onnx_model){.opsets = e->m->opsets,
                                      .n_opsets = e->m->n_opsets,
                                      .functions = e->m->functions,
                                      .n_functions = e->m->n_functions};
    g->nodes = n;
    g->n_nodes = 1;
    g->initializers = TRO_NEW_N(&single->arena, struct tro_onnx_tensor, n->n_inputs);
    g->outputs = TRO_NEW_N(&single->arena, struct tro_onnx_value_info, n->n_outputs);
    if (!g->initializers || !g->outputs)
        return tro_fail_nomem(e->err);
    for (size_t i = 0; i < n->n_inputs && rc >= 0; i++) {
        if (!n->inputs[i].n || tro_map_get(&names, n->inputs[i], NULL))
            continue;
        g->initializers[g->n_initializers++] = *tro_edit_constant(s, n->inputs[i]);
        rc = tro_map_set(&names, n->inputs[i], 0);
    }
    tro_map_finish(&names);
    for (size_t i = 0; i < n->n_outputs; i++)
        if (n->outputs[i].n)
            g->outputs[g->n_outputs++] = (struct tro_onnx_value_info){.name = n->outputs[i],
                                                                      .is_tensor = true};
    return rc < 0 ? tro_fail_nomem(e->err) : 0;
}

static double n_constant_bytes(const struct tro_graph *g)
{
    double n = 0;
    for (uint32_t i = 1; i < g->n_values; i++) {
        const struct tro_tensor t = tro_is_const(g, (tro_value_id){i})
                                        ? tro_const_tensor(g, (tro_value_id){i})
                                        : (struct tro_tensor){0};
        n += t.dtype ? (double)tro_tensor_n_bytes(&t) : 0;
    }
    return n;
}

/* As large as it may be at most; 2^62 elements where that is not known before the run. */
static double n_value_bytes(const struct tro_graph *g, tro_value_id v)
{
    return v.i ? (double)tro_value_max_elems(g, v) *
                     (double)tro_dtype_size(tro_value_get(g, v)->dtype)
               : 0;
}

/* The value as a tensor without data, sizes at their bounds; none where the rank is not known. */
static struct tro_tensor bound_of(const struct tro_graph *g, tro_value_id v)
{
    struct tro_tensor t = {0};
    const struct tro_value *value = tro_value_get(g, v);
    if (!v.i || value->shape.rank < 0)
        return t;
    t.dtype = value->dtype;
    t.rank = value->shape.rank;
    for (int i = 0; i < t.rank; i++)
        t.shape[i] = tro_dim_hi(&g->dims, value->shape.dim[i]);
    return t;
}

static double node_work(const struct tro_graph *g, const struct tro_node *n)
{
    struct tro_tensor in[FOLD_MAX_OUTPUTS] = {0}, out[FOLD_MAX_OUTPUTS] = {0};
    double n_bytes = 0;
    for (uint32_t i = 0; i < n->n_in; i++)
        n_bytes += n_value_bytes(g, n->in[i]);
    for (uint32_t i = 0; i < n->n_out; i++)
        n_bytes += n_value_bytes(g, n->out[i]);
    if (n->n_in > FOLD_MAX_OUTPUTS || n->n_out > FOLD_MAX_OUTPUTS)
        return tro_op_info(n->op)->kind == TRO_KIND_MOVE ? n_bytes : INFINITY;
    for (uint32_t i = 0; i < n->n_in; i++)
        in[i] = bound_of(g, n->in[i]);
    for (uint32_t i = 0; i < n->n_out; i++)
        out[i] = bound_of(g, n->out[i]);
    return n_bytes + tro_import_work(n->op, n->attrs, (int)n->n_in, in, (int)n->n_out, out);
}

/* A node of the model is a few of ours at most, the largest of which says what it takes; a function
 * may be many. */
static bool is_affordable(struct tro_edit *e, const struct tro_graph *g)
{
    const struct tro_block *b = tro_block_get(g, TRO_MAIN_BLOCK);
    double n_out = 0, work = 0, largest = 0;
    for (size_t i = 0; i < b->n_outputs; i++)
        n_out += n_value_bytes(g, b->outputs[i]);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *n = tro_node_get(g, b->nodes[i]);
        work += node_work(g, n);
        for (uint32_t k = 0; k < n->n_out; k++)
            largest = fmax(largest, n_value_bytes(g, n->out[k]));
    }
    const double n_from = n_constant_bytes(g), limit = fmax(FOLD_MAX_BYTES, n_from);
    return n_out <= limit && largest <= 4 * limit && tro_edit_afford(e, n_out, work);
}

/* Computes a single-node model. Not being able to is no error: the node stays. */
static int compute(struct tro_edit *e, struct tro_edit_scope *s, struct tro_onnx_model *single,
                   bool *is_done)
{
    struct tro_graph *g = NULL;
    struct tro_tensor out[FOLD_MAX_OUTPUTS] = {0};
    const size_t n_out = single->graph.n_outputs;
    int rc = 0;
    if (n_out > FOLD_MAX_OUTPUTS || tro_onnx_import(single, &g, NULL) < 0)
        return 0;
    if (is_affordable(e, g) && tro_ref_run(g, NULL, out, NULL, NULL, NULL) >= 0) {
        for (size_t i = 0; i < n_out && rc >= 0; i++)
            rc = tro_edit_add_tensor(e, s, single->graph.outputs[i].name, &out[i]);
        *is_done = rc >= 0;
    }
    for (size_t i = 0; i < n_out; i++)
        tro_free(out[i].data);
    tro_graph_destroy(g);
    return rc;
}

static int fold_node(struct tro_edit *e, struct tro_edit_scope *s, struct tro_onnx_node *n)
{
    struct tro_onnx_model single;
    bool is_done = false;
    if (tro_edit_is_dropped(n) || !n->n_outputs || must_stay(e, n) || has_graphs(n) ||
        !has_constant_inputs(s, n) || tro_edit_makes_output(s, n) ||
        tro_map_get(&e->failed, n->outputs[0], NULL))
        return 0;
    int rc = make_single(e, s, n, &single);
    if (rc >= 0)
        rc = compute(e, s, &single, &is_done);
    tro_arena_finish(&single.arena);
    TRO_TRY(rc);
    if (!is_done)
        return tro_map_set(&e->failed, n->outputs[0], 0) < 0 ? tro_fail_nomem(e->err) : 0;
    tro_edit_drop(n);
    e->report->n_constant++;
    return 0;
}

/* ---- Constant nodes -------------------------------------------------------------------- */

static const struct tro_onnx_attr *attr_of_type(const struct tro_onnx_node *n, const char *name,
                                                int type)
{
    const struct tro_onnx_attr *a = tro_onnx_find_attr(n, name);
    return a && a->type == type && !a->ref_attr_name.n ? a : NULL;
}

/* The forms of a Constant node but strings and sparse tensors. */
static int add_value(struct tro_edit *e, struct tro_edit_scope *s, const struct tro_onnx_node *n,
                     bool *is_done)
{
    const struct tro_onnx_attr *a;
    struct tro_tensor t = {0};
    if ((a = attr_of_type(n, "value", TRO_ONNX_ATTR_TENSOR)) && a->t) {
        if (tro_onnx_tensor_decode(e->m, &e->scratch, a->t, &t, NULL) < 0)
            return 0;
        struct tro_onnx_tensor named = *a->t;
        named.name = n->outputs[0];
        *is_done = true;
        return tro_edit_add_constant(e, s, &named);
    }
    if ((a = attr_of_type(n, "value_float", TRO_ONNX_ATTR_FLOAT)))
        t = (struct tro_tensor){.dtype = TRO_F32, .data = (void *)(uintptr_t)&a->f};
    else if ((a = attr_of_type(n, "value_int", TRO_ONNX_ATTR_INT)))
        t = (struct tro_tensor){.dtype = TRO_I64, .data = (void *)(uintptr_t)&a->i};
    else if ((a = attr_of_type(n, "value_floats", TRO_ONNX_ATTR_FLOATS)))
        t = (struct tro_tensor){
            .dtype = TRO_F32, .rank = 1, .shape = {(int64_t)a->n_floats}, .data = a->floats};
    else if ((a = attr_of_type(n, "value_ints", TRO_ONNX_ATTR_INTS)))
        t = (struct tro_tensor){
            .dtype = TRO_I64, .rank = 1, .shape = {(int64_t)a->n_ints}, .data = a->ints};
    else
        return 0;
    *is_done = true;
    return tro_edit_add_tensor(e, s, n->outputs[0], &t);
}

static int fold_constant_node(struct tro_edit *e, struct tro_edit_scope *s, struct tro_onnx_node *n)
{
    bool is_done = false;
    if (n->n_outputs != 1 || !n->outputs[0].n || tro_edit_makes_output(s, n))
        return 0;
    TRO_TRY(add_value(e, s, n, &is_done));
    if (!is_done)
        return 0;
    tro_edit_drop(n);
    e->report->n_constant_node++;
    return 0;
}

int tro_edit_fold_constants(struct tro_edit *e, struct tro_edit_scope *s)
{
    for (size_t i = 0; i < s->graph->n_nodes; i++) {
        struct tro_onnx_node *n = &s->graph->nodes[i];
        if (tro_edit_is_op(e, n, "Constant"))
            TRO_TRY(fold_constant_node(e, s, n));
        else
            TRO_TRY(fold_node(e, s, n));
    }
    return 0;
}
