/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: questions about nodes of an optimized graph, whose products take 16 bits. */
#ifndef TRO_QUANT_HALF_PARTS_H
#define TRO_QUANT_HALF_PARTS_H

#include "quant/halves.h"
#include "quant/watch.h"

enum { TRO_HALF_OPERANDS = 3 };

/* What a convolution, product, attention or recurrent network, alone or first in a fused node,
 * multiplies: values of the node's block, and constants. How many; out has TRO_HALF_OPERANDS. */
int tro_half_operands(const struct tro_graph *g, const struct tro_node *n, tro_value_id *out);

/* Name of a node, or of its first result where it has none. */
const char *tro_half_layer(const struct tro_graph *g, const struct tro_node *n);

bool tro_half_is_output(const struct tro_graph *g, tro_value_id v);
/* An output of the block. */
bool tro_half_is_result(const struct tro_block *b, tro_value_id v);
bool tro_half_uses(const struct tro_node *n, tro_value_id v);

#endif
