/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places on tissue, followed from frame to frame by matching patches of luma: what is drawn on the
 * picture stays on what it was drawn on while camera and tissue move.
 *
 * Works on a quarter of the pixels (means of 2 x 2) and two coarser levels; the last two seconds
 * of frames are kept, so that a place can be given on a frame that has gone by.
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

/* Luma of the next frame, height x width, rows stride bytes apart. Costs some 0.1 ms and the same
 * for each place. */
void tro_anchors_frame(struct tro_anchors *a, uint64_t frame, const uint8_t *luma, int stride);

/* A place of a frame; followed up to the newest one before it returns. Its number, negative where
 * there are too many; a frame that is not kept any more counts as the oldest one that is. */
int tro_anchors_add(struct tro_anchors *a, uint64_t frame, float x, float y);
void tro_anchors_remove(struct tro_anchors *a, int anchor);

/* Where it is in the newest frame; false: it is lost (out of the picture, or nothing looks so);
 * then the last place, which is looked for again for two seconds. */
bool tro_anchors_place(const struct tro_anchors *a, int anchor, float *x, float *y,
                       float *confidence);

#endif
