/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products and attention. */
#include "onnx/import_call.h"

#include "base/dtype.h"

int tro_import_matmul(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_MATMUL, c->in[0], c->in[1]));
    return c->rc;
}

int tro_import_matmul_integer(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit(c, TRO_OP_MATMUL_INT, NULL, c->in, 4));
    return c->rc;
}

static tro_value_id transposed_if(struct tro_import_call *c, bool is, tro_value_id x)
{
    static const int perm[2] = {1, 0};
    if (tro_rank_needed(c, x) != 2)
        tro_import_fail(c, TRO_E_INPUT, "expected a matrix of rank 2, found rank %d",
                        tro_rank_of(c, x));
    return is ? tro_emit_transpose(c, x, perm, 2) : x;
}

static tro_value_id times(struct tro_import_call *c, tro_value_id x, double k)
{
    return k == 1 ? x : tro_emit2(c, TRO_OP_MUL, x, tro_like(c, x, k));
}

/* alpha * A B + beta * C */
int tro_import_gemm(struct tro_import_call *c)
{
    const double alpha = tro_attr_float(c, "alpha", 1), beta = tro_attr_float(c, "beta", 1);
    const bool ta = tro_attr_int(c, "transA", 0) != 0, tb = tro_attr_int(c, "transB", 0) != 0;
    if (c->version < 7)
        tro_attr_ignore(c, "broadcast");
    const tro_value_id a = transposed_if(c, ta, c->in[0]), b = transposed_if(c, tb, c->in[1]);
    tro_value_id y = times(c, tro_emit2(c, TRO_OP_MATMUL, a, b), alpha);
    if (tro_in_has(c, 2) && beta != 0)
        y = tro_emit2(c, TRO_OP_ADD, y, times(c, c->in[2], beta));
    tro_set_out(c, 0, y);
    return c->rc;
}

static tro_value_id swap_last(struct tro_import_call *c, tro_value_id x)
{
    const int rank = tro_rank_needed(c, x);
    int perm[TRO_MAX_RANK];
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    if (rank < 2)
        return x;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    return tro_emit_transpose(c, x, perm, rank);
}

/* com.microsoft */
int tro_import_fused_matmul(struct tro_import_call *c)
{
    const double alpha = tro_attr_float(c, "alpha", 1);
    tro_value_id x[2] = {c->in[0], c->in[1]};
    if (tro_attr_int(c, "transBatchA", 0) || tro_attr_int(c, "transBatchB", 0))
        return tro_import_fail(c, TRO_E_UNSUPPORTED, "expected transBatchA and B of 0, found 1");
    if (tro_attr_int(c, "transA", 0))
        x[0] = swap_last(c, x[0]);
    if (tro_attr_int(c, "transB", 0))
        x[1] = swap_last(c, x[1]);
    tro_set_out(c, 0, times(c, tro_emit2(c, TRO_OP_MATMUL, x[0], x[1]), alpha));
    return c->rc;
}

int tro_import_einsum(struct tro_import_call *c)
{
    const struct tro_attrs_einsum a = {.equation = tro_attr_str(c, "equation", "")};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_EINSUM, &a, c->in, c->n_in));
    return c->rc;
}

int tro_import_attention(struct tro_import_call *c)
{
    const struct tro_attrs_attention a = {
        .is_causal = tro_attr_int(c, "is_causal", 0),
        .q_heads = tro_attr_int(c, "q_num_heads", 0),
        .kv_heads = tro_attr_int(c, "kv_num_heads", 0),
        .qk_output = tro_attr_int(c, "qk_matmul_output_mode", 0),
        .scale = tro_attr_float(c, "scale", 0),
        .softcap = tro_attr_float(c, "softcap", 0),
        .softmax_type = tro_attr_dtype(c, "softmax_precision", TRO_DTYPE_NONE)};
    tro_value_id out[4] = {{0}};
    tro_emit_n(c, TRO_OP_ATTENTION, &a, c->in, 6, out, c->n_out);
    for (int i = 0; i < c->n_out; i++)
        tro_set_out(c, i, out[i]);
    return c->rc;
}

/* ---- rotary embedding ------------------------------------------------------------------ */

/* cos or sin of each position, shaped [batch or 1, sequence, 1, width / 2]. */
static tro_value_id rotary_cache(struct tro_import_call *c, tro_value_id cache,
                                 tro_value_id positions, int64_t width)
{
    const struct tro_attrs_axis axis = {.axis = 0};
    if (positions.i)
        cache = tro_emit(c, TRO_OP_GATHER, &axis, (tro_value_id[]){cache, positions}, 2);
    return tro_emit_unsqueeze(c, tro_emit_slice(c, cache, 2, 0, width / 2), 2);
}

struct halves {
    tro_value_id a, b;
};

/* First and second half of [.., width], or even and odd places when interleaved. */
static struct halves take_halves(struct tro_import_call *c, tro_value_id x, int64_t width,
                                 bool is_interleaved)
{
    if (!is_interleaved)
        return (struct halves){tro_emit_slice(c, x, 3, 0, width / 2),
                               tro_emit_slice(c, x, 3, width / 2, width)};
    tro_value_id part[2];
    for (int i = 0; i < 2; i++) {
        const tro_value_id in[5] = {x, tro_const_i64_1(c, i), tro_const_i64_1(c, width),
                                    tro_const_i64_1(c, 3), tro_const_i64_1(c, 2)};
        part[i] = tro_emit(c, TRO_OP_SLICE, NULL, in, 5);
    }
    return (struct halves){part[0], part[1]};
}

static tro_value_id join_halves(struct tro_import_call *c, struct halves h, int64_t width,
                                bool is_interleaved)
{
    if (!is_interleaved)
        return tro_emit_concat(c, (tro_value_id[]){h.a, h.b}, 2, 3);
    const tro_value_id pair[2] = {tro_emit_unsqueeze(c, h.a, 4), tro_emit_unsqueeze(c, h.b, 4)};
    const tro_value_id joined = tro_emit_concat(c, pair, 2, 4);
    tro_dim d[4];
    for (int i = 0; i < 3; i++)
        d[i] = tro_dim_of(c, h.a, i);
    d[3] = tro_dim_const(width);
    return tro_emit_reshape(c, joined, d, 4);
}

/* [batch, sequence, heads, head size] from the 3-D or 4-D input. */
static tro_value_id by_heads(struct tro_import_call *c, int rank, int64_t n_heads)
{
    static const int perm[4] = {0, 2, 1, 3};
    if (rank == 4)
        return tro_emit_transpose(c, c->in[0], perm, 4);
    const tro_dim hidden = tro_dim_of(c, c->in[0], 2);
    const tro_dim d[4] = {tro_dim_of(c, c->in[0], 0), tro_dim_of(c, c->in[0], 1),
                          tro_dim_const(n_heads),
                          tro_dim_div(&c->g->dims, hidden, tro_dim_const(n_heads))};
    return tro_emit_reshape(c, c->in[0], d, 4);
}

int tro_import_rotary_embedding(struct tro_import_call *c)
{
    static const int perm[4] = {0, 2, 1, 3};
    const int rank = tro_rank_needed(c, c->in[0]);
    const int64_t n_heads = tro_attr_int(c, "num_heads", 0);
    const bool is_interleaved = tro_attr_int(c, "interleaved", 0) != 0;
    int64_t width = tro_attr_int(c, "rotary_embedding_dim", 0);
    if (c->rc >= 0 && rank != 4 && (rank != 3 || n_heads <= 0))
        return tro_import_fail(c, TRO_E_INPUT,
                               "expected rank 4, or rank 3 with 'num_heads', found rank %d", rank);
    tro_value_id x = by_heads(c, rank, n_heads);
    const tro_dim size = tro_dim_of(c, x, 3);
    if (c->rc < 0)
        return c->rc;
    if (!tro_dim_is_const(size))
        return tro_import_fail(c, TRO_E_UNSUPPORTED, "expected a constant head size");
    const int64_t head_size = tro_dim_value(size);
    width = width ? width : head_size;
    if (width < 0 || width > head_size || width % 2)
        return tro_import_fail(
            c, TRO_E_INPUT,
            "attribute 'rotary_embedding_dim': expected an even number of at most "
            "%lld, found %lld",
            (long long)head_size, (long long)width);
    const tro_value_id positions = tro_in_has(c, 3) ? c->in[3] : TRO_VALUE_NONE;
    const tro_value_id cos = rotary_cache(c, c->in[1], positions, width);
    const tro_value_id sin = rotary_cache(c, c->in[2], positions, width);
    const tro_value_id turned = tro_emit_slice(c, x, 3, 0, width);
    const struct halves h = take_halves(c, turned, width, is_interleaved);
    const struct halves r = {tro_emit2(c, TRO_OP_SUB, tro_emit2(c, TRO_OP_MUL, cos, h.a),
                                       tro_emit2(c, TRO_OP_MUL, sin, h.b)),
                             tro_emit2(c, TRO_OP_ADD, tro_emit2(c, TRO_OP_MUL, sin, h.a),
                                       tro_emit2(c, TRO_OP_MUL, cos, h.b))};
    tro_value_id y = join_halves(c, r, width, is_interleaved);
    if (width < head_size) {
        const tro_value_id rest = tro_emit_slice(c, x, 3, width, head_size);
        y = tro_emit_concat(c, (tro_value_id[]){y, rest}, 2, 3);
    }
    if (rank == 4) {
        y = tro_emit_transpose(c, y, perm, 4);
    } else {
        tro_dim d[3];
        for (int i = 0; i < 3; i++)
            d[i] = tro_dim_of(c, c->in[0], i);
        y = tro_emit_reshape(c, y, d, 3);
    }
    tro_set_out(c, 0, y);
    return c->rc;
}
