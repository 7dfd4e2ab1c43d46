/* SPDX-License-Identifier: Apache-2.0 */
/* Names of tensors in a graph and the graphs within. Everything here takes time in proportion to
 * the
 * graph, so steps gather what they change and change it in one pass. */
#ifndef TRO_EDIT_NAMES_H
#define TRO_EDIT_NAMES_H

#include "base/map.h"
#include "onnx/proto.h"

/* Calls fn for each graph in the attributes of a node. */
void tro_edit_each_graph(struct tro_onnx_node *node, void (*fn)(struct tro_onnx_graph *, void *),
                         void *ctx);
/* Calls fn for each tensor name that a graph declares itself: inputs, initializers, outputs of its
 * nodes. A name may come twice; empty ones are left out. */
void tro_edit_each_declared(const struct tro_onnx_graph *g, void (*fn)(struct tro_str, void *),
                            void *ctx);

/* ---- uses ------------------------------------------------------------------------------ */

/* How often each name is used: node inputs at all depths, outputs of all graphs. The map is to be
 * finished by the caller, after a failure too. */
int tro_edit_count_uses(const struct tro_onnx_graph *g, struct tro_map *uses);
/* Takes back what one node of the graph counted. */
int tro_edit_uncount_uses(struct tro_onnx_node *n, struct tro_map *uses);
uint32_t tro_edit_n_uses(const struct tro_map *uses, struct tro_str name);

/* Names of declarations -> index; and names that nodes of the graph itself make -> index of the
 * node. */
int tro_edit_info_map(const struct tro_onnx_value_info *infos, size_t n, struct tro_map *map);
int tro_edit_initializer_map(const struct tro_onnx_graph *g, struct tro_map *map);
int tro_edit_maker_map(const struct tro_onnx_graph *g, struct tro_map *map);

/* ---- renaming -------------------------------------------------------------------------- */

/* From names to names. All-zero: none. */
struct tro_edit_renames {
    struct tro_map map; /* -> index into to */
    struct tro_str *to;
    size_t n, cap;
};
void tro_edit_renames_finish(struct tro_edit_renames *r);
int tro_edit_renames_add(struct tro_edit_renames *r, struct tro_str from, struct tro_str to);
struct tro_str tro_edit_renamed(const struct tro_edit_renames *r, struct tro_str name);

/* In what a node uses: its inputs; inputs of nodes and outputs of the graphs within. */
void tro_edit_rename_uses(struct tro_onnx_node *n, const struct tro_edit_renames *r);
/* In what the nodes of a graph use, not in the graph's own outputs. */
int tro_edit_replace_inputs(struct tro_onnx_graph *g, struct tro_str from, struct tro_str to);
/* Wherever it stands: inputs, outputs, initializers, declarations, at all depths. */
void tro_edit_rename_all(struct tro_onnx_graph *g, const struct tro_edit_renames *r);

/* ---- new names ------------------------------------------------------------------------- */

/* Every name that is made or declared anywhere, for making new ones. */
int tro_edit_all_names(const struct tro_onnx_graph *g, struct tro_map *names);
/* "stem", "stem_1", ...: not in names yet; it is put there. Empty when memory ran out. */
struct tro_str tro_edit_fresh(struct tro_onnx_model *m, struct tro_map *names, struct tro_str stem);

/* ---- room ------------------------------------------------------------------------------ */

/* Room for n more initializers, which are then put at g->initializers[g->n_initializers++]. */
int tro_edit_reserve_initializers(struct tro_onnx_model *m, struct tro_onnx_graph *g, size_t n);
/* Makes room for n nodes at place `at`; the new ones are zeroed. NULL when memory ran out. */
struct tro_onnx_node *tro_edit_insert_nodes(struct tro_onnx_model *m, struct tro_onnx_graph *g,
                                            size_t at, size_t n);

#endif
