/* SPDX-License-Identifier: Apache-2.0 */
/* A synthetic procedure at work: frames, and what is in them. */
#ifndef DEMO_STAGE_H
#define DEMO_STAGE_H

#include "findings.h"
#include "sim/endoscopy.h"

#define DEMO_STAGE_WIDTH 640
#define DEMO_STAGE_HEIGHT 360
#define DEMO_STAGE_FPS 25

struct demo_stage {
    struct tro_picture frame; /* the last one, and */
    struct demo_findings truth;
    float focal_length; /* of the endoscope, in widths of the frame */
    const char *step;   /* what the surgeon does */
    char moment[96];    /* and what else is the case: "dissection, current flows" */
    /* private */
    struct demo_network *const *networks; /* by task; NULL: none */
    struct tro_endoscopy *procedure;
    struct tro_endoscopy_truth scene;
    uint8_t *label, *instance;
    struct tro_arena arena;
};

/* On failure nothing is left to close. */
int demo_stage_open(struct demo_stage *s, uint64_t seed, struct demo_network *const *networks,
                    struct tro_err *err);
void demo_stage_close(struct demo_stage *s);

/* The frame of that number. Truth is in the order of the networks' names; what they have no name
 * for is left out. */
int demo_stage_render(struct demo_stage *s, int64_t index, struct tro_err *err);

/* What the procedure shows and the network has no name for: "bowel, artery"; "" where it knows all.
 */
void demo_stage_unknown(const struct demo_network *n, char *out, size_t n_out);

#endif
