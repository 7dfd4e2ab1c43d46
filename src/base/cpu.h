/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor can do and the operating system lets us use: bits from cpuid with the register
 * state that XCR0 enables on x86-64, from the auxiliary vector on aarch64. Bits can be masked, so
 * that every level is tested on one machine.
 */
#ifndef TRO_BASE_CPU_H
#define TRO_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* One row a level, least first; a level implies those its needs name.
 *        id         text          needs                                                        */
#define TRO_CPU_LEVELS(X)                                                        \
    X(AVX2, "avx2", 0)                          /* AVX2, FMA, F16C, BMI */       \
    X(AVXVNNI, "avxvnni", TRO_CPU_AVX2)         /* 256-bit 8-bit dot products */ \
    X(AVX512, "avx512", TRO_CPU_AVX2)           /* AVX-512 F, BW, CD, DQ, VL */  \
    X(AVX512VNNI, "avx512vnni", TRO_CPU_AVX512) /* 8-bit dot products */         \
    X(NEON, "neon", 0)                                                           \
    X(NEONDOT, "neondot", TRO_CPU_NEON) /* 8-bit dot products (Armv8.2 DotProd) */

enum tro_cpu_bit {
#define TRO_CPU_BIT(id, text, needs) TRO_CPU_BIT_##id,
    TRO_CPU_LEVELS(TRO_CPU_BIT)
#undef TRO_CPU_BIT
        TRO_N_CPU_BITS
};
enum {
#define TRO_CPU_FLAG(id, text, needs) TRO_CPU_##id = 1 << TRO_CPU_BIT_##id,
    TRO_CPU_LEVELS(TRO_CPU_FLAG)
#undef TRO_CPU_FLAG
};

/* Bits of this machine that the mask lets through. Threads may ask at any time. */
uint32_t tro_cpu_flags(void);

/* From now on only bits in the mask count, and those whose needs are met; UINT32_MAX = all. */
void tro_cpu_mask(uint32_t mask);

/* "generic" = no bit, the name of a level = that level with what it needs, "native" = all. False
 * for another word. */
bool tro_cpu_level_mask(const char *level, uint32_t *mask);

/* The name of the processor as the machine gives it, "" when it gives none: part of the key of
 * what was tuned. */
const char *tro_cpu_name(void);

#endif
