/* SPDX-License-Identifier: Apache-2.0 */
/* The encoder alone: stamps, keys, who uses it, one that fails, what a blurred picture keeps. */
#include "test.h"

#ifdef TRO_HAVE_GSTREAMER
#include "console/media/encoder.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"
#include "console/media/timemark.h"

#define W 640
#define H 360
#define N_BYTES (W * H * 3 / 2)

static const struct tro_frame_form form = {TRO_FRAME_NV12, W, H, false, false};

struct heard {
    atomic_int n, n_keys, n_wrong;
    atomic_uint_fast64_t last;
    int64_t t0_ns;
    GstElement *decoder; /* pushes what it hears there; NULL: nowhere */
};

static void on_coded(void *ctx, const struct tro_coded *c)
{
    struct heard *const h = ctx;
    const int64_t running_ns = c->captured_ns - h->t0_ns;
    if (c->rtp != (uint32_t)((uint64_t)running_ns * 9 / 100000) || c->frame == 0 ||
        c->frame <= atomic_load(&h->last) || tro_pipe_stamp(c->buffer).running_ns != running_ns)
        atomic_fetch_add(&h->n_wrong, 1);
    atomic_store(&h->last, c->frame);
    atomic_fetch_add(&h->n_keys, c->is_key);
    atomic_fetch_add(&h->n, 1);
    if (h->decoder) {
        gst_app_src_set_caps(GST_APP_SRC(h->decoder), c->caps);
        gst_app_src_push_buffer(GST_APP_SRC(h->decoder), gst_buffer_ref(c->buffer));
    }
}

static struct tro_encoder *open_encoder(struct heard *h, const char *first)
{
    struct tro_err err = {0};
    memset(h, 0, sizeof(*h));
    if (tro_pipe_init(&err) < 0) {
        test_skip(err.text);
        return NULL;
    }
    h->t0_ns = tro_clock_ns();
    const struct tro_encoder_opts opts = {.form = form,
                                          .fps = 30,
                                          .bitrate_kbps = 2500,
                                          .t0_ns = h->t0_ns,
                                          .has_mark = true,
                                          .first = first};
    struct tro_encoder *const e = tro_encoder_create(&opts, &err);
    if (!e) {
        test_skip(err.text);
        return NULL;
    }
    tro_encoder_listen(e, on_coded, h);
    return e;
}

/* Fine stripes, which no blur keeps. */
static void push(struct tro_encoder *e, const struct heard *h, uint64_t id, bool is_blurred)
{
    uint8_t *const bytes = malloc(N_BYTES);
    memset(bytes, 128, N_BYTES);
    for (int i = 0; i < W * H; i++)
        bytes[i] = (i % W / 4) % 2 ? 200 : 40;
    tro_timemark_write(&form, bytes, (uint32_t)id);
    GstBuffer *const picture = gst_buffer_new_memdup(bytes, N_BYTES);
    const struct tro_stamp stamp = {tro_clock_ns() - h->t0_ns, id, is_blurred};
    tro_pipe_set_stamp(picture, &stamp);
    tro_encoder_push(e, picture);
    gst_buffer_unref(picture);
    free(bytes);
    usleep(20000);
}

static bool wait_count(const atomic_int *n, int least)
{
    for (int i = 0; i < 500 && atomic_load(n) < least; i++)
        usleep(10000);
    return atomic_load(n) >= least;
}

TEST(encodes_while_it_is_used)
{
    struct heard h;
    struct tro_encoder *const e = open_encoder(&h, NULL);
    if (!e)
        return;
    uint64_t n_encoded, n_lost;
    push(e, &h, 1, false);
    CHECK(!tro_encoder_is_used(e));
    tro_encoder_use(e, 1);
    for (uint64_t id = 2; id <= 11; id++)
        push(e, &h, id, false);
    CHECK(wait_count(&h.n, 8));
    tro_encoder_count(e, &n_encoded, &n_lost);
    CHECK_INT(n_encoded + n_lost, 10);
    CHECK_INT(h.n_wrong, 0);
    CHECK_INT(h.n_keys, 1);
    tro_encoder_ask_key(e);
    tro_encoder_ask_key(e); /* too soon to be another one */
    for (uint64_t id = 12; id <= 15; id++)
        push(e, &h, id, false);
    CHECK(wait_count(&h.n_keys, 2));
    CHECK_INT(h.n_keys, 2);
    tro_encoder_use(e, -1);
    push(e, &h, 16, false);
    usleep(100000);
    CHECK(atomic_load(&h.last) <= 15);
    tro_encoder_unlisten(e, &h);
    tro_encoder_destroy(e);
}

/* "identity" starts like an encoder and fails at the first picture; the next one takes over. */
TEST(one_that_fails_gives_way)
{
    struct heard h;
    struct tro_encoder *const e = open_encoder(&h, "identity");
    if (!e)
        return;
    CHECK_STR(tro_encoder_name(e), "identity");
    tro_encoder_use(e, 1);
    for (uint64_t id = 1; id <= 200 && atomic_load(&h.n) < 5; id++)
        push(e, &h, id, false);
    CHECK(atomic_load(&h.n) >= 5);
    CHECK_INT(h.n_wrong, 0);
    CHECK(strcmp(tro_encoder_name(e), "identity") != 0);
    tro_encoder_destroy(e);
}

TEST(one_that_is_not_there_is_left_out)
{
    struct heard h;
    struct tro_encoder *const e = open_encoder(&h, "nosuchenc");
    if (!e)
        return;
    CHECK(strcmp(tro_encoder_name(e), "nosuchenc") != 0);
    tro_encoder_destroy(e);
}

/* How far the stripes are apart in the middle of the picture, and the mark in its corner. */
static int contrast(GstElement *sink, uint32_t *mark)
{
    GstSample *const sample = gst_app_sink_try_pull_sample(GST_APP_SINK(sink), 5 * GST_SECOND);
    GstMapInfo map;
    int least = 255, most = 0;
    if (!sample)
        return -1;
    if (gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ)) {
        for (int x = 200; x < 400; x++) {
            const int v = map.data[180 * W + x];
            least = v < least ? v : least;
            most = v > most ? v : most;
        }
        if (!tro_timemark_read(map.data, W, W, H, mark))
            *mark = 0;
        gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
    }
    gst_sample_unref(sample);
    return most - least;
}

/* What is told to be blurred is so before it is encoded, with its mark; what is not, is not. */
TEST(blurred_before_it_is_encoded)
{
    struct heard h;
    struct tro_err err = {0};
    struct tro_encoder *const e = open_encoder(&h, NULL);
    if (!e)
        return;
    GstElement *const pipeline = tro_pipe_launch("appsrc name=in format=time ! h264parse ! "
                                                 "openh264dec ! appsink name=out sync=false",
                                                 &err);
    if (!pipeline) {
        tro_encoder_destroy(e);
        SKIP("openh264dec (gstreamer1.0-plugins-bad) is not there");
    }
    h.decoder = gst_bin_get_by_name(GST_BIN(pipeline), "in");
    GstElement *const out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    tro_encoder_use(e, 1);
    for (uint64_t id = 1; id <= 12; id++)
        push(e, &h, id, id <= 6);
    CHECK(wait_count(&h.n, 10));
    gst_app_src_end_of_stream(GST_APP_SRC(h.decoder));
    int n_blurred = 0, n_plain = 0, value;
    uint32_t mark = 0;
    while ((value = contrast(out, &mark)) >= 0) {
        if (mark >= 1 && mark <= 6)
            n_blurred += value < 12;
        else
            n_plain += mark >= 7 && value > 100;
    }
    CHECK_INT(n_blurred + n_plain, atomic_load(&h.n));
    CHECK(n_blurred >= 4 && n_plain >= 4);
    tro_encoder_unlisten(e, &h);
    tro_encoder_destroy(e);
    gst_object_unref(h.decoder);
    gst_object_unref(out);
    tro_pipe_end(pipeline);
}
#else
TEST(encoder)
{
    SKIP("built without GStreamer");
}
#endif
