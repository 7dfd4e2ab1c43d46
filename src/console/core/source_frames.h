/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from files at the pace of a camera. Read and converted once at the start, so that their
 * pace owes nothing to a disk or a decoder:
 *
 *   a folder        its pictures in strcmp order, frame_* alone where there are such, or with
 *                   frames.jsonl those of the data set in its order (docs/dataset.md); resampled
 *                   to the form's size, R'G'B' to Y'CbCr as graph/camera.h says
 *   NAME.nv12, NAME.yuyv, NAME.rgb8
 *                   frames one after the other, with NAME.EXT.json beside it:
 *                   {"width": 1920, "height": 1080, "matrix": "bt709", "range": "limited"}
 *                   (matrix and range not with rgb8), which must be the form's
 *
 * All frames lie in memory, at most 4 GiB of them.
 */
#ifndef TRO_CONSOLE_CORE_SOURCE_FRAMES_H
#define TRO_CONSOLE_CORE_SOURCE_FRAMES_H

#include <trocar/trocar.h>

#include "console/core/frame.h"

#define TRO_SOURCE_FRAMES_MAX_BYTES (INT64_C(4) << 30)

struct tro_source_frames_opts {
    const char *location;
    struct tro_frame_form form;
    double fps;        /* 0.1 to 1000 */
    bool loops;        /* there and back without end, so that motion has no jump */
    uint64_t n_frames; /* 0: as many as there are, or no end */
    /* The next frame, at its time: nominal times have no drift. In the source's own thread; a call
     * that takes longer than a frame delays the next one and loses none. */
    void (*frame)(void *ctx, const struct tro_frame *f);
    /* The last frame was handed out; not called when stopped. May be NULL. */
    void (*ended)(void *ctx);
    void *ctx;
};

struct tro_source_frames;

/* Reads and converts all frames. opts are copied, the location too. */
struct tro_source_frames *tro_source_frames_create(const struct tro_source_frames_opts *opts,
                                                   struct tro_err *err);
void tro_source_frames_destroy(struct tro_source_frames *s); /* stops it */

int64_t tro_source_frames_count(const struct tro_source_frames *s); /* in memory */
const uint8_t *tro_source_frames_bytes(const struct tro_source_frames *s, int64_t i);
/* Which of them frame `id` is, there and back. */
int64_t tro_source_frames_at(const struct tro_source_frames *s, uint64_t id);

int tro_source_frames_start(struct tro_source_frames *s, struct tro_err *err); /* once */
void tro_source_frames_stop(struct tro_source_frames *s);

#endif
