/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures as input tensors.
 *
 * What a network expects is recorded in the model's metadata:
 *   trocar.input.layout   nchw (default) or nhwc
 *   trocar.input.colour   rgb (default), bgr or grey
 *   trocar.input.scale    factor on 0..255, e.g. 0.00392156863 (default 1)
 *   trocar.input.mean     one number, or one a channel, comma-separated (default 0)
 *   trocar.input.std      likewise (default 1)
 * element = (pixel * scale - mean) / std. u8 inputs take pixels as they are and need no record.
 * A picture of another size is resampled bilinearly, pixel centres at half (align_corners off).
 */
#ifndef TRO_IO_PREPROCESS_H
#define TRO_IO_PREPROCESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "io/picture.h"
#include "onnx/proto.h"
#include "plan/plan.h"

#define TRO_PREPROCESS_MAX_CHANNELS 4

struct tro_preprocess {
    bool is_recorded; /* the model says anything at all */
    bool is_nhwc, is_bgr, is_grey;
    double scale, mean[TRO_PREPROCESS_MAX_CHANNELS], std[TRO_PREPROCESS_MAX_CHANNELS];
};

/* Reads the record; a malformed one is an error of the model. */
int tro_preprocess_from_onnx(const struct tro_onnx_model *m, struct tro_preprocess *p,
                             struct tro_err *err);

/* The same from a plan, whose notes have the model's record. */
int tro_preprocess_from_plan(const struct tro_plan_parts *plan, struct tro_preprocess *p,
                             struct tro_err *err);

/* Is this the ending of a picture's name? */
bool tro_is_picture_path(const char *path);

/* The picture as the tensor the input asks for (rank 4; free sizes become those of the picture, the
 * batch 1). Messages begin with the path; the data lies in the arena. */
int tro_picture_to_tensor(const char *path, const struct tro_io_info *input,
                          const struct tro_preprocess *p, struct tro_arena *arena,
                          struct tro_tensor *out, struct tro_err *err);

#endif
