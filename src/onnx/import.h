/* SPDX-License-Identifier: Apache-2.0 */
/* From an ONNX model to our graph. */
#ifndef TRO_ONNX_IMPORT_H
#define TRO_ONNX_IMPORT_H

#include "base/map.h"
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

/* The same, and the main graph's tensors by their ONNX names -> value ids: values made inside
 * functions and branches may have taken the same names, so g's own are no key. An initializer that
 * no node takes is left out. The keys are the model's; the caller finishes the map. */
int tro_onnx_import_named(struct tro_onnx_model *m, struct tro_graph **out, struct tro_map *names,
                          struct tro_err *err);

/* About how many elements a node touches: an upper bound from the shapes of its operands (data is
 * not looked at), INFINITY where shapes do not say. */
double tro_import_work(enum tro_op op, const void *attrs, int n_in, const struct tro_tensor *in,
                       int n_out, const struct tro_tensor *out);

/* True when the operator of that domain and model version has a row in onnx_map.def. */
bool tro_onnx_is_supported(struct tro_str domain, struct tro_str op_type, int64_t version);

#endif
