/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/schema.h"

#include "base/err.h"
#include "onnx/wire.h"

#include <stddef.h>

#define AT(msg, member) offsetof(struct tro_onnx_##msg, member)
#define ROW(no, kind, msg, member, aux, needs, name, child)            \
    {                                                                  \
        no, TRO_FIELD_##kind, needs, AT(msg, member), aux, name, child \
    }

/* A value alone; with a flag; many; a message that lies in the struct, behind a pointer, many. */
#define ONE(no, kind, msg, member, name) ROW(no, kind, msg, member, TRO_NO_AUX, 0, name, NULL)
#define WITH(no, kind, msg, member, flag, name) \
    ROW(no, kind, msg, member, AT(msg, flag), 0, name, NULL)
#define MANY(no, kind, msg, member, name) \
    ROW(no, kind, msg, member, AT(msg, n_##member), 0, name, NULL)
#define SUB(no, msg, member, child, needs, name) \
    ROW(no, SUB, msg, member, TRO_NO_AUX, needs, name, &child##_message)
#define SUBS(no, msg, member, child, needs, name) \
    ROW(no, SUBS, msg, member, AT(msg, n_##member), needs, name, &child##_message)
/* A message whose fields are members of the same struct. */
#define PART(no, msg, flag, child, name)                                  \
    {                                                                     \
        no, TRO_FIELD_INLINE, 0, 0, AT(msg, flag), name, &child##_message \
    }

#define MESSAGE(id, text, msg, unknown_member, finish_fn)                          \
    static const struct tro_onnx_message id##_message = {                          \
        text,      sizeof(struct tro_onnx_##msg), id##_fields, COUNT(id##_fields), \
        finish_fn, AT(msg, unknown_member)}
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* How often a field is among the unknown ones. */
static size_t count_unknown(struct tro_str unknown, uint32_t number)
{
    struct tro_bytes b = tro_bytes_of(unknown.p, unknown.n);
    struct tro_wire_field f;
    size_t n = 0;
    while (tro_wire_skim(&b, &f))
        n += f.number == number;
    return n;
}

/* ---- small ones ------------------------------------------------------------------------ */

static const struct tro_onnx_field pair_fields[] = {
    ONE(1, TEXT, pair, key, "key"),
    ONE(2, TEXT, pair, value, "value"),
};
MESSAGE(pair, "entry", pair, unknown, NULL);

static const struct tro_onnx_field opset_fields[] = {
    WITH(1, DOMAIN, opset, domain, is_domain_spelled, "domain"),
    WITH(2, I64, opset, version, has_version, "version"),
};
MESSAGE(opset, "opset_import", opset, unknown, NULL);

/* ---- tensors --------------------------------------------------------------------------- */

static const struct tro_onnx_field tensor_fields[] = {
    MANY(1, I64S, tensor, dims, "dims"),
    WITH(2, I32, tensor, data_type, has_data_type, "data_type"),
    WITH(4, FIXED32S, tensor, typed, typed_field, "float_data"),
    WITH(5, VARINTS, tensor, typed, typed_field, "int32_data"),
    MANY(6, TEXTS, tensor, string_data, "string_data"),
    WITH(7, VARINTS, tensor, typed, typed_field, "int64_data"),
    ONE(8, NAME, tensor, name, "name"),
    WITH(9, TEXT, tensor, raw, has_raw, "raw_data"),
    WITH(10, FIXED64S, tensor, typed, typed_field, "double_data"),
    WITH(11, VARINTS, tensor, typed, typed_field, "uint64_data"),
    ONE(12, TEXT, tensor, doc, "doc_string"),
    SUBS(13, tensor, external, pair, 0, "external_data"),
    WITH(14, FLAG, tensor, is_external, has_location, "data_location"),
};

static int finish_tensor(void *message, struct tro_err *err)
{
    (void)err;
    struct tro_onnx_tensor *const t = message;
    t->has_segment = count_unknown(t->unknown, 3) > 0;
    return 0;
}
MESSAGE(tensor, "tensor", tensor, unknown, finish_tensor);

/* ---- types ----------------------------------------------------------------------------- */

static const struct tro_onnx_field dim_fields[] = {
    WITH(1, I64, dim, value, has_value, "dim_value"),
    WITH(2, NAME, dim, param, has_value, "dim_param"),
};
MESSAGE(dim, "dim", dim, unknown, NULL);

static const struct tro_onnx_field shape_fields[] = {
    SUBS(1, value_info, dims, dim, 0, "dim"),
};
MESSAGE(shape, "shape", value_info, shape_unknown, NULL);

static const struct tro_onnx_field tensor_type_fields[] = {
    WITH(1, I32, value_info, elem_type, has_elem_type, "elem_type"),
    PART(2, value_info, has_shape, shape, "shape"),
};
MESSAGE(tensor_type, "tensor_type", value_info, tensor_unknown, NULL);

static const struct tro_onnx_field type_fields[] = {
    PART(1, value_info, is_tensor, tensor_type, "tensor_type"),
};
MESSAGE(type, "type", value_info, type_bytes, NULL);

static const struct tro_onnx_field value_info_fields[] = {
    ONE(1, NAME, value_info, name, "name"),
    PART(2, value_info, has_type, type, "type"),
    ONE(3, TEXT, value_info, doc, "doc_string"),
};

static int finish_value_info(void *message, struct tro_err *err)
{
    static const struct {
        uint32_t number;
        const char *kind;
    } kinds[] = {{4, "sequence"}, {5, "map"}, {9, "optional"}, {7, "opaque"}, {8, "sparse tensor"}};
    struct tro_onnx_value_info *const v = message;
    v->kind = v->is_tensor ? "tensor" : "none";
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (count_unknown(v->type_bytes, kinds[i].number) == 0)
            continue;
        if (v->is_tensor)
            return tro_fail(err, TRO_E_INPUT, "expected one type, found tensor and %s",
                            kinds[i].kind);
        v->kind = kinds[i].kind;
    }
    return 0;
}
MESSAGE(value_info, "value_info", value_info, unknown, finish_value_info);

/* ---- graphs ---------------------------------------------------------------------------- */

static const struct tro_onnx_message graph_message;

static const struct tro_onnx_field attr_fields[] = {
    ONE(1, NAME, attr, name, "name"),
    WITH(2, F32, attr, f, has_f, "f"),
    WITH(3, I64, attr, i, has_i, "i"),
    ONE(4, TEXT, attr, s, "s"),
    SUB(5, attr, t, tensor, 2, "t"),
    SUB(6, attr, g, graph, TRO_NEEDS_ANY, "g"),
    MANY(7, F32S, attr, floats, "floats"),
    MANY(8, I64S, attr, ints, "ints"),
    MANY(9, TEXTS, attr, strings, "strings"),
    SUBS(10, attr, tensors, tensor, 2, "tensors"),
    SUBS(11, attr, graphs, graph, TRO_NEEDS_ANY, "graphs"),
    ONE(13, TEXT, attr, doc, "doc_string"),
    WITH(20, I32_OR_NOT, attr, type, omits_type, "type"),
    ONE(21, NAME, attr, ref_attr_name, "ref_attr_name"),
};

/* Before IR version 2 attributes had no type. */
static int finish_attr(void *message, struct tro_err *err)
{
    (void)err;
    struct tro_onnx_attr *const a = message;
    const struct {
        bool is_there;
        enum tro_onnx_attr_type type;
    } guesses[] = {
        {a->has_f, TRO_ONNX_ATTR_FLOAT},           {a->has_i, TRO_ONNX_ATTR_INT},
        {a->s.p != NULL, TRO_ONNX_ATTR_STRING},    {a->t != NULL, TRO_ONNX_ATTR_TENSOR},
        {a->g != NULL, TRO_ONNX_ATTR_GRAPH},       {a->n_floats > 0, TRO_ONNX_ATTR_FLOATS},
        {a->n_ints > 0, TRO_ONNX_ATTR_INTS},       {a->n_strings > 0, TRO_ONNX_ATTR_STRINGS},
        {a->n_tensors > 0, TRO_ONNX_ATTR_TENSORS}, {a->n_graphs > 0, TRO_ONNX_ATTR_GRAPHS},
    };
    for (size_t i = 0; a->omits_type && a->type == 0 && i < COUNT(guesses); i++)
        if (guesses[i].is_there)
            a->type = guesses[i].type;
    return 0;
}
MESSAGE(attr, "attribute", attr, unknown, finish_attr);

static const struct tro_onnx_field node_fields[] = {
    MANY(1, NAMES, node, inputs, "input"),
    MANY(2, NAMES, node, outputs, "output"),
    ONE(3, NAME, node, name, "name"),
    ONE(4, NAME, node, op_type, "op_type"),
    SUBS(5, node, attrs, attr, 1, "attribute"),
    ONE(6, TEXT, node, doc, "doc_string"),
    WITH(7, DOMAIN, node, domain, is_domain_spelled, "domain"),
    ONE(8, NAME, node, overload, "overload"),
};
MESSAGE(node, "node", node, unknown, NULL);

static const struct tro_onnx_field graph_fields[] = {
    SUBS(1, graph, nodes, node, 4, "node"),
    ONE(2, NAME, graph, name, "name"),
    SUBS(5, graph, initializers, tensor, 8, "initializer"),
    ONE(10, TEXT, graph, doc, "doc_string"),
    SUBS(11, graph, inputs, value_info, 1, "input"),
    SUBS(12, graph, outputs, value_info, 1, "output"),
    SUBS(13, graph, value_infos, value_info, 1, "value_info"),
};

static int finish_graph(void *message, struct tro_err *err)
{
    (void)err;
    struct tro_onnx_graph *const g = message;
    g->n_sparse_initializers = count_unknown(g->unknown, 15);
    return 0;
}
MESSAGE(graph, "graph", graph, unknown, finish_graph);

/* ---- models ---------------------------------------------------------------------------- */

static const struct tro_onnx_field function_fields[] = {
    ONE(1, NAME, function, name, "name"),
    MANY(4, NAMES, function, inputs, "input"),
    MANY(5, NAMES, function, outputs, "output"),
    MANY(6, NAMES, function, attrs, "attribute"),
    SUBS(7, function, nodes, node, 4, "node"),
    ONE(8, TEXT, function, doc, "doc_string"),
    SUBS(9, function, opsets, opset, 0, "opset_import"),
    WITH(10, DOMAIN, function, domain, is_domain_spelled, "domain"),
    SUBS(11, function, attr_protos, attr, 1, "attribute_proto"),
    SUBS(12, function, value_infos, value_info, 1, "value_info"),
    ONE(13, NAME, function, overload, "overload"),
};
MESSAGE(function, "function", function, unknown, NULL);

static const struct tro_onnx_field model_fields[] = {
    WITH(1, I64, model, ir_version, has_ir_version, "ir_version"),
    ONE(2, TEXT, model, producer_name, "producer_name"),
    ONE(3, TEXT, model, producer_version, "producer_version"),
    ONE(4, TEXT, model, domain, "domain"),
    WITH(5, I64, model, model_version, has_model_version, "model_version"),
    ONE(6, TEXT, model, doc, "doc_string"),
    ROW(7, INLINE, model, graph, TRO_NO_AUX, TRO_NEEDS_ANY, "graph", &graph_message),
    SUBS(8, model, opsets, opset, 0, "opset_import"),
    SUBS(14, model, metadata, pair, 0, "metadata_props"),
    SUBS(25, model, functions, function, 1, "functions"),
};
MESSAGE(model, "model", model, unknown, NULL);

const struct tro_onnx_message *const tro_onnx_tensor_message = &tensor_message;
const struct tro_onnx_message *const tro_onnx_model_message = &model_message;
