/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures as the frames of a camera: what a network that reads frames is tried on. */
#ifndef TRO_IO_FRAME_H
#define TRO_IO_FRAME_H

#include "graph/camera.h"
#include "io/preprocess.h"

/*
 * The picture as one frame [1, ..] of the camera that reads the input: in its format, matrix and
 * range, of the size that the input fixes (resampled as tro_picture_to_tensor does), else its own,
 * for nv12 without an odd last row or column. Chroma is the mean of 2 x 2 pixels; alpha is 255.
 * Messages begin with the path; the data lies in the arena.
 */
int tro_picture_to_frame(const char *path, const struct tro_io_info *input,
                         const struct tro_attrs_camera *camera, struct tro_arena *arena,
                         struct tro_tensor *out, struct tro_err *err);

#endif
