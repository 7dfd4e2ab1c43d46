/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products on CUDA against the reference. */
#include "gemm_kit.h"

static void check_product(const char *a, const char *b)
{
    begin();
    put("input %%a : f32[%s]\ninput %%b : f32[%s]\n%%y = matmul(%%a, %%b)\noutput %%y\n", a, b);
    CHECK(check_precisions("gem"));
}

static void check_constant(const char *a, const char *b, int64_t n)
{
    begin();
    put("input %%a : f32[%s]\n", a);
    put_const("b", b, n);
    put("%%y = matmul(%%a, %%b)\noutput %%y\n");
    CHECK(check_precisions("gem"));
}

TEST(constant_b)
{
    check_constant("7,16", "16,24", (int64_t)16 * 24);
    check_constant("2,33,40", "40,65", (int64_t)40 * 65);
    check_constant("2,3,5,19", "19,9", (int64_t)19 * 9);
    check_constant("3,9,16", "3,16,8", (int64_t)3 * 16 * 8);
    check_constant("2,3,9,16", "3,16,8", (int64_t)3 * 16 * 8);
}

TEST(few_rows)
{
    check_constant("1,72", "72,100", (int64_t)72 * 100);
    CHECK(cuda_has("gemv"));
    check_constant("3,600", "600,13", (int64_t)600 * 13);
    CHECK(cuda_has("gemv"));
    check_constant("14,64", "64,40", (int64_t)64 * 40);
}

TEST(b_by_rows)
{
    check_product("9,16", "16,24");
    check_product("2,3,17,40", "2,3,40,48");
    check_product("2,3,17,40", "3,40,8");
    check_product("3,17,40", "2,3,40,8");
    check_product("65,33", "33,72");
    check_product("50,64", "64,21");
}

TEST(b_by_columns)
{
    begin();
    put("input %%a : f32[2,3,17,32]\ninput %%b : f32[2,3,21,32]\n"
        "%%t = transpose(%%b) {perm = [0,1,3,2]}\n%%y = matmul(%%a, %%t)\noutput %%y\n");
    CHECK(check_precisions("gemm"));
}

/* Heads of an attention: batch axes inside of the rows. */
TEST(heads)
{
    begin();
    put("input %%q : f32[2,17,3,16]\ninput %%k : f32[2,17,3,16]\ninput %%v : f32[2,17,3,16]\n"
        "%%a = transpose(%%q) {perm = [0,2,1,3]}\n%%b = transpose(%%k) {perm = [0,2,3,1]}\n"
        "%%c = transpose(%%v) {perm = [0,2,1,3]}\n%%s = matmul(%%a, %%b)\n%%y = matmul(%%s, %%c)\n"
        "output %%y\n");
    CHECK(check_precisions("gemm"));
}

TEST(epilogue)
{
    begin();
    put("input %%a : f32[2,19,32]\ninput %%r : f32[2,19,48]\n");
    put_const("w", "32,48", (int64_t)32 * 48);
    put_const("c", "48", 48);
    put("const %%zero : f32[] = 0\n"
        "%%y = fused(%%a, %%w, %%c, %%r, %%zero) {\n  input %%a0 : f32[2,19,32]\n"
        "  input %%w0 : f32[32,48]\n  input %%c0 : f32[48]\n  input %%r0 : f32[2,19,48]\n"
        "  input %%zero0 : f32[]\n  %%m = matmul(%%a0, %%w0)\n  %%p = add(%%m, %%c0)\n"
        "  %%q = add(%%p, %%r0)\n  %%z = max(%%q, %%zero0)\n  output %%z\n}\noutput %%y\n");
    CHECK(check_precisions("gemm"));
    CHECK(strstr(cuda_kernels(), "pointwise") == NULL);
}
