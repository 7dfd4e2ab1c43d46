/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all pipelines share: start of GStreamer, one time, errors as messages, and pictures on
 * their way: buffers of NV12, rows without gaps, with a stamp.
 */
#ifndef TRO_CONSOLE_MEDIA_PIPE_H
#define TRO_CONSOLE_MEDIA_PIPE_H

#include <gst/gst.h>

#include "console/core/frame.h"
#include <trocar/trocar.h>

/* Once a process; any thread. */
int tro_pipe_init(struct tro_err *err);

/* A pipeline in gst-launch's words; floating references are sunk. NULL with err. */
GstElement *tro_pipe_launch(const char *text, struct tro_err *err);
/* Running time is monotonic time minus t0 from now on, whenever it starts. */
void tro_pipe_set_time(GstElement *pipeline, int64_t t0_ns);
/* The first error on its bus, which is emptied; false: there was none. */
bool tro_pipe_has_failed(GstElement *pipeline, struct tro_err *err);
/* Stops it and gives it back; NULL is fine. */
void tro_pipe_end(GstElement *pipeline);

/* Properties "name=value name=value", those that the element has. */
void tro_pipe_set(GstElement *element, const char *properties);

/* video/x-raw of that form, rows without gaps where the width is a multiple of four; fps 0: any. */
GstCaps *tro_pipe_caps(const struct tro_frame_form *form, double fps);

/* Buffers of n_bytes that come back by themselves; gst_object_unref ends it. */
GstBufferPool *tro_pipe_pool(size_t n_bytes, struct tro_err *err);
/* One of them, with its strides where GStreamer's own are others. NULL: memory ran out. */
GstBuffer *tro_pipe_buffer(GstBufferPool *pool, const struct tro_frame_form *form);

/* Of a picture (PTS, OFFSET, OFFSET_END) or an access unit. */
struct tro_stamp {
    int64_t running_ns; /* when it was captured, since media began */
    uint64_t frame;
    bool is_blurred; /* to be blurred before it leaves the room */
};
struct tro_stamp tro_pipe_stamp(const GstBuffer *buffer);
void tro_pipe_set_stamp(GstBuffer *buffer, const struct tro_stamp *s);

/* Names the calling thread, and puts it before those of networks where the system allows that. */
void tro_pipe_raise_thread(const char *name);

/* What goes out in RTP for a running time. */
uint32_t tro_pipe_rtp(int64_t running_ns);

#endif
