/* SPDX-License-Identifier: Apache-2.0 */
/* Where the display's pictures go: a window, a file, RTSP. */
#ifndef TRO_CONSOLE_MEDIA_SINK_H
#define TRO_CONSOLE_MEDIA_SINK_H

#include "console/core/source.h"
#include "console/media/encoder.h"

struct tro_sink;

struct tro_sink_opts {
    enum tro_display kind;
    const char *location;
    struct tro_frame_form form; /* NV12 */
    double fps;
    int bitrate_kbps;
    int64_t t0_ns;
    struct tro_encoder *burned; /* whose stream goes out by RTSP */
};

struct tro_sink *tro_sink_create(const struct tro_sink_opts *opts, struct tro_err *err);
/* Ends files properly, which may take up to 5 s. */
void tro_sink_destroy(struct tro_sink *s);

/* One thread; never waits. */
void tro_sink_push(struct tro_sink *s, GstBuffer *nv12);
/* Any thread: pictures that it did not take in time. */
uint64_t tro_sink_n_lost(const struct tro_sink *s);

#endif
