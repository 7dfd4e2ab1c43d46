/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's own picture: each captured one, painted over with what the board knows, to windows,
 * files and RTSP, and to the burned-in stream. A thread of its own; pictures wait for it in a short
 * queue, so that a late thread loses none.
 */
#ifndef TRO_CONSOLE_MEDIA_DISPLAY_H
#define TRO_CONSOLE_MEDIA_DISPLAY_H

#include "console/core/board.h"
#include "console/media/encoder.h"
#include "console/media/media.h"

struct tro_display_path;

struct tro_display_opts {
    const struct tro_media_opts *media; /* must outlive it */
    int64_t t0_ns;
    struct tro_encoder *burned; /* gets painted pictures while it is used */
    void (*displayed)(void *ctx, uint64_t frame, int64_t handed_ns, int64_t done_ns);
    void *ctx;
};

struct tro_display_path *tro_display_create(const struct tro_display_opts *opts,
                                            struct tro_err *err);
int tro_display_start(struct tro_display_path *d, struct tro_err *err);
/* What waits is shown before; files are closed. NULL is fine. */
void tro_display_destroy(struct tro_display_path *d);

/* Any thread; never waits. Where the queue is full the oldest is lost, and counted. */
void tro_display_push(struct tro_display_path *d, GstBuffer *nv12);

void tro_display_count(struct tro_display_path *d, uint64_t *n_displayed, uint64_t *n_lost);
/* As tro_media_snapshot. */
int tro_display_snapshot(struct tro_display_path *d, uint8_t **png, size_t *n_bytes,
                         struct tro_err *err);

#endif
