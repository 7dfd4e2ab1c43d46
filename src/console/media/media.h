/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Video in and out: capture, display, encoder. The picture never waits: capture hands a frame on
 * to the display, the encoder and the callback, and none of them can hold it up.
 *
 * Threads: create, start, stop, destroy from one thread; callbacks come from media's own threads,
 * never two of a kind at a time; everything else from any thread.
 */
#ifndef TRO_CONSOLE_MEDIA_MEDIA_H
#define TRO_CONSOLE_MEDIA_MEDIA_H

#include "console/core/board.h"
#include "console/core/frame.h"
#include "console/core/source.h"

struct tro_media;

struct tro_media_opts {
    enum tro_source source;
    const char *location;
    struct tro_frame_form form; /* of the ring, display and encoder; the source is scaled to it */
    double fps;
    bool has_mark, loops;
    int n_displays;
    struct {
        enum tro_display kind;
        const char *location;
    } displays[TRO_MAX_DISPLAYS];
    int bitrate_kbps;
    struct tro_board *board; /* painted over the display's picture, and over the burned-in stream */
    const struct tro_finding_names *names; /* of the board's networks */
    int language;                          /* enum tro_language: of the panel */
    /* A frame has been captured: the id it gets is the last one + 1. In the capture's thread, after
     * it was handed to display and encoder; must not wait. */
    void (*frame)(void *ctx, const struct tro_frame *f);
    /* A frame was painted and given to the displays: when it came to be, and when that was done. In
     * the display's thread; must not wait. */
    void (*displayed)(void *ctx, uint64_t frame, int64_t handed_ns, int64_t done_ns);
    /* A frame was encoded: its time stamp in RTP's 90 kHz, the same for all viewers. */
    void (*encoded)(void *ctx, uint64_t frame, int64_t captured_ns, uint32_t rtp);
    /* The source has ended or failed; err says why. Capture of devices and URLs is tried again by
     * itself each second, and says so here each time. */
    void (*ended)(void *ctx, const struct tro_err *err, bool is_final);
    void *ctx;
};

/* opts are copied, strings too. */
struct tro_media *tro_media_create(const struct tro_media_opts *opts, struct tro_err *err);
int tro_media_start(struct tro_media *m, struct tro_err *err);
/* For good; no callback comes after it has returned. Viewers end before destroy. */
void tro_media_stop(struct tro_media *m);
void tro_media_destroy(struct tro_media *m);

/* What leaves the room is blurred from the next frame on; it is so from the start. */
void tro_media_blur(struct tro_media *m, bool is_blurred);

struct tro_media_counters {
    uint64_t captured, displayed, display_lost, encoded, encoder_lost;
    char encoder[64]; /* the element's name */
};
void tro_media_count(struct tro_media *m, struct tro_media_counters *out);

/* What the display shows now, as PNG in memory of tro_alloc. */
int tro_media_snapshot(struct tro_media *m, uint8_t **png, size_t *n_bytes, struct tro_err *err);

#endif
