/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of the source, one after the other, in a thread of their own: given the ring's form and
 * their id, marked, handed on as a picture (NV12), then as a frame.
 */
#ifndef TRO_CONSOLE_MEDIA_CAPTURE_H
#define TRO_CONSOLE_MEDIA_CAPTURE_H

#include "console/core/source.h"
#include "console/media/pipe.h"

struct tro_capture;

struct tro_capture_opts {
    enum tro_source source;
    const char *location;
    struct tro_frame_form form;
    double fps; /* what comes faster is thinned out */
    bool has_mark, loops;
    int64_t t0_ns;
    /* All in the capture's thread; none may wait. The picture is the capture's: to be referenced
     * by who keeps it, and never written. */
    void (*picture)(void *ctx, GstBuffer *nv12);
    void (*frame)(void *ctx, const struct tro_frame *f);
    void (*ended)(void *ctx, const struct tro_err *err, bool is_final);
    void *ctx;
};

/* Strings of opts must outlive it. */
struct tro_capture *tro_capture_create(const struct tro_capture_opts *opts, struct tro_err *err);
int tro_capture_start(struct tro_capture *c, struct tro_err *err);
/* Ends the thread and itself; NULL is fine. */
void tro_capture_destroy(struct tro_capture *c);

#endif
