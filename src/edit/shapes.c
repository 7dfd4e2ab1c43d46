/* SPDX-License-Identifier: Apache-2.0 */
/* What a model says of its tensors' types and shapes, brought up to date. */
#include "edit/shapes.h"

#include <string.h>

#include "base/err.h"
#include "edit/names.h"
#include "onnx/import.h"

/* "u7" of the importer is no name to show; symbols that the model itself uses are. */
static bool is_models_symbol(const struct tro_onnx_model *m, const char *name)
{
    for (size_t i = 0; i < m->graph.n_inputs; i++)
        for (size_t k = 0; k < m->graph.inputs[i].n_dims; k++)
            if (tro_str_eqz(m->graph.inputs[i].dims[k].param, name))
                return true;
    return false;
}

int tro_edit_value_map(const struct tro_graph *g, struct tro_map *map)
{
    for (uint32_t i = 1; i < g->n_values; i++) {
        const struct tro_value *v = &g->values[i];
        const struct tro_str name = {v->name, strlen(v->name)};
        if (v->def.i && !tro_node_get(g, v->def)->block.i)
            continue;
        if (tro_map_set(map, name, i) < 0)
            return TRO_E_NOMEM;
    }
    return 0;
}

int tro_edit_declare(struct tro_onnx_model *m, const struct tro_graph *g,
                     const struct tro_map *values, struct tro_str name,
                     struct tro_onnx_value_info *out, struct tro_err *err)
{
    uint32_t i;
    if (!tro_map_get(values, name, &i))
        return tro_fail(err, TRO_E_INPUT, "expected a tensor of the model's main graph, found '%.*s'",
                        (int)name.n, name.p);
    const struct tro_value *v = tro_value_get(g, (tro_value_id){i});
    *out = (struct tro_onnx_value_info){.name = name,
                                        .has_type = true,
                                        .is_tensor = true,
                                        .has_elem_type = true,
                                        .elem_type = tro_onnx_from_dtype(v->dtype),
                                        .kind = "tensor",
                                        .has_shape = v->shape.rank >= 0};
    if (v->shape.rank < 0)
        return 0;
    out->n_dims = (size_t)v->shape.rank;
    out->dims = TRO_NEW_N(&m->arena, struct tro_onnx_dim, out->n_dims + 1);
    if (!out->dims)
        return tro_fail_nomem(err);
    for (size_t d = 0; d < out->n_dims; d++) {
        const char *symbol;
        struct tro_onnx_dim *dim = &out->dims[d];
        dim->has_value = tro_dim_is_const(v->shape.dim[d]);
        if (dim->has_value)
            dim->value = tro_dim_value(v->shape.dim[d]);
        else if (tro_dim_is_symbol(&g->dims, v->shape.dim[d], &symbol) && is_models_symbol(m, symbol)) {
            dim->param.p = tro_arena_strdup(&m->arena, symbol);
            if (!dim->param.p)
                return tro_fail_nomem(err);
            dim->param.n = strlen(symbol);
        }
    }
    return 0;
}

/* ---- inner tensors --------------------------------------------------------------------- */

static int declare_inner(struct tro_onnx_model *m, const struct tro_graph *ir,
                         const struct tro_map *values, struct tro_err *err)
{
    struct tro_onnx_graph *g = &m->graph;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        cap += g->nodes[i].n_outputs;
    struct tro_onnx_value_info *infos = TRO_NEW_N(&m->arena, struct tro_onnx_value_info, cap + 1);
    if (!infos)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < g->n_nodes; i++) {
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++) {
            const struct tro_str name = g->nodes[i].outputs[k];
            if (!name.n || tro_edit_is_output(g, name) || !tro_map_get(values, name, NULL))
                continue;
            TRO_TRY(tro_edit_declare(m, ir, values, name, &infos[n], err));
            n += infos[n].has_shape;
        }
    }
    g->value_infos = infos;
    g->n_value_infos = n;
    return 0;
}

/* A size the importer knows is put in; a declared symbol or size stays where it knows none. */
static void merge_output(struct tro_onnx_value_info *declared, const struct tro_onnx_value_info *now)
{
    if (!declared->has_shape || declared->n_dims != now->n_dims) {
        const struct tro_str name = declared->name, doc = declared->doc, unknown = declared->unknown;
        *declared = *now;
        declared->name = name;
        declared->doc = doc;
        declared->unknown = unknown;
        return;
    }
    for (size_t i = 0; i < now->n_dims; i++)
        if (now->dims[i].has_value || now->dims[i].param.n)
            declared->dims[i] = now->dims[i];
}

static int declare_outputs(struct tro_onnx_model *m, const struct tro_graph *ir,
                           const struct tro_map *values, struct tro_err *err)
{
    const struct tro_block *b = tro_block_get(ir, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < m->graph.n_outputs && i < b->n_outputs; i++) {
        struct tro_onnx_value_info now, *declared = &m->graph.outputs[i];
        const char *name = tro_value_get(ir, b->outputs[i])->name;
        TRO_TRY(tro_edit_declare(m, ir, values, (struct tro_str){name, strlen(name)}, &now, err));
        merge_output(declared, &now);
    }
    return 0;
}

/* Without the importer: declarations of tensors that are gone go too. */
static int keep_declared(struct tro_onnx_model *m, struct tro_err *err)
{
    struct tro_map names = {0};
    struct tro_onnx_graph *g = &m->graph;
    size_t n = 0;
    const int rc = tro_edit_all_names(g, &names);
    for (size_t i = 0; i < g->n_value_infos && rc >= 0; i++)
        if (tro_map_get(&names, g->value_infos[i].name, NULL))
            g->value_infos[n++] = g->value_infos[i];
    if (rc >= 0)
        g->n_value_infos = n;
    tro_map_finish(&names);
    return rc < 0 ? tro_fail_nomem(err) : 0;
}

int tro_edit_refresh_shapes(struct tro_onnx_model *m, struct tro_err *err)
{
    struct tro_graph *ir = NULL;
    if (tro_onnx_import(m, &ir, NULL) < 0)
        return keep_declared(m, err);
    struct tro_map values = {0};
    int rc = tro_edit_value_map(ir, &values) < 0 ? tro_fail_nomem(err) : 0;
    if (rc >= 0)
        rc = declare_inner(m, ir, &values, err);
    if (rc >= 0)
        rc = declare_outputs(m, ir, &values, err);
    tro_map_finish(&values);
    tro_graph_destroy(ir);
    return rc;
}
