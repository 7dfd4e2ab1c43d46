/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded outputs of an engine (docs/record.md, "outputs") as findings in pixels of the frame. */
#ifndef TRO_CONSOLE_CORE_DECODE_H
#define TRO_CONSOLE_CORE_DECODE_H

#include "base/arena.h"
#include "console/core/finding.h"
#include "console/core/frame.h"
#include "graph/camera.h"
#include "record/record.h"

/* Tensors of one output of the record. */
#define TRO_DECODE_MAX_TENSORS 4

struct tro_decode_output {
    const struct tro_record_output *of;
    int tensor[TRO_DECODE_MAX_TENSORS]; /* outputs of the session, in the order of decode.c */
    uint8_t label[256];                 /* of the network, by class, point or score */
    double left, top, by_x, by_y;       /* x of the frame = (x - left) * by_x */
};

struct tro_decode {
    struct tro_arena arena; /* of everything below */
    const struct tro_session *session;
    struct tro_frame_form form;
    struct tro_decode_output *outputs;
    int n_outputs;
    uint8_t *labels;  /* room for a map */
    uint32_t *counts; /* of depths, by hundredths of a mm */
};

/* The record, the session and camera (which says how the network sees the frame) outlive it. Fails
 * where the session lacks what the record speaks of, or where nothing is found at all. */
int tro_decode_init(struct tro_decode *d, const struct tro_record *r,
                    const struct tro_session *session, const struct tro_camera *camera,
                    const struct tro_frame_form *form, struct tro_finding_names *names,
                    struct tro_err *err);
void tro_decode_finish(struct tro_decode *d);

/* Of the session's last run; clears out first. */
void tro_decode_run(struct tro_decode *d, struct tro_findings *out);

#endif
