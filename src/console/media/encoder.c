/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/encoder.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/media/nv12.h"
#include "console/media/timemark.h"

#define MAX_LISTENERS 4
#define MAX_WAITING 4 /* pictures in front of the encoder, on a machine that is busy */
#define N_PENDING 32  /* pictures whose access unit has not come yet */
#define MATCH_NS 1000000
#define KEY_NS (INT64_C(200) * 1000000) /* least time between two that were asked for */

/*
 * THE list of encoders, best first: element, what stands before it, its properties, whether its
 * bitrate is in bits. Properties that a version lacks are left out.
 */
static const struct candidate {
    const char *element, *before, *properties;
    bool is_in_bits;
} candidates[] = {
    {"nvh264enc", "", "preset=low-latency-hq rc-mode=cbr zerolatency=true gop-size=-1 bframes=0",
     false},
    {"nvv4l2h264enc", "nvvidconv ! video/x-raw(memory:NVMM),format=NV12 ! ",
     "insert-sps-pps=true maxperf-enable=true iframeinterval=9999 idrinterval=9999 "
     "preset-level=1 num-B-Frames=0 control-rate=1",
     true},
    {"vah264enc", "", "rate-control=cbr key-int-max=1024 b-frames=0 ref-frames=1 target-usage=6",
     false},
    {"x264enc", "",
     "tune=zerolatency speed-preset=ultrafast key-int-max=9999 threads=1 sliced-threads=false "
     "vbv-buf-capacity=300 aud=false byte-stream=true",
     false},
};
#define N_CANDIDATES ((int)(sizeof(candidates) / sizeof(candidates[0])))

struct listener {
    void (*fn)(void *ctx, const struct tro_coded *c);
    void *ctx;
};

struct tro_encoder {
    struct tro_encoder_opts opts;
    pthread_mutex_t listening; /* of the next, held while they are called */
    struct listener listeners[MAX_LISTENERS];
    GstBufferPool *blurred;
    void *scratch; /* for the blur */
    atomic_int n_users;
    atomic_int candidate; /* -1: opts.first */
    atomic_uint_fast64_t n_encoded, n_lost;
    atomic_int_fast64_t key_ns; /* when one was last asked for */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    GstElement *pipeline; /* NULL while another encoder is looked for */
    GstAppSrc *in;
    GstElement *out;
    bool has_failed, is_stopping, is_thread_started;
    pthread_t thread; /* which makes a new pipeline when one has failed */
    struct tro_stamp pending[N_PENDING];
    unsigned n_pending; /* ever */
};

static const struct candidate *candidate_of(const struct tro_encoder *e, struct candidate *first)
{
    *first = (struct candidate){e->opts.first, "", "", false};
    const int i = atomic_load(&e->candidate);
    return i < 0 ? first : &candidates[i < N_CANDIDATES ? i : N_CANDIDATES - 1];
}

/* ---- what comes out --------------------------------------------------------------------- */

/* The picture that an access unit was made of; encoders may round its time. */
static uint64_t frame_at(struct tro_encoder *e, int64_t running_ns)
{
    uint64_t frame = 0;
    int64_t nearest = MATCH_NS;
    pthread_mutex_lock(&e->lock);
    for (int i = 0; i < N_PENDING; i++) {
        const int64_t off = llabs(e->pending[i].running_ns - running_ns);
        if (e->pending[i].frame && off < nearest) {
            nearest = off;
            frame = e->pending[i].frame;
        }
    }
    pthread_mutex_unlock(&e->lock);
    return frame;
}

static GstFlowReturn on_sample(GstAppSink *sink, gpointer ctx)
{
    struct tro_encoder *const e = ctx;
    GstSample *const sample = gst_app_sink_pull_sample(sink);
    GstBuffer *const coded = sample ? gst_sample_get_buffer(sample) : NULL;
    const GstClockTime running = coded ? gst_segment_to_running_time(gst_sample_get_segment(sample),
                                                                     GST_FORMAT_TIME,
                                                                     GST_BUFFER_PTS(coded))
                                       : GST_CLOCK_TIME_NONE;
    if (running != GST_CLOCK_TIME_NONE) {
        /* x264enc moves time stamps by 1000 hours, so that buffers go on with running time. */
        GstBuffer *const buffer = gst_buffer_copy(coded);
        const struct tro_stamp stamp = {(int64_t)running, frame_at(e, (int64_t)running), false};
        tro_pipe_set_stamp(buffer, &stamp);
        const struct tro_coded c = {
            .buffer = buffer,
            .caps = gst_sample_get_caps(sample),
            .frame = stamp.frame,
            .captured_ns = (int64_t)running + e->opts.t0_ns,
            .rtp = tro_pipe_rtp((int64_t)running),
            .is_key = !GST_BUFFER_FLAG_IS_SET(coded, GST_BUFFER_FLAG_DELTA_UNIT),
        };
        atomic_fetch_add(&e->n_encoded, 1);
        pthread_mutex_lock(&e->listening);
        for (int i = 0; i < MAX_LISTENERS; i++)
            if (e->listeners[i].fn)
                e->listeners[i].fn(e->listeners[i].ctx, &c);
        pthread_mutex_unlock(&e->listening);
        gst_buffer_unref(buffer);
    }
    if (sample)
        gst_sample_unref(sample);
    return GST_FLOW_OK;
}

/* ---- what goes in, in the encoder's thread ---------------------------------------------- */

static GstBuffer *blur(struct tro_encoder *e, GstBuffer *from)
{
    GstBuffer *to = tro_pipe_buffer(e->blurred, &e->opts.form);
    GstMapInfo map;
    if (!to || !gst_buffer_map(to, &map, GST_MAP_READWRITE)) {
        gst_clear_buffer(&to);
        return NULL;
    }
    struct tro_stamp stamp = tro_pipe_stamp(from);
    gst_buffer_extract(from, 0, map.data, map.size);
    tro_nv12_blur(map.data, e->opts.form.width, e->opts.form.height, e->scratch);
    if (e->opts.has_mark)
        tro_timemark_write(&e->opts.form, map.data, (uint32_t)stamp.frame);
    gst_buffer_unmap(to, &map);
    stamp.is_blurred = false;
    tro_pipe_set_stamp(to, &stamp);
    return to;
}

static GstPadProbeReturn on_picture(GstPad *pad, GstPadProbeInfo *info, gpointer ctx)
{
    (void)pad;
    struct tro_encoder *const e = ctx;
    static _Thread_local bool is_raised;
    if (!is_raised)
        tro_pipe_raise_thread("encode");
    is_raised = true;
    GstBuffer *const from = GST_PAD_PROBE_INFO_BUFFER(info);
    if (!tro_pipe_stamp(from).is_blurred)
        return GST_PAD_PROBE_OK;
    GstBuffer *const to = blur(e, from);
    if (!to)
        return GST_PAD_PROBE_DROP;
    gst_buffer_unref(from);
    GST_PAD_PROBE_INFO_DATA(info) = to;
    return GST_PAD_PROBE_OK;
}

/* ---- pipelines -------------------------------------------------------------------------- */

static GstBusSyncReply on_message(GstBus *bus, GstMessage *message, gpointer ctx)
{
    (void)bus;
    struct tro_encoder *const e = ctx;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        pthread_mutex_lock(&e->lock);
        e->has_failed = true;
        pthread_cond_signal(&e->wake);
        pthread_mutex_unlock(&e->lock);
    }
    return GST_BUS_PASS;
}

static void configure(struct tro_encoder *e, GstElement *pipeline, const struct candidate *with)
{
    GstElement *const coder = gst_bin_get_by_name(GST_BIN(pipeline), "coder");
    tro_pipe_set(coder, with->properties);
    gchar *const bitrate = g_strdup_printf("bitrate=%d",
                                           e->opts.bitrate_kbps * (with->is_in_bits ? 1000 : 1));
    tro_pipe_set(coder, bitrate);
    g_free(bitrate);
    gst_object_unref(coder);

    GstElement *const in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
    GstCaps *const caps = tro_pipe_caps(&e->opts.form, e->opts.fps);
    gst_app_src_set_caps(GST_APP_SRC(in), caps);
    gst_caps_unref(caps);
    GstPad *const pad = gst_element_get_static_pad(in, "src");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_picture, e, NULL);
    gst_object_unref(pad);
    gst_object_unref(in);

    GstElement *const out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    GstAppSinkCallbacks callbacks = {.new_sample = on_sample};
    gst_app_sink_set_callbacks(GST_APP_SINK(out), &callbacks, e, NULL);
    gst_object_unref(out);
}

static GstElement *launch(struct tro_encoder *e, const struct candidate *with, struct tro_err *err)
{
    GstElementFactory *const factory = gst_element_factory_find(with->element);
    if (!factory) {
        tro_fail(err, TRO_E_DEVICE, "there is no %s", with->element);
        return NULL;
    }
    gst_object_unref(factory);
    gchar *const text = g_strdup_printf(
        "appsrc name=in is-live=true format=time max-buffers=%d max-bytes=0 "
        "leaky-type=downstream ! %s%s name=coder ! capsfilter caps=\"video/x-h264,"
        "profile=(string){constrained-baseline,baseline,main},stream-format=byte-stream,"
        "alignment=au\" ! appsink name=out sync=false max-buffers=4 drop=true "
        "enable-last-sample=false",
        MAX_WAITING, with->before, with->element);
    GstElement *const pipeline = tro_pipe_launch(text, err);
    g_free(text);
    if (!pipeline)
        return NULL;
    configure(e, pipeline, with);
    tro_pipe_set_time(pipeline, e->opts.t0_ns);
    if (gst_element_set_state(pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE)
        return pipeline;
    tro_fail(err, TRO_E_DEVICE, "%s does not start", with->element);
    tro_pipe_end(pipeline);
    return NULL;
}

/* From the candidate at hand on, the first that starts. */
static int open_next(struct tro_encoder *e, struct tro_err *err)
{
    GstElement *pipeline = NULL;
    while (!pipeline && atomic_load(&e->candidate) < N_CANDIDATES) {
        struct candidate first;
        pipeline = launch(e, candidate_of(e, &first), err);
        if (!pipeline)
            atomic_fetch_add(&e->candidate, 1);
    }
    if (!pipeline) {
        return tro_err_prefix(err, TRO_E_DEVICE,
                              "no H.264 encoder works, not even x264enc "
                              "(gstreamer1.0-plugins-ugly): ");
    }
    GstBus *const bus = gst_element_get_bus(pipeline);
    pthread_mutex_lock(&e->lock);
    e->has_failed = false;
    e->pipeline = pipeline;
    e->in = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(pipeline), "in"));
    e->out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    pthread_mutex_unlock(&e->lock);
    gst_bus_set_sync_handler(bus, on_message, e, NULL);
    gst_object_unref(bus);
    return 0;
}

static void close_pipe(struct tro_encoder *e)
{
    pthread_mutex_lock(&e->lock);
    GstElement *const pipeline = e->pipeline, *const out = e->out;
    GstAppSrc *const in = e->in;
    e->pipeline = e->out = NULL;
    e->in = NULL;
    pthread_mutex_unlock(&e->lock);
    if (!pipeline)
        return;
    gst_object_unref(in);
    gst_object_unref(out);
    tro_pipe_end(pipeline);
}

/* A hardware encoder that fails while it runs gives way to the next one. */
static void *mend(void *ctx)
{
    struct tro_encoder *const e = ctx;
    pthread_setname_np(pthread_self(), "encoder-mend");
    for (;;) {
        pthread_mutex_lock(&e->lock);
        while (!e->is_stopping && !e->has_failed)
            pthread_cond_wait(&e->wake, &e->lock);
        const bool is_stopping = e->is_stopping;
        e->has_failed = false;
        pthread_mutex_unlock(&e->lock);
        if (is_stopping)
            return NULL;
        close_pipe(e);
        if (atomic_load(&e->candidate) < N_CANDIDATES - 1)
            atomic_fetch_add(&e->candidate, 1);
        struct tro_err ignored;
        open_next(e, &ignored);
    }
}

/* ---- life ------------------------------------------------------------------------------- */

struct tro_encoder *tro_encoder_create(const struct tro_encoder_opts *opts, struct tro_err *err)
{
    struct tro_encoder *const e = tro_calloc(1, sizeof(*e));
    if (!e) {
        tro_fail_nomem(err);
        return NULL;
    }
    e->opts = *opts;
    e->opts.form.format = TRO_FRAME_NV12;
    atomic_init(&e->candidate, opts->first ? -1 : 0);
    pthread_mutex_init(&e->lock, NULL);
    pthread_mutex_init(&e->listening, NULL);
    pthread_cond_init(&e->wake, NULL);
    e->scratch = tro_malloc(tro_nv12_blur_bytes(opts->form.width, opts->form.height));
    e->blurred = tro_pipe_pool(tro_frame_n_bytes(&e->opts.form), err);
    if (e->scratch && e->blurred && open_next(e, err) == 0 &&
        pthread_create(&e->thread, NULL, mend, e) == 0) {
        e->is_thread_started = true;
        return e;
    }
    if (!e->scratch)
        tro_fail_nomem(err);
    tro_encoder_destroy(e);
    return NULL;
}

void tro_encoder_destroy(struct tro_encoder *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->is_stopping = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    if (e->is_thread_started)
        pthread_join(e->thread, NULL);
    close_pipe(e);
    if (e->blurred) {
        gst_buffer_pool_set_active(e->blurred, FALSE);
        gst_object_unref(e->blurred);
    }
    tro_free(e->scratch);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->listening);
    pthread_mutex_destroy(&e->lock);
    tro_free(e);
}

void tro_encoder_listen(struct tro_encoder *e, void (*fn)(void *ctx, const struct tro_coded *c),
                        void *ctx)
{
    pthread_mutex_lock(&e->listening);
    for (int i = 0; i < MAX_LISTENERS; i++)
        if (!e->listeners[i].fn) {
            e->listeners[i] = (struct listener){fn, ctx};
            break;
        }
    pthread_mutex_unlock(&e->listening);
}

void tro_encoder_unlisten(struct tro_encoder *e, const void *ctx)
{
    pthread_mutex_lock(&e->listening);
    for (int i = 0; i < MAX_LISTENERS; i++)
        if (e->listeners[i].ctx == ctx)
            e->listeners[i] = (struct listener){0};
    pthread_mutex_unlock(&e->listening);
}

void tro_encoder_use(struct tro_encoder *e, int delta)
{
    atomic_fetch_add(&e->n_users, delta);
}

bool tro_encoder_is_used(const struct tro_encoder *e)
{
    return atomic_load(&e->n_users) > 0;
}

void tro_encoder_push(struct tro_encoder *e, GstBuffer *nv12)
{
    if (!tro_encoder_is_used(e))
        return;
    pthread_mutex_lock(&e->lock);
    GstAppSrc *const in = e->in ? gst_object_ref(e->in) : NULL;
    e->pending[e->n_pending++ % N_PENDING] = tro_pipe_stamp(nv12);
    pthread_mutex_unlock(&e->lock);
    if (!in) {
        atomic_fetch_add(&e->n_lost, 1);
        return;
    }
    if (gst_app_src_get_current_level_buffers(in) >= MAX_WAITING)
        atomic_fetch_add(&e->n_lost, 1);
    gst_app_src_push_buffer(in, gst_buffer_ref(nv12));
    gst_object_unref(in);
}

bool tro_encoder_ask_key(struct tro_encoder *e)
{
    const int64_t now_ns = tro_clock_ns();
    int_fast64_t last = atomic_load(&e->key_ns);
    if (now_ns - last < KEY_NS || !atomic_compare_exchange_strong(&e->key_ns, &last, now_ns))
        return false;
    pthread_mutex_lock(&e->lock);
    GstElement *const out = e->out ? gst_object_ref(e->out) : NULL;
    pthread_mutex_unlock(&e->lock);
    if (!out)
        return false;
    gst_element_send_event(
        out, gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 0));
    gst_object_unref(out);
    return true;
}

const char *tro_encoder_name(const struct tro_encoder *e)
{
    struct candidate first;
    return candidate_of(e, &first)->element;
}

void tro_encoder_count(const struct tro_encoder *e, uint64_t *n_encoded, uint64_t *n_lost)
{
    *n_encoded = atomic_load(&e->n_encoded);
    *n_lost = atomic_load(&e->n_lost);
}
