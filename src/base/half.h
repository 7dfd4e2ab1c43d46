/* SPDX-License-Identifier: Apache-2.0 */
/* Narrow floating-point formats as bit patterns. Narrowing rounds half to even. */
#ifndef TRO_BASE_HALF_H
#define TRO_BASE_HALF_H

#include <stdbool.h>
#include <stdint.h>
#include <trocar/trocar.h>

float tro_f16_to_f32(uint16_t h);
float tro_bf16_to_f32(uint16_t h);
/* From double, rounded once; overflow gives infinity, NaN stays NaN (quiet, sign kept). */
uint16_t tro_f16_from_f64(double v);
uint16_t tro_bf16_from_f64(double v);

/* FP8 and FP4 of ONNX: dtype is TRO_F8E4M3FN, TRO_F8E4M3FNUZ, TRO_F8E5M2, TRO_F8E5M2FNUZ or
 * TRO_F4E2M1. saturate as the Cast operator of opset 19 defines it: values beyond the largest
 * finite one, infinities included, become that value (true) or NaN / infinity (false; the table is
 * in the ONNX specification of Cast). F4E2M1 always saturates. */
float tro_f8_to_f32(enum tro_dtype dtype, uint8_t bits);
uint8_t tro_f8_from_f64(enum tro_dtype dtype, double v, bool saturate);

#endif
