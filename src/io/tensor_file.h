/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in files, by the file's extension: .npy, .pb (an ONNX TensorProto), raw elements. */
#ifndef TRO_IO_TENSOR_FILE_H
#define TRO_IO_TENSOR_FILE_H

#include "base/arena.h"

#include <trocar/trocar.h>

/* The data is the arena's. raw_as gives type and shape of files that are neither .npy nor .pb (its
 * data is not used): their bytes are the elements as in memory, of that number exactly. NULL: such
 * files are refused. Messages begin with the path. */
int tro_tensor_file_read(const char *path, struct tro_arena *arena, const struct tro_tensor *raw_as,
                         struct tro_tensor *out, struct tro_err *err);

/* Writes .npy or .pb; other extensions are refused. */
int tro_tensor_file_write(const char *path, const struct tro_tensor *t, struct tro_err *err);

#endif
