/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a frame: found by networks, or the truth. Places are in pixels of the frame from its
 * upper left corner. */
#ifndef DEMO_FINDINGS_H
#define DEMO_FINDINGS_H

#include "eval/detect.h"
#include "network.h"

#define DEMO_MAX_BOXES 32
#define DEMO_NO_LABEL 255 /* of pixels of the truth that the network has no name for */

/* Boxes below it are of use to average precision alone: they are neither drawn nor counted. */
#define DEMO_SHOWN_SCORE 0.3f

struct demo_point {
    bool is_there; /* found; of the truth: visible */
    float x, y, score;
};

struct demo_findings {
    int width, height;
    uint8_t *label; /* one a pixel, by the names of the network; NULL: not known */
    float *depth;   /* mm along the optical axis, 0: none; NULL: not known */
    int n_boxes;
    struct tro_eval_box boxes[DEMO_MAX_BOXES]; /* labels by the names of the network */
    int n_points;
    struct demo_point points[DEMO_MAX_NAMES]; /* by name */
};

/* Empty ones of a frame. Planes are in the arena: for those that a task fills. */
int demo_findings_init(struct demo_findings *f, int width, int height,
                       struct demo_network *const *networks, struct tro_arena *arena,
                       struct tro_err *err);

/* Adds what a network says. Planes are enlarged to the frame's size: classes with smooth outlines,
 * depths linearly. */
int demo_findings_add(struct demo_findings *f, const struct demo_network *n,
                      const struct demo_run *run, struct tro_err *err);

#endif
