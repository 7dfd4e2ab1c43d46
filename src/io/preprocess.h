/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures as input tensors.
 *
 * The element of a float input is (pixel * scale - mean) / std as the metadata says
 * (record/notes.h); u8 inputs take pixels as they are and need none.
 * A picture of another size is resampled bilinearly, pixel centres at half (align_corners off).
 */
#ifndef TRO_IO_PREPROCESS_H
#define TRO_IO_PREPROCESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "io/picture.h"
#include "record/notes.h"

/* Is this the ending of a picture's name? */
bool tro_is_picture_path(const char *path);

/* The picture as the tensor the input asks for (rank 4; free sizes become those of the picture, the
 * batch 1). Messages begin with the path; the data lies in the arena. */
int tro_picture_to_tensor(const char *path, const struct tro_io_info *input,
                          const struct tro_preprocess *p, struct tro_arena *arena,
                          struct tro_tensor *out, struct tro_err *err);

#endif
