/* SPDX-License-Identifier: Apache-2.0 */
/* Frame ids in the picture: each format, each size, and through an encoder and back. */
#include "console/media/timemark.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static const uint32_t ids[] = {0,       1,          2,          0x8000,     0xffff,
                               0x10000, 0x12345678, 0xaaaaaaaa, 0x55555555, 0xffffffff};
#define N_IDS ((int)(sizeof(ids) / sizeof(ids[0])))

static uint8_t *noise(size_t n)
{
    uint8_t *const bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)((i * 2654435761u) >> 23);
    return bytes;
}

/* The luma of a frame of any format; of rgb8 the green, which a gray mark is in too. */
static uint8_t *luma_of(const struct tro_frame_form *form, const uint8_t *bytes)
{
    static const int first[] = {0, 0, 1}, step[] = {1, 2, 3};
    const int n = form->width * form->height;
    uint8_t *const luma = malloc((size_t)n);
    for (int i = 0; i < n; i++)
        luma[i] = bytes[first[form->format] + i * step[form->format]];
    return luma;
}

TEST(each_format_and_size)
{
    static const int sizes[][2] = {{640, 360}, {1920, 1080}, {320, 180}, {478, 20},
                                   {480, 16},  {72, 8},      {146, 16}};
    for (int format = 0; format < TRO_N_FRAME_FORMATS; format++)
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            const struct tro_frame_form form = {(enum tro_frame_format)format, sizes[s][0],
                                                sizes[s][1], false, false};
            uint8_t *const bytes = noise(tro_frame_n_bytes(&form));
            for (int i = 0; i < N_IDS; i++) {
                tro_timemark_write(&form, bytes, ids[i]);
                uint8_t *const luma = luma_of(&form, bytes);
                uint32_t id = ~ids[i];
                CHECK(tro_timemark_read(luma, form.width, form.width, form.height, &id));
                CHECK_INT(id, ids[i]);
                free(luma);
            }
            free(bytes);
        }
}

TEST(nothing_is_read_where_there_is_no_mark)
{
    const struct tro_frame_form form = {TRO_FRAME_NV12, 640, 360, false, false};
    uint8_t *const bytes = noise(tro_frame_n_bytes(&form));
    uint32_t id;
    CHECK(!tro_timemark_read(bytes, 640, 640, 360, &id));
    memset(bytes, 0, 640 * 360);
    CHECK(!tro_timemark_read(bytes, 640, 640, 360, &id));
    memset(bytes, 255, 640 * 360);
    CHECK(!tro_timemark_read(bytes, 640, 640, 360, &id));
    memset(bytes, 120, 640 * 360);
    CHECK(!tro_timemark_read(bytes, 640, 640, 360, &id));
    CHECK(!tro_timemark_read(bytes, 640, 60, 360, &id)); /* no room for one */
    CHECK(!tro_timemark_read(bytes, 640, 640, 15, &id));
    /* A picture without room stays as it is. */
    const struct tro_frame_form small = {TRO_FRAME_NV12, 70, 40, false, false};
    tro_timemark_write(&small, bytes, 7);
    CHECK_INT(bytes[0], 120);
    free(bytes);
}

/* A player shows it at half the size. */
TEST(halved_pictures_are_read)
{
    const struct tro_frame_form form = {TRO_FRAME_NV12, 640, 360, false, false};
    uint8_t *const bytes = noise(tro_frame_n_bytes(&form));
    uint8_t half[320 * 180];
    tro_timemark_write(&form, bytes, 0x1234abcd);
    for (int y = 0; y < 180; y++)
        for (int x = 0; x < 320; x++) {
            const uint8_t *const p = bytes + y * 2 * 640 + x * 2;
            half[y * 320 + x] = (uint8_t)((p[0] + p[1] + p[640] + p[641]) / 4);
        }
    uint32_t id = 0;
    CHECK(tro_timemark_read(half, 320, 320, 180, &id));
    CHECK_INT(id, 0x1234abcd);
    free(bytes);
}

#ifdef TRO_HAVE_GSTREAMER
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#include "console/media/pipe.h"

#define N_FRAMES 40

static uint32_t id_of(int i)
{
    return (uint32_t)(i + 1) * 0x9e3779b1u;
}

/* Noise all over, which leaves the encoder few bits for the mark. */
static void push_frames(GstElement *in, const struct tro_frame_form *form, int range)
{
    const size_t n = tro_frame_n_bytes(form);
    for (int i = 0; i < N_FRAMES; i++) {
        uint8_t *const bytes = noise(n);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)(bytes[(k + (size_t)i * 977) % n] * range / 256 + 60);
        tro_timemark_write(form, bytes, id_of(i));
        GstBuffer *const buffer = gst_buffer_new_memdup(bytes, n);
        GST_BUFFER_PTS(buffer) = (GstClockTime)i * GST_SECOND / 30;
        gst_app_src_push_buffer(GST_APP_SRC(in), buffer);
        free(bytes);
    }
    gst_app_src_end_of_stream(GST_APP_SRC(in));
}

static void check_codec(int width, int height, int range, int bitrate_kbps)
{
    const struct tro_frame_form form = {TRO_FRAME_NV12, width, height, false, false};
    struct tro_err err = {0};
    char text[512];
    snprintf(text, sizeof(text),
             "appsrc name=in format=time max-bytes=0 ! x264enc tune=zerolatency "
             "speed-preset=ultrafast bitrate=%d key-int-max=9999 vbv-buf-capacity=300 threads=1 "
             "sliced-threads=false ! h264parse "
             "! openh264dec ! appsink name=out sync=false",
             bitrate_kbps);
    GstElement *const pipeline = tro_pipe_launch(text, &err);
    if (!CHECK(pipeline != NULL))
        return;
    GstElement *const in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
    GstElement *const out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    GstCaps *const caps = tro_pipe_caps(&form, 30);
    gst_app_src_set_caps(GST_APP_SRC(in), caps);
    gst_caps_unref(caps);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    push_frames(in, &form, range);
    int n_frames = 0, n_read = 0;
    GstSample *sample;
    while ((sample = gst_app_sink_try_pull_sample(GST_APP_SINK(out), 10 * GST_SECOND)) != NULL) {
        GstMapInfo map;
        uint32_t id = 0;
        if (gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ)) {
            n_read += tro_timemark_read(map.data, width, width, height, &id) &&
                      id == id_of(n_frames);
            gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
        }
        n_frames++;
        gst_sample_unref(sample);
    }
    CHECK_INT(n_frames, N_FRAMES);
    CHECK_INT(n_read, N_FRAMES);
    gst_object_unref(in);
    gst_object_unref(out);
    tro_pipe_end(pipeline);
}

static bool has_element(const char *name)
{
    GstElementFactory *const factory = gst_element_factory_find(name);
    if (factory)
        gst_object_unref(factory);
    return factory != NULL;
}

TEST(through_x264_and_back)
{
    struct tro_err err = {0};
    if (tro_pipe_init(&err) < 0)
        SKIP(err.text);
    if (!has_element("x264enc") || !has_element("openh264dec"))
        SKIP("x264enc (gstreamer1.0-plugins-ugly) or openh264dec (-bad) is not there");
    check_codec(640, 360, 128, 2500);
    check_codec(640, 360, 128, 400);
    check_codec(320, 180, 32, 1000);
}
#endif
