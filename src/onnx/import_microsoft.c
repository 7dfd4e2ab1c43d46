/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of com.microsoft that ONNX Runtime's quantizer writes. */
#include "onnx/import_quant.h"

#include "base/dtype.h"
#include "onnx/import_conv.h"

/* ---- in floating point between dequantize and quantize --------------------------------- */

static int set_quantized(struct tro_import_call *c, tro_value_id y, int scale_index)
{
    const tro_value_id zero = tro_in_has(c, scale_index + 1) ? c->in[scale_index + 1] : TRO_VALUE_NONE;
    tro_set_out(c, 0, tro_quantized_as(c, y, c->in[scale_index], zero));
    return c->rc;
}

static int qlinear_binary(struct tro_import_call *c, enum tro_op op)
{
    const tro_value_id a = tro_dequantized(c, tro_in_quantized(c, 0));
    const tro_value_id b = tro_dequantized(c, tro_in_quantized(c, 3));
    return set_quantized(c, tro_emit2(c, op, a, b), 6);
}

int tro_import_qlinear_add(struct tro_import_call *c)
{
    return qlinear_binary(c, TRO_OP_ADD);
}

int tro_import_qlinear_mul(struct tro_import_call *c)
{
    return qlinear_binary(c, TRO_OP_MUL);
}

int tro_import_qlinear_sigmoid(struct tro_import_call *c)
{
    const tro_value_id x = tro_dequantized(c, tro_in_quantized(c, 0));
    return set_quantized(c, tro_emit1(c, TRO_OP_SIGMOID, x), 3);
}

int tro_import_qlinear_leaky_relu(struct tro_import_call *c)
{
    const tro_value_id x = tro_dequantized(c, tro_in_quantized(c, 0));
    const tro_value_id slope = tro_like(c, x, tro_attr_float(c, "alpha", 0.01F));
    const tro_value_id is_negative = tro_emit2(c, TRO_OP_LT, x, tro_like(c, x, 0));
    const tro_value_id y =
        tro_emit3(c, TRO_OP_SELECT, is_negative, tro_emit2(c, TRO_OP_MUL, x, slope), x);
    return set_quantized(c, y, 3);
}

int tro_import_qlinear_softmax(struct tro_import_call *c)
{
    const tro_value_id x = tro_dequantized(c, tro_in_quantized(c, 0));
    const int64_t opset = tro_attr_int(c, "opset", 13);
    const int rank = tro_rank_needed(c, x);
    const int axis = tro_axis_of(c, tro_attr_int(c, "axis", -1), rank);
    if (opset < 13 && axis != rank - 1)
        return tro_import_fail(c, TRO_E_UNSUPPORTED,
                               "expected softmax over the last axis for 'opset' below 13");
    const struct tro_attrs_softmax a = {.axis = axis};
    return set_quantized(c, tro_emit(c, TRO_OP_SOFTMAX, &a, &x, 1), 3);
}

static void refuse_channels_last(struct tro_import_call *c)
{
    if (tro_attr_int(c, "channels_last", 0))
        tro_import_fail(c, TRO_E_UNSUPPORTED, "attribute 'channels_last': expected 0, found 1");
}

int tro_import_qlinear_average_pool(struct tro_import_call *c)
{
    const tro_value_id x = tro_dequantized(c, tro_in_quantized(c, 0));
    struct tro_attrs_pool a = tro_pool_attrs(c, tro_pool_avg, x);
    refuse_channels_last(c);
    a.count_include_pad = tro_attr_int(c, "count_include_pad", 0);
    return set_quantized(c, tro_emit(c, TRO_OP_POOL, &a, &x, 1), 3);
}

/* Exact integer sum of all pixels, then one factor. */
int tro_import_qlinear_global_average_pool(struct tro_import_call *c)
{
    const struct tro_quantized x = tro_in_quantized(c, 0);
    const int rank = tro_rank_needed(c, x.x);
    struct tro_ints axes = {0};
    tro_dim n = tro_dim_const(1);
    refuse_channels_last(c);
    for (int i = 2; i < rank && c->rc >= 0; i++) {
        axes.v[axes.n++] = i;
        n = tro_dim_mul(&c->g->dims, n, tro_dim_of(c, x.x, i));
    }
    if (c->rc >= 0 && !tro_dim_is_const(n))
        return tro_import_fail(c, TRO_E_UNSUPPORTED, "expected a picture of constant size");
    tro_value_id v = tro_emit_cast(c, x.x, TRO_I32);
    if (x.zero.i)
        v = tro_emit2(c, TRO_OP_SUB, v, tro_emit_cast(c, x.zero, TRO_I32));
    const tro_value_id sum = tro_emit_reduce(c, v, tro_reduction_sum, &axes, true);
    const tro_value_id count = tro_scalar(c, TRO_F32, c->rc < 0 ? 1 : (double)tro_dim_value(n));
    const tro_value_id scale_y = tro_emit2(c, TRO_OP_MUL, c->in[3], count);
    tro_set_out(c, 0, tro_requantized(c, sum, x.scale, tro_scalar(c, TRO_F32, 1), scale_y, c->in[4]));
    return c->rc;
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
    return set_quantized(c, tro_emit(c, TRO_OP_CONCAT, &a, parts, n), 0);
}

int tro_import_qlinear_where(struct tro_import_call *c)
{
    const tro_value_id a = tro_dequantized(c, tro_in_quantized(c, 1));
    const tro_value_id b = tro_dequantized(c, tro_in_quantized(c, 4));
    return set_quantized(c, tro_emit3(c, TRO_OP_SELECT, c->in[0], a, b), 7);
}

/* ---- matrix products ------------------------------------------------------------------- */

static tro_value_id transposed_if(struct tro_import_call *c, bool is, tro_value_id x)
{
    static const int perm[2] = {1, 0};
    return is ? tro_emit_transpose(c, x, perm, 2) : x;
}

/* f32 of i32 sums: acc * (scale_a * scale_b). */
static tro_value_id scaled_sum(struct tro_import_call *c, tro_value_id acc, tro_value_id scale_a,
                               tro_value_id scale_b)
{
    return tro_emit2(c, TRO_OP_MUL, tro_emit_cast(c, acc, TRO_F32),
                     tro_emit2(c, TRO_OP_MUL, scale_a, scale_b));
}

/* a, scale, zero, b, scale, zero, c (i32), y scale, y zero; without y scale the result is f32. */
int tro_import_qgemm(struct tro_import_call *c)
{
    const struct tro_quantized a = tro_in_quantized(c, 0), b = tro_in_quantized(c, 3);
    const bool ta = tro_attr_int(c, "transA", 0) != 0, tb = tro_attr_int(c, "transB", 0) != 0;
    const double alpha = tro_attr_float(c, "alpha", 1);
    tro_value_id acc = tro_emit(c, TRO_OP_MATMUL_INT, NULL,
                                (tro_value_id[]){transposed_if(c, ta, a.x), transposed_if(c, tb, b.x),
                                                 a.zero, b.zero}, 4);
    if (tro_in_has(c, 6))
        acc = tro_emit2(c, TRO_OP_ADD, acc, c->in[6]);
    tro_value_id scale_a = a.scale;
    if (alpha != 1)
        scale_a = tro_emit2(c, TRO_OP_MUL, scale_a, tro_like(c, scale_a, alpha));
    if (!tro_in_has(c, 7))
        tro_set_out(c, 0, scaled_sum(c, acc, scale_a, b.scale));
    else
        tro_set_out(c, 0, tro_requantized(c, acc, scale_a, b.scale, c->in[7],
                                          tro_in_has(c, 8) ? c->in[8] : tro_scalar(c, TRO_U8, 0)));
    return c->rc;
}

/* a, b, scale of a, scale of b, zero of a, zero of b, bias */
int tro_import_matmul_integer_to_float(struct tro_import_call *c)
{
    const tro_value_id in[4] = {c->in[0], c->in[1], tro_in_has(c, 4) ? c->in[4] : TRO_VALUE_NONE,
                                tro_in_has(c, 5) ? c->in[5] : TRO_VALUE_NONE};
    const tro_value_id acc = tro_emit(c, TRO_OP_MATMUL_INT, NULL, in, 4);
    tro_value_id y = scaled_sum(c, acc, c->in[2], c->in[3]);
    if (tro_in_has(c, 6))
        y = tro_emit2(c, TRO_OP_ADD, y, c->in[6]);
    tro_set_out(c, 0, y);
    return c->rc;
}
