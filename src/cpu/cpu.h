/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU backend. emitters.def lists what lowers each operator; kernels that exist for several
 * instruction sets are compiled from one template, or written by hand, in files that end in the
 * level's name:
 *
 *     NAME.c                   emitter and portable code, compiled for the base level
 *     NAME__avx2.c, NAME__avx512.c, NAME__avx512vnni.c, NAME__avxvnni.c, NAME__neon.c,
 *     NAME__neondot.c          compiled with that level's options on machines of its kind
 *
 * Kernels are named <kind>_<dtype>_<tile>__<level>.
 */
#ifndef TRO_CPU_CPU_H
#define TRO_CPU_CPU_H

#include "lower/lower.h"

extern const struct tro_backend tro_cpu_backend;

/* One for each row of emitters.def. */
#define EMITTER(op, name) tro_emit_fn tro_cpu_emit_##name;
#include "cpu/emitters.def"
#undef EMITTER

#endif
