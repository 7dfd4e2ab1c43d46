/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of graphs with constants of noise, for the tests of CUDA products. */
#ifndef TRO_TESTS_GEMM_KIT_H
#define TRO_TESTS_GEMM_KIT_H

#include "cuda_kit.h"

#include <stdarg.h>

static char *gemm_text;
static size_t gemm_n_text, gemm_cap_text;

__attribute__((format(printf, 1, 2))) static inline void put(const char *fmt, ...)
{
    va_list args;
    if (gemm_n_text + 4096 > gemm_cap_text) {
        gemm_cap_text = 2 * gemm_cap_text + 8192;
        gemm_text = realloc(gemm_text, gemm_cap_text);
    }
    va_start(args, fmt);
    gemm_n_text += (size_t)vsnprintf(gemm_text + gemm_n_text, gemm_cap_text - gemm_n_text, fmt,
                                     args);
    va_end(args);
}

static inline void begin(void)
{
    gemm_n_text = 0;
    put("graph \"g\"\n");
}

/* A constant of noise; shape "3,4" has n elements. */
static inline void put_const(const char *name, const char *shape, int64_t n)
{
    static uint64_t state = 3;
    put("const %%%s : f32[%s] =", name, shape);
    for (int64_t i = 0; i < n; i++)
        put(" %.4f", engine_kit_noise(&state));
    put("\n");
}

/* In every precision, each within its tolerance. */
static inline bool check_precisions(const char *kernel)
{
    static const struct {
        enum tro_precision precision;
        double tolerance;
    } all[] = {{TRO_PRECISION_FP32, 2e-6},
               {TRO_PRECISION_TF32, 3e-3},
               {TRO_PRECISION_FP16, 4e-3},
               {TRO_PRECISION_BF16, 3e-2}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!cuda_check(gemm_text, all[i].tolerance, all[i].precision) || !cuda_has(kernel))
            return false;
    return true;
}

#endif
