/* SPDX-License-Identifier: Apache-2.0 */
/* The CUDA backend: emitters for the lowering (lower/lower.h), which make steps that launch kernels
 * (cuda/launch.h). What runs them is cuda/exec.h. */
#ifndef TRO_CUDA_CUDA_H
#define TRO_CUDA_CUDA_H

#include "cuda/launch.h"
#include "cuda/point.h"
#include "lower/lower.h"

extern const struct tro_backend tro_cuda_backend;

#define EMITTER(op, name) tro_emit_fn tro_cuda_emit_##name;
#define FOLDING(op, name) tro_emit_fn tro_cuda_emit_##name;
#include "cuda/emitters.def"
#undef EMITTER
#undef FOLDING

/* A step that makes to = from: any strides, stored types converted where both are floats. */
int tro_cuda_emit_copy(struct tro_lowering *l, const struct tro_lower_node *n,
                       const struct tro_arg *to, const struct tro_arg *from);

#endif
