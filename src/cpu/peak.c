/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/peak.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/thread.h"

#define REPEATS 6
#define ROUNDS 200000
#define COPY_BYTES (INT64_C(32) << 20) /* of a thread */
#define MAX_THREADS 256

/* What compilers make of plain loops: vectors of 16 bytes, without fused multiply-adds. */
typedef float vector __attribute__((vector_size(16)));

double tro_peak_f32__base(int64_t n, volatile float *sink)
{
    const vector half = {0.5F, 0.5F, 0.5F, 0.5F}, quarter = half * 0.5F;
    vector acc[TRO_PEAK_CHAINS];
    for (int i = 0; i < TRO_PEAK_CHAINS; i++)
        acc[i] = half * (float)i;
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < TRO_PEAK_CHAINS; i++)
            acc[i] = acc[i] * half + quarter;
    for (int i = 0; i < TRO_PEAK_CHAINS; i++)
        *sink = acc[i][0];
    return (double)n * TRO_PEAK_CHAINS * 2 * 4;
}

static tro_peak_fn *pick(uint32_t cpu_flags)
{
    (void)cpu_flags;
#if defined(__x86_64__)
    if (cpu_flags & TRO_CPU_AVX512)
        return tro_peak_f32__avx512;
    if (cpu_flags & TRO_CPU_AVX2)
        return tro_peak_f32__avx2;
#elif defined(__aarch64__)
    if (cpu_flags & TRO_CPU_NEON)
        return tro_peak_f32__neon;
#endif
    return tro_peak_f32__base;
}

/* Each thread's best of a few, since others may use the machine as well. */
struct race {
    tro_peak_fn *fn;
    double best[MAX_THREADS]; /* operations or bytes a nanosecond */
};

static void multiply(void *ctx, int64_t i)
{
    struct race *r = ctx;
    volatile float sink;
    for (int k = 0; k < REPEATS; k++) {
        const int64_t begin = tro_clock_ns();
        const double n = r->fn(ROUNDS, &sink);
        const double rate = n / (double)(tro_clock_ns() - begin + 1);
        if (rate > r->best[i])
            r->best[i] = rate;
    }
}

static void copy(void *ctx, int64_t i)
{
    struct race *r = ctx;
    char *from = tro_malloc_aligned(COPY_BYTES), *to = tro_malloc_aligned(COPY_BYTES);
    if (from && to) {
        memset(from, 1, COPY_BYTES);
        memset(to, 2, COPY_BYTES);
    }
    for (int k = 0; k < REPEATS && from && to; k++) {
        const int64_t begin = tro_clock_ns();
        memcpy(to, from, COPY_BYTES);
        const double rate = 2.0 * COPY_BYTES / (double)(tro_clock_ns() - begin + 1);
        if (rate > r->best[i])
            r->best[i] = rate;
    }
    tro_free(from);
    tro_free(to);
}

static double run(void (*fn)(void *ctx, int64_t i), uint32_t cpu_flags, int n_threads)
{
    struct race r = {.fn = pick(cpu_flags)};
    double sum = 0;
    tro_parallel_for(n_threads, fn, &r);
    for (int i = 0; i < n_threads; i++)
        sum += r.best[i];
    return sum;
}

struct tro_cpu_peak tro_cpu_peak_measure(uint32_t cpu_flags, int n_threads)
{
    struct tro_cpu_peak p = {0};
    p.n_threads = n_threads < 1 ? 1 : n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    tro_threads_set(p.n_threads);
    p.gflops = run(multiply, cpu_flags, p.n_threads);
    p.gbytes = run(copy, cpu_flags, p.n_threads);
    tro_threads_set(0);
    return p;
}
