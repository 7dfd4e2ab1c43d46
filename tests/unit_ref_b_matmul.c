/* SPDX-License-Identifier: Apache-2.0 */
/* Reference matrix products and Einstein sums. */
#include "ref_kit.h"

#include "base/thread.h"
#include "ref/gemm.h"

#define MATMUL(in, out) EVAL(TRO_OP_MATMUL, NULL, in, out)
#define MATMUL_INT(in, out) EVAL(TRO_OP_MATMUL_INT, NULL, in, out)
#define EINSUM(eq, in, out) \
    EVAL(TRO_OP_EINSUM, (&(struct tro_attrs_einsum){.equation = eq}), in, out)

TEST(ref_matmul_values)
{
    MATMUL("f32[3] 1.25 -1.75 -1.25; f32[3] -1 -1.25 1.25", "f32[] -0.625");
    MATMUL("f32[3] 1.5 0.25 -2; f32[3,2] -1.75 -0.75 -0.25 0.5 0 -1", "f32[2] -2.6875 1");
    MATMUL("f32[2,3] -1.5 0.75 1 -2 -1.75 -0.25; f32[3] -0.5 1.75 0", "f32[2] 2.0625 -2.0625");
    MATMUL("f32[2,1,1,2] -0.25 -0.25 0.75 0.25; f32[3,2,1] -1.5 1 1 2 1.25 -1",
           "f32[2,3,1,1] 0.125 -0.75 -0.0625 -0.875 1.25 0.6875");
    MATMUL("f32[2,2,3] -0.75 0.75 0.75 0.75 1.5 -1 1.75 -2 -1.75 2 2 -0.75; f32[3,2] -1.5 "
           "-0.75 -2 1.75 0.75 0.25",
           "f32[2,2,2] 0.1875 2.0625 -4.875 1.8125 0.0625 -5.25 -7.5625 1.8125");
    MATMUL("f32[1,2] -1 0; f32[2,2,2] -1.25 1.25 0 -2 -1 1 0 -0.5", "f32[2,1,2] 1.25 -1.25 1 -1");
    MATMUL("f32[2,1,2,1] -1 -1.75 0.5 0.75; f32[1,2,1,2] 0 1.75 1.75 -1.25",
           "f32[2,2,2,2] 0 -1.75 0 -3.0625 -1.75 1.25 -3.0625 2.1875 0 0.875 0 1.3125 0.875 "
           "-0.625 1.3125 -0.9375");
}

TEST(ref_matmul_types)
{
    MATMUL("f16[1,3] 2048 1 1; f16[3,1] 1 1 1", "f16[1,1] 2050");
    MATMUL("bf16[2,1] 1 2; bf16[1,2] 3 4", "bf16[2,2] 3 4 6 8");
    MATMUL("f64[1,2] 1 1; f64[2,1] 1e300 1", "f64[1,1] 1e300");
    MATMUL("f32[1,3] 16777216 1 1; f32[3] 1 1 1", "f32[1] 16777218");
    /* Integers wrap. */
    MATMUL("i32[1,2] 65536 1; i32[2,1] 65536 7", "i32[1,1] 7");
    MATMUL("u32[2] 4294967295 1; u32[2] 2 1", "u32[] 4294967295");
    MATMUL("i64[1,2] 4611686018427387904 3; i64[2,2] 4 1 5 -1", "i64[1,2] 15 4611686018427387901");
    MATMUL("u64[2,1] 18446744073709551615 2; u64[1,1] 18446744073709551615",
           "u64[2,1] 1 18446744073709551614");
    MATMUL("i8[2,2,1] 1 2 3 4; i8[1,1] 100", "i8[2,2,1] 100 -56 44 -112");
}

TEST(ref_matmul_empty)
{
    MATMUL("f32[2,0]; f32[0,3]", "f32[2,3] 0 0 0 0 0 0");
    MATMUL("f32[0,2]; f32[2,3] 1 2 3 4 5 6", "f32[0,3]");
    MATMUL("i32[2,0]; i32[0,1]", "i32[2,1] 0 0");
    MATMUL("f32[0,2,2]; f32[2,2] 1 2 3 4", "f32[0,2,2]");
    MATMUL_INT("u8[1,0]; u8[0,1]", "i32[1,1] 0");
    EINSUM("ij,jk->ik", "f32[1,0]; f32[0,2]", "f32[1,2] 0 0");
    EINSUM("ij->i", "i32[2,0]", "i32[2] 0 0");
    EINSUM("ij,jk,kl->il", "f32[1,2] 1 2; f32[2,0]; f32[0,1]", "f32[1,1] 0");
    EINSUM("ij->ij", "f32[0,2]", "f32[0,2]");
}

TEST(ref_matmul_int)
{
    MATMUL_INT("u8[2,3] 155 161 63 76 124 189; i8[3,2] -54 56 39 -73 -29 84; u8[] 215; i8[] 40",
               "i32[2,2] 16182 -1546 14951 6915");
    MATMUL_INT("u8[2,3] 1 174 57 209 233 109; i8[3,2] 116 66 -45 96 -30 -102; u8[2] 151 217; "
               "i8[2] 40 -28",
               "i32[2,2] -6775 -4292 5592 9224");
    MATMUL_INT("u8[2,1,2] 230 122 98 37; i8[2,2,1] -74 50 76 -54; -; i8[] 32",
               "i32[2,1,1] -22184 1130");
    MATMUL_INT("u8[3] 223 37 70; i8[3,1] 6 15 -27; u8[] 102; i8[1] -95", "i32[1] 2895");
    /* One zero for each row of each matrix. */
    MATMUL_INT("u8[2,2,1] 10 20 30 40; i8[1,1] 3; u8[2,2,1] 1 2 3 4; i8[] 1",
               "i32[2,2,1] 18 36 54 72");
    MATMUL_INT("u8[2,1,1] 10 20; i8[2,1,2] 1 2 3 4; u8[2,1,1] 5 6; i8[2,1,2] 1 1 1 1",
               "i32[2,1,2] 0 5 28 42");
}

TEST(ref_einsum_values)
{
    EINSUM("ij,jk->ik", "f32[2,3] 0.5 1.75 -1.25 1.25 -1.25 -2; f32[3,2] 1 -1.25 1 -0.75 0.25 1.75",
           "f32[2,2] 1.9375 -4.125 -0.5 -4.125");
    EINSUM("bij,bjk", "f32[2,1,2] 1.75 0 -1.25 -1; f32[2,2,1] 1.5 0.5 -1.5 1.75", "f32[1,1] 2.75");
    EINSUM("ii->i", "f32[3,3] 2 2 0.5 2 0.5 0 2 0.5 1.25", "f32[3] 2 0.5 1.25");
    EINSUM("ii", "f32[3,3] -0.75 1.25 2 -2 0.25 -0.5 -2 -1.75 -1", "f32[] -1.5");
    EINSUM("ij->ji", "f32[2,3] -1.25 1 -1.25 0.5 1.5 0", "f32[3,2] -1.25 0.5 1 1.5 -1.25 0");
    EINSUM("b...->...b", "f32[2,1,3] -1.5 -1.75 -0.75 -0.25 0 -0.75",
           "f32[1,3,2] -1.5 -0.25 -1.75 0 -0.75 -0.75");
    EINSUM("...i,i...->...", "f32[2,3] 1.5 0.25 2 1.75 1 -2; f32[3,2] -1.25 1 0.25 2 1 1.25",
           "f32[2] 0.1875 1.25");
    EINSUM("i,j,k->kji", "f32[2] -2 -0.75; f32[2] 0.75 0.5; f32[2] -0.5 -1.5",
           "f32[2,2,2] 0.75 0.28125 0.5 0.1875 2.25 0.84375 1.5 0.5625");
    EINSUM("iij,jk->ki",
           "f32[2,2,2] 0.5 -1.75 0.75 1.25 0.75 -1.75 0 -0.75; f32[2,3] 0.25 0.75 -1.25 -2 "
           "0 0.5",
           "f32[3,2] 3.625 1.5 0.375 0 -1.5 -0.375");
    EINSUM(" i j , j k -> i k ", "f32[1,2] -1.5 1.75; f32[2,1] 0 2", "f32[1,1] 3.5");
    EINSUM("ij,ij->", "f32[2,2] 0.25 1 1.25 0; f32[2,2] -0.5 0.75 -2 0.5", "f32[] -1.875");
    EINSUM("a,ab,b->", "f32[2] 0 -1.5; f32[2,3] -1.25 -2 1 0.75 -0.5 2; f32[3] -0.5 -0.75 1.75",
           "f32[] -5.25");
    /* Sizes of 1 broadcast. */
    EINSUM("ij,ij->i", "f32[2,1] 2 3; f32[1,3] 1 10 100", "f32[2] 222 333");
    EINSUM("...j,jk->...k", "f32[2] 1 2; f32[2,1] 3 4", "f32[1] 11");
    EINSUM("...,...->...", "f32[2,1] 2 3; f32[2] 1 10", "f32[2,2] 2 20 3 30");
    EINSUM("aB,Ba", "f16[1,2] 2048 1; f16[2,1] 1 1", "f16[] 2049");
    EINSUM(",i->i", "f32[] 2; f32[2] 1 3", "f32[2] 2 6");
    EINSUM("ij,jk->ik", "i32[1,2] 65536 1; i32[2,1] 65536 7", "i32[1,1] 7");
    EINSUM("i,i,i->", "i64[2] 3 4611686018427387904; i64[2] 5 4; i64[2] 7 1", "i64[] 105");
    EINSUM("abcdefgh->hgfedcba", "i8[1,1,1,1,1,1,2,2] 1 2 3 4", "i8[2,2,1,1,1,1,1,1] 1 3 2 4");
}

/* ---- blocks ---------------------------------------------------------------------------- */

/* Small integers, so that every order of summation gives the same. */
static void fill(float *p, int64_t n, uint32_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        p[i] = (float)(seed >> 24) - 128;
    }
}

static void check_product(int64_t batch, int64_t m, int64_t n, int64_t k)
{
    float *const a = malloc((size_t)(batch * m * k) * sizeof(*a));
    float *const b = malloc((size_t)(batch * k * n) * sizeof(*b));
    fill(a, batch * m * k, 1);
    fill(b, batch * k * n, 2);
    const struct tro_tensor in[2] = {
        {.dtype = TRO_F32, .rank = 3, .shape = {batch, m, k}, .data = a},
        {.dtype = TRO_F32, .rank = 3, .shape = {batch, k, n}, .data = b}};
    struct tro_tensor y;
    struct tro_err err = {0};
    CHECK_INT(tro_ref_eval(TRO_OP_MATMUL, NULL, 2, in, 1, &y, NULL, NULL, &err), 0);
    int64_t n_bad = 0;
    for (int64_t i = 0; i < batch * m * n && y.data; i++) {
        const float *const row = a + i / n * k, *const col = b + i / (m * n) * k * n + i % n;
        double sum = 0;
        for (int64_t t = 0; t < k; t++)
            sum += (double)row[t] * (double)col[t * n];
        n_bad += ((const float *)y.data)[i] != (float)sum;
    }
    CHECK(y.data != NULL);
    test_check(n_bad == 0, __FILE__, __LINE__, "%lld of [%lld,%lld,%lld] x %lld differ",
               (long long)n_bad, (long long)batch, (long long)m, (long long)n, (long long)k);
    tro_free(y.data);
    free(a);
    free(b);
}

/* Sizes around those of tiles and blocks, on one thread and on several. */
TEST(ref_matmul_blocks)
{
    static const int64_t sizes[][4] = {{1, 1, 1, 1},    {1, 4, 8, 256},    {1, 5, 9, 257},
                                       {2, 64, 128, 3}, {1, 65, 129, 255}, {3, 3, 7, 513},
                                       {1, 200, 1, 70}, {1, 1, 300, 70},   {2, 130, 140, 80}};
    for (int threads = 1; threads <= 5; threads += 2) {
        tro_threads_set(threads);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            check_product(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
    }
    tro_threads_set(0);
}

/* A product of three axes in each place, none of which lies as a matrix does. */
TEST(ref_contract_axes)
{
    float a[2 * 3 * 5 * 2], b[2 * 5 * 3 * 4], y[2 * 4 * 3 * 2] = {0};
    fill(a, 60, 5);
    fill(b, 120, 6);
    /* a[p][i][k][q], b[p][k][r][j] with r = i: y[p][j][r][q], summed over k. */
    const struct tro_contraction c = {.batch = {2, {{2, 30, 60, 24}, {3, 10, 4, 2}}},
                                      .m = {1, {{2, 1, 0, 1}}},
                                      .n = {1, {{4, 0, 1, 6}}},
                                      .k = {1, {{5, 2, 12, 0}}},
                                      .a = {.f = a},
                                      .b = {.f = b},
                                      .out_dtype = TRO_F32,
                                      .out = y};
    struct tro_err err = {0};
    CHECK_INT(tro_ref_contract(&c, &err), 0);
    for (int i = 0; i < 48; i++) {
        const int p = i / 24, j = i / 6 % 4, r = i / 2 % 3, q = i % 2;
        double sum = 0;
        for (int k = 0; k < 5; k++)
            sum += (double)a[p * 30 + r * 10 + k * 2 + q] * (double)b[p * 60 + k * 12 + r * 4 + j];
        CHECK_NEAR(y[i], sum, 0);
    }
}
