/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Editing ONNX models as ONNX: nodes this version does not know stay as they are, names and
 * metadata
 * are kept. Every function changes the model in place; after a failure it may be half changed and
 * only good for tro_onnx_free.
 */
#ifndef TRO_EDIT_EDIT_H
#define TRO_EDIT_EDIT_H

#include "onnx/proto.h"

/* What simplifying did, one row a kind of change. */
#define TRO_EDIT_STEPS(X)                                                        \
    X(identity, "nodes that pass their input on")                                \
    X(branch, "branches of If with a known condition put in place")              \
    X(shape, "results that follow from shapes alone")                            \
    X(constant, "nodes computed from constants")                                 \
    X(constant_node, "Constant nodes turned into initializers")                  \
    X(chain, "chains of Transpose, Reshape, Squeeze and Unsqueeze joined")       \
    X(normalization, "BatchNormalization folded into the convolution before it") \
    X(duplicate, "nodes that compute what another one does")                     \
    X(same_weight, "initializers equal to another one")                          \
    X(dead, "nodes whose results nobody uses")                                   \
    X(unused_weight, "initializers nobody uses")

struct tro_edit_report {
    int64_t n_nodes_before, n_nodes_after; /* graphs in attributes counted, functions not */
#define TRO_EDIT_COUNT(id, text) int64_t n_##id;
    TRO_EDIT_STEPS(TRO_EDIT_COUNT)
#undef TRO_EDIT_COUNT
};

/* Names and order: each tensor is made once and before it is used; the message names the node.
 * Inner
 * tensors that hide one of a graph around theirs get names of their own. Holds for models with
 * operators that are not known, too. */
int tro_edit_check(struct tro_onnx_model *m, struct tro_err *err);

/* Nodes of the main graph and of all graphs in attributes. */
int64_t tro_edit_n_nodes(const struct tro_onnx_graph *g);

/* Constant folding, shape folding, no-operations, duplicates, dead code, until nothing changes.
 * Initializers that are also inputs become constants alone, external data is read in. Quantize and
 * Dequantize nodes on weights are kept: they are what makes a model run in integers. Nodes that are
 * not known stay as they are; a model that contradicts itself is an error. What is computed and
 * kept
 * is bounded by the model's size. */
int tro_edit_simplify(struct tro_onnx_model *m, struct tro_edit_report *report,
                      struct tro_err *err);

/* The part between tensors: inputs and outputs are names of tensors anywhere in the main graph;
 * with
 * none given the model's own ones stay. New inputs get the inferred type and shape. */
int tro_edit_extract(struct tro_onnx_model *m, const struct tro_str *inputs, size_t n_inputs,
                     const struct tro_str *outputs, size_t n_outputs, struct tro_err *err);

/* Fixes the sizes of an input; what was recorded of inner shapes is dropped, outputs follow. */
int tro_edit_set_shape(struct tro_onnx_model *m, struct tro_str input, const int64_t *shape,
                       int rank, struct tro_err *err);

/* Renames a tensor wherever it stands; the new name must be free. */
int tro_edit_rename(struct tro_onnx_model *m, struct tro_str from, struct tro_str to,
                    struct tro_err *err);

/* An NCHW picture input becomes NHWC: a Transpose is put behind it. input empty: the only input of
 * rank 4. Needs opset 7. */
int tro_edit_input_nhwc(struct tro_onnx_model *m, struct tro_str input, struct tro_err *err);

/* A float picture input becomes u8: behind it stand Cast, Mul and Add that compute
 * (x * scale - mean) / std, one mean and std for all or one a channel. */
struct tro_edit_normalize {
    double scale, mean[4], std[4];
    int n_mean, n_std;
    bool is_nhwc; /* where the channels are in that input */
};
int tro_edit_normalize(struct tro_onnx_model *m, struct tro_str input,
                       const struct tro_edit_normalize *n, struct tro_err *err);

/* Reads external data into the model, so that it can be written as one file. */
int tro_edit_embed(struct tro_onnx_model *m, struct tro_err *err);

/* Types and shapes of inner tensors and outputs as they follow from the inputs, where the importer
 * knows the model; a model with operators it does not know keeps what it has, less what is gone.
 * One
 * that contradicts itself is an error. */
int tro_edit_refresh_shapes(struct tro_onnx_model *m, struct tro_err *err);

#endif
