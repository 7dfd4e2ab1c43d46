/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/capture.h"

#include <gst/app/gstappsink.h>
#include <gst/video/video.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/core/realtime.h"
#include "console/core/source_frames.h"
#include "console/media/nv12.h"
#include "console/media/timemark.h"

#define PULL_NS (100 * GST_MSECOND)
#define SILENCE_NS (INT64_C(3) * 1000000000) /* a live source that gives nothing is tried again */
#define RETRY_NS (INT64_C(1) * 1000000000)

struct tro_capture {
    struct tro_capture_opts opts;
    struct tro_frame_form nv12; /* of pictures */
    GstBufferPool *frames, *pictures;
    struct tro_source_frames *files; /* of the kind `frames`, which brings its own thread */
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock; /* of is_stopping, to wait on */
    pthread_cond_t wake;
    bool is_stopping;
    uint64_t last_id;
    int64_t due_ns; /* when the next frame may come */
};

static bool is_live_kind(const struct tro_capture *c)
{
    return c->opts.source == TRO_SOURCE_RTSP || c->opts.source == TRO_SOURCE_V4L2;
}

/* ---- one frame ------------------------------------------------------------------------- */

/* The picture of a frame of another format. */
static GstBuffer *picture_of(struct tro_capture *c, GstBuffer *frame, const uint8_t *bytes)
{
    GstBuffer *picture = tro_pipe_buffer(c->pictures, &c->nv12);
    GstMapInfo map;
    if (!picture || !gst_buffer_map(picture, &map, GST_MAP_WRITE)) {
        gst_clear_buffer(&picture);
        return NULL;
    }
    tro_nv12_from(&c->opts.form, bytes, map.data);
    gst_buffer_unmap(picture, &map);
    const struct tro_stamp stamp = tro_pipe_stamp(frame);
    tro_pipe_set_stamp(picture, &stamp);
    return picture;
}

static void hand_on(struct tro_capture *c, GstBuffer *frame, int64_t captured_ns)
{
    GstMapInfo map;
    if (!gst_buffer_map(frame, &map, GST_MAP_READ))
        return;
    const struct tro_frame f = {c->last_id, captured_ns, c->opts.form, map.data};
    GstBuffer *const picture = c->opts.form.format == TRO_FRAME_NV12
                                   ? gst_buffer_ref(frame)
                                   : picture_of(c, frame, map.data);
    if (picture) {
        c->opts.picture(c->opts.ctx, picture);
        gst_buffer_unref(picture);
    }
    c->opts.frame(c->opts.ctx, &f);
    gst_buffer_unmap(frame, &map);
}

/* An empty frame with the next id. */
static GstBuffer *next_frame(struct tro_capture *c, int64_t captured_ns)
{
    GstBuffer *const frame = tro_pipe_buffer(c->frames, &c->opts.form);
    if (!frame)
        return NULL;
    const struct tro_stamp stamp = {captured_ns - c->opts.t0_ns, ++c->last_id, false};
    tro_pipe_set_stamp(frame, &stamp);
    return frame;
}

/* What is too many in the long run; up to one and a half frames early is in time: jitter. */
static bool is_due(struct tro_capture *c, int64_t now_ns)
{
    const int64_t period_ns = (int64_t)(1e9 / c->opts.fps);
    if (now_ns < c->due_ns - period_ns * 3 / 2)
        return false;
    c->due_ns = (c->due_ns > now_ns - period_ns ? c->due_ns : now_ns - period_ns) + period_ns;
    return true;
}

static void copy_rows(uint8_t *to, const uint8_t *from, int stride, size_t n_row, int n_rows)
{
    for (int y = 0; y < n_rows; y++)
        memcpy(to + (size_t)y * n_row, from + (ptrdiff_t)y * stride, n_row);
}

static void copy_frame(const struct tro_frame_form *form, const GstVideoFrame *from, uint8_t *to)
{
    const size_t width = (size_t)form->width;
    const uint8_t *const first = GST_VIDEO_FRAME_PLANE_DATA(from, 0);
    const int stride = GST_VIDEO_FRAME_PLANE_STRIDE(from, 0);
    switch (form->format) {
    case TRO_FRAME_YUYV:
        copy_rows(to, first, stride, width * 2, form->height);
        break;
    case TRO_FRAME_RGB8:
        copy_rows(to, first, stride, width * 3, form->height);
        break;
    default:
        copy_rows(to, first, stride, width, form->height);
        copy_rows(to + width * (size_t)form->height, GST_VIDEO_FRAME_PLANE_DATA(from, 1),
                  GST_VIDEO_FRAME_PLANE_STRIDE(from, 1), width, form->height / 2);
    }
}

static void raise_thread(void)
{
    tro_pipe_raise_thread("capture");
    tro_realtime_enter(TRO_REALTIME_CAPTURE);
}

/* ---- from files ------------------------------------------------------------------------ */

static void on_file_frame(void *ctx, const struct tro_frame *f)
{
    struct tro_capture *const c = ctx;
    if (c->last_id == 0)
        raise_thread();
    GstBuffer *frame = next_frame(c, f->captured_ns);
    GstMapInfo map;
    if (frame && gst_buffer_map(frame, &map, GST_MAP_WRITE)) {
        memcpy(map.data, f->bytes, map.size);
        if (c->opts.has_mark)
            tro_timemark_write(&c->opts.form, map.data, (uint32_t)c->last_id);
        gst_buffer_unmap(frame, &map);
        hand_on(c, frame, f->captured_ns);
    }
    gst_clear_buffer(&frame);
}

static void on_files_ended(void *ctx)
{
    struct tro_capture *const c = ctx;
    struct tro_err err;
    tro_fail(&err, TRO_E_IO, "source '%s': it has ended", c->opts.location);
    c->opts.ended(c->opts.ctx, &err, true);
}

static int open_files(struct tro_capture *c, struct tro_err *err)
{
    const struct tro_source_frames_opts files = {.location = c->opts.location,
                                                 .form = c->opts.form,
                                                 .fps = c->opts.fps,
                                                 .loops = c->opts.loops,
                                                 .frame = on_file_frame,
                                                 .ended = on_files_ended,
                                                 .ctx = c};
    c->files = tro_source_frames_create(&files, err);
    return c->files ? 0 : TRO_E_INPUT;
}

/* ---- from GStreamer -------------------------------------------------------------------- */

struct from_pipe {
    GstElement *pipeline;
    GstAppSink *sink;
    bool is_live;
    int64_t heard_ns; /* when the last sample came, or the start */
};

static GstClockTime running_of(GstSample *sample)
{
    return gst_segment_to_running_time(gst_sample_get_segment(sample), GST_FORMAT_TIME,
                                       GST_BUFFER_PTS(gst_sample_get_buffer(sample)));
}

/* Of live sources, whose time stamps are of the same clock; never in the future. */
static int64_t time_of(const struct from_pipe *p, GstSample *sample, int64_t now_ns)
{
    const GstClockTime running = running_of(sample);
    if (!p->is_live || running == GST_CLOCK_TIME_NONE)
        return now_ns;
    const int64_t at = (int64_t)(gst_element_get_base_time(p->pipeline) + running);
    return at > now_ns || at < now_ns - SILENCE_NS ? now_ns : at;
}

static void take_sample(struct tro_capture *c, const struct from_pipe *p, GstSample *sample)
{
    const int64_t captured_ns = time_of(p, sample, tro_clock_ns());
    /* A file's frames may come late and then at once: its own times count. */
    const GstClockTime running = c->opts.source == TRO_SOURCE_FILE ? running_of(sample)
                                                                   : GST_CLOCK_TIME_NONE;
    const int64_t at = running == GST_CLOCK_TIME_NONE ? captured_ns : (int64_t)running;
    GstVideoInfo info;
    GstVideoFrame from;
    if (!is_due(c, at) || !gst_video_info_from_caps(&info, gst_sample_get_caps(sample)) ||
        !gst_video_frame_map(&from, &info, gst_sample_get_buffer(sample), GST_MAP_READ))
        return;
    GstBuffer *frame = next_frame(c, captured_ns);
    GstMapInfo map;
    if (frame && gst_buffer_map(frame, &map, GST_MAP_WRITE)) {
        copy_frame(&c->opts.form, &from, map.data);
        if (c->opts.has_mark)
            tro_timemark_write(&c->opts.form, map.data, (uint32_t)c->last_id);
        gst_buffer_unmap(frame, &map);
        hand_on(c, frame, captured_ns);
    }
    gst_video_frame_unmap(&from);
    gst_clear_buffer(&frame);
}

/* Up to the picture's decoding; location goes into the element `from`, never into the text. */
static char *source_text(const struct tro_capture *c)
{
    const struct tro_capture_opts *const o = &c->opts;
    switch (o->source) {
    case TRO_SOURCE_FILE:
        return g_strdup("filesrc name=from ! decodebin");
    case TRO_SOURCE_RTSP:
        return g_strdup("rtspsrc name=from latency=40 drop-on-latency=true ! "
                        "application/x-rtp,media=video ! decodebin");
    case TRO_SOURCE_V4L2:
        return g_strdup_printf("v4l2src name=from ! capsfilter caps=\""
                               "video/x-raw,width=%d,height=%d;image/jpeg,width=%d,height=%d;"
                               "video/x-raw;image/jpeg\" ! decodebin",
                               o->form.width, o->form.height, o->form.width, o->form.height);
    default:
        return g_strdup(o->location);
    }
}

static GstElement *launch(struct tro_capture *c, struct tro_err *err)
{
    gchar *const source = source_text(c);
    GstCaps *const caps = tro_pipe_caps(&c->opts.form, 0);
    gchar *const form = gst_caps_to_string(caps);
    /* Of a file each frame is wanted, of all else the newest. */
    gchar *const text = g_strdup_printf(
        "%s ! videoconvert ! videoscale ! capsfilter caps=\"%s\" ! appsink name=to "
        "max-buffers=2 drop=%s enable-last-sample=false",
        source, form, c->opts.source == TRO_SOURCE_FILE ? "false" : "true");
    GstElement *const pipeline = tro_pipe_launch(text, err);
    GstElement *const from = pipeline && c->opts.source != TRO_SOURCE_GST
                                 ? gst_bin_get_by_name(GST_BIN(pipeline), "from")
                                 : NULL;
    if (from) {
        const char *const key = c->opts.source == TRO_SOURCE_V4L2 ? "device" : "location";
        g_object_set(from, key, c->opts.location, NULL);
        gst_object_unref(from);
    }
    g_free(text);
    g_free(form);
    gst_caps_unref(caps);
    g_free(source);
    return pipeline;
}

static int open_pipe(struct tro_capture *c, struct from_pipe *p, struct tro_err *err)
{
    *p = (struct from_pipe){.pipeline = launch(c, err), .heard_ns = tro_clock_ns()};
    c->due_ns = 0;
    if (!p->pipeline)
        return TRO_E_DEVICE;
    p->sink = GST_APP_SINK(gst_bin_get_by_name(GST_BIN(p->pipeline), "to"));
    const GstStateChangeReturn got = gst_element_set_state(p->pipeline, GST_STATE_PAUSED);
    p->is_live = got == GST_STATE_CHANGE_NO_PREROLL || is_live_kind(c);
    /* What is not live comes as fast as it can be read unless its time is waited for. */
    g_object_set(p->sink, "sync", !p->is_live, NULL);
    if (got != GST_STATE_CHANGE_FAILURE &&
        gst_element_set_state(p->pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE)
        return 0;
    if (!tro_pipe_has_failed(p->pipeline, err))
        tro_fail(err, TRO_E_DEVICE, "it does not start");
    return TRO_E_DEVICE;
}

static void close_pipe(struct from_pipe *p)
{
    if (p->sink)
        gst_object_unref(p->sink);
    tro_pipe_end(p->pipeline);
}

static bool is_stopping(struct tro_capture *c)
{
    pthread_mutex_lock(&c->lock);
    const bool is = c->is_stopping;
    pthread_mutex_unlock(&c->lock);
    return is;
}

/* 0: it has ended by itself, or stop was called. */
static int run_pipe(struct tro_capture *c, struct from_pipe *p, struct tro_err *err)
{
    while (!is_stopping(c)) {
        GstSample *const sample = gst_app_sink_try_pull_sample(p->sink, PULL_NS);
        if (sample) {
            p->heard_ns = tro_clock_ns();
            take_sample(c, p, sample);
            gst_sample_unref(sample);
            continue;
        }
        if (tro_pipe_has_failed(p->pipeline, err))
            return TRO_E_DEVICE;
        if (gst_app_sink_is_eos(p->sink))
            return 0;
        if (p->is_live && tro_clock_ns() - p->heard_ns > SILENCE_NS)
            return tro_fail(err, TRO_E_DEVICE, "no frame has come for 3 s");
    }
    return 0;
}

/* True: stop was called meanwhile. */
static bool pause_before_retry(struct tro_capture *c)
{
    const int64_t until = tro_clock_ns() + RETRY_NS;
    const struct timespec at = {until / 1000000000, until % 1000000000};
    pthread_mutex_lock(&c->lock);
    while (!c->is_stopping && pthread_cond_timedwait(&c->wake, &c->lock, &at) == 0)
        ;
    const bool is = c->is_stopping;
    pthread_mutex_unlock(&c->lock);
    return is;
}

static void capture_pipes(struct tro_capture *c)
{
    for (;;) {
        struct tro_err err = {0};
        struct from_pipe p;
        int rc = open_pipe(c, &p, &err);
        if (rc == 0)
            rc = run_pipe(c, &p, &err);
        close_pipe(&p);
        if (is_stopping(c))
            return;
        if (rc == 0 && c->opts.source == TRO_SOURCE_FILE && c->opts.loops)
            continue;
        if (rc == 0)
            tro_fail(&err, TRO_E_IO, "it has ended");
        tro_err_prefix(&err, -1, "source '%s': ", c->opts.location);
        const bool is_final = c->opts.source == TRO_SOURCE_FILE ||
                              (c->opts.source == TRO_SOURCE_GST && rc == 0);
        c->opts.ended(c->opts.ctx, &err, is_final);
        if (is_final || pause_before_retry(c))
            return;
    }
}

/* ---- life ------------------------------------------------------------------------------ */

static void *run(void *ctx)
{
    struct tro_capture *const c = ctx;
    raise_thread();
    capture_pipes(c);
    return NULL;
}

struct tro_capture *tro_capture_create(const struct tro_capture_opts *opts, struct tro_err *err)
{
    const size_t n_bytes = tro_frame_n_bytes(&opts->form);
    if (n_bytes == 0 || !(opts->fps > 0)) {
        tro_fail(err, TRO_E_INPUT, "frames of %d x %d at %g a second are out of range",
                 opts->form.width, opts->form.height, opts->fps);
        return NULL;
    }
    struct tro_capture *const c = tro_calloc(1, sizeof(*c));
    if (!c) {
        tro_fail_nomem(err);
        return NULL;
    }
    c->opts = *opts;
    c->nv12 = opts->form;
    c->nv12.format = TRO_FRAME_NV12;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&c->lock, NULL);
    c->frames = tro_pipe_pool(n_bytes, err);
    c->pictures = tro_pipe_pool(tro_frame_n_bytes(&c->nv12), err);
    if (c->frames && c->pictures && (opts->source != TRO_SOURCE_FRAMES || open_files(c, err) == 0))
        return c;
    tro_capture_destroy(c);
    return NULL;
}

int tro_capture_start(struct tro_capture *c, struct tro_err *err)
{
    if (c->files)
        return tro_source_frames_start(c->files, err);
    if (pthread_create(&c->thread, NULL, run, c) != 0)
        return tro_fail(err, TRO_E_NOMEM, "no thread for the capture");
    c->is_started = true;
    return 0;
}

static void end_pool(GstBufferPool *pool)
{
    if (!pool)
        return;
    gst_buffer_pool_set_active(pool, FALSE);
    gst_object_unref(pool);
}

void tro_capture_destroy(struct tro_capture *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->is_stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    if (c->is_started)
        pthread_join(c->thread, NULL);
    tro_source_frames_destroy(c->files);
    end_pool(c->frames);
    end_pool(c->pictures);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    tro_free(c);
}
