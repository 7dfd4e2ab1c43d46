/* SPDX-License-Identifier: Apache-2.0 */
#define GST_USE_UNSTABLE_API 1
#include "console/media/viewer.h"

#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <gst/webrtc/webrtc.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/media/rtp.h"
#include "console/media/sctp.h"

#define SECOND INT64_C(1000000000)
#define NEGOTIATE_NS (5 * SECOND)
#define CONNECT_NS (10 * SECOND) /* from the answer to a connection */
#define SILENCE_S 15 /* without RTCP: gone, since webrtcbin never notices. A page that */
                     /* keeps RFC 3550's interval reports each 2.5 to 7.5 s. */
#define SILENT "it has been silent for 15 s"
#define KEY_NS (SECOND / 2) /* between two keys that one viewer has made: they cost all */
#define MAX_WAITING 3       /* access units in front of a viewer */
#define MAX_HELD_BYTES (256 * 1024)
#define MESSAGES_A_SECOND 60
#define MESSAGES_TOO_MANY 600
#define MAX_CHANNELS 4 /* that a page opens */

struct tro_viewer {
    struct tro_viewer_opts opts;
    char id[TRO_VIEWER_ID_BYTES];
    atomic_int n_refs;
    struct tro_offer offer;
    int64_t since_ns;
    GstElement *pipeline; /* of who created it */
    GstPad *paid;         /* likewise: where RTP packets come out of the payloader */

    atomic_int_fast64_t key_ns;   /* when it last had one made */
    atomic_int_fast64_t heard_ns; /* the last RTCP; at first, when it was made */
    atomic_bool is_connected, is_using;
    _Atomic(const char *) why; /* it has ended */
    atomic_uint_fast64_t n_sent, n_dropped, n_messages, n_refused;
    bool needs_key; /* of the encoder's thread */
    GstCaps *caps;  /* likewise */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    GstElement *webrtc; /* NULL when it has been stopped, as the next two */
    GstAppSrc *in;
    int n_replies; /* of webrtcbin to what it was asked */
    GstWebRTCSessionDescription *answer;
    bool is_gathered, has_refused;
    GstWebRTCDataChannel *channels[2]; /* by enum tro_viewer_channel */
    bool is_rtcp_heard;
    int n_channels, n_candidates;
    int64_t second_ns; /* when the second that is counted began */
    int n_in_second;
};

/* ---- references ------------------------------------------------------------------------- */

struct tro_viewer *tro_viewer_ref(struct tro_viewer *v)
{
    atomic_fetch_add(&v->n_refs, 1);
    return v;
}

void tro_viewer_unref(struct tro_viewer *v)
{
    if (atomic_fetch_sub(&v->n_refs, 1) != 1)
        return;
    tro_offer_finish(&v->offer);
    if (v->answer)
        gst_webrtc_session_description_free(v->answer);
    gst_caps_replace(&v->caps, NULL);
    pthread_cond_destroy(&v->wake);
    pthread_mutex_destroy(&v->lock);
    tro_free(v);
}

static void unref_data(gpointer v)
{
    tro_viewer_unref(v);
}

static void unref_closure(gpointer v, GClosure *closure)
{
    (void)closure;
    tro_viewer_unref(v);
}

/* Another reference, taken under the lock; NULL: there is none any more. */
static gpointer hold(struct tro_viewer *v, gpointer object_ptr)
{
    pthread_mutex_lock(&v->lock);
    gpointer const object = *(gpointer *)object_ptr;
    if (object)
        g_object_ref(object);
    pthread_mutex_unlock(&v->lock);
    return object;
}

/* The handler holds the viewer as long as it is connected. */
static void listen_to(gpointer object, const char *signal, GCallback fn, struct tro_viewer *v)
{
    g_signal_connect_data(object, signal, fn, tro_viewer_ref(v), unref_closure, 0);
}

void tro_viewer_end(struct tro_viewer *v, const char *why)
{
    const char *none = NULL;
    if (atomic_compare_exchange_strong(&v->why, &none, why))
        v->opts.ended(v->opts.ctx, v);
}

/* ---- RTP -------------------------------------------------------------------------------- */

static void ask_key(struct tro_viewer *v)
{
    const int64_t now_ns = tro_clock_ns();
    if (now_ns - atomic_load(&v->key_ns) >= KEY_NS && tro_encoder_ask_key(v->opts.encoder))
        atomic_store(&v->key_ns, now_ns);
}

/* A page that lost too much (PLI). */
static GstPadProbeReturn on_upstream(GstPad *pad, GstPadProbeInfo *info, gpointer ctx)
{
    (void)pad;
    struct tro_viewer *const v = ctx;
    if (!gst_video_event_is_force_key_unit(GST_PAD_PROBE_INFO_EVENT(info)))
        return GST_PAD_PROBE_OK;
    ask_key(v);
    return GST_PAD_PROBE_DROP;
}

static void on_rtcp(GObject *session, GstBuffer *buffer, gpointer ctx)
{
    (void)session;
    struct tro_viewer *const v = ctx;
    atomic_store(&v->heard_ns, tro_clock_ns());
    if (tro_rtcp_says_bye(buffer))
        tro_viewer_end(v, "it has said goodbye");
}

static void listen_to_rtcp(struct tro_viewer *v, GstElement *webrtc)
{
    pthread_mutex_lock(&v->lock);
    const bool is_heard = v->is_rtcp_heard;
    pthread_mutex_unlock(&v->lock);
    GstElement *const rtpbin = is_heard ? NULL : gst_bin_get_by_name(GST_BIN(webrtc), "rtpbin");
    GObject *session = NULL;
    if (!rtpbin)
        return;
    g_signal_emit_by_name(rtpbin, "get-internal-session", 0, &session);
    gst_object_unref(rtpbin);
    if (!session)
        return;
    pthread_mutex_lock(&v->lock);
    v->is_rtcp_heard = true;
    pthread_mutex_unlock(&v->lock);
    listen_to(session, "on-receiving-rtcp", G_CALLBACK(on_rtcp), v);
    g_object_unref(session);
}

/* ---- channels --------------------------------------------------------------------------- */

/* Counts a message; false: it is too long or one too many. */
static bool admits(struct tro_viewer *v, size_t n)
{
    const int64_t now_ns = tro_clock_ns();
    pthread_mutex_lock(&v->lock);
    if (now_ns - v->second_ns >= SECOND) {
        v->second_ns = now_ns;
        v->n_in_second = 0;
    }
    const int n_in_second = ++v->n_in_second;
    pthread_mutex_unlock(&v->lock);
    if (n_in_second > MESSAGES_TOO_MANY)
        tro_viewer_end(v, "it sends too many messages");
    if (n <= TRO_VIEWER_MAX_MESSAGE && n_in_second <= MESSAGES_A_SECOND)
        return true;
    atomic_fetch_add(&v->n_refused, 1);
    return false;
}

static void on_text(GstWebRTCDataChannel *channel, gchar *text, gpointer ctx)
{
    (void)channel;
    struct tro_viewer *const v = ctx;
    const size_t n = text ? strlen(text) : 0;
    if (!admits(v, n))
        return;
    atomic_fetch_add(&v->n_messages, 1);
    if (!atomic_load(&v->why))
        v->opts.message(v->opts.ctx, v, text ? text : "", n);
}

static void on_bytes(GstWebRTCDataChannel *channel, GBytes *bytes, gpointer ctx)
{
    (void)channel;
    if (admits(ctx, bytes ? g_bytes_get_size(bytes) : 0))
        atomic_fetch_add(&((struct tro_viewer *)ctx)->n_refused, 1);
}

static void on_control_open(GstWebRTCDataChannel *channel, gpointer ctx)
{
    (void)channel;
    struct tro_viewer *const v = ctx;
    v->opts.joined(v->opts.ctx, v);
}

/* The page's channels: the first `control` counts, others are let be. */
static void on_data_channel(GstElement *webrtc, GstWebRTCDataChannel *channel, gpointer ctx)
{
    (void)webrtc;
    struct tro_viewer *const v = ctx;
    gchar *label = NULL;
    GstWebRTCDataChannelState state;
    g_object_get(channel, "label", &label, "ready-state", &state, NULL);
    pthread_mutex_lock(&v->lock);
    const bool is_too_many = ++v->n_channels > MAX_CHANNELS;
    const bool is_control = !v->channels[TRO_CHANNEL_CONTROL] && g_strcmp0(label, "control") == 0;
    if (is_control)
        v->channels[TRO_CHANNEL_CONTROL] = g_object_ref(channel);
    pthread_mutex_unlock(&v->lock);
    g_free(label);
    if (is_too_many)
        tro_viewer_end(v, "it opens too many channels");
    if (!is_control)
        return;
    listen_to(channel, "on-message-string", G_CALLBACK(on_text), v);
    listen_to(channel, "on-message-data", G_CALLBACK(on_bytes), v);
    if (state == GST_WEBRTC_DATA_CHANNEL_STATE_OPEN)
        on_control_open(channel, v);
    else
        listen_to(channel, "on-open", G_CALLBACK(on_control_open), v);
}

void tro_viewer_send(struct tro_viewer *v, enum tro_viewer_channel channel, const char *text,
                     size_t n)
{
    GstWebRTCDataChannel *const to = hold(v, &v->channels[channel]);
    GstWebRTCDataChannelState state = GST_WEBRTC_DATA_CHANNEL_STATE_CLOSED;
    guint64 n_held = 0;
    if (to)
        g_object_get(to, "ready-state", &state, "buffered-amount", &n_held, NULL);
    if (n > TRO_VIEWER_MAX_TEXT || state != GST_WEBRTC_DATA_CHANNEL_STATE_OPEN ||
        n_held > MAX_HELD_BYTES || atomic_load(&v->why)) {
        atomic_fetch_add(&v->n_dropped, 1);
    } else {
        gchar *const copy = g_strndup(text, n);
        gst_webrtc_data_channel_send_string(to, copy);
        g_free(copy);
        atomic_fetch_add(&v->n_sent, 1);
    }
    if (to)
        g_object_unref(to);
}

/* ---- connection ------------------------------------------------------------------------- */

static void on_connection(GstElement *webrtc, GParamSpec *spec, gpointer ctx)
{
    (void)spec;
    struct tro_viewer *const v = ctx;
    GstWebRTCPeerConnectionState state;
    g_object_get(webrtc, "connection-state", &state, NULL);
    if (state == GST_WEBRTC_PEER_CONNECTION_STATE_CONNECTED) {
        listen_to_rtcp(v, webrtc);
        atomic_store(&v->heard_ns, tro_clock_ns());
        if (!atomic_exchange(&v->is_using, true))
            tro_encoder_use(v->opts.encoder, 1);
        atomic_store(&v->is_connected, true);
        ask_key(v);
    } else if (state == GST_WEBRTC_PEER_CONNECTION_STATE_FAILED) {
        tro_viewer_end(v, "its connection failed");
    } else if (state == GST_WEBRTC_PEER_CONNECTION_STATE_CLOSED) {
        tro_viewer_end(v, "its connection closed");
    }
}

static void on_gathering(GstElement *webrtc, GParamSpec *spec, gpointer ctx)
{
    (void)spec;
    struct tro_viewer *const v = ctx;
    GstWebRTCICEGatheringState state;
    g_object_get(webrtc, "ice-gathering-state", &state, NULL);
    pthread_mutex_lock(&v->lock);
    v->is_gathered = state == GST_WEBRTC_ICE_GATHERING_STATE_COMPLETE;
    pthread_cond_signal(&v->wake);
    pthread_mutex_unlock(&v->lock);
}

static GstBusSyncReply on_message(GstBus *bus, GstMessage *message, gpointer ctx)
{
    (void)bus;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
        tro_viewer_end(ctx, "its pipeline failed");
    gst_message_unref(message);
    return GST_BUS_DROP;
}

/* ---- negotiation ------------------------------------------------------------------------ */

static void on_reply(GstPromise *promise, gpointer ctx)
{
    struct tro_viewer *const v = ctx;
    const bool is_replied = gst_promise_wait(promise) == GST_PROMISE_RESULT_REPLIED;
    const GstStructure *const reply = is_replied ? gst_promise_get_reply(promise) : NULL;
    pthread_mutex_lock(&v->lock);
    v->n_replies++;
    if (!is_replied || (reply && gst_structure_has_field(reply, "error")))
        v->has_refused = true;
    else if (reply && gst_structure_has_field(reply, "answer"))
        gst_structure_get(reply, "answer", GST_TYPE_WEBRTC_SESSION_DESCRIPTION, &v->answer, NULL);
    pthread_cond_signal(&v->wake);
    pthread_mutex_unlock(&v->lock);
    gst_promise_unref(promise);
}

static GstPromise *promise_to(struct tro_viewer *v)
{
    return gst_promise_new_with_change_func(on_reply, tro_viewer_ref(v), unref_data);
}

/* Waits until n replies are there and, if asked for, all candidates. */
static int wait_for(struct tro_viewer *v, int n, bool is_gathered, struct tro_err *err)
{
    const int64_t until = v->since_ns + NEGOTIATE_NS;
    const struct timespec at = {until / SECOND, until % SECOND};
    int rc = 0;
    pthread_mutex_lock(&v->lock);
    while (rc == 0 && !v->has_refused && (v->n_replies < n || (is_gathered && !v->is_gathered)))
        rc = pthread_cond_timedwait(&v->wake, &v->lock, &at);
    const bool has_refused = v->has_refused;
    pthread_mutex_unlock(&v->lock);
    if (has_refused)
        return tro_fail(err, TRO_E_INPUT, "the offer was refused: it contradicts itself");
    return rc == 0 ? 0 : tro_fail(err, TRO_E_DEVICE, "the offer was not answered within 5 s");
}

static void set_preferences(struct tro_viewer *v)
{
    GstWebRTCRTPTransceiver *transceiver = NULL;
    g_signal_emit_by_name(v->webrtc, "get-transceiver", 0, &transceiver);
    gchar *const extension = v->offer.playout_delay
                                 ? g_strdup_printf(",extmap-%d=(string)" TRO_PLAYOUT_DELAY,
                                                   v->offer.playout_delay)
                                 : g_strdup("");
    gchar *const text = g_strdup_printf("application/x-rtp,media=video,encoding-name=H264,"
                                        "clock-rate=90000,payload=%d,"
                                        "packetization-mode=(string)1,ssrc=(uint)%u%s",
                                        v->offer.payload, v->opts.ssrc, extension);
    GstCaps *const caps = gst_caps_from_string(text);
    g_object_set(transceiver, "direction", GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_SENDONLY,
                 "codec-preferences", caps, "do-nack", TRUE, NULL);
    gst_caps_unref(caps);
    g_free(text);
    g_free(extension);
    gst_object_unref(transceiver);
}

/* libnice leaves loopback out; where there is nothing else, that is what pages can reach. */
static bool has_loopback_alone(void)
{
    struct ifaddrs *list = NULL;
    bool has_other = false;
    if (getifaddrs(&list) != 0)
        return false;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        has_other |= i->ifa_addr && (i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK) &&
                     (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6);
    freeifaddrs(list);
    return !has_other;
}

/* No router is asked for open ports, which libnice would do for each viewer. */
static void set_up_ice(struct tro_viewer *v)
{
    GObject *ice = NULL, *agent = NULL;
    g_object_get(v->webrtc, "ice-agent", &ice, NULL);
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(ice), "agent"))
        g_object_get(ice, "agent", &agent, NULL);
    if (agent) {
        g_object_set(agent, "upnp", FALSE, NULL);
        g_object_unref(agent);
    }
    if (has_loopback_alone()) {
        gboolean is_added;
        g_signal_emit_by_name(ice, "add-local-ip-address", "127.0.0.1", &is_added);
    }
    gst_object_unref(ice);
}

static void connect_signals(struct tro_viewer *v)
{
    listen_to(v->webrtc, "notify::connection-state", G_CALLBACK(on_connection), v);
    listen_to(v->webrtc, "notify::ice-gathering-state", G_CALLBACK(on_gathering), v);
    listen_to(v->webrtc, "on-data-channel", G_CALLBACK(on_data_channel), v);
    if (v->offer.playout_delay)
        tro_rtp_show_at_once(v->paid, v->offer.playout_delay);
    gst_pad_add_probe(v->paid, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM, on_upstream, tro_viewer_ref(v),
                      unref_data);
    GstBus *const bus = gst_element_get_bus(v->pipeline);
    gst_bus_set_sync_handler(bus, on_message, tro_viewer_ref(v), unref_data);
    gst_object_unref(bus);
}

static int make_pipeline(struct tro_viewer *v, struct tro_err *err)
{
    gchar *const text = g_strdup_printf(
        "appsrc name=in is-live=true format=time max-buffers=%d max-bytes=0 "
        "leaky-type=downstream ! rtph264pay name=pay pt=%d ssrc=%u timestamp-offset=0 mtu=1200 "
        "config-interval=-1 aggregate-mode=zero-latency ! "
        "webrtcbin name=webrtc bundle-policy=max-bundle",
        MAX_WAITING, v->offer.payload, v->opts.ssrc);
    v->pipeline = tro_pipe_launch(text, err);
    g_free(text);
    if (!v->pipeline)
        return TRO_E_DEVICE;
    v->in = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(v->pipeline), "in"));
    v->webrtc = gst_bin_get_by_name(GST_BIN(v->pipeline), "webrtc");
    GstElement *const pay = gst_bin_get_by_name(GST_BIN(v->pipeline), "pay");
    v->paid = gst_element_get_static_pad(pay, "src");
    gst_object_unref(pay);
    set_up_ice(v);
    connect_signals(v);
    set_preferences(v);
    tro_pipe_set_time(v->pipeline, v->opts.t0_ns);
    if (gst_element_set_state(v->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        return tro_fail(err, TRO_E_DEVICE, "webrtcbin does not start: is gstreamer1.0-nice there?");
    return 0;
}

static void create_frames_channel(struct tro_viewer *v)
{
    GstStructure *const options = gst_structure_new("options", "ordered", G_TYPE_BOOLEAN, FALSE,
                                                    "max-retransmits", G_TYPE_INT, 0, NULL);
    GstWebRTCDataChannel *channel = NULL;
    g_signal_emit_by_name(v->webrtc, "create-data-channel", "frames", options, &channel);
    gst_structure_free(options);
    pthread_mutex_lock(&v->lock);
    v->channels[TRO_CHANNEL_FRAMES] = channel;
    pthread_mutex_unlock(&v->lock);
}

static int negotiate(struct tro_viewer *v, char **answer, struct tro_err *err)
{
    GstSDPMessage *copy = NULL;
    gst_sdp_message_copy(v->offer.sdp, &copy);
    GstWebRTCSessionDescription *const remote = gst_webrtc_session_description_new(
        GST_WEBRTC_SDP_TYPE_OFFER, copy);
    g_signal_emit_by_name(v->webrtc, "set-remote-description", remote, promise_to(v));
    gst_webrtc_session_description_free(remote);
    TRO_TRY(wait_for(v, 1, false, err));
    if (v->offer.has_channels)
        create_frames_channel(v);
    g_signal_emit_by_name(v->webrtc, "create-answer", NULL, promise_to(v));
    TRO_TRY(wait_for(v, 2, false, err));
    if (!v->answer)
        return tro_fail(err, TRO_E_INPUT, "the offer has no answer");
    g_signal_emit_by_name(v->webrtc, "set-local-description", v->answer, promise_to(v));
    TRO_TRY(wait_for(v, 3, true, err));
    GstWebRTCSessionDescription *local = NULL;
    g_object_get(v->webrtc, "local-description", &local, NULL);
    gchar *const text = local ? gst_sdp_message_as_text(local->sdp) : NULL;
    const size_t n = text ? strlen(text) + 1 : 0;
    *answer = text ? tro_malloc(n) : NULL;
    if (*answer)
        memcpy(*answer, text, n);
    g_free(text);
    if (local)
        gst_webrtc_session_description_free(local);
    return *answer ? 0 : tro_fail_nomem(err);
}

/* ---- life ------------------------------------------------------------------------------- */

struct tro_viewer *tro_viewer_create(const struct tro_viewer_opts *opts, struct tro_offer *offer,
                                     char **answer, struct tro_err *err)
{
    struct tro_viewer *const v = tro_calloc(1, sizeof(*v));
    if (!v) {
        tro_offer_finish(offer);
        tro_fail_nomem(err);
        return NULL;
    }
    v->opts = *opts;
    v->offer = *offer;
    v->since_ns = tro_clock_ns();
    v->needs_key = true;
    memcpy(v->id, opts->id, sizeof(v->id));
    atomic_init(&v->n_refs, 1);
    atomic_init(&v->heard_ns, v->since_ns);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&v->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&v->lock, NULL);
    if (make_pipeline(v, err) == 0 && negotiate(v, answer, err) == 0)
        return v;
    tro_viewer_stop(v);
    tro_viewer_unref(v);
    return NULL;
}

/* What the lock guards, so that nobody begins anything with it any more. */
static void let_go(struct tro_viewer *v)
{
    gpointer objects[4];
    pthread_mutex_lock(&v->lock);
    objects[0] = v->webrtc;
    objects[1] = v->in;
    objects[2] = v->channels[0];
    objects[3] = v->channels[1];
    v->webrtc = NULL;
    v->in = NULL;
    v->channels[0] = v->channels[1] = NULL;
    pthread_mutex_unlock(&v->lock);
    for (int i = 0; i < 4; i++) {
        if (!objects[i])
            continue;
        g_signal_handlers_disconnect_matched(objects[i], G_SIGNAL_MATCH_DATA, 0, 0, NULL, NULL, v);
        g_object_unref(objects[i]);
    }
}

void tro_viewer_stop(struct tro_viewer *v)
{
    atomic_store(&v->is_connected, false);
    if (atomic_exchange(&v->is_using, false))
        tro_encoder_use(v->opts.encoder, -1);
    if (!v->pipeline)
        return;
    GstBus *const bus = gst_element_get_bus(v->pipeline);
    gst_bus_set_sync_handler(bus, NULL, NULL, NULL);
    gst_object_unref(bus);
    tro_sctp_quiet(v->webrtc);
    gst_element_set_state(v->pipeline, GST_STATE_NULL);
    let_go(v);
    gst_object_unref(v->paid);
    gst_object_unref(v->pipeline);
    v->pipeline = NULL;
}

const char *tro_viewer_is_ended(struct tro_viewer *v, int64_t now_ns)
{
    const int64_t silent_ns = now_ns - atomic_load(&v->heard_ns);
    if (atomic_load(&v->is_connected) ? silent_ns > SILENCE_S * SECOND : silent_ns > CONNECT_NS)
        tro_viewer_end(v,
                       atomic_load(&v->is_connected) ? SILENT : "it has not connected within 10 s");
    return atomic_load(&v->why);
}

/* ---- video ------------------------------------------------------------------------------ */

static void push(struct tro_viewer *v, GstAppSrc *in, const struct tro_coded *c)
{
    /* What follows a lost access unit cannot be decoded up to the next key. */
    if (gst_app_src_get_current_level_buffers(in) >= MAX_WAITING)
        v->needs_key = true;
    else if (c->is_key)
        v->needs_key = false;
    if (v->needs_key) {
        ask_key(v);
        return;
    }
    if (v->caps != c->caps) {
        gst_caps_replace(&v->caps, c->caps);
        gst_app_src_set_caps(in, c->caps);
    }
    gst_app_src_push_buffer(in, gst_buffer_ref(c->buffer));
}

void tro_viewer_push(struct tro_viewer *v, const struct tro_coded *c)
{
    GstAppSrc *const in = atomic_load(&v->is_connected) ? hold(v, &v->in) : NULL;
    if (!in)
        return;
    push(v, in, c);
    gst_object_unref(in);
}

static int count_candidates(struct tro_viewer *v, int n, struct tro_err *err)
{
    pthread_mutex_lock(&v->lock);
    v->n_candidates += n;
    const bool is_too_many = v->n_candidates > TRO_OFFER_MAX_CANDIDATES;
    pthread_mutex_unlock(&v->lock);
    return is_too_many ? tro_fail(err, TRO_E_INPUT, "a viewer has at most %d candidates",
                                  TRO_OFFER_MAX_CANDIDATES)
                       : 0;
}

int tro_viewer_trickle(struct tro_viewer *v, const char *fragment, size_t n, struct tro_err *err)
{
    struct tro_trickle *const t = tro_malloc(sizeof(*t));
    if (!t)
        return tro_fail_nomem(err);
    int rc = tro_trickle_read(&v->offer, fragment, n, t, err);
    if (rc == 0)
        rc = count_candidates(v, t->n, err);
    GstElement *const webrtc = rc == 0 ? hold(v, &v->webrtc) : NULL;
    for (int i = 0; webrtc && i < t->n; i++)
        g_signal_emit_by_name(webrtc, "add-ice-candidate", (guint)t->candidates[i].media,
                              t->candidates[i].text);
    if (webrtc)
        gst_object_unref(webrtc);
    tro_free(t);
    return rc;
}

const char *tro_viewer_id(const struct tro_viewer *v)
{
    return v->id;
}

void tro_viewer_info(struct tro_viewer *v, struct tro_viewer_info *out)
{
    *out = (struct tro_viewer_info){.is_connected = atomic_load(&v->is_connected),
                                    .is_burned_in = v->opts.is_burned_in,
                                    .since_ns = v->since_ns,
                                    .n_sent = atomic_load(&v->n_sent),
                                    .n_dropped = atomic_load(&v->n_dropped),
                                    .n_messages = atomic_load(&v->n_messages),
                                    .n_refused = atomic_load(&v->n_refused)};
    memcpy(out->id, v->id, sizeof(out->id));
}
