/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ONNX model in memory: the messages of onnx.proto as structs, mutable, in one arena. Text and
 * tensor bytes are views into the file's bytes (or the arena, after edits). Fields this version
 * does not know are kept as bytes (`unknown`) and written back.
 *
 * Presence  Text that the file does not have is {NULL, 0}; empty text that it has is {p, 0}: the
 *           writer writes what has a pointer. A number is written when it is not zero or its has_
 *           flag is set, so what is made by hand may leave the flags alone.
 * Domains   "" and "ai.onnx" are the same; reading gives "" and remembers the spelling.
 * Names     are UTF-8 without NUL bytes; reading refuses others. Doc strings, string attributes,
 *           metadata and external_data entries may hold anything.
 */
#ifndef TRO_ONNX_PROTO_H
#define TRO_ONNX_PROTO_H

#include <trocar/trocar.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/file.h"

/* TensorProto.DataType */
enum tro_onnx_type {
    TRO_ONNX_UNDEFINED = 0,
    TRO_ONNX_FLOAT = 1,
    TRO_ONNX_UINT8 = 2,
    TRO_ONNX_INT8 = 3,
    TRO_ONNX_UINT16 = 4,
    TRO_ONNX_INT16 = 5,
    TRO_ONNX_INT32 = 6,
    TRO_ONNX_INT64 = 7,
    TRO_ONNX_STRING = 8,
    TRO_ONNX_BOOL = 9,
    TRO_ONNX_FLOAT16 = 10,
    TRO_ONNX_DOUBLE = 11,
    TRO_ONNX_UINT32 = 12,
    TRO_ONNX_UINT64 = 13,
    TRO_ONNX_COMPLEX64 = 14,
    TRO_ONNX_COMPLEX128 = 15,
    TRO_ONNX_BFLOAT16 = 16,
    TRO_ONNX_FLOAT8E4M3FN = 17,
    TRO_ONNX_FLOAT8E4M3FNUZ = 18,
    TRO_ONNX_FLOAT8E5M2 = 19,
    TRO_ONNX_FLOAT8E5M2FNUZ = 20,
    TRO_ONNX_UINT4 = 21,
    TRO_ONNX_INT4 = 22,
    TRO_ONNX_FLOAT4E2M1 = 23
};

/* Ours, TRO_DTYPE_NONE for string, complex and unknown ones; and back. */
enum tro_dtype tro_onnx_to_dtype(int onnx_type);
int tro_onnx_from_dtype(enum tro_dtype dtype);
/* "tensor(float)" style name for messages: "float", "string", "complex64", "type 99" (the last
 * one valid until the thread's next call). */
const char *tro_onnx_type_name(int onnx_type);

struct tro_onnx_graph;

struct tro_onnx_pair {
    struct tro_str key, value, unknown;
};

struct tro_onnx_tensor {
    struct tro_str name, doc;
    int64_t *dims;
    size_t n_dims;
    int32_t data_type;
    bool has_data_type;
    bool is_external, has_location; /* data_location is EXTERNAL; is there at all */
    bool has_segment;               /* part of a larger tensor: decoding refuses it */
    bool has_raw;
    struct tro_str raw; /* raw_data */
    /* The one of float_data, int32_data, int64_data, double_data and uint64_data that is not empty,
     * by its field number (0: none), in packed form: little-endian floats or varints. A view when
     * the file has it in one piece. */
    int32_t typed_field;
    struct tro_str typed;
    struct tro_str *string_data;
    size_t n_string_data;
    struct tro_onnx_pair *external; /* location, offset, length, checksum */
    size_t n_external;
    struct tro_str unknown;
};

enum tro_onnx_attr_type {
    TRO_ONNX_ATTR_UNDEFINED = 0,
    TRO_ONNX_ATTR_FLOAT = 1,
    TRO_ONNX_ATTR_INT = 2,
    TRO_ONNX_ATTR_STRING = 3,
    TRO_ONNX_ATTR_TENSOR = 4,
    TRO_ONNX_ATTR_GRAPH = 5,
    TRO_ONNX_ATTR_FLOATS = 6,
    TRO_ONNX_ATTR_INTS = 7,
    TRO_ONNX_ATTR_STRINGS = 8,
    TRO_ONNX_ATTR_TENSORS = 9,
    TRO_ONNX_ATTR_GRAPHS = 10,
    TRO_ONNX_ATTR_SPARSE_TENSOR = 11,
    TRO_ONNX_ATTR_SPARSE_TENSORS = 12,
    TRO_ONNX_ATTR_TYPE_PROTO = 13,
    TRO_ONNX_ATTR_TYPE_PROTOS = 14
};

struct tro_onnx_attr {
    struct tro_str name, doc, ref_attr_name;
    int32_t type;    /* enum tro_onnx_attr_type */
    bool omits_type; /* the file leaves it out: guessed from the fields, and not written back */
    bool has_f, has_i;
    float f;
    int64_t i;
    struct tro_str s;
    struct tro_onnx_tensor *t;
    struct tro_onnx_graph *g;
    float *floats;
    size_t n_floats;
    int64_t *ints;
    size_t n_ints;
    struct tro_str *strings;
    size_t n_strings;
    struct tro_onnx_tensor *tensors;
    size_t n_tensors;
    struct tro_onnx_graph *graphs;
    size_t n_graphs;
    struct tro_str unknown; /* sparse tensors and type protos lie here undecoded */
};

struct tro_onnx_node {
    struct tro_str name, op_type, domain, overload, doc;
    bool is_domain_spelled; /* the file says "ai.onnx" */
    struct tro_str *inputs;
    size_t n_inputs;
    struct tro_str *outputs;
    size_t n_outputs;
    struct tro_onnx_attr *attrs;
    size_t n_attrs;
    struct tro_str unknown; /* metadata_props included */
};

struct tro_onnx_dim {
    bool has_value;
    int64_t value;
    struct tro_str param;   /* symbol; empty and !has_value: unknown; unused when has_value */
    struct tro_str unknown; /* denotation included */
};

/* TypeProto, TypeProto.Tensor and TensorShapeProto are taken apart into this one struct. */
struct tro_onnx_value_info {
    struct tro_str name, doc;
    const char *kind; /* "tensor", "sequence", "map", "optional", "sparse tensor", "none", ... */
    bool has_type;    /* there is a TypeProto */
    bool is_tensor;   /* it holds a tensor_type */
    bool has_elem_type;
    bool has_shape;    /* without dims: a scalar */
    int32_t elem_type; /* TensorProto.DataType; 0 when there is no type */
    struct tro_onnx_dim *dims;
    size_t n_dims;
    struct tro_str type_bytes; /* TypeProto without tensor_type: the whole type where !is_tensor */
    struct tro_str tensor_unknown, shape_unknown, unknown;
};

struct tro_onnx_graph {
    struct tro_str name, doc;
    struct tro_onnx_node *nodes;
    size_t n_nodes;
    struct tro_onnx_tensor *initializers;
    size_t n_initializers;
    struct tro_onnx_value_info *inputs;
    size_t n_inputs;
    struct tro_onnx_value_info *outputs;
    size_t n_outputs;
    struct tro_onnx_value_info *value_infos;
    size_t n_value_infos;
    size_t n_sparse_initializers; /* kept in unknown; importing refuses them */
    struct tro_str unknown;
};

struct tro_onnx_opset {
    struct tro_str domain;
    int64_t version;
    bool has_version;
    bool is_domain_spelled; /* the file says "ai.onnx" */
    struct tro_str unknown;
};

struct tro_onnx_function {
    struct tro_str name, domain, overload, doc;
    bool is_domain_spelled;
    struct tro_str *inputs;
    size_t n_inputs;
    struct tro_str *outputs;
    size_t n_outputs;
    struct tro_str *attrs; /* names without default */
    size_t n_attrs;
    struct tro_onnx_attr *attr_protos; /* with default */
    size_t n_attr_protos;
    struct tro_onnx_node *nodes;
    size_t n_nodes;
    struct tro_onnx_opset *opsets;
    size_t n_opsets;
    struct tro_onnx_value_info *value_infos;
    size_t n_value_infos;
    struct tro_str unknown;
};

struct tro_onnx_model {
    struct tro_arena arena;
    struct tro_file file; /* the bytes the views point into */
    char *dir;            /* folder of the file, for external data; NULL from memory */
    bool has_ir_version, has_model_version;
    int64_t ir_version;
    struct tro_onnx_opset *opsets;
    size_t n_opsets;
    struct tro_str producer_name, producer_version, domain, doc;
    int64_t model_version;
    struct tro_onnx_graph graph;
    struct tro_onnx_pair *metadata;
    size_t n_metadata;
    struct tro_onnx_function *functions;
    size_t n_functions;
    struct tro_str unknown; /* training_info included */
};

/* ---- reading --------------------------------------------------------------------------- */

/* Nesting of messages allowed in a file, as in Google's parsers; a graph within a graph takes three
 * (node, attribute, graph). */
#define TRO_ONNX_MAX_DEPTH 100

/* Reads a whole model. Memory used is bounded by a multiple of the file's size, whatever it holds:
 * some 10 times the part that is not weights in real models, 42 times at worst. Time is linear.
 * Repeated fields may be packed or not, fields come in any order, and of a number or text given
 * twice the last counts; a message given twice where one is expected is refused. NULL with err on
 * damage; messages give the byte offset. A graph is there, nodes have an op_type, attributes, value
 * infos, initializers and functions a name. */
struct tro_onnx_model *tro_onnx_read(const char *path, struct tro_err *err);
/* bytes are copied. */
struct tro_onnx_model *tro_onnx_read_memory(const void *bytes, size_t n, const char *name,
                                            struct tro_err *err);
void tro_onnx_free(struct tro_onnx_model *m);

/* A TensorProto alone (.pb files of the conformance tests): *t views bytes, which outlive it. */
int tro_onnx_read_tensor(struct tro_arena *arena, struct tro_str bytes, struct tro_onnx_tensor *t,
                         struct tro_err *err);

/* ---- tensors --------------------------------------------------------------------------- */

/* Decodes to a dense tensor: a view of the raw bytes where alignment and type allow, else in the
 * arena; so it is good while both the message's bytes and the arena are. 4-bit types come one byte
 * an element, bool as 0 or 1. Strings and complex numbers, more than TRO_MAX_RANK dimensions and
 * numbers of elements that do not fit the data are refused. External data is read from model->dir:
 * paths that leave the folder, symbolic links, offsets and lengths outside the file, and files that
 * are not regular are refused; model may be NULL: external data is then refused. */
int tro_onnx_tensor_decode(struct tro_onnx_model *model, struct tro_arena *arena,
                           const struct tro_onnx_tensor *t, struct tro_tensor *out,
                           struct tro_err *err);
/* A TensorProto with raw data (4-bit packed) that views or copies t's data in the arena. */
int tro_onnx_tensor_encode(struct tro_arena *arena, struct tro_str name, const struct tro_tensor *t,
                           struct tro_onnx_tensor *out, struct tro_err *err);

/* ---- writing --------------------------------------------------------------------------- */

/* The model as bytes, appended to out: fields by number, as protobuf writes them, and unknown ones
 * last. Tensor data keeps its form, external tensors their reference. Same model, same bytes. More
 * than 2 GiB is refused, as no other reader would take it. */
int tro_onnx_write(const struct tro_onnx_model *m, struct tro_buf *out, struct tro_err *err);
void tro_onnx_write_tensor(const struct tro_onnx_tensor *t, struct tro_buf *out);

/* ---- looking up ------------------------------------------------------------------------ */

const struct tro_onnx_attr *tro_onnx_find_attr(const struct tro_onnx_node *n, const char *name);
/* Version of a domain the model imports; 0 when it does not. */
int64_t tro_onnx_opset_version(const struct tro_onnx_model *m, struct tro_str domain);
/* Value of a metadata key; empty when absent. */
struct tro_str tro_onnx_metadata(const struct tro_onnx_model *m, const char *key);
/* Sets or replaces one metadata entry. */
int tro_onnx_set_metadata(struct tro_onnx_model *m, const char *key, const char *value,
                          struct tro_err *err);

#endif
