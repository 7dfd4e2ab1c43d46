/* SPDX-License-Identifier: Apache-2.0 */
/* Index tensors. */
#ifndef TRO_REF_INDEX_H
#define TRO_REF_INDEX_H

#include "ref/ref.h"

/* Element i of an index tensor: in [-size, size), to [0, size). Fails with a message otherwise. */
int tro_ref_index(struct tro_ref_call *c, const struct tro_tensor *indices, int64_t i, int64_t size,
                  int64_t *out);

/* Index tuples: the last axis of `indices` holds n_index entries, for the axes of x from `first`
 * on. Element offset that tuple number i gives; strides are x's. */
int tro_ref_index_tuple(struct tro_ref_call *c, const struct tro_tensor *x,
                        const struct tro_tensor *indices, int64_t i, int first,
                        const int64_t *strides, int64_t *offset);

#endif
