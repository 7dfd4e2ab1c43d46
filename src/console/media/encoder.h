/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H.264 once for all who watch: a hardware encoder where one works, else x264, without frames that
 * wait for others. Pictures are encoded only while somebody uses it. Any thread.
 */
#ifndef TRO_CONSOLE_MEDIA_ENCODER_H
#define TRO_CONSOLE_MEDIA_ENCODER_H

#include "console/media/pipe.h"

struct tro_encoder;

/* An access unit with start codes; PTS is running time. Listeners reference what they keep. */
struct tro_coded {
    GstBuffer *buffer;
    GstCaps *caps;
    uint64_t frame;
    int64_t captured_ns;
    uint32_t rtp; /* 90 kHz */
    bool is_key;
};

struct tro_encoder_opts {
    struct tro_frame_form form; /* its format counts as NV12 */
    double fps;
    int bitrate_kbps;
    int64_t t0_ns;
    bool has_mark;     /* written again into what was blurred */
    const char *first; /* an element to be tried before all others; NULL: none */
};

/* Which element works is found out here, which takes some 10 ms. */
struct tro_encoder *tro_encoder_create(const struct tro_encoder_opts *opts, struct tro_err *err);
/* NULL is fine. */
void tro_encoder_destroy(struct tro_encoder *e);

/* At most four. fn runs in the encoder's thread and must not wait, and not after unlisten has
 * returned. */
void tro_encoder_listen(struct tro_encoder *e, void (*fn)(void *ctx, const struct tro_coded *c),
                        void *ctx);
void tro_encoder_unlisten(struct tro_encoder *e, const void *ctx);

/* How many use it: delta 1 or -1. */
void tro_encoder_use(struct tro_encoder *e, int delta);
bool tro_encoder_is_used(const struct tro_encoder *e);

/* Never waits: where four pictures wait already, the oldest is lost. Blurs it first where its
 * OFFSET_END says so. */
void tro_encoder_push(struct tro_encoder *e, GstBuffer *nv12);

/* The next picture is to be one that decoding can begin at. False: one was made a moment ago. */
bool tro_encoder_ask_key(struct tro_encoder *e);

const char *tro_encoder_name(const struct tro_encoder *e);
void tro_encoder_count(const struct tro_encoder *e, uint64_t *n_encoded, uint64_t *n_lost);

#endif
