/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a size that overlays can be drawn on and looked at. */
#ifndef DEMO_VIEW_H
#define DEMO_VIEW_H

#include "io/picture.h"

#define DEMO_VIEW_MIN_HEIGHT 360
#define DEMO_VIEW_MAX_SIDE 2048

/* Small pictures with each pixel as a block of pixels, large ones with each block averaged to a
 * pixel; others stay as they are. The new data lies in the arena. */
int demo_view_fit(struct tro_arena *arena, struct tro_picture *p, struct tro_err *err);

#endif
