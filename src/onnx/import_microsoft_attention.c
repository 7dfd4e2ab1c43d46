/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.microsoft Attention and QAttention: one product gives q, k and v of all heads,
 *
 *     x [batch, length, width] * w [width, q | k | v] + bias  ->  3 x [batch, heads, length, head]
 */
#include "onnx/import_quant.h"

#include "base/dtype.h"

struct attend {
    int64_t heads, size[3]; /* of q, k, v: all heads together */
    double filter;          /* added to the score of what the mask leaves out */
    bool is_causal;
    double scale;
    tro_value_id qkv, mask, past, bias; /* bias: added to the scores */
};

/* ---- attributes ------------------------------------------------------------------------ */

static void refuse_attr(struct tro_import_call *c, const char *name)
{
    if (tro_attr_int(c, name, 0))
        tro_import_fail(c, TRO_E_UNSUPPORTED, "attribute '%s': expected 0, found 1", name);
}

/* Sizes of q, k and v: a list, or thirds of the weights' columns. */
static void read_sizes(struct tro_import_call *c, struct attend *t)
{
    struct tro_ints sizes;
    const tro_dim d = tro_dim_of(c, c->in[1], 1);
    tro_attr_ints(c, "qkv_hidden_sizes", &sizes);
    if (c->rc >= 0 && (!tro_dim_is_const(d) || (sizes.n && sizes.n != 3)))
        tro_import_fail(c, TRO_E_INPUT,
                        "expected weights of constant size and 0 or 3 'qkv_hidden_sizes', found %d",
                        sizes.n);
    int64_t left = c->rc < 0 ? 0 : tro_dim_value(d);
    const int64_t third = left / 3;
    for (int i = 0; i < 3 && c->rc >= 0; i++) {
        t->size[i] = sizes.n ? sizes.v[i] : third;
        if (t->heads <= 0 || t->size[i] <= 0 || t->size[i] > left || t->size[i] % t->heads)
            tro_import_fail(
                c, TRO_E_INPUT,
                "expected sizes of q, k and v that divide into 'num_heads' and fill the "
                "weights' columns, found %lld and %lld",
                (long long)t->size[i], (long long)t->heads);
        left -= t->size[i];
    }
    if (c->rc >= 0 && (left || t->size[0] != t->size[1]))
        tro_import_fail(
            c, TRO_E_INPUT,
            "expected q and k of one size, and q, k and v that fill the weights' columns, "
            "found %lld, %lld, %lld",
            (long long)t->size[0], (long long)t->size[1], (long long)t->size[2]);
}

static struct attend read_attend(struct tro_import_call *c)
{
    struct attend t = {.heads = tro_attr_int(c, "num_heads", 0),
                       .filter = tro_attr_float(c, "mask_filter_value", -10000),
                       .is_causal = tro_attr_int(c, "unidirectional", 0) != 0,
                       .scale = tro_attr_float(c, "scale", 0)};
    refuse_attr(c, "do_rotary");
    refuse_attr(c, "past_present_share_buffer");
    tro_attr_ignore(c, "rotary_embedding_dim");
    if (tro_rank_needed(c, c->in[0]) != 3)
        tro_import_fail(c, TRO_E_INPUT, "input 0: expected rank 3, found rank %d",
                        tro_rank_of(c, c->in[0]));
    read_sizes(c, &t);
    return t;
}

/* ---- mask ------------------------------------------------------------------------------ */

/* Number of keys, past ones included. */
static tro_dim n_keys(struct tro_import_call *c, const struct attend *t)
{
    const tro_dim now = tro_dim_of(c, t->qkv, 1);
    return t->past.i ? tro_dim_add(&c->g->dims, now, tro_dim_of(c, t->past, 3)) : now;
}

static tro_value_id scalar_dim(struct tro_import_call *c, tro_dim d)
{
    struct tro_attrs_dims a = {.values.n = 1, .is_scalar = 1};
    a.values.v[0] = d;
    return tro_dim_is_const(d) ? tro_scalar(c, TRO_I64, (double)tro_dim_value(d))
                               : tro_emit(c, TRO_OP_DIMS, &a, NULL, 0);
}

/* [batch] ends, or ends and then begins: true for keys outside, [batch, keys]. */
static tro_value_id outside(struct tro_import_call *c, const struct attend *t, bool has_begins)
{
    const tro_dim batch = tro_dim_of(c, t->qkv, 0);
    const tro_value_id at = tro_emit3(c, TRO_OP_RANGE, tro_scalar(c, TRO_I64, 0),
                                      scalar_dim(c, n_keys(c, t)), tro_scalar(c, TRO_I64, 1));
    const tro_value_id bounds = tro_emit_cast(c, t->mask, TRO_I64);
    if (!has_begins)
        return tro_emit2(c, TRO_OP_LE, tro_emit_unsqueeze(c, bounds, 1), at);
    if (!tro_dim_is_const(batch)) {
        tro_import_fail(c, TRO_E_UNSUPPORTED,
                        "expected a batch of constant size with a mask of "
                        "ends and begins");
        return bounds;
    }
    const int64_t n = tro_dim_value(batch);
    const tro_value_id end = tro_emit_unsqueeze(c, tro_emit_slice(c, bounds, 0, 0, n), 1);
    const tro_value_id begin = tro_emit_unsqueeze(c, tro_emit_slice(c, bounds, 0, n, 2 * n), 1);
    return tro_emit2(c, TRO_OP_OR, tro_emit2(c, TRO_OP_LE, end, at),
                     tro_emit2(c, TRO_OP_LT, at, begin));
}

/* [1, 1] or [batch, 1] stands for no mask. */
static bool is_dummy(struct tro_import_call *c, const struct attend *t)
{
    const tro_dim keys = n_keys(c, t);
    return tro_rank_of(c, t->mask) == 2 && tro_dim_is(tro_dim_of(c, t->mask, 1), 1) &&
           !tro_dim_is(keys, 1);
}

/* What is added to the scores: [batch, 1, 1 or length, keys]. */
static tro_value_id added(struct tro_import_call *c, const struct attend *t)
{
    const int rank = t->mask.i ? tro_rank_needed(c, t->mask) : 0;
    tro_value_id is_out = TRO_VALUE_NONE;
    if (!t->mask.i || is_dummy(c, t))
        return t->bias;
    if (rank > 3 || rank < 1) {
        tro_import_fail(c, TRO_E_UNSUPPORTED, "expected a mask of rank 1, 2 or 3, found rank %d",
                        rank);
        return t->bias;
    }
    if (rank == 1)
        is_out = outside(c, t, !tro_dim_eq(tro_dim_of(c, t->mask, 0), tro_dim_of(c, t->qkv, 0)));
    else
        is_out = tro_emit2(c, TRO_OP_LE, t->mask, tro_like(c, t->mask, 0));
    is_out = tro_emit_unsqueeze(c, is_out, 1);
    if (rank < 3)
        is_out = tro_emit_unsqueeze(c, is_out, 1);
    const tro_value_id mask = tro_emit3(c, TRO_OP_SELECT, is_out, tro_like(c, t->qkv, t->filter),
                                        tro_like(c, t->qkv, 0));
    return t->bias.i ? tro_emit2(c, TRO_OP_ADD, mask, t->bias) : mask;
}

/* ---- heads ----------------------------------------------------------------------------- */

static tro_value_id by_heads(struct tro_import_call *c, const struct attend *t, int part)
{
    static const int perm[4] = {0, 2, 1, 3};
    int64_t first = 0;
    for (int i = 0; i < part; i++)
        first += t->size[i];
    if (c->rc < 0)
        return TRO_VALUE_NONE;
    const tro_value_id x = tro_emit_slice(c, t->qkv, 2, first, first + t->size[part]);
    const tro_dim d[4] = {tro_dim_of(c, x, 0), tro_dim_of(c, x, 1), tro_dim_const(t->heads),
                          tro_dim_const(t->size[part] / t->heads)};
    return tro_emit_transpose(c, tro_emit_reshape(c, x, d, 4), perm, 4);
}

/* Keys (0) or values (1) of the past [2, batch, heads, length, head]. */
static tro_value_id past_part(struct tro_import_call *c, const struct attend *t, int i)
{
    return t->past.i ? tro_emit_squeeze(c, tro_emit_slice(c, t->past, 0, i, i + 1), 0)
                     : TRO_VALUE_NONE;
}

static int set_attention(struct tro_import_call *c, const struct attend *t)
{
    static const int perm[4] = {0, 2, 1, 3};
    const struct tro_attrs_attention a = {.is_causal = t->is_causal, .scale = t->scale};
    const tro_value_id in[6] = {by_heads(c, t, 0), by_heads(c, t, 1),  by_heads(c, t, 2),
                                added(c, t),       past_part(c, t, 0), past_part(c, t, 1)};
    const int n_out = tro_out_wanted(c, 1) ? 3 : 1;
    tro_value_id out[3] = {{0}};
    tro_emit_n(c, TRO_OP_ATTENTION, &a, in, 6, out, n_out);
    const tro_dim d[3] = {tro_dim_of(c, t->qkv, 0), tro_dim_of(c, t->qkv, 1),
                          tro_dim_const(t->size[2])};
    tro_set_out(c, 0, tro_emit_reshape(c, tro_emit_transpose(c, out[0], perm, 4), d, 3));
    if (n_out == 3) {
        const tro_value_id present[2] = {tro_emit_unsqueeze(c, out[1], 0),
                                         tro_emit_unsqueeze(c, out[2], 0)};
        tro_set_out(c, 1, tro_emit_concat(c, present, 2, 0));
    }
    return c->rc;
}

/* x, w, bias, mask, past, bias of the scores */
int tro_import_microsoft_attention(struct tro_import_call *c)
{
    struct attend t = read_attend(c);
    if (tro_in_has(c, 6))
        return tro_import_fail(c, TRO_E_UNSUPPORTED,
                               "expected no 'past_sequence_length', found one");
    t.qkv = tro_emit2(c, TRO_OP_MATMUL, c->in[0], c->in[1]);
    if (tro_in_has(c, 2))
        t.qkv = tro_emit2(c, TRO_OP_ADD, t.qkv, c->in[2]);
    t.mask = c->in[3];
    t.past = c->in[4];
    t.bias = c->in[5];
    return set_attention(c, &t);
}

/* x, w (8 bits), bias, scale of x, scale of w, mask, zero of x, zero of w, past */
int tro_import_qattention(struct tro_import_call *c)
{
    struct attend t = read_attend(c);
    const tro_value_id in[4] = {c->in[0], c->in[1], c->in[6], c->in[7]};
    const tro_value_id acc = tro_emit(c, TRO_OP_MATMUL_INT, NULL, in, 4);
    t.qkv = tro_emit2(c, TRO_OP_ADD, tro_scaled_sum(c, acc, c->in[3], c->in[4]), c->in[2]);
    t.mask = c->in[5];
    t.past = c->in[8];
    return set_attention(c, &t);
}
