/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators that are ours already, or few of ours. */
#include "onnx/import_call.h"

#include <math.h>

#include "base/dtype.h"

/* ---- two operands ---------------------------------------------------------------------- */

/* Before version 7 operands broadcast only when asked to, from an axis on: the second one gets axes
 * of size 1 behind its own. */
static tro_value_id second_operand(struct tro_import_call *c)
{
    if (c->version >= 7)
        return c->in[1];
    const int64_t broadcast = tro_attr_int(c, "broadcast", 0);
    const bool has_axis = tro_attr_has(c, "axis");
    const int64_t axis = tro_attr_int(c, "axis", 0);
    tro_attr_ignore(c, "consumed_inputs");
    if (!broadcast || !has_axis)
        return c->in[1];
    const int rank = tro_rank_needed(c, c->in[0]), b_rank = tro_rank_needed(c, c->in[1]);
    const int first = tro_axis_of(c, axis, rank);
    tro_dim dims[TRO_MAX_RANK];
    int n = 0;
    for (; n < b_rank && c->rc >= 0; n++)
        dims[n] = tro_dim_of(c, c->in[1], n);
    while (n < rank - first && n < TRO_MAX_RANK)
        dims[n++] = tro_dim_const(1);
    return tro_emit_reshape(c, c->in[1], dims, n);
}

static int emit_binary(struct tro_import_call *c, enum tro_op op, bool swaps)
{
    const tro_value_id b = second_operand(c);
    tro_set_out(c, 0, swaps ? tro_emit2(c, op, b, c->in[0]) : tro_emit2(c, op, c->in[0], b));
    return c->rc;
}

#define BINARY(name, op)                             \
    int tro_import_##name(struct tro_import_call *c) \
    {                                                \
        return emit_binary(c, TRO_OP_##op, false);   \
    }
BINARY(add, ADD)
BINARY(sub, SUB)
BINARY(mul, MUL)
BINARY(div, DIV)
BINARY(pow, POW)
BINARY(and, AND)
BINARY(or, OR)
BINARY(xor, XOR)
BINARY(equal, EQ)
BINARY(less, LT)
BINARY(less_or_equal, LE)
#undef BINARY

int tro_import_greater(struct tro_import_call *c)
{
    return emit_binary(c, TRO_OP_LT, true);
}

int tro_import_greater_or_equal(struct tro_import_call *c)
{
    return emit_binary(c, TRO_OP_LE, true);
}

int tro_import_mod(struct tro_import_call *c)
{
    const bool is_fmod = tro_attr_int(c, "fmod", 0) != 0;
    if (!is_fmod && tro_dtype_is_float(tro_dtype_of(c, c->in[0])))
        return tro_import_fail(c, TRO_E_INPUT,
                               "attribute 'fmod': expected 1 for floating point, found 0");
    return emit_binary(c, is_fmod ? TRO_OP_FMOD : TRO_OP_MOD, false);
}

int tro_import_bit_shift(struct tro_import_call *c)
{
    static const char *const names[] = {"LEFT", "RIGHT", NULL};
    return emit_binary(c, tro_attr_choice(c, "direction", names, 0) ? TRO_OP_SHR : TRO_OP_SHL,
                       false);
}

/* Max, Min, Sum, Mean of any number of inputs: pairs from the left. */
static tro_value_id chain(struct tro_import_call *c, enum tro_op op)
{
    tro_value_id v = c->in[0];
    tro_attr_ignore(c, "consumed_inputs");
    for (int i = 1; i < c->n_in; i++)
        v = tro_emit2(c, op, v, c->in[i]);
    return v;
}

int tro_import_max(struct tro_import_call *c)
{
    tro_set_out(c, 0, chain(c, TRO_OP_MAX));
    return c->rc;
}

int tro_import_min(struct tro_import_call *c)
{
    tro_set_out(c, 0, chain(c, TRO_OP_MIN));
    return c->rc;
}

int tro_import_sum(struct tro_import_call *c)
{
    tro_set_out(c, 0, chain(c, TRO_OP_ADD));
    return c->rc;
}

int tro_import_mean(struct tro_import_call *c)
{
    const tro_value_id sum = chain(c, TRO_OP_ADD);
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_DIV, sum, tro_like(c, sum, c->n_in)));
    return c->rc;
}

int tro_import_where(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit3(c, TRO_OP_SELECT, c->in[0], c->in[1], c->in[2]));
    return c->rc;
}

/* ---- one operand ----------------------------------------------------------------------- */

#define UNARY(name, op)                                         \
    int tro_import_##name(struct tro_import_call *c)            \
    {                                                           \
        tro_attr_ignore(c, "consumed_inputs");                  \
        tro_set_out(c, 0, tro_emit1(c, TRO_OP_##op, c->in[0])); \
        return c->rc;                                           \
    }
UNARY(abs, ABS)
UNARY(neg, NEG)
UNARY(sign, SIGN)
UNARY(floor, FLOOR)
UNARY(ceil, CEIL)
UNARY(round, ROUND)
UNARY(sqrt, SQRT)
UNARY(exp, EXP)
UNARY(log, LOG)
UNARY(erf, ERF)
UNARY(sin, SIN)
UNARY(cos, COS)
UNARY(tan, TAN)
UNARY(asin, ASIN)
UNARY(acos, ACOS)
UNARY(atan, ATAN)
UNARY(sinh, SINH)
UNARY(cosh, COSH)
UNARY(tanh, TANH)
UNARY(asinh, ASINH)
UNARY(acosh, ACOSH)
UNARY(atanh, ATANH)
UNARY(sigmoid, SIGMOID)
UNARY(softplus, SOFTPLUS)
UNARY(not, NOT)
UNARY(is_nan, ISNAN)
#undef UNARY

int tro_import_reciprocal(struct tro_import_call *c)
{
    tro_attr_ignore(c, "consumed_inputs");
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_DIV, tro_like(c, c->in[0], 1), c->in[0]));
    return c->rc;
}

int tro_import_is_inf(struct tro_import_call *c)
{
    const struct tro_attrs_isinf a = {.skip_negative = !tro_attr_int(c, "detect_negative", 1),
                                      .skip_positive = !tro_attr_int(c, "detect_positive", 1)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_ISINF, &a, c->in, 1));
    return c->rc;
}

int tro_import_cast(struct tro_import_call *c)
{
    struct tro_attrs_cast a = {.wraps = !tro_attr_int(c, "saturate", 1)};
    tro_attr_ignore(c, "round_mode");
    a.to = tro_attr_dtype(c, "to", TRO_DTYPE_NONE);
    if (c->rc >= 0 && !a.to)
        return tro_import_fail(c, TRO_E_INPUT,
                               "attribute 'to': expected an element type, found none");
    if (tro_dtype_of(c, c->in[0]) == a.to)
        tro_set_out(c, 0, c->in[0]);
    else
        tro_set_out(c, 0, tro_emit(c, TRO_OP_CAST, &a, c->in, 1));
    return c->rc;
}

int tro_import_cast_like(struct tro_import_call *c)
{
    const struct tro_attrs_cast a = {.wraps = !tro_attr_int(c, "saturate", 1),
                                     .to = tro_dtype_of(c, c->in[1])};
    if (tro_dtype_of(c, c->in[0]) == a.to)
        tro_set_out(c, 0, c->in[0]);
    else
        tro_set_out(c, 0, tro_emit(c, TRO_OP_CAST, &a, c->in, 1));
    return c->rc;
}

/* ---- Clip ------------------------------------------------------------------------------ */

int tro_import_clip(struct tro_import_call *c)
{
    tro_value_id v = c->in[0];
    if (tro_in_has(c, 1))
        v = tro_emit2(c, TRO_OP_MAX, v, c->in[1]);
    if (tro_in_has(c, 2))
        v = tro_emit2(c, TRO_OP_MIN, v, c->in[2]);
    tro_set_out(c, 0, v);
    return c->rc;
}

/* Before version 11 the bounds are attributes. */
int tro_import_clip_1(struct tro_import_call *c)
{
    const tro_value_id x = c->in[0];
    const bool has_min = tro_attr_has(c, "min"), has_max = tro_attr_has(c, "max");
    const double lo = tro_attr_float(c, "min", 0), hi = tro_attr_float(c, "max", 0);
    tro_value_id v = x;
    tro_attr_ignore(c, "consumed_inputs");
    if (has_min)
        v = tro_emit2(c, TRO_OP_MAX, v, tro_like(c, x, lo));
    if (has_max)
        v = tro_emit2(c, TRO_OP_MIN, v, tro_like(c, x, hi));
    tro_set_out(c, 0, v);
    return c->rc;
}
