/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/sink.h"

#include <gst/app/gstappsrc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "console/media/rtsp.h"

#define END_NS (5 * GST_SECOND)
#define N_WINDOW 2 /* pictures that wait: the newest counts */
#define N_FILE 64  /* here each one does */

struct tro_sink {
    struct tro_rtsp *rtsp; /* or the next two */
    GstElement *pipeline;
    GstAppSrc *in;
    guint64 n_most;
    bool is_file;
    atomic_uint_fast64_t n_lost;
};

/* THE list of windows, best first, and what has to be there for each: a variable, or a device.
 * autovideosink would try DirectFB too, which crashes without a screen. */
static const struct {
    const char *element, *variable, *device;
} windows[] = {
    {"waylandsink", "WAYLAND_DISPLAY", NULL}, {"xvimagesink", "DISPLAY", NULL},
    {"ximagesink", "DISPLAY", NULL},          {"glimagesink", "DISPLAY", NULL},
    {"kmssink", NULL, "/dev/dri/card0"},
};

static bool works(const char *name)
{
    GstElement *const element = gst_element_factory_make(name, NULL);
    if (!element)
        return false;
    gst_object_ref_sink(element);
    const bool is_ready = gst_element_set_state(element, GST_STATE_READY) !=
                          GST_STATE_CHANGE_FAILURE;
    gst_element_set_state(element, GST_STATE_NULL);
    gst_object_unref(element);
    return is_ready;
}

static const char *find_window(void)
{
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        const bool is_there = windows[i].variable ? getenv(windows[i].variable) != NULL
                                                  : access(windows[i].device, R_OK | W_OK) == 0;
        if (is_there && works(windows[i].element))
            return windows[i].element;
    }
    return NULL;
}

static gchar *text_of(const struct tro_sink_opts *o, struct tro_err *err)
{
    if (o->kind == TRO_DISPLAY_FILE)
        return g_strdup_printf(
            "appsrc name=in is-live=true format=time max-buffers=%d max-bytes=0 "
            "leaky-type=downstream ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=%d "
            "key-int-max=%d threads=1 sliced-threads=false ! h264parse ! matroskamux ! "
            "filesink name=to",
            N_FILE, o->bitrate_kbps, (int)(o->fps * 2) + 1);
    const char *const window = find_window();
    if (window)
        return g_strdup_printf("appsrc name=in is-live=true format=time max-buffers=%d max-bytes=0 "
                               "leaky-type=downstream ! videoconvert ! videoscale ! %s sync=false",
                               N_WINDOW, window);
    tro_fail(err, TRO_E_DEVICE,
             "there is no window to show video in: is DISPLAY or "
             "WAYLAND_DISPLAY set? 'none' needs no window");
    return NULL;
}

static int open_pipe(struct tro_sink *s, const struct tro_sink_opts *o, struct tro_err *err)
{
    gchar *const text = text_of(o, err);
    s->pipeline = text ? tro_pipe_launch(text, err) : NULL;
    g_free(text);
    if (!s->pipeline)
        return TRO_E_DEVICE;
    s->is_file = o->kind == TRO_DISPLAY_FILE;
    s->n_most = s->is_file ? N_FILE : N_WINDOW;
    s->in = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(s->pipeline), "in"));
    GstCaps *const caps = tro_pipe_caps(&o->form, o->fps);
    gst_app_src_set_caps(s->in, caps);
    gst_caps_unref(caps);
    if (s->is_file) {
        GstElement *const to = gst_bin_get_by_name(GST_BIN(s->pipeline), "to");
        g_object_set(to, "location", o->location, NULL);
        gst_object_unref(to);
    }
    tro_pipe_set_time(s->pipeline, o->t0_ns);
    if (gst_element_set_state(s->pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE)
        return 0;
    if (!tro_pipe_has_failed(s->pipeline, err))
        tro_fail(err, TRO_E_DEVICE, "it does not start");
    return TRO_E_DEVICE;
}

struct tro_sink *tro_sink_create(const struct tro_sink_opts *opts, struct tro_err *err)
{
    struct tro_sink *const s = tro_calloc(1, sizeof(*s));
    if (!s) {
        tro_fail_nomem(err);
        return NULL;
    }
    if (opts->kind == TRO_DISPLAY_RTSP) {
        s->rtsp = tro_rtsp_create(opts->location, opts->t0_ns, opts->burned, err);
        if (s->rtsp)
            return s;
    } else if (open_pipe(s, opts, err) == 0) {
        return s;
    }
    tro_sink_destroy(s);
    return NULL;
}

/* A file's index is written when all has gone through. */
static void end_file(struct tro_sink *s)
{
    gst_app_src_end_of_stream(s->in);
    GstBus *const bus = gst_element_get_bus(s->pipeline);
    GstMessage *const message = gst_bus_timed_pop_filtered(bus, END_NS,
                                                           GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    if (message)
        gst_message_unref(message);
    gst_object_unref(bus);
}

void tro_sink_destroy(struct tro_sink *s)
{
    if (!s)
        return;
    tro_rtsp_destroy(s->rtsp);
    if (s->in && s->is_file)
        end_file(s);
    if (s->in)
        gst_object_unref(s->in);
    tro_pipe_end(s->pipeline);
    tro_free(s);
}

void tro_sink_push(struct tro_sink *s, GstBuffer *nv12)
{
    if (!s->in)
        return;
    if (gst_app_src_get_current_level_buffers(s->in) >= s->n_most)
        atomic_fetch_add(&s->n_lost, 1);
    gst_app_src_push_buffer(s->in, gst_buffer_ref(nv12));
}

uint64_t tro_sink_n_lost(const struct tro_sink *s)
{
    return atomic_load(&s->n_lost);
}
