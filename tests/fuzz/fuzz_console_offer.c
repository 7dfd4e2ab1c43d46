/* SPDX-License-Identifier: Apache-2.0 */
/* What a page sends to see video. The first byte says what follows: an offer (even), or a fragment
 * of candidates for a fixed offer (odd). What is accepted holds no name to be looked up. */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef TRO_HAVE_GSTREAMER
#include "console/media/offer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "%s: %s\n", what, text);
    abort();
}

/* "foundation component transport priority address ...": an address, no name. */
static void check_candidates(const GstSDPMedia *media)
{
    const char *value;
    for (guint i = 0; (value = gst_sdp_media_get_attribute_val_n(media, "candidate", i)); i++) {
        char address[129];
        unsigned char bytes[16];
        if (sscanf(value, "%*s %*s %*s %*s %128s", address) != 1 ||
            (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1))
            fail("a name is left", value);
    }
}

static void check_offer(const uint8_t *data, size_t size)
{
    struct tro_offer offer;
    struct tro_err err = {0};
    if (tro_offer_read((const char *)data, size, &offer, &err) < 0) {
        if (!err.text[0])
            fail("offer", "no reason");
    } else {
        if (offer.payload < 0 || offer.payload > 127 || offer.playout_delay < 0 ||
            offer.playout_delay > 14 || offer.video >= offer.n_media)
            fail("offer", "out of range");
        for (int i = 0; i < offer.n_media; i++)
            check_candidates(gst_sdp_message_get_media(offer.sdp, (guint)i));
    }
    tro_offer_finish(&offer);
}

static void check_fragment(const uint8_t *data, size_t size)
{
    const struct tro_offer offer = {.n_media = 2, .mids = {"0", "data"}};
    static struct tro_trickle t;
    struct tro_err err = {0};
    if (tro_trickle_read(&offer, (const char *)data, size, &t, &err) < 0) {
        if (!err.text[0])
            fail("fragment", "no reason");
        return;
    }
    for (int i = 0; i < t.n; i++)
        if (t.candidates[i].media < 0 || t.candidates[i].media > 1 ||
            strncmp(t.candidates[i].text, "candidate:", 10) != 0 ||
            strlen(t.candidates[i].text) >= TRO_CANDIDATE_BYTES)
            fail("candidate", t.candidates[i].text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    /* An exact copy, so that a read behind the end is seen. */
    uint8_t *const copy = malloc(size - 1 + !(size - 1));
    memcpy(copy, data + 1, size - 1);
    if (data[0] & 1)
        check_fragment(copy, size - 1);
    else
        check_offer(copy, size - 1);
    free(copy);
    return 0;
}
#else
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data, (void)size;
    return 0;
}
#endif
