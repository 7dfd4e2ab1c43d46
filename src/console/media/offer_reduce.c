/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/offer_reduce.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static const char *const of_session[] = {"group",   "ice-options", "ice-ufrag",
                                         "ice-pwd", "fingerprint", "setup"};
static const char *const of_media[] = {
    "candidate",       "end-of-candidates", "ice-options", "ice-ufrag",
    "ice-pwd",         "fingerprint",       "setup",       "mid",
    "recvonly",        "sendrecv",          "rtcp",        "rtcp-mux",
    "rtcp-mux-only",   "rtcp-rsize",        "sctp-port",   "sctpmap",
    "max-message-size"};
static const char *const of_feedback[] = {"nack", "nack pli", "ccm fir"};
static const char *const of_fmtp[] = {"level-asymmetry-allowed", "packetization-mode",
                                      "profile-level-id"};

static bool is_in(const char *const *list, size_t n, const char *text, size_t n_text)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == n_text && memcmp(list[i], text, n_text) == 0)
            return true;
    return false;
}

static bool is_one_of(const char *const *list, size_t n, const char *text)
{
    return is_in(list, n, text, strlen(text));
}

int tro_offer_payload(const char *value, const char **rest)
{
    char *end;
    const long payload = strtol(value, &end, 10);
    *rest = "";
    if (end == value || *end != ' ' || payload < 0 || payload > 127)
        return -1;
    *rest = end + 1;
    return (int)payload;
}

int tro_offer_playout_delay(const char *value)
{
    const char *const uri = strchr(value, ' ');
    const int id = atoi(value);
    return uri && strcmp(uri + 1, TRO_PLAYOUT_DELAY) == 0 && id >= 1 && id <= 14 ? id : 0;
}

/* ---- video ---------------------------------------------------------------------------------- */

/* What repeats packets of that payload; -1: nothing does. */
static int rtx_of(const GstSDPMedia *media, int payload)
{
    const char *value;
    for (guint i = 0; (value = gst_sdp_media_get_attribute_val_n(media, "fmtp", i)); i++) {
        const char *rest;
        const int of = tro_offer_payload(value, &rest);
        if (of >= 0 && of != payload && strncmp(rest, "apt=", 4) == 0 && atoi(rest + 4) == payload)
            return of;
    }
    return -1;
}

/* Of "name=value;name=value" those that are known. */
static gchar *known_parameters(const char *text)
{
    GString *const out = g_string_new(NULL);
    while (*text) {
        text += strspn(text, "; ");
        const size_t n = strcspn(text, ";"), n_name = strcspn(text, "=;");
        if (n > 0 && is_in(of_fmtp, N_OF(of_fmtp), text, n_name))
            g_string_append_printf(out, "%s%.*s", out->len ? ";" : "", (int)n, text);
        text += n;
    }
    return g_string_free(out, FALSE);
}

/* "96 name=value;...", with what is known; NULL: nothing is, or it is of a payload that goes. */
static gchar *reduced_fmtp(const struct tro_offer *o, int rtx, const char *value)
{
    const char *rest;
    const int of = tro_offer_payload(value, &rest);
    if (of == rtx && rtx >= 0)
        return g_strdup_printf("%d apt=%d", rtx, o->payload);
    if (of != o->payload)
        return NULL;
    gchar *const known = known_parameters(rest);
    gchar *const text = *known ? g_strdup_printf("%d %s", of, known) : NULL;
    g_free(known);
    return text;
}

static bool is_wanted_of_payload(const struct tro_offer *o, int rtx, const GstSDPAttribute *a)
{
    const char *rest;
    const int of = tro_offer_payload(a->value, &rest);
    if (strcmp(a->key, "rtpmap") == 0)
        return of >= 0 &&
               (of == o->payload || (of == rtx && g_ascii_strcasecmp(rest, "rtx/90000") == 0));
    return strcmp(a->key, "rtcp-fb") == 0 && of == o->payload &&
           is_one_of(of_feedback, N_OF(of_feedback), rest);
}

static bool is_wanted(const struct tro_offer *o, bool is_video, int rtx, const GstSDPAttribute *a)
{
    if (is_one_of(of_media, N_OF(of_media), a->key))
        return true;
    if (!is_video || !a->value)
        return false;
    if (strcmp(a->key, "extmap") == 0)
        return o->playout_delay && tro_offer_playout_delay(a->value) == o->playout_delay;
    return is_wanted_of_payload(o, rtx, a);
}

static int replace_value(GstSDPMedia *media, guint i, const char *value, struct tro_err *err)
{
    GstSDPAttribute a = {0};
    if (gst_sdp_attribute_set(&a, gst_sdp_media_get_attribute(media, i)->key, value) != GST_SDP_OK)
        return tro_fail_nomem(err);
    gst_sdp_media_replace_attribute(media, i, &a);
    return 0;
}

static int reduce_attribute(const struct tro_offer *o, GstSDPMedia *media, bool is_video, int rtx,
                            guint i, struct tro_err *err)
{
    const GstSDPAttribute *const a = gst_sdp_media_get_attribute(media, i);
    gchar *const fmtp = is_video && a->value && strcmp(a->key, "fmtp") == 0
                            ? reduced_fmtp(o, rtx, a->value)
                            : NULL;
    const int rc = fmtp ? replace_value(media, i, fmtp, err) : 0;
    if (!fmtp && !is_wanted(o, is_video, rtx, a))
        gst_sdp_media_remove_attribute(media, i);
    g_free(fmtp);
    return rc;
}

static int reduce_formats(const struct tro_offer *o, GstSDPMedia *media, int rtx,
                          struct tro_err *err)
{
    bool is_listed = false;
    for (guint i = gst_sdp_media_formats_len(media); i-- > 0;) {
        const int format = atoi(gst_sdp_media_get_format(media, i));
        is_listed |= format == o->payload;
        if (format != o->payload && format != rtx)
            gst_sdp_media_remove_format(media, i);
    }
    return is_listed ? 0
                     : tro_fail(err, TRO_E_INPUT, "an offer whose \"m=video\" does not list %d",
                                o->payload);
}

static int reduce_media(const struct tro_offer *o, GstSDPMedia *media, bool is_video,
                        struct tro_err *err)
{
    const int rtx = is_video ? rtx_of(media, o->payload) : -1;
    for (guint i = gst_sdp_media_attributes_len(media); i-- > 0;)
        TRO_TRY(reduce_attribute(o, media, is_video, rtx, i, err));
    return is_video ? reduce_formats(o, media, rtx, err) : 0;
}

int tro_offer_reduce(struct tro_offer *o, struct tro_err *err)
{
    for (guint i = gst_sdp_message_attributes_len(o->sdp); i-- > 0;)
        if (!is_one_of(of_session, N_OF(of_session), gst_sdp_message_get_attribute(o->sdp, i)->key))
            gst_sdp_message_remove_attribute(o->sdp, i);
    for (int i = 0; i < o->n_media; i++) {
        GstSDPMedia *const media = (GstSDPMedia *)gst_sdp_message_get_media(o->sdp, (guint)i);
        TRO_TRY(reduce_media(o, media, i == o->video, err));
    }
    return 0;
}
