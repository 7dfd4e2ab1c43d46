/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions of one pointwise operator. */
#include "cpu/tile_program.h"

enum { NONE = -1 };

static const struct {
    int n_src, splat;
} codes[] = {
#define FLOAT_CODE(id, n, s) [TRO_TILE_##id] = {n, s},
#define INT_CODE(id, n, s) [TRO_TILE_##id] = {n, s},
#include "cpu/tile_codes.def"
#undef FLOAT_CODE
#undef INT_CODE
};

int tro_tile_splat(enum tro_tile_code code)
{
    return codes[code].splat;
}

/* ---- which code ---------------------------------------------------------------------------- */

/* Of operators on operands of one type. */
struct row {
    int f32, i32, i64, i8, u8, boolean;
};
#define INTS(id) TRO_TILE_I32_##id, TRO_TILE_I64_##id, TRO_TILE_I8_##id, TRO_TILE_U8_##id
#define BOTH(id)                          \
    {                                     \
        TRO_TILE_F32_##id, INTS(id), NONE \
    }
#define BITS(id)                         \
    {                                    \
        NONE, INTS(id), TRO_TILE_U8_##id \
    }
#define F32_ONLY(id)                                    \
    {                                                   \
        TRO_TILE_F32_##id, NONE, NONE, NONE, NONE, NONE \
    }

/* clang-format off */
static const struct row rows[TRO_N_OPS] = {
    [TRO_OP_ADD] = BOTH(ADD),     [TRO_OP_SUB] = BOTH(SUB),     [TRO_OP_MUL] = BOTH(MUL),
    [TRO_OP_DIV] = BOTH(DIV),     [TRO_OP_MOD] = BOTH(MOD),     [TRO_OP_FMOD] = BOTH(FMOD),
    [TRO_OP_NEG] = BOTH(NEG),     [TRO_OP_ABS] = BOTH(ABS),     [TRO_OP_SIGN] = BOTH(SIGN),
    [TRO_OP_MIN] = {TRO_TILE_F32_MIN, INTS(MIN), TRO_TILE_U8_MIN},
    [TRO_OP_MAX] = {TRO_TILE_F32_MAX, INTS(MAX), TRO_TILE_U8_MAX},
    [TRO_OP_EQ] = {TRO_TILE_F32_EQ, INTS(EQ), TRO_TILE_U8_EQ},
    [TRO_OP_LT] = {TRO_TILE_F32_LT, INTS(LT), TRO_TILE_U8_LT},
    [TRO_OP_LE] = {TRO_TILE_F32_LE, INTS(LE), TRO_TILE_U8_LE},
    [TRO_OP_AND] = BITS(AND),     [TRO_OP_OR] = BITS(OR),       [TRO_OP_XOR] = BITS(XOR),
    [TRO_OP_SHL] = {NONE, INTS(SHL), NONE},
    [TRO_OP_SHR] = {NONE, INTS(SHR), NONE},
    [TRO_OP_NOT] = {NONE, INTS(NOT), TRO_TILE_BOOL_NOT},
    [TRO_OP_FLOOR] = F32_ONLY(FLOOR),     [TRO_OP_CEIL] = F32_ONLY(CEIL),
    [TRO_OP_ROUND] = F32_ONLY(ROUND),     [TRO_OP_SQRT] = F32_ONLY(SQRT),
    [TRO_OP_EXP] = F32_ONLY(EXP),         [TRO_OP_LOG] = F32_ONLY(LOG),
    [TRO_OP_ERF] = F32_ONLY(ERF),         [TRO_OP_SIN] = F32_ONLY(SIN),
    [TRO_OP_COS] = F32_ONLY(COS),         [TRO_OP_TAN] = F32_ONLY(TAN),
    [TRO_OP_ASIN] = F32_ONLY(ASIN),       [TRO_OP_ACOS] = F32_ONLY(ACOS),
    [TRO_OP_ATAN] = F32_ONLY(ATAN),       [TRO_OP_SINH] = F32_ONLY(SINH),
    [TRO_OP_COSH] = F32_ONLY(COSH),       [TRO_OP_TANH] = F32_ONLY(TANH),
    [TRO_OP_ASINH] = F32_ONLY(ASINH),     [TRO_OP_ACOSH] = F32_ONLY(ACOSH),
    [TRO_OP_ATANH] = F32_ONLY(ATANH),     [TRO_OP_SIGMOID] = F32_ONLY(SIGMOID),
    [TRO_OP_SOFTPLUS] = F32_ONLY(SOFTPLUS),
    [TRO_OP_ISNAN] = F32_ONLY(ISNAN),     [TRO_OP_ISINF] = F32_ONLY(ISINF),
};
/* clang-format on */

static bool has_row(enum tro_op op)
{
    const struct row *const r = &rows[op];
    return r->f32 != r->i32; /* a row that is not listed is all zero */
}

static int by_type(const struct row *r, enum tro_dtype d)
{
    switch (d) {
    case TRO_F32:
        return r->f32;
    case TRO_I32:
        return r->i32;
    case TRO_I64:
        return r->i64;
    case TRO_I8:
        return r->i8;
    case TRO_U8:
        return r->u8;
    case TRO_BOOL:
        return r->boolean;
    default:
        return NONE;
    }
}

#define CAST_ROW(T)                                                                  \
    {                                                                                \
        TRO_TILE_CAST_##T##_F32, TRO_TILE_CAST_##T##_I32, TRO_TILE_CAST_##T##_I64,   \
            TRO_TILE_CAST_##T##_I8, TRO_TILE_CAST_##T##_U8, TRO_TILE_CAST_##T##_BOOL \
    }

static int cast_code(enum tro_dtype from, enum tro_dtype to)
{
    static const struct row f32 = CAST_ROW(F32), i32 = CAST_ROW(I32), i64 = CAST_ROW(I64),
                            i8 = CAST_ROW(I8), u8 = CAST_ROW(U8);
    switch (from) {
    case TRO_F32:
        return by_type(&f32, to);
    case TRO_I32:
        return by_type(&i32, to);
    case TRO_I64:
        return by_type(&i64, to);
    case TRO_I8:
        return by_type(&i8, to);
    case TRO_U8:
    case TRO_BOOL:
        return by_type(&u8, to);
    default:
        return NONE;
    }
}

/* ---- emission ------------------------------------------------------------------------------ */

/* A new value of type `to` by this instruction: its place, or a negative status. */
static int emit(struct tro_tile *t, int code, enum tro_dtype to, const int src[3], const float *imm)
{
    struct tro_tile_instr i = {.code = (enum tro_tile_code)code, .n_src = codes[code].n_src};
    const struct tro_tile_place p = {.kind = TRO_PLACE_VALUE, .dtype = to};
    i.dst = tro_tile_add_place(t, &p);
    for (int k = 0; k < 3; k++)
        i.src[k] = k < i.n_src ? src[k] : i.dst;
    for (int k = 0; imm && k < 4; k++)
        i.imm[k] = imm[k];
    return i.dst < 0 || tro_tile_add_instr(t, &i) < 0 ? TRO_E_NOMEM : i.dst;
}

static int finish(int place, int *out)
{
    *out = place;
    return place < 0 ? place : 1;
}

static int add_const(struct tro_tile *t, enum tro_dtype d, float f32)
{
    struct tro_tile_place p = {.kind = TRO_PLACE_CONST, .dtype = d};
    if (d == TRO_F32)
        p.value.f32 = f32;
    return tro_tile_add_place(t, &p);
}

/* 0: beyond this; else as emit, in *out. */
static int cast_to(struct tro_tile *t, int place, enum tro_dtype to, int *out)
{
    const enum tro_dtype from = t->places[place].dtype;
    const int code = cast_code(from, to);
    if (from == to)
        return finish(place, out);
    return code == NONE ? 0 : finish(emit(t, code, to, (int[3]){place}, NULL), out);
}

/* ---- operators of their own form ------------------------------------------------------------ */

static int power(struct tro_tile *t, const int *in, int *out)
{
    const struct tro_tile_place y = t->places[in[1]];
    const bool is_f32_const = y.kind == TRO_PLACE_CONST && y.dtype == TRO_F32;
    const float e = is_f32_const ? y.value.f32 : 0;
    if (t->places[in[0]].dtype != TRO_F32)
        return 0;
    if (is_f32_const && e == 1)
        return finish(in[0], out);
    if (is_f32_const && e == 2)
        return finish(emit(t, TRO_TILE_F32_MUL, TRO_F32, (int[3]){in[0], in[0]}, NULL), out);
    if (is_f32_const && e == -1) {
        const int one = add_const(t, TRO_F32, 1);
        return one < 0
                   ? one
                   : finish(emit(t, TRO_TILE_F32_DIV, TRO_F32, (int[3]){one, in[0]}, NULL), out);
    }
    int exponent;
    const int rc = cast_to(t, in[1], TRO_F32, &exponent);
    if (rc <= 0)
        return rc;
    return finish(emit(t, TRO_TILE_F32_POW, TRO_F32, (int[3]){in[0], exponent}, NULL), out);
}

static int select_one(struct tro_tile *t, const int *in, enum tro_dtype to, int *out)
{
    const size_t size = tro_dtype_size(to);
    if (size == 2)
        return 0;
    const int code = size == 1   ? TRO_TILE_SELECT_1
                     : size == 4 ? TRO_TILE_SELECT_4
                                 : TRO_TILE_SELECT_8;
    return finish(emit(t, code, to, in, NULL), out);
}

/* x, scale and zero, which is 0 of this type when absent. 0 when a type is another one. */
static int quant_operands(struct tro_tile *t, const int *in, enum tro_dtype zero, int src[3])
{
    src[0] = in[0];
    src[1] = in[1];
    src[2] = in[2] >= 0 ? in[2] : add_const(t, zero, 0);
    if (src[2] < 0)
        return src[2];
    return t->places[in[1]].dtype == TRO_F32 && t->places[src[2]].dtype == zero;
}

/* Codes of one operator by type, NONE where there is no kernel. */
struct by_quantized {
    int i8, u8, i16, u16, i32;
};

static int pick_quantized(const struct by_quantized *c, enum tro_dtype d)
{
    switch (d) {
    case TRO_I8:
        return c->i8;
    case TRO_U8:
        return c->u8;
    case TRO_I16:
        return c->i16;
    case TRO_U16:
        return c->u16;
    case TRO_I32:
        return c->i32;
    default:
        return NONE;
    }
}

static int scaled(struct tro_tile *t, int code, enum tro_dtype zero, enum tro_dtype to,
                  const int *in, int *out)
{
    int src[3];
    if (code == NONE)
        return 0;
    const int rc = quant_operands(t, in, zero, src);
    return rc <= 0 ? rc : finish(emit(t, code, to, src, NULL), out);
}

static int quantize(struct tro_tile *t, const int *in, enum tro_dtype to, int *out)
{
    static const struct by_quantized f32 = {TRO_TILE_QUANTIZE_F32_I8, TRO_TILE_QUANTIZE_F32_U8,
                                            TRO_TILE_QUANTIZE_F32_I16, TRO_TILE_QUANTIZE_F32_U16,
                                            NONE};
    static const struct by_quantized i32 = {TRO_TILE_QUANTIZE_I32_I8, TRO_TILE_QUANTIZE_I32_U8,
                                            NONE, NONE, NONE};
    const enum tro_dtype from = t->places[in[0]].dtype;
    if (from != TRO_F32 && from != TRO_I32)
        return 0;
    return scaled(t, pick_quantized(from == TRO_F32 ? &f32 : &i32, to), to, to, in, out);
}

static int dequantize(struct tro_tile *t, const int *in, int *out)
{
    static const struct by_quantized codes_of = {TRO_TILE_DEQUANTIZE_I8, TRO_TILE_DEQUANTIZE_U8,
                                                 TRO_TILE_DEQUANTIZE_I16, TRO_TILE_DEQUANTIZE_U16,
                                                 TRO_TILE_DEQUANTIZE_I32};
    const enum tro_dtype from = t->places[in[0]].dtype;
    return scaled(t, pick_quantized(&codes_of, from), from, TRO_F32, in, out);
}

static int requantize(struct tro_tile *t, const int *in, enum tro_dtype to, int *out)
{
    static const struct by_quantized codes_of = {TRO_TILE_REQUANTIZE_I8, TRO_TILE_REQUANTIZE_U8,
                                                 TRO_TILE_REQUANTIZE_I16, TRO_TILE_REQUANTIZE_U16,
                                                 NONE};
    if (t->places[in[0]].dtype != TRO_I32)
        return 0;
    return scaled(t, pick_quantized(&codes_of, to), to, to, in, out);
}

static int look_up(struct tro_tile *t, const int *in, enum tro_dtype to, int *out)
{
    static const struct by_quantized to_i8 = {TRO_TILE_TABLE_1, TRO_TILE_TABLE_1,
                                              TRO_TILE_TABLE_I16_I8, TRO_TILE_TABLE_U16_I8, NONE};
    static const struct by_quantized to_u8 = {TRO_TILE_TABLE_1, TRO_TILE_TABLE_1,
                                              TRO_TILE_TABLE_I16_U8, TRO_TILE_TABLE_U16_U8, NONE};
    static const struct by_quantized to_i16 = {NONE, NONE, TRO_TILE_TABLE_I16_I16, NONE, NONE};
    static const struct by_quantized to_4 = {TRO_TILE_TABLE_4, TRO_TILE_TABLE_4, NONE, NONE, NONE};
    const enum tro_dtype from = t->places[in[0]].dtype;
    const struct by_quantized *const row = tro_dtype_size(to) == 4 ? &to_4
                                           : to == TRO_U8          ? &to_u8
                                           : to == TRO_I16         ? &to_i16
                                                                   : &to_i8;
    const bool is_other = tro_dtype_size(to) == 8 || (tro_dtype_size(to) == 2 && to != TRO_I16);
    const int code = is_other ? NONE : pick_quantized(row, from);
    return code == NONE ? 0 : finish(emit(t, code, to, in, NULL), out);
}

/* ---- any ------------------------------------------------------------------------------------- */

static int by_row(struct tro_tile *t, const struct tro_node *n, const void *attrs, const int *in,
                  enum tro_dtype to, int *out)
{
    const enum tro_dtype d = t->places[in[0]].dtype;
    float imm[4] = {0};
    if (!has_row(n->op))
        return 0;
    const int code = by_type(&rows[n->op], d);
    if (code == NONE)
        return 0;
    if (n->op == TRO_OP_ISINF) {
        const struct tro_attrs_isinf *const a = attrs;
        imm[0] = a->skip_negative ? 0 : 1;
        imm[1] = a->skip_positive ? 0 : 1;
    }
    return finish(emit(t, code, to, in, imm), out);
}

int tro_tile_node(struct tro_tile *t, const struct tro_node *n, const void *attrs, const int *in,
                  enum tro_dtype to, int *out)
{
    switch (n->op) {
    case TRO_OP_POW:
        return power(t, in, out);
    case TRO_OP_SELECT:
        return select_one(t, in, to, out);
    case TRO_OP_CAST:
        return cast_to(t, in[0], to, out);
    case TRO_OP_QUANTIZE:
        return quantize(t, in, to, out);
    case TRO_OP_DEQUANTIZE:
        return to == TRO_F32 ? dequantize(t, in, out) : 0;
    case TRO_OP_REQUANTIZE:
        return requantize(t, in, to, out);
    case TRO_OP_TABLE:
        return look_up(t, in, to, out);
    default:
        return by_row(t, n, attrs, in, to, out);
    }
}
