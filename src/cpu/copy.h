/* SPDX-License-Identifier: Apache-2.0 */
/* Copies between any strides, and blocks of transposed elements. */
#ifndef TRO_CPU_COPY_H
#define TRO_CPU_COPY_H

#include "lower/lower.h"

/* The step of the backend (lower/lower.h); part r->part of r->n_parts. */
int tro_cpu_copy(const struct tro_step *s, const struct tro_step_run *r);

/* Share `part` of to = from. */
void tro_copy_part(const struct tro_arg *to, char *dst, const struct tro_arg *from, const char *src,
                   int part, int n_parts);

/* dst[i * dst_pitch + j] = src[j * src_pitch + i] for i < n_i, j < n_j; elements of 4 bytes,
 * pitches in bytes. */
typedef void tro_transpose_fn(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch,
                              int64_t n_i, int64_t n_j);
tro_transpose_fn tro_transpose_4__avx2, tro_transpose_4__avx512;

#endif
