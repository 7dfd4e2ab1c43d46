/* SPDX-License-Identifier: Apache-2.0 */
/* From an ONNX model to our graph. */
#ifndef TRO_ONNX_IMPORT_H
#define TRO_ONNX_IMPORT_H

#include "graph/graph.h"
#include "onnx/proto.h"

/* Newest version of the default domain whose operators are known. */
#define TRO_ONNX_MAX_OPSET 24

/*
 * Imports the main graph: every node becomes some of our operators, local functions and branches of
 * If with a known condition are put in place, small results that depend on constants alone are
 * computed. Inputs that have an initializer become constants. Values keep their ONNX names.
 *
 * TRO_E_UNSUPPORTED names operator, domain, version and node; TRO_E_INPUT says what contradicts
 * what. Tensors may view the model's bytes: the model must outlive the graph.
 */
int tro_onnx_import(struct tro_onnx_model *m, struct tro_graph **out, struct tro_err *err);

/* True when the operator of that domain and model version has a row in onnx_map.def. */
bool tro_onnx_is_supported(struct tro_str domain, struct tro_str op_type, int64_t version);

#endif
