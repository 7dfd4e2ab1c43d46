/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame with what four networks found in it, as one picture:
 *
 *   +-------------------------------------------------+
 *   | heading                                    step |
 *   +------------------------+------------------------+
 *   | title                  | title                  |
 *   | boxes, landmarks,      | classes                |
 *   | outlines               |                        |
 *   +------------------------+------------------------+
 *   | title                  | title                  |
 *   | depth                  | truth, or the frame    |
 *   +------------------------+------------------------+
 *   | [] class  [] class  [] class                    |
 *   | footer                                          |
 *   +-------------------------------------------------+
 */
#ifndef DEMO_OVERLAY_H
#define DEMO_OVERLAY_H

#include "panel.h"

enum { DEMO_PANEL_MARKS, DEMO_PANEL_CLASSES, DEMO_PANEL_DEPTH, DEMO_PANEL_TRUTH, DEMO_N_PANELS };

struct demo_overlay {
    const struct tro_picture *frame; /* RGB */
    struct demo_look look;           /* without the unit */
    const struct demo_findings *found;
    const struct demo_findings *truth; /* NULL: nobody knows */
    const char *heading, *step, *titles[DEMO_N_PANELS], *footer;
};

/* The picture lies in the arena. */
int demo_overlay_draw(const struct demo_overlay *o, struct tro_arena *arena,
                      struct tro_picture *out, struct tro_err *err);

#endif
