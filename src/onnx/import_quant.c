/* SPDX-License-Identifier: Apache-2.0 */
/* Quantization as ONNX defines it. */
#include "onnx/import_quant.h"

#include "base/dtype.h"
#include "onnx/import_conv.h"

struct tro_quantized tro_in_quantized(struct tro_import_call *c, int i)
{
    return (struct tro_quantized){tro_in_needed(c, i), tro_in_needed(c, i + 1),
                                  tro_in_has(c, i + 2) ? c->in[i + 2] : TRO_VALUE_NONE};
}

tro_value_id tro_in_needed(struct tro_import_call *c, int i)
{
    if (tro_in_has(c, i))
        return c->in[i];
    tro_import_fail(c, TRO_E_INPUT, "expected input %d to be present, found none", i);
    return TRO_VALUE_NONE;
}

tro_value_id tro_dequantized(struct tro_import_call *c, struct tro_quantized q)
{
    return tro_emit3(c, TRO_OP_DEQUANTIZE, q.x, q.scale, q.zero);
}

tro_value_id tro_quantized_as(struct tro_import_call *c, tro_value_id x, tro_value_id scale,
                              tro_value_id zero)
{
    const struct tro_attrs_cast a = {.to = zero.i ? tro_dtype_of(c, zero) : TRO_U8};
    return tro_emit(c, TRO_OP_QUANTIZE, &a, (tro_value_id[]){x, scale, zero}, 3);
}

tro_value_id tro_requantized(struct tro_import_call *c, tro_value_id acc, tro_value_id scale_a,
                             tro_value_id scale_b, tro_value_id scale_y, tro_value_id zero_y)
{
    const tro_value_id product = tro_emit2(c, TRO_OP_MUL, tro_emit_cast(c, scale_a, TRO_F32),
                                           tro_emit_cast(c, scale_b, TRO_F32));
    const tro_value_id factor = tro_emit2(c, TRO_OP_DIV, product,
                                          tro_emit_cast(c, scale_y, TRO_F32));
    return tro_emit3(c, TRO_OP_REQUANTIZE, acc, factor, zero_y);
}

tro_value_id tro_along_axis(struct tro_import_call *c, tro_value_id v, int axis, int rank)
{
    tro_dim dims[TRO_MAX_RANK];
    if (!v.i || c->rc < 0 || tro_rank_needed(c, v) != 1 || axis == rank - 1 ||
        tro_dim_is(tro_dim_of(c, v, 0), 1))
        return v;
    dims[0] = tro_dim_of(c, v, 0);
    for (int i = 1; i < rank - axis; i++)
        dims[i] = tro_dim_const(1);
    return tro_emit_reshape(c, v, dims, rank - axis);
}

tro_value_id tro_channels_first(struct tro_import_call *c, tro_value_id x)
{
    const int rank = tro_rank_needed(c, x);
    int perm[TRO_MAX_RANK] = {0};
    for (int i = 1; i < rank; i++)
        perm[i] = i == 1 ? rank - 1 : i - 1;
    return tro_emit_transpose(c, x, perm, rank);
}

tro_value_id tro_channels_last(struct tro_import_call *c, tro_value_id x)
{
    const int rank = tro_rank_needed(c, x);
    int perm[TRO_MAX_RANK] = {0};
    for (int i = 1; i < rank; i++)
        perm[i] = i == rank - 1 ? 1 : i + 1;
    return tro_emit_transpose(c, x, perm, rank);
}

/* ---- QuantizeLinear, DequantizeLinear -------------------------------------------------- */

/* Each element of v stands for `block` elements of x along the axis: [.., n, ..] is expanded to
 * [.., n, block, ..] and joined, and cut to the size of x. */
static tro_value_id repeat_blocks(struct tro_import_call *c, tro_value_id v, tro_value_id x,
                                  int axis, int64_t block)
{
    if (!v.i)
        return v;
    const int rank = tro_rank_needed(c, v);
    const tro_dim size = tro_dim_of(c, x, axis);
    if (c->rc >= 0 && (rank != tro_rank_of(c, x) || rank >= TRO_MAX_RANK))
        tro_import_fail(c, TRO_E_UNSUPPORTED,
                        "expected scales of rank %d as x has it, and less than %d, found rank %d",
                        tro_rank_of(c, x), TRO_MAX_RANK, rank);
    if (c->rc < 0)
        return v;
    if (tro_dim_is_const(size) && block > tro_dim_value(size))
        block = tro_dim_value(size) > 0 ? tro_dim_value(size) : 1;
    tro_dim wide[TRO_MAX_RANK], joined[TRO_MAX_RANK];
    for (int i = 0, n = 0; i < rank; i++) {
        joined[i] = wide[n++] = tro_dim_of(c, v, i);
        if (i == axis) {
            joined[i] = tro_dim_mul(&c->g->dims, joined[i], tro_dim_const(block));
            wide[n++] = tro_dim_const(block);
        }
    }
    v = tro_emit2(c, TRO_OP_EXPAND, tro_emit_unsqueeze(c, v, axis + 1),
                  tro_dims_vector(c, wide, rank + 1));
    v = tro_emit_reshape(c, v, joined, rank);
    if (tro_dim_eq(joined[axis], size))
        return v;
    if (!tro_dim_is_const(size))
        tro_import_fail(c, TRO_E_UNSUPPORTED,
                        "expected a constant size on the axis that is quantized in blocks");
    return tro_emit_slice(c, v, axis, 0, c->rc < 0 ? 0 : tro_dim_value(size));
}

/* Scale and zero point shaped to broadcast against x: of the tensor, of an axis, or of blocks. */
static struct tro_quantized spread(struct tro_import_call *c)
{
    struct tro_quantized q = tro_in_quantized(c, 0);
    const int64_t axis_attr = tro_attr_int(c, "axis", 1);
    const int64_t block = tro_attr_int(c, "block_size", 0);
    const int scale_rank = tro_rank_of(c, q.scale);
    if (scale_rank == 0 ||
        (scale_rank == 1 && !block && tro_dim_is(tro_dim_of(c, q.scale, 0), 1))) {
        if (scale_rank == 1) { /* one element: a scalar, whatever the rank of x */
            q.scale = tro_emit_squeeze(c, q.scale, 0);
            if (q.zero.i && tro_rank_of(c, q.zero) == 1)
                q.zero = tro_emit_squeeze(c, q.zero, 0);
        }
        return q;
    }
    const int rank = tro_rank_needed(c, q.x);
    const int axis = tro_axis_of(c, axis_attr, rank);
    if (block < 0)
        tro_import_fail(c, TRO_E_INPUT, "attribute 'block_size': expected 0 or more, found %lld",
                        (long long)block);
    if (block > 0) {
        q.scale = repeat_blocks(c, q.scale, q.x, axis, block);
        q.zero = repeat_blocks(c, q.zero, q.x, axis, block);
    } else {
        q.scale = tro_along_axis(c, q.scale, axis, rank);
        q.zero = tro_along_axis(c, q.zero, axis, rank);
    }
    return q;
}

int tro_import_quantize_linear(struct tro_import_call *c)
{
    struct tro_attrs_cast a = {.wraps = !tro_attr_int(c, "saturate", 1)};
    const enum tro_dtype asked = tro_attr_has(c, "output_dtype") &&
                                         tro_attr_int(c, "output_dtype", 0)
                                     ? tro_attr_dtype(c, "output_dtype", TRO_DTYPE_NONE)
                                     : TRO_DTYPE_NONE;
    tro_attr_ignore(c, "precision");
    const struct tro_quantized q = spread(c);
    a.to = q.zero.i ? tro_dtype_of(c, q.zero) : asked ? asked : TRO_U8;
    tro_set_out(c, 0, tro_emit(c, TRO_OP_QUANTIZE, &a, (tro_value_id[]){q.x, q.scale, q.zero}, 3));
    return c->rc;
}

int tro_import_dequantize_linear(struct tro_import_call *c)
{
    const enum tro_dtype asked = tro_attr_has(c, "output_dtype") &&
                                         tro_attr_int(c, "output_dtype", 0)
                                     ? tro_attr_dtype(c, "output_dtype", TRO_DTYPE_NONE)
                                     : TRO_DTYPE_NONE;
    const tro_value_id y = tro_dequantized(c, spread(c));
    tro_set_out(c, 0, asked ? tro_emit_cast(c, y, asked) : y);
    return c->rc;
}

/* scale = (max - min) / 255 over the range widened to hold 0; zero = round(-min / scale) */
struct tro_quantized tro_quantized_by_range(struct tro_import_call *c, tro_value_id x)
{
    const tro_value_id zero = tro_like(c, x, 0);
    const tro_value_id lo = tro_emit2(c, TRO_OP_MIN,
                                      tro_emit_reduce(c, x, tro_reduction_min, NULL, false), zero);
    const tro_value_id hi = tro_emit2(c, TRO_OP_MAX,
                                      tro_emit_reduce(c, x, tro_reduction_max, NULL, false), zero);
    const tro_value_id range = tro_emit2(c, TRO_OP_SUB, hi, lo);
    const tro_value_id is_flat = tro_emit2(c, TRO_OP_EQ, range, zero);
    const tro_value_id scale = tro_emit3(c, TRO_OP_SELECT, is_flat, tro_like(c, x, 1),
                                         tro_emit2(c, TRO_OP_DIV, range, tro_like(c, x, 255)));
    const tro_value_id begin = tro_emit1(c, TRO_OP_NEG, tro_emit2(c, TRO_OP_DIV, lo, scale));
    const tro_value_id rounded = tro_emit1(c, TRO_OP_ROUND, tro_emit_clamp(c, begin, 0, 255));
    const tro_value_id zero_point = tro_emit_cast(c, rounded, TRO_U8);
    return (struct tro_quantized){tro_quantized_as(c, x, scale, zero_point), scale, zero_point};
}

int tro_import_dynamic_quantize_linear(struct tro_import_call *c)
{
    const struct tro_quantized q = tro_quantized_by_range(c, c->in[0]);
    tro_set_out(c, 0, q.x);
    tro_set_out(c, 1, q.scale);
    tro_set_out(c, 2, q.zero);
    return c->rc;
}

/* ---- QLinearConv, QLinearMatMul -------------------------------------------------------- */

static int qlinear_conv(struct tro_import_call *c, bool is_channels_last)
{
    struct tro_quantized x = tro_in_quantized(c, 0);
    const struct tro_quantized w = tro_in_quantized(c, 3);
    if (is_channels_last)
        x.x = tro_channels_first(c, x.x);
    const struct tro_attrs_conv a = tro_conv_attrs(c, x.x, w.x);
    const int rank = tro_rank_needed(c, x.x);
    tro_value_id acc = tro_emit(c, TRO_OP_CONV_INT, &a, (tro_value_id[]){x.x, w.x, x.zero, w.zero},
                                4);
    if (tro_in_has(c, 8))
        acc = tro_emit2(c, TRO_OP_ADD, acc, tro_along_axis(c, c->in[8], 1, rank));
    const tro_value_id y = tro_requantized(c, acc, x.scale, tro_along_axis(c, w.scale, 1, rank),
                                           c->in[6], c->in[7]);
    tro_set_out(c, 0, is_channels_last ? tro_channels_last(c, y) : y);
    return c->rc;
}

int tro_import_qlinear_conv(struct tro_import_call *c)
{
    return qlinear_conv(c, false);
}

/* com.microsoft: as ONNX's, or with x and y as [n, spatial, c]; the weights stay as they are. */
int tro_import_qlinear_conv_layout(struct tro_import_call *c)
{
    return qlinear_conv(c, tro_attr_int(c, "channels_last", 0) != 0);
}

/* Scales and zero points of a are of the tensor or of rows, those of b of the tensor or columns. */
int tro_import_qlinear_matmul(struct tro_import_call *c)
{
    const struct tro_quantized a = tro_in_quantized(c, 0), b = tro_in_quantized(c, 3);
    const int rank = tro_rank_needed(c, a.x);
    const tro_value_id acc = tro_emit(c, TRO_OP_MATMUL_INT, NULL,
                                      (tro_value_id[]){a.x, b.x, a.zero, b.zero}, 4);
    const tro_value_id row_scale = rank > 1 ? tro_along_axis(c, a.scale, rank - 2, rank) : a.scale;
    tro_set_out(c, 0, tro_requantized(c, acc, row_scale, b.scale, c->in[6], c->in[7]));
    return c->rc;
}
