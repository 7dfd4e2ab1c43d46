/* SPDX-License-Identifier: Apache-2.0 */
/* The key of what was tuned. */
#include "base/cpu.h"
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

/* "NAME, avx2 avx512": what a number of threads is added to. Tabs and line ends of a name would end
 * the key in a file. */
static size_t print_machine(uint32_t cpu_flags, char out[TRO_PLAN_CHIP_SIZE])
{
    static const char *const levels[] = {
#define TRO_CPU_TEXT(id, text, needs) text,
        TRO_CPU_LEVELS(TRO_CPU_TEXT)
#undef TRO_CPU_TEXT
    };
    const char *const name = tro_cpu_name();
    size_t n = (size_t)snprintf(out, 128, "%s,", *name ? name : "unknown processor");
    n = n > 127 ? 127 : n;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)out[i] < ' ')
            out[i] = ' ';
    if (cpu_flags == 0)
        n += (size_t)snprintf(out + n, TRO_PLAN_CHIP_SIZE - n, " generic");
    for (int i = 0; i < TRO_N_CPU_BITS; i++)
        if (cpu_flags >> i & 1)
            n += (size_t)snprintf(out + n, TRO_PLAN_CHIP_SIZE - n, " %s", levels[i]);
    return n;
}

void tro_plan_chip(uint32_t cpu_flags, int n_threads, char out[TRO_PLAN_CHIP_SIZE])
{
    const size_t n = print_machine(cpu_flags, out);
    snprintf(out + n, TRO_PLAN_CHIP_SIZE - n, ", %d threads", n_threads);
}

const struct tro_plan_tuned *tro_plan_tuned_for(const struct tro_plan_parts *parts,
                                                uint32_t cpu_flags, int n_threads)
{
    char chip[TRO_PLAN_CHIP_SIZE];
    const size_t n_machine = print_machine(cpu_flags, chip);
    const struct tro_plan_tuned *similar = NULL;
    tro_plan_chip(cpu_flags, n_threads, chip);
    for (size_t i = 0; i < parts->n_tuned; i++) {
        const struct tro_plan_tuned *const t = &parts->tuned[i];
        if (strcmp(t->chip, chip) == 0)
            return t;
        if (!similar && strncmp(t->chip, chip, n_machine + 1) == 0)
            similar = t;
    }
    return similar;
}

/* ---- GPUs --------------------------------------------------------------------------------- */

static size_t print_gpu(int arch, char out[TRO_PLAN_CHIP_SIZE])
{
    return (size_t)snprintf(out, TRO_PLAN_CHIP_SIZE, "cuda sm_%d, ", arch);
}

void tro_plan_gpu_chip(const char *name, int arch, int n_sms, char out[TRO_PLAN_CHIP_SIZE])
{
    const size_t n = print_gpu(arch, out);
    snprintf(out + n, TRO_PLAN_CHIP_SIZE - n, "%d multiprocessors, %s", n_sms, name);
}

const struct tro_plan_tuned *tro_plan_gpu_tuned_for(const struct tro_plan_parts *parts,
                                                    const char *name, int arch, int n_sms)
{
    char chip[TRO_PLAN_CHIP_SIZE], prefix[TRO_PLAN_CHIP_SIZE];
    const size_t n = print_gpu(arch, prefix);
    const struct tro_plan_tuned *similar = NULL;
    tro_plan_gpu_chip(name, arch, n_sms, chip);
    for (size_t i = 0; i < parts->n_tuned; i++) {
        const struct tro_plan_tuned *const t = &parts->tuned[i];
        if (!strcmp(t->chip, chip))
            return t;
        if (!similar && !strncmp(t->chip, prefix, n))
            similar = t;
    }
    return similar;
}
