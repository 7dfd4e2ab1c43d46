/* SPDX-License-Identifier: Apache-2.0 */
/* Products of cuda/gemm.h by libraries (cuda/library.h): which of them, and their steps. */
#ifndef TRO_CUDA_GEMM_LIBRARY_H
#define TRO_CUDA_GEMM_LIBRARY_H

#include "cuda/library.h"

enum { TRO_GEMM_LIBRARY_MOST = 2 * TRO_LIBRARY_MOST };

struct tro_gemm_library {
    struct tro_library_product product;
    tro_value_id bias, z; /* none where they are absent; a bias that is none is zeros */
};

/* False where no library can do it: what follows the product is more than a bias, a sum and a relu,
 * or memory is not as they take it. */
bool tro_gemm_library_init(const struct tro_lowering *l, const struct tro_lower_node *n,
                           const struct tro_gemm *g, const struct tro_point *point,
                           struct tro_gemm_library *out);

/* Names of candidates, then NULL: all while tuning, else the one that the tuner chose where it can
 * be had. names has room for TRO_GEMM_LIBRARY_MOST and the NULL. */
void tro_gemm_library_list(const struct tro_lowering *l, const struct tro_gemm_library *library,
                           const char *problem, const char **names);
const struct tro_library_plan *tro_gemm_library_plan(const struct tro_lowering *l,
                                                     const struct tro_gemm_library *library,
                                                     const char *name);

/* 1, or a failure. */
int tro_gemm_library_step(struct tro_lowering *l, const struct tro_lower_node *n,
                          const struct tro_gemm *g, const struct tro_gemm_library *library,
                          const struct tro_library_plan *plan, const struct tro_point *point,
                          double n_flops);

#endif
