/* SPDX-License-Identifier: Apache-2.0 */
/* Quantized values, for the standard and the com.microsoft operators. */
#ifndef TRO_ONNX_IMPORT_QUANT_H
#define TRO_ONNX_IMPORT_QUANT_H

#include "onnx/import_call.h"

/* A tensor with its scale and zero point (none = 0). */
struct tro_quantized {
    tro_value_id x, scale, zero;
};

/* Input i; an error when it is absent, for operators with optional inputs before it. */
tro_value_id tro_in_needed(struct tro_import_call *c, int i);

/* Inputs i, i + 1, i + 2 of the node. */
struct tro_quantized tro_in_quantized(struct tro_import_call *c, int i);

/* (x - zero) * scale; one scale for the tensor, or shaped to broadcast. */
tro_value_id tro_dequantized(struct tro_import_call *c, struct tro_quantized q);
/* To the type of zero, u8 without one. */
tro_value_id tro_quantized_as(struct tro_import_call *c, tro_value_id x, tro_value_id scale,
                              tro_value_id zero);
/* x (f32) to u8 with scale and zero of its range, as DynamicQuantizeLinear defines them. */
struct tro_quantized tro_quantized_by_range(struct tro_import_call *c, tro_value_id x);
/* i32 sums with scale a * b to the output's scale and zero: factor = a * b / y in f32. */
tro_value_id tro_requantized(struct tro_import_call *c, tro_value_id acc, tro_value_id scale_a,
                             tro_value_id scale_b, tro_value_id scale_y, tro_value_id zero_y);

/* A vector along `axis` of a tensor of that rank, shaped to broadcast; scalars stay. */
tro_value_id tro_along_axis(struct tro_import_call *c, tro_value_id v, int axis, int rank);

/* [n, spatial, c] to [n, c, spatial] and back. */
tro_value_id tro_channels_first(struct tro_import_call *c, tro_value_id x);
tro_value_id tro_channels_last(struct tro_import_call *c, tro_value_id x);

/* f32 of i32 sums: acc * (scale_a * scale_b). */
tro_value_id tro_scaled_sum(struct tro_import_call *c, tro_value_id acc, tro_value_id scale_a,
                            tro_value_id scale_b);

#endif
