/* SPDX-License-Identifier: Apache-2.0 */
/* Inference of convolutions, pooling, products, recurrent layers and attention. */
#include "infer_kit.h"

#define PLAIN2 .strides = INTS(1, 1), .dilations = INTS(1, 1), .pads = INTS(0, 0, 0, 0)

TEST(infer_conv)
{
    const struct tro_attrs_conv plain = {PLAIN2, .group = 1};
    const struct tro_attrs_conv half = {
        .strides = INTS(2, 2), .dilations = INTS(1, 1), .pads = INTS(1, 1, 1, 1), .group = 1};
    const struct tro_attrs_conv depth = {PLAIN2, .group = 8};
    const struct tro_attrs_conv causal = {
        .strides = INTS(1), .dilations = INTS(4), .pads = INTS(8, 0), .group = 1};
    const struct tro_attrs_conv crop = {
        .strides = INTS(1), .dilations = INTS(1), .pads = INTS(-1, -2), .group = 1};
    INFER(TRO_OP_CONV, &plain, "f32[N,3,224,224]; f32[16,3,3,3]; f32[16]", "f32[N,16,222,222]");
    INFER(TRO_OP_CONV, &plain, "H:3..99 W:3..99 | f16[1,3,H,W]; f16[16,3,3,3]",
          "f16[1,16,H-2,W-2]");
    INFER(TRO_OP_CONV, &half, "f32[1,3,H,W]; f32[16,3,3,3]", "f32[1,16,(H+1)/2,(W+1)/2]");
    INFER(TRO_OP_CONV, &half, "f32[1,3,7,8]; f32[16,3,3,3]", "f32[1,16,4,4]");
    INFER(TRO_OP_CONV, &depth, "f32[1,8,H,W]; f32[8,1,1,1]", "f32[1,8,H,W]");
    INFER(TRO_OP_CONV, &causal, "bf16[1,2,T]; bf16[4,2,3]", "bf16[1,4,T]");
    INFER(TRO_OP_CONV, &crop, "f32[1,2,9]; f32[4,2,3]", "f32[1,4,4]");
    INFER(TRO_OP_CONV, &plain, "f32[1,C,9,9]; f32[M,C,1,K]", "f32[1,M,9,?]");
    INFER(TRO_OP_CONV, &plain, "f32[*]; f32[M,C,1,K]", "f32[?,M,?,?]");
    INFER(TRO_OP_CONV, &plain, "f32[1,2,3,4]; f32[*]", "f32[?,?,?,?]");
    INFER(TRO_OP_CONV, &plain, "f32[*]; f32[*]", "f32[*]");
    INFER(TRO_OP_CONV, &plain, "f32[0,3,9,9]; f32[4,3,9,9]", "f32[0,4,1,1]");
}

TEST(infer_conv_auto_pad)
{
    const struct tro_attrs_conv same = {.strides = INTS(2),
                                        .dilations = INTS(1),
                                        .pads = INTS(0, 0),
                                        .group = 1,
                                        .auto_pad = tro_auto_pad_same_upper};
    INFER(TRO_OP_CONV, &same, "f32[1,2,9]; f32[4,2,3]", "f32[1,4,5]");
    INFER(TRO_OP_CONV, &same, "f32[1,2,T]; f32[4,2,3]", "f32[1,4,(T+1)/2]");
}

TEST(infer_conv_refuses)
{
    const struct tro_attrs_conv plain = {PLAIN2, .group = 1}, two = {PLAIN2, .group = 2};
    INFER(TRO_OP_CONV, &two, "f32[1,8,9,9]; f32[2,3,3,3]",
          "!w has 3 channels a group, x has 8 with group 2: expected x to have 6");
    INFER(TRO_OP_CONV, &two, "f32[1,8,9,9]; f32[3,4,3,3]", "!multiple of group 2");
    INFER(TRO_OP_CONV, &plain, "f32[1,8,9,9]; f32[3,8,3,3]; f32[4]", "!bias");
    INFER(TRO_OP_CONV, &plain, "f32[1,8,9,9]; f32[3,8,3,3]; f32[1,3]", "!rank 1");
    INFER(TRO_OP_CONV, &plain, "f32[1,8,2,9]; f32[3,8,3,3]", "!no window of 3");
    INFER(TRO_OP_CONV, &plain, "f32[1,8,9,9]; f32[3,8,0,3]", "!size of the window is 0");
    INFER(TRO_OP_CONV, &plain, "f32[1,8,9]; f32[3,8,3]", "!strides has 2 entries: expected 1");
    INFER(TRO_OP_CONV, &plain, "f32[1,8,9,9]; f32[3,8,3]", "!rank");
    INFER(TRO_OP_CONV, &plain, "f32[1,8]; f32[3,8]", "!rank");
    INFER(TRO_OP_CONV, &plain, "f32[1,8,9,9]; f16[3,8,3,3]", "!expected type f32");
    INFER(TRO_OP_CONV, &plain, "i32[1,8,9,9]; i32[3,8,3,3]", "!expected type");
    INFER(TRO_OP_CONV, NULL, "f32[1,8,9,9]; f32[3,8,3,3]", "!group is 0");
    struct tro_attrs_conv bad = plain;
    bad.strides.v[1] = 0;
    INFER(TRO_OP_CONV, &bad, "f32[1,8,9,9]; f32[3,8,3,3]", "!strides is 0");
    bad = plain;
    bad.dilations.v[0] = INT64_MAX;
    INFER(TRO_OP_CONV, &bad, "f32[1,8,9,9]; f32[3,8,3,3]", "!dilations is 9223372036854775807");
    bad = plain;
    bad.dilations.v[0] = INT32_MAX;
    INFER(TRO_OP_CONV, &bad, "f32[1,8,9,9]; f32[3,8,2147483647,3]", "!no window");
    bad = plain;
    bad.pads.v[3] = INT64_MIN;
    INFER(TRO_OP_CONV, &bad, "f32[1,8,9,9]; f32[3,8,3,3]", "!pads is -9223372036854775808");
    bad = plain;
    bad.pads.n = 2;
    INFER(TRO_OP_CONV, &bad, "f32[1,8,9,9]; f32[3,8,3,3]", "!pads has 2 entries: expected 4");
    bad = plain;
    bad.group = -1;
    INFER(TRO_OP_CONV, &bad, "f32[1,8,9,9]; f32[3,8,3,3]", "!group is -1");
}

TEST(infer_conv_int)
{
    const struct tro_attrs_conv plain = {PLAIN2, .group = 1};
    INFER(TRO_OP_CONV_INT, &plain, "u8[1,8,9,9]; i8[4,8,3,3]; u8[]; i8[4]", "i32[1,4,7,7]");
    INFER(TRO_OP_CONV_INT, &plain, "u8[1,8,9,9]; u8[4,8,3,3]; -; u8[1]", "i32[1,4,7,7]");
    INFER(TRO_OP_CONV_INT, &plain, "u8[*]; u8[4,8,3,3]", "i32[?,4,?,?]");
    INFER(TRO_OP_CONV_INT, &plain, "u8[1,8,9,9]; i8[4,8,3,3]; i8[]", "!expected type u8");
    INFER(TRO_OP_CONV_INT, &plain, "u8[1,8,9,9]; i8[4,8,3,3]; u8[]; i8[3]", "!zero of w");
    INFER(TRO_OP_CONV_INT, &plain, "u8[1,8,9,9]; i8[4,8,3,3]; u8[8]", "!zero of x has 8");
    INFER(TRO_OP_CONV_INT, &plain, "i32[1,8,9,9]; i8[4,8,3,3]", "!expected type");
}

TEST(infer_conv_transpose_int)
{
    const struct tro_attrs_conv_transpose two = {.strides = INTS(2, 2),
                                                 .dilations = INTS(1, 1),
                                                 .pads = INTS(0, 0, 0, 0),
                                                 .group = 1,
                                                 .output_padding = INTS(0, 0)};
    INFER(TRO_OP_CONV_TRANSPOSE_INT, &two, "u8[1,8,9,9]; i8[8,4,2,2]; u8[]; i8[4]",
          "i32[1,4,18,18]");
    INFER(TRO_OP_CONV_TRANSPOSE_INT, &two, "u8[1,8,N,9]; u8[8,4,2,3]; -; u8[]", "i32[1,4,N*2,19]");
    INFER(TRO_OP_CONV_TRANSPOSE_INT, &two, "u8[*]; u8[8,4,2,2]", "i32[?,?,?,?]");
    INFER(TRO_OP_CONV_TRANSPOSE_INT, &two, "u8[1,8,9,9]; i8[8,4,2,2]; i8[]", "!expected type u8");
    INFER(TRO_OP_CONV_TRANSPOSE_INT, &two, "u8[1,8,9,9]; i8[8,4,2,2]; u8[]; i8[8]", "!zero of w");
    INFER(TRO_OP_CONV_TRANSPOSE_INT, &two, "f32[1,8,9,9]; i8[8,4,2,2]", "!expected type");
}

TEST(infer_conv_transpose)
{
    struct tro_attrs_conv_transpose two = {.strides = INTS(2, 2),
                                           .dilations = INTS(1, 1),
                                           .pads = INTS(0, 0, 0, 0),
                                           .group = 1,
                                           .output_padding = INTS(0, 0)};
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[N,8,H,W]; f32[8,4,2,2]; f32[4]", "f32[N,4,H*2,W*2]");
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3,3]; f32[8,4,3,3]", "f32[1,4,7,7]");
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3,3]; f32[8,4,K,3]", "f32[1,4,?,7]");
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3,3]; f32[7,4,3,3]", "!w takes 7 channels");
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3,3]; f32[8,4,3,3]; f32[8]", "!bias");
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3]; f32[8,4,3]", "!strides has 2 entries");
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[*]; f32[8,4,2,2]", "f32[?,?,?,?]");
    two.group = 2;
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3,3]; f32[8,4,3,3]; f32[8]", "f32[1,8,7,7]");
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,7,3,3]; f32[7,4,3,3]", "!multiple of group 2");
    two.group = 1;
    two.output_padding.v[0] = 1;
    two.pads = (struct tro_ints)INTS(1, 1, 1, 1);
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,H,W]; f32[8,4,3,3]", "f32[1,4,H*2,W*2-1]");
    two.pads.v[0] = 9;
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3,3]; f32[8,4,3,3]", "!leave nothing");
    two.auto_pad = tro_auto_pad_same_lower;
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,H,W]; f32[8,4,3,3]", "f32[1,4,H*2,W*2]");
    two.output_shape = (struct tro_ints)INTS(10, 8);
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,H,W]; f32[8,4,3,3]", "f32[1,4,10,8]");
    two.output_shape = (struct tro_ints)INTS(10, 8, 6);
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3,3]; f32[8,4,3,3]", "!output_shape has 3");
    two.output_padding.v[0] = -1;
    INFER(TRO_OP_CONV_TRANSPOSE, &two, "f32[1,8,3,3]; f32[8,4,3,3]", "!output_padding is -1");
}

TEST(infer_deform_conv)
{
    struct tro_attrs_deform_conv plain = {PLAIN2, .group = 1, .offset_group = 2};
    INFER(TRO_OP_DEFORM_CONV, &plain,
          "f32[N,4,9,9]; f32[8,4,3,3]; f32[N,36,7,7]; f32[8]; f32[N,18,7,7]", "f32[N,8,7,7]");
    INFER(TRO_OP_DEFORM_CONV, &plain, "H:3..9 | f32[1,4,H,9]; f32[8,4,3,3]; f32[1,36,H-2,7]",
          "f32[1,8,H-2,7]");
    INFER(TRO_OP_DEFORM_CONV, &plain, "f32[1,4,9,9]; f32[8,4,3,3]; f32[1,36,7,6]", "!offset");
    INFER(TRO_OP_DEFORM_CONV, &plain, "f32[1,4,9,9]; f32[8,4,3,3]; f32[1,18,7,7]", "!offset");
    INFER(TRO_OP_DEFORM_CONV, &plain,
          "f32[1,4,9,9]; f32[8,4,3,3]; f32[1,36,7,7]; f32[8]; f32[1,36,7,7]", "!mask");
    INFER(TRO_OP_DEFORM_CONV, &plain, "f32[1,3,9,9]; f32[8,3,3,3]; f32[1,36,7,7]",
          "!multiple of offset_group 2");
    INFER(TRO_OP_DEFORM_CONV, &plain, "f32[1,4,9]; f32[8,4,3]; f32[1,36,7]", "!rank 4");
    plain.offset_group = 0;
    INFER(TRO_OP_DEFORM_CONV, &plain, "f32[1,4,9,9]; f32[8,4,3,3]; f32[1,36,7,7]",
          "!offset_group is 0");
}

/* ---- pooling --------------------------------------------------------------------------- */

TEST(infer_pool)
{
    struct tro_attrs_pool two = {.kernel = INTS(2, 2),
                                 .strides = INTS(2, 2),
                                 .dilations = INTS(1, 1),
                                 .pads = INTS(0, 0, 0, 0)};
    INFER(TRO_OP_POOL, &two, "f32[N,8,H,7]", "f32[N,8,H/2,3]; i64[N,8,H/2,3]");
    INFER(TRO_OP_POOL, &two, "u8[1,8,H,7]", "u8[1,8,H/2,3]");
    INFER(TRO_OP_POOL, &two, "f32[*]", "f32[*]; i64[*]");
    INFER(TRO_OP_POOL, &two, "f32[1,8,1,7]", "!no window of 2");
    INFER(TRO_OP_POOL, &two, "f32[1,8,9]", "!kernel has 2 entries: expected 1");
    INFER(TRO_OP_POOL, &two, "f32[8,9]", "!rank");
    two.ceil_mode = 1;
    INFER(TRO_OP_POOL, &two, "f32[1,8,H,7]", "f32[1,8,(H+1)/2,4]");
    two.kind = tro_pool_avg;
    INFER(TRO_OP_POOL, &two, "f32[1,8,H,7]", "!2only max pooling has indices");
    INFER(TRO_OP_POOL, &two, "u8[1,8,H,7]", "!expected type");
    two.kind = tro_pool_lp;
    INFER(TRO_OP_POOL, &two, "f32[1,8,H,7]", "!p is 0");
    two.kernel.v[0] = 0;
    two.kind = tro_pool_max;
    INFER(TRO_OP_POOL, &two, "f32[1,8,H,7]", "!kernel is 0");
}

/* A window that would begin in the padding behind the input is dropped. */
TEST(infer_pool_ceil_mode)
{
    const struct tro_attrs_pool dropped = {.kernel = INTS(1),
                                           .strides = INTS(2),
                                           .dilations = INTS(1),
                                           .pads = INTS(0, 1),
                                           .ceil_mode = 1};
    const struct tro_attrs_pool kept = {.kernel = INTS(3),
                                        .strides = INTS(2),
                                        .dilations = INTS(1),
                                        .pads = INTS(1, 1),
                                        .ceil_mode = 1};
    INFER(TRO_OP_POOL, &dropped, "f32[1,1,4]", "f32[1,1,2]");
    INFER(TRO_OP_POOL, &kept, "f32[1,1,4]", "f32[1,1,3]");
    INFER(TRO_OP_POOL, &kept, "T:1..99 | f32[1,1,T]", "f32[1,1,T/2+1]");
}

TEST(infer_max_unpool)
{
    const struct tro_attrs_max_unpool two = {
        .kernel = INTS(2, 2), .strides = INTS(2, 2), .pads = INTS(0, 0, 0, 0)};
    INFER(TRO_OP_MAX_UNPOOL, &two, "f32[1,8,H,3]; i64[1,8,H,3]", "f32[1,8,H*2,6]");
    INFER(TRO_OP_MAX_UNPOOL, &two, "f32[N,8,2,2]; i64[N,8,2,2]; i64[4]={N,8,5,K}", "f32[N,8,5,K]");
    INFER(TRO_OP_MAX_UNPOOL, &two, "f32[N,8,2,2]; i64[N,8,2,2]; i64[4]", "f32[N,8,?,?]");
    INFER(TRO_OP_MAX_UNPOOL, &two, "f32[1,8,2,2]; i64[1,8,2,3]", "!indices and x");
    INFER(TRO_OP_MAX_UNPOOL, &two, "f32[1,8,2,2]; i64[1,8,2,2]; i64[4]={1,7,4,4}",
          "!output shape and x");
    INFER(TRO_OP_MAX_UNPOOL, &two, "f32[1,8,2,2]; i64[1,8,2,2]; i64[2]", "!has 2 elements");
    INFER(TRO_OP_MAX_UNPOOL, &two, "f32[1,8,2,2]; i32[1,8,2,2]", "!expected type i64");
}

TEST(infer_col2im)
{
    const struct tro_attrs_col2im plain = {PLAIN2};
    INFER(TRO_OP_COL2IM, &plain, "f32[N,10,12]; i64[2]={5,4}; i64[2]={1,5}", "!columns of x");
    INFER(TRO_OP_COL2IM, &plain, "f32[N,10,5]; i64[2]={5,5}; i64[2]={1,5}", "f32[N,2,5,5]");
    INFER(TRO_OP_COL2IM, &plain, "f32[1,10,L]; i64[2]={5,5}; i64[2]", "f32[1,?0..10,5,5]");
    INFER(TRO_OP_COL2IM, &plain, "f32[1,10,L]; i64[2]; i64[2]={1,5}", "f32[1,2,?,?]");
    INFER(TRO_OP_COL2IM, &plain, "f32[1,C*5,25]; i64[2]={5,9}; i64[2]={1,5}", "f32[1,C,5,9]");
    INFER(TRO_OP_COL2IM, &plain, "f32[1,9,5]; i64[2]={5,5}; i64[2]={1,5}", "!multiple of the 5");
    INFER(TRO_OP_COL2IM, &plain, "f32[1,9,5]; i64[2]={5,5}; i64[2]={0,5}", "!multiple of the 0");
    INFER(TRO_OP_COL2IM, &plain, "f32[1,9,5]; i64[3]={5,5,5}; i64[2]", "!image shape has 3");
    INFER(TRO_OP_COL2IM, NULL, "f32[1,9,5]; i64[2]; i64[2]", "!number of strides is 0");
}

/* ---- products -------------------------------------------------------------------------- */

TEST(infer_matmul)
{
    INFER(TRO_OP_MATMUL, NULL, "f32[2,3]; f32[3,4]", "f32[2,4]");
    INFER(TRO_OP_MATMUL, NULL, "f32[N,1,L,3]; f32[5,3,4]", "f32[N,5,L,4]");
    INFER(TRO_OP_MATMUL, NULL, "f32[3]; f32[3]", "f32[]");
    INFER(TRO_OP_MATMUL, NULL, "f32[3]; f32[N,3,4]", "f32[N,4]");
    INFER(TRO_OP_MATMUL, NULL, "i32[N,2,3]; i32[3]", "i32[N,2]");
    INFER(TRO_OP_MATMUL, NULL, "f32[*]; f32[3]", "f32[*]");
    INFER(TRO_OP_MATMUL, NULL, "f32[2,3]; f32[4,4]", "!columns of a and rows of b");
    INFER(TRO_OP_MATMUL, NULL, "f32[2,2,3]; f32[3,3,4]", "!broadcast");
    INFER(TRO_OP_MATMUL, NULL, "f32[]; f32[3,4]", "!rank");
    INFER(TRO_OP_MATMUL, NULL, "f32[2,3]; f16[3,4]", "!expected type");
    INFER(TRO_OP_MATMUL, NULL, "bool[2,3]; bool[3,4]", "!expected type");
}

TEST(infer_matmul_int)
{
    INFER(TRO_OP_MATMUL_INT, NULL, "u8[N,3]; i8[3,4]; u8[]; i8[4]", "i32[N,4]");
    INFER(TRO_OP_MATMUL_INT, NULL, "u8[5,2,3]; i8[5,3,4]; u8[5,2,1]; i8[5,1,4]", "i32[5,2,4]");
    INFER(TRO_OP_MATMUL_INT, NULL, "u8[2,3]; i8[3,4]; u8[2]; i8[1]", "i32[2,4]");
    INFER(TRO_OP_MATMUL_INT, NULL, "u8[2,3]; i8[3,4]; u8[3]", "!zero of a");
    INFER(TRO_OP_MATMUL_INT, NULL, "u8[2,3]; i8[3,4]; u8[2,3]", "!zero of a");
    INFER(TRO_OP_MATMUL_INT, NULL, "u8[2,3]; i8[3,4]; -; i8[3,1]", "!zero of b");
    INFER(TRO_OP_MATMUL_INT, NULL, "u8[2,3]; i8[3,4]; i8[]", "!expected type u8");
    INFER(TRO_OP_MATMUL_INT, NULL, "i16[2,3]; i8[3,4]", "!expected type");
}

#define EINSUM(text)           \
    &(struct tro_attrs_einsum) \
    {                          \
        .equation = (text)     \
    }

TEST(infer_einsum)
{
    INFER(TRO_OP_EINSUM, EINSUM("bij,bjk->bik"), "f32[N,2,3]; f32[N,3,K]", "f32[N,2,K]");
    INFER(TRO_OP_EINSUM, EINSUM(" b i j , b j k "), "f32[N,2,3]; f32[N,3,K]", "f32[2,K]");
    INFER(TRO_OP_EINSUM, EINSUM("ii->i"), "f32[3,3]", "f32[3]");
    INFER(TRO_OP_EINSUM, EINSUM("ii"), "N:3..3 | f32[3,N]", "f32[]");
    INFER(TRO_OP_EINSUM, EINSUM("ba"), "f32[2,3]", "f32[3,2]");
    INFER(TRO_OP_EINSUM, EINSUM("zB->Bz"), "f32[2,3]", "f32[3,2]");
    INFER(TRO_OP_EINSUM, EINSUM("i,j,k->kji"), "f32[2]; f32[3]; f32[4]", "f32[4,3,2]");
    INFER(TRO_OP_EINSUM, EINSUM("...ij,...jk->...ik"), "f32[N,1,2,3]; f32[5,3,4]", "f32[N,5,2,4]");
    INFER(TRO_OP_EINSUM, EINSUM("i...->...i"), "f32[2,3,N]", "f32[3,N,2]");
    INFER(TRO_OP_EINSUM, EINSUM("a...b"), "f32[2,3,N]", "f32[3,2,N]");
    INFER(TRO_OP_EINSUM, EINSUM("...i,i->..."), "f32[3]; f32[3]", "f32[]");
    INFER(TRO_OP_EINSUM, EINSUM("ij,ij->ij"), "f32[2,1]; f32[1,3]", "f32[2,3]");
    INFER(TRO_OP_EINSUM, EINSUM(","), "f32[]; f32[]", "f32[]");
    INFER(TRO_OP_EINSUM, EINSUM("ij->"), "i32[N,3]", "i32[]");
    INFER(TRO_OP_EINSUM, EINSUM("ij->ji"), "f32[*]", "f32[*]");
}

TEST(infer_einsum_refuses)
{
    INFER(TRO_OP_EINSUM, EINSUM("ij,jk"), "f32[2,3]; f32[4,5]", "!label j: ");
    INFER(TRO_OP_EINSUM, EINSUM("ii"), "f32[3,1]", "!label i: diagonal");
    INFER(TRO_OP_EINSUM, EINSUM("ij"), "f32[3]", "!names 2 of its axes");
    INFER(TRO_OP_EINSUM, EINSUM("i"), "f32[3,4]", "!names 1 of its axes");
    INFER(TRO_OP_EINSUM, EINSUM("i,j"), "f32[3]", "!operands");
    INFER(TRO_OP_EINSUM, EINSUM("i"), "f32[3]; f32[3]", "!operands");
    INFER(TRO_OP_EINSUM, EINSUM("i->j"), "f32[3]", "!each letter of the result");
    INFER(TRO_OP_EINSUM, EINSUM("ij->ii"), "f32[3,3]", "!each letter of the result");
    INFER(TRO_OP_EINSUM, EINSUM("i...->i"), "f32[3,3]", "!an ellipsis in the result");
    INFER(TRO_OP_EINSUM, EINSUM("i->i->i"), "f32[3]", "!at most one arrow");
    INFER(TRO_OP_EINSUM, EINSUM("i-"), "f32[3]", "!at most one arrow");
    INFER(TRO_OP_EINSUM, EINSUM("i->i,i"), "f32[3]", "!at most one arrow");
    INFER(TRO_OP_EINSUM, EINSUM("i.."), "f32[3]", "!letters");
    INFER(TRO_OP_EINSUM, EINSUM("......"), "f32[3]", "!letters");
    INFER(TRO_OP_EINSUM, EINSUM("i1"), "f32[3]", "!letters");
    INFER(TRO_OP_EINSUM, EINSUM("abcdefghi"), "f32[3]", "!no more than 8");
    INFER(TRO_OP_EINSUM, EINSUM("abcdef,ghijkl"), "f32[1,1,1,1,1,1]; f32[1,1,1,1,1,1]",
          "!at most 8 axes");
    INFER(TRO_OP_EINSUM, EINSUM("abcdef...->abcdef...a"), "f32[1,1,1,1,1,1,1,1]", "!rank 9");
    INFER(TRO_OP_EINSUM, NULL, "f32[3]", "!names 0 of its axes");
    INFER(TRO_OP_EINSUM, EINSUM("i"), "bool[3]", "!expected type");
}

/* ---- sequences ------------------------------------------------------------------------- */

TEST(infer_recurrent)
{
    struct tro_attrs_recurrent a = {.hidden_size = 8};
    INFER(TRO_OP_RECURRENT, &a, "f32[T,N,3]; f32[1,32,3]; f32[1,32,8]",
          "f32[T,1,N,8]; f32[1,N,8]; f32[1,N,8]");
    INFER(TRO_OP_RECURRENT, &a,
          "f32[T,N,3]; f32[1,32,3]; f32[1,32,8]; f32[1,64]; i32[N]; f32[1,N,8]; f32[1,N,8]; "
          "f32[1,24]",
          "f32[T,1,N,8]");
    INFER(TRO_OP_RECURRENT, &a, "f32[*]; f32[1,32,3]; f32[1,32,8]",
          "f32[?,1,?,8]; f32[1,?,8]; f32[1,?,8]");
    INFER(TRO_OP_RECURRENT, &a, "f32[T,N,3]; f32[1,24,3]; f32[1,32,8]", "!w [directions");
    INFER(TRO_OP_RECURRENT, &a, "f32[T,N,3]; f32[1,32,3]; f32[1,32,7]", "!r [directions");
    INFER(TRO_OP_RECURRENT, &a, "f32[T,N,3]; f32[1,32,3]; f32[1,32,8]; f32[1,32]", "!bias");
    INFER(TRO_OP_RECURRENT, &a, "f32[T,2,3]; f32[1,32,3]; f32[1,32,8]; -; i32[3]", "!lengths");
    INFER(TRO_OP_RECURRENT, &a, "f32[T,2,3]; f32[1,32,3]; f32[1,32,8]; -; i64[2]",
          "!expected type i32");
    INFER(TRO_OP_RECURRENT, &a, "f32[T,2,3]; f32[1,32,3]; f32[1,32,8]; -; -; f32[2,2,8]",
          "!first h");
    a.direction = tro_rnn_direction_bidirectional;
    a.batch_first = 1;
    a.kind = tro_recurrent_gru;
    INFER(TRO_OP_RECURRENT, &a, "f16[N,T,3]; f16[2,24,3]; f16[2,24,8]; -; -; f16[N,2,8]",
          "f16[N,T,2,8]; f16[N,2,8]");
    INFER(TRO_OP_RECURRENT, &a, "f32[N,T,3]; f32[2,24,3]; f32[2,24,8]", "!3only lstm has a");
    INFER(TRO_OP_RECURRENT, &a, "f32[N,T,3]; f32[2,24,3]; f32[2,24,8]; -; -; -; f32[N,2,8]",
          "!only of lstm");
    a.kind = tro_recurrent_rnn;
    INFER(TRO_OP_RECURRENT, &a, "f32[N,T,3]; f32[2,8,3]; f32[2,8,8]", "f32[N,T,2,8]");
    a.hidden_size = 0;
    INFER(TRO_OP_RECURRENT, &a, "f32[N,T,3]; f32[2,8,3]; f32[2,8,8]", "!hidden_size is 0");
}

TEST(infer_attention)
{
    const struct tro_attrs_attention flat = {.q_heads = 6, .kv_heads = 2};
    INFER(TRO_OP_ATTENTION, NULL, "f32[B,3,L,8]; f32[B,3,S,8]; f32[B,3,S,10]",
          "f32[B,3,L,10]; f32[B,3,S,8]; f32[B,3,S,10]; f32[B,3,L,S]");
    INFER(TRO_OP_ATTENTION, &flat, "f32[B,L,24]; f32[B,S,8]; f16[B,S,12]; bool[L,S]",
          "f32[B,L,36]; f32[B,2,S,4]; f16[B,2,S,6]; f32[B,6,L,S]");
    INFER(TRO_OP_ATTENTION, NULL,
          "f32[1,3,4,8]; f32[1,3,6,8]; f32[1,3,6,8]; f32[4,P+6]; f32[1,3,P,8]; f32[1,3,P,8]",
          "f32[1,3,4,8]; f32[1,3,P+6,8]; f32[1,3,P+6,8]; f32[1,3,4,P+6]");
    INFER(TRO_OP_ATTENTION, NULL, "f32[*]; f32[B,3,S,8]; f32[B,3,S,10]", "f32[*]; f32[*]");
    INFER(TRO_OP_ATTENTION, NULL, "f32[1,3,4,8]; f32[1,3,6,7]; f32[1,3,6,8]", "!head size");
    INFER(TRO_OP_ATTENTION, NULL, "f32[1,3,4,8]; f32[2,3,6,8]; f32[2,3,6,8]", "!batch of q");
    INFER(TRO_OP_ATTENTION, NULL, "f32[1,3,4,8]; f32[1,3,6,8]; f32[1,3,5,8]", "!length of k");
    INFER(TRO_OP_ATTENTION, NULL, "f32[1,3,4,8]; f32[1,2,6,8]; f32[1,2,6,8]", "!q has 3 heads");
    INFER(TRO_OP_ATTENTION, NULL, "f32[1,3,4,8]; f32[1,3,6,8]; f32[1,3,6,8]; f32[3,6]",
          "!mask and scores");
    INFER(TRO_OP_ATTENTION, NULL, "f32[1,3,4,8]; f32[1,3,6,8]; f32[1,3,6,8]; -; f32[1,3,2,8]",
          "!past k and past v");
    INFER(TRO_OP_ATTENTION, NULL,
          "f32[1,3,4,8]; f32[1,3,6,8]; f32[1,3,6,8]; -; f32[1,3,2,8]; f32[1,3,3,8]", "!past v");
    INFER(TRO_OP_ATTENTION, NULL, "f32[1,4,8]; f32[1,6,8]; f32[1,6,8]", "!q_heads is 0");
    INFER(TRO_OP_ATTENTION, &flat, "f32[1,4,8]; f32[1,6,8]; f32[1,6,8]", "!rows of 8");
    INFER(TRO_OP_ATTENTION, &flat, "f32[1,3,4,8]; f32[1,2,6,8]; f32[1,2,6,8]", "!3 heads");
    INFER(TRO_OP_ATTENTION, &(struct tro_attrs_attention){.qk_output = 4},
          "f32[1,3,4,8]; f32[1,3,6,8]; f32[1,3,6,8]", "!qk_output is 4");
    INFER(TRO_OP_ATTENTION, &(struct tro_attrs_attention){.softmax_type = TRO_I8},
          "f32[1,3,4,8]; f32[1,3,6,8]; f32[1,3,6,8]", "!softmax_type is i8");
}
