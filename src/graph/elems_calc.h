/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/graph: small tensors of sizes, for elems.c and elems_calc.c. */
#ifndef TRO_GRAPH_ELEMS_CALC_H
#define TRO_GRAPH_ELEMS_CALC_H

#include "graph/elems.h"

struct tro_small {
    int rank;
    int size[TRO_MAX_RANK];
    struct tro_dim_list e;
};

/* Shape and elements of an integer input; false when they are not known. */
bool tro_small_input(const struct tro_infer_call *c, int i, struct tro_small *out);

/* Linear index to multi-index and back. */
void tro_small_index(const struct tro_small *s, int i, int index[TRO_MAX_RANK]);
int tro_small_at(const struct tro_small *s, const int index[TRO_MAX_RANK]);
/* The element of `from` that element i of `to` takes by broadcasting. */
int tro_small_broadcast(const struct tro_small *to, const struct tro_small *from, int i);

/* Pointwise operators and reductions. */
bool tro_calc_elems(struct tro_infer_call *c, struct tro_small *out);

/* Wraps constants to the type; false when a size may not fit it. Sizes without bound are taken to
 * fit 32 and 64 bits, as a network that computes them in such a type takes them. */
bool tro_small_fit(const struct tro_dims *t, enum tro_dtype dtype, struct tro_dim_list *list);

#endif
