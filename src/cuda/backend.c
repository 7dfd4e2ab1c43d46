/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/cuda.h"

enum { TRO_OP_POINTWISE = TRO_N_OPS };

static const struct tro_emitter emitters[] = {
#define EMITTER(op, name) {(enum tro_op)TRO_OP_##op, tro_cuda_emit_##name, false},
#define FOLDING(op, name) {(enum tro_op)TRO_OP_##op, tro_cuda_emit_##name, true},
#include "cuda/emitters.def"
#undef EMITTER
#undef FOLDING
    {TRO_N_OPS, NULL, false},
};

const struct tro_backend tro_cuda_backend = {
    .name = "cuda",
    .emitters = emitters,
    .n_emitters = sizeof emitters / sizeof emitters[0] - 1,
    .emit_copy = tro_cuda_emit_copy,
};
