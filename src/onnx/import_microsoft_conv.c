/* SPDX-License-Identifier: Apache-2.0 */
/* com.microsoft: convolution, pooling and means, with channels first or last; fused activations. */
#include "onnx/import_quant.h"

#include <string.h>

#include "base/dtype.h"
#include "onnx/import_conv.h"

/* ---- pooling --------------------------------------------------------------------------- */

static int set_requantized(struct tro_import_call *c, tro_value_id y)
{
    const tro_value_id zero = tro_in_has(c, 4) ? c->in[4] : TRO_VALUE_NONE;
    const struct tro_attrs_cast a = {.to = tro_dtype_of(c, zero.i ? zero : c->in[0])};
    tro_set_out(
        c, 0, tro_emit(c, TRO_OP_QUANTIZE, &a, (tro_value_id[]){y, tro_in_needed(c, 3), zero}, 3));
    return c->rc;
}

int tro_import_qlinear_average_pool(struct tro_import_call *c)
{
    const bool is_last = tro_attr_int(c, "channels_last", 0) != 0;
    tro_value_id x = tro_dequantized(c, tro_in_quantized(c, 0));
    if (is_last)
        x = tro_channels_first(c, x);
    struct tro_attrs_pool a = tro_pool_attrs(c, tro_pool_avg, x);
    a.count_include_pad = tro_attr_int(c, "count_include_pad", 0);
    const tro_value_id y = tro_emit(c, TRO_OP_POOL, &a, &x, 1);
    return set_requantized(c, is_last ? tro_channels_last(c, y) : y);
}

/* x [n, spatial, c] of 8 bits; pads are of the least value. */
int tro_import_nhwc_max_pool(struct tro_import_call *c)
{
    const tro_value_id x = tro_channels_first(c, c->in[0]);
    const struct tro_attrs_pool a = tro_pool_attrs(c, tro_pool_max, x);
    tro_set_out(c, 0, tro_channels_last(c, tro_emit(c, TRO_OP_POOL, &a, &x, 1)));
    return c->rc;
}

/* Exact integer sum over the axes, then one factor. */
static int set_integer_mean(struct tro_import_call *c, const struct tro_ints *axes, bool keep_dims)
{
    const struct tro_quantized x = tro_in_quantized(c, 0);
    tro_dim n = tro_dim_const(1);
    for (int i = 0; i < axes->n && c->rc >= 0; i++)
        n = tro_dim_mul(&c->g->dims, n, tro_dim_of(c, x.x, (int)axes->v[i]));
    if (c->rc >= 0 && !tro_dim_is_const(n))
        return tro_import_fail(c, TRO_E_UNSUPPORTED,
                               "expected a mean over constant sizes: pin the input's shape");
    tro_value_id v = tro_emit_cast(c, x.x, TRO_I32);
    if (x.zero.i)
        v = tro_emit2(c, TRO_OP_SUB, v, tro_emit_cast(c, x.zero, TRO_I32));
    const tro_value_id sum = tro_emit_reduce(c, v, tro_reduction_sum, axes, keep_dims);
    const tro_value_id count = tro_scalar(c, TRO_F32, c->rc < 0 ? 1 : (double)tro_dim_value(n));
    const tro_value_id scale_y = tro_emit2(c, TRO_OP_MUL, tro_in_needed(c, 3), count);
    const tro_value_id zero = tro_in_has(c, 4) ? c->in[4] : tro_like(c, x.x, 0);
    tro_set_out(c, 0, tro_requantized(c, sum, x.scale, tro_scalar(c, TRO_F32, 1), scale_y, zero));
    return c->rc;
}

int tro_import_qlinear_global_average_pool(struct tro_import_call *c)
{
    const bool is_last = tro_attr_int(c, "channels_last", 0) != 0;
    const int rank = tro_rank_needed(c, c->in[0]);
    struct tro_ints axes = {0};
    for (int i = is_last ? 1 : 2; i < (is_last ? rank - 1 : rank); i++)
        axes.v[axes.n++] = i;
    return set_integer_mean(c, &axes, true);
}

/* The given axes from 0 up, or all of them. */
static struct tro_ints reduced_axes(struct tro_import_call *c)
{
    const int rank = tro_rank_needed(c, c->in[0]);
    struct tro_ints given, axes = {0};
    bool is_reduced[TRO_MAX_RANK] = {false};
    tro_attr_ints(c, "axes", &given);
    for (int i = 0; i < given.n && rank > 0; i++)
        is_reduced[tro_axis_of(c, given.v[i], rank)] = true;
    for (int i = 0; i < rank; i++)
        if (is_reduced[i] || !given.n)
            axes.v[axes.n++] = i;
    return axes;
}

int tro_import_qlinear_reduce_mean(struct tro_import_call *c)
{
    const struct tro_ints axes = reduced_axes(c);
    return set_integer_mean(c, &axes, tro_attr_int(c, "keepdims", 1) != 0);
}

/* Sums of i8 are i32, of u8 u32. */
int tro_import_reduce_sum_integer(struct tro_import_call *c)
{
    const struct tro_ints axes = reduced_axes(c);
    const enum tro_dtype to = tro_dtype_of(c, c->in[0]) == TRO_U8 ? TRO_U32 : TRO_I32;
    const tro_value_id x = tro_emit_cast(c, c->in[0], to);
    tro_set_out(
        c, 0, tro_emit_reduce(c, x, tro_reduction_sum, &axes, tro_attr_int(c, "keepdims", 1) != 0));
    return c->rc;
}

/* ---- fused activations ----------------------------------------------------------------- */

/* Parameters in the order of the attributes of the operator that was fused. */
static tro_value_id activated(struct tro_import_call *c, tro_value_id x, const char *name,
                              const double p[2])
{
    const tro_value_id zero = tro_like(c, x, 0);
    if (!strcmp(name, ""))
        return x;
    if (!strcmp(name, "Relu"))
        return tro_emit2(c, TRO_OP_MAX, x, zero);
    if (!strcmp(name, "Sigmoid"))
        return tro_emit1(c, TRO_OP_SIGMOID, x);
    if (!strcmp(name, "Tanh"))
        return tro_emit1(c, TRO_OP_TANH, x);
    if (!strcmp(name, "Clip"))
        return tro_emit_clamp(c, x, p[0], p[1]);
    const tro_value_id scaled = tro_emit2(c, TRO_OP_MUL, x, tro_like(c, x, p[0]));
    if (!strcmp(name, "LeakyRelu"))
        return tro_emit3(c, TRO_OP_SELECT, tro_emit2(c, TRO_OP_LT, x, zero), scaled, x);
    if (!strcmp(name, "HardSigmoid"))
        return tro_emit_clamp(c, tro_emit2(c, TRO_OP_ADD, scaled, tro_like(c, x, p[1])), 0, 1);
    tro_import_fail(c, TRO_E_UNSUPPORTED,
                    "attribute 'activation': expected one of Relu, Sigmoid, Tanh, Clip, LeakyRelu, "
                    "HardSigmoid, found '%s'",
                    name);
    return x;
}

/* conv(x, w, b) + z, then the activation */
int tro_import_fused_conv(struct tro_import_call *c)
{
    const struct tro_attrs_conv a = tro_conv_attrs(c, c->in[0], c->in[1]);
    const struct tro_onnx_attr *params = tro_attr_raw(c, "activation_params");
    double p[2] = {0, 0};
    for (size_t i = 0; params && i < params->n_floats && i < 2; i++)
        p[i] = (double)params->floats[i];
    tro_value_id y = tro_emit(c, TRO_OP_CONV, &a, c->in, 3);
    if (tro_in_has(c, 3))
        y = tro_emit2(c, TRO_OP_ADD, y, c->in[3]);
    tro_set_out(c, 0, activated(c, y, tro_attr_str(c, "activation", ""), p));
    return c->rc;
}

int tro_import_fused_gemm(struct tro_import_call *c)
{
    const double p[2] = {tro_attr_float(c, "activation_alpha", 0),
                         tro_attr_float(c, "activation_beta", 0)};
    tro_attr_ignore(c, "activation_gamma"); /* of no activation that is supported */
    const char *name = tro_attr_str(c, "activation", "");
    if (tro_import_gemm(c) >= 0)
        tro_set_out(c, 0, activated(c, c->out[0], name, p));
    return c->rc;
}
