/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/lower: what `if` and loops share. */
#ifndef TRO_LOWER_CONTROL_H
#define TRO_LOWER_CONTROL_H

#include "lower/lowering.h"

/* Where the parts of a node with blocks begin. */
struct tro_block_parts {
    int n_own, n_state, n_slices, n_captures; /* inputs of the block */
    int first_operand;                        /* of state, slices, captures */
    int first_result;                         /* block output that becomes the first state */
};
struct tro_block_parts tro_lower_parts_of(const struct tro_node *n);

/* The axis along which scanned value i of that rank is cut or stacked. */
int tro_lower_scan_axis(const struct tro_ints *axes, int i, int rank);

/* All nodes of a block. */
int tro_lower_block(struct tro_lowering *l, const struct tro_block *b, tro_block_id id);
/* Forgets copies in buffers from n_buffers on: those made by steps of a block are not there when
 * the block does not run. */
void tro_lower_drop_copies(struct tro_lowering *l, uint32_t n_buffers);

struct tro_step *tro_lower_control_step(struct tro_lowering *l, enum tro_step_kind kind,
                                        const char *kernel, int n_in);

/* 1: lowered; 0: its count cannot be said in steps. */
int tro_lower_loop(struct tro_lowering *l, const struct tro_node *node);

#endif
