/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From our graph to an ONNX model, to hand a network that we changed to other tools. What the
 * importer took apart stays apart: a model that shall keep its operators is edited in its ONNX form
 * (edit/).
 *
 * Inputs and outputs keep names, order, types and sizes, symbols included; values keep their names.
 * Constants become initializers. A quantized network has QuantizeLinear and DequantizeLinear with a
 * scale for the tensor or one for each place of an axis. Where sizes are symbols, a reshape is
 * written with one size that follows from the rest, if it can be: empty tensors do not pass it. The
 * same graph gives the same bytes.
 */
#ifndef TRO_ONNX_EXPORT_H
#define TRO_ONNX_EXPORT_H

#include "graph/graph.h"
#include "onnx/proto.h"

/* Version of the default domain that a model gets unless it needs a newer one: ONNX Runtime 1.30
 * refuses some networks with quantized moves at 21, where its own optimizer contradicts itself. */
#define TRO_ONNX_EXPORT_OPSET 19

struct tro_onnx_export_opts {
    int64_t opset; /* 0: TRO_ONNX_EXPORT_OPSET; raised where an operator or a type came later */
    const struct tro_onnx_pair *metadata; /* metadata_props, in this order */
    size_t n_metadata;
};

/* The model views names and constants of the graph, and the metadata: they must outlive it.
 * TRO_E_UNSUPPORTED names the node that has no form in ONNX. opts may be NULL. The caller frees
 * *out, which is NULL on failure. */
int tro_onnx_export(const struct tro_graph *g, const struct tro_onnx_export_opts *opts,
                    struct tro_onnx_model **out, struct tro_err *err);

/* The same as bytes, appended to out. */
int tro_onnx_export_bytes(const struct tro_graph *g, const struct tro_onnx_export_opts *opts,
                          struct tro_buf *out, struct tro_err *err);

#endif
