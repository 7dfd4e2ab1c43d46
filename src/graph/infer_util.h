/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers that the inference functions of several families share. */
#ifndef TRO_GRAPH_INFER_UTIL_H
#define TRO_GRAPH_INFER_UTIL_H

#include "graph/infer.h"

#include "base/err.h"

#include <inttypes.h>

/* A size of which only bounds are known. lo must not exceed hi. */
tro_dim tro_dim_within(struct tro_infer_call *c, int64_t lo, int64_t hi);
/* Anything from nothing to all of d. */
tro_dim tro_dim_part_of(struct tro_infer_call *c, tro_dim d);

/* Both are constants and they differ. */
bool tro_dims_clash(tro_dim a, tro_dim b);
/* Fails unless a size may be `want`, or 1, which broadcasts to it. what: "mask and scores". */
int tro_want_broadcast(const struct tro_infer_call *c, tro_dim have, tro_dim want,
                       const char *what);
/* Product of the sizes first .. end-1. */
tro_dim tro_dims_product(struct tro_infer_call *c, const struct tro_shape *s, int first, int end);

/* Makes output i of that rank; fails above TRO_MAX_RANK. */
int tro_out_rank(struct tro_infer_call *c, int i, int64_t rank);
/* Output i := that type and shape. */
void tro_out_set(struct tro_infer_call *c, int i, enum tro_dtype dtype,
                 const struct tro_shape *shape);

/* Input i holds one element, with whatever rank up to 1. */
int tro_want_one(const struct tro_infer_call *c, int i, const char *what);
/* Input i is a vector of n elements (n < 0: of any number) that stands for a parameter, so that at
 * most TRO_MAX_INTS are possible; a scalar counts as one element. n_found: their number, or -1 when
 * it depends on symbols. */
int tro_want_params(const struct tro_infer_call *c, int i, int64_t n, const char *what,
                    int64_t *n_found);

/* An attribute's list has n entries, each in [lo, hi]. */
int tro_want_list(const struct tro_infer_call *c, const struct tro_ints *list, int n, int64_t lo,
                  int64_t hi, const char *name);
/* An attribute is in [lo, hi]. */
int tro_want_attr(const struct tro_infer_call *c, int64_t v, int64_t lo, int64_t hi,
                  const char *name);

#endif
