/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of nodes: those that could be left out, and those that tell where a model comes from. */
#include "inspect.h"

#include <string.h>

#include "base/dtype.h"
#include "base/err.h"

static bool is_quantizing(const struct tro_onnx_node *n)
{
    return tro_str_eqz(n->op_type, "QuantizeLinear") || tro_str_eqz(n->op_type, "DequantizeLinear");
}

static bool has_graph(const struct tro_onnx_node *n)
{
    for (size_t i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].g || n->attrs[i].n_graphs)
            return true;
    return false;
}

/* ---- constants computed at run time ------------------------------------------------------ */

static bool is_random(const struct tro_onnx_node *n)
{
    static const char *const names[] = {"RandomNormal",      "RandomNormalLike", "RandomUniform",
                                        "RandomUniformLike", "Multinomial",      "Bernoulli"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tro_inspect_is_op(n, names[i]))
            return true;
    return false;
}

/* By its inputs, or because the importer could compute it, as it does with sizes. */
static bool is_constant_node(const struct tro_inspect *x, const struct tro_map *constants,
                             const struct tro_onnx_node *n)
{
    if (is_quantizing(n) || is_random(n) || has_graph(n) || !n->n_inputs || !n->n_outputs)
        return false;
    const struct tro_value *v = tro_inspect_value(x, n->outputs[0]);
    if (v && v->data)
        return true;
    bool has_input = false;
    for (size_t i = 0; i < n->n_inputs; i++) {
        has_input |= n->inputs[i].n > 0;
        if (n->inputs[i].n && !tro_map_get(constants, n->inputs[i], NULL))
            return false;
    }
    return has_input;
}

static int find_constants(struct tro_inspect *x, struct tro_map *constants, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_initializers; i++)
        if (tro_map_set(constants, g->initializers[i].name, 1) < 0)
            return tro_fail_nomem(err);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tro_onnx_node *n = &g->nodes[i];
        const bool is_given = tro_inspect_is_op(n, "Constant");
        if (!is_given && !is_constant_node(x, constants, n))
            continue;
        for (size_t k = 0; k < n->n_outputs; k++)
            if (n->outputs[k].n && tro_map_set(constants, n->outputs[k], 1) < 0)
                return tro_fail_nomem(err);
        if (!is_given)
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_constant, err, "%s", tro_inspect_node(x, n)));
    }
    return 0;
}

int tro_check_constant(struct tro_inspect *x, struct tro_err *err)
{
    struct tro_map constants = {0};
    const int rc = find_constants(x, &constants, err);
    tro_map_finish(&constants);
    return rc;
}

/* ---- redundant nodes ------------------------------------------------------------------- */

static bool is_same_form(const struct tro_inspect *x, const struct tro_onnx_node *n)
{
    const struct tro_value *a = tro_inspect_value(x, n->inputs[0]);
    const struct tro_value *b = tro_inspect_value(x, n->outputs[0]);
    if (!a || !b || a->dtype != b->dtype || a->shape.rank < 0 || a->shape.rank != b->shape.rank)
        return false;
    for (int i = 0; i < a->shape.rank; i++)
        if (!tro_dim_eq(a->shape.dim[i], b->shape.dim[i]))
            return false;
    return true;
}

static bool is_identity_perm(const struct tro_onnx_node *n)
{
    const struct tro_onnx_attr *a = tro_onnx_find_attr(n, "perm");
    for (size_t i = 0; a && i < a->n_ints; i++)
        if (a->ints[i] != (int64_t)i)
            return false;
    return a != NULL;
}

static bool casts_to_own_type(const struct tro_inspect *x, const struct tro_onnx_node *n)
{
    const struct tro_value *v = tro_inspect_value(x, n->inputs[0]);
    const int to = (int)tro_inspect_attr_int(n, "to", 0);
    return v && v->dtype && v->dtype == tro_onnx_to_dtype(to);
}

/* With steps that go back, equal sizes mean a reversal. */
static bool goes_forward(const struct tro_inspect *x, const struct tro_onnx_node *n)
{
    if (n->n_inputs < 5 || !n->inputs[4].n)
        return true;
    const struct tro_value *steps = tro_inspect_value(x, n->inputs[4]);
    if (!steps || !steps->data || !tro_dtype_is_int(steps->dtype) || steps->shape.rank != 1)
        return false;
    for (int64_t i = 0; i < tro_dim_value(steps->shape.dim[0]); i++)
        if (tro_load_i64(steps->dtype, steps->data, i) < 0)
            return false;
    return true;
}

static bool is_redundant(const struct tro_inspect *x, const struct tro_onnx_node *n)
{
    static const char *const reshaping[] = {"Reshape",   "Flatten", "Squeeze",
                                            "Unsqueeze", "Expand",  "Tile"};
    static const char *const joining[] = {"Concat", "Sum", "Max", "Min", "Mean"};
    if (!n->n_inputs || !n->n_outputs || n->domain.n)
        return false;
    if (tro_inspect_is_op(n, "Identity") || tro_inspect_is_op(n, "Dropout"))
        return true;
    if (tro_inspect_is_op(n, "Transpose"))
        return is_identity_perm(n);
    if (tro_inspect_is_op(n, "Cast"))
        return casts_to_own_type(x, n);
    if (tro_inspect_is_op(n, "Slice"))
        return is_same_form(x, n) && goes_forward(x, n);
    for (size_t i = 0; i < sizeof reshaping / sizeof *reshaping; i++)
        if (tro_inspect_is_op(n, reshaping[i]))
            return is_same_form(x, n);
    for (size_t i = 0; i < sizeof joining / sizeof *joining; i++)
        if (tro_inspect_is_op(n, joining[i]))
            return n->n_inputs == 1;
    return false;
}

int tro_check_redundant(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (is_redundant(x, &g->nodes[i]))
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_redundant, err, "%s",
                                    tro_inspect_node(x, &g->nodes[i])));
    return 0;
}

static bool is_reshaping(const struct tro_onnx_node *n)
{
    return tro_inspect_is_op(n, "Reshape") || tro_inspect_is_op(n, "Flatten") ||
           tro_inspect_is_op(n, "Squeeze") || tro_inspect_is_op(n, "Unsqueeze");
}

int tro_check_chain(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tro_onnx_node *n = &g->nodes[i];
        uint32_t before;
        if (!n->n_inputs || !tro_map_get(&x->producers, n->inputs[0], &before) ||
            tro_inspect_n_uses(x, n->inputs[0]) != 1)
            continue;
        const struct tro_onnx_node *p = &g->nodes[before];
        const bool is_pair = (tro_inspect_is_op(n, "Transpose") &&
                              tro_inspect_is_op(p, "Transpose")) ||
                             (is_reshaping(n) && is_reshaping(p));
        if (is_pair)
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_chain, err, "%s after %s", tro_inspect_node(x, n),
                                    tro_inspect_node(x, p)));
    }
    return 0;
}

int tro_check_dead(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_nodes; i++) {
        bool is_used = false;
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            is_used |= tro_inspect_n_uses(x, g->nodes[i].outputs[k]) > 0;
        if (!is_used)
            TRO_TRY(
                tro_inspect_add(x, TRO_CHECK_dead, err, "%s", tro_inspect_node(x, &g->nodes[i])));
    }
    return 0;
}

/* ---- where it comes from --------------------------------------------------------------- */

static bool is_false(const struct tro_inspect *x, struct tro_str name)
{
    const struct tro_value *v = tro_inspect_value(x, name);
    return v && v->data && v->dtype == TRO_BOOL && tro_load_i64(TRO_BOOL, v->data, 0) == 0;
}

static bool is_training(const struct tro_inspect *x, const struct tro_onnx_node *n)
{
    if (tro_inspect_is_op(n, "BatchNormalization"))
        return tro_inspect_attr_int(n, "training_mode", 0) != 0;
    if (tro_inspect_is_op(n, "Dropout"))
        return n->n_inputs > 2 && n->inputs[2].n && !is_false(x, n->inputs[2]);
    return tro_str_eqz(n->domain, "ai.onnx.preview.training") ||
           tro_str_eqz(n->domain, "ai.onnx.training");
}

static int add_training(struct tro_inspect *x, const struct tro_onnx_node *n,
                        const struct tro_onnx_opset *opsets, size_t n_opsets, struct tro_err *err)
{
    (void)opsets;
    (void)n_opsets;
    if (!is_training(x, n))
        return 0;
    return tro_inspect_add(x, TRO_CHECK_training, err, "%s", tro_inspect_node(x, n));
}

int tro_check_training(struct tro_inspect *x, struct tro_err *err)
{
    return tro_inspect_each_node(x, add_training, err);
}

int tro_check_ort_optimized(struct tro_inspect *x, struct tro_err *err)
{
    for (size_t i = 0; i < x->n_ops; i++)
        if (strncmp(x->ops[i].domain, "com.microsoft", 13) == 0)
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_ort_optimized, err,
                                    "%lld of %s.%s, the first one %s", (long long)x->ops[i].n,
                                    x->ops[i].domain, x->ops[i].op_type, x->ops[i].node));
    return 0;
}

int tro_check_old_opset(struct tro_inspect *x, struct tro_err *err)
{
    const int64_t version = tro_onnx_opset_version(x->onnx, TRO_STR(""));
    if (version < 1 || version >= 13)
        return 0;
    return tro_inspect_add(x, TRO_CHECK_old_opset, err, "opset %lld", (long long)version);
}

/* The IR version that came with each opset, from opset 8 on. */
static int64_t ir_of_opset(int64_t opset)
{
    static const int8_t table[] = {3, 4, 5, 6, 7, 7, 7, 8, 8, 8, 8, 9, 9, 10, 10, 11, 11};
    const int64_t n = (int64_t)sizeof table;
    return opset < 8 ? 3 : opset - 8 < n ? table[opset - 8] : INT64_MAX;
}

int tro_check_new_ir(struct tro_inspect *x, struct tro_err *err)
{
    const int64_t opset = tro_onnx_opset_version(x->onnx, TRO_STR(""));
    const int64_t expected = ir_of_opset(opset);
    if (opset < 1 || x->onnx->ir_version <= expected)
        return 0;
    return tro_inspect_add(x, TRO_CHECK_new_ir, err,
                           "IR version %lld with opset %lld, which came with IR version %lld",
                           (long long)x->onnx->ir_version, (long long)opset, (long long)expected);
}
