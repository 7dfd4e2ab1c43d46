/* SPDX-License-Identifier: Apache-2.0 */
#define LEVEL(name) name
#include "cpu/line_tmpl.h"

#include "base/cpu.h"

const struct tro_line_kernels *tro_line_kernels_for(uint32_t cpu_flags)
{
#if defined(__x86_64__)
    if (cpu_flags & TRO_CPU_AVX512)
        return &tro_line_kernels__avx512;
    if (cpu_flags & TRO_CPU_AVX2)
        return &tro_line_kernels__avx2;
#endif
    (void)cpu_flags;
    return &tro_line_kernels;
}
