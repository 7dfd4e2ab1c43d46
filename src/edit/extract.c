/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a model between named tensors. */
#include "base/err.h"
#include "edit/shapes.h"
#include "edit/steps.h"

/* ---- declarations ---------------------------------------------------------------------- */

static const struct tro_onnx_value_info *find_info(const struct tro_onnx_value_info *v, size_t n,
                                                   struct tro_str name)
{
    for (size_t i = 0; i < n; i++)
        if (tro_str_eq(v[i].name, name))
            return &v[i];
    return NULL;
}

/* As the model declares it, else as the importer knows it. */
static bool declare(struct tro_onnx_model *m, const struct tro_edit_types *t, struct tro_str name,
                    struct tro_onnx_value_info *out)
{
    const struct tro_onnx_graph *g = &m->graph;
    const struct tro_onnx_value_info *known = find_info(g->inputs, g->n_inputs, name);
    known = known ? known : find_info(g->outputs, g->n_outputs, name);
    if (!known && tro_edit_declare(m, t, name, out))
        return true;
    known = known ? known : find_info(g->value_infos, g->n_value_infos, name);
    if (known)
        *out = *known;
    return known != NULL;
}

static bool is_there(const struct tro_onnx_graph *g, struct tro_str name)
{
    if (find_info(g->inputs, g->n_inputs, name))
        return true;
    for (size_t i = 0; i < g->n_initializers; i++)
        if (tro_str_eq(g->initializers[i].name, name))
            return true;
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            if (tro_str_eq(g->nodes[i].outputs[k], name))
                return true;
    return false;
}

/* The name of an output is enough where its type is not known; an input needs it. */
static int declare_all(struct tro_onnx_model *m, const struct tro_edit_types *t,
                       const struct tro_str *names, size_t n, bool is_input,
                       struct tro_onnx_value_info **out, struct tro_err *err)
{
    *out = TRO_NEW_N(&m->arena, struct tro_onnx_value_info, n);
    if (!*out)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        const struct tro_str name = names[i];
        if (!name.n || !is_there(&m->graph, name))
            return tro_fail(err, TRO_E_INPUT,
                            "expected a tensor of the model's main graph, found '%.*s'",
                            (int)name.n, name.p);
        if (find_info(*out, i, name))
            return tro_fail(err, TRO_E_INPUT, "expected each tensor once, found '%.*s' twice",
                            (int)name.n, name.p);
        if (declare(m, t, name, &(*out)[i]))
            continue;
        if (is_input)
            return tro_fail(err, TRO_E_UNSUPPORTED,
                            "expected inputs of known type, found '%.*s', which follows from "
                            "operators that are not known: begin elsewhere",
                            (int)name.n, name.p);
        (*out)[i] = (struct tro_onnx_value_info){.name = name, .kind = "none"};
    }
    return 0;
}

/* ---- cutting --------------------------------------------------------------------------- */

/* What makes a tensor that is now an input no longer does: an initializer goes, a node's output
 * gets
 * another name, which nobody uses. */
static int cut_before(struct tro_onnx_model *m, const struct tro_map *inputs, struct tro_err *err)
{
    struct tro_map names = {0};
    struct tro_onnx_graph *g = &m->graph;
    size_t n = 0;
    int rc = tro_edit_all_names(g, &names);
    for (size_t i = 0; i < g->n_nodes && rc >= 0; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs && rc >= 0; k++) {
            struct tro_str *name = &g->nodes[i].outputs[k];
            if (!name->n || !tro_map_get(inputs, *name, NULL))
                continue;
            *name = tro_edit_fresh(m, &names, TRO_STR("unused"));
            rc = name->n ? 0 : TRO_E_NOMEM;
        }
    tro_map_finish(&names);
    for (size_t i = 0; i < g->n_initializers; i++)
        if (!tro_map_get(inputs, g->initializers[i].name, NULL))
            g->initializers[n++] = g->initializers[i];
    g->n_initializers = n;
    return rc < 0 ? tro_fail_nomem(err) : 0;
}

/* After cutting, nothing may depend on an input that is not among the new ones; those that have an
 * initializer become constants. */
static int check_closed(const struct tro_onnx_model *m, const struct tro_onnx_value_info *old,
                        size_t n_old, const struct tro_map *inputs, struct tro_err *err)
{
    struct tro_map uses = {0}, initializers = {0};
    int rc = tro_edit_count_uses(&m->graph, &uses);
    if (rc >= 0)
        rc = tro_edit_initializer_map(&m->graph, &initializers);
    rc = rc < 0 ? tro_fail_nomem(err) : 0;
    for (size_t i = 0; i < n_old && rc >= 0; i++)
        if (!tro_map_get(inputs, old[i].name, NULL) && tro_edit_n_uses(&uses, old[i].name) &&
            !tro_map_get(&initializers, old[i].name, NULL))
            rc = tro_fail(
                err, TRO_E_INPUT,
                "expected the part to depend on its inputs alone, found that it also needs "
                "'%.*s': name it among the inputs",
                (int)old[i].name.n, old[i].name.p);
    tro_map_finish(&uses);
    tro_map_finish(&initializers);
    return rc;
}

static int drop_rest(struct tro_onnx_model *m, struct tro_err *err)
{
    struct tro_edit_report report = {0};
    struct tro_edit e = {.m = m, .report = &report, .err = err};
    struct tro_edit_scope s = {.graph = &m->graph};
    return tro_edit_drop_dead(&e, &s);
}

static int cut(struct tro_onnx_model *m, struct tro_onnx_value_info *new_in, size_t n,
               struct tro_err *err)
{
    const struct tro_onnx_value_info *old = m->graph.inputs;
    const size_t n_old = m->graph.n_inputs;
    struct tro_map inputs = {0};
    int rc = tro_edit_info_map(new_in, n, &inputs) < 0 ? tro_fail_nomem(err) : 0;
    if (rc >= 0)
        rc = cut_before(m, &inputs, err);
    m->graph.inputs = new_in;
    m->graph.n_inputs = n;
    if (m->ir_version < 4) /* before, initializers had to be inputs as well */
        m->ir_version = 4;
    if (rc >= 0)
        rc = drop_rest(m, err);
    if (rc >= 0)
        rc = check_closed(m, old, n_old, &inputs, err);
    tro_map_finish(&inputs);
    return rc;
}

int tro_edit_extract(struct tro_onnx_model *m, const struct tro_str *inputs, size_t n_inputs,
                     const struct tro_str *outputs, size_t n_outputs, struct tro_err *err)
{
    struct tro_onnx_value_info *new_in = NULL, *new_out = NULL;
    struct tro_edit_types t;
    TRO_TRY(tro_edit_check(m, err));
    int rc = tro_edit_types_init(m, &t, err);
    if (rc >= 0 && n_inputs)
        rc = declare_all(m, &t, inputs, n_inputs, true, &new_in, err);
    if (rc >= 0 && n_outputs)
        rc = declare_all(m, &t, outputs, n_outputs, false, &new_out, err);
    tro_edit_types_finish(&t);
    TRO_TRY(rc);
    if (n_outputs) {
        m->graph.outputs = new_out;
        m->graph.n_outputs = n_outputs;
    }
    TRO_TRY(n_inputs ? cut(m, new_in, n_inputs, err) : drop_rest(m, err));
    return tro_edit_refresh_shapes(m, err);
}
