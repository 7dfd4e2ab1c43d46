/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks spread over threads, with memory for each thread. */
#ifndef TRO_REF_PARTS_H
#define TRO_REF_PARTS_H

#include "ref/ref.h"

typedef void tro_parts_fn(void *ctx, int64_t i, void *memory);

/* Calls fn(ctx, i, memory) once for each 0 <= i < n. memory is n_bytes, 64-byte aligned, of one
 * thread at a time; what an earlier call left in it may still be there. work is about the number of
 * operations in all: below some million there is one thread. Fails when memory runs out; then some
 * calls were not made. */
int tro_ref_parts(int64_t n, double work, size_t n_bytes, tro_parts_fn *fn, void *ctx,
                  struct tro_err *err);

#endif
