/* SPDX-License-Identifier: Apache-2.0 */
/* What `trocar inspect` finds out about a model, gathered once and then printed in three ways. */
#ifndef TRO_TOOLS_INSPECT_H
#define TRO_TOOLS_INSPECT_H

#include "base/json.h"
#include "base/map.h"
#include "graph/graph.h"
#include "onnx/proto.h"

enum tro_check {
#define CHECK(id, title, remedy) TRO_CHECK_##id,
#include "inspect_checks.def"
#undef CHECK
    TRO_N_CHECKS
};

struct tro_finding {
    enum tro_check check;
    const char *text; /* names the node or tensor */
};

struct tro_op_count {
    const char *domain, *op_type; /* domain "" for ONNX's own */
    int64_t version, n;
    bool is_supported;
    const char *node; /* the first one */
};

/* A node of ours that multiplies. */
struct tro_layer {
    const char *node, *tensor; /* of the model's node; of the result */
    const char *op, *form;     /* form: type and shape of the result */
    int64_t n_macs;            /* -1: a size is not known */
    int64_t n_weights;
};

struct tro_weight {
    bool is_read; /* numeric, and its data is there */
    int64_t n_nan, n_infinite;
    double max_abs; /* of finite elements */
    uint64_t hash;  /* of type, sizes and elements */
    size_t n_bytes;
};

struct tro_inspect {
    struct tro_arena arena;
    const char *path;
    struct tro_onnx_model *onnx;
    struct tro_graph *graph; /* NULL: it cannot be imported, and import_err says why */
    struct tro_err import_err;

    struct tro_map values;       /* name in the main graph -> value of graph */
    struct tro_map initializers; /* name -> index, main graph */
    struct tro_map producers;    /* name -> node, main graph */
    struct tro_map uses;         /* name -> how often used, all graphs */
    struct tro_map op_index;     /* domain, operator and version -> index in ops */

    int64_t n_nodes, n_weights, n_weight_bytes; /* nodes: all graphs, functions included */
    struct tro_op_count *ops;                   /* most frequent first */
    size_t n_ops, cap_ops, n_unsupported;
    int64_t own_ops[TRO_N_OPS]; /* nodes of the imported graph */

    struct tro_weight *weights; /* of each initializer of the main graph */
    bool is_half;               /* weights, inputs or outputs are FP16 */

    bool has_free_sizes;      /* those of inputs count as 1 in what follows */
    struct tro_layer *layers; /* in order */
    size_t n_layers, cap_layers;
    int64_t n_macs; /* of the layers where it is known */
    int64_t n_layers_known;
    int64_t peak_bytes; /* of activations alive at one node; 0 without a graph */
    const char *peak_node;
    int64_t n_unsized; /* tensors left out of the peak */

    struct tro_finding *findings; /* by check */
    size_t n_findings, cap_findings;
};

/* TRO_E_INPUT and the like only where the file is no model at all. */
int tro_inspect_open(struct tro_inspect *x, const char *path, struct tro_err *err);
void tro_inspect_close(struct tro_inspect *x);

/* ---- for the checks -------------------------------------------------------------------- */

#define CHECK(id, title, remedy) int tro_check_##id(struct tro_inspect *x, struct tro_err *err);
#include "inspect_checks.def"
#undef CHECK

const char *tro_check_id(enum tro_check check);
const char *tro_check_title(enum tro_check check);
const char *tro_check_remedy(enum tro_check check);

int tro_inspect_add(struct tro_inspect *x, enum tro_check check, struct tro_err *err,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A node as findings name it: "node 'conv1' (Conv)", with its result where it has no name. */
const char *tro_inspect_node(struct tro_inspect *x, const struct tro_onnx_node *n);

/* Each node of the main graph, of graphs in attributes and of functions; opsets: those that hold
 * there. A negative return ends it. */
typedef int tro_node_fn(struct tro_inspect *x, const struct tro_onnx_node *n,
                        const struct tro_onnx_opset *opsets, size_t n_opsets, struct tro_err *err);
int tro_inspect_each_node(struct tro_inspect *x, tro_node_fn *fn, struct tro_err *err);

/* The value of that name; NULL when there is none, or no graph. */
const struct tro_value *tro_inspect_value(const struct tro_inspect *x, struct tro_str name);
/* An initializer of the main graph, or the tensor of a Constant node; NULL: neither. */
const struct tro_onnx_tensor *tro_inspect_constant(const struct tro_inspect *x,
                                                   struct tro_str name);
/* How often nodes and outputs of all graphs use it. */
uint32_t tro_inspect_n_uses(const struct tro_inspect *x, struct tro_str name);
bool tro_inspect_is_op(const struct tro_onnx_node *n, const char *op_type);
int64_t tro_inspect_attr_int(const struct tro_onnx_node *n, const char *name, int64_t otherwise);

/* ---- inspect_weights.c ----------------------------------------------------------------- */

/* Reads each initializer once, for the checks. */
int tro_inspect_weights(struct tro_inspect *x, struct tro_err *err);

/* ---- inspect_cost.c -------------------------------------------------------------------- */

int tro_inspect_costs(struct tro_inspect *x, struct tro_err *err);

/* ---- output ---------------------------------------------------------------------------- */

void tro_inspect_print(const struct tro_inspect *x);
/* Copies text into x's arena. */
void tro_inspect_json(struct tro_inspect *x, struct tro_json *j);
void tro_inspect_html(const struct tro_inspect *x, struct tro_buf *out);

/* "1.25 MB", "3.2 G": three digits and a prefix. */
void tro_print_scaled(double v, const char *unit, char *out, size_t n);

#endif
