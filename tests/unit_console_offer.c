/* SPDX-License-Identifier: Apache-2.0 */
/* Offers as browsers send them and with what they would not: what is left of each. */
#include "test.h"

#ifdef TRO_HAVE_GSTREAMER
#include <stdio.h>
#include <string.h>

#include "console/media/offer.h"

#define SESSION                                           \
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" \
    "a=group:BUNDLE 0\r\na=made-up:1\r\na=msid-semantic: WMS\r\n"
#define MEDIA                                                                           \
    "c=IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlsm\r\n"    \
    "a=fingerprint:sha-256 75:74:5A:A6\r\na=setup:actpass\r\na=mid:0\r\na=recvonly\r\n" \
    "a=rtcp-mux\r\na=invented\r\na=ssrc:7 cname:x\r\n"

static const char chrome[] = SESSION "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104\r\n" MEDIA
                                     "a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\n"
                                     "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/"
                                     "playout-delay\r\n"
                                     "a=rtpmap:96 VP8/90000\r\n"
                                     "a=rtpmap:97 rtx/90000\r\n"
                                     "a=fmtp:97 apt=96\r\n"
                                     "a=rtpmap:102 H264/90000\r\n"
                                     "a=rtcp-fb:102 nack\r\n"
                                     "a=rtcp-fb:102 nack pli\r\n"
                                     "a=rtcp-fb:102 transport-cc\r\n"
                                     "a=rtcp-fb:102 made up\r\n"
                                     "a=fmtp:102 x-new=1;level-asymmetry-allowed=1; "
                                     "packetization-mode=1;profile-level-id=42e01f;last\r\n"
                                     "a=rtpmap:103 rtx/90000\r\n"
                                     "a=fmtp:103 apt=102;x=y\r\n"
                                     "a=rtpmap:104 H264/90000\r\n"
                                     "a=fmtp:104 packetization-mode=0\r\n";

static char left[4096];

/* "": it was taken, and left is what is left of it. */
static const char *reason(const char *text)
{
    static char why[sizeof(((struct tro_err *)0)->text)];
    struct tro_offer offer;
    struct tro_err err = {0};
    left[0] = why[0] = '\0';
    if (tro_offer_read(text, strlen(text), &offer, &err) < 0) {
        snprintf(why, sizeof(why), "%s", err.text);
    } else {
        gchar *const out = gst_sdp_message_as_text(offer.sdp);
        snprintf(left, sizeof(left), "%s", out);
        g_free(out);
    }
    tro_offer_finish(&offer);
    return why;
}

TEST(what_stays)
{
    static const char *const stays[] = {
        "m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\n",
        "a=group:BUNDLE 0\r\n",
        "a=ice-ufrag:4ZcD\r\n",
        "a=fingerprint:sha-256 75:74:5A:A6\r\n",
        "a=recvonly\r\n",
        "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n",
        "a=rtpmap:102 H264/90000\r\n",
        "a=rtcp-fb:102 nack\r\n",
        "a=rtcp-fb:102 nack pli\r\n",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n",
        "a=rtpmap:103 rtx/90000\r\n",
        "a=fmtp:103 apt=102\r\n",
    };
    CHECK_STR(reason(chrome), "");
    for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
        CHECK_HAS(left, stays[i]);
}

TEST(what_goes)
{
    static const char *const goes[] = {"made",      "invented", "ssrc",  "msid", "toffset",
                                       "transport", ":96",      ":97",   ":104", "x-new",
                                       "last",      "x=y",      "cname", "VP8"};
    CHECK_STR(reason(chrome), "");
    CHECK(left[0] != '\0');
    for (size_t i = 0; i < sizeof(goes) / sizeof(goes[0]); i++)
        CHECK_STR(strstr(left, goes[i]) ? goes[i] : "", "");
}

TEST(a_payload_that_is_not_listed)
{
    CHECK_HAS(reason(SESSION "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" MEDIA
                             "a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\n"),
              "does not list 102");
}

TEST(a_repeat_of_itself)
{
    CHECK_STR(reason(SESSION "m=video 9 UDP/TLS/RTP/SAVPF 102\r\n" MEDIA
                             "a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\n"
                             "a=fmtp:102 apt=102\r\n"),
              "");
    CHECK_HAS(left, "a=fmtp:102 packetization-mode=1\r\n");
}
#else
TEST(offers)
{
    SKIP("built without GStreamer");
}
#endif
