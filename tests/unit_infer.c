/* SPDX-License-Identifier: Apache-2.0 */
/* Inference of pointwise operators, reductions and reshaping. */
#include "infer_kit.h"

/* ---- pointwise ------------------------------------------------------------------------- */

TEST(infer_bcast)
{
    INFER(TRO_OP_ADD, NULL, "f32[2,1,4]; f32[3,1]", "f32[2,3,4]");
    INFER(TRO_OP_ADD, NULL, "f32[]; f32[]", "f32[]");
    INFER(TRO_OP_MUL, NULL, "f16[N,3]; f16[N,1]", "f16[N,3]");
    INFER(TRO_OP_MUL, NULL, "bf16[0,3]; bf16[1,3]", "bf16[0,3]");
    INFER(TRO_OP_MAX, NULL, "N:1..9 | i32[N]; i32[5]", "i32[5]");
    INFER(TRO_OP_AND, NULL, "bool[2]; bool[1]", "bool[2]");
    INFER(TRO_OP_XOR, NULL, "u8[2]; u8[2]", "u8[2]");
    INFER(TRO_OP_SHR, NULL, "i16[2]; i16[]", "i16[2]");
    INFER(TRO_OP_SUB, NULL, "f32[*]; f32[3]", "f32[*]");
    INFER(TRO_OP_ADD, NULL, "f32[2]; f32[3]", "!broadcast");
    INFER(TRO_OP_ADD, NULL, "f32[2]; f64[2]", "!expected type");
    INFER(TRO_OP_ADD, NULL, "bool[2]; bool[2]", "!expected type");
    INFER(TRO_OP_ADD, NULL, "f8e5m2[2]; f8e5m2[2]", "!expected type");
    INFER(TRO_OP_AND, NULL, "f32[2]; f32[2]", "!expected type");
    INFER(TRO_OP_SHL, NULL, "bool[2]; bool[2]", "!expected type");
    INFER(TRO_OP_SUB, NULL, "f32[*]; i32[3]", "!expected type");
    INFER(TRO_OP_ADD, NULL, "f32[2]", "!expected 2 inputs");
}

TEST(infer_pow_compare_select)
{
    INFER(TRO_OP_POW, NULL, "f32[2,1]; i64[3]", "f32[2,3]");
    INFER(TRO_OP_POW, NULL, "i32[N]; f32[]", "i32[N]");
    INFER(TRO_OP_POW, NULL, "bool[2]; f32[]", "!expected type");
    INFER(TRO_OP_EQ, NULL, "bool[2]; bool[2]", "bool[2]");
    INFER(TRO_OP_LT, NULL, "f32[2,N]; f32[N]", "bool[2,N]");
    INFER(TRO_OP_LE, NULL, "u64[*]; u64[]", "bool[*]");
    INFER(TRO_OP_LT, NULL, "bool[2]; bool[2]", "!expected type");
    INFER(TRO_OP_EQ, NULL, "i32[2]; i64[2]", "!expected type");
    INFER(TRO_OP_SELECT, NULL, "bool[N,1]; f16[1,3]; f16[]", "f16[N,3]");
    INFER(TRO_OP_SELECT, NULL, "bool[2]; f8e4m3fn[2]; f8e4m3fn[1]", "f8e4m3fn[2]");
    INFER(TRO_OP_SELECT, NULL, "u8[2]; f32[2]; f32[2]", "!expected type bool");
    INFER(TRO_OP_SELECT, NULL, "bool[2]; f32[2]; f16[2]", "!expected type");
    INFER(TRO_OP_SELECT, NULL, "bool[2]; f32[3]; f32[3]", "!broadcast");
}

TEST(infer_unary)
{
    INFER(TRO_OP_NOT, NULL, "bool[2]", "bool[2]");
    INFER(TRO_OP_NOT, NULL, "u8[2]", "u8[2]");
    INFER(TRO_OP_NOT, NULL, "f32[2]", "!expected type");
    INFER(TRO_OP_NEG, NULL, "i8[N]", "i8[N]");
    INFER(TRO_OP_NEG, NULL, "u8[N]", "!expected type");
    INFER(TRO_OP_ABS, NULL, "u8[N]", "u8[N]");
    INFER(TRO_OP_ERF, NULL, "i32[N]", "i32[N]");
    INFER(TRO_OP_EXP, NULL, "f64[*]", "f64[*]");
    INFER(TRO_OP_SQRT, NULL, "i32[2]", "!expected type");
    INFER(TRO_OP_ISNAN, NULL, "f16[N]", "bool[N]");
    INFER(TRO_OP_ISINF, NULL, "f8e5m2[N]", "bool[N]");
    INFER(TRO_OP_ISNAN, NULL, "i32[N]", "!expected type");
}

TEST(infer_same)
{
    INFER(TRO_OP_SOFTMAX, &(struct tro_attrs_softmax){.axis = -1}, "f32[N,3]", "f32[N,3]");
    INFER(TRO_OP_SOFTMAX, &(struct tro_attrs_softmax){.axis = 2}, "f32[N,3]", "!axis 2");
    INFER(TRO_OP_SOFTMAX, NULL, "f32[]", "!axis 0");
    INFER(TRO_OP_CUMSUM, NULL, "i64[N,3]; i32[]", "i64[N,3]");
    INFER(TRO_OP_CUMSUM, NULL, "f32[2,3]; i64[1]={-2}", "f32[2,3]");
    INFER(TRO_OP_CUMSUM, NULL, "f32[2,3]; i64[]={5}", "!axis 5");
    INFER(TRO_OP_CUMSUM, NULL, "f32[2,3]; i64[2]", "!axis has 2 elements");
    INFER(TRO_OP_CUMSUM, NULL, "f32[2,3]; f32[]", "!expected type");
    INFER(TRO_OP_LRN, &(struct tro_attrs_lrn){.size = 5}, "f32[1,C,7]", "f32[1,C,7]");
    INFER(TRO_OP_LRN, NULL, "f32[1,4]", "!size is 0");
    INFER(TRO_OP_LRN, &(struct tro_attrs_lrn){.size = 5}, "f32[4]", "!rank");
    INFER(TRO_OP_TRILU, NULL, "bool[2,N,N]; i64[]={-1}", "bool[2,N,N]");
    INFER(TRO_OP_TRILU, NULL, "i4[3,4]", "i4[3,4]");
    INFER(TRO_OP_TRILU, NULL, "f32[4]", "!rank");
    INFER(TRO_OP_TRILU, NULL, "f32[4,4]; i64[2]", "!k has 2 elements");
    const struct tro_attrs_reverse_sequence batch_first = {.time_axis = 1, .batch_axis = 0};
    INFER(TRO_OP_REVERSE_SEQUENCE, &batch_first, "f32[B,T,8]; i64[B]", "f32[B,T,8]");
    INFER(TRO_OP_REVERSE_SEQUENCE, &batch_first, "f32[2,5]; i64[3]", "!lengths");
    INFER(TRO_OP_REVERSE_SEQUENCE, NULL, "f32[2,5]; i64[2]", "!expected two axes");
}

TEST(infer_cast)
{
    INFER(TRO_OP_CAST, &(struct tro_attrs_cast){.to = TRO_F8E4M3FN}, "f32[N]", "f8e4m3fn[N]");
    INFER(TRO_OP_CAST, &(struct tro_attrs_cast){.to = TRO_BOOL}, "i4[*]", "bool[*]");
    INFER(TRO_OP_CAST, NULL, "f32[N]", "!to is none");
    INFER(TRO_OP_CAST, &(struct tro_attrs_cast){.to = (enum tro_dtype)99}, "f32[N]", "!to is none");
}

TEST(infer_quantize)
{
    const struct tro_attrs_cast u8 = {.to = TRO_U8}, f32 = {.to = TRO_F32};
    INFER(TRO_OP_QUANTIZE, &u8, "f32[N,3]; f32[]; u8[]", "u8[N,3]");
    INFER(TRO_OP_QUANTIZE, &u8, "i32[2,3,4]; f32[3,1]", "u8[2,3,4]");
    INFER(TRO_OP_QUANTIZE, &u8, "f16[*]; f32[]", "u8[*]");
    INFER(TRO_OP_QUANTIZE, &u8, "f32[2]; f32[]; i8[]", "!zero is i8");
    INFER(TRO_OP_QUANTIZE, &f32, "f32[2]; f32[]", "!to is f32");
    INFER(TRO_OP_QUANTIZE, &u8, "f32[2]; f32[3]", "!size 0 of scale is 3");
    INFER(TRO_OP_QUANTIZE, &u8, "f32[1]; f32[3]", "!does not broadcast");
    INFER(TRO_OP_QUANTIZE, &u8, "f32[2]; f32[1,2]", "!scale has rank 2");
    INFER(TRO_OP_DEQUANTIZE, NULL, "i4[2,N]; f16[2,1]; i4[2,1]", "f16[2,N]");
    INFER(TRO_OP_DEQUANTIZE, NULL, "i32[5]; f32[5]", "f32[5]");
    INFER(TRO_OP_DEQUANTIZE, NULL, "f8e5m2[5]; bf16[]; f8e5m2[]", "bf16[5]");
    INFER(TRO_OP_DEQUANTIZE, NULL, "u8[5]; f32[]; i8[]", "!expected type");
    INFER(TRO_OP_DEQUANTIZE, NULL, "i64[5]; f32[]", "!expected type");
    INFER(TRO_OP_DEQUANTIZE, NULL, "u8[5]; f32[]; u8[4]", "!zero is 4");
    INFER(TRO_OP_REQUANTIZE, NULL, "i32[1,8,H]; f32[8,1]; i8[]", "i8[1,8,H]");
    INFER(TRO_OP_REQUANTIZE, NULL, "i32[8]; f16[]; i8[]", "!expected type f32");
    INFER(TRO_OP_REQUANTIZE, NULL, "i64[8]; f32[]; i8[]", "!expected type i32");
}

TEST(infer_table)
{
    const struct tro_attrs_cast u8 = {.to = TRO_U8}, i16 = {.to = TRO_I16}, u16 = {.to = TRO_U16};
    INFER(TRO_OP_TABLE, NULL, "u8[N,3]; f32[256]", "f32[N,3]");
    INFER(TRO_OP_TABLE, NULL, "i8[*]; u8[256]", "u8[*]");
    INFER(TRO_OP_TABLE, &u8, "i16[2,256]; i32[513]", "u8[2,256]");
    INFER(TRO_OP_TABLE, NULL, "u8[4]; u8[255]", "!table has 255 entries: expected 256");
    INFER(TRO_OP_TABLE, &u8, "u16[4]; i32[256]", "!table has 256 entries: expected 513");
    INFER(TRO_OP_TABLE, &u8, "u16[4]; f32[513]", "!expected type i32");
    INFER(TRO_OP_TABLE, &i16, "i16[4]; i32[513]", "i16[4]");
    INFER(TRO_OP_TABLE, &u16, "u16[4]; i32[513]", "!to is u16");
    INFER(TRO_OP_TABLE, NULL, "i32[4]; u8[256]", "!expected type");
    INFER(TRO_OP_TABLE, NULL, "u8[4]; u8[1,256]", "!rank");
}

/* ---- reduce ---------------------------------------------------------------------------- */

TEST(infer_reduce)
{
    const struct tro_attrs_reduce keep = {0}, drop = {.drop_dims = 1};
    const struct tro_attrs_reduce noop = {.noop_if_empty = 1, .drop_dims = 1};
    const struct tro_attrs_reduce max = {.kind = tro_reduction_max};
    INFER(TRO_OP_REDUCE, &keep, "f32[N,3,H]; i64[2]={-1,0}", "f32[1,3,1]");
    INFER(TRO_OP_REDUCE, &drop, "f32[N,3,H]; i64[1]={1}", "f32[N,H]");
    INFER(TRO_OP_REDUCE, &drop, "f32[N,3,H]; i32[]={1}", "f32[N,H]");
    INFER(TRO_OP_REDUCE, &keep, "f32[N,3]", "f32[1,1]");
    INFER(TRO_OP_REDUCE, &drop, "f32[N,3]", "f32[]");
    INFER(TRO_OP_REDUCE, &drop, "f32[N,3]; i64[0]", "f32[]");
    INFER(TRO_OP_REDUCE, &noop, "f32[N,3]; i64[0]={}", "f32[N,3]");
    INFER(TRO_OP_REDUCE, &noop, "f32[N,3]", "f32[N,3]");
    INFER(TRO_OP_REDUCE, &keep, "f32[]", "f32[]");
    INFER(TRO_OP_REDUCE, &keep, "N:2..9 | f32[N,3]; i64[1]", "f32[?1..9,?1..3]");
    INFER(TRO_OP_REDUCE, &keep, "f32[4,3]; i64[2]", "f32[1,1]");
    INFER(TRO_OP_REDUCE, &drop, "f32[N,3,4]; i64[2]", "f32[?]");
    INFER(TRO_OP_REDUCE, &drop, "f32[N,3,4]; i64[A]", "f32[*]");
    INFER(TRO_OP_REDUCE, &keep, "f32[0,3]; i64[A]", "f32[?0..1,?1..3]");
    INFER(TRO_OP_REDUCE, &keep, "f32[*]; i64[1]={0}", "f32[*]");
    INFER(TRO_OP_REDUCE, &max, "bool[3]", "bool[1]");
    INFER(TRO_OP_REDUCE, &keep, "bool[3]", "!expected type");
    INFER(TRO_OP_REDUCE, &keep, "f32[3]; i64[1]={1}", "!axis 1");
    INFER(TRO_OP_REDUCE, &keep, "f32[3,4]; i64[2]={1,-1}", "!named twice");
    INFER(TRO_OP_REDUCE, &keep, "f32[3]; i64[2]", "!axes has 2 elements");
    INFER(TRO_OP_REDUCE, &keep, "f32[3]; i64[1,1]", "!axes has rank 2");
    INFER(TRO_OP_REDUCE, &keep, "f32[3]; f32[1]", "!expected type");
}

TEST(infer_reduce_that_widens)
{
    const struct tro_attrs_reduce sum = {.kind = tro_reduction_sum, .widens = 1};
    const struct tro_attrs_reduce mean = {.kind = tro_reduction_mean, .widens = 1};
    INFER(TRO_OP_REDUCE, &sum, "i8[N,3]; i64[1]={1}", "i32[N,1]");
    INFER(TRO_OP_REDUCE, &sum, "i16[N,3]; i64[1]={1}", "i32[N,1]");
    INFER(TRO_OP_REDUCE, &sum, "u16[N,3]; i64[1]={1}", "!expected type");
    INFER(TRO_OP_REDUCE, &mean, "u8[N,3]; i64[1]={1}", "!kind");
}

TEST(infer_arg_reduce)
{
    INFER(TRO_OP_ARG_REDUCE, &(struct tro_attrs_arg_reduce){.axis = -1}, "f32[N,3]", "i64[N,1]");
    INFER(TRO_OP_ARG_REDUCE, &(struct tro_attrs_arg_reduce){.drop_dims = 1}, "u8[N,3]", "i64[3]");
    INFER(TRO_OP_ARG_REDUCE, NULL, "f32[*]", "i64[*]");
    INFER(TRO_OP_ARG_REDUCE, NULL, "f32[0,3]", "!size 0");
    INFER(TRO_OP_ARG_REDUCE, &(struct tro_attrs_arg_reduce){.axis = 2}, "f32[N,3]", "!axis 2");
    INFER(TRO_OP_ARG_REDUCE, NULL, "bool[3]", "!expected type");
}

TEST(infer_normalize)
{
    const struct tro_attrs_normalize last = {.axes = INTS(-1)};
    INFER(TRO_OP_NORMALIZE, &last, "f16[N,8]", "f16[N,8]; f32[N,1]; f32[N,1]");
    INFER(TRO_OP_NORMALIZE, &last, "f64[N,8]", "f64[N,8]; f64[N,1]");
    INFER(TRO_OP_NORMALIZE, &last, "f32[*]", "f32[*]; f32[*]");
    INFER(TRO_OP_NORMALIZE, NULL, "f32[2]", "!axes has 0 entries");
    INFER(TRO_OP_NORMALIZE, &(struct tro_attrs_normalize){.axes = INTS(0, 0)}, "f32[2,2]",
          "!named twice");
    INFER(TRO_OP_NORMALIZE, &(struct tro_attrs_normalize){.axes = INTS(0, 1, 2)}, "f32[2,2]",
          "!axes has 3 entries");
    INFER(TRO_OP_NORMALIZE, &last, "i32[N,8]", "!expected type");
}

TEST(infer_topk)
{
    const struct tro_attrs_topk last = {.axis = -1};
    INFER(TRO_OP_TOPK, &last, "f32[N,8]; i64[1]={3}", "f32[N,3]; i64[N,3]");
    INFER(TRO_OP_TOPK, &last, "N:8..9 | f32[2,N]; i64[]={5}", "f32[2,5]; i64[2,5]");
    INFER(TRO_OP_TOPK, &last, "K:1..8 | f32[2,8]; i64[1]={K}", "f32[2,K]; i64[2,K]");
    INFER(TRO_OP_TOPK, &last, "f32[2,8]; i64[1]={0}", "f32[2,0]; i64[2,0]");
    INFER(TRO_OP_TOPK, &last, "f32[2,8]; i64[1]", "f32[2,?0..8]; i64[2,?0..8]");
    INFER(TRO_OP_TOPK, &last, "f32[*]; i64[1]", "f32[*]; i64[*]");
    INFER(TRO_OP_TOPK, &last, "f32[8]; i64[*]", "f32[*]; i64[*]");
    INFER(TRO_OP_TOPK, &last, "f32[2,8]; i64[1]={9}", "!2k is 9");
    INFER(TRO_OP_TOPK, &last, "f32[2,8]; i64[1]={-1}", "!2k is -1");
    INFER(TRO_OP_TOPK, &last, "f32[2,8]; i64[2]={1,1}", "!2k has 2 elements");
    INFER(TRO_OP_TOPK, &last, "f32[]; i64[1]={1}", "!2axis -1");
}

/* ---- shapes ---------------------------------------------------------------------------- */

TEST(infer_dims)
{
    const struct tro_attrs_dims two = {.values = {.n = 2}},
                                scalar = {.values = {.n = 1}, .is_scalar = 1};
    INFER(TRO_OP_DIMS, &two, "", "i64[2]");
    INFER(TRO_OP_DIMS, &scalar, "", "i64[]");
    INFER(TRO_OP_DIMS, NULL, "", "i64[0]");
    INFER(TRO_OP_DIMS, &(struct tro_attrs_dims){.is_scalar = 1}, "", "!number of values is 0");
    INFER(TRO_OP_SHAPE_OF, NULL, "f32[N,3]", "i64[2]");
    INFER(TRO_OP_SHAPE_OF, NULL, "f32[*]", "i64[?0..8]");
}

TEST(infer_range)
{
    INFER(TRO_OP_RANGE, NULL, "i64[]={0}; i64[]={10}; i64[]={3}", "i64[4]");
    INFER(TRO_OP_RANGE, NULL, "i32[]={10}; i32[]={4}; i32[]={-2}", "i32[3]");
    INFER(TRO_OP_RANGE, NULL, "i64[]={5}; i64[]={1}; i64[]={2}", "i64[0]");
    INFER(TRO_OP_RANGE, NULL, "i64[]={0}; i64[]={N}; i64[]={1}", "i64[N]");
    INFER(TRO_OP_RANGE, NULL, "i64[]={0}; i64[1]={N}; i64[]={2}", "i64[(N+1)/2]");
    INFER(TRO_OP_RANGE, NULL, "N:3..40 | i64[]={N}; i64[]={0}; i64[]={-1}", "i64[N]");
    INFER(TRO_OP_RANGE, NULL, "i64[]; i64[]; i64[]={1}", "i64[?]");
    INFER(TRO_OP_RANGE, NULL, "i64[*]; i64[]; i64[]={1}", "i64[?]");
    INFER(TRO_OP_RANGE, NULL, "f32[]={0}; f32[]={1}; f32[]={0.1}", "f32[10]");
    INFER(TRO_OP_RANGE, NULL, "f64[]={1}; f64[]={-1}; f64[]={-0.5}", "f64[4]");
    INFER(TRO_OP_RANGE, NULL, "f32[]={0}; f32[]={1}; f32[]={0}", "!delta is 0");
    INFER(TRO_OP_RANGE, NULL, "i64[]={0}; i64[]={1}; i64[]={0}", "!delta is 0");
    INFER(TRO_OP_RANGE, NULL, "f32[]={0}; f32[]={inf}; f32[]={1}", "!no end");
    INFER(TRO_OP_RANGE, NULL, "f32[]={nan}; f32[]={1}; f32[]={1}", "!no end");
    INFER(TRO_OP_RANGE, NULL, "f32[2]; f32[]; f32[]", "!start has 2 elements");
    INFER(TRO_OP_RANGE, NULL, "f32[]; f64[]; f32[]", "!expected type");
}

TEST(infer_reshape)
{
    const struct tro_attrs_reshape zero = {.allow_zero = 1};
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3,4]; i64[2]={6,4}", "f32[6,4]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3,4]; i64[2]={0,-1}", "f32[2,12]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3,4]; i64[1]={-1}", "f32[24]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[1]; i64[0]={}", "f32[]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[N,3,H,W]; i64[3]={0,0,-1}", "f32[N,3,H*W]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[N,12,H,W]; i64[5]={N,4,3,H,W}", "f32[N,4,3,H,W]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[N,12,H]; i64[3]={N,-1,3}", "f32[N,H*4,3]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[N,49,96]; i64[2]={-1,96}", "f32[N*49,96]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[N*49,96]; i64[3]={-1,49,96}", "f32[N,49,96]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[0,3,4]; i64[2]={0,-1}", "f32[0,12]");
    INFER(TRO_OP_RESHAPE, &zero, "f32[0,3]; i64[2]={3,0}", "f32[3,0]");
    INFER(TRO_OP_RESHAPE, &zero, "f32[0,3]; i64[2]={0,-1}", "!could be anything");
    INFER(TRO_OP_RESHAPE, NULL, "i4[8]; i64[2]={2,4}", "i4[2,4]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3]; i64[1]", "f32[6]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3]; i64[3]", "f32[?1..6,?1..6,?1..6]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[N,3]; i64[2]", "f32[?,?]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3]; i64[R]", "f32[*]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[*]; i64[3]={0,4,-1}", "f32[?,4,?]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[*]; i64[2]", "f32[?,?]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3]; i64[*]", "f32[*]");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3,4]; i64[2]={5,-1}", "!expected a multiple");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3,4]; i64[2]={5,5}", "!expected equal");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3,4]; i64[2]={-1,-1}", "!-1 at 0 and 1");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2,3,4]; i64[2]={-2,12}", "!is -2");
    INFER(TRO_OP_RESHAPE, NULL, "f32[24]; i64[3]={2,0,12}", "!copies");
    INFER(TRO_OP_RESHAPE, NULL, "f32[2]; i32[1]={2}", "!expected type i64");
    INFER(TRO_OP_RESHAPE, NULL, "f32[1]; i64[9]={1,1,1,1,1,1,1,1,1}", "!rank 9");
    INFER(TRO_OP_RESHAPE, NULL, "f32[1]; i64[9]", "!rank 9");
    INFER(TRO_OP_RESHAPE, NULL, "f32[4]; i64[2]={4611686018427387904,4611686018427387904}",
          "!expected equal");
}

TEST(infer_squeeze)
{
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3,1]", "f32[3]");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3,1]; i64[1]={-1}", "f32[1,3]");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3,1]; i64[0]={}", "f32[1,3,1]");
    INFER(TRO_OP_SQUEEZE, NULL, "N:0..1 | f32[N,3]; i64[1]={0}", "f32[3]");
    INFER(TRO_OP_SQUEEZE, NULL, "N:2..9 | f32[N,1]", "f32[N]");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[N,1]", "f32[*]");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3,1]; i64[2]", "f32[3]");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3,1]; i64[1]", "f32[?,?]");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3,1]; i64[A]", "f32[*]");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[*]; i64[1]={0}", "f32[*]");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3]; i64[1]={1}", "!axis 1 has size 3");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3]; i64[2]", "!only 1 axes");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,3]; i64[1]={2}", "!axis 2");
    INFER(TRO_OP_SQUEEZE, NULL, "f32[1,1]; i64[2]={0,-2}", "!named twice");
}

TEST(infer_unsqueeze)
{
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[N,3]; i64[2]={0,-1}", "f32[1,N,3,1]");
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[]; i64[]={0}", "f32[1]");
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[N]; i64[1]", "f32[?,?]");
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[]; i64[2]", "f32[1,1]");
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[N]; i64[A]", "f32[*]");
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[*]; i64[1]", "f32[*]");
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[3]; i64[1]={2}", "!axis 2");
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[3]; i64[2]={0,0}", "!named twice");
    INFER(TRO_OP_UNSQUEEZE, NULL, "f32[1,1,1,1,1]; i64[4]={0,1,2,3}", "!rank 9");
}
