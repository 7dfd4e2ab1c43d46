/* SPDX-License-Identifier: Apache-2.0 */
/* Which code runs on which GPU. */
#include "plan/plan.h"

/* Does machine code for one architecture run on a chip of another? NVIDIA CUDA C++ Programming
 * Guide, binary compatibility: within a major version upwards, not between desktop and embedded
 * chips; code of sm_90a uses what other chips do not have. */
static bool runs_on(int code, int chip)
{
    const bool is_alone = code == 90 || code == 87 || chip == 87;
    return code == chip || (!is_alone && code / 10 == chip / 10 && code < chip);
}

const struct tro_plan_target *tro_plan_target_for(const struct tro_plan_parts *parts, int arch)
{
    for (size_t i = parts->n_targets; i-- > 0;)
        if (runs_on(parts->targets[i].arch, arch))
            return &parts->targets[i];
    return parts->n_targets && parts->targets[0].arch <= arch ? &parts->targets[0] : NULL;
}

/* The first code of the kernel, or of the next one. */
static size_t find_key(const struct tro_plan_parts *parts, uint64_t key)
{
    size_t begin = 0, end = parts->n_codes;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        if (parts->codes[middle].key < key)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* Codes of a kernel are in order: machine code, then PTX, the newest last. */
const struct tro_plan_code *tro_plan_code_find(const struct tro_plan_parts *parts, uint64_t key,
                                               int arch)
{
    const struct tro_plan_code *cubin = NULL, *ptx = NULL;
    for (size_t i = find_key(parts, key); i < parts->n_codes && parts->codes[i].key == key; i++) {
        const struct tro_plan_code *const c = &parts->codes[i];
        if (c->kind == TRO_PLAN_CUBIN && runs_on(c->arch, arch))
            cubin = c;
        if (c->kind == TRO_PLAN_PTX && c->arch <= arch)
            ptx = c;
    }
    return cubin ? cubin : ptx;
}
