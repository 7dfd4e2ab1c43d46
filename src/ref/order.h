/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting by index. */
#ifndef TRO_REF_ORDER_H
#define TRO_REF_ORDER_H

#include <stdbool.h>
#include <stdint.h>

/* Whether item a stands before item b; items that are equal must be told apart by their index, so
 * that there is one order. */
typedef bool tro_before_fn(const void *ctx, int64_t a, int64_t b);

/* The first k of the items 0 .. n-1, in order. */
void tro_order_first(int64_t *out, int64_t k, int64_t n, tro_before_fn *before, const void *ctx);

#endif
