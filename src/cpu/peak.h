/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine can do at most, measured: the roof that profiles are held against. */
#ifndef TRO_CPU_PEAK_H
#define TRO_CPU_PEAK_H

#include <stdint.h>

struct tro_cpu_peak {
    double gflops; /* float32 multiply-adds from registers, two operations each */
    double gbytes; /* copying between arrays larger than the caches, bytes read and written */
    int n_threads; /* that it is the sum of */
};

/* In some tenth of a second, with this many threads and the instructions in cpu_flags
 * (base/cpu.h). */
struct tro_cpu_peak tro_cpu_peak_measure(uint32_t cpu_flags, int n_threads);

/* n times TRO_PEAK_CHAINS independent multiply-adds of vectors; the number of operations. `sink`
 * receives a sum, so that nothing is left out. */
#define TRO_PEAK_CHAINS 12
typedef double tro_peak_fn(int64_t n, volatile float *sink);
tro_peak_fn tro_peak_f32__base, tro_peak_f32__avx2, tro_peak_f32__avx512, tro_peak_f32__neon;

#endif
