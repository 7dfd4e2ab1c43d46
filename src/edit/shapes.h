/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations of tensors from what the importer infers. */
#ifndef TRO_EDIT_SHAPES_H
#define TRO_EDIT_SHAPES_H

#include "edit/edit.h"
#include "graph/graph.h"

/* What the importer knows of the main graph's tensors. */
struct tro_edit_types {
    struct tro_graph *ir; /* NULL when the model has operators that are not known */
    struct tro_map values;
    struct tro_map symbols; /* sizes that the model's inputs name */
};
/* An operator that is not known is no failure, a model that contradicts itself is. */
int tro_edit_types_init(struct tro_onnx_model *m, struct tro_edit_types *t, struct tro_err *err);
void tro_edit_types_finish(struct tro_edit_types *t);

/* Type and shape of a tensor of the main graph; sizes that are no constant and no symbol of the
 * model's inputs are left open. False when the tensor is not known. */
bool tro_edit_declare(struct tro_onnx_model *m, const struct tro_edit_types *t, struct tro_str name,
                      struct tro_onnx_value_info *out);

#endif
