/* SPDX-License-Identifier: Apache-2.0 */
/* Attention on CUDA. */
#include "cuda_kit.h"
#include "test.h"

#include <stdio.h>

/* q, k, v of one product [batch, length, 3 heads head], as exporters cut it, and the result back in
 * rows. */
static bool check_cut(int batch, int heads, int length, int head, const char *mask,
                      double tolerance, enum tro_precision precision)
{
    char text[2048];
    const int c = heads * head;
    snprintf(text, sizeof text,
             "graph \"g\"\n"
             "input %%x : f32[%d,%d,%d]\n"
             "%s%s%s"
             "const %%s5 : i64[5] = %d %d 3 %d %d\nconst %%s4 : i64[4] = %d %d %d %d\n"
             "const %%s3 : i64[3] = %d %d %d\n"
             "const %%c0 : i64[1] = 0\nconst %%c1 : i64[1] = 1\nconst %%c2 : i64[1] = 2\n"
             "const %%c3 : i64[1] = 3\n"
             "%%e = sin(%%x)\n"
             "%%r = reshape(%%e, %%s5)\n%%t = transpose(%%r) {perm = [2,0,3,1,4]}\n"
             "%%q5 = slice(%%t, %%c0, %%c1, %%c0)\n%%q = reshape(%%q5, %%s4)\n"
             "%%k5 = slice(%%t, %%c1, %%c2, %%c0)\n%%k = reshape(%%k5, %%s4)\n"
             "%%v5 = slice(%%t, %%c2, %%c3, %%c0)\n%%v = reshape(%%v5, %%s4)\n"
             "%%a = attention(%%q, %%k, %%v%s) {scale = 0.2}\n"
             "%%b = transpose(%%a) {perm = [0,2,1,3]}\n%%d = reshape(%%b, %%s3)\n"
             "%%y = tanh(%%d)\noutput %%y\n",
             batch, length, 3 * c, mask ? "input %m : f32[" : "", mask ? mask : "",
             mask ? "]\n" : "", batch, length, heads, head, batch, heads, length, head, batch,
             length, c, mask ? ", %m" : "");
    return cuda_check(text, tolerance, precision);
}

TEST(windows)
{
    CHECK(check_cut(4, 3, 49, 32, "4,3,49,49", 1e-2, TRO_PRECISION_FP16));
    CHECK(cuda_has("attention_mma f16 32"));
    CHECK(!strstr(cuda_kernels(), "copy"));
    CHECK(check_cut(2, 2, 49, 32, "1,2,49,49", 1e-2, TRO_PRECISION_FP16));
    CHECK(check_cut(2, 2, 49, 32, "49,49", 3e-2, TRO_PRECISION_BF16));
    CHECK(check_cut(2, 3, 49, 32, "2,3,49,49", 1e-5, TRO_PRECISION_FP32));
    CHECK(cuda_has("attention_simt f32 32"));
}

TEST(long_rows)
{
    CHECK(check_cut(1, 2, 200, 64, NULL, 1e-2, TRO_PRECISION_FP16));
    CHECK(check_cut(1, 1, 130, 128, "130,130", 1e-2, TRO_PRECISION_FP16));
    CHECK(check_cut(1, 2, 65, 16, NULL, 1e-2, TRO_PRECISION_FP16));
    CHECK(check_cut(1, 2, 70, 24, NULL, 1e-2, TRO_PRECISION_FP16));
    CHECK(cuda_has("attention_simt f16 24"));
    CHECK(check_cut(1, 1, 70, 128, NULL, 1e-5, TRO_PRECISION_FP32));
}

#define QKV(q, k, v) \
    "graph \"g\"\ninput %q : f32[" q "]\ninput %k : f32[" k "]\ninput %v : f32[" v "]\n"

TEST(sizes)
{
    CUDA_ENGINE(1e-5, FP32,
                QKV("2,4,5,8", "2,2,19,8", "2,2,19,12") "%y = attention(%q, %k, %v)\noutput %y");
    CUDA_ENGINE(1e-2, FP16,
                QKV("2,4,5,16", "2,2,90,16", "2,2,90,48") "%y = attention(%q, %k, %v)\noutput %y");
    CHECK(cuda_has("attention_mma"));
    CUDA_ENGINE(1e-5, FP32,
                QKV("1,2,33,7", "1,2,40,7",
                    "1,2,40,33") "%y = attention(%q, %k, %v) {is_causal = 1}\noutput %y");
    CUDA_ENGINE(1e-2, FP16,
                QKV("1,2,80,32", "1,2,80,32",
                    "1,2,80,32") "%y = attention(%q, %k, %v) {is_causal = 1}\noutput %y");
}

TEST(masks)
{
    CUDA_ENGINE(1e-5, FP32,
                QKV("1,2,9,8", "1,2,40,8",
                    "1,2,40,8") "input %m : bool[9,40]\n%y = attention(%q, %k, %v, %m)\noutput %y");
    CUDA_ENGINE(
        1e-2, FP16,
        QKV("1,2,70,32", "1,2,100,32",
            "1,2,100,32") "input %m : bool[70,100]\n%y = attention(%q, %k, %v, %m)\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                QKV("1,2,9,8", "1,2,40,8",
                    "1,2,40,8") "input %m : f32[1,1,1,40]\n"
                                "%y = attention(%q, %k, %v, %m) {softcap = 2}\noutput %y");
    CUDA_ENGINE(
        1e-2, FP16,
        QKV("1,2,9,32", "1,2,90,32", "1,2,90,32") "input %m : f32[9,90]\n%y = attention(%q, %k, "
                                                  "%v, %m) {softcap = 2}\noutput %y");
}
