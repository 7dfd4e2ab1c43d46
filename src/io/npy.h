/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy's .npy files: a magic number, a version, a Python dictionary as text that gives type, order
 * and shape, then the elements.
 *
 * Read     versions 1 to 3; bool, int8 to int64, uint8 to uint64, float16 to float64 in either
 *          byte order; C and Fortran order; at most TRO_MAX_RANK dimensions; nothing behind the
 *          elements.
 * Written  version 1, little-endian, C order, elements at a multiple of 64 bytes. What NumPy has no
 *          type for goes as raw bits: bf16 as uint16, FP8 as uint8, 4-bit types one byte an
 *          element, i4 as int8 and the others as uint8.
 */
#ifndef TRO_IO_NPY_H
#define TRO_IO_NPY_H

#include "base/arena.h"
#include "base/bytes.h"

#include <trocar/trocar.h>

/* The data is the arena's, 64-byte aligned. */
int tro_npy_parse(struct tro_str bytes, struct tro_arena *arena, struct tro_tensor *out,
                  struct tro_err *err);
/* Appends the file's bytes; out->failed when memory runs out. */
void tro_npy_format(const struct tro_tensor *t, struct tro_buf *out);

/* Messages begin with the path. A file from before stays whole until the new one is complete. */
int tro_npy_read(const char *path, struct tro_arena *arena, struct tro_tensor *out,
                 struct tro_err *err);
int tro_npy_write(const char *path, const struct tro_tensor *t, struct tro_err *err);

#endif
