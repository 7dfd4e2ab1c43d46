/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/rtp.h"

#include <gst/rtp/rtp.h>

/* Three zero bytes: to be shown at once. */
static void add_playout_delay(GstBuffer *packet, guint8 id)
{
    static const guint8 zeros[3];
    GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
    if (!gst_rtp_buffer_map(packet, GST_MAP_READWRITE, &rtp))
        return;
    gst_rtp_buffer_add_extension_onebyte_header(&rtp, id, zeros, sizeof(zeros));
    gst_rtp_buffer_unmap(&rtp);
}

static gboolean on_packet_of_list(GstBuffer **packet, guint i, gpointer id)
{
    (void)i;
    *packet = gst_buffer_make_writable(*packet);
    add_playout_delay(*packet, (guint8)GPOINTER_TO_UINT(id));
    return TRUE;
}

static GstPadProbeReturn on_packet(GstPad *pad, GstPadProbeInfo *info, gpointer id)
{
    (void)pad;
    if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
        GstBufferList *const list = gst_buffer_list_make_writable(
            GST_PAD_PROBE_INFO_BUFFER_LIST(info));
        gst_buffer_list_foreach(list, on_packet_of_list, id);
        GST_PAD_PROBE_INFO_DATA(info) = list;
    } else {
        GstBuffer *const packet = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
        add_playout_delay(packet, (guint8)GPOINTER_TO_UINT(id));
        GST_PAD_PROBE_INFO_DATA(info) = packet;
    }
    return GST_PAD_PROBE_OK;
}

void tro_rtp_show_at_once(GstPad *pad, int id)
{
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, on_packet,
                      GINT_TO_POINTER(id), NULL);
}

bool tro_rtcp_says_bye(GstBuffer *buffer)
{
    GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
    GstRTCPPacket packet;
    bool is_bye = false;
    if (!gst_rtcp_buffer_map(buffer, GST_MAP_READ, &rtcp))
        return false;
    for (bool is = gst_rtcp_buffer_get_first_packet(&rtcp, &packet); is && !is_bye;
         is = gst_rtcp_packet_move_to_next(&packet))
        is_bye = gst_rtcp_packet_get_type(&packet) == GST_RTCP_TYPE_BYE;
    gst_rtcp_buffer_unmap(&rtcp);
    return is_bye;
}
