/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places on tissue, followed from frame to frame by matching patches of luma: what is drawn on the
 * picture stays on what it was drawn on while camera and tissue move.
 *
 * Works on means of 2 x 2 pixels (more, so that at most 480 columns are left) and two coarser
 * levels. A patch of 17 x 17 is followed coarse to fine, there and back; then its first picture,
 * the key, is fitted there with turn, scale and shear, so that errors do not add up. The key is
 * taken anew while a place is sure and changes slowly; what changes suddenly is something in front
 * of it. Twelve spots round the place are followed each for itself, and where most went by one
 * turn, scale and shift, the place is where they have it or it is lost: an instrument that drags a
 * patch along does not drag those. Where masks of instruments are given, what they cover is left
 * out of all patches. The last two seconds of frames are kept, so that a place can be given on a
 * frame that has gone by.
 *
 * The confidence is not the correlation, which is high on smooth tissue wherever one looks, but how
 * much higher that is than a few pixels beside the place, what the spots say, and how much the key
 * is to be trusted: it falls where one was taken anew or the place found again in doubt, and comes
 * back where the first key fits.
 *
 * One thread. Same frames and calls, same places. Frames are 136 x 136 pixels or larger.
 */
#ifndef TRO_CONSOLE_CORE_ANCHOR_H
#define TRO_CONSOLE_CORE_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>
#include <trocar/trocar.h>

#include "console/core/instrument.h"

#define TRO_ANCHORS_MAX 32
#define TRO_ANCHORS_MAX_BOXES 16

struct tro_anchors;

struct tro_anchors *tro_anchors_create(int width, int height, float fps, struct tro_err *err);
void tro_anchors_destroy(struct tro_anchors *a);

/* Luma of the next frame, height x width, rows stride bytes apart; ids grow, others are left out.
 * Costs 0.06 ms at 640 x 360 (0.5 ms at 1920 x 1080) and 0.13 ms for each place on one core. */
void tro_anchors_frame(struct tro_anchors *a, uint64_t frame, const uint8_t *luma, int stride);

/* Where instruments lie in a frame that has come: bytes but 0 of a mask that lies over all of it.
 * The newest one counts, grown by what they can move meanwhile, for a third of a second; what it
 * covers is matched with nothing. Frames older than the last mask's are left out. */
void tro_anchors_cover(struct tro_anchors *a, uint64_t frame, const uint8_t *mask, int width,
                       int height);

/* Boxes of instruments, for want of masks: they hold much tissue too, so that nothing is left out;
 * but a place inside of one has to be more distinct. */
void tro_anchors_doubt(struct tro_anchors *a, uint64_t frame,
                       const struct tro_instrument_box *boxes, int n);

/* A place of a frame; followed up to the newest one before it returns. Its number, negative where
 * there are too many; a frame that is not kept any more counts as the oldest one that is. */
int tro_anchors_add(struct tro_anchors *a, uint64_t frame, float x, float y);
void tro_anchors_remove(struct tro_anchors *a, int anchor);

/* Where it is in the newest frame; false: it is lost (out of the picture, hidden, or nothing looks
 * so). Then the place goes along with what lies round it, and is looked for again: for two seconds,
 * and for as long as an instrument is known to hide it or the spots round it hold it. Above
 * TRO_MARK_SURE the confidence says that it is right (docs/console.md, "Marks"). */
bool tro_anchors_place(const struct tro_anchors *a, int anchor, float *x, float *y,
                       float *confidence);

#endif
