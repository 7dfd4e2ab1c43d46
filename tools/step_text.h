/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of engines in words. */
#ifndef TRO_TOOLS_STEP_TEXT_H
#define TRO_TOOLS_STEP_TEXT_H

#include "base/bytes.h"
#include "lower/program.h"

/* "conv + add + relu": the operators of a node, of a fused one those inside. */
void tro_step_print_ops(const struct tro_graph *g, tro_node_id id, struct tro_buf *out);

/* "1x64x56x56 64x64x3x3 64 -> 1x64x56x56": at most three inputs, types other than f32 named.
 * Weights in the form of kernels are left out. */
void tro_step_print_shapes(const struct tro_program *p, const struct tro_step *s,
                           struct tro_buf *out);

#endif
