/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/copy.h"
#include "cpu/cpu.h"

enum { TRO_OP_POINTWISE = TRO_N_OPS };

static const struct tro_emitter emitters[] = {
#define EMITTER(op, name) {(enum tro_op)TRO_OP_##op, tro_cpu_emit_##name, false},
#include "cpu/emitters.def"
#undef EMITTER
    {TRO_N_OPS, NULL, false},
};

const struct tro_backend tro_cpu_backend = {
    .name = "cpu",
    .emitters = emitters,
    .n_emitters = sizeof emitters / sizeof emitters[0] - 1,
    .copy = tro_cpu_copy,
};
