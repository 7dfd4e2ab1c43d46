/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a model between named tensors. */
#include "base/err.h"
#include "edit/shapes.h"
#include "edit/steps.h"
#include "onnx/import.h"

static const struct tro_onnx_value_info *declared_input(const struct tro_onnx_graph *g,
                                                        struct tro_str name)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        if (tro_str_eq(g->inputs[i].name, name))
            return &g->inputs[i];
    for (size_t i = 0; i < g->n_outputs; i++)
        if (tro_str_eq(g->outputs[i].name, name))
            return &g->outputs[i];
    return NULL;
}

static int declare_all(struct tro_onnx_model *m, const struct tro_graph *ir,
                       const struct tro_map *values, const struct tro_str *names, size_t n,
                       struct tro_onnx_value_info **out, struct tro_err *err)
{
    *out = TRO_NEW_N(&m->arena, struct tro_onnx_value_info, n + 1);
    if (!*out)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        const struct tro_onnx_value_info *known = declared_input(&m->graph, names[i]);
        if (known)
            (*out)[i] = *known;
        else
            TRO_TRY(tro_edit_declare(m, ir, values, names[i], &(*out)[i], err));
    }
    return 0;
}

/* Nodes that make a tensor which is now an input no longer do: the output gets another name, which
 * nobody uses. */
static int cut_before(struct tro_onnx_model *m, const struct tro_str *inputs, size_t n,
                      struct tro_err *err)
{
    struct tro_map names = {0};
    struct tro_onnx_graph *g = &m->graph;
    int rc = tro_edit_all_names(g, &names);
    for (size_t i = 0; i < g->n_nodes && rc >= 0; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs && rc >= 0; k++)
            for (size_t w = 0; w < n && rc >= 0; w++) {
                if (!tro_str_eq(g->nodes[i].outputs[k], inputs[w]))
                    continue;
                g->nodes[i].outputs[k] = tro_edit_fresh(m, &names, TRO_STR("unused"));
                rc = g->nodes[i].outputs[k].n ? 0 : TRO_E_NOMEM;
            }
    tro_map_finish(&names);
    return rc < 0 ? tro_fail_nomem(err) : 0;
}

/* After cutting, nothing may depend on an input that is not among the new ones. */
static int check_closed(const struct tro_onnx_model *m, const struct tro_onnx_value_info *old,
                        size_t n_old, struct tro_err *err)
{
    struct tro_map uses = {0};
    int rc = tro_edit_count_uses(&m->graph, &uses) < 0 ? tro_fail_nomem(err) : 0;
    for (size_t i = 0; i < n_old && rc >= 0; i++)
        if (!tro_edit_is_input(&m->graph, old[i].name) && tro_edit_n_uses(&uses, old[i].name))
            rc = tro_fail(err, TRO_E_INPUT,
                          "expected the part to depend on its inputs alone, found that it also needs "
                          "'%.*s': name it among the inputs",
                          (int)old[i].name.n, old[i].name.p);
    tro_map_finish(&uses);
    return rc;
}

int tro_edit_extract(struct tro_onnx_model *m, const struct tro_str *inputs, size_t n_inputs,
                     const struct tro_str *outputs, size_t n_outputs, struct tro_err *err)
{
    struct tro_graph *ir = NULL;
    struct tro_onnx_value_info *new_in = m->graph.inputs, *new_out = m->graph.outputs;
    const struct tro_onnx_value_info *old_in = m->graph.inputs;
    const size_t n_old_in = m->graph.n_inputs;
    TRO_TRY(tro_onnx_import(m, &ir, err));
    struct tro_map values = {0};
    int rc = tro_edit_value_map(ir, &values) < 0 ? tro_fail_nomem(err) : 0;
    if (rc >= 0 && n_inputs)
        rc = declare_all(m, ir, &values, inputs, n_inputs, &new_in, err);
    if (rc >= 0 && n_outputs)
        rc = declare_all(m, ir, &values, outputs, n_outputs, &new_out, err);
    tro_map_finish(&values);
    tro_graph_destroy(ir);
    TRO_TRY(rc);
    if (n_outputs) {
        m->graph.outputs = new_out;
        m->graph.n_outputs = n_outputs;
    }
    if (n_inputs) {
        m->graph.inputs = new_in;
        m->graph.n_inputs = n_inputs;
        TRO_TRY(cut_before(m, inputs, n_inputs, err));
    }
    struct tro_edit_report report = {0};
    struct tro_edit e = {.m = m, .report = &report, .err = err};
    struct tro_edit_scope s = {.graph = &m->graph};
    TRO_TRY(tro_edit_drop_dead(&e, &s));
    TRO_TRY(check_closed(m, old_in, n_old_in, err));
    return tro_edit_refresh_shapes(m, err);
}
