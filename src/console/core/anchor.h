/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places on tissue, followed from frame to frame by matching patches of luma: what is drawn on the
 * picture stays on what it was drawn on while camera and tissue move.
 *
 * Works on means of 2 x 2 pixels (more, so that at most 480 columns are left) and two coarser
 * levels. A patch of 17 x 17 is followed coarse to fine, there and back; then its first picture is
 * fitted there with turn, scale and shear, so that errors do not add up. The confidence is the
 * normalized correlation with that picture. It is taken anew while a place is sure and changes
 * slowly; what changes suddenly is something in front of it. The last two seconds of frames are
 * kept, so that a place can be given on a frame that has gone by.
 *
 * One thread. Same frames and calls, same places. Frames are 136 x 136 pixels or larger.
 */
#ifndef TRO_CONSOLE_CORE_ANCHOR_H
#define TRO_CONSOLE_CORE_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>
#include <trocar/trocar.h>

#define TRO_ANCHORS_MAX 32

struct tro_anchors;

struct tro_anchors *tro_anchors_create(int width, int height, float fps, struct tro_err *err);
void tro_anchors_destroy(struct tro_anchors *a);

/* Luma of the next frame, height x width, rows stride bytes apart; ids grow, others are left out.
 * Costs 0.17 ms at 640 x 360 (1.4 ms at 1920 x 1080) and 0.17 ms for each place on one core. */
void tro_anchors_frame(struct tro_anchors *a, uint64_t frame, const uint8_t *luma, int stride);

/* A place of a frame; followed up to the newest one before it returns. Its number, negative where
 * there are too many; a frame that is not kept any more counts as the oldest one that is. */
int tro_anchors_add(struct tro_anchors *a, uint64_t frame, float x, float y);
void tro_anchors_remove(struct tro_anchors *a, int anchor);

/* Where it is in the newest frame; false: it is lost (out of the picture, or nothing looks so).
 * Then the place goes along with what lies round it, and is looked for again for two seconds. */
bool tro_anchors_place(const struct tro_anchors *a, int anchor, float *x, float *y,
                       float *confidence);

#endif
