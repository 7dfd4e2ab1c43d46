/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of RTP and RTCP on their way to and from a viewer. */
#ifndef TRO_CONSOLE_MEDIA_RTP_H
#define TRO_CONSOLE_MEDIA_RTP_H

#include <gst/gst.h>
#include <stdbool.h>

/* Packets that leave the pad ask to be shown at once: header extension "playout delay", with the
 * id (1 to 14) that was negotiated for it. */
void tro_rtp_show_at_once(GstPad *pad, int id);

/* One of the RTCP packets in it is a BYE. */
bool tro_rtcp_says_bye(GstBuffer *buffer);

#endif
