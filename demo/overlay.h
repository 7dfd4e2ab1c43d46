/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame with what was found in it: the colours of the classes laid over it, their borders drawn,
 * and a legend. Panels stand side by side, each with its own labels on the same frame:
 *
 *   +----------------+----------------+
 *   | title          | title          |
 *   +----------------+----------------+
 *   | frame + labels | frame + labels |
 *   +----------------+----------------+
 *   | [] class  [] class  [] class    |
 *   +---------------------------------+
 */
#ifndef DEMO_OVERLAY_H
#define DEMO_OVERLAY_H

#include "classes.h"
#include "io/picture.h"

struct demo_panel {
    const char *title;
    const uint8_t *label;   /* one a pixel of the frame, below classes->n; NULL: the frame alone */
    const uint8_t *against; /* other labels: where they differ is white; NULL: none */
};

struct demo_overlay {
    const struct tro_picture *frame; /* RGB */
    const struct demo_classes *classes;
    const struct demo_panel *panels;
    int n_panels;
};

/* The picture lies in the arena. */
int demo_overlay_draw(const struct demo_overlay *o, struct tro_arena *arena,
                      struct tro_picture *out, struct tro_err *err);

#endif
