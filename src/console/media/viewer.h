/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One viewer: a pipeline of its own from access units to webrtcbin, and two data channels.
 * References are counted, since callbacks of GStreamer's threads hold it too.
 */
#ifndef TRO_CONSOLE_MEDIA_VIEWER_H
#define TRO_CONSOLE_MEDIA_VIEWER_H

#include "console/media/encoder.h"
#include "console/media/offer.h"
#include "console/media/viewers.h"

struct tro_viewer;

struct tro_viewer_opts {
    const char *id;
    bool is_burned_in;
    int64_t t0_ns;
    /* The same for all, not 0. Each is alone in its session, and webrtcbin makes it part of names
     * of caps' fields, which GStreamer before 1.26 keeps for ever. */
    uint32_t ssrc;
    struct tro_encoder *encoder; /* used while it is connected */
    /* From GStreamer's threads. The reference that begins with the first of them is ctx's. */
    void (*joined)(void *ctx, struct tro_viewer *v);
    void (*message)(void *ctx, struct tro_viewer *v, const char *text, size_t n);
    void (*ended)(void *ctx, struct tro_viewer *v); /* is_ended has become true */
    void *ctx;
};

/* Answers an offer, which becomes its own whatever happens; waits up to 5 s. NULL with err. */
struct tro_viewer *tro_viewer_create(const struct tro_viewer_opts *opts, struct tro_offer *offer,
                                     char **answer, struct tro_err *err);
struct tro_viewer *tro_viewer_ref(struct tro_viewer *v);
void tro_viewer_unref(struct tro_viewer *v);

/* Stops all of it, which takes some ms; not in a thread of GStreamer. */
void tro_viewer_stop(struct tro_viewer *v);

/* In the encoder's thread; never waits. */
void tro_viewer_push(struct tro_viewer *v, const struct tro_coded *c);
void tro_viewer_send(struct tro_viewer *v, enum tro_viewer_channel channel, const char *text,
                     size_t n);
int tro_viewer_trickle(struct tro_viewer *v, const char *fragment, size_t n, struct tro_err *err);

/* Ends it with a reason, a string constant, the first of which stands. */
void tro_viewer_end(struct tro_viewer *v, const char *why);
/* Why it has ended; NULL: it has not. Looks at how long it has been silent. */
const char *tro_viewer_is_ended(struct tro_viewer *v, int64_t now_ns);

const char *tro_viewer_id(const struct tro_viewer *v);
void tro_viewer_info(struct tro_viewer *v, struct tro_viewer_info *out);

#endif
