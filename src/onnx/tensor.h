/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors from files: sizes that cannot be trusted, and data beside the model. */
#ifndef TRO_ONNX_TENSOR_H
#define TRO_ONNX_TENSOR_H

#include "onnx/proto.h"

/* Gives out the type and shape, and no data yet. Refuses negative dimensions, more than
 * TRO_MAX_RANK of them, and sizes in memory that overflow, whether or not another one is 0. */
int tro_tensor_set_shape(struct tro_tensor *out, enum tro_dtype dtype, const int64_t *dims,
                         size_t n_dims, struct tro_err *err);

/* "f32 2x3x4", "f32 scalar": for messages. Returns buf. */
#define TRO_TENSOR_TEXT 192
const char *tro_tensor_text(const struct tro_tensor *t, char buf[TRO_TENSOR_TEXT]);

/* Turns bool bytes other than 0 and 1 into 1. */
void tro_bool_normalize(uint8_t *p, size_t n);
bool tro_bool_is_normal(const uint8_t *p, size_t n);

/* The n_bytes that t's external_data names, read into the arena, 64-byte aligned. The location is
 * relative to dir and stays in it: no "..", no symbolic link. */
int tro_onnx_external_read(const char *dir, const struct tro_onnx_tensor *t, size_t n_bytes,
                           struct tro_arena *arena, struct tro_str *out, struct tro_err *err);

#endif
