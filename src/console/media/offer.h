/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a page sends to see video: its offer (SDP) and candidates that come later (RFC 8840). All
 * of it is untrusted: bounded, checked, and cut down to what is needed before webrtcbin sees it.
 */
#ifndef TRO_CONSOLE_MEDIA_OFFER_H
#define TRO_CONSOLE_MEDIA_OFFER_H

#include <gst/sdp/gstsdpmessage.h>

#include <stdbool.h>
#include <trocar/trocar.h>

#define TRO_OFFER_MAX_BYTES 65536
#define TRO_OFFER_MAX_MEDIA 4
#define TRO_OFFER_MAX_LINES 2000
#define TRO_OFFER_MAX_CANDIDATES 64 /* of an offer, and of all fragments of a viewer together */
#define TRO_CANDIDATE_BYTES 512
#define TRO_MID_BYTES 33
#define TRO_PLAYOUT_DELAY "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

struct tro_offer {
    /* Without candidates whose address is a name, so that nothing is looked up, and with what is
     * known alone (offer_reduce.h). */
    GstSDPMessage *sdp;
    int n_media;
    char mids[TRO_OFFER_MAX_MEDIA][TRO_MID_BYTES];
    int video;         /* which of them is sent */
    int payload;       /* of H.264, packetization mode 1, the least profile */
    int playout_delay; /* id of that header extension; 0: not offered */
    bool has_channels; /* data channels */
};

/* finish also after a failure. */
int tro_offer_read(const char *text, size_t n, struct tro_offer *out, struct tro_err *err);
void tro_offer_finish(struct tro_offer *o);

/* Candidates of a fragment. */
struct tro_trickle {
    int n;
    struct {
        int media;                      /* its place in the offer */
        char text[TRO_CANDIDATE_BYTES]; /* "candidate:..." */
    } candidates[TRO_OFFER_MAX_CANDIDATES];
};

/* Candidates whose address is a name are left out. */
int tro_trickle_read(const struct tro_offer *offer, const char *text, size_t n,
                     struct tro_trickle *out, struct tro_err *err);

#endif
