/* SPDX-License-Identifier: Apache-2.0 */
/* com.microsoft, elementwise: operators that ONNX Runtime's quantizer writes. */
#include "onnx/import_quant.h"

#include "base/dtype.h"

/* ---- in floating point between dequantize and quantize --------------------------------- */

/* To the type of the zero point, or the type it would have had. */
static int set_quantized(struct tro_import_call *c, tro_value_id y, int scale_index,
                         enum tro_dtype without_zero)
{
    const tro_value_id zero = tro_in_has(c, scale_index + 1) ? c->in[scale_index + 1]
                                                             : TRO_VALUE_NONE;
    const struct tro_attrs_cast a = {.to = zero.i ? tro_dtype_of(c, zero) : without_zero};
    tro_set_out(c, 0,
                tro_emit(c, TRO_OP_QUANTIZE, &a,
                         (tro_value_id[]){y, tro_in_needed(c, scale_index), zero}, 3));
    return c->rc;
}

int tro_import_qlinear_add(struct tro_import_call *c)
{
    const tro_value_id a = tro_dequantized(c, tro_in_quantized(c, 0));
    const tro_value_id b = tro_dequantized(c, tro_in_quantized(c, 3));
    return set_quantized(c, tro_emit2(c, TRO_OP_ADD, a, b), 6, tro_dtype_of(c, c->in[0]));
}

/* x - zero */
static tro_value_id centered(struct tro_import_call *c, struct tro_quantized q)
{
    const tro_value_id x = tro_emit_cast(c, q.x, TRO_I32);
    return q.zero.i ? tro_emit2(c, TRO_OP_SUB, x, tro_emit_cast(c, q.zero, TRO_I32)) : x;
}

/* The product is exact in integers. */
int tro_import_qlinear_mul(struct tro_import_call *c)
{
    const struct tro_quantized a = tro_in_quantized(c, 0), b = tro_in_quantized(c, 3);
    const tro_value_id product = tro_emit2(c, TRO_OP_MUL, centered(c, a), centered(c, b));
    const tro_value_id zero = tro_in_has(c, 7) ? c->in[7] : tro_like(c, a.x, 0);
    tro_set_out(c, 0, tro_requantized(c, product, a.scale, b.scale, tro_in_needed(c, 6), zero));
    return c->rc;
}

/* (a - zero) * (b - zero) in i32: a, zero, b, zero */
int tro_import_mul_integer(struct tro_import_call *c)
{
    const struct tro_quantized a = {.x = c->in[0], .zero = c->in[1]};
    const struct tro_quantized b = {.x = tro_in_needed(c, 2), .zero = c->in[3]};
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_MUL, centered(c, a), centered(c, b)));
    return c->rc;
}

int tro_import_qlinear_sigmoid(struct tro_import_call *c)
{
    const tro_value_id x = tro_dequantized(c, tro_in_quantized(c, 0));
    return set_quantized(c, tro_emit1(c, TRO_OP_SIGMOID, x), 3, tro_dtype_of(c, c->in[0]));
}

int tro_import_qlinear_leaky_relu(struct tro_import_call *c)
{
    const tro_value_id x = tro_dequantized(c, tro_in_quantized(c, 0));
    const tro_value_id slope = tro_like(c, x, tro_attr_float(c, "alpha", 0.01F));
    const tro_value_id is_negative = tro_emit2(c, TRO_OP_LT, x, tro_like(c, x, 0));
    const tro_value_id y = tro_emit3(c, TRO_OP_SELECT, is_negative,
                                     tro_emit2(c, TRO_OP_MUL, x, slope), x);
    return set_quantized(c, y, 3, tro_dtype_of(c, c->in[0]));
}

/* Sizes from axis on are one: [before, the rest]. */
static tro_value_id flattened_at(struct tro_import_call *c, tro_value_id x, int axis, int rank)
{
    tro_dim d[2] = {tro_dim_const(1), tro_dim_const(1)};
    for (int i = 0; i < rank && c->rc >= 0; i++)
        d[i >= axis] = tro_dim_mul(&c->g->dims, d[i >= axis], tro_dim_of(c, x, i));
    return tro_emit_reshape(c, x, d, 2);
}

/* Below opset 13 softmax is over all axes from `axis` on. */
int tro_import_qlinear_softmax(struct tro_import_call *c)
{
    const tro_value_id x = tro_dequantized(c, tro_in_quantized(c, 0));
    const bool is_flat = tro_attr_int(c, "opset", 13) < 13;
    const int rank = tro_rank_needed(c, x);
    const int axis = tro_axis_of(c, tro_attr_int(c, "axis", -1), rank);
    const struct tro_attrs_softmax a = {.axis = is_flat ? 1 : axis};
    const tro_value_id rows = is_flat ? flattened_at(c, x, axis, rank) : x;
    tro_value_id y = tro_emit(c, TRO_OP_SOFTMAX, &a, &rows, 1);
    if (is_flat) {
        tro_dim d[TRO_MAX_RANK];
        for (int i = 0; i < rank; i++)
            d[i] = tro_dim_of(c, x, i);
        y = tro_emit_reshape(c, y, d, rank);
    }
    return set_quantized(c, y, 3, TRO_U8);
}

/* Output scale and zero point first, then x, scale, zero of each input. */
int tro_import_qlinear_concat(struct tro_import_call *c)
{
    const struct tro_attrs_axis a = {.axis = tro_attr_int(c, "axis", 0)};
    const int n = (c->n_in - 2) / 3;
    if ((c->n_in - 2) % 3 || n > TRO_MAX_INTS)
        return tro_import_fail(c, TRO_E_INPUT, "expected 2 + 3 n inputs, n up to %d, found %d",
                               TRO_MAX_INTS, c->n_in);
    tro_value_id parts[TRO_MAX_INTS];
    for (int i = 0; i < n; i++)
        parts[i] = tro_dequantized(c, tro_in_quantized(c, 2 + 3 * i));
    return set_quantized(c, tro_emit(c, TRO_OP_CONCAT, &a, parts, n), 0, TRO_U8);
}

int tro_import_qlinear_where(struct tro_import_call *c)
{
    const tro_value_id a = tro_dequantized(c, tro_in_quantized(c, 1));
    const tro_value_id b = tro_dequantized(c, tro_in_quantized(c, 4));
    return set_quantized(c, tro_emit3(c, TRO_OP_SELECT, c->in[0], a, b), 7, TRO_U8);
}
