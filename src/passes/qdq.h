/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/passes: tensors that are quantized by constants. */
#ifndef TRO_PASSES_QDQ_H
#define TRO_PASSES_QDQ_H

#include "passes/pass.h"

/* x is quantized; zero is none where it is 0. scale and zero are constants. */
struct tro_qvalue {
    tro_value_id x, scale, zero;
};

/* v is dequantize(x, scale, zero) with constant parameters; f32. */
bool tro_match_dequantize(const struct tro_pass *p, tro_value_id v, struct tro_qvalue *q);
/* A node quantizes with constant parameters of one element to 8 bits. */
bool tro_match_quantize(const struct tro_pass *p, tro_node_id n, struct tro_qvalue *q);
/* Or to i16. */
bool tro_match_quantize_wide(const struct tro_pass *p, tro_node_id n, struct tro_qvalue *q);
/* Scale and zero are of the whole tensor. */
bool tro_is_per_tensor(const struct tro_pass *p, const struct tro_qvalue *q);
/* Both have the same parameters, of the whole tensor. */
bool tro_is_same_quant(const struct tro_pass *p, const struct tro_qvalue *a,
                       const struct tro_qvalue *b);

/* conv, conv_transpose and matmul of dequantized operands become those of integers; true when it
 * was done. */
bool tro_make_int_anchor(struct tro_pass *p, tro_node_id n);
/* Means and sums of dequantized tensors become exact sums; true when it was done. */
bool tro_make_int_mean(struct tro_pass *p, tro_node_id n);

/* Linear resizing of dequantized pictures that is quantized becomes that of integers; true when it
 * was done. */
bool tro_make_int_resize(struct tro_pass *p, tro_node_id n);

/* Softmax and layer normalization of dequantized tensors become arithmetic that is the same
 * everywhere; true when it was done. */
bool tro_make_int_softmax(struct tro_pass *p, tro_node_id n);
bool tro_make_int_norm(struct tro_pass *p, tro_node_id n);

/* What quantizes a function of one dequantized tensor becomes a look-up; true when it was done. */
bool tro_make_table(struct tro_pass *p, tro_node_id n);

#endif
