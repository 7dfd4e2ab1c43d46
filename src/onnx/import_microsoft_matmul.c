/* SPDX-License-Identifier: Apache-2.0 */
/* com.microsoft: matrix products of quantized values. */
#include "onnx/import_quant.h"

#include "base/dtype.h"

/* ---- 8 bits ---------------------------------------------------------------------------- */

static tro_value_id transposed_if(struct tro_import_call *c, bool is, tro_value_id x)
{
    static const int perm[2] = {1, 0};
    if (is && tro_rank_needed(c, x) != 2)
        tro_import_fail(c, TRO_E_INPUT, "expected a matrix of rank 2, found rank %d",
                        tro_rank_of(c, x));
    return is ? tro_emit_transpose(c, x, perm, 2) : x;
}

tro_value_id tro_scaled_sum(struct tro_import_call *c, tro_value_id acc, tro_value_id scale_a,
                            tro_value_id scale_b)
{
    return tro_emit2(c, TRO_OP_MUL, tro_emit_cast(c, acc, TRO_F32),
                     tro_emit2(c, TRO_OP_MUL, scale_a, scale_b));
}

static tro_value_id product(struct tro_import_call *c, struct tro_quantized a,
                            struct tro_quantized b)
{
    return tro_emit(c, TRO_OP_MATMUL_INT, NULL, (tro_value_id[]){a.x, b.x, a.zero, b.zero}, 4);
}

/* The product in f32, plus the bias in input i. */
static int set_float_product(struct tro_import_call *c, struct tro_quantized a,
                             struct tro_quantized b, int bias)
{
    tro_value_id y = tro_scaled_sum(c, product(c, a, b), a.scale, b.scale);
    if (tro_in_has(c, bias))
        y = tro_emit2(c, TRO_OP_ADD, y, c->in[bias]);
    tro_set_out(c, 0, y);
    return c->rc;
}

/* a, scale, zero, b, scale, zero, c (i32), y scale, y zero; without y scale the result is f32. */
int tro_import_qgemm(struct tro_import_call *c)
{
    struct tro_quantized a = tro_in_quantized(c, 0), b = tro_in_quantized(c, 3);
    const double alpha = tro_attr_float(c, "alpha", 1);
    a.x = transposed_if(c, tro_attr_int(c, "transA", 0) != 0, a.x);
    b.x = transposed_if(c, tro_attr_int(c, "transB", 0) != 0, b.x);
    tro_value_id acc = product(c, a, b);
    if (tro_in_has(c, 6))
        acc = tro_emit2(c, TRO_OP_ADD, acc, c->in[6]);
    if (alpha != 1)
        a.scale = tro_emit2(c, TRO_OP_MUL, a.scale, tro_like(c, a.scale, alpha));
    if (!tro_in_has(c, 7))
        tro_set_out(c, 0, tro_scaled_sum(c, acc, a.scale, b.scale));
    else
        tro_set_out(c, 0,
                    tro_requantized(c, acc, a.scale, b.scale, c->in[7],
                                    tro_in_has(c, 8) ? c->in[8] : tro_scalar(c, TRO_U8, 0)));
    return c->rc;
}

/* a, b, scale of a, scale of b, zero of a, zero of b, bias */
int tro_import_matmul_integer_to_float(struct tro_import_call *c)
{
    const struct tro_quantized a = {c->in[0], c->in[2], c->in[4]};
    const struct tro_quantized b = {c->in[1], c->in[3], c->in[5]};
    return set_float_product(c, a, b, 6);
}

/* a (f32), b, scale of b, zero of b, bias: a is quantized by its range */
int tro_import_dynamic_quantize_matmul(struct tro_import_call *c)
{
    const struct tro_quantized b = {c->in[1], c->in[2], c->in[3]};
    return set_float_product(c, tro_quantized_by_range(c, c->in[0]), b, 4);
}

/* i16 or u16 by i16 or u16: wrapping sums in i32 or u32. */
int tro_import_matmul_integer_16(struct tro_import_call *c)
{
    const bool is_unsigned = tro_dtype_of(c, c->in[0]) == TRO_U16 &&
                             tro_dtype_of(c, c->in[1]) == TRO_U16;
    const enum tro_dtype to = is_unsigned ? TRO_U32 : TRO_I32;
    tro_set_out(c, 0,
                tro_emit2(c, TRO_OP_MATMUL, tro_emit_cast(c, c->in[0], to),
                          tro_emit_cast(c, c->in[1], to)));
    return c->rc;
}

/* ---- weights in blocks of 4 or 8 bits --------------------------------------------------- */

struct nbits {
    int64_t k, n, bits, block, n_blocks;
};

static int read_nbits(struct tro_import_call *c, struct nbits *b)
{
    *b = (struct nbits){.k = tro_attr_int(c, "K", 0),
                        .n = tro_attr_int(c, "N", 0),
                        .bits = tro_attr_int(c, "bits", 4),
                        .block = tro_attr_int(c, "block_size", 0)};
    tro_attr_ignore(c, "accuracy_level");
    if (b->bits != 4 && b->bits != 8)
        return tro_import_fail(
            c, TRO_E_UNSUPPORTED,
            "attribute 'bits': expected 4 or 8, found %lld: quantize with 4 or 8",
            (long long)b->bits);
    const int64_t limit = INT32_MAX / 4; /* so that padding stays a size */
    if (b->k <= 0 || b->n <= 0 || b->k > limit || b->n > limit || b->block < 2 ||
        b->block > limit || b->block % 2)
        return tro_import_fail(
            c, TRO_E_INPUT,
            "expected positive 'K' and 'N' and an even 'block_size', found %lld, "
            "%lld and %lld",
            (long long)b->k, (long long)b->n, (long long)b->block);
    if (tro_in_has(c, 4))
        return tro_import_fail(c, TRO_E_UNSUPPORTED,
                               "expected no 'g_idx', found one: quantize without activation order");
    b->n_blocks = (b->k + b->block - 1) / b->block;
    return c->rc;
}

/* u8 of which each holds one code, or two with the lower bits first, as [n, n_blocks, per_block].
 * */
static tro_value_id unpacked(struct tro_import_call *c, const struct nbits *b, tro_value_id x,
                             int64_t per_block)
{
    const int64_t per_row = b->n_blocks * per_block, padded = (per_row + 1) / 2 * 2;
    const tro_dim d[3] = {tro_dim_const(b->n), tro_dim_const(b->n_blocks),
                          tro_dim_const(per_block)};
    if (b->bits == 8)
        return tro_emit_reshape(c, x, d, 3);
    const tro_value_id low = tro_emit2(c, TRO_OP_AND, x, tro_scalar(c, TRO_U8, 15));
    const tro_value_id high = tro_emit2(c, TRO_OP_SHR, x, tro_scalar(c, TRO_U8, 4));
    const int rank = tro_rank_needed(c, x);
    const tro_value_id pair[2] = {tro_emit_unsqueeze(c, low, rank),
                                  tro_emit_unsqueeze(c, high, rank)};
    const tro_dim rows[2] = {tro_dim_const(b->n), tro_dim_const(padded)};
    tro_value_id y = tro_emit_reshape(c, tro_emit_concat(c, pair, 2, rank), rows, 2);
    if (padded > per_row)
        y = tro_emit_slice(c, y, 1, 0, per_row);
    return tro_emit_reshape(c, y, d, 3);
}

/* (q - zero) * scale as [k, n]; zero is packed like q, or floating, or in the middle. */
static tro_value_id block_weights(struct tro_import_call *c, const struct nbits *b)
{
    static const int perm[2] = {1, 0};
    const enum tro_dtype dtype = tro_dtype_of(c, c->in[2]);
    const tro_dim d[3] = {tro_dim_const(b->n), tro_dim_const(b->n_blocks), tro_dim_const(1)};
    const tro_dim flat[2] = {tro_dim_const(b->n), tro_dim_const(b->n_blocks * b->block)};
    const tro_value_id scale = tro_emit_reshape(c, c->in[2], d, 3);
    tro_value_id zero = tro_scalar(c, dtype, b->bits == 4 ? 8 : 128);
    if (tro_in_has(c, 3) && tro_dtype_of(c, c->in[3]) == TRO_U8)
        zero = tro_emit_cast(c, unpacked(c, b, c->in[3], 1), dtype);
    else if (tro_in_has(c, 3))
        zero = tro_emit_reshape(c, tro_emit_cast(c, c->in[3], dtype), d, 3);
    const tro_value_id code = tro_emit_cast(c, unpacked(c, b, c->in[1], b->block), dtype);
    tro_value_id w = tro_emit2(c, TRO_OP_MUL, tro_emit2(c, TRO_OP_SUB, code, zero), scale);
    w = tro_emit_slice(c, tro_emit_reshape(c, w, flat, 2), 1, 0, b->k);
    return tro_emit_transpose(c, w, perm, 2);
}

/* a, codes [n, blocks, bytes], scales, zeros, -, bias */
int tro_import_matmul_nbits(struct tro_import_call *c)
{
    struct nbits b;
    if (read_nbits(c, &b) < 0)
        return c->rc;
    tro_value_id y = tro_emit2(c, TRO_OP_MATMUL, c->in[0], block_weights(c, &b));
    if (tro_in_has(c, 5))
        y = tro_emit2(c, TRO_OP_ADD, y, c->in[5]);
    tro_set_out(c, 0, y);
    return c->rc;
}
