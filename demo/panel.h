/* SPDX-License-Identifier: Apache-2.0 */
/* Views of a frame: what was found drawn over it. */
#ifndef DEMO_PANEL_H
#define DEMO_PANEL_H

#include "findings.h"
#include "io/picture.h"

struct demo_look {
    const struct demo_names *classes, *kinds, *points; /* NULL: no network knows any */
    float unit;                                        /* of lettering, text.h; 2 or more */
};

/* p holds the frame, of the size of the findings; those that are not known change nothing. */
/* Classes: their borders, and their colours over this share of the pixel. against, when not NULL,
 * are other labels: where they differ is white. */
void demo_panel_classes(struct tro_picture *p, const struct demo_look *look,
                        const struct demo_findings *f, float fill, const uint8_t *against);
/* Boxes and points with their names, and their scores unless they are the truth's. */
void demo_panel_marks(struct tro_picture *p, const struct demo_look *look,
                      const struct demo_findings *f, bool has_scores);
/* Depths in colours, with lines at every 10 mm, and a scale. Nothing of the frame is left. */
void demo_panel_depth(struct tro_picture *p, const struct demo_look *look,
                      const struct demo_findings *f);

#endif
