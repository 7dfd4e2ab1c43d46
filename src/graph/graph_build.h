/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/graph: what the files that build graphs share. */
#ifndef TRO_GRAPH_GRAPH_BUILD_H
#define TRO_GRAPH_GRAPH_BUILD_H

#include "graph/graph.h"
#include "graph/infer.h"

/* Adds a value; its name is copied, and made unique with a suffix. NULL and "" give a made-up
 * one. */
int tro_graph_add_value(struct tro_graph *g, const char *name, const struct tro_value *value,
                        tro_value_id *out, struct tro_err *err);

/* The operand that a value is for inference; absent for no value. */
struct tro_operand tro_operand_of(const struct tro_graph *g, tro_value_id v);

/* False when types, ranks or sizes cannot be equal whatever the symbols are. */
bool tro_shape_may_equal(struct tro_dims *t, const struct tro_shape *a, const struct tro_shape *b);

/* Type and rank are ones, no size is negative, the least number of bytes is one an address has. */
int tro_shape_check(const struct tro_dims *t, enum tro_dtype dtype, const struct tro_shape *shape,
                    struct tro_err *err);

/* Gives a value a name that the caller knows to be free. */
int tro_value_set_name(struct tro_graph *g, tro_value_id v, const char *name);

/* May the value be used in that block? */
bool tro_value_is_usable(const struct tro_graph *g, tro_value_id v, tro_block_id b);

#endif
