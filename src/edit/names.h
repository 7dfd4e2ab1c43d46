/* SPDX-License-Identifier: Apache-2.0 */
/* Names of tensors in a graph and the graphs within. */
#ifndef TRO_EDIT_NAMES_H
#define TRO_EDIT_NAMES_H

#include "base/map.h"
#include "onnx/proto.h"

/* Calls fn for each graph in the attributes of a node. */
void tro_edit_each_graph(struct tro_onnx_node *node, void (*fn)(struct tro_onnx_graph *, void *),
                         void *ctx);

/* How often each name is used: node inputs at all depths, outputs of all graphs. The map is to be
 * finished by the caller. */
int tro_edit_count_uses(const struct tro_onnx_graph *g, struct tro_map *uses);
uint32_t tro_edit_n_uses(const struct tro_map *uses, struct tro_str name);

/* Node inputs named `from` become `to`, at all depths; also outputs of inner graphs, but not those of
 * the graph itself. */
void tro_edit_replace_inputs(struct tro_onnx_graph *g, struct tro_str from, struct tro_str to);

/* Every mention of `from` becomes `to`: inputs, outputs, initializers, declarations, at all depths. */
void tro_edit_rename_all(struct tro_onnx_graph *g, struct tro_str from, struct tro_str to);

bool tro_edit_is_output(const struct tro_onnx_graph *g, struct tro_str name);
bool tro_edit_is_input(const struct tro_onnx_graph *g, struct tro_str name);

/* Every name that is made or declared anywhere, for making new ones. */
int tro_edit_all_names(const struct tro_onnx_graph *g, struct tro_map *names);
/* "stem", "stem_1", ...: not in names yet; it is put there. Empty when memory ran out. */
struct tro_str tro_edit_fresh(struct tro_onnx_model *m, struct tro_map *names, struct tro_str stem);

/* Initializers by name -> index. */
int tro_edit_initializer_map(const struct tro_onnx_graph *g, struct tro_map *map);

/* Room for n more initializers, which are then put at g->initializers[g->n_initializers++]. */
int tro_edit_reserve_initializers(struct tro_onnx_model *m, struct tro_onnx_graph *g, size_t n);
/* Makes room for n nodes at place `at`; the new ones are zeroed. NULL when memory ran out. */
struct tro_onnx_node *tro_edit_insert_nodes(struct tro_onnx_model *m, struct tro_onnx_graph *g,
                                            size_t at, size_t n);

#endif
