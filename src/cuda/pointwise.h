/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that a pointwise program makes alone. */
#ifndef TRO_CUDA_POINTWISE_H
#define TRO_CUDA_POINTWISE_H

#include "cuda/point.h"

/* 1, or a failure. label: as for tro_cuda_step. */
int tro_cuda_point_step(struct tro_lowering *l, const struct tro_lower_node *n,
                        const struct tro_point *point, const char *label);

#endif
