/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/pipe.h"

#include <gst/video/video.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"

#define RAISED (-10) /* of 20 that there are above the usual */

int tro_pipe_init(struct tro_err *err)
{
    GError *error = NULL;
    if (gst_init_check(NULL, NULL, &error))
        return 0;
    const int rc = tro_fail(err, TRO_E_DEVICE, "GStreamer does not start: %s",
                            error ? error->message : "");
    g_clear_error(&error);
    return rc;
}

GstElement *tro_pipe_launch(const char *text, struct tro_err *err)
{
    GError *error = NULL;
    GstElement *const made = gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (!made) {
        tro_fail(err, TRO_E_DEVICE, "GStreamer makes no pipeline of '%s': %s", text,
                 error ? error->message : "no reason given");
        g_clear_error(&error);
        return NULL;
    }
    g_clear_error(&error);
    gst_object_ref_sink(made);
    if (GST_IS_PIPELINE(made))
        return made;
    GstElement *const pipeline = gst_pipeline_new(NULL);
    gst_object_ref_sink(pipeline);
    gst_bin_add(GST_BIN(pipeline), made);
    gst_object_unref(made);
    return pipeline;
}

void tro_pipe_set_time(GstElement *pipeline, int64_t t0_ns)
{
    GstClock *const clock = gst_system_clock_obtain();
    gst_pipeline_use_clock(GST_PIPELINE(pipeline), clock);
    gst_element_set_start_time(pipeline, GST_CLOCK_TIME_NONE);
    gst_element_set_base_time(pipeline, (GstClockTime)t0_ns);
    gst_object_unref(clock);
}

bool tro_pipe_has_failed(GstElement *pipeline, struct tro_err *err)
{
    bool has_failed = false;
    GstBus *const bus = gst_element_get_bus(pipeline);
    GstMessage *message;
    while ((message = gst_bus_pop(bus)) != NULL) {
        if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && !has_failed) {
            GError *error = NULL;
            gst_message_parse_error(message, &error, NULL);
            tro_fail(err, TRO_E_DEVICE, "%s: %s", GST_OBJECT_NAME(message->src), error->message);
            g_clear_error(&error);
            has_failed = true;
        }
        gst_message_unref(message);
    }
    gst_object_unref(bus);
    return has_failed;
}

void tro_pipe_end(GstElement *pipeline)
{
    if (!pipeline)
        return;
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
}

void tro_pipe_set(GstElement *element, const char *properties)
{
    gchar **const pairs = g_strsplit(properties, " ", -1);
    for (gchar **pair = pairs; *pair; pair++) {
        gchar *const equals = strchr(*pair, '=');
        if (!equals)
            continue;
        *equals = '\0';
        if (g_object_class_find_property(G_OBJECT_GET_CLASS(element), *pair))
            gst_util_set_object_arg(G_OBJECT(element), *pair, equals + 1);
    }
    g_strfreev(pairs);
}

GstCaps *tro_pipe_caps(const struct tro_frame_form *form, double fps)
{
    static const char *const formats[] = {"NV12", "YUY2", "RGB"};
    GstCaps *const caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING,
                                              formats[form->format], "width", G_TYPE_INT,
                                              form->width, "height", G_TYPE_INT, form->height,
                                              "pixel-aspect-ratio", GST_TYPE_FRACTION, 1, 1, NULL);
    if (form->format != TRO_FRAME_RGB8) {
        gchar *const colour = g_strdup_printf("%d:%s", form->is_full_range ? 1 : 2,
                                              form->is_bt601 ? "4:16:4" : "3:5:1");
        gst_caps_set_simple(caps, "colorimetry", G_TYPE_STRING, colour, NULL);
        g_free(colour);
    }
    if (fps > 0) {
        gint n, d;
        gst_util_double_to_fraction(fps, &n, &d);
        gst_caps_set_simple(caps, "framerate", GST_TYPE_FRACTION, n, d, NULL);
    }
    return caps;
}

GstBufferPool *tro_pipe_pool(size_t n_bytes, struct tro_err *err)
{
    GstBufferPool *const pool = gst_buffer_pool_new();
    GstStructure *const config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_set_params(config, NULL, (guint)n_bytes, 2, 0);
    if (gst_buffer_pool_set_config(pool, config) && gst_buffer_pool_set_active(pool, TRUE))
        return pool;
    gst_object_unref(pool);
    tro_fail(err, TRO_E_NOMEM, "no room for pictures of %zu bytes", n_bytes);
    return NULL;
}

static void add_strides(GstBuffer *buffer, const struct tro_frame_form *form)
{
    static const GstVideoFormat formats[] = {GST_VIDEO_FORMAT_NV12, GST_VIDEO_FORMAT_YUY2,
                                             GST_VIDEO_FORMAT_RGB};
    const int width = form->width;
    const int row = form->format == TRO_FRAME_NV12   ? width
                    : form->format == TRO_FRAME_YUYV ? width * 2
                                                     : width * 3;
    if (row % 4 == 0)
        return;
    gsize offsets[4] = {0, (gsize)width * (gsize)form->height};
    gint strides[4] = {row, width};
    gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, formats[form->format],
                                   (guint)width, (guint)form->height,
                                   form->format == TRO_FRAME_NV12 ? 2 : 1, offsets, strides);
}

GstBuffer *tro_pipe_buffer(GstBufferPool *pool, const struct tro_frame_form *form)
{
    GstBuffer *buffer = NULL;
    if (gst_buffer_pool_acquire_buffer(pool, &buffer, NULL) != GST_FLOW_OK)
        return NULL;
    add_strides(buffer, form);
    return buffer;
}

struct tro_stamp tro_pipe_stamp(const GstBuffer *buffer)
{
    return (struct tro_stamp){(int64_t)GST_BUFFER_PTS(buffer), GST_BUFFER_OFFSET(buffer),
                              GST_BUFFER_OFFSET_END(buffer) == 1};
}

void tro_pipe_set_stamp(GstBuffer *buffer, const struct tro_stamp *s)
{
    GST_BUFFER_PTS(buffer) = (GstClockTime)s->running_ns;
    GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_DURATION(buffer) = GST_CLOCK_TIME_NONE;
    GST_BUFFER_OFFSET(buffer) = s->frame;
    GST_BUFFER_OFFSET_END(buffer) = s->is_blurred;
}

void tro_pipe_raise_thread(const char *name)
{
    pthread_setname_np(pthread_self(), name);
    setpriority(PRIO_PROCESS, (id_t)gettid(), RAISED);
}

uint32_t tro_pipe_rtp(int64_t running_ns)
{
    return (uint32_t)gst_util_uint64_scale_int((guint64)running_ns, 90000, GST_SECOND);
}
