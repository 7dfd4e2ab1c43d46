/* SPDX-License-Identifier: Apache-2.0 */
/* Reference pooling and what turns it round: values that ONNX Runtime gives too. */
#include "ref_kit.h"

/* more: further fields, in parentheses. */
#define REST(...) __VA_ARGS__
#define POOL(k, s, d, p, more, in, out)                                         \
    EVAL(TRO_OP_POOL,                                                           \
         (&(struct tro_attrs_pool){                                             \
             .kernel = k, .strides = s, .dilations = d, .pads = p, REST more}), \
         in, out)
#define UNPOOL(k, s, p, in, out) \
    EVAL(TRO_OP_MAX_UNPOOL,      \
         (&(struct tro_attrs_max_unpool){.kernel = k, .strides = s, .pads = p}), in, out)
#define COL2IM(s, d, p, in, out)                                                                   \
    EVAL(TRO_OP_COL2IM, (&(struct tro_attrs_col2im){.strides = s, .dilations = d, .pads = p}), in, \
         out)

TEST(ref_pool_max)
{
    POOL(INTS(2), INTS(2), INTS(1), INTS(0, 0), (.kind = tro_pool_max),
         "f32[1,1,5] 2.75 -2 -3.25 -1.75 -0.75", "f32[1,1,2] 2.75 -1.75");
    POOL(INTS(2, 3), INTS(1, 1), INTS(1, 1), INTS(1, 1, 0, 1), (.kind = tro_pool_max),
         "f32[1,2,3,4] 2.5 -0.5 -3.25 -1.25 0.75 2.5 2 4 -2.5 3.25 -3.75 0.5 -1.75 -2.5 "
         "1.25 -1.5 0.5 -2 -3 2 -0.5 1.5 1.5 3.75",
         "f32[1,2,3,4] 2.5 2.5 -0.5 -1.25 2.5 2.5 4 4 3.25 3.25 4 4 -1.75 1.25 1.25 1.25 "
         "0.5 1.25 2 2 1.5 1.5 3.75 3.75; i64[1,2,3,4] 0 0 1 3 0 0 7 7 9 9 7 7 12 14 14 "
         "14 16 14 19 19 21 21 23 23");
    POOL(INTS(2, 2), INTS(1, 2), INTS(2, 1), INTS(0, 0, 0, 0),
         (.kind = tro_pool_max, .column_major = 1),
         "f32[1,1,4,4] -0.75 -2.25 1 3.5 3.75 3 1.5 -1 -1 -3.75 -2.5 -1.5 -1.25 0.75 0 "
         "1.5",
         "f32[1,1,2,2] -0.75 3.5 3.75 1.5; i64[1,1,2,2] 0 12 1 9");
    POOL(INTS(1, 2, 2), INTS(1, 1, 2), INTS(1, 1, 1), INTS(0, 0, 0, 0, 0, 0),
         (.kind = tro_pool_max, .ceil_mode = 1),
         "f32[2,1,2,2,3] 3.25 3 2.25 4 -1.5 3.25 3.5 -2.25 -0.25 0.5 1.5 1.75 -3.25 -0.25 "
         "-3.25 3.75 -2.5 -0.5 3.25 0.25 1.5 0 3 0.75",
         "f32[2,1,2,1,2] 4 3.25 3.5 1.75 3.75 -0.5 3.25 1.5; i64[2,1,2,1,2] 3 5 6 11 15 "
         "17 18 20");
    POOL(INTS(2, 2), INTS(1, 1), INTS(1, 1), INTS(0, 0, 0, 0),
         (.kind = tro_pool_max, .auto_pad = tro_auto_pad_same_lower),
         "u8[1,1,3,3] 164 116 104 151 132 200 151 120 220",
         "u8[1,1,3,3] 164 164 116 164 164 200 151 151 220");
    POOL(INTS(2, 2), INTS(1, 1), INTS(1, 1), INTS(0, 0, 0, 0),
         (.kind = tro_pool_max, .auto_pad = tro_auto_pad_same_upper),
         "i8[1,1,3,3] -74 -16 -4 100 -16 29 -109 84 -15",
         "i8[1,1,3,3] 100 29 29 100 84 29 84 84 -15");
}

#define MAX (.kind = tro_pool_max)

TEST(ref_pool_max_edges)
{
    /* 64-bit values beyond double; the first of equals; NaN wins; -0 equals 0; -inf. */
    POOL(INTS(2), INTS(1), INTS(1), INTS(0, 0), MAX,
         "i64[1,1,3] 9007199254740993 9007199254740992 9007199254740993",
         "i64[1,1,2] 9007199254740993 9007199254740993; i64[1,1,2] 0 2");
    POOL(INTS(3), INTS(1), INTS(1), INTS(0, 0), MAX, "u64[1,1,3] 1 18446744073709551615 2",
         "u64[1,1,1] 18446744073709551615");
    POOL(INTS(2), INTS(1), INTS(1), INTS(0, 0), MAX, "f32[1,1,4] 5 nan 7 -inf",
         "f32[1,1,3] nan nan 7; i64[1,1,3] 1 1 2");
    POOL(INTS(2), INTS(1), INTS(1), INTS(0, 0), MAX, "f16[1,1,3] 3 3 -1",
         "f16[1,1,2] 3 3; i64[1,1,2] 0 1");
    POOL(INTS(2), INTS(2), INTS(1), INTS(0, 0), MAX, "f32[1,1,2] -inf -inf",
         "f32[1,1,1] -inf; i64[1,1,1] 0");
    /* Windows with nothing inside. */
    POOL(INTS(2), INTS(2), INTS(1), INTS(2, 2), MAX, "f32[1,1,2] 1 2",
         "f32[1,1,3] -inf 2 -inf; i64[1,1,3] -1 1 -1");
    POOL(INTS(1), INTS(2), INTS(1), INTS(2, 0), MAX, "i8[1,1,1] 5", "i8[1,1,2] -128 5");
    POOL(INTS(2147483647), INTS(1), INTS(1), INTS(2147483646, 0), MAX, "f32[1,1,2] 1 2",
         "f32[1,1,2] 1 2");
    POOL(INTS(2, 2), INTS(1, 1), INTS(1, 1), INTS(0, 0, 0, 0), MAX, "f32[0,2,3,3]", "f32[0,2,2,2]");
}

TEST(ref_pool_average)
{
    POOL(INTS(2), INTS(2), INTS(1), INTS(0, 0), (.kind = tro_pool_avg),
         "f32[1,1,5] 0 -3.25 1.5 1 -1.25", "f32[1,1,2] -1.625 1.25");
    POOL(INTS(2, 3), INTS(1, 1), INTS(1, 1), INTS(1, 1, 0, 1), (.kind = tro_pool_avg),
         "f32[1,1,3,4] 2.25 0.25 -3.75 -2.25 -2 -3.25 0 -3.75 0.25 1.75 0.75 -0.25",
         "f32[1,1,3,4] 1.25 -0.41666666 -1.9166666 -3 -0.6875 -1.0833334 -2.125 -2.4375 "
         "-0.8125 -0.41666666 -0.7916667 -0.8125");
    POOL(INTS(2, 3), INTS(1, 1), INTS(1, 1), INTS(1, 1, 0, 1),
         (.kind = tro_pool_avg, .count_include_pad = 1),
         "f32[1,1,3,4] 2.25 0.25 -3.75 -2.25 -2 -3.25 0 -3.75 0.25 1.75 0.75 -0.25",
         "f32[1,1,3,4] 0.41666666 -0.20833333 -0.9583333 -1 -0.45833334 -1.0833334 -2.125 "
         "-1.625 -0.5416667 -0.41666666 -0.7916667 -0.5416667");
    POOL(INTS(3), INTS(2), INTS(1), INTS(1, 1),
         (.kind = tro_pool_avg, .count_include_pad = 1, .ceil_mode = 1),
         "f32[1,1,6] -2 3.25 -1.5 2.75 -0.5 -1", "f32[1,1,4] 0.41666666 1.5 0.41666666 -0.5");
    POOL(INTS(3), INTS(3), INTS(1), INTS(1, 1), (.kind = tro_pool_avg, .ceil_mode = 1),
         "f32[1,1,6] 1.5 4 2.25 0.75 -3.25 2.25", "f32[1,1,3] 2.75 -0.083333336 2.25");
    POOL(INTS(2, 2), INTS(1, 1), INTS(2, 3), INTS(0, 1, 1, 0),
         (.kind = tro_pool_avg, .count_include_pad = 1),
         "f32[1,1,5,4] 2.25 -0.75 -1.25 -2.5 4 -2.75 0 -2.75 2.25 0.75 -2.75 -3.25 -3.25 "
         "-4 3 2.75 -1 -3.25 -1.75 -0.5",
         "f32[1,1,4,2] -1 -0.3125 0.75 0.1875 -1.125 -0.625 0.75 -0.125");
    POOL(INTS(3), INTS(2), INTS(1), INTS(0, 0),
         (.kind = tro_pool_avg, .auto_pad = tro_auto_pad_same_lower), "f32[1,1,4] 0.25 0 1 1",
         "f32[1,1,2] 0.125 0.6666667");
    /* Nothing inside: 0 / 0, or 0 of all that is padded. */
    POOL(INTS(1), INTS(2), INTS(1), INTS(2, 0), (.kind = tro_pool_avg), "f32[1,1,1] 5",
         "f32[1,1,2] nan 5");
    POOL(INTS(1), INTS(2), INTS(1), INTS(2, 0), (.kind = tro_pool_avg, .count_include_pad = 1),
         "f32[1,1,1] 5", "f32[1,1,2] 0 5");
    POOL(INTS(1048576), INTS(1), INTS(1), INTS(1048575, 0),
         (.kind = tro_pool_avg, .count_include_pad = 1), "f32[1,1,2] 1 3",
         "f32[1,1,2] 9.536743164e-07 3.814697266e-06");
    POOL(INTS(3), INTS(1), INTS(1), INTS(0, 0), (.kind = tro_pool_avg), "f16[1,1,3] 2048 1 1",
         "f16[1,1,1] 683.5");
}

TEST(ref_pool_lp)
{
    POOL(INTS(2), INTS(1), INTS(1), INTS(0, 0), (.kind = tro_pool_lp, .p = 1),
         "f32[1,1,4] 1 0 -0.5 3.5", "f32[1,1,3] 1 0.5 4");
    POOL(INTS(2, 2), INTS(1, 1), INTS(1, 1), INTS(1, 0, 0, 1), (.kind = tro_pool_lp, .p = 2),
         "f32[1,1,2,3] 2.75 2 -3.75 0.5 3.25 1",
         "f32[1,1,2,3] 3.4003677 4.25 3.75 4.7302217 5.4428854 3.8810437");
    POOL(INTS(2), INTS(2), INTS(2), INTS(0, 0), (.kind = tro_pool_lp, .p = 3),
         "f32[1,1,5] -2.5 0 0.5 3.75 0.5", "f32[1,1,2] 2.506649 0.62996054");
}

TEST(ref_max_unpool)
{
    UNPOOL(INTS(2, 2), INTS(2, 2), INTS(0, 0, 0, 0),
           "f32[1,1,2,2] 0.5 -3.25 -3.75 2.25; i64[1,1,2,2] 5 7 13 15",
           "f32[1,1,4,4] 0 0 0 0 0 0.5 0 -3.25 0 0 0 0 0 -3.75 0 2.25");
    UNPOOL(INTS(3), INTS(2), INTS(0, 0), "f32[2,1,2] -1.75 -0.25 3.5 -2; i64[2,1,2] 0 3 8 5",
           "f32[2,1,5] -1.75 0 0 -0.25 0 -2 0 0 3.5 0");
    /* The node tests of ONNX: indices speak of the tensor that the windows cover. */
    UNPOOL(INTS(2, 2), INTS(2, 2), INTS(0, 0, 0, 0),
           "f32[1,1,2,2] 1 2 3 4; i64[1,1,2,2] 5 7 13 15; i64[4] 1 1 5 5",
           "f32[1,1,5,5] 0 0 0 0 0 0 1 0 2 0 0 0 0 0 0 0 3 0 4 0 0 0 0 0 0");
    UNPOOL(INTS(2), INTS(2), INTS(0, 0), "f32[1,1,1] 1; i64[1,1,1] 2", "!index 2");
    UNPOOL(INTS(2), INTS(2), INTS(0, 0), "f32[1,1,1] 1; i64[1,1,1] -1", "!index -1");
    UNPOOL(INTS(2), INTS(2), INTS(0, 0), "f32[1,1,2] 1 2; i64[1,1,2] 0 3; i64[3] 1 1 2",
           "!index 3");
    UNPOOL(INTS(2), INTS(2), INTS(1, 1), "f32[1,1,1] 1; i64[1,1,1] 0", "!index 0");
    UNPOOL(INTS(2), INTS(2), INTS(0, 0), "f16[1,0,1]; i64[1,0,1]", "f16[1,0,2]");
}

TEST(ref_col2im)
{
    COL2IM(INTS(1, 1), INTS(1, 1), INTS(0, 0, 0, 0),
           "f32[1,4,6] 2.25 -3.5 -4 -3.75 -1.75 -0.25 -4 1 2.75 0 -3.25 2.75 -3.75 0 4 "
           "-1.25 -0.5 -2 -1.5 -2.25 -3.75 2 -1 4; i64[2] 3 4; i64[2] 2 2",
           "f32[1,1,3,4] 2.25 -7.5 -3 2.75 -7.5 -3.25 -1.75 -1 -1.25 1.5 -3 4");
    COL2IM(INTS(2), INTS(3), INTS(1, 0), "f32[1,4,1] -1 2.25 0.25 1; i64[1] 4; i64[1] 2",
           "f32[1,2,4] 0 0 2.25 0 0 0 1 0");
    COL2IM(INTS(1, 2), INTS(1, 1), INTS(1, 0, 0, 1),
           "f32[1,2,6] -4 3 -3 3.75 -2.5 2.25 -0.5 2.25 -1.75 -2 1 -4; i64[2] 3 3; i64[2] 2 "
           "1",
           "f32[1,1,3,3] -3.5 0 6 -4.25 0 0.25 1 0 -4");
    COL2IM(INTS(1), INTS(1), INTS(0, 0), "i8[1,2,2] 100 100 100 100; i64[1] 3; i64[1] 2",
           "i8[1,1,3] 100 -56 100");
    COL2IM(INTS(1), INTS(1), INTS(0, 0), "f16[1,2,2] 0.5 1 2048 0.5; i64[1] 3; i64[1] 2",
           "f16[1,1,3] 0.5 2048 0.5");
    COL2IM(INTS(1, 1), INTS(1, 1), INTS(0, 0, 0, 0), "f32[1,6,3] 18*0; i64[2] 1 1; i64[2] 2 3",
           "!block");
}
