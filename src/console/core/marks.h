/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All experts' marks with their anchors: what is drawn goes with the tissue under it. A point and a
 * text follow their place, an arrow its head (the second point), a stroke its middle point.
 *
 * Any thread. A frame takes as long as its anchors do, so it does not belong into the thread that
 * captures.
 */
#ifndef TRO_CONSOLE_CORE_MARKS_H
#define TRO_CONSOLE_CORE_MARKS_H

#include "console/core/board.h"

struct tro_marks;

/* Frames are width x height. The board, which may be NULL, gets each mark when it is added and
 * after each frame. */
struct tro_marks *tro_marks_create(int width, int height, float fps, struct tro_board *board,
                                   struct tro_err *err);
void tro_marks_destroy(struct tro_marks *m);

/* The next frame's luma, rows stride bytes apart: all marks move. */
void tro_marks_frame(struct tro_marks *m, uint64_t frame, const uint8_t *luma, int stride);

/* What a network found in a frame that has come: places that instruments cover are hidden or in
 * doubt (anchor.h). A network that knows none changes nothing. */
void tro_marks_see(struct tro_marks *m, const struct tro_findings *f,
                   const struct tro_finding_names *names);

/* A new one, or another in place of the same expert's of this id; the oldest of TRO_MARKS_MAX goes.
 * TRO_E_INPUT: the id is another expert's. */
int tro_marks_add(struct tro_marks *m, const struct tro_mark *mark, struct tro_err *err);
bool tro_marks_erase(struct tro_marks *m, const char *id); /* "": all; false: there is none */

/* Copies of them as they are after the last frame, whose id is written; returns how many. */
int tro_marks_list(struct tro_marks *m, struct tro_mark out[TRO_MARKS_MAX], uint64_t *frame);

#endif
