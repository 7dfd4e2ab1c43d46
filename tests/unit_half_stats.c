/* SPDX-License-Identifier: Apache-2.0 */
#include "base/half.h"
#include "quant/half_stats.h"
#include "test.h"

#include <math.h>
#include <string.h>

static float narrow(float x, bool is_bf16)
{
    return is_bf16 ? tro_bf16_to_f32(tro_bf16_from_f64((double)x))
                   : tro_f16_to_f32(tro_f16_from_f64((double)x));
}

/* All exponents, with the mantissas where rounding turns. */
TEST(rounding)
{
    int n_wrong = 0;
    for (uint32_t i = 0; i < 1U << 20; i++) {
        const uint32_t high = i >> 3, low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xfff, 0x1000, 0x1001};
        const uint32_t bits = high << 15 | (low[i & 7] & 0x7fff);
        float x;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x))
            continue;
        for (int is_bf16 = 0; is_bf16 < 2; is_bf16++) {
            const float got = tro_half_round(x, is_bf16), want = narrow(x, is_bf16);
            n_wrong += memcmp(&got, &want, sizeof got) != 0;
        }
    }
    CHECK_INT(n_wrong, 0);
}

static struct tro_half_stats stats_of(float *x, int64_t n, int n_channels, bool is_bf16,
                                      struct tro_arena *arena)
{
    struct tro_err err = {0};
    struct tro_half_stats s;
    const struct tro_tensor t = {
        .dtype = TRO_F32, .rank = 2, .shape = {n / n_channels, n_channels}, .data = x};
    CHECK(tro_half_stats_init(&s, is_bf16, n_channels, arena, &err) == 0);
    tro_half_stats_add(&s, &t, 1, 5);
    return s;
}

TEST(sums)
{
    struct tro_arena arena = {0};
    float x[] = {0, 1, -2, 0x1p-15f, 0x1p-25f, 70000, NAN, -INFINITY, INFINITY};
    const struct tro_half_stats s = stats_of(x, 9, 1, false, &arena);
    CHECK_INT(s.n, 6);
    CHECK_INT(s.n_zero, 1);
    CHECK_INT(s.n_nan, 1);
    CHECK_INT(s.n_up, 1);
    CHECK_INT(s.bad_sample, 5);
    CHECK_INT(s.peak_sample, 5);
    CHECK(s.peak == 70000 && s.least == 0x1p-25f);
    CHECK(s.vanished == 0x1p-50 && s.small == 0x1p-30 + 0x1p-50);
    CHECK(s.error == 0x1p-50); /* what overflows is no matter of rounding */
    tro_arena_finish(&arena);
}

/* Around a mean of each channel, which is large: their squares say nothing of what is lost. */
TEST(deviation)
{
    struct tro_arena arena = {0};
    float x[] = {1000, -50, 1001, -51, 1002, -52, 1001, -51};
    const struct tro_half_stats s = stats_of(x, 8, 2, true, &arena);
    CHECK(fabs(tro_half_stats_deviation(&s) - 4) < 1e-6);
    CHECK(s.error == 1 + 4 + 1); /* 1000 and 1004 are neighbours, 50 to 52 are all there */
    tro_arena_finish(&arena);
}
