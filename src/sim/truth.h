/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to be found in a frame, beside its labels. */
#ifndef TRO_SIM_TRUTH_H
#define TRO_SIM_TRUTH_H

#include "sim/endoscopy.h"
#include "sim/trace.h"

/* Positions, visibility, distances of a stage; boxes come from the planes of a frame. */
void tro_truth_of_stage(const struct tro_stage *stage, struct tro_endoscopy_truth *truth);
/* Bits of enum tro_endoscopy_event: what has begun since the frame before. */
unsigned tro_truth_events(const struct tro_endoscopy_truth *before,
                          const struct tro_endoscopy_truth *now);
/* Boxes and numbers of pixels; instance is height x width. */
void tro_truth_of_instances(const uint8_t *instance, int width, int height,
                            struct tro_endoscopy_truth *truth);

#endif
