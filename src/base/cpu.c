/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

static atomic_uint_fast32_t mask_set = UINT32_MAX;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t machine_flags;
static char machine_name[64];

static const struct {
    const char *text;
    uint32_t needs;
} levels[TRO_N_CPU_BITS] = {
#define LEVEL(id, text, needs) {text, needs},
    TRO_CPU_LEVELS(LEVEL)
#undef LEVEL
};

#if defined(__x86_64__)

/* Register state that the operating system saves: bits 1, 2 SSE and AVX, 5 to 7 AVX-512. */
static uint32_t xcr0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

static uint32_t detect(void)
{
    uint32_t a, b, c, d, flags = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    const bool has_xsave = c & bit_OSXSAVE, has_fma = c & bit_FMA, has_f16c = c & bit_F16C;
    const uint32_t state = has_xsave ? xcr0() : 0;
    const bool has_ymm = (state & 0x06) == 0x06, has_zmm = (state & 0xe6) == 0xe6;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    const uint32_t wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
    if (has_ymm && has_fma && has_f16c && (b & bit_AVX2) && (b & bit_BMI))
        flags |= TRO_CPU_AVX2;
    if (has_zmm && (b & wanted) == wanted)
        flags |= TRO_CPU_AVX512;
    if (c & bit_AVX512VNNI)
        flags |= TRO_CPU_AVX512VNNI;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 0x10))
        flags |= TRO_CPU_AVXVNNI;
    return flags;
}

static void name(char out[64])
{
    uint32_t r[12] = {0}, most = 0;
    if (__get_cpuid(0x80000000, &most, &r[1], &r[2], &r[3]) && most >= 0x80000004)
        for (uint32_t i = 0; i < 3; i++)
            __get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
    else
        memset(r, 0, sizeof r);
    memcpy(out, r, sizeof r);
    out[sizeof r] = 0;
    for (size_t n = strlen(out); n > 0 && out[n - 1] == ' '; n--)
        out[n - 1] = 0;
}

#elif defined(__aarch64__)

#define HWCAP_DOTPROD_BIT (1ul << 20)

static uint32_t detect(void)
{
    uint32_t flags = TRO_CPU_NEON;
#ifdef __linux__
    if (getauxval(AT_HWCAP) & HWCAP_DOTPROD_BIT)
        flags |= TRO_CPU_NEONDOT;
#endif
    return flags;
}

/* Implementer and part, as the kernel lists them: aarch64 has no name. */
static void name(char out[64])
{
    char line[256], implementer[16] = "", part[16] = "";
    FILE *const f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "CPU implementer : %15s", implementer);
        sscanf(line, "CPU part : %15s", part);
    }
    if (f)
        fclose(f);
    snprintf(out, 64, "arm %s %s", implementer, part);
}

#else

static uint32_t detect(void)
{
    return 0;
}

static void name(char out[64])
{
    out[0] = 0;
}

#endif

static void look(void)
{
    machine_flags = detect();
    name(machine_name);
}

uint32_t tro_cpu_flags(void)
{
    pthread_once(&once, look);
    uint32_t flags = machine_flags & (uint32_t)atomic_load(&mask_set);
    for (int i = 0; i < TRO_N_CPU_BITS; i++) /* needs come before what needs them */
        if ((flags & levels[i].needs) != levels[i].needs)
            flags &= ~(UINT32_C(1) << i);
    return flags;
}

void tro_cpu_mask(uint32_t mask)
{
    atomic_store(&mask_set, mask);
}

bool tro_cpu_level_mask(const char *level, uint32_t *mask)
{
    if (!strcmp(level, "native") || !strcmp(level, "generic")) {
        *mask = level[0] == 'n' ? UINT32_MAX : 0;
        return true;
    }
    for (int i = 0; i < TRO_N_CPU_BITS; i++) {
        if (strcmp(level, levels[i].text) != 0)
            continue;
        *mask = UINT32_C(1) << i | levels[i].needs;
        for (int k = i; k-- > 0;)
            if (*mask >> k & 1)
                *mask |= levels[k].needs;
        return true;
    }
    return false;
}

const char *tro_cpu_name(void)
{
    pthread_once(&once, look);
    return machine_name;
}
