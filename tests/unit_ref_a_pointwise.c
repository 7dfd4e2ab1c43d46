/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise reference kernels on values worked out by hand. */
#include "ref_kit.h"

#define BINARY(id, x, y, z) EVAL(TRO_OP_##id, NULL, x "; " y, z)
#define UNARY(id, x, y) EVAL(TRO_OP_##id, NULL, x, y)

/* ---- arithmetic ------------------------------------------------------------------------ */

TEST(ref_add)
{
    BINARY(ADD, "f32[3] 1 2 -3.5", "f32[3] 0.5 -2 inf", "f32[3] 1.5 0 inf");
    BINARY(ADD, "i8[2] 127 -128", "i8[2] 1 -1", "i8[2] -128 127");
    BINARY(ADD, "u64[1] 18446744073709551615", "u64[] 2", "u64[1] 1");
    BINARY(ADD, "i64[1] 9223372036854775807", "i64[] 1", "i64[1] -9223372036854775808");
    BINARY(ADD, "f16[2] 2048 65504", "f16[] 1", "f16[2] 2048 65504");
    BINARY(ADD, "f16[1] 65504", "f16[1] 65504", "f16[1] inf");
    BINARY(ADD, "f32[1] 16777216", "f32[1] 1", "f32[1] 1.677722e+07");
    BINARY(ADD, "f64[1] 16777216", "f64[1] 0.5", "f64[1] 16777216.5");
    BINARY(ADD, "f32[1] -0", "f32[1] -0", "f32[1] -0");
    BINARY(ADD, "f32[2]  1 2", "f32[3] 1 2 3", "!2 and 3");
}

TEST(ref_broadcast)
{
    BINARY(SUB, "f32[2,1] 10 20", "f32[3] 1 2 3", "f32[2,3] 9 8 7 19 18 17");
    BINARY(MUL, "i32[2,1,2] 1 2 3 4", "i32[3,1] 1 10 100",
           "i32[2,3,2] 1 2 10 20 100 200 3 4 30 40 300 400");
    BINARY(ADD, "f32[]  1", "f32[1,1] 2", "f32[1,1] 3");
    BINARY(ADD, "f32[0,3]", "f32[3] 1 2 3", "f32[0,3]");
    BINARY(ADD, "f32[1]  1", "f32[0] ", "f32[0]");
    BINARY(ADD, "f32[2,2,1,2] 1 2 3 4 5 6 7 8", "f32[2,1,1,1] 10 20",
           "f32[2,2,1,2] 11 12 13 14 25 26 27 28");
    /* Rows longer than a chunk, with a scalar and without. */
    BINARY(ADD, "f32[600] 600*1", "f32[] 2", "f32[600] 600*3");
    BINARY(SUB, "i16[2,300] 300*5 300*7", "i16[2,1] 1 2", "i16[2,300] 300*4 300*5");
}

TEST(ref_div)
{
    BINARY(DIV, "f32[3] 1 -1 0", "f32[3] 4 0 0", "f32[3] 0.25 -inf nan");
    BINARY(DIV, "i32[4] 7 -7 7 -2147483648", "i32[4] 2 2 0 -1", "i32[4] 3 -3 0 -2147483648");
    BINARY(DIV, "i64[2] -9223372036854775808 5", "i64[2] -1 -3", "i64[2] -9223372036854775808 -1");
    BINARY(DIV, "i8[1] -128", "i8[] -1", "i8[1] -128");
    BINARY(DIV, "u64[2] 18446744073709551615 7", "u64[2] 2 0", "u64[2] 9223372036854775807 0");
}

TEST(ref_mod)
{
    BINARY(MOD, "i32[6] -4 7 5 4 -7 8", "i32[6] 2 -3 8 -2 3 0", "i32[6] 0 -2 5 0 2 0");
    BINARY(FMOD, "i32[6] -4 7 5 4 -7 8", "i32[6] 2 -3 8 -2 3 0", "i32[6] 0 1 5 0 -1 0");
    BINARY(MOD, "f32[4] -4.5 4.5 -0.5 6", "f32[4] 2 -2 inf 3", "f32[4] 1.5 -1.5 inf 0");
    BINARY(FMOD, "f32[3] -4.5 4.5 -4", "f32[3] 2 -2 2", "f32[3] -0.5 0.5 -0");
    BINARY(MOD, "u64[1] 18446744073709551615", "u64[1] 10", "u64[1] 5");
    BINARY(MOD, "i64[1] -9223372036854775808", "i64[1] -1", "i64[1] 0");
    BINARY(FMOD, "f32[1] 1", "f32[1] 0", "f32[1] nan");
}

TEST(ref_pow)
{
    BINARY(POW, "f32[3] 2 9 -8", "f32[3] 10 0.5 3", "f32[3] 1024 3 -512");
    BINARY(POW, "f32[2] 2 0.5", "i64[2] -1 2", "f32[2] 0.5 0.25");
    BINARY(POW, "i32[6] 3 2 -1 1 2 0", "i32[6] 4 31 -3 -5 -1 -1", "i32[6] 81 -2147483648 -1 1 0 0");
    BINARY(POW, "i64[1] 3", "u64[1] 40", "i64[1] -6289078614652622815");
    BINARY(POW, "u64[2] 18446744073709551615 2", "i64[2] -1 63", "u64[2] 0 9223372036854775808");
    BINARY(POW, "i32[2] 2 4", "f32[2] 0.5 0.5", "i32[2] 1 2");
}

TEST(ref_min_max)
{
    BINARY(MIN, "f32[5] 1 nan 3 -0 0", "f32[5] 2 1 nan 0 -0", "f32[5] 1 nan nan -0 -0");
    BINARY(MAX, "f32[5] 1 nan 3 -0 0", "f32[5] 2 1 nan 0 -0", "f32[5] 2 nan nan 0 0");
    BINARY(MAX, "u64[1] 18446744073709551615", "u64[1] 1", "u64[1] 18446744073709551615");
    BINARY(MIN, "i8[2] -128 5", "i8[] 0", "i8[2] -128 0");
}

TEST(ref_bits)
{
    BINARY(AND, "bool[4] 0 0 1 1", "bool[4] 0 1 0 1", "bool[4] 0 0 0 1");
    BINARY(OR, "bool[4] 0 0 1 1", "bool[4] 0 1 0 1", "bool[4] 0 1 1 1");
    BINARY(XOR, "bool[4] 0 0 1 1", "bool[4] 0 1 0 1", "bool[4] 0 1 1 0");
    BINARY(AND, "u8[1] 204", "u8[1] 170", "u8[1] 136");
    BINARY(XOR, "i32[1] -1", "i32[1] 5", "i32[1] -6");
    BINARY(SHL, "u8[4] 1 1 255 1", "u8[4] 7 8 1 255", "u8[4] 128 0 254 0");
    BINARY(SHR, "u8[3] 128 255 255", "u8[3] 7 8 1", "u8[3] 1 0 127");
    BINARY(SHR, "i8[4] -128 -1 -128 64", "i8[4] 7 7 9 3", "i8[4] -1 -1 -1 8");
    BINARY(SHR, "u64[2] 18446744073709551615 1", "u64[2] 63 64", "u64[2] 1 0");
    BINARY(SHL, "i64[1] 1", "i64[1] 63", "i64[1] -9223372036854775808");
}

/* ---- comparison and choice ------------------------------------------------------------- */

TEST(ref_compare)
{
    BINARY(EQ, "f32[4] 1 nan 0 2", "f32[4] 1 nan -0 3", "bool[4] 1 0 1 0");
    BINARY(LT, "f16[3] 1 2 nan", "f16[] 2", "bool[3] 1 0 0");
    BINARY(LE, "f32[3] 1 2 3", "f32[] 2", "bool[3] 1 1 0");
    BINARY(LT, "u64[2] 1 18446744073709551615", "u64[2] 18446744073709551615 1", "bool[2] 1 0");
    BINARY(LT, "i64[2] -1 9223372036854775806", "i64[2] 0 9223372036854775807", "bool[2] 1 1");
    BINARY(EQ, "i64[1] 9223372036854775806", "i64[1] 9223372036854775807", "bool[1] 0");
    BINARY(EQ, "bool[2] 0 1", "bool[2,1] 0 1", "bool[2,2] 1 0 0 1");
    BINARY(LE, "i8[0]", "i8[0]", "bool[0]");
}

TEST(ref_select)
{
    EVAL(TRO_OP_SELECT, NULL, "bool[2,1] 1 0; f32[2] 1 2; f32[] -0", "f32[2,2] 1 2 -0 -0");
    EVAL(TRO_OP_SELECT, NULL, "bool[3] 1 0 1; i64[3] 1 2 3; i64[3] 4 5 6", "i64[3] 1 5 3");
    EVAL(TRO_OP_SELECT, NULL, "bool[] 0; u8[2] 1 2; u8[2] 4 5", "u8[2] 4 5");
    EVAL(TRO_OP_SELECT, NULL, "bool[2] 0 1; f16[2] 1 2; f16[2] nan inf", "f16[2] nan 2");
}

TEST(ref_predicates)
{
    UNARY(ISNAN, "f32[4] nan 1 inf -inf", "bool[4] 1 0 0 0");
    UNARY(ISINF, "f16[4] nan 1 inf -inf", "bool[4] 0 0 1 1");
    EVAL(TRO_OP_ISINF, &(struct tro_attrs_isinf){.skip_negative = 1}, "f32[2] inf -inf",
         "bool[2] 1 0");
    EVAL(TRO_OP_ISINF, &(struct tro_attrs_isinf){.skip_positive = 1}, "f64[2] inf -inf",
         "bool[2] 0 1");
    UNARY(ISNAN, "f8e5m2[2] nan 2", "bool[2] 1 0");
}

/* ---- one operand ----------------------------------------------------------------------- */

TEST(ref_unary_integers)
{
    UNARY(NOT, "bool[2] 0 1", "bool[2] 1 0");
    UNARY(NOT, "u8[2] 0 170", "u8[2] 255 85");
    UNARY(NOT, "i32[2] 0 5", "i32[2] -1 -6");
    UNARY(NEG, "i8[3] 1 -128 0", "i8[3] -1 -128 0");
    UNARY(NEG, "i64[1] -9223372036854775808", "i64[1] -9223372036854775808");
    UNARY(ABS, "i8[3] -5 -128 7", "i8[3] 5 -128 7");
    UNARY(ABS, "u64[1] 18446744073709551615", "u64[1] 18446744073709551615");
    UNARY(SIGN, "i32[3] -5 0 7", "i32[3] -1 0 1");
    UNARY(SIGN, "u64[2] 18446744073709551615 0", "u64[2] 1 0");
}

TEST(ref_unary_rounding)
{
    UNARY(FLOOR, "f32[4] 1.5 -1.5 -0 2", "f32[4] 1 -2 -0 2");
    UNARY(CEIL, "f32[4] 1.5 -1.5 -0.5 2", "f32[4] 2 -1 -0 2");
    UNARY(ROUND, "f32[6] 0.5 1.5 2.5 -0.5 -1.5 2.4", "f32[6] 0 2 2 -0 -2 2");
    UNARY(NEG, "f32[3] 0 -0 nan", "f32[3] -0 0 nan");
    UNARY(ABS, "f32[3] -0 -2 -inf", "f32[3] 0 2 inf");
    UNARY(SIGN, "f32[5] -3 0 4 nan -0", "f32[5] -1 0 1 nan -0");
}

TEST(ref_unary_functions)
{
    UNARY(SQRT, "f32[3] 4 2 -1", "f32[3] 2 1.4142135 nan");
    UNARY(EXP, "f32[4] 0 1 -inf 100", "f32[4] 1 2.7182817 0 inf");
    UNARY(LOG, "f64[3] 1 2.718281828459045 0", "f64[3] 0 1 -inf");
    UNARY(ERF, "f32[3] 0 0.5 -inf", "f32[3] 0 0.52049988 -1");
    UNARY(SIN, "f64[2] 0 1", "f64[2] 0 0.8414709848");
    UNARY(COS, "f64[2] 0 1", "f64[2] 1 0.5403023059");
    UNARY(TAN, "f64[1] 1", "f64[1] 1.557407725");
    UNARY(ASIN, "f64[2] 1 2", "f64[2] 1.570796327 nan");
    UNARY(ACOS, "f64[1] -1", "f64[1] 3.141592654");
    UNARY(ATAN, "f64[1] 1", "f64[1] 0.7853981634");
    UNARY(SINH, "f64[1] 1", "f64[1] 1.175201194");
    UNARY(COSH, "f64[1] 1", "f64[1] 1.543080635");
    UNARY(TANH, "f32[3] 0.5 -inf -0", "f32[3] 0.46211717 -1 -0");
    UNARY(ASINH, "f64[1] 1", "f64[1] 0.881373587");
    UNARY(ACOSH, "f64[2] 2 0.5", "f64[2] 1.316957897 nan");
    UNARY(ATANH, "f64[2] 0.5 1", "f64[2] 0.5493061443 inf");
    UNARY(SIGMOID, "f32[5] 0 1 -1 -1000 1000", "f32[5] 0.5 0.73105860 0.26894143 0 1");
    UNARY(SOFTPLUS, "f32[5] 0 1 -100 1000 nan",
          "f32[5] 0.69314718 1.3132616 3.7835059e-44 1000 nan");
    UNARY(SQRT, "f16[1] 2", "f16[1] 1.4140625");
    UNARY(SQRT, "bf16[1] 2", "bf16[1] 1.4140625");
    UNARY(EXP, "f32[0]", "f32[0]");
}

/* ---- cast ------------------------------------------------------------------------------ */

#define CAST(type, x, y) EVAL(TRO_OP_CAST, &(struct tro_attrs_cast){.to = TRO_##type}, x, y)

TEST(ref_cast_to_integers)
{
    CAST(I32, "f32[5] 1.9 -1.9 nan inf 3e9", "i32[5] 1 -1 0 0 -1294967296");
    CAST(U8, "f32[4] 300 -1 255.9 -0.5", "u8[4] 44 255 255 0");
    CAST(I64, "f64[3] 9e18 1e19 -9.3e18",
         "i64[3] 9000000000000000000 -9223372036854775808 -9223372036854775808");
    CAST(U64, "f64[2] 1e19 -1", "u64[2] 10000000000000000000 18446744073709551615");
    CAST(I8, "i32[3] 127 128 -129", "i8[3] 127 -128 127");
    CAST(U64, "i64[1] -1", "u64[1] 18446744073709551615");
    CAST(I64, "u64[1] 18446744073709551615", "i64[1] -1");
    CAST(I4, "i32[3] 7 8 -9", "i4[3] 7 -8 7");
    CAST(U4, "f32[4] 15 16.5 -1 2.9", "u4[4] 15 15 0 2");
    CAST(I4, "f16[5] -8.5 -9 7.5 8 nan", "i4[5] -8 -8 7 7 0");
    CAST(I32, "bool[2] 0 1", "i32[2] 0 1");
    CAST(BOOL, "f32[5] 0 -0 0.1 nan -3", "bool[5] 0 0 1 1 1");
    CAST(BOOL, "i64[2] 0 256", "bool[2] 0 1");
}

TEST(ref_cast_to_floats)
{
    CAST(F16, "f32[4] 2049 2051 65520 1e-8", "f16[4] 2048 2052 inf 0");
    CAST(F32, "i64[2] 9007199791611905 -9007199791611905",
         "f32[2] 9007200328482816 -9007200328482816");
    CAST(F32, "u64[2] 18446744073709551615 9223372036854775808",
         "f32[2] 18446744073709551616 9223372036854775808");
    CAST(F32, "u64[1] 9223372586610589697", "f32[1] 9223373136366403584");
    CAST(F64, "u64[1] 18446744073709550593", "f64[1] 18446744073709551616");
    CAST(BF16, "f32[2] 1.00390625 1.01171875", "bf16[2] 1 1.015625");
    CAST(F64, "f16[2] -0 nan", "f64[2] -0 nan");
    CAST(F8E4M3FN, "f32[3] 500 -inf 17", "f8e4m3fn[3] 448 -448 16");
    CAST(F4E2M1, "f32[4] 0.3 2.5 7 -5", "f4e2m1[4] 0.5 2 6 -4");
    const struct tro_attrs_cast wrapping = {.to = TRO_F8E4M3FN, .wraps = 1};
    EVAL(TRO_OP_CAST, &wrapping, "f32[3] 500 -inf 17", "f8e4m3fn[3] nan nan 16");
    const struct tro_attrs_cast wrapping_e5 = {.to = TRO_F8E5M2, .wraps = 1};
    EVAL(TRO_OP_CAST, &wrapping_e5, "i64[2] 1000000 3", "f8e5m2[2] inf 3");
    CAST(F32, "i32[0,2]", "f32[0,2]");
}

TEST(ref_sizes_of_operators)
{
    EVAL(TRO_OP_ADD, NULL, "f32[1] 1", "!expected 2 inputs, found 1");
    EVAL(TRO_OP_ADD, NULL, "f32[1] 1; -", "!absent");
    EVAL(TRO_OP_ADD, NULL, "f32[1] 1; i32[1] 1", "!expected type");
}
