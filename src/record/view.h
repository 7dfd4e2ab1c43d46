/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside src/record: what a network's input sees of a frame.
 *
 *     x of the frame = (x of the network - left) * by_x      continuous: 0 is the left border, a
 *     y of the frame = (y of the network - top) * by_y       pixel's centre lies at a half
 */
#ifndef TRO_RECORD_VIEW_H
#define TRO_RECORD_VIEW_H

#include "record/record.h"

struct tro_view {
    double width, height; /* of the network's input, in pixels */
    double left, top, by_x, by_y;
};

/* Of the input by name, NULL: the only one that takes frames, or the only one at all, after records
 * were applied to inputs. Where positions stay those of the network (or the input takes no frames,
 * which is an error for those of frames) left, top are 0 and by_x, by_y are 1. */
int tro_view_of(const struct tro_graph *g, const char *input, enum tro_record_space space,
                struct tro_view *out, struct tro_err *err);

#endif
