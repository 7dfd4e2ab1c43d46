/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations of tensors from what the importer infers. */
#ifndef TRO_EDIT_SHAPES_H
#define TRO_EDIT_SHAPES_H

#include "edit/edit.h"
#include "graph/graph.h"

/* Names of the graph's values -> ids; values of removed nodes left out. */
int tro_edit_value_map(const struct tro_graph *g, struct tro_map *map);

/* Type and shape of a named tensor of the imported graph; sizes that are no constant and no symbol of
 * the model's inputs are left open. */
int tro_edit_declare(struct tro_onnx_model *m, const struct tro_graph *g,
                     const struct tro_map *values, struct tro_str name,
                     struct tro_onnx_value_info *out, struct tro_err *err);

#endif
