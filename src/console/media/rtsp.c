/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/rtsp.h"

#include <gst/app/gstappsrc.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/err.h"

#define KEY_NS (INT64_C(2) * 1000000000) /* players join in between and ask for nothing */

struct tro_rtsp {
    struct tro_encoder *burned;
    int64_t t0_ns;
    GMainContext *context;
    GMainLoop *loop;
    GstRTSPServer *server;
    guint source;
    pthread_t thread;
    bool is_started;

    pthread_mutex_t lock; /* of all below */
    GstAppSrc *in;        /* while somebody plays */
    GstCaps *caps;
    bool needs_key;
    int64_t key_ns; /* the last one's capture */
};

/* In the encoder's thread. */
static void on_coded(void *ctx, const struct tro_coded *c)
{
    struct tro_rtsp *const r = ctx;
    pthread_mutex_lock(&r->lock);
    GstAppSrc *const in = r->in ? gst_object_ref(r->in) : NULL;
    if (c->is_key) {
        r->needs_key = false;
        r->key_ns = c->captured_ns;
    }
    const bool is_wanted = in && !r->needs_key;
    const bool is_key_due = in && c->captured_ns - r->key_ns > KEY_NS;
    const bool has_new_caps = is_wanted && r->caps != c->caps;
    if (has_new_caps)
        gst_caps_replace(&r->caps, c->caps);
    pthread_mutex_unlock(&r->lock);
    if (has_new_caps)
        gst_app_src_set_caps(in, c->caps);
    if (is_wanted)
        gst_app_src_push_buffer(in, gst_buffer_ref(c->buffer));
    if (in && (!is_wanted || is_key_due))
        tro_encoder_ask_key(r->burned);
    if (in)
        gst_object_unref(in);
}

static void put_source(struct tro_rtsp *r, GstAppSrc *in)
{
    pthread_mutex_lock(&r->lock);
    GstAppSrc *const before = r->in;
    r->in = in;
    r->needs_key = true;
    gst_caps_replace(&r->caps, NULL);
    pthread_mutex_unlock(&r->lock);
    if (in)
        tro_encoder_use(r->burned, 1);
    if (before) {
        tro_encoder_use(r->burned, -1);
        gst_object_unref(before);
    }
}

static void on_unprepared(GstRTSPMedia *media, gpointer ctx)
{
    (void)media;
    put_source(ctx, NULL);
}

/* The first player makes the media, which all share. */
static void on_configure(GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer ctx)
{
    (void)factory;
    struct tro_rtsp *const r = ctx;
    GstElement *const bin = gst_rtsp_media_get_element(media);
    put_source(r, GST_APP_SRC(gst_bin_get_by_name_recurse_up(GST_BIN(bin), "in")));
    gst_object_unref(bin);
    g_signal_connect(media, "unprepared", G_CALLBACK(on_unprepared), r);
}

static void *run(void *ctx)
{
    struct tro_rtsp *const r = ctx;
    pthread_setname_np(pthread_self(), "rtsp");
    g_main_loop_run(r->loop);
    return NULL;
}

struct address {
    gchar *host, *port, *path;
};

static bool read_address(const char *location, struct address *a)
{
    GUri *const uri = g_uri_parse(location, G_URI_FLAGS_NONE, NULL);
    if (!uri)
        return false;
    const int port = g_uri_get_port(uri);
    a->host = g_strdup(g_uri_get_host(uri));
    a->port = g_strdup_printf("%d", port > 0 ? port : 8554);
    a->path = g_strdup(g_uri_get_path(uri));
    const bool is_good = g_strcmp0(g_uri_get_scheme(uri), "rtsp") == 0 && a->host && *a->host &&
                         a->path && a->path[0] == '/' && a->path[1];
    g_uri_unref(uri);
    return is_good;
}

static void serve(struct tro_rtsp *r, const struct address *a)
{
    GstRTSPMountPoints *const mounts = gst_rtsp_server_get_mount_points(r->server);
    GstRTSPMediaFactory *const factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(
        factory, "( appsrc name=in is-live=true format=time do-timestamp=true max-buffers=30 "
                 "max-bytes=0 leaky-type=downstream ! h264parse ! "
                 "rtph264pay name=pay0 pt=96 config-interval=-1 )");
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    gst_rtsp_media_factory_set_latency(factory, 0);
    g_signal_connect(factory, "media-configure", G_CALLBACK(on_configure), r);
    gst_rtsp_mount_points_add_factory(mounts, a->path, factory);
    g_object_unref(mounts);
}

static int start(struct tro_rtsp *r, const char *location, struct tro_err *err)
{
    struct address a = {0};
    int rc = 0;
    if (!read_address(location, &a)) {
        rc = tro_fail(err, TRO_E_INPUT, "'%s' is not rtsp://HOST:PORT/NAME", location);
    } else {
        gst_rtsp_server_set_address(r->server, a.host);
        gst_rtsp_server_set_service(r->server, a.port);
        serve(r, &a);
        r->source = gst_rtsp_server_attach(r->server, r->context);
        if (r->source == 0)
            rc = tro_fail(err, TRO_E_DEVICE,
                          "'%s': the address cannot be listened at: is the port "
                          "taken?",
                          location);
    }
    g_free(a.host);
    g_free(a.port);
    g_free(a.path);
    return rc;
}

struct tro_rtsp *tro_rtsp_create(const char *location, int64_t t0_ns, struct tro_encoder *burned,
                                 struct tro_err *err)
{
    struct tro_rtsp *const r = tro_calloc(1, sizeof(*r));
    if (!r) {
        tro_fail_nomem(err);
        return NULL;
    }
    r->burned = burned;
    r->t0_ns = t0_ns;
    pthread_mutex_init(&r->lock, NULL);
    r->context = g_main_context_new();
    r->loop = g_main_loop_new(r->context, FALSE);
    r->server = gst_rtsp_server_new();
    if (start(r, location, err) == 0 && pthread_create(&r->thread, NULL, run, r) == 0) {
        r->is_started = true;
        tro_encoder_listen(burned, on_coded, r);
        return r;
    }
    tro_rtsp_destroy(r);
    return NULL;
}

static GstRTSPFilterResult drop_client(GstRTSPServer *server, GstRTSPClient *client, gpointer ctx)
{
    (void)server, (void)client, (void)ctx;
    return GST_RTSP_FILTER_REMOVE;
}

void tro_rtsp_destroy(struct tro_rtsp *r)
{
    if (!r)
        return;
    if (r->is_started) {
        tro_encoder_unlisten(r->burned, r);
        gst_rtsp_server_client_filter(r->server, drop_client, NULL);
        g_main_loop_quit(r->loop);
        pthread_join(r->thread, NULL);
    }
    GSource *const source = r->source ? g_main_context_find_source_by_id(r->context, r->source)
                                      : NULL;
    if (source)
        g_source_destroy(source);
    g_object_unref(r->server);
    put_source(r, NULL);
    g_main_loop_unref(r->loop);
    g_main_context_unref(r->context);
    pthread_mutex_destroy(&r->lock);
    tro_free(r);
}
