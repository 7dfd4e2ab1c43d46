/* SPDX-License-Identifier: Apache-2.0 */
/* What inspect found, as JSON. */
#include "inspect.h"

static void json_str(struct tro_inspect *x, struct tro_json *j, const char *key, struct tro_str s)
{
    const char *text = tro_arena_strndup(&x->arena, s.p ? s.p : "", s.n);
    if (!text)
        j->buf.failed = true;
    else
        tro_json_string(j, key, text);
}

static void json_io(struct tro_inspect *x, struct tro_json *j, const char *key,
                    const struct tro_onnx_value_info *v, size_t n, bool is_input)
{
    tro_json_array_begin(j, key);
    for (size_t i = 0; i < n; i++) {
        if (is_input && tro_map_get(&x->initializers, v[i].name, NULL))
            continue;
        tro_json_object_begin(j, NULL);
        json_str(x, j, "name", v[i].name);
        tro_json_string(j, "kind", v[i].kind);
        tro_json_string(j, "type", tro_dtype_name(tro_onnx_to_dtype(v[i].elem_type)));
        if (v[i].has_shape)
            tro_json_array_begin(j, "shape");
        else
            tro_json_null(j, "shape");
        for (size_t k = 0; k < v[i].n_dims; k++) {
            if (v[i].dims[k].has_value)
                tro_json_int(j, NULL, v[i].dims[k].value);
            else
                json_str(x, j, NULL, v[i].dims[k].param);
        }
        if (v[i].has_shape)
            tro_json_array_end(j);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void json_file(struct tro_inspect *x, struct tro_json *j)
{
    const struct tro_onnx_model *m = x->onnx;
    tro_json_string(j, "model", x->path);
    tro_json_int(j, "bytes", (int64_t)m->file.n_bytes);
    json_str(x, j, "producer", m->producer_name);
    json_str(x, j, "producer_version", m->producer_version);
    tro_json_int(j, "ir_version", m->ir_version);
    tro_json_array_begin(j, "opsets");
    for (size_t i = 0; i < m->n_opsets; i++) {
        tro_json_object_begin(j, NULL);
        json_str(x, j, "domain", m->opsets[i].domain);
        tro_json_int(j, "version", m->opsets[i].version);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void json_costs(const struct tro_inspect *x, struct tro_json *j)
{
    tro_json_int(j, "weights", x->n_weights);
    tro_json_int(j, "weight_bytes", x->n_weight_bytes);
    if (!x->graph)
        return;
    tro_json_bool(j, "free_sizes_count_as_1", x->has_free_sizes);
    tro_json_int(j, "macs", x->n_macs);
    tro_json_int(j, "peak_activation_bytes", x->peak_bytes);
    tro_json_string(j, "peak_at", x->peak_node);
    tro_json_int(j, "tensors_without_size", x->n_unsized);
    tro_json_array_begin(j, "layers");
    for (size_t i = 0; i < x->n_layers; i++) {
        const struct tro_layer *l = &x->layers[i];
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "node", l->node);
        tro_json_string(j, "operator", l->op);
        tro_json_string(j, "tensor", l->tensor);
        tro_json_string(j, "result", l->form);
        tro_json_int(j, "weights", l->n_weights);
        if (l->n_macs < 0)
            tro_json_null(j, "macs");
        else
            tro_json_int(j, "macs", l->n_macs);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void json_operators(const struct tro_inspect *x, struct tro_json *j)
{
    tro_json_array_begin(j, "operators");
    for (size_t i = 0; i < x->n_ops; i++) {
        const struct tro_op_count *op = &x->ops[i];
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "domain", op->domain);
        tro_json_string(j, "operator", op->op_type);
        tro_json_int(j, "version", op->version);
        tro_json_int(j, "nodes", op->n);
        tro_json_bool(j, "supported", op->is_supported);
        tro_json_string(j, "first", op->node);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
    tro_json_object_begin(j, "operators_after_import");
    for (int i = 0; i < TRO_N_OPS; i++)
        if (x->own_ops[i])
            tro_json_int(j, tro_op_info((enum tro_op)i)->text, x->own_ops[i]);
    tro_json_object_end(j);
}

static void json_findings(const struct tro_inspect *x, struct tro_json *j)
{
    tro_json_array_begin(j, "warnings");
    for (size_t i = 0; i < x->n_findings;) {
        const enum tro_check check = x->findings[i].check;
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "id", tro_check_id(check));
        tro_json_string(j, "title", tro_check_title(check));
        tro_json_string(j, "remedy", tro_check_remedy(check));
        tro_json_array_begin(j, "where");
        for (; i < x->n_findings && x->findings[i].check == check; i++)
            tro_json_string(j, NULL, x->findings[i].text);
        tro_json_array_end(j);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

void tro_inspect_json(struct tro_inspect *x, struct tro_json *j)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    tro_json_object_begin(j, NULL);
    json_file(x, j);
    json_io(x, j, "inputs", g->inputs, g->n_inputs, true);
    json_io(x, j, "outputs", g->outputs, g->n_outputs, false);
    tro_json_int(j, "nodes", x->n_nodes);
    json_costs(x, j);
    json_operators(x, j);
    json_findings(x, j);
    if (x->graph)
        tro_json_null(j, "import_error");
    else
        tro_json_string(j, "import_error", x->import_err.text);
    tro_json_object_end(j);
}
