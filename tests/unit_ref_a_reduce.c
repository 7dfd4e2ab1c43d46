/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions and operators along axes, on values worked out by hand. */
#include "ref_kit.h"

/* ---- reduce ---------------------------------------------------------------------------- */

#define REDUCE(of, in, out) \
    EVAL(TRO_OP_REDUCE, (&(struct tro_attrs_reduce){.kind = tro_reduction_##of}), in, out)
#define REDUCE_DROP(of, in, out)                                                                  \
    EVAL(TRO_OP_REDUCE, (&(struct tro_attrs_reduce){.kind = tro_reduction_##of, .drop_dims = 1}), \
         in, out)

TEST(ref_reduce_axes)
{
    REDUCE(sum, "f32[2,3] 1 2 3 4 5 6; i64[1] 1", "f32[2,1] 6 15");
    REDUCE(sum, "f32[2,3] 1 2 3 4 5 6; i64[1] 0", "f32[1,3] 5 7 9");
    REDUCE_DROP(sum, "f32[2,3] 1 2 3 4 5 6; i64[1] -1", "f32[2] 6 15");
    REDUCE_DROP(sum, "f32[2,3] 1 2 3 4 5 6", "f32[] 21");
    REDUCE(sum, "f32[2,3] 1 2 3 4 5 6; i64[0]", "f32[1,1] 21");
    REDUCE_DROP(max, "f32[2,2,2] 1 2 3 4 5 6 7 8; i64[2] 0 2", "f32[2] 6 8");
    REDUCE(mean, "f32[2,2,2] 1 2 3 4 5 6 7 9; i32[2] -1 0", "f32[1,2,1] 3.5 5.75");
    REDUCE_DROP(prod, "f64[2,3] 1 2 3 4 5 6; i64[1] 0", "f64[3] 4 10 18");
    REDUCE(sum, "f32[] 3", "f32[] 3");
    EVAL(TRO_OP_REDUCE, &(struct tro_attrs_reduce){.noop_if_empty = 1}, "f32[2] 1 -0; i64[0]",
         "f32[2] 1 -0");
    REDUCE(sum, "f32[2] 1 2; i64[1] 1", "!axis 1");
}

TEST(ref_reduce_values)
{
    REDUCE_DROP(sum, "f32[3] 16777216 1 1", "f32[] 16777218");
    REDUCE_DROP(sum, "f16[4] 60000 60000 -60000 -60000", "f16[] 0");
    REDUCE_DROP(mean, "i32[3] -1 -1 -3", "i32[] -1");
    REDUCE_DROP(mean, "u64[2] 18446744073709551614 1", "u64[] 9223372036854775807");
    REDUCE_DROP(sum, "i8[2] 127 1", "i8[] -128");
    REDUCE_DROP(prod, "i32[3] 65536 65536 3", "i32[] 0");
    REDUCE_DROP(max, "u64[2] 18446744073709551615 3", "u64[] 18446744073709551615");
    REDUCE_DROP(min, "u64[2] 18446744073709551615 3", "u64[] 3");
    REDUCE_DROP(max, "f32[3] 1 nan 3", "f32[] nan");
    REDUCE_DROP(min, "f32[3] nan 1 3", "f32[] nan");
    REDUCE_DROP(min, "i64[2] -9223372036854775808 1", "i64[] -9223372036854775808");
    REDUCE_DROP(max, "bool[3] 0 1 0", "bool[] 1");
    REDUCE_DROP(min, "bool[3] 0 1 1", "bool[] 0");
    REDUCE_DROP(sum, "f32[600] 600*0.25", "f32[] 150");
    REDUCE(max, "f32[2,300] 300*1 299*1 7; i64[1] 0", "f32[1,300] 299*1 7");
}

TEST(ref_reduce_nothing)
{
    REDUCE(sum, "f32[2,0]; i64[1] 1", "f32[2,1] 0 0");
    REDUCE(mean, "f32[0]", "f32[1] nan");
    REDUCE(mean, "i32[0]", "i32[1] 0");
    REDUCE(max, "f32[0]", "f32[1] -inf");
    REDUCE(min, "f16[0]", "f16[1] inf");
    REDUCE(prod, "f32[0,3]; i64[1] 0", "f32[1,3] 1 1 1");
    REDUCE(max, "i8[0]", "i8[1] -128");
    REDUCE(min, "u64[0]", "u64[1] 18446744073709551615");
    REDUCE(max, "u64[0]", "u64[1] 0");
    REDUCE(max, "bool[0]", "bool[1] 0");
    REDUCE(min, "bool[0]", "bool[1] 1");
    REDUCE(sum, "f32[0,3]; i64[1] 1", "f32[0,1]");
}

/* ---- index of the greatest ------------------------------------------------------------- */

TEST(ref_arg_reduce)
{
    const struct tro_attrs_arg_reduce first = {.axis = 1}, last = {.axis = -1, .select_last = 1},
                                      least = {.axis = 0, .is_min = 1, .drop_dims = 1};
    EVAL(TRO_OP_ARG_REDUCE, &first, "f32[2,3] 1 3 3 5 4 5", "i64[2,1] 1 0");
    EVAL(TRO_OP_ARG_REDUCE, &last, "f32[2,3] 1 3 3 5 4 5", "i64[2,1] 2 2");
    EVAL(TRO_OP_ARG_REDUCE, &least, "i8[2,3] 1 -3 3 5 4 -5", "i64[3] 0 0 1");
    EVAL(TRO_OP_ARG_REDUCE, &least, "f32[4] 1 -0 0 -inf", "i64[] 3");
    EVAL(TRO_OP_ARG_REDUCE, &least, "f32[3] 1 nan -inf", "i64[] 1");
    EVAL(TRO_OP_ARG_REDUCE, &(struct tro_attrs_arg_reduce){0}, "f32[4] inf nan 1 nan", "i64[1] 1");
    EVAL(TRO_OP_ARG_REDUCE, &(struct tro_attrs_arg_reduce){0}, "f32[2] 0 -0", "i64[1] 0");
    EVAL(TRO_OP_ARG_REDUCE, &(struct tro_attrs_arg_reduce){0},
         "u64[3] 1 18446744073709551615 9223372036854775807", "i64[1] 1");
    EVAL(TRO_OP_ARG_REDUCE, &least, "i64[2] 9223372036854775807 9223372036854775806", "i64[] 1");
    EVAL(TRO_OP_ARG_REDUCE, &first, "f32[0,3]", "i64[0,1]");
    EVAL(TRO_OP_ARG_REDUCE, &first, "f32[2,0]", "!size 0");
}

TEST(ref_topk)
{
    const struct tro_attrs_topk largest = {.axis = -1}, smallest = {.axis = 0, .is_smallest = 1};
    EVAL(TRO_OP_TOPK, &largest, "f32[2,4] 1 4 2 4 8 5 6 7; i64[1] 3",
         "f32[2,3] 4 4 2 8 7 6; i64[2,3] 1 3 2 0 3 2");
    EVAL(TRO_OP_TOPK, &smallest, "f32[3,2] 3 -1 1 -1 2 0; i64[1] 2",
         "f32[2,2] 1 -1 2 -1; i64[2,2] 1 0 2 1");
    EVAL(TRO_OP_TOPK, &largest, "f32[4] 1 nan inf nan; i64[1] 3",
         "f32[3] nan nan inf; i64[3] 1 3 2");
    EVAL(TRO_OP_TOPK, &smallest, "f16[3] nan 1 -0; i64[1] 3", "f16[3] -0 1 nan; i64[3] 2 1 0");
    EVAL(TRO_OP_TOPK, &largest, "u64[3] 5 18446744073709551615 7; i64[1] 2",
         "u64[2] 18446744073709551615 7; i64[2] 1 2");
    EVAL(TRO_OP_TOPK, &largest, "i8[7] 3 1 4 1 5 9 2; i64[1] 7",
         "i8[7] 9 5 4 3 2 1 1; i64[7] 5 4 2 0 6 1 3");
    EVAL(TRO_OP_TOPK, &largest, "f32[2,3] 1 2 3 4 5 6; i64[1] 0", "f32[2,0]; i64[2,0]");
    EVAL(TRO_OP_TOPK, &largest, "f32[3] 1 2 3; i64[1] 4", "!k is 4");
}

/* ---- softmax --------------------------------------------------------------------------- */

TEST(ref_softmax)
{
    const struct tro_attrs_softmax last = {.axis = -1}, first = {.axis = 0},
                                   is_log = {.axis = 1, .is_log = 1};
    EVAL(TRO_OP_SOFTMAX, &last, "f32[2,2] 0 0 1000 1001", "f32[2,2] 0.5 0.5 0.26894143 0.73105860");
    EVAL(TRO_OP_SOFTMAX, &first, "f32[2,2] 0 -1000 1.0986122886681098 0", "f32[2,2] 0.25 0 0.75 1");
    EVAL(TRO_OP_SOFTMAX, &is_log, "f64[1,3] 1 2 3",
         "f64[1,3] -2.4076059644 -1.4076059644 -0.4076059644");
    EVAL(TRO_OP_SOFTMAX, &is_log, "f32[1,2] 0 -2000", "f32[1,2] 0 -2000");
    EVAL(TRO_OP_SOFTMAX, &last, "f32[3] -inf -inf -inf", "f32[3] nan nan nan");
    EVAL(TRO_OP_SOFTMAX, &last, "f32[3] 1 nan 2", "f32[3] nan nan nan");
    EVAL(TRO_OP_SOFTMAX, &last, "f16[2] -inf 3", "f16[2] 0 1");
    EVAL(TRO_OP_SOFTMAX, &last, "f32[2,0]", "f32[2,0]");
    EVAL(TRO_OP_SOFTMAX, &first, "f32[2,0]", "f32[2,0]");
    EVAL(TRO_OP_SOFTMAX, &(struct tro_attrs_softmax){.axis = 1}, "f32[2,2,3] 12*7",
         "f32[2,2,3] 12*0.5");
    EVAL(TRO_OP_SOFTMAX, &first, "f32[2,100] 200*7", "f32[2,100] 200*0.5");
}

/* ---- normalize ------------------------------------------------------------------------- */

TEST(ref_normalize)
{
    const struct tro_attrs_normalize last = {.axes = INTS(-1)};
    EVAL(TRO_OP_NORMALIZE, &last, "f32[2,4] 1 3 1 3 10 20 10 20",
         "f32[2,4] -1 1 -1 1 -1 1 -1 1; f32[2,1] 2 15; f32[2,1] 1 0.2");
    const struct tro_attrs_normalize instance = {.axes = INTS(2, 3), .epsilon = 3};
    EVAL(TRO_OP_NORMALIZE, &instance, "f32[1,2,1,2] 1 3 4 8",
         "f32[1,2,1,2] -0.5 0.5 -0.7559289 0.7559289");
    const struct tro_attrs_normalize rms = {.axes = INTS(1), .is_rms = 1, .epsilon = 0};
    EVAL(TRO_OP_NORMALIZE, &rms, "f32[2,2] 1 7 3 -4",
         "f32[2,2] 0.2 1.4 0.8485281 -1.1313708; f32[2,1] 0 0; f32[2,1] 0.2 0.28284271");
    const struct tro_attrs_normalize first = {.axes = INTS(0)};
    EVAL(TRO_OP_NORMALIZE, &first, "f64[2,3] 1 2 3 3 6 9",
         "f64[2,3] -1 -1 -1 1 1 1; f64[1,3] 2 4 6; f64[1,3] 1 0.5 0.33333333333");
    EVAL(TRO_OP_NORMALIZE, &last, "f16[2] 2000 2002", "f16[2] -1 1; f32[1] 2001; f32[1] 1");
    EVAL(TRO_OP_NORMALIZE, &last, "f32[0,4]", "f32[0,4]");
    EVAL(TRO_OP_NORMALIZE, &last, "f32[600] 300*1 300*3", "f32[600] 300*-1 300*1");
}

/* ---- running sums, local response ------------------------------------------------------ */

TEST(ref_cumsum)
{
    EVAL(TRO_OP_CUMSUM, NULL, "f32[4] 1 2 3 4; i32[] 0", "f32[4] 1 3 6 10");
    EVAL(TRO_OP_CUMSUM, NULL, "i8[2,2] 100 1 100 2; i64[1] 0", "i8[2,2] 100 1 -56 3");
    EVAL(TRO_OP_CUMSUM, &(struct tro_attrs_cumsum){.is_exclusive = 1}, "i64[3] 1 2 3; i64[] -1",
         "i64[3] 0 1 3");
    EVAL(TRO_OP_CUMSUM, &(struct tro_attrs_cumsum){.is_reverse = 1}, "f64[2,2] 1 2 3 4; i64[] 1",
         "f64[2,2] 3 2 7 4");
    const struct tro_attrs_cumsum both = {.is_reverse = 1, .is_exclusive = 1};
    EVAL(TRO_OP_CUMSUM, &both, "u64[3] 1 2 18446744073709551615; i64[] 0",
         "u64[3] 1 18446744073709551615 0");
    EVAL(TRO_OP_CUMSUM, NULL, "f32[0,2]; i64[] 0", "f32[0,2]");
    EVAL(TRO_OP_CUMSUM, NULL, "f32[2] 1 2; i64[] 1", "!axis");
}

TEST(ref_lrn)
{
    const struct tro_attrs_lrn three = {.size = 3, .alpha = 3, .beta = 1, .bias = 1};
    EVAL(TRO_OP_LRN, &three, "f32[1,3,1,2] 1 0 2 1 3 0",
         "f32[1,3,1,2] 0.16666667 0 0.13333333 0.5 0.21428571 0");
    const struct tro_attrs_lrn two = {.size = 2, .alpha = 2, .beta = 0.5, .bias = 0};
    EVAL(TRO_OP_LRN, &two, "f64[1,3] 3 4 12", "f64[1,3] 0.6 0.316227766 1");
}
