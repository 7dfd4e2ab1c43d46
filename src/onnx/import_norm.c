/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization. Narrow floats are worked on in f32, as stash_type 1 asks. */
#include "onnx/import_call.h"

#include "base/dtype.h"

/* A vector that belongs to axis 1 of a tensor of this rank, shaped to broadcast. */
static tro_value_id per_channel(struct tro_import_call *c, tro_value_id v, enum tro_dtype dtype,
                                int rank)
{
    tro_dim dims[TRO_MAX_RANK];
    const int n = rank > 1 ? rank - 1 : 1;
    v = tro_emit_cast(c, v, dtype);
    dims[0] = tro_dim_of(c, v, 0);
    for (int i = 1; i < n; i++)
        dims[i] = tro_dim_const(1);
    return n == 1 ? v : tro_emit_reshape(c, v, dims, n);
}

static tro_value_id normalize(struct tro_import_call *c, tro_value_id x, int first_axis, int rank,
                              double epsilon, bool is_rms, tro_value_id *stats, int n_stats)
{
    struct tro_attrs_normalize a = {.epsilon = epsilon, .is_rms = is_rms};
    tro_value_id out[3];
    for (int i = first_axis; i < rank; i++)
        a.axes.v[a.axes.n++] = i;
    tro_emit_n(c, TRO_OP_NORMALIZE, &a, &x, 1, out, 1 + n_stats);
    for (int i = 0; i < n_stats; i++)
        stats[i] = out[1 + i];
    return out[0];
}

static tro_value_id scaled(struct tro_import_call *c, tro_value_id x, tro_value_id scale,
                           tro_value_id bias)
{
    if (scale.i)
        x = tro_emit2(c, TRO_OP_MUL, x, scale);
    return bias.i ? tro_emit2(c, TRO_OP_ADD, x, bias) : x;
}

/* (x - mean) * (scale / sqrt(var + epsilon)) + bias; the factor is computed once when constant.
 * Before
 * version 9, spatial 0 gives each element of a picture its own parameters. */
int tro_import_batch_normalization(struct tro_import_call *c)
{
    const double epsilon = tro_attr_float(c, "epsilon", 1e-5F);
    tro_attr_ignore(c, "momentum");
    if (c->version < 7) {
        tro_attr_ignore(c, "is_test");
        tro_attr_ignore(c, "consumed_inputs");
    }
    const bool is_spatial = c->version >= 9 || tro_attr_int(c, "spatial", 1);
    if (tro_attr_int(c, "training_mode", 0))
        return tro_import_fail(c, TRO_E_UNSUPPORTED,
                               "expected inference, found training_mode 1: export in eval mode");
    const tro_value_id x = tro_in_f32(c, 0);
    const enum tro_dtype dtype = tro_dtype_of(c, x);
    const int rank = tro_rank_needed(c, x);
    tro_value_id p[4];
    for (int i = 0; i < 4; i++)
        p[i] = is_spatial ? per_channel(c, c->in[1 + i], dtype, rank)
                          : tro_emit_cast(c, c->in[1 + i], dtype);
    const tro_value_id shifted = tro_emit2(c, TRO_OP_ADD, p[3], tro_like(c, p[3], epsilon));
    const tro_value_id factor = tro_emit2(c, TRO_OP_DIV, p[0], tro_emit1(c, TRO_OP_SQRT, shifted));
    const tro_value_id centered = tro_emit2(c, TRO_OP_SUB, x, p[2]);
    tro_set_out(c, 0, tro_back(c, 0, scaled(c, centered, factor, p[1])));
    return c->rc;
}

int tro_import_instance_normalization(struct tro_import_call *c)
{
    const double epsilon = tro_attr_float(c, "epsilon", 1e-5F);
    const tro_value_id x = tro_in_f32(c, 0);
    const int rank = tro_rank_needed(c, x);
    tro_attr_ignore(c, "consumed_inputs");
    const tro_value_id y = normalize(c, x, 2, rank, epsilon, false, NULL, 0);
    const enum tro_dtype dtype = tro_dtype_of(c, x);
    tro_set_out(c, 0,
                tro_back(c, 0,
                         scaled(c, y, per_channel(c, c->in[1], dtype, rank),
                                per_channel(c, c->in[2], dtype, rank))));
    return c->rc;
}

static tro_value_id optional_in(struct tro_import_call *c, int i, enum tro_dtype dtype)
{
    return tro_in_has(c, i) ? tro_emit_cast(c, c->in[i], dtype) : TRO_VALUE_NONE;
}

static int layer_normalization(struct tro_import_call *c, bool is_rms)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const int rank = tro_rank_needed(c, x);
    const int axis = tro_axis_of(c, tro_attr_int(c, "axis", -1), rank);
    const double epsilon = tro_attr_float(c, "epsilon", 1e-5F);
    const enum tro_dtype dtype = tro_dtype_of(c, x);
    tro_attr_ignore(c, "stash_type");
    tro_value_id stats[2] = {{0}};
    const int n_stats = c->n_out > 1 ? 2 : 0;
    const tro_value_id y = normalize(c, x, axis, rank, epsilon, is_rms, stats, n_stats);
    const tro_value_id scale = optional_in(c, 1, dtype), bias = optional_in(c, 2, dtype);
    tro_set_out(c, 0, tro_back(c, 0, scaled(c, y, scale, bias)));
    tro_set_out(c, 1, stats[0]);
    tro_set_out(c, 2, stats[1]);
    return c->rc;
}

int tro_import_layer_normalization(struct tro_import_call *c)
{
    return layer_normalization(c, false);
}

int tro_import_rms_normalization(struct tro_import_call *c)
{
    return layer_normalization(c, true);
}

/* Groups of channels, each normalized with all its pixels: [n, groups, rest]. */
int tro_import_group_normalization(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const int rank = tro_rank_needed(c, x);
    const double epsilon = tro_attr_float(c, "epsilon", 1e-5F);
    const int64_t groups = tro_attr_int(c, "num_groups", 0);
    const enum tro_dtype dtype = tro_dtype_of(c, x);
    const bool is_per_group = c->version < 21;
    struct tro_dims *t = &c->g->dims;
    tro_attr_ignore(c, "stash_type");
    if (c->rc >= 0 && (groups <= 0 || rank < 2))
        return tro_import_fail(c, TRO_E_INPUT,
                               "expected 'num_groups' of 1 or more and rank 2 or more, found %lld "
                               "and %d",
                               (long long)groups, rank);
    tro_dim whole[TRO_MAX_RANK], grouped[3] = {tro_dim_of(c, x, 0), tro_dim_const(groups)};
    tro_dim rest = tro_dim_const(1);
    for (int i = 0; i < rank; i++) {
        whole[i] = tro_dim_of(c, x, i);
        if (i > 0)
            rest = tro_dim_mul(t, rest, whole[i]);
    }
    if (c->rc < 0)
        return c->rc;
    if (tro_dim_is_const(whole[1]) && tro_dim_value(whole[1]) % groups)
        return tro_import_fail(c, TRO_E_INPUT,
                               "expected channels that divide into %lld groups, found "
                               "%lld",
                               (long long)groups, (long long)tro_dim_value(whole[1]));
    grouped[2] = tro_dim_div(t, rest, tro_dim_const(groups));
    tro_value_id y = normalize(c, tro_emit_reshape(c, x, grouped, 3), 2, 3, epsilon, false, NULL,
                               0);
    if (is_per_group)
        y = scaled(c, y, per_channel(c, c->in[1], dtype, 3), per_channel(c, c->in[2], dtype, 3));
    y = tro_emit_reshape(c, y, whole, rank);
    if (!is_per_group)
        y = scaled(c, y, per_channel(c, c->in[1], dtype, rank),
                   per_channel(c, c->in[2], dtype, rank));
    tro_set_out(c, 0, tro_back(c, 0, y));
    return c->rc;
}

/* com.microsoft: x + skip + bias, normalized over the last axis. */
int tro_import_skip_layer_normalization(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const enum tro_dtype dtype = tro_dtype_of(c, x);
    const int rank = tro_rank_needed(c, x);
    const double epsilon = tro_attr_float(c, "epsilon", 1e-12F);
    const tro_value_id bias = optional_in(c, 4, dtype);
    tro_value_id sum = tro_emit2(c, TRO_OP_ADD, x, tro_emit_cast(c, c->in[1], dtype));
    if (bias.i)
        sum = tro_emit2(c, TRO_OP_ADD, sum, bias);
    tro_value_id stats[2];
    const tro_value_id y = normalize(c, sum, rank - 1, rank, epsilon, false, stats, 2);
    const tro_value_id scale = optional_in(c, 2, dtype), shift = optional_in(c, 3, dtype);
    tro_set_out(c, 0, tro_back(c, 0, scaled(c, y, scale, shift)));
    tro_set_out(c, 1, stats[0]);
    tro_set_out(c, 2, stats[1]);
    tro_set_out(c, 3, tro_back(c, 0, sum));
    return c->rc;
}

int tro_import_lrn(struct tro_import_call *c)
{
    const struct tro_attrs_lrn a = {.size = tro_attr_int(c, "size", 0),
                                    .alpha = tro_attr_float(c, "alpha", 0.0001F),
                                    .beta = tro_attr_float(c, "beta", 0.75),
                                    .bias = tro_attr_float(c, "bias", 1)};
    if (a.size <= 0)
        return tro_import_fail(c, TRO_E_INPUT, "attribute 'size': expected 1 or more, found %lld",
                               (long long)a.size);
    tro_set_out(c, 0, tro_emit(c, TRO_OP_LRN, &a, c->in, 1));
    return c->rc;
}

/* x / norm, 0 where the norm is 0. */
int tro_import_lp_normalization(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    const int axis = tro_axis_of(c, tro_attr_int(c, "axis", -1), tro_rank_needed(c, x));
    const int64_t p = tro_attr_int(c, "p", 2);
    const struct tro_ints axes = {.n = 1, .v = {axis}};
    if (p != 1 && p != 2)
        return tro_import_fail(c, TRO_E_INPUT, "attribute 'p': expected 1 or 2, found %lld",
                               (long long)p);
    const tro_value_id power = p == 1 ? tro_emit1(c, TRO_OP_ABS, x)
                                      : tro_emit2(c, TRO_OP_MUL, x, x);
    tro_value_id norm = tro_emit_reduce(c, power, tro_reduction_sum, &axes, true);
    if (p == 2)
        norm = tro_emit1(c, TRO_OP_SQRT, norm);
    const tro_value_id zero = tro_like(c, x, 0);
    const tro_value_id y = tro_emit2(c, TRO_OP_DIV, x, norm);
    tro_set_out(
        c, 0,
        tro_back(c, 0, tro_emit3(c, TRO_OP_SELECT, tro_emit2(c, TRO_OP_EQ, norm, zero), zero, y)));
    return c->rc;
}

/* (x - mean) / (deviation + 1e-9) */
int tro_import_mean_variance_normalization(struct tro_import_call *c)
{
    const tro_value_id x = tro_in_f32(c, 0);
    struct tro_ints axes;
    if (!tro_attr_ints(c, "axes", &axes))
        axes = (struct tro_ints){.n = 3, .v = {0, 2, 3}};
    const tro_value_id mean = tro_emit_reduce(c, x, tro_reduction_mean, &axes, true);
    const tro_value_id d = tro_emit2(c, TRO_OP_SUB, x, mean);
    const tro_value_id variance = tro_emit_reduce(c, tro_emit2(c, TRO_OP_MUL, d, d),
                                                  tro_reduction_mean, &axes, true);
    const tro_value_id deviation = tro_emit2(c, TRO_OP_ADD, tro_emit1(c, TRO_OP_SQRT, variance),
                                             tro_like(c, x, 1e-9));
    tro_set_out(c, 0, tro_back(c, 0, tro_emit2(c, TRO_OP_DIV, d, deviation)));
    return c->rc;
}
