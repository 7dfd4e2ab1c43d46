/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model's metadata says of its picture inputs:
 *   trocar.input.layout   nchw (default) or nhwc
 *   trocar.input.colour   rgb (default), bgr or grey
 *   trocar.input.scale    factor on 0..255, e.g. 0.00392156863 (default 1)
 *   trocar.input.mean     one number, or one a channel, comma-separated (default 0)
 *   trocar.input.std      likewise (default 1)
 * element = (pixel * scale - mean) / std. It holds for all inputs of floats; where a record
 * (record/record.h) speaks of an input, it goes first, and takes from here what it leaves out.
 */
#ifndef TRO_RECORD_NOTES_H
#define TRO_RECORD_NOTES_H

#include <stdbool.h>

#include "onnx/proto.h"
#include "plan/plan.h"

#define TRO_PREPROCESS_MAX_CHANNELS 4

struct tro_preprocess {
    bool is_recorded; /* the model says anything at all */
    bool is_nhwc, is_bgr, is_grey;
    double scale, mean[TRO_PREPROCESS_MAX_CHANNELS], std[TRO_PREPROCESS_MAX_CHANNELS];
};

/* Reads the metadata; what is malformed is an error of the model. */
int tro_preprocess_from_onnx(const struct tro_onnx_model *m, struct tro_preprocess *p,
                             struct tro_err *err);

/* The same from a plan, whose notes have the model's metadata. */
int tro_preprocess_from_plan(const struct tro_plan_parts *plan, struct tro_preprocess *p,
                             struct tro_err *err);

/* Are the channels of an input of pictures its last axis? What the metadata says, else 1 or 3 there
 * and not 3 on axis 1. shape: -1 where a size is free. */
bool tro_preprocess_is_nhwc(const struct tro_preprocess *p, const int64_t shape[4]);

#endif
