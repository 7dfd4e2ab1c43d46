/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page's side of a viewer's peer connection: webrtcbin that receives, for tests of viewers and
 * for tool_console_viewer. Needs GStreamer. Its threads count what comes; what they count may be
 * read at any time.
 */
#ifndef TRO_TESTS_CONSOLE_PEER_KIT_H
#define TRO_TESTS_CONSOLE_PEER_KIT_H
#define GST_USE_UNSTABLE_API 1

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/rtp/rtp.h>
#include <gst/video/video.h>
#include <gst/webrtc/webrtc.h>
#include <stdatomic.h>
#include <unistd.h>

#include "console/media/sctp.h"
#include "console/media/timemark.h"
#include "console/media/viewers.h"

struct kit_page {
    bool decodes; /* pictures, where there is a decoder */
    /* Each may be NULL; on threads of GStreamer. */
    void (*picture)(void *ctx, uint32_t mark); /* a frame was decoded, and has a time mark */
    void (*text)(void *ctx, enum tro_viewer_channel channel, const char *text);
    void *ctx;

    GstElement *pipeline, *webrtc;
    GstWebRTCDataChannel *control;
    char id[TRO_VIEWER_ID_BYTES]; /* as the console calls it */
    atomic_bool is_gathered, is_open, says_bye;
    atomic_int n_packets, n_units; /* RTP; access units, that is encoded pictures */
    atomic_int n_texts, n_frames_texts, n_decoded, n_marks;
    atomic_uint last_mark, last_rtp;
};

static inline bool kit_wait_true(const atomic_bool *flag)
{
    for (int i = 0; i < 1000 && !atomic_load(flag); i++)
        usleep(5000);
    return atomic_load(flag);
}

static inline bool kit_wait_count(const atomic_int *n, int least)
{
    for (int i = 0; i < 2000 && atomic_load(n) < least; i++)
        usleep(5000);
    return atomic_load(n) >= least;
}

static inline void on_page_gathering(GObject *webrtc, GParamSpec *spec, gpointer ctx)
{
    (void)spec;
    GstWebRTCICEGatheringState state;
    g_object_get(webrtc, "ice-gathering-state", &state, NULL);
    if (state == GST_WEBRTC_ICE_GATHERING_STATE_COMPLETE)
        atomic_store(&((struct kit_page *)ctx)->is_gathered, true);
}

static inline void on_page_open(GstWebRTCDataChannel *channel, gpointer ctx)
{
    (void)channel;
    atomic_store(&((struct kit_page *)ctx)->is_open, true);
}

static inline void on_page_text(GstWebRTCDataChannel *channel, gchar *text, gpointer ctx)
{
    (void)channel;
    struct kit_page *const p = ctx;
    if (p->text)
        p->text(p->ctx, TRO_CHANNEL_CONTROL, text);
    atomic_fetch_add(&p->n_texts, 1);
}

static inline void on_page_frame(GstWebRTCDataChannel *channel, gchar *text, gpointer ctx)
{
    (void)channel;
    struct kit_page *const p = ctx;
    if (p->text)
        p->text(p->ctx, TRO_CHANNEL_FRAMES, text);
    atomic_fetch_add(&p->n_frames_texts, 1);
}

static inline void on_page_channel(GstElement *webrtc, GstWebRTCDataChannel *channel, gpointer ctx)
{
    (void)webrtc;
    g_signal_connect(channel, "on-message-string", G_CALLBACK(on_page_frame), ctx);
}

static inline GstPadProbeReturn on_page_packet(GstPad *pad, GstPadProbeInfo *info, gpointer ctx)
{
    (void)pad;
    struct kit_page *const p = ctx;
    GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
    if (gst_rtp_buffer_map(GST_PAD_PROBE_INFO_BUFFER(info), GST_MAP_READ, &rtp)) {
        atomic_store(&p->last_rtp, gst_rtp_buffer_get_timestamp(&rtp));
        atomic_fetch_add(&p->n_packets, 1);
        atomic_fetch_add(&p->n_units, gst_rtp_buffer_get_marker(&rtp) ? 1 : 0);
        gst_rtp_buffer_unmap(&rtp);
    }
    return GST_PAD_PROBE_OK;
}

static inline GstFlowReturn on_page_picture(GstAppSink *sink, gpointer ctx)
{
    struct kit_page *const p = ctx;
    GstSample *const sample = gst_app_sink_pull_sample(sink);
    GstVideoInfo info;
    GstVideoFrame frame;
    if (!sample)
        return GST_FLOW_EOS;
    if (gst_video_info_from_caps(&info, gst_sample_get_caps(sample)) &&
        gst_video_frame_map(&frame, &info, gst_sample_get_buffer(sample), GST_MAP_READ)) {
        uint32_t mark = 0;
        if (tro_timemark_read(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0),
                              GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0), info.width, info.height,
                              &mark)) {
            atomic_store(&p->last_mark, mark);
            atomic_fetch_add(&p->n_marks, 1);
            if (p->picture)
                p->picture(p->ctx, mark);
        }
        atomic_fetch_add(&p->n_decoded, 1);
        gst_video_frame_unmap(&frame);
    }
    gst_sample_unref(sample);
    return GST_FLOW_OK;
}

/* NULL: there is none. */
static inline const char *kit_decoder(void)
{
    static const char *const names[] = {"avdec_h264", "openh264dec"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        GstElementFactory *const found = gst_element_factory_find(names[i]);
        if (found) {
            gst_object_unref(found);
            return names[i];
        }
    }
    return NULL;
}

static inline GstElement *kit_receiver(struct kit_page *p)
{
    const char *const decoder = p->decodes ? kit_decoder() : NULL;
    if (!decoder)
        return gst_parse_bin_from_description("fakesink sync=false", TRUE, NULL);
    gchar *const text = g_strdup_printf("rtph264depay ! h264parse ! %s ! appsink name=to "
                                        "sync=false enable-last-sample=false",
                                        decoder);
    GstElement *const bin = gst_parse_bin_from_description(text, TRUE, NULL);
    GstElement *const to = gst_bin_get_by_name(GST_BIN(bin), "to");
    GstAppSinkCallbacks callbacks = {.new_sample = on_page_picture};
    gst_app_sink_set_callbacks(GST_APP_SINK(to), &callbacks, p, NULL);
    gst_object_unref(to);
    g_free(text);
    return bin;
}

/* Reports each second, as browsers do. */
static inline void kit_report_often(struct kit_page *p)
{
    GstElement *const rtpbin = gst_bin_get_by_name(GST_BIN(p->webrtc), "rtpbin");
    GObject *session = NULL;
    g_signal_emit_by_name(rtpbin, "get-internal-session", 0u, &session);
    if (session) {
        g_object_set(session, "rtcp-min-interval", (guint64)GST_SECOND, NULL);
        g_object_unref(session);
    }
    gst_object_unref(rtpbin);
}

/* With says_bye the next report becomes the page's last one. */
static inline GstPadProbeReturn on_page_report(GstPad *pad, GstPadProbeInfo *info, gpointer ctx)
{
    (void)pad;
    GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
    GstRTCPPacket packet;
    guint8 ssrc[8] = {0};
    if (!atomic_load(&((struct kit_page *)ctx)->says_bye))
        return GST_PAD_PROBE_OK;
    gst_buffer_extract(GST_PAD_PROBE_INFO_BUFFER(info), 0, ssrc, sizeof(ssrc));
    GstBuffer *const bye = gst_rtcp_buffer_new(256);
    gst_rtcp_buffer_map(bye, GST_MAP_READWRITE, &rtcp);
    gst_rtcp_buffer_add_packet(&rtcp, GST_RTCP_TYPE_RR, &packet);
    gst_rtcp_packet_rr_set_ssrc(&packet, GST_READ_UINT32_BE(ssrc + 4));
    gst_rtcp_buffer_add_packet(&rtcp, GST_RTCP_TYPE_BYE, &packet);
    gst_rtcp_packet_bye_add_ssrc(&packet, GST_READ_UINT32_BE(ssrc + 4));
    gst_rtcp_buffer_unmap(&rtcp);
    gst_buffer_unref(GST_PAD_PROBE_INFO_BUFFER(info));
    GST_PAD_PROBE_INFO_DATA(info) = bye;
    return GST_PAD_PROBE_OK;
}

static inline void kit_hook_reports(struct kit_page *p)
{
    GstElement *const rtpbin = gst_bin_get_by_name(GST_BIN(p->webrtc), "rtpbin");
    GstPad *const pad = gst_element_get_static_pad(rtpbin, "send_rtcp_src_0");
    if (pad) {
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_page_report, p, NULL);
        gst_object_unref(pad);
    }
    gst_object_unref(rtpbin);
}

static inline void on_page_pad(GstElement *webrtc, GstPad *pad, gpointer ctx)
{
    (void)webrtc;
    struct kit_page *const p = ctx;
    if (GST_PAD_DIRECTION(pad) != GST_PAD_SRC)
        return;
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_page_packet, p, NULL);
    kit_report_often(p);
    kit_hook_reports(p);
    GstElement *const bin = kit_receiver(p);
    gst_bin_add(GST_BIN(p->pipeline), bin);
    gst_element_sync_state_with_parent(bin);
    GstPad *const sink = gst_element_get_static_pad(bin, "sink");
    gst_pad_link(pad, sink);
    gst_object_unref(sink);
}

static inline void kit_page_open(struct kit_page *p)
{
    p->pipeline = gst_pipeline_new(NULL);
    p->webrtc = gst_element_factory_make("webrtcbin", NULL);
    g_object_set(p->webrtc, "bundle-policy", 3, "latency", 20, NULL);
    GObject *ice = NULL, *agent = NULL;
    g_object_get(p->webrtc, "ice-agent", &ice, NULL);
    g_object_get(ice, "agent", &agent, NULL);
    g_object_set(agent, "upnp", FALSE, NULL);
    g_object_unref(agent);
    gst_object_unref(ice);
    gst_bin_add(GST_BIN(p->pipeline), p->webrtc);
    g_signal_connect(p->webrtc, "notify::ice-gathering-state", G_CALLBACK(on_page_gathering), p);
    g_signal_connect(p->webrtc, "pad-added", G_CALLBACK(on_page_pad), p);
    g_signal_connect(p->webrtc, "on-data-channel", G_CALLBACK(on_page_channel), p);
    gst_element_set_state(p->pipeline, GST_STATE_PLAYING);
    GstCaps *const caps = gst_caps_from_string(
        "application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=102,"
        "packetization-mode=(string)1,profile-level-id=(string)42e01f,"
        "extmap-5=(string)http://www.webrtc.org/experiments/rtp-hdrext/playout-delay");
    GstWebRTCRTPTransceiver *transceiver = NULL;
    g_signal_emit_by_name(p->webrtc, "add-transceiver",
                          GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_RECVONLY, caps, &transceiver);
    gst_object_unref(transceiver);
    gst_caps_unref(caps);
    g_signal_emit_by_name(p->webrtc, "create-data-channel", "control", NULL, &p->control);
    g_signal_connect(p->control, "on-open", G_CALLBACK(on_page_open), p);
    g_signal_connect(p->control, "on-message-string", G_CALLBACK(on_page_text), p);
}

/* Makes the connection of a page that is zero but for its first members. The offer with its
 * candidates, for g_free; NULL when they were not gathered in time. */
static inline char *kit_page_offer(struct kit_page *p)
{
    kit_page_open(p);
    GstPromise *const promise = gst_promise_new();
    g_signal_emit_by_name(p->webrtc, "create-offer", NULL, promise);
    gst_promise_wait(promise);
    GstWebRTCSessionDescription *offer = NULL;
    gst_structure_get(gst_promise_get_reply(promise), "offer", GST_TYPE_WEBRTC_SESSION_DESCRIPTION,
                      &offer, NULL);
    gst_promise_unref(promise);
    g_signal_emit_by_name(p->webrtc, "set-local-description", offer, NULL);
    gst_webrtc_session_description_free(offer);
    if (!kit_wait_true(&p->is_gathered))
        return NULL;
    GstWebRTCSessionDescription *local = NULL;
    g_object_get(p->webrtc, "local-description", &local, NULL);
    char *const text = gst_sdp_message_as_text(local->sdp);
    gst_webrtc_session_description_free(local);
    return text;
}

static inline void kit_page_answer(struct kit_page *p, const char *answer)
{
    GstSDPMessage *sdp = NULL;
    gst_sdp_message_new_from_text(answer, &sdp);
    GstWebRTCSessionDescription *const description = gst_webrtc_session_description_new(
        GST_WEBRTC_SDP_TYPE_ANSWER, sdp);
    GstPromise *const promise = gst_promise_new();
    g_signal_emit_by_name(p->webrtc, "set-remote-description", description, promise);
    gst_promise_wait(promise);
    gst_promise_unref(promise);
    gst_webrtc_session_description_free(description);
}

static inline void kit_page_leave(struct kit_page *p)
{
    tro_sctp_quiet(p->webrtc);
    gst_element_set_state(p->pipeline, GST_STATE_NULL);
    if (p->control)
        g_object_unref(p->control);
    gst_object_unref(p->pipeline);
}

#endif
