/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Viewers over WebRTC: WHEP's half behind HTTP. A pipeline of its own for each viewer; the encoded
 * stream is shared. Any thread; a viewer that stalls, floods or lies costs nobody else anything.
 */
#ifndef TRO_CONSOLE_MEDIA_VIEWERS_H
#define TRO_CONSOLE_MEDIA_VIEWERS_H

#include "console/media/media.h"

#define TRO_VIEWER_ID_BYTES 33 /* 32 hex digits from the system's random source, and a zero */
#define TRO_VIEWER_MAX_SDP 65536
#define TRO_VIEWER_MAX_MESSAGE 8192 /* from a page */
#define TRO_VIEWER_MAX_TEXT 61440   /* to a page */

enum tro_viewer_channel { TRO_CHANNEL_FRAMES, TRO_CHANNEL_CONTROL };

struct tro_viewers;

struct tro_viewers_opts {
    int max_viewers;
    /* The channel `control` of a viewer has opened. */
    void (*joined)(void *ctx, const char *id);
    /* A text has come on `control`: not zero-terminated, not checked; at most 60 a second. */
    void (*message)(void *ctx, const char *id, const char *text, size_t n);
    /* It has gone, whoever ended it. Once for each that was accepted. */
    void (*left)(void *ctx, const char *id, const char *why);
    void *ctx;
};

struct tro_viewers *tro_viewers_create(struct tro_media *m, const struct tro_viewers_opts *opts,
                                       struct tro_err *err);
void tro_viewers_destroy(struct tro_viewers *v);

/* An offer's answer, zero-terminated in memory of tro_alloc, with all candidates. TRO_E_INPUT: the
 * offer is not one or has no H.264; TRO_E_DEVICE: there are max_viewers. Waits up to 5 s. */
int tro_viewers_offer(struct tro_viewers *v, const char *sdp, size_t n, bool is_burned_in,
                      char id[TRO_VIEWER_ID_BYTES], char **answer, struct tro_err *err);
/* Lines "a=candidate:..." with "a=mid:" (RFC 8840). TRO_E_INPUT: no such viewer, no fragment. */
int tro_viewers_trickle(struct tro_viewers *v, const char *id, const char *fragment, size_t n,
                        struct tro_err *err);
/* False: no such viewer. */
bool tro_viewers_close(struct tro_viewers *v, const char *id);

/* To one viewer, or to all with id NULL. Dropped and counted where its channel is not open or
 * holds more than 256 kB back. */
void tro_viewers_send(struct tro_viewers *v, const char *id, enum tro_viewer_channel channel,
                      const char *text, size_t n);

struct tro_viewer_info {
    char id[TRO_VIEWER_ID_BYTES];
    bool is_connected, is_burned_in;
    int64_t since_ns;
    uint64_t n_sent, n_dropped, n_messages, n_refused; /* texts to it; from it */
};
/* Returns how many there are; writes at most n of them. */
int tro_viewers_list(struct tro_viewers *v, struct tro_viewer_info *out, int n);

#endif
