/* SPDX-License-Identifier: Apache-2.0 */
/* Activations, from our pointwise operators. Narrow floats are worked on in f32. */
#include "onnx/import_call.h"

#include <math.h>

#include "base/dtype.h"

static tro_value_id add(struct tro_import_call *c, tro_value_id x, double k)
{
    return tro_emit2(c, TRO_OP_ADD, x, tro_like(c, x, k));
}

static tro_value_id mul(struct tro_import_call *c, tro_value_id x, double k)
{
    return tro_emit2(c, TRO_OP_MUL, x, tro_like(c, x, k));
}

static tro_value_id is_negative(struct tro_import_call *c, tro_value_id x)
{
    return tro_emit2(c, TRO_OP_LT, x, tro_like(c, x, 0));
}

/* x < 0 ? negative : positive */
static tro_value_id by_sign(struct tro_import_call *c, tro_value_id x, tro_value_id negative,
                            tro_value_id positive)
{
    return tro_emit3(c, TRO_OP_SELECT, is_negative(c, x), negative, positive);
}

static int set(struct tro_import_call *c, tro_value_id v)
{
    tro_set_out(c, 0, tro_back(c, 0, v));
    return c->rc;
}

/* max(x, 0) */
int tro_import_relu(struct tro_import_call *c)
{
    tro_attr_ignore(c, "consumed_inputs");
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_MAX, c->in[0], tro_like(c, c->in[0], 0)));
    return c->rc;
}

int tro_import_leaky_relu(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const double alpha = tro_attr_float(c, "alpha", 0.01F);
    tro_attr_ignore(c, "consumed_inputs");
    return set(c, by_sign(c, x, mul(c, x, alpha), x));
}

/* The slope broadcasts one way to x; before version 7 a vector of channels belongs to axis 1. */
int tro_import_prelu(struct tro_import_call *c)
{
    const tro_value_id x = c->in[0];
    tro_value_id slope = c->in[1];
    tro_attr_ignore(c, "consumed_inputs");
    const int rank = tro_rank_of(c, x);
    if (c->version < 7 && tro_rank_of(c, slope) == 1 && rank > 2 &&
        !tro_dim_is(tro_dim_of(c, slope, 0), 1)) {
        tro_dim dims[TRO_MAX_RANK];
        for (int i = 0; i < rank - 1; i++)
            dims[i] = i ? tro_dim_const(1) : tro_dim_of(c, slope, 0);
        slope = tro_emit_reshape(c, slope, dims, rank - 1);
    }
    tro_set_out(c, 0, by_sign(c, x, tro_emit2(c, TRO_OP_MUL, x, slope), x));
    return c->rc;
}

int tro_import_thresholded_relu(struct tro_import_call *c)
{
    const tro_value_id x = c->in[0];
    const tro_value_id alpha = tro_like(c, x, tro_attr_float(c, "alpha", 1));
    tro_set_out(
        c, 0, tro_emit3(c, TRO_OP_SELECT, tro_emit2(c, TRO_OP_LT, alpha, x), x, tro_like(c, x, 0)));
    return c->rc;
}

/* alpha * (e^x - 1) */
static tro_value_id elu_negative(struct tro_import_call *c, tro_value_id x, double alpha)
{
    return mul(c, add(c, tro_emit1(c, TRO_OP_EXP, x), -1), alpha);
}

int tro_import_elu(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    tro_attr_ignore(c, "consumed_inputs");
    return set(c, by_sign(c, x, elu_negative(c, x, tro_attr_float(c, "alpha", 1)), x));
}

int tro_import_selu(struct tro_import_call *c)
{
    const bool is_old = c->version < 6;
    const double alpha = tro_attr_float(c, "alpha", is_old ? 1.6732F : 1.67326319217681884765625);
    const double gamma = tro_attr_float(c, "gamma", is_old ? 1.0507F : 1.05070102214813232421875);
    const tro_value_id x = tro_in_f32(c, 0);
    tro_attr_ignore(c, "consumed_inputs");
    return set(c, mul(c, by_sign(c, x, elu_negative(c, x, alpha), x), gamma));
}

/* max(x, 0) + min(0, alpha * (e^(x / alpha) - 1)) */
int tro_import_celu(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const double alpha = tro_attr_float(c, "alpha", 1);
    const tro_value_id scaled = tro_emit2(c, TRO_OP_DIV, x, tro_like(c, x, alpha));
    return set(c, by_sign(c, x, elu_negative(c, scaled, alpha), x));
}

static tro_value_id hard_sigmoid(struct tro_import_call *c, tro_value_id x, double alpha,
                                 double beta)
{
    return tro_emit_clamp(c, add(c, mul(c, x, alpha), beta), 0, 1);
}

int tro_import_hard_sigmoid(struct tro_import_call *c)
{
    const double alpha = tro_attr_float(c, "alpha", 0.2F), beta = tro_attr_float(c, "beta", 0.5);
    tro_attr_ignore(c, "consumed_inputs");
    return set(c, hard_sigmoid(c, tro_in_f32(c, 0), alpha, beta));
}

int tro_import_hard_swish(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    return set(c, tro_emit2(c, TRO_OP_MUL, x, hard_sigmoid(c, x, 1.0 / 6, 0.5)));
}

/* x * tanh(softplus(x)) */
int tro_import_mish(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const tro_value_id t = tro_emit1(c, TRO_OP_TANH, tro_emit1(c, TRO_OP_SOFTPLUS, x));
    return set(c, tro_emit2(c, TRO_OP_MUL, x, t));
}

/* x * sigmoid(alpha * x) */
int tro_import_swish(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const double alpha = tro_attr_float(c, "alpha", 1);
    const tro_value_id s = tro_emit1(c, TRO_OP_SIGMOID, alpha == 1 ? x : mul(c, x, alpha));
    return set(c, tro_emit2(c, TRO_OP_MUL, x, s));
}

int tro_import_softsign(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    return set(c, tro_emit2(c, TRO_OP_DIV, x, add(c, tro_emit1(c, TRO_OP_ABS, x), 1)));
}

int tro_import_shrink(struct tro_import_call *c)
{
    const tro_value_id x = c->in[0];
    const double bias = tro_attr_float(c, "bias", 0), lambda = tro_attr_float(c, "lambd", 0.5);
    const tro_value_id above = tro_emit2(c, TRO_OP_LT, tro_like(c, x, lambda), x);
    const tro_value_id below = tro_emit2(c, TRO_OP_LT, x, tro_like(c, x, -lambda));
    const tro_value_id inner = tro_emit3(c, TRO_OP_SELECT, above, add(c, x, -bias),
                                         tro_like(c, x, 0));
    tro_set_out(c, 0, tro_emit3(c, TRO_OP_SELECT, below, add(c, x, bias), inner));
    return c->rc;
}

/* ---- Gelu ------------------------------------------------------------------------------ */

/* x / 2 * (1 + erf(x / sqrt(2))) */
static tro_value_id gelu_erf(struct tro_import_call *c, tro_value_id x)
{
    const tro_value_id e = tro_emit1(c, TRO_OP_ERF, mul(c, x, 0.70710678118654752440));
    return tro_emit2(c, TRO_OP_MUL, mul(c, x, 0.5), add(c, e, 1));
}

/* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) */
static tro_value_id gelu_tanh(struct tro_import_call *c, tro_value_id x)
{
    const tro_value_id cube = tro_emit2(c, TRO_OP_MUL, tro_emit2(c, TRO_OP_MUL, x, x), x);
    const tro_value_id inner = tro_emit2(c, TRO_OP_ADD, x, mul(c, cube, 0.044715));
    const tro_value_id t = tro_emit1(c, TRO_OP_TANH, mul(c, inner, 0.79788456080286535588));
    return tro_emit2(c, TRO_OP_MUL, mul(c, x, 0.5), add(c, t, 1));
}

int tro_import_gelu(struct tro_import_call *c)
{
    static const char *const names[] = {"none", "tanh", NULL};
    const tro_value_id x = tro_in_f32(c, 0);
    return set(c, tro_attr_choice(c, "approximate", names, 0) ? gelu_tanh(c, x) : gelu_erf(c, x));
}

/* com.microsoft: an optional bias is added first. */
static tro_value_id biased(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    return tro_in_has(c, 1) ? tro_emit2(c, TRO_OP_ADD, x, tro_in_f32(c, 1)) : x;
}

int tro_import_bias_gelu(struct tro_import_call *c)
{
    return set(c, gelu_erf(c, biased(c)));
}

int tro_import_fast_gelu(struct tro_import_call *c)
{
    return set(c, gelu_tanh(c, biased(c)));
}

int tro_import_quick_gelu(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const double alpha = tro_attr_float(c, "alpha", 1.702F);
    return set(c, tro_emit2(c, TRO_OP_MUL, x, tro_emit1(c, TRO_OP_SIGMOID, mul(c, x, alpha))));
}
