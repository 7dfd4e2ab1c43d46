/* SPDX-License-Identifier: Apache-2.0 */
/* An open model, for the parts of the library that look inside. */
#ifndef TRO_BUILD_MODEL_H
#define TRO_BUILD_MODEL_H

#include <trocar/build.h>

#include "graph/graph.h"
#include "onnx/proto.h"

const struct tro_graph *tro_model_graph(const struct tro_model *m);
const struct tro_onnx_model *tro_model_onnx(const struct tro_model *m);

/* For those who rewrite a model after it was opened, before a builder or a session is made of it.
 * Metadata goes into plans as notes; the rest of the file is not looked at again. */
struct tro_graph *tro_model_edit_graph(struct tro_model *m);
struct tro_onnx_model *tro_model_edit_onnx(struct tro_model *m);
/* The model's graph is another one from now on, which the model destroys; it has the same inputs
 * and outputs. The first one lives as long as the model, since constants may be its; what replaced
 * it before goes. */
void tro_model_replace_graph(struct tro_model *m, struct tro_graph *g);

#endif
