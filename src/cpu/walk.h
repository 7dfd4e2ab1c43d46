/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over the axes that a kernel does not handle itself: kernels work on lines along some axes,
 * of which one has no gaps; a walk counts the lines and says where each begins in every operand.
 */
#ifndef TRO_CPU_WALK_H
#define TRO_CPU_WALK_H

#include "lower/lower.h"

#define TRO_WALK_OPERANDS 3

struct tro_walk {
    int rank;
    int axis[TRO_MAX_RANK]; /* of the tensor; the innermost one of those that were merged */
    int64_t size[TRO_MAX_RANK];
    int64_t stride[TRO_WALK_OPERANDS][TRO_MAX_RANK]; /* in elements */
    int64_t n;                                       /* lines in all */
};

/* The walk over the axes of a shape that are not in the set `lines` (bits), outermost first as they
 * lie in the first operand. Strides of operands that are NULL are 0. Axes that can be walked as one
 * are merged if merges is true. */
void tro_walk_init(struct tro_walk *w, uint32_t lines, bool merges,
                   const struct tro_arg *operand[TRO_WALK_OPERANDS]);

/* Elements from the beginning of each operand to line i. */
void tro_walk_at(const struct tro_walk *w, int64_t i, int64_t offset[TRO_WALK_OPERANDS]);

/* Lines from i on that lie one innermost stride after the other, at most n. */
int64_t tro_walk_run(const struct tro_walk *w, int64_t i, int64_t n);

/* The innermost stride of operand k; 0 when there is no axis. */
int64_t tro_walk_pitch(const struct tro_walk *w, int k);

/* Indices of line i along its axes, of a walk that was not merged; others are left alone. */
void tro_walk_index(const struct tro_walk *w, int64_t i, int64_t index[TRO_MAX_RANK]);

/* Axes in the set as one axis: its size and strides in both tensors; false when they cannot be. */
bool tro_walk_merge(const struct tro_arg *a, const struct tro_arg *b, uint32_t set, int64_t *size,
                    int64_t *stride_a, int64_t *stride_b);

/* The axis without gaps of an input for kernels on lines, and the form in which to take input and
 * output: channels last where v lies so and is not dense, else rows. */
int tro_walk_form(const struct tro_lowering *l, tro_value_id v, enum tro_form *form);

/* Parts for work of this many elements. */
int tro_walk_parts(const struct tro_lowering *l, int64_t n_items, int64_t n_elems);

#endif
