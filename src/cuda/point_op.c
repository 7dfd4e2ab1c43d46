/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise operators as C++ expressions; kernels/point.cuh defines what they call. */
#include "cuda/point_program.h"

#include "base/dtype.h"
#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- types ---------------------------------------------------------------------------------- */

static const struct {
    const char *in_register, *in_memory;
} types[TRO_N_DTYPES] = {
    [TRO_F32] = {"float", "float"},     [TRO_F16] = {"float", "tro_f16"},
    [TRO_BF16] = {"float", "tro_bf16"}, [TRO_F64] = {"double", "double"},
    [TRO_I8] = {"int8_t", "int8_t"},    [TRO_U8] = {"uint8_t", "uint8_t"},
    [TRO_I16] = {"int16_t", "int16_t"}, [TRO_U16] = {"uint16_t", "uint16_t"},
    [TRO_I32] = {"int32_t", "int32_t"}, [TRO_U32] = {"uint32_t", "uint32_t"},
    [TRO_I64] = {"int64_t", "int64_t"}, [TRO_U64] = {"uint64_t", "uint64_t"},
    [TRO_BOOL] = {"bool", "uint8_t"},
};

const char *tro_point_register(enum tro_dtype d)
{
    return types[d].in_register;
}

const char *tro_point_memory(enum tro_dtype d)
{
    return types[d].in_memory;
}

/* Held in a float. */
static bool is_single(enum tro_dtype d)
{
    return d == TRO_F32 || d == TRO_F16 || d == TRO_BF16;
}

static bool is_narrow(enum tro_dtype d)
{
    return d == TRO_F16 || d == TRO_BF16;
}

/* ---- which types an operator takes ---------------------------------------------------------- */

enum { FLOATS = 1, INTS = 2, BOOLS = 4, IS_EXACT = 8 };

/* IS_EXACT: what it gives for 16-bit floats needs no rounding. */
static const uint8_t takes[TRO_N_OPS] = {
    [TRO_OP_ADD] = FLOATS | INTS,
    [TRO_OP_SUB] = FLOATS | INTS,
    [TRO_OP_MUL] = FLOATS | INTS,
    [TRO_OP_DIV] = FLOATS | INTS,
    [TRO_OP_MOD] = FLOATS | INTS,
    [TRO_OP_FMOD] = FLOATS | INTS,
    [TRO_OP_MIN] = FLOATS | INTS | BOOLS | IS_EXACT,
    [TRO_OP_MAX] = FLOATS | INTS | BOOLS | IS_EXACT,
    [TRO_OP_AND] = INTS | BOOLS,
    [TRO_OP_OR] = INTS | BOOLS,
    [TRO_OP_XOR] = INTS | BOOLS,
    [TRO_OP_SHL] = INTS,
    [TRO_OP_SHR] = INTS,
    [TRO_OP_EQ] = FLOATS | INTS | BOOLS,
    [TRO_OP_LT] = FLOATS | INTS | BOOLS,
    [TRO_OP_LE] = FLOATS | INTS | BOOLS,
    [TRO_OP_NOT] = INTS | BOOLS,
    [TRO_OP_NEG] = FLOATS | INTS | IS_EXACT,
    [TRO_OP_ABS] = FLOATS | INTS | IS_EXACT,
    [TRO_OP_SIGN] = FLOATS | INTS | IS_EXACT,
    [TRO_OP_FLOOR] = FLOATS | INTS | IS_EXACT,
    [TRO_OP_CEIL] = FLOATS | INTS | IS_EXACT,
    [TRO_OP_ROUND] = FLOATS | INTS | IS_EXACT,
    [TRO_OP_SQRT] = FLOATS,
    [TRO_OP_EXP] = FLOATS,
    [TRO_OP_LOG] = FLOATS,
    [TRO_OP_ERF] = FLOATS,
    [TRO_OP_SIN] = FLOATS,
    [TRO_OP_COS] = FLOATS,
    [TRO_OP_TAN] = FLOATS,
    [TRO_OP_ASIN] = FLOATS,
    [TRO_OP_ACOS] = FLOATS,
    [TRO_OP_ATAN] = FLOATS,
    [TRO_OP_SINH] = FLOATS,
    [TRO_OP_COSH] = FLOATS,
    [TRO_OP_TANH] = FLOATS,
    [TRO_OP_ASINH] = FLOATS,
    [TRO_OP_ACOSH] = FLOATS,
    [TRO_OP_ATANH] = FLOATS,
    [TRO_OP_SIGMOID] = FLOATS,
    [TRO_OP_SOFTPLUS] = FLOATS,
    [TRO_OP_ISNAN] = FLOATS,
};

static bool is_taken(enum tro_op op, enum tro_dtype d)
{
    const int class = tro_dtype_is_float(d) ? FLOATS : d == TRO_BOOL ? BOOLS : INTS;
    return takes[op] & class;
}

/* Operations for an element: functions count as their arithmetic. */
static double flops_of(enum tro_op op)
{
    switch (op) {
    case TRO_OP_SELECT:
    case TRO_OP_CAST:
        return 0;
    case TRO_OP_EXP:
    case TRO_OP_LOG:
    case TRO_OP_ERF:
    case TRO_OP_SIN:
    case TRO_OP_COS:
    case TRO_OP_TANH:
    case TRO_OP_SIGMOID:
    case TRO_OP_SOFTPLUS:
        return 20;
    default:
        return 1;
    }
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* A line that gives a new value its expression: its index. */
__attribute__((format(printf, 4, 5))) static int add_line(struct tro_point_build *b,
                                                          enum tro_dtype to, bool is_rounded,
                                                          const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const int v = tro_point_add_value(b, TRO_VALUE_NONE, to, "v%d", b->n_values);
    if (v < 0)
        return v;
    if (is_narrow(to) && !is_rounded)
        tro_buf_printf(&b->lines, "            const float %s = tro_point_round<%s>(%s);\n",
                       b->values[v].name, tro_point_memory(to), text);
    else
        tro_buf_printf(&b->lines, "            const %s %s = %s;\n", tro_point_register(to),
                       b->values[v].name, text);
    return v;
}

static const char *name(const struct tro_point_build *b, int value)
{
    return b->values[value].name;
}

static enum tro_dtype dtype_of(const struct tro_point_build *b, int value)
{
    return b->values[value].dtype;
}

/* value, or negative when there was no room for it: 1 with *out, or the failure. */
static int done(int value, int *out)
{
    *out = value;
    return value < 0 ? value : 1;
}

/* ---- operators of their own form ------------------------------------------------------------ */

static int power_float(struct tro_point_build *b, const int *in, enum tro_dtype to, int *out)
{
    const struct tro_point_value *const y = &b->values[in[1]];
    const char *const x = name(b, in[0]);
    if (is_single(to) && y->dtype == TRO_F64)
        return 0;
    if (y->is_number && y->number == 1)
        return done(in[0], out);
    if (y->is_number && y->number == 2)
        return done(add_line(b, to, false, "%s * %s", x, x), out);
    if (y->is_number && y->number == 3)
        return done(add_line(b, to, false, "%s * %s * %s", x, x, x), out);
    if (y->is_number && y->number == 0.5)
        return done(add_line(b, to, false, "tro_point_root(%s)", x), out);
    if (y->is_number && y->number == -1)
        return done(add_line(b, to, false, "tro_op_div((%s)1, %s)", tro_point_register(to), x),
                    out);
    return done(
        add_line(b, to, false, "tro_op_pow(%s, (%s)%s)", x, tro_point_register(to), y->name), out);
}

static int power(struct tro_point_build *b, const int *in, enum tro_dtype to, int *out)
{
    if (tro_dtype_is_float(to))
        return power_float(b, in, to, out);
    if (tro_dtype_is_float(dtype_of(b, in[1])) || to == TRO_BOOL)
        return 0;
    return done(add_line(b, to, true, "tro_op_pow_int(%s, %s)", name(b, in[0]), name(b, in[1])),
                out);
}

/* At 16 bits a product with the reciprocal is as good. */
static int divide(struct tro_point_build *b, const int *in, enum tro_dtype to, int *out)
{
    const struct tro_point_value *const y = &b->values[in[1]];
    const float reciprocal = (float)(1 / y->number);
    if (!b->is_fast || !is_single(to) || !y->is_number || !isnormal(reciprocal))
        return done(add_line(b, to, false, "tro_op_div(%s, %s)", name(b, in[0]), name(b, in[1])),
                    out);
    const int field = tro_point_add_field(b, "float", &reciprocal, sizeof reciprocal);
    return done(add_line(b, to, false, "%s * p.point.f%d", name(b, in[0]), field), out);
}

static int cast(struct tro_point_build *b, int x, enum tro_dtype to, int *out)
{
    const enum tro_dtype from = dtype_of(b, x);
    const char *const v = name(b, x);
    if (from == to)
        return done(x, out);
    if (!tro_dtype_is_float(to))
        return done(add_line(b, to, true, "tro_op_cast<%s>(%s)", tro_point_register(to), v), out);
    if (is_narrow(to) && from == TRO_F64)
        return 0;
    if (to == TRO_BF16 && !is_single(from) && tro_dtype_size(from) >= 4)
        return done(add_line(b, to, false, "tro_point_foldable(%s)", v), out);
    return done(add_line(b, to, false, "(%s)%s", tro_point_register(to), v), out);
}

static bool is_quantized(enum tro_dtype d, size_t most_bytes)
{
    return tro_dtype_is_int(d) && tro_dtype_size(d) <= most_bytes;
}

/* The zero's text in `text`: of this type, 0 when it is absent. */
static bool zero_text(const struct tro_point_build *b, int zero, enum tro_dtype type, char *text,
                      size_t n)
{
    if (zero >= 0 && dtype_of(b, zero) != type)
        return false;
    if (zero >= 0)
        snprintf(text, n, "%s", name(b, zero));
    else
        snprintf(text, n, "(%s)0", tro_point_register(type));
    return true;
}

/* The conditions under which tro_point_quantize_by is exact. */
static bool has_good_reciprocal(float scale)
{
    uint32_t bits;
    memcpy(&bits, &scale, sizeof bits);
    return scale > 0x1p-40f && scale < 0x1p+40f && (bits & 0x7fffff) != 0x7fffff;
}

static int quantize(struct tro_point_build *b, const int *in, enum tro_dtype to, int *out)
{
    const enum tro_dtype from = dtype_of(b, in[0]);
    const struct tro_point_value *const scale = &b->values[in[1]];
    const char *const type = tro_point_register(to);
    char zero[64];
    if ((!is_single(from) && from != TRO_I32) || !is_quantized(to, 2) || !is_single(scale->dtype) ||
        !zero_text(b, in[2], to, zero, sizeof zero))
        return 0;
    if (!scale->is_number || tro_dtype_size(to) == 4 || !has_good_reciprocal((float)scale->number))
        return done(add_line(b, to, true, "tro_op_quantize<%s>(%s, %s, %s)", type, name(b, in[0]),
                             scale->name, zero),
                    out);
    const float reciprocal = 1 / (float)scale->number;
    const int field = tro_point_add_field(b, "float", &reciprocal, sizeof reciprocal);
    return done(add_line(b, to, true, "tro_point_quantize_by<%s>(%s, %s, p.point.f%d, %s)", type,
                         name(b, in[0]), scale->name, field, zero),
                out);
}

static int dequantize(struct tro_point_build *b, const int *in, enum tro_dtype to, int *out)
{
    const enum tro_dtype from = dtype_of(b, in[0]);
    char zero[64];
    if (!is_quantized(from, 4) || !is_single(to) || !is_single(dtype_of(b, in[1])) ||
        !zero_text(b, in[2], from, zero, sizeof zero))
        return 0;
    return done(add_line(b, to, false, "tro_op_dequantize(%s, %s, %s)", name(b, in[0]),
                         name(b, in[1]), zero),
                out);
}

static int requantize(struct tro_point_build *b, const int *in, enum tro_dtype to, int *out)
{
    char zero[64];
    if (dtype_of(b, in[0]) != TRO_I32 || dtype_of(b, in[1]) != TRO_F32 || !is_quantized(to, 2) ||
        !zero_text(b, in[2], to, zero, sizeof zero))
        return 0;
    return done(add_line(b, to, true, "tro_op_requantize<%s>(%s, %s, %s)", tro_point_register(to),
                         name(b, in[0]), name(b, in[1]), zero),
                out);
}

/* The table is the operand that was added last. */
static int look_up(struct tro_point_build *b, const int *in, enum tro_dtype to, int *out)
{
    const char *const x = name(b, in[0]), *const entry = tro_point_memory(dtype_of(b, in[1]));
    const int at = b->n_in - 1;
    if (tro_dtype_size(dtype_of(b, in[0])) == 2)
        return done(add_line(b, to, true,
                             "tro_op_between<%s>((const int32_t *)p.ptr[TRO_POINT_IN + %d], %s)",
                             tro_point_register(to), at, x),
                    out);
    if (to == TRO_F16 || to == TRO_BF16 || to == TRO_BOOL)
        return 0;
    return done(
        add_line(b, to, true, "((const %s *)p.ptr[TRO_POINT_IN + %d])[(uint8_t)%s]", entry, at, x),
        out);
}

static int is_infinite(struct tro_point_build *b, int x, const struct tro_attrs_isinf *a, int *out)
{
    if (!tro_dtype_is_float(dtype_of(b, x)))
        return 0;
    return done(add_line(b, TRO_BOOL, true, "tro_op_isinf(%s, %s, %s)", name(b, x),
                         a->skip_negative ? "false" : "true", a->skip_positive ? "false" : "true"),
                out);
}

/* ---- any ------------------------------------------------------------------------------------ */

static int plain(struct tro_point_build *b, const struct tro_node *n, const int *in,
                 enum tro_dtype to, int *out)
{
    const char *const text = tro_op_info(n->op)->text;
    const bool is_rounded = takes[n->op] & IS_EXACT;
    if (!is_taken(n->op, dtype_of(b, in[0])))
        return 0;
    if (n->n_in == 1)
        return done(add_line(b, to, is_rounded, "tro_op_%s(%s)", text, name(b, in[0])), out);
    if (dtype_of(b, in[0]) != dtype_of(b, in[1]))
        return 0;
    return done(
        add_line(b, to, is_rounded, "tro_op_%s(%s, %s)", text, name(b, in[0]), name(b, in[1])),
        out);
}

int tro_point_node(struct tro_point_build *b, const struct tro_node *n, const void *attrs,
                   const int *in, enum tro_dtype to, int *out)
{
    b->flops += flops_of(n->op);
    switch (n->op) {
    case TRO_OP_POW:
        return power(b, in, to, out);
    case TRO_OP_DIV:
        return divide(b, in, to, out);
    case TRO_OP_SELECT:
        return done(add_line(b, to, true, "tro_op_select(%s, %s, %s)", name(b, in[0]),
                             name(b, in[1]), name(b, in[2])),
                    out);
    case TRO_OP_CAST:
        return cast(b, in[0], to, out);
    case TRO_OP_QUANTIZE:
        return quantize(b, in, to, out);
    case TRO_OP_DEQUANTIZE:
        return dequantize(b, in, to, out);
    case TRO_OP_REQUANTIZE:
        return requantize(b, in, to, out);
    case TRO_OP_TABLE:
        return look_up(b, in, to, out);
    case TRO_OP_ISINF:
        return is_infinite(b, in[0], attrs, out);
    default:
        return plain(b, n, in, to, out);
    }
}
