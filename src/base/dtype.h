/* SPDX-License-Identifier: Apache-2.0 */
/* Element types inside the library: classes, ranges, element access. */
#ifndef TRO_BASE_DTYPE_H
#define TRO_BASE_DTYPE_H

#include <stdbool.h>
#include <trocar/trocar.h>

bool tro_dtype_is_float(enum tro_dtype d);  /* FP64 down to FP4 */
bool tro_dtype_is_int(enum tro_dtype d);    /* signed or unsigned, not bool */
bool tro_dtype_is_signed(enum tro_dtype d); /* signed integer */
bool tro_dtype_is_unsigned(enum tro_dtype d);
/* Bits an element takes in a file: 4 for the 4-bit types. */
int tro_dtype_bits(enum tro_dtype d);
/* Least and greatest value of an integer type (u64: max cut to INT64_MAX), 0 and 1
 * for bool, 0 for the rest. */
int64_t tro_dtype_min(enum tro_dtype d);
int64_t tro_dtype_max(enum tro_dtype d);

/* One element as double; integers and bool convert (64-bit ones may round). */
double tro_load_f64(enum tro_dtype d, const void *data, int64_t i);
/* One integer or bool element exactly (u64 as its bit pattern); floats truncate, NaN and what is
 * beyond int64 give INT64_MIN. */
int64_t tro_load_i64(enum tro_dtype d, const void *data, int64_t i);
/* Rounds to the type, half to even, narrow floats saturating as Cast does by default; integer
 * types truncate toward zero and keep the low bits of the int64 result as tro_load_i64 defines it
 * (u64: right up to 2^64); bool is value != 0. */
void tro_store_f64(enum tro_dtype d, void *data, int64_t i, double v);
/* Integer types keep the low bits; floats round; bool is value != 0. */
void tro_store_i64(enum tro_dtype d, void *data, int64_t i, int64_t v);

/* Whole rows, n elements from index first: as the functions above, faster. */
void tro_load_row_f64(enum tro_dtype d, const void *data, int64_t first, int64_t n, double *out);
void tro_store_row_f64(enum tro_dtype d, void *data, int64_t first, int64_t n, const double *in);
void tro_load_row_f32(enum tro_dtype d, const void *data, int64_t first, int64_t n, float *out);

#endif
