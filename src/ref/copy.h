/* SPDX-License-Identifier: Apache-2.0 */
/* Copies between strided views: what most operators of kind MOVE come down to. */
#ifndef TRO_REF_COPY_H
#define TRO_REF_COPY_H

#include "ref/ref.h"

/* Twice the rank of a tensor: tile splits each axis in two. */
#define TRO_COPY_RANK (2 * TRO_MAX_RANK)

/* Strides in elements, negative ones and 0 (repeats) included; the views begin at dst and src. */
struct tro_copy {
    size_t elem_size; /* 1, 2, 4 or 8 */
    void *dst;
    const void *src;
    int rank;
    int64_t shape[TRO_COPY_RANK];
    int64_t dst_stride[TRO_COPY_RANK], src_stride[TRO_COPY_RANK];
};

void tro_copy_run(const struct tro_copy *c);

/* Copies the box of this shape at `at` in dense tensor src to `to` in dense tensor dst. NULL is the
 * origin; both tensors have the same rank and type. */
void tro_copy_box(const struct tro_tensor *dst, const int64_t *to, const struct tro_tensor *src,
                  const int64_t *at, const int64_t *shape);

/* Fills n elements with the one at value (NULL = zero bits). */
void tro_copy_fill(void *dst, int64_t n, size_t elem_size, const void *value);

#endif
