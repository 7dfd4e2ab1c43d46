/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside src/console/core/anchor.c: spots round a place, followed each for itself. Where most of
 * them went by one turn, scale and shift, that says where the place is, whatever its own patch
 * shows: an instrument takes some of them along, not most.
 */
#ifndef TRO_CONSOLE_CORE_ANCHOR_AROUND_H
#define TRO_CONSOLE_CORE_ANCHOR_AROUND_H

#include "console/core/anchor_match.h"

#define TRO_AROUND_SPOTS 12
#define TRO_AROUND_LEVEL 1 /* that they are followed in */

struct tro_around {
    float from_x[TRO_AROUND_SPOTS], from_y[TRO_AROUND_SPOTS]; /* beside the place, at first */
    float x[TRO_AROUND_SPOTS], y[TRO_AROUND_SPOTS];           /* now */
};

/* All places are in pixels of TRO_AROUND_LEVEL. */
void tro_around_begin(struct tro_around *r, float x, float y);

enum tro_around_said { TRO_AROUND_NOTHING, TRO_AROUND_SOME, TRO_AROUND_MOST };

/* From one picture to the next, where all goes some dx, dy or so; x, y: the place as most of the
 * spots that were seen have it, or as some have it, which is the greatest group but not most.
 * Where those are too few x, y stay, and spots that were not seen went with dx, dy. */
enum tro_around_said tro_around_step(struct tro_around *r, const struct tro_plane *before,
                                     const struct tro_plane *after, float dx, float dy, float *x,
                                     float *y);

/* The place itself was found off_x, off_y from where they have it: what the tissue has stretched is
 * learned slowly, so that a patch that is dragged along is off all the more. */
void tro_around_learn(struct tro_around *r, float off_x, float off_y);

#endif
