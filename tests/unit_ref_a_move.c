/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move elements, on values worked out by hand. */
#include "ref_kit.h"

/* ---- the same elements ----------------------------------------------------------------- */

TEST(ref_reshape)
{
    EVAL(TRO_OP_RESHAPE, NULL, "f32[2,3] 1 2 3 4 5 6; i64[2] 3 -1", "f32[3,2] 1 2 3 4 5 6");
    EVAL(TRO_OP_RESHAPE, NULL, "u8[2,3] 1 2 3 4 5 6; i64[3] 0 3 1", "u8[2,3,1] 1 2 3 4 5 6");
    EVAL(TRO_OP_RESHAPE, NULL, "i64[1] 9; i64[0]", "i64[] 9");
    EVAL(TRO_OP_RESHAPE, &(struct tro_attrs_reshape){.allow_zero = 1}, "f32[0,3]; i64[2] 3 0",
         "f32[3,0]");
    EVAL(TRO_OP_RESHAPE, NULL, "f32[4] 1 2 3 4; i64[1] 3", "!4");
    EVAL(TRO_OP_SQUEEZE, NULL, "f16[1,2,1] 1 2", "f16[2] 1 2");
    EVAL(TRO_OP_SQUEEZE, NULL, "f16[1,2,1] 1 2; i64[1] -1", "f16[1,2] 1 2");
    EVAL(TRO_OP_UNSQUEEZE, NULL, "bool[2] 0 1; i64[2] 0 -1", "bool[1,2,1] 0 1");
}

TEST(ref_transpose)
{
#define TRANSPOSE(in, out, ...) \
    EVAL(TRO_OP_TRANSPOSE, (&(struct tro_attrs_transpose){.perm = INTS(__VA_ARGS__)}), in, out)
    TRANSPOSE("f32[2,3] 1 2 3 4 5 6", "f32[3,2] 1 4 2 5 3 6", 1, 0);
    TRANSPOSE("u8[2,3] 1 2 3 4 5 6", "u8[3,2] 1 4 2 5 3 6", 1, 0);
    TRANSPOSE("f16[2,2,2] 1 2 3 4 5 6 7 8", "f16[2,2,2] 1 2 5 6 3 4 7 8", 1, 0, 2);
    TRANSPOSE("i64[2,2,2] 1 2 3 4 5 6 7 8", "i64[2,2,2] 1 5 3 7 2 6 4 8", 2, 1, 0);
    TRANSPOSE("f32[2,3] 1 2 3 4 5 6", "f32[2,3] 1 2 3 4 5 6", 0, 1);
    TRANSPOSE("f32[2,0]", "f32[0,2]", 1, 0);
    TRANSPOSE("u4[1,2] 15 3", "u4[2,1] 15 3", 1, 0);
    EVAL(TRO_OP_TRANSPOSE, NULL, "f32[] 3", "f32[] 3");
}

/* Large enough for blocks, with a rest: element (i, j, k) of x lies at (k, i, j) of y. */
TEST(ref_transpose_in_blocks)
{
    enum { A = 3, B = 5, C = 37 };
    const struct tro_attrs_transpose perm = {.perm = INTS(2, 0, 1)};
    uint16_t x[A * B * C];
    for (int i = 0; i < A * B * C; i++)
        x[i] = (uint16_t)(i * 17);
    const struct tro_tensor in = {.dtype = TRO_U16, .rank = 3, .shape = {A, B, C}, .data = x};
    struct tro_tensor out;
    CHECK_INT(tro_ref_eval(TRO_OP_TRANSPOSE, &perm, 1, &in, 1, &out, NULL, NULL, NULL), 0);
    const uint16_t *const y = out.data;
    int n_wrong = 0;
    for (int i = 0; i < A; i++)
        for (int j = 0; j < B; j++)
            for (int k = 0; k < C; k++)
                n_wrong += y[(k * A + i) * B + j] != x[(i * B + j) * C + k];
    CHECK_INT(n_wrong, 0);
    tro_free(out.data);
}

TEST(ref_expand_tile)
{
    EVAL(TRO_OP_EXPAND, NULL, "f32[2,1] 1 2; i64[3] 2 1 3", "f32[2,2,3] 1 1 1 2 2 2 1 1 1 2 2 2");
    EVAL(TRO_OP_EXPAND, NULL, "u8[3] 1 2 3; i64[1] 1", "u8[3] 1 2 3");
    EVAL(TRO_OP_EXPAND, NULL, "f64[] 5; i64[1] 3", "f64[3] 5 5 5");
    EVAL(TRO_OP_EXPAND, NULL, "f32[1] 5; i64[1] 0", "f32[0]");
    EVAL(TRO_OP_TILE, NULL, "f32[2,2] 1 2 3 4; i64[2] 1 2", "f32[2,4] 1 2 1 2 3 4 3 4");
    EVAL(TRO_OP_TILE, NULL, "i16[1,2] 1 2; i64[2] 3 2", "i16[3,4] 1 2 1 2 1 2 1 2 1 2 1 2");
    EVAL(TRO_OP_TILE, NULL, "i16[2] 1 2; i64[1] 0", "i16[0]");
    EVAL(TRO_OP_TILE, NULL, "bool[] 1; i64[0]", "bool[] 1");
}

/* ---- parts ----------------------------------------------------------------------------- */

TEST(ref_concat_split)
{
    const struct tro_attrs_axis first = {.axis = 0}, last = {.axis = -1};
    EVAL(TRO_OP_CONCAT, &first, "f32[1,2] 1 2; f32[2,2] 3 4 5 6", "f32[3,2] 1 2 3 4 5 6");
    EVAL(TRO_OP_CONCAT, &last, "i8[2,1] 1 2; i8[2,0]; i8[2,2] 3 4 5 6", "i8[2,3] 1 3 4 2 5 6");
    EVAL(TRO_OP_CONCAT, &last, "u64[1] 18446744073709551615", "u64[1] 18446744073709551615");
    EVAL(TRO_OP_CONCAT, &first, "f32[1,2] 1 2; f32[1,3] 3 4 5", "!2");
    EVAL(TRO_OP_SPLIT, &last, "f16[2,3] 1 2 3 4 5 6; i64[2] 1 2", "f16[2,1] 1 4; f16[2,2] 2 3 5 6");
    EVAL(TRO_OP_SPLIT, &first, "i32[3] 1 2 3; i64[3] 2 0 1", "i32[2] 1 2; i32[0]; i32[1] 3");
    EVAL(TRO_OP_SPLIT, &first, "i32[3] 1 2 3; i64[2] 2 2", "!2:4");
}

TEST(ref_slice)
{
#define SLICE(in, out) EVAL(TRO_OP_SLICE, NULL, in, out)
    SLICE("f32[2,3] 1 2 3 4 5 6; i64[2] 0 1; i64[2] 2 3", "f32[2,2] 2 3 5 6");
    SLICE("f32[2,3] 1 2 3 4 5 6; i64[1] -2; i64[1] 1000; i64[1] -1", "f32[2,2] 2 3 5 6");
    SLICE("i8[5] 1 2 3 4 5; i64[1] -1; i64[1] -9223372036854775808; i64[1] 0; i64[1] -2",
          "i8[3] 5 3 1");
    SLICE("i8[5] 1 2 3 4 5; i64[1] 100; i64[1] 1; i64[1] 0; i64[1] -1", "i8[3] 5 4 3");
    SLICE("i64[5] 1 2 3 4 5; i64[1] 1; i64[1] 5; i64[1] 0; i64[1] 3", "i64[2] 2 5");
    SLICE("i64[3] 1 2 3; i64[1] 2; i64[1] 1", "i64[0]");
    SLICE("i64[3] 1 2 3; i64[1] 5; i64[1] 9", "i64[0]");
    SLICE("u8[3] 1 2 3; i64[1] 1; i64[1] 9223372036854775807; i64[1] 0; i64[1] 9223372036854775807",
          "u8[1] 2");
    SLICE("u8[3] 1 2 3; i64[1] 1; i64[1] -9223372036854775808; i64[1] 0; "
          "i64[1] -9223372036854775808",
          "u8[1] 2");
    SLICE("u8[3] 1 2 3; i64[1] -9223372036854775808; i64[1] 2", "u8[2] 1 2");
    SLICE("f16[2,2,2] 1 2 3 4 5 6 7 8; i32[2] 1 -1; i32[2] 0 -3; i32[2] 0 2; i32[2] -1 -1",
          "f16[1,2,2] 6 5 8 7");
    SLICE("u8[3] 1 2 3; i64[1] 0; i64[1] 2; i64[1] 0; i64[1] 0", "!0");
}

TEST(ref_center_crop_pad)
{
    EVAL(TRO_OP_CENTER_CROP_PAD, NULL, "f32[5] 1 2 3 4 5; i64[1] 2", "f32[2] 2 3");
    EVAL(TRO_OP_CENTER_CROP_PAD, NULL, "f32[2] 1 2; i64[1] 5", "f32[5] 0 1 2 0 0");
    const struct tro_attrs_axes axes = {.axes = INTS(1, 0)};
    EVAL(TRO_OP_CENTER_CROP_PAD, &axes, "u8[2,3] 1 2 3 4 5 6; i64[2] 1 4", "u8[4,1] 0 2 5 0");
}

/* ---- pad ------------------------------------------------------------------------------- */

#define PAD(mode_of, in, out) \
    EVAL(TRO_OP_PAD, (&(struct tro_attrs_pad){.mode = tro_pad_mode_##mode_of}), in, out)

TEST(ref_pad_constant)
{
    PAD(constant, "f32[2,2] 1 2 3 4; i64[4] 0 1 1 2; f32[] 9",
        "f32[3,5] 9 1 2 9 9 9 3 4 9 9 9 9 9 9 9");
    PAD(constant, "i8[2] 1 2; i64[2] 2 0", "i8[4] 0 0 1 2");
    PAD(constant, "i64[4] 1 2 3 4; i64[2] -1 -2; i64[] 7", "i64[1] 2");
    PAD(constant, "i64[4] 1 2 3 4; i64[2] -3 2; i64[] 7", "i64[3] 4 7 7");
    PAD(constant, "f32[2,2] 1 2 3 4; i64[2] 1 0; f32[] -0; i64[1] -1", "f32[2,3] -0 1 2 -0 3 4");
    PAD(constant, "u16[0]; i64[2] 1 1; u16[1] 5", "u16[2] 5 5");
    PAD(constant, "bool[] 1; i64[0]", "bool[] 1");
    PAD(constant, "f32[2] 1 2; i64[2] -3 0", "!-1");
    PAD(constant, "f32[2] 1 2; i64[2] -2 0", "f32[0]");
}

TEST(ref_pad_modes)
{
    PAD(reflect, "f32[3] 1 2 3; i64[2] 2 2", "f32[7] 3 2 1 2 3 2 1");
    PAD(reflect, "f32[2] 1 2; i64[2] 3 3", "f32[8] 2 1 2 1 2 1 2 1");
    PAD(reflect, "f32[1] 1; i64[2] 1 2", "f32[4] 1 1 1 1");
    PAD(reflect, "f32[2,3] 1 2 3 4 5 6; i64[4] 1 0 0 1", "f32[3,4] 4 5 6 5 1 2 3 2 4 5 6 5");
    PAD(edge, "i8[3] 1 2 3; i64[2] 2 1", "i8[6] 1 1 1 2 3 3");
    PAD(edge, "i8[3] 1 2 3; i64[2] -1 1", "i8[3] 2 3 3");
    PAD(wrap, "f16[3] 1 2 3; i64[2] 4 2", "f16[9] 3 1 2 3 1 2 3 1 2");
    PAD(wrap, "f16[3] 1 2 3; i64[2] -1 2", "f16[4] 2 3 2 3");
    PAD(edge, "f32[0]; i64[2] 1 0", "!empty");
}

/* ---- triangles, sequences -------------------------------------------------------------- */

TEST(ref_trilu)
{
    const struct tro_attrs_trilu lower = {.is_lower = 1};
    EVAL(TRO_OP_TRILU, NULL, "f32[3,3] 1 2 3 4 5 6 7 8 9", "f32[3,3] 1 2 3 0 5 6 0 0 9");
    EVAL(TRO_OP_TRILU, &lower, "i64[2,3] 1 2 3 4 5 6; i64[] 1", "i64[2,3] 1 2 0 4 5 6");
    EVAL(TRO_OP_TRILU, NULL, "u8[2,3] 1 2 3 4 5 6; i64[] -1", "u8[2,3] 1 2 3 4 5 6");
    EVAL(TRO_OP_TRILU, &lower, "bool[2,1,2] 1 1 1 1; i64[] 0", "bool[2,1,2] 1 0 1 0");
    EVAL(TRO_OP_TRILU, NULL, "u8[2,2] 1 2 3 4; i64[] 9223372036854775807", "u8[2,2] 0 0 0 0");
    EVAL(TRO_OP_TRILU, &lower, "u8[2,2] 1 2 3 4; i64[] -9223372036854775808", "u8[2,2] 0 0 0 0");
    EVAL(TRO_OP_TRILU, NULL, "u8[0,2]", "u8[0,2]");
    EVAL(TRO_OP_TRILU, NULL, "u8[2,0]", "u8[2,0]");
}

TEST(ref_reverse_sequence)
{
    const struct tro_attrs_reverse_sequence time = {.time_axis = 0, .batch_axis = 1},
                                            batch = {.time_axis = 1, .batch_axis = 0};
    EVAL(TRO_OP_REVERSE_SEQUENCE, &time, "f32[3,2] 1 2 3 4 5 6; i64[2] 3 2",
         "f32[3,2] 5 4 3 2 1 6");
    EVAL(TRO_OP_REVERSE_SEQUENCE, &batch, "i8[2,2,2] 1 2 3 4 5 6 7 8; i64[2] 2 1",
         "i8[2,2,2] 3 4 1 2 5 6 7 8");
    EVAL(TRO_OP_REVERSE_SEQUENCE, &batch, "i8[1,2] 1 2; i64[1] 0", "i8[1,2] 1 2");
    EVAL(TRO_OP_REVERSE_SEQUENCE, &batch, "i8[1,2] 1 2; i64[1] 3", "!length 3");
    EVAL(TRO_OP_REVERSE_SEQUENCE, &batch, "i8[1,2] 1 2; i64[1] -1", "!length -1");
}

/* ---- sizes ----------------------------------------------------------------------------- */

TEST(ref_shapes)
{
    EVAL(TRO_OP_SHAPE_OF, NULL, "f32[2,0,3]", "i64[3] 2 0 3");
    EVAL(TRO_OP_SHAPE_OF, NULL, "f32[] 1", "i64[0]");
    EVAL(TRO_OP_RANGE, NULL, "f32[] 1; f32[] 2; f32[] 0.25", "f32[4] 1 1.25 1.5 1.75");
    EVAL(TRO_OP_RANGE, NULL, "i64[] 10; i64[] 3; i64[] -3", "i64[3] 10 7 4");
    EVAL(TRO_OP_RANGE, NULL, "i32[] 3; i32[] 3; i32[] 1", "i32[0]");
    EVAL(TRO_OP_RANGE, NULL, "i32[] 3; i32[] 4; i32[] 0", "!0");
    struct tro_attrs_dims dims = {.values.n = 2};
    dims.values.v[0] = tro_dim_const(5);
    dims.values.v[1] = tro_dim_const(-1);
    EVAL(TRO_OP_DIMS, &dims, "", "i64[2] 5 -1");
    dims = (struct tro_attrs_dims){.values.n = 1, .is_scalar = 1};
    dims.values.v[0] = tro_dim_const(7);
    EVAL(TRO_OP_DIMS, &dims, "", "i64[] 7");
}

TEST(ref_dims_with_symbols)
{
    struct tro_arena arena = {0};
    struct tro_dims table;
    struct tro_dim_env env;
    struct tro_tensor out;
    struct tro_err err = {0};
    tro_dims_init(&table, &arena);
    const tro_dim n = tro_dim_symbol(&table, TRO_STR("N"), 0, 100);
    struct tro_attrs_dims a = {.values.n = 2};
    a.values.v[0] = tro_dim_add(&table, n, tro_dim_const(1));
    a.values.v[1] = n;
    CHECK_INT(tro_dim_env_init(&env, &table), 0);
    CHECK_INT(tro_ref_eval(TRO_OP_DIMS, &a, 0, NULL, 1, &out, &env, &table, &err), TRO_E_INTERNAL);
    CHECK_HAS(err.text, "no value yet");
    CHECK(!out.data);
    CHECK(tro_dim_bind(&table, &env, n, 6));
    CHECK_INT(tro_ref_eval(TRO_OP_DIMS, &a, 0, NULL, 1, &out, &env, &table, &err), 0);
    CHECK_INT(tro_load_i64(TRO_I64, out.data, 0), 7);
    CHECK_INT(tro_load_i64(TRO_I64, out.data, 1), 6);
    CHECK(tro_dim_eq(a.values.v[1], n));
    tro_free(out.data);
    tro_dim_env_finish(&env);
    tro_dims_finish(&table);
    tro_arena_finish(&arena);
}
