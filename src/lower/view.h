/* SPDX-License-Identifier: Apache-2.0 */
/* Places as views: what reshape, transpose, slice ... make of strides. */
#ifndef TRO_LOWER_VIEW_H
#define TRO_LOWER_VIEW_H

#include "lower/lower.h"

bool tro_arg_same_place(const struct tro_arg *a, const struct tro_arg *b);
bool tro_arg_has_form(const struct tro_arg *a, enum tro_form form);

/* Strides of memory without gaps: channels last, or row-major for every other form. */
void tro_arg_set_strides(struct tro_arg *a, enum tro_form form);
/* Type and shape of t at offset 0 of buffer 0. */
struct tro_arg tro_arg_of(const struct tro_tensor *t, enum tro_form form);

/* The same elements, in row-major order, in another shape; false when strides cannot say that. */
bool tro_view_reshape(const struct tro_arg *a, const struct tro_tensor *to, struct tro_arg *out);
void tro_view_transpose(const struct tro_arg *a, const struct tro_ints *perm, struct tro_arg *out);
/* a broadcasts to the shape of `to`. */
void tro_view_expand(const struct tro_arg *a, const struct tro_tensor *to, struct tro_arg *out);
/* Elements first, first + step, ... of an axis. */
void tro_view_cut(struct tro_arg *a, int axis, int64_t first, int64_t step, int64_t size);

#endif
