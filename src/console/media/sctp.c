/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/sctp.h"

/* Of the only one of its kind in the bin; NULL: there is none. */
static GstElement *element_of(GstElement *bin, const char *factory)
{
    GstIterator *const all = gst_bin_iterate_all_by_element_factory_name(GST_BIN(bin), factory);
    GstElement *found = NULL;
    GValue item = G_VALUE_INIT;
    GstIteratorResult result;
    while ((result = gst_iterator_next(all, &item)) == GST_ITERATOR_RESYNC)
        gst_iterator_resync(all);
    if (result == GST_ITERATOR_OK) {
        found = g_value_dup_object(&item);
        g_value_unset(&item);
    }
    gst_iterator_free(all);
    return found;
}

static GstPadProbeReturn drop(GstPad *pad, GstPadProbeInfo *info, gpointer ctx)
{
    (void)pad, (void)info, (void)ctx;
    return GST_PAD_PROBE_DROP;
}

/* So that no channel is opened any more; waits for one that is about to be. */
static void stop_input(GstElement *decoder)
{
    GstPad *const sink = gst_element_get_static_pad(decoder, "sink");
    gst_pad_add_probe(sink, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, drop, NULL,
                      NULL);
    GST_PAD_STREAM_LOCK(sink);
    GST_PAD_STREAM_UNLOCK(sink);
    gst_object_unref(sink);
}

static void unlink_from_peer(const GValue *item, gpointer ctx)
{
    (void)ctx;
    GstPad *const pad = g_value_get_object(item);
    GstPad *const peer = gst_pad_get_peer(pad);
    if (!peer)
        return;
    gst_pad_unlink(peer, pad);
    gst_object_unref(peer);
}

/* A channel without a link has no stream that could be closed. */
static void unlink_channels(GstElement *encoder)
{
    GstIterator *const pads = gst_element_iterate_sink_pads(encoder);
    while (gst_iterator_foreach(pads, unlink_from_peer, NULL) == GST_ITERATOR_RESYNC)
        gst_iterator_resync(pads);
    gst_iterator_free(pads);
}

/* It does one thing after the other, and an answer to no offer is refused at once. */
static void wait_for_thread(GstElement *webrtc)
{
    GstPromise *const promise = gst_promise_new();
    g_signal_emit_by_name(webrtc, "create-answer", NULL, promise);
    gst_promise_wait(promise);
    gst_promise_unref(promise);
}

void tro_sctp_quiet(GstElement *webrtc)
{
    GstElement *decoder = element_of(webrtc, "sctpdec");
    GstElement *encoder = element_of(webrtc, "sctpenc");
    if (decoder && encoder) {
        /* They are locked until they are started; who finds them unlocked starts them no more. */
        gst_element_set_locked_state(encoder, FALSE);
        gst_element_set_locked_state(decoder, FALSE);
        stop_input(decoder);
        unlink_channels(encoder);
        wait_for_thread(webrtc);
    }
    g_clear_object(&decoder);
    g_clear_object(&encoder);
}
