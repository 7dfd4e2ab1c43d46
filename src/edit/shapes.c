/* SPDX-License-Identifier: Apache-2.0 */
/* What a model says of its tensors' types and shapes, brought up to date. */
#include "edit/shapes.h"

#include <string.h>

#include "base/err.h"
#include "edit/names.h"
#include "onnx/import.h"

/* ---- what is known --------------------------------------------------------------------- */

/* "u7" of the importer is no name to show; symbols that the model itself uses are. */
static int map_symbols(const struct tro_onnx_graph *g, struct tro_map *symbols)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        for (size_t k = 0; k < g->inputs[i].n_dims; k++)
            if (g->inputs[i].dims[k].param.n &&
                tro_map_set(symbols, g->inputs[i].dims[k].param, 0) < 0)
                return TRO_E_NOMEM;
    return 0;
}

int tro_edit_types_init(struct tro_onnx_model *m, struct tro_edit_types *t, struct tro_err *err)
{
    struct tro_err why = {0};
    *t = (struct tro_edit_types){0};
    const int rc = tro_onnx_import_named(m, &t->ir, &t->values, &why);
    if (rc < 0 && rc != TRO_E_UNSUPPORTED)
        return tro_fail(err, (enum tro_status)rc, "%s", why.text);
    return map_symbols(&m->graph, &t->symbols) < 0 ? tro_fail_nomem(err) : 0;
}

void tro_edit_types_finish(struct tro_edit_types *t)
{
    tro_map_finish(&t->values);
    tro_map_finish(&t->symbols);
    tro_graph_destroy(t->ir);
    *t = (struct tro_edit_types){0};
}

/* A size beyond what the importer takes is left open. */
static void declare_dim(struct tro_onnx_model *m, const struct tro_edit_types *t, tro_dim d,
                        struct tro_onnx_dim *out)
{
    const char *symbol;
    *out = (struct tro_onnx_dim){0};
    if (tro_dim_is_const(d)) {
        out->has_value = tro_dim_value(d) <= INT32_MAX;
        out->value = out->has_value ? tro_dim_value(d) : 0;
    } else if (tro_dim_is_symbol(&t->ir->dims, d, &symbol) &&
               tro_map_get(&t->symbols, (struct tro_str){symbol, strlen(symbol)}, NULL)) {
        out->param.p = tro_arena_strdup(&m->arena, symbol);
    }
    out->param.n = out->param.p ? strlen(out->param.p) : 0;
}

bool tro_edit_declare(struct tro_onnx_model *m, const struct tro_edit_types *t, struct tro_str name,
                      struct tro_onnx_value_info *out)
{
    uint32_t i;
    if (!t->ir || !name.n || !tro_map_get(&t->values, name, &i) || !i)
        return false;
    const struct tro_value *v = tro_value_get(t->ir, (tro_value_id){i});
    *out = (struct tro_onnx_value_info){.name = name,
                                        .has_type = true,
                                        .is_tensor = true,
                                        .has_elem_type = true,
                                        .elem_type = tro_onnx_from_dtype(v->dtype),
                                        .kind = "tensor"};
    if (v->shape.rank < 0)
        return true;
    out->n_dims = (size_t)v->shape.rank;
    out->dims = TRO_NEW_N(&m->arena, struct tro_onnx_dim, out->n_dims);
    out->has_shape = out->dims != NULL;
    for (size_t d = 0; d < out->n_dims && out->dims; d++)
        declare_dim(m, t, v->shape.dim[d], &out->dims[d]);
    return out->has_shape;
}

/* ---- bringing up to date --------------------------------------------------------------- */

static int declare_inner(struct tro_onnx_model *m, const struct tro_edit_types *t)
{
    struct tro_onnx_graph *g = &m->graph;
    struct tro_map outputs = {0};
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        cap += g->nodes[i].n_outputs;
    struct tro_onnx_value_info *infos = TRO_NEW_N(&m->arena, struct tro_onnx_value_info, cap);
    const int rc = infos ? tro_edit_info_map(g->outputs, g->n_outputs, &outputs) : TRO_E_NOMEM;
    for (size_t i = 0; i < g->n_nodes && rc >= 0; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            if (!tro_map_get(&outputs, g->nodes[i].outputs[k], NULL) &&
                tro_edit_declare(m, t, g->nodes[i].outputs[k], &infos[n]))
                n += infos[n].has_shape;
    tro_map_finish(&outputs);
    if (rc >= 0) {
        g->value_infos = infos;
        g->n_value_infos = n;
    }
    return rc;
}

/* A size the importer knows is put in; a declared symbol or size stays where it knows none. */
static void merge_output(struct tro_onnx_value_info *declared,
                         const struct tro_onnx_value_info *now)
{
    if (declared->has_shape && !now->has_shape)
        return;
    if (!declared->has_shape || declared->n_dims != now->n_dims) {
        const struct tro_str doc = declared->doc, unknown = declared->unknown;
        *declared = *now;
        declared->doc = doc;
        declared->unknown = unknown;
        return;
    }
    declared->elem_type = now->elem_type;
    for (size_t i = 0; i < now->n_dims; i++)
        if (now->dims[i].has_value || now->dims[i].param.n)
            declared->dims[i] = now->dims[i];
}

static void declare_outputs(struct tro_onnx_model *m, const struct tro_edit_types *t)
{
    struct tro_onnx_value_info now;
    for (size_t i = 0; i < m->graph.n_outputs; i++)
        if (tro_edit_declare(m, t, m->graph.outputs[i].name, &now))
            merge_output(&m->graph.outputs[i], &now);
}

/* Without the importer: declarations of tensors that are gone, or outputs now, go too. */
static int keep_declared(struct tro_onnx_model *m)
{
    struct tro_map names = {0}, outputs = {0};
    struct tro_onnx_graph *g = &m->graph;
    size_t n = 0;
    int rc = tro_edit_all_names(g, &names);
    if (rc >= 0)
        rc = tro_edit_info_map(g->outputs, g->n_outputs, &outputs);
    for (size_t i = 0; i < g->n_value_infos && rc >= 0; i++)
        if (tro_map_get(&names, g->value_infos[i].name, NULL) &&
            !tro_map_get(&outputs, g->value_infos[i].name, NULL))
            g->value_infos[n++] = g->value_infos[i];
    if (rc >= 0)
        g->n_value_infos = n;
    tro_map_finish(&names);
    tro_map_finish(&outputs);
    return rc;
}

int tro_edit_refresh_shapes(struct tro_onnx_model *m, struct tro_err *err)
{
    struct tro_edit_types t;
    int rc = tro_edit_types_init(m, &t, err);
    if (rc >= 0) {
        rc = t.ir ? declare_inner(m, &t) : keep_declared(m);
        rc = rc < 0 ? tro_fail_nomem(err) : rc;
    }
    if (rc >= 0)
        declare_outputs(m, &t);
    tro_edit_types_finish(&t);
    return rc;
}
