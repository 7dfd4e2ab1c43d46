/* SPDX-License-Identifier: Apache-2.0 */
/* At fp16 and bf16 sums are of f32: of values that are exact in 16 bits, and whose sums are beyond
 * what f16 holds, or stand still where one more changes nothing (at 2048 in f16, 256 in bf16). */
#include "cuda_kit.h"
#include "test.h"

#include <stdarg.h>

static char text[4096];

static const char *say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return text;
}

/* %e: as many elements of 16 bits, all of this value. */
#define EQUAL(sizes, value)                                   \
    "graph \"g\"\ninput %%x : f32[" sizes                     \
    "]\nconst %%zero : f32[] = 0\nconst %%v : f32[] = " value \
    "\n%%a = mul(%%x, %%zero)\n%%e = add(%%a, %%v)\n"

/* %e: whole numbers from -2 to 2. */
#define WHOLE(sizes) "graph \"g\"\ninput %%x : f32[" sizes "]\n%%e = round(%%x)\n"

/* %e: even numbers from 296 to 304, which 8 bits of mantissa tell apart. */
#define AROUND_300(sizes)                                                                    \
    "graph \"g\"\ninput %%x : f32[" sizes "]\nconst %%two : f32[] = 2\nconst %%v : f32[] = " \
    "300\n%%r = round(%%x)\n%%a = mul(%%r, %%two)\n%%e = add(%%a, %%v)\n"

/* All bits of the mantissa are used: three of them are no number of the type any more. */
#define ODD_F16 "1.0009765625"
#define ODD_BF16 "1.0078125"

static void check_at(const char *kernel, double tolerance, enum tro_precision precision,
                     const char *graph)
{
    char name[64];
    snprintf(name, sizeof name, "%s %s", kernel, precision == TRO_PRECISION_FP16 ? "f16" : "bf16");
    CHECK(cuda_check(graph, tolerance, precision));
    CHECK(cuda_has(name));
}

static void check(const char *kernel, double tolerance, const char *graph)
{
    check_at(kernel, tolerance, TRO_PRECISION_FP16, graph);
    check_at(kernel, tolerance, TRO_PRECISION_BF16, graph);
}

#define REDUCE(sizes, value) \
    EQUAL(sizes, value) "const %%i : i64[1] = 1\n%%y = reduce(%%e, %%i) {kind = %s}\noutput %%y"

TEST(reductions)
{
    static const char *const kinds[] = {"sum", "mean"};
    for (int i = 0; i < 2; i++) {
        check("reduce_rows", 1e-6, say(REDUCE("1,70000", "1"), kinds[i]));
        check("reduce_cols", 1e-6, say(REDUCE("1,70000,4", "1"), kinds[i]));
        check_at("reduce_rows", 1e-6, TRO_PRECISION_FP16, say(REDUCE("3,4100", ODD_F16), kinds[i]));
        check_at("reduce_rows", 1e-6, TRO_PRECISION_BF16,
                 say(REDUCE("3,4100", ODD_BF16), kinds[i]));
        check_at("reduce_cols", 1e-6, TRO_PRECISION_FP16,
                 say(REDUCE("3,4100,8", ODD_F16), kinds[i]));
        check_at("reduce_cols", 1e-6, TRO_PRECISION_BF16,
                 say(REDUCE("3,4100,8", ODD_BF16), kinds[i]));
    }
}

/* A sum that is too large is never stored where what follows makes it small. */
TEST(sums_within_a_fused_step)
{
    check("reduce_rows", 1e-2,
          say(EQUAL("2,3000", "300") "const %%i : i64[1] = 1\nconst %%less : f32[] = 1e-4\n"
                                     "%%z = fused(%%e) {\ninput %%w : f32[2,3000]\n"
                                     "%%s = reduce(%%w, %%i) {kind = sum}\n"
                                     "%%m = mul(%%s, %%less)\noutput %%m\n}\n"
                                     "%%y = neg(%%z)\noutput %%y"));
}

#define SOFTMAX "%%y = softmax(%%e) {axis = 1, is_log = %d}\noutput %%y"

TEST(softmax)
{
    for (int is_log = 0; is_log < 2; is_log++) {
        check("softmax_rows", 1e-5, say(EQUAL("2,4096", "5") SOFTMAX, is_log));
        check("softmax_cols", 1e-5, say(EQUAL("1,4096,8", "5") SOFTMAX, is_log));
        check("softmax_rows", 1e-5, say(WHOLE("2,4096") SOFTMAX, is_log));
        check("softmax_cols", 1e-5, say(WHOLE("1,4096,8") SOFTMAX, is_log));
    }
}

#define NORMALIZE "%%y = normalize(%%e) {axes = [1], epsilon = 1e-5, is_rms = %d}\noutput %%y"

TEST(normalization)
{
    for (int is_rms = 0; is_rms < 2; is_rms++) {
        check("normalize_rows", 2e-5, say(AROUND_300("2,4096") NORMALIZE, is_rms));
        check("normalize_cols", 2e-5, say(AROUND_300("1,4096,8") NORMALIZE, is_rms));
    }
    check("lrn", 1e-4,
          say(EQUAL("1,32,3,4", "300") "%%y = lrn(%%e) {size = 5, alpha = 0.1, beta = 0.75, "
                                       "bias = 1}\noutput %%y"));
}

TEST(attention)
{
    const char *const graph = "graph \"g\"\ninput %%x : f32[1,1,4,%d]\n"
                              "input %%k : f32[1,1,9000,%d]\nconst %%zero : f32[] = 0\n"
                              "const %%one : f32[] = 1\n%%q = exp(%%x)\n"
                              "%%o = mul(%%k, %%zero)\n%%v = add(%%o, %%one)\n"
                              "%%y = attention(%%q, %%o, %%v)\noutput %%y";
    check("attention_mma", 1e-5, say(graph, 16, 16));
    check("attention_simt", 1e-5, say(graph, 12, 12));
}

#define POOL                                                                         \
    "%%y = pool(%%e) {kind = avg, kernel = [%d,%d], strides = [%d,%d], dilations = " \
    "[1,1], pads = [0,0,0,0]}\noutput %%y"

TEST(pools)
{
    /* means are stored in 16 bits here */
    check_at("pool avg", 1e-3, TRO_PRECISION_FP16, say(AROUND_300("2,64,36,36") POOL, 5, 5, 1, 1));
    check_at("pool avg", 6e-3, TRO_PRECISION_BF16, say(AROUND_300("2,64,36,36") POOL, 5, 5, 1, 1));
    check("pool_split avg", 1e-6, say(AROUND_300("1,64,64,64") POOL, 64, 64, 1, 1));
    check("pool_split avg", 1e-6, say(EQUAL("1,8,64,64", "1024") POOL, 64, 64, 1, 1));
}

TEST(products)
{
    CHECK(cuda_check(say(EQUAL("64,4096", "300") "input %%b : f32[4096,64]\n"
                                                 "%%c = mul(%%b, %%zero)\n%%w = add(%%c, %%v)\n"
                                                 "%%y = matmul(%%e, %%w)\noutput %%y"),
                     1e-6, TRO_PRECISION_FP16));
    CHECK(cuda_has("gemm"));
    CHECK(cuda_check(say(EQUAL("1,4096", "300") "input %%b : f32[4096,64]\n"
                                                "%%c = mul(%%b, %%zero)\n%%w = add(%%c, %%v)\n"
                                                "%%y = matmul(%%e, %%w)\noutput %%y"),
                     1e-6, TRO_PRECISION_FP16));
}

TEST(running_sums)
{
    check("cumsum", 1e-6,
          say(EQUAL("2,70000", "1") "const %%i : i64[] = 1\n%%y = cumsum(%%e, %%i)\noutput %%y"));
}
