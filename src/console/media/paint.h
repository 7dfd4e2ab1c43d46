/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the board knows, painted over a picture of NV12 in place: masks tinted with an outline,
 * boxes and landmarks with their names and tracks, drawings of the sentence, marks of experts with
 * name and time, age of findings, and the panel with the sentence. One thread at a time.
 */
#ifndef TRO_CONSOLE_MEDIA_PAINT_H
#define TRO_CONSOLE_MEDIA_PAINT_H

#include "console/core/board.h"
#include "console/core/frame.h"

struct tro_paint;

/* names: of the networks in their order, which must outlive it. */
struct tro_paint *tro_paint_create(const struct tro_frame_form *form,
                                   const struct tro_finding_names *names, int n_networks,
                                   enum tro_language language, struct tro_err *err);
void tro_paint_destroy(struct tro_paint *p);

/* now_ns: of the view. wall_ns: the same moment since 1970, for times of marks. */
void tro_paint_picture(struct tro_paint *p, const struct tro_board_view *view, int64_t now_ns,
                       int64_t wall_ns, uint8_t *nv12);

#endif
