/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of f32 vectors against double, through the pointwise kernels of each level. */
#include "base/cpu.h"
#include "cpu/tile_code.h"
#include "test.h"

#include <stdlib.h>

#define N 4096

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

static const struct function {
    const char *name;
    enum tro_tile_code code;
    double (*exact)(double);
    double lo, hi, ulps;
} functions[] = {
    {"exp", TRO_TILE_F32_EXP, exp, -87.3, 88.7, 2},
    {"log", TRO_TILE_F32_LOG, log, 0, 1e4, 2},
    {"log near 1", TRO_TILE_F32_LOG, log, 0.5, 2, 2},
    {"erf", TRO_TILE_F32_ERF, erf, -5, 5, 2},
    {"sin", TRO_TILE_F32_SIN, sin, -100, 100, 2},
    {"sin far", TRO_TILE_F32_SIN, sin, 5e4, 2e5, 2},
    {"cos", TRO_TILE_F32_COS, cos, -100, 100, 2},
    {"tanh", TRO_TILE_F32_TANH, tanh, -10, 10, 2.5},
    {"sigmoid", TRO_TILE_F32_SIGMOID, sigmoid, -86, 90, 3},
    {"softplus", TRO_TILE_F32_SOFTPLUS, softplus, -86, 90, 3},
    {"silu", TRO_TILE_F32_SILU, silu, -86, 90, 3},
};

/* Units in the last place of an f32 of this size; of the least normal one below. */
static double ulp(double v)
{
    int e;
    frexp(v, &e);
    return ldexp(1, (e < -125 ? -125 : e) - 24);
}

static tro_tile_fn *const *table(int level)
{
#if defined(__x86_64__)
    const uint32_t flags = tro_cpu_flags();
    if (level == 1)
        return flags & TRO_CPU_AVX2 ? tro_tile_float_fns__avx2 : NULL;
    if (level == 2)
        return flags & TRO_CPU_AVX512 ? tro_tile_float_fns__avx512 : NULL;
#endif
    return level ? NULL : tro_tile_float_fns;
}

static void apply(tro_tile_fn *fn, const float *x, float *y, int64_t n)
{
    const struct tro_tile_call c = {.n_rows = 1,
                                    .n_cols = n,
                                    .dst = (char *)y,
                                    .src = {(const char *)x},
                                    .dst_step = 4,
                                    .step = {4}};
    fn(&c);
}

TEST(math_accuracy)
{
    static float x[N], y[N], first[N];
    for (size_t f = 0; f < sizeof(functions) / sizeof(functions[0]); f++)
        for (int level = 0; level < 3; level++) {
            const struct function *const fn = &functions[f];
            double worst = 0, at = 0;
            if (!table(level))
                continue;
            for (int i = 0; i < N; i++)
                x[i] = (float)(fn->lo + (fn->hi - fn->lo) * (i + 0.37) / N);
            apply(table(level)[fn->code], x, y, N);
            for (int i = 0; i < N; i++) {
                const double want = fn->exact((double)x[i]);
                const double error = fabs((double)y[i] - want) / ulp(want);
                if (!(error <= worst)) {
                    worst = error;
                    at = (double)x[i];
                }
            }
            test_check(worst <= fn->ulps, __FILE__, __LINE__, "%s, level %d: %.2f ulp at %.9g",
                       fn->name, level, worst, at);
            if (level == 0)
                memcpy(first, y, sizeof(first));
            test_check(memcmp(first, y, sizeof(first)) == 0, __FILE__, __LINE__,
                       "%s: level %d gives other bits than the base level", fn->name, level);
        }
}

/* x, and what exp, log, erf, tanh, sigmoid, softplus, sin give; nothing may depend on the place
 * within a vector. */
TEST(math_special)
{
    static const float x[] = {0,     -0.0F,  INFINITY, -INFINITY, NAN,    1e-40F, -1e-40F,
                              1e30F, -1e30F, 88.8F,    -104,      -88.5F, 1e-10F};
    static const enum tro_tile_code codes[] = {
        TRO_TILE_F32_EXP,     TRO_TILE_F32_LOG,      TRO_TILE_F32_ERF, TRO_TILE_F32_TANH,
        TRO_TILE_F32_SIGMOID, TRO_TILE_F32_SOFTPLUS, TRO_TILE_F32_SIN};
    static double (*const exact[])(double) = {exp, log, erf, tanh, sigmoid, softplus, sin};
    const int n = sizeof(x) / sizeof(x[0]);
    float y[sizeof(x) / sizeof(x[0])];
    for (int level = 0; level < 3; level++)
        for (int f = 0; f < 7 && table(level); f++) {
            apply(table(level)[codes[f]], x, y, n);
            for (int i = 0; i < n; i++) {
                const double want = (double)(float)exact[f]((double)x[i]), got = (double)y[i];
                const bool ok = isnan(want)
                                    ? isnan(got)
                                    : got == want || fabs(got - want) <= 3 * ulp(want) + 1.2e-38;
                test_check(ok, __FILE__, __LINE__, "function %d, level %d, x %g: %g, expected %g",
                           f, level, (double)x[i], got, want);
            }
        }
}

TEST(math_rounding)
{
    static const float x[] = {0.5F,       1.5F, 2.5F,  -0.5F,  -1.5F,    0.49999997F,
                              8388607.5F, 1e9F, -1e9F, -0.25F, INFINITY, NAN};
    const int n = sizeof(x) / sizeof(x[0]);
    float y[sizeof(x) / sizeof(x[0])];
    for (int level = 0; level < 3 && table(level); level++) {
        static const enum tro_tile_code codes[] = {TRO_TILE_F32_ROUND, TRO_TILE_F32_FLOOR,
                                                   TRO_TILE_F32_CEIL};
        static float (*const exact[])(float) = {rintf, floorf, ceilf};
        for (int f = 0; f < 3; f++) {
            apply(table(level)[codes[f]], x, y, n);
            for (int i = 0; i < n; i++) {
                const float want = exact[f](x[i]);
                test_check(isnan(want) ? isnan(y[i]) : y[i] == want, __FILE__, __LINE__,
                           "function %d, level %d, x %g: %g", f, level, (double)x[i], (double)y[i]);
            }
        }
    }
}
