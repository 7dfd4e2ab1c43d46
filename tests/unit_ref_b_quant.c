/* SPDX-License-Identifier: Apache-2.0 */
/* Reference quantization, whose bits every device must match. */
#include "ref_kit.h"

#define QUANTIZE(to_, in, out) EVAL(TRO_OP_QUANTIZE, (&(struct tro_attrs_cast){.to = to_}), in, out)
#define DEQUANTIZE(in, out) EVAL(TRO_OP_DEQUANTIZE, NULL, in, out)
#define REQUANTIZE(in, out) EVAL(TRO_OP_REQUANTIZE, NULL, in, out)

TEST(ref_quantize_rounding)
{
    /* Half to even, before zero is added. */
    QUANTIZE(TRO_I8, "f32[6] 0.5 1.5 2.5 -0.5 -1.5 -2.5; f32[] 1", "i8[6] 0 2 2 0 -2 -2");
    QUANTIZE(TRO_U8, "f32[3] 0.5 1.5 2.5; f32[] 1; u8[] 1", "u8[3] 1 3 3");
    QUANTIZE(TRO_U8, "f32[5] -1000 -129 126.4 127.5 inf; f32[] 1; u8[] 128",
             "u8[5] 0 0 254 255 255");
    QUANTIZE(TRO_I8, "f32[3] nan -inf 1e30; f32[] 2; i8[] 3", "i8[3] -128 -128 127");
    /* A division, not a product with the inverse, which would give 7. */
    QUANTIZE(TRO_U8, "f32[1] 45.5; f32[] 7", "u8[1] 6");
}

TEST(ref_quantize_types)
{
    QUANTIZE(TRO_I16, "f32[3] 40000 -40000 12.3; f32[] 1; i16[] -2", "i16[3] 32767 -32768 10");
    QUANTIZE(TRO_U16, "f32[3] 70000 -5 3; f32[] 1; u16[] 2", "u16[3] 65535 0 5");
    QUANTIZE(TRO_I4, "f32[4] -9 7.6 3.5 -1; f32[] 1; i4[] 1", "i4[4] -8 7 5 0");
    QUANTIZE(TRO_U4, "f32[3] 20 -1 2.5; f32[] 1; u4[] 1", "u4[3] 15 0 3");
    QUANTIZE(TRO_I8, "f16[2] 1 -3; f16[] 0.5", "i8[2] 2 -6");
    QUANTIZE(TRO_I8, "bf16[2] 1 -3; f32[] 0.5", "i8[2] 2 -6");
    QUANTIZE(TRO_U8, "i32[3] 16777217 5 -1; f32[] 65536; u8[] 0", "u8[3] 255 0 0");
    QUANTIZE(TRO_F8E4M3FN, "f32[5] 1.06 1000 -1000 17 nan; f32[] 1",
             "f8e4m3fn[5] 1 448 -448 16 nan");
    EVAL(TRO_OP_QUANTIZE, (&(struct tro_attrs_cast){.to = TRO_F8E4M3FN, .wraps = 1}),
         "f32[2] 1000 448; f32[] 1", "f8e4m3fn[2] nan 448");
    QUANTIZE(TRO_F8E5M2, "f32[2] 3 1e9; f32[] 2; f8e5m2[] 0", "f8e5m2[2] 1.5 57344");
    QUANTIZE(TRO_F4E2M1, "f32[4] 2.6 100 -0.2 1.25; f32[] 1", "f4e2m1[4] 3 6 -0 1");
    QUANTIZE(TRO_U8, "f32[0,2]; f32[] 1", "u8[0,2]");
}

TEST(ref_quantize_channels)
{
    QUANTIZE(TRO_I8, "f32[2,3] 1 2 3 4 5 6; f32[2,1] 1 2; i8[2,1] 0 10", "i8[2,3] 1 2 3 12 12 13");
    QUANTIZE(TRO_I8, "f32[2,3] 1 2 3 4 5 6; f32[3] 1 2 0.5; i8[] -1", "i8[2,3] 0 0 5 3 1 11");
    QUANTIZE(TRO_U8, "f32[1,2,2] 10 20 30 40; f32[1,2,2] 1 2 3 4; u8[2] 1 2",
             "u8[1,2,2] 11 12 11 12");
    DEQUANTIZE("u8[2,2] 1 2 3 4; f32[2,1] 0.5 2; u8[2,1] 1 0", "f32[2,2] 0 0.5 6 8");
    REQUANTIZE("i32[1,2,2] 100 200 300 400; f32[2,1] 0.5 0.25; i8[] 0", "i8[1,2,2] 50 100 75 100");
    /* Rows longer than the kernel's buffer. */
    QUANTIZE(TRO_I8, "f32[2,300] 300*4 300*6; f32[2,1] 2 3", "i8[2,300] 300*2 300*2");
    REQUANTIZE("i32[700] 255*1 445*3; f32[] 1; u8[] 1", "u8[700] 255*2 445*4");
}

TEST(ref_dequantize_types)
{
    DEQUANTIZE("u8[3] 0 128 255; f32[] 0.5; u8[] 128", "f32[3] -64 0 63.5");
    DEQUANTIZE("i8[2] -128 127; f32[] 2; i8[] 127", "f32[2] -510 0");
    DEQUANTIZE("i32[3] 16777217 -3 2147483647; f32[] 1", "f32[3] 16777216 -3 2147483648");
    DEQUANTIZE("i32[1] -2147483648; f32[] 1; i32[] 1", "f32[1] -2147483648");
    DEQUANTIZE("i16[2] -32768 5; f16[] 2; i16[] 0", "f16[2] -inf 10");
    DEQUANTIZE("u16[2] 65535 0; f32[] 1; u16[] 1", "f32[2] 65534 -1");
    DEQUANTIZE("i4[2] -8 7; f32[] 3; i4[] 1", "f32[2] -27 18");
    DEQUANTIZE("u4[2] 15 0; bf16[] 3; u4[] 1", "bf16[2] 42 -3");
    DEQUANTIZE("f8e4m3fn[3] 448 -0.5 nan; f32[] 2; f8e4m3fn[] 0", "f32[3] 896 -1 nan");
    DEQUANTIZE("f8e5m2[2] 1.5 -inf; f16[] 2", "f16[2] 3 -inf");
    DEQUANTIZE("f4e2m1[2] 6 -0.5; f32[] 2; f4e2m1[] 1", "f32[2] 10 -3");
}

/* y = saturate(round_half_even(float(acc) * scale) + zero) with one rounding for each operation. */
TEST(ref_requantize)
{
    REQUANTIZE("i32[6] 1 3 5 -1 -3 -5; f32[] 0.5; i8[] 0", "i8[6] 0 2 2 0 -2 -2");
    REQUANTIZE("i32[3] 1 3 -1; f32[] 0.5; u8[] 3", "u8[3] 3 5 3");
    REQUANTIZE("i32[4] 1000 -1000 2147483647 -2147483648; f32[] 1; i8[] 5",
               "i8[4] 127 -128 127 -128");
    REQUANTIZE("i32[2] 300 -300; f32[] 1; u8[] 200", "u8[2] 255 0");
    /* float(16777217) is 16777216; in double the product would be 64.50000384 and round up. */
    REQUANTIZE("i32[1] 16777217; f32[] 3.84449959e-06; i8[] 0", "i8[1] 64");
    /* 3 * 0.16666667 is 0.5 in float, so 0; in double it is above, so 1. */
    REQUANTIZE("i32[1] 3; f32[] 0.16666667; i8[] 0", "i8[1] 0");
    REQUANTIZE("i32[2] 5 -5; f32[] inf; i8[] 0", "i8[2] 127 -128");
    REQUANTIZE("i32[1] 5; f32[] nan; i8[] 0", "i8[1] -128");
    REQUANTIZE("i32[3] 40000 -40000 7; f32[] 1; i16[] 1", "i16[3] 32767 -32768 8");
    REQUANTIZE("i32[2] 70000 -1; f32[] 1; u16[] 3", "u16[2] 65535 2");
    REQUANTIZE("i32[2] 9 -9; f32[] 1; i4[] 1", "i4[2] 7 -8");
}

TEST(ref_table)
{
    EVAL(TRO_OP_TABLE, NULL, "u8[4] 0 127 128 255; f32[256] 128*0.5 128*-7",
         "f32[4] 0.5 0.5 -7 -7");
    /* Of i8 the negative half comes last. */
    EVAL(TRO_OP_TABLE, NULL, "i8[4] 0 127 -128 -1; u8[256] 128*9 128*200", "u8[4] 9 9 200 200");
    EVAL(TRO_OP_TABLE, (&(struct tro_attrs_cast){.to = TRO_I8}),
         "i16[6] -32768 -128 -64 -1 0 32767; i32[513] 256*0 257*25600", "i8[6] 0 0 50 99 100 100");
    EVAL(TRO_OP_TABLE, (&(struct tro_attrs_cast){.to = TRO_U8}),
         "u16[4] 0 64 128 65535; i32[513] -300 512*4194304", "u8[4] 0 255 255 255");
    /* Halves go up. */
    EVAL(TRO_OP_TABLE, (&(struct tro_attrs_cast){.to = TRO_I8}),
         "u16[4] 0 1 128 256; i32[513] 128 -128 127 510*0", "i8[4] 1 0 0 0");
}
