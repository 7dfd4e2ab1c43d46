/* SPDX-License-Identifier: Apache-2.0 */
/* Narrow floats, each against the definition of its format and not against another conversion. */
#include "base/half.h"
#include "test.h"

static double f16_value(uint32_t code)
{
    const int exp = (int)(code >> 10);
    return exp ? ldexp(1024 + code % 1024, exp - 25) : ldexp(code % 1024, -24);
}

static double bf16_value(uint32_t code)
{
    const int exp = (int)(code >> 7);
    return exp ? ldexp(128 + code % 128, exp - 134) : ldexp(code % 128, -133);
}

static bool same_f64(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static void check_all_patterns(float (*widen)(uint16_t), uint16_t (*narrow)(double),
                               double (*value)(uint32_t), uint32_t inf, uint32_t quiet)
{
    for (uint32_t h = 0; h < 65536; h++) {
        const uint32_t code = h & 0x7fff;
        const bool is_negative = h & 0x8000;
        const float v = widen((uint16_t)h);
        CHECK_OR_RETURN(!!signbit(v) == is_negative);
        if (code > inf) {
            CHECK_OR_RETURN(isnan(v));
            CHECK_OR_RETURN(narrow(v) == (h | quiet));
            continue;
        }
        const double want = code == inf ? (double)INFINITY : value(code);
        CHECK_OR_RETURN(same_f64(v, is_negative ? -want : want));
        CHECK_OR_RETURN(narrow(v) == h);
    }
}

TEST(f16_all_patterns)
{
    check_all_patterns(tro_f16_to_f32, tro_f16_from_f64, f16_value, 0x7c00, 0x200);
}

TEST(bf16_all_patterns)
{
    check_all_patterns(tro_bf16_to_f32, tro_bf16_from_f64, bf16_value, 0x7f80, 0x40);
}

/* Between each two neighbours: the middle goes to the even one, a hair beside it to the nearer;
 * the middle and its neighbours are exact in double. At the top the next value would be inf. */
static void check_all_roundings(uint16_t (*narrow)(double), double (*value)(uint32_t), uint32_t inf)
{
    for (uint32_t code = 0; code < inf; code++) {
        const double low = value(code), high = value(code + 1), mid = low + (high - low) / 2;
        const uint32_t even = code & 1 ? code + 1 : code;
        CHECK_OR_RETURN(narrow(mid) == even);
        CHECK_OR_RETURN(narrow(-mid) == (even | 0x8000));
        CHECK_OR_RETURN(narrow(nextafter(mid, INFINITY)) == code + 1);
        CHECK_OR_RETURN(narrow(nextafter(mid, 0)) == code);
        CHECK_OR_RETURN(narrow(nextafter(low, INFINITY)) == code);
        CHECK_OR_RETURN(narrow(nextafter(high, 0)) == code + 1);
    }
    CHECK_INT(narrow(1e300), inf);
    CHECK_INT(narrow(-INFINITY), inf | 0x8000);
    CHECK_INT(narrow(5e-324), 0);
    CHECK_INT(narrow(-5e-324), 0x8000);
    CHECK_INT(narrow(2.2250738585072014e-308), 0);
}

TEST(f16_all_roundings)
{
    check_all_roundings(tro_f16_from_f64, f16_value, 0x7c00);
    CHECK_INT(tro_f16_from_f64(65519.99), 0x7bff);
    CHECK_INT(tro_f16_from_f64(65520), 0x7c00);
    CHECK_INT(tro_f16_from_f64(0x1p-25), 0);
    CHECK_INT(tro_f16_from_f64(0x1.8p-24), 2);
}

TEST(bf16_all_roundings)
{
    check_all_roundings(tro_bf16_from_f64, bf16_value, 0x7f80);
}

/* Through float these would round twice: first to the middle, then to even. */
TEST(half_rounds_once)
{
    const double above = 1 + 0x1p-11 + 0x1p-40, below = 1 + 0x3p-11 - 0x1p-40;
    CHECK_INT(tro_f16_from_f64((double)(float)above), 0x3c00);
    CHECK_INT(tro_f16_from_f64(above), 0x3c01);
    CHECK_INT(tro_f16_from_f64((double)(float)below), 0x3c02);
    CHECK_INT(tro_f16_from_f64(below), 0x3c01);
    CHECK_INT(tro_f16_from_f64(0x1p-25 + 0x1p-60), 1);
    CHECK_INT(tro_bf16_from_f64(1 + 0x1p-8 + 0x1p-40), 0x3f81);
    CHECK_INT(tro_bf16_from_f64(0x1p-134 + 0x1p-180), 1);
}

/* ---- FP8, FP4 -------------------------------------------------------------------------- */

struct narrow_format {
    enum tro_dtype dtype;
    int n_exp, n_man, bias;
    uint32_t max; /* code of the greatest finite value */
    bool has_inf, is_uz;
};
static const struct narrow_format formats[] = {
    {TRO_F8E4M3FN, 4, 3, 7, 0x7e, false, false}, {TRO_F8E4M3FNUZ, 4, 3, 8, 0x7f, false, true},
    {TRO_F8E5M2, 5, 2, 15, 0x7b, true, false},   {TRO_F8E5M2FNUZ, 5, 2, 16, 0x7f, false, true},
    {TRO_F4E2M1, 2, 1, 1, 0x7, false, false},
};
#define N_FORMATS (sizeof(formats) / sizeof(*formats))

static double narrow_value(const struct narrow_format *f, uint32_t code)
{
    const int exp = (int)(code >> f->n_man);
    const double frac = (double)(code % (1u << f->n_man)) / (1u << f->n_man);
    return exp ? ldexp(1 + frac, exp - f->bias) : ldexp(frac, 1 - f->bias);
}

static uint32_t sign_of(const struct narrow_format *f)
{
    return 1u << (f->n_exp + f->n_man);
}

TEST(f8_all_patterns)
{
    for (size_t k = 0; k < N_FORMATS; k++) {
        const struct narrow_format *const f = &formats[k];
        const uint32_t sign = sign_of(f);
        for (uint32_t bits = 0; bits < 2 * sign; bits++) {
            const uint32_t code = bits % sign;
            const float v = tro_f8_to_f32(f->dtype, (uint8_t)bits);
            if ((f->is_uz && bits == sign) || code > f->max + f->has_inf) {
                CHECK(isnan(v));
                continue;
            }
            const double want = code > f->max ? (double)INFINITY : narrow_value(f, code);
            CHECK(same_f64(v, bits >= sign ? -want : want));
            if (code <= f->max) {
                CHECK_INT(tro_f8_from_f64(f->dtype, v, true), bits);
                CHECK_INT(tro_f8_from_f64(f->dtype, v, false), bits);
            }
        }
    }
}

TEST(f8_all_roundings)
{
    for (size_t k = 0; k < N_FORMATS; k++) {
        const struct narrow_format *const f = &formats[k];
        for (uint32_t i = 0; i < 2 * f->max; i++) {
            const bool saturate = i & 1;
            const uint32_t code = i / 2, even = code & 1 ? code + 1 : code;
            const double low = narrow_value(f, code), high = narrow_value(f, code + 1);
            const double mid = (low + high) / 2;
            CHECK_INT(tro_f8_from_f64(f->dtype, mid, saturate), even);
            CHECK_INT(tro_f8_from_f64(f->dtype, nextafter(mid, INFINITY), saturate), code + 1);
            CHECK_INT(tro_f8_from_f64(f->dtype, nextafter(mid, 0), saturate), code);
            const uint32_t negative = f->is_uz && even == 0 ? 0 : even | sign_of(f);
            CHECK_INT(tro_f8_from_f64(f->dtype, -mid, saturate), negative);
        }
    }
}

/* The greatest value, and the least one that rounds beyond it, from the formats' definitions. */
TEST(f8_limits)
{
    static const struct {
        enum tro_dtype dtype;
        double max, last, beyond;
        int max_bits, over_bits, minus_over_bits;
    } rows[] = {
        {TRO_F8E4M3FN, 448, 464, 464.001, 0x7e, 0x7f, 0xff},
        {TRO_F8E4M3FNUZ, 240, 247.999, 248, 0x7f, 0x80, 0x80},
        {TRO_F8E5M2, 57344, 61439.9, 61440, 0x7b, 0x7c, 0xfc},
        {TRO_F8E5M2FNUZ, 57344, 61439.9, 61440, 0x7f, 0x80, 0x80},
        {TRO_F4E2M1, 6, 6.999, 7, 0x7, 0x7, 0xf},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const enum tro_dtype d = rows[i].dtype;
        const int sign = d == TRO_F4E2M1 ? 8 : 0x80, max = rows[i].max_bits;
        CHECK_NEAR(tro_f8_to_f32(d, (uint8_t)max), rows[i].max, 0);
        const double beyond[] = {rows[i].beyond, 1e6, 1e300, INFINITY};
        for (int saturate = 0; saturate < 2; saturate++) {
            CHECK_INT(tro_f8_from_f64(d, rows[i].last, saturate), max);
            CHECK_INT(tro_f8_from_f64(d, -rows[i].last, saturate), max | sign);
        }
        for (size_t k = 0; k < 4; k++) {
            CHECK_INT(tro_f8_from_f64(d, beyond[k], true), max);
            CHECK_INT(tro_f8_from_f64(d, -beyond[k], true), max | sign);
            CHECK_INT(tro_f8_from_f64(d, beyond[k], false), rows[i].over_bits);
            CHECK_INT(tro_f8_from_f64(d, -beyond[k], false), rows[i].minus_over_bits);
        }
    }
}

TEST(f8_nan_and_zero)
{
    for (int saturate = 0; saturate < 2; saturate++) {
        CHECK_INT(tro_f8_from_f64(TRO_F8E4M3FN, NAN, saturate), 0x7f);
        CHECK_INT(tro_f8_from_f64(TRO_F8E4M3FN, copysign(NAN, -1), saturate), 0xff);
        CHECK_INT(tro_f8_from_f64(TRO_F8E5M2, NAN, saturate), 0x7f);
        CHECK_INT(tro_f8_from_f64(TRO_F8E5M2, copysign(NAN, -1), saturate), 0xff);
        CHECK_INT(tro_f8_from_f64(TRO_F8E4M3FNUZ, NAN, saturate), 0x80);
        CHECK_INT(tro_f8_from_f64(TRO_F8E5M2FNUZ, copysign(NAN, -1), saturate), 0x80);
        CHECK_INT(tro_f8_from_f64(TRO_F4E2M1, NAN, saturate), 0x7);
        CHECK_INT(tro_f8_from_f64(TRO_F4E2M1, copysign(NAN, -1), saturate), 0x7);
        CHECK_INT(tro_f8_from_f64(TRO_F8E4M3FN, -0.0, saturate), 0x80);
        CHECK_INT(tro_f8_from_f64(TRO_F8E5M2, -1e-30, saturate), 0x80);
        CHECK_INT(tro_f8_from_f64(TRO_F8E4M3FNUZ, -0.0, saturate), 0);
        CHECK_INT(tro_f8_from_f64(TRO_F8E5M2FNUZ, -1e-30, saturate), 0);
        CHECK_INT(tro_f8_from_f64(TRO_F4E2M1, -0.0, saturate), 0x8);
    }
}

/* Inputs and outputs of the ONNX node tests cast_FLOAT_to_*. */
TEST(f8_onnx_examples)
{
    const float in[] = {0.47892547f, 0.49968487f, 0.81910545f, 1e6f,   1e-7f,
                        NAN,         INFINITY,    -INFINITY,   -1e-7f, -1e6f};
    static const uint8_t want[2][4][10] = {
        {{0x2f, 0x30, 0x35, 0x7f, 0, 0x7f, 0x7f, 0xff, 0x80, 0xff},
         {0x37, 0x38, 0x3d, 0x80, 0, 0x80, 0x80, 0x80, 0, 0x80},
         {0x38, 0x38, 0x3b, 0x7c, 0, 0x7f, 0x7c, 0xfc, 0x80, 0xfc},
         {0x3c, 0x3c, 0x3f, 0x80, 0, 0x80, 0x80, 0x80, 0, 0x80}},
        {{0x2f, 0x30, 0x35, 0x7e, 0, 0x7f, 0x7e, 0xfe, 0x80, 0xfe},
         {0x37, 0x38, 0x3d, 0x7f, 0, 0x80, 0x7f, 0xff, 0, 0xff},
         {0x38, 0x38, 0x3b, 0x7b, 0, 0x7f, 0x7b, 0xfb, 0x80, 0xfb},
         {0x3c, 0x3c, 0x3f, 0x7f, 0, 0x80, 0x7f, 0xff, 0, 0xff}},
    };
    for (int saturate = 0; saturate < 2; saturate++)
        for (size_t k = 0; k < 4; k++)
            for (size_t i = 0; i < 10; i++)
                CHECK_INT(tro_f8_from_f64(formats[k].dtype, in[i], saturate), want[saturate][k][i]);
    const float in4[] = {0.48f, 0.25f, 1.05f, -3.5f, -8, 9, 1e6f, 1e-7f, NAN, -4, 0.01f, -0.0f};
    static const uint8_t want4[] = {1, 0, 2, 14, 15, 7, 7, 0, 7, 14, 0, 8};
    for (size_t i = 0; i < 12; i++)
        CHECK_INT(tro_f8_from_f64(TRO_F4E2M1, in4[i], true), want4[i]);
}
