/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of small integer tensors as sizes: what shape arithmetic in a network computes. */
#ifndef TRO_GRAPH_ELEMS_H
#define TRO_GRAPH_ELEMS_H

#include "graph/infer.h"

/* Fills out[].elems of a call whose types and shapes are done, where the contents follow exactly
 * from known ones; leaves them NULL otherwise. */
void tro_infer_elems(struct tro_infer_call *c);

/* Elements of a shape whose sizes are all constants and at most TRO_MAX_INTS in product; -1
 * otherwise. */
int tro_shape_small(const struct tro_shape *s);

/* The elements of an integer or bool operand, when they are known; n is at most TRO_MAX_INTS. What
 * lies beyond +-TRO_DIM_MAX is cut to it (the "to the end" of slices): such elements are moved, but
 * nothing is computed from them. */
bool tro_operand_elems(const struct tro_operand *o, struct tro_dim_list *out);

#endif
