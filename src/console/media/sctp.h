/* SPDX-License-Identifier: Apache-2.0 */
/* The data channels' transport inside of webrtcbin, before it is stopped. */
#ifndef TRO_CONSOLE_MEDIA_SCTP_H
#define TRO_CONSOLE_MEDIA_SCTP_H

#include <gst/gst.h>

/*
 * Takes the channels off their transport: nothing comes in and nothing goes out any more. Without
 * it webrtcbin's own thread closes their streams while another thread frees the socket of all of
 * them, and the process dies; or it starts the transport while another stops it, which then waits
 * for ever (GStreamer 1.22). Waits for webrtcbin's thread; not to be called by it.
 */
void tro_sctp_quiet(GstElement *webrtc);

#endif
