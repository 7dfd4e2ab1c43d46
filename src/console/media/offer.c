/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/offer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "console/media/offer_reduce.h"

/* ---- lines ------------------------------------------------------------------------------ */

/* The next line without its end; false: there is none. */
static bool next_line(struct tro_str *rest, struct tro_str *line)
{
    if (rest->n == 0)
        return false;
    const char *const end = memchr(rest->p, '\n', rest->n);
    const size_t n = end ? (size_t)(end - rest->p) : rest->n;
    *line = (struct tro_str){rest->p, n > 0 && rest->p[n - 1] == '\r' ? n - 1 : n};
    rest->p += end ? n + 1 : n;
    rest->n -= end ? n + 1 : n;
    return true;
}

/* Printable bytes alone, so that no line ends early and no text is cut. */
static bool is_plain(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' && text[i] != '\r' && text[i] != '\n' && text[i] != '\t')
            return false;
    return true;
}

static bool begins(struct tro_str s, const char *with)
{
    const size_t n = strlen(with);
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* ---- candidates ------------------------------------------------------------------------- */

enum candidate { CANDIDATE_BAD, CANDIDATE_OF_NAME, CANDIDATE_GOOD };

static bool is_number(const char *text, long least, long most)
{
    char *end;
    if (*text < '0' || *text > '9' || strlen(text) > 10)
        return false;
    const long v = strtol(text, &end, 10);
    return *end == '\0' && v >= least && v <= most;
}

static bool is_address(const char *text)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* foundation component transport priority address port "typ" type ..., behind "candidate:". */
static enum candidate judge_candidate(struct tro_str value)
{
    char text[TRO_CANDIDATE_BYTES], foundation[33], component[11], transport[11], priority[11];
    char address[129], port[11], typ[5], type[16];
    if (value.n >= sizeof(text))
        return CANDIDATE_BAD;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    if (sscanf(text, "%32s %10s %10s %10s %128s %10s %4s %15s", foundation, component, transport,
               priority, address, port, typ, type) != 8)
        return CANDIDATE_BAD;
    if (!is_number(component, 1, 256) || !is_number(priority, 0, 4294967295) ||
        !is_number(port, 0, 65535) || strcmp(typ, "typ") != 0)
        return CANDIDATE_BAD;
    return is_address(address) ? CANDIDATE_GOOD : CANDIDATE_OF_NAME;
}

/* ---- offers ----------------------------------------------------------------------------- */

static int check_text(const char *text, size_t n, struct tro_err *err)
{
    size_t n_lines = 0;
    for (size_t i = 0; i < n; i++)
        n_lines += text[i] == '\n';
    if (n == 0 || n > TRO_OFFER_MAX_BYTES || n_lines > TRO_OFFER_MAX_LINES)
        return tro_fail(err, TRO_E_INPUT,
                        "an offer has 1 to %d bytes and at most %d lines, not %zu and %zu",
                        TRO_OFFER_MAX_BYTES, TRO_OFFER_MAX_LINES, n, n_lines);
    if (!is_plain(text, n) || n < 4 || memcmp(text, "v=0", 3) != 0)
        return tro_fail(err, TRO_E_INPUT,
                        "this is not an offer: it begins not with \"v=0\" or "
                        "holds control characters");
    return 0;
}

/* Names would be looked up, and by whom the page wishes. */
static int cut_candidates(GstSDPMedia *media, int *n_candidates, struct tro_err *err)
{
    for (guint i = gst_sdp_media_attributes_len(media); i-- > 0;) {
        const GstSDPAttribute *const a = gst_sdp_media_get_attribute(media, i);
        if (strcmp(a->key, "candidate") != 0)
            continue;
        const char *const value = a->value ? a->value : "";
        const enum candidate is = judge_candidate((struct tro_str){value, strlen(value)});
        if (is == CANDIDATE_BAD)
            return tro_fail(err, TRO_E_INPUT, "an offer with a candidate that is not one");
        if (is == CANDIDATE_OF_NAME)
            gst_sdp_media_remove_attribute(media, i);
        else if (++*n_candidates > TRO_OFFER_MAX_CANDIDATES)
            return tro_fail(err, TRO_E_INPUT, "an offer has at most %d candidates",
                            TRO_OFFER_MAX_CANDIDATES);
    }
    return 0;
}

/* Of the media or, where it may stand there, of the whole session. */
static const char *attribute(const GstSDPMessage *sdp, const GstSDPMedia *media, const char *key)
{
    const char *const own = gst_sdp_media_get_attribute_val(media, key);
    return own ? own : gst_sdp_message_get_attribute_val(sdp, key);
}

static int check_media(const GstSDPMessage *sdp, const GstSDPMedia *media, struct tro_err *err)
{
    static const char *const needed[] = {"ice-ufrag", "ice-pwd", "fingerprint", "setup"};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        const char *const value = attribute(sdp, media, needed[i]);
        if (!value || strlen(value) < 4 || strlen(value) > 512)
            return tro_fail(err, TRO_E_INPUT, "an offer whose \"m=%s\" has no usable \"a=%s\"",
                            gst_sdp_media_get_media(media), needed[i]);
    }
    const char *const setup = attribute(sdp, media, "setup");
    if (strcmp(setup, "actpass") != 0 && strcmp(setup, "active") != 0 &&
        strcmp(setup, "passive") != 0)
        return tro_fail(err, TRO_E_INPUT, "an offer with \"a=setup:%.32s\"", setup);
    return 0;
}

static int take_mid(struct tro_offer *o, const GstSDPMedia *media, struct tro_err *err)
{
    const char *const mid = gst_sdp_media_get_attribute_val(media, "mid");
    if (!mid || !*mid || strlen(mid) >= TRO_MID_BYTES)
        return tro_fail(err, TRO_E_INPUT, "an offer whose media need \"a=mid:\" of 1 to %d bytes",
                        TRO_MID_BYTES - 1);
    for (int i = 0; i < o->n_media; i++)
        if (strcmp(o->mids[i], mid) == 0)
            return tro_fail(err, TRO_E_INPUT, "an offer with two media called '%s'", mid);
    memcpy(o->mids[o->n_media++], mid, strlen(mid) + 1);
    return 0;
}

/* How well the parameters of a payload suit: 0 not at all. */
static int suits(const char *fmtp)
{
    const char *const profile = strstr(fmtp, "profile-level-id=");
    if (!strstr(fmtp, "packetization-mode=1"))
        return 0;
    if (!profile)
        return 1;
    return g_ascii_strncasecmp(profile + 17, "42e0", 4) == 0   ? 3
           : g_ascii_strncasecmp(profile + 17, "4200", 4) == 0 ? 2
                                                               : 1;
}

static bool is_h264(const GstSDPMedia *media, int payload)
{
    for (guint i = 0;; i++) {
        const char *const value = gst_sdp_media_get_attribute_val_n(media, "rtpmap", i);
        const char *rest;
        if (!value)
            return false;
        if (tro_offer_payload(value, &rest) == payload)
            return g_ascii_strncasecmp(rest, "H264/90000", 10) == 0;
    }
}

static int choose_payload(const GstSDPMedia *media)
{
    int best = 0, payload = -1;
    for (guint i = 0;; i++) {
        const char *const value = gst_sdp_media_get_attribute_val_n(media, "fmtp", i);
        const char *rest;
        if (!value)
            return payload;
        const int of = tro_offer_payload(value, &rest);
        if (of >= 0 && suits(rest) > best && is_h264(media, of)) {
            best = suits(rest);
            payload = of;
        }
    }
}

static int playout_delay_of(const GstSDPMedia *media)
{
    for (guint i = 0;; i++) {
        const char *const value = gst_sdp_media_get_attribute_val_n(media, "extmap", i);
        const int id = value ? tro_offer_playout_delay(value) : 0;
        if (id || !value)
            return id;
    }
}

static int take_video(struct tro_offer *o, const GstSDPMedia *media, struct tro_err *err)
{
    if (o->video >= 0)
        return tro_fail(err, TRO_E_INPUT, "an offer has one \"m=video\", not more");
    if (gst_sdp_media_get_attribute_val(media, "sendonly") ||
        gst_sdp_media_get_attribute_val(media, "inactive"))
        return tro_fail(err, TRO_E_INPUT, "an offer that does not want to receive video");
    o->video = o->n_media - 1;
    o->payload = choose_payload(media);
    o->playout_delay = playout_delay_of(media);
    if (o->payload < 0)
        return tro_fail(err, TRO_E_INPUT,
                        "an offer without H.264 of packetization mode 1, which "
                        "is all that is sent");
    return 0;
}

static int take_media(struct tro_offer *o, GstSDPMedia *media, int *n_candidates,
                      struct tro_err *err)
{
    const char *const kind = gst_sdp_media_get_media(media);
    TRO_TRY(check_media(o->sdp, media, err));
    TRO_TRY(take_mid(o, media, err));
    TRO_TRY(cut_candidates(media, n_candidates, err));
    if (kind && strcmp(kind, "video") == 0)
        return take_video(o, media, err);
    if (!kind || strcmp(kind, "application") != 0 || o->has_channels)
        return tro_fail(err, TRO_E_INPUT,
                        "an offer of video and at most one \"m=application\" is "
                        "wanted, not of '%.32s'",
                        kind ? kind : "");
    o->has_channels = true;
    return 0;
}

int tro_offer_read(const char *text, size_t n, struct tro_offer *out, struct tro_err *err)
{
    *out = (struct tro_offer){.video = -1};
    TRO_TRY(check_text(text, n, err));
    if (gst_sdp_message_new(&out->sdp) != GST_SDP_OK)
        return tro_fail_nomem(err);
    if (gst_sdp_message_parse_buffer((const guint8 *)text, (guint)n, out->sdp) != GST_SDP_OK)
        return tro_fail(err, TRO_E_INPUT, "this is not an offer: it cannot be read as SDP");
    const guint n_media = gst_sdp_message_medias_len(out->sdp);
    if (n_media < 1 || n_media > TRO_OFFER_MAX_MEDIA)
        return tro_fail(err, TRO_E_INPUT, "an offer has 1 to %d media, not %u", TRO_OFFER_MAX_MEDIA,
                        n_media);
    int n_candidates = 0;
    for (guint i = 0; i < n_media; i++) {
        GstSDPMedia *const media = (GstSDPMedia *)gst_sdp_message_get_media(out->sdp, i);
        TRO_TRY(take_media(out, media, &n_candidates, err));
    }
    if (out->video < 0)
        return tro_fail(err, TRO_E_INPUT, "an offer without \"m=video\"");
    return tro_offer_reduce(out, err);
}

void tro_offer_finish(struct tro_offer *o)
{
    if (o->sdp)
        gst_sdp_message_free(o->sdp);
    o->sdp = NULL;
}

/* ---- fragments -------------------------------------------------------------------------- */

static int media_of_mid(const struct tro_offer *o, struct tro_str mid)
{
    for (int i = 0; i < o->n_media; i++)
        if (tro_str_eqz(mid, o->mids[i]))
            return i;
    return -1;
}

static int add_candidate(struct tro_trickle *t, int media, struct tro_str line, struct tro_err *err)
{
    const struct tro_str text = {line.p + 2, line.n - 2}; /* behind "a=" */
    const struct tro_str value = {text.p + 10, text.n - 10};
    const enum candidate is = judge_candidate(value);
    if (is == CANDIDATE_BAD || media < 0 || text.n >= TRO_CANDIDATE_BYTES)
        return tro_fail(err, TRO_E_INPUT,
                        "a fragment with a candidate that is not one, or of no "
                        "\"a=mid:\"");
    if (is == CANDIDATE_OF_NAME)
        return 0;
    if (t->n == TRO_OFFER_MAX_CANDIDATES)
        return tro_fail(err, TRO_E_INPUT, "a fragment has at most %d candidates",
                        TRO_OFFER_MAX_CANDIDATES);
    t->candidates[t->n].media = media;
    memcpy(t->candidates[t->n].text, text.p, text.n);
    t->candidates[t->n++].text[text.n] = '\0';
    return 0;
}

int tro_trickle_read(const struct tro_offer *offer, const char *text, size_t n,
                     struct tro_trickle *out, struct tro_err *err)
{
    struct tro_str rest = {text, n}, line;
    int media = -1;
    out->n = 0;
    if (n > TRO_OFFER_MAX_BYTES || !is_plain(text, n))
        return tro_fail(err, TRO_E_INPUT, "a fragment has at most %d bytes of text",
                        TRO_OFFER_MAX_BYTES);
    bool has_any = false;
    while (next_line(&rest, &line)) {
        if (line.n == 0)
            continue;
        if (line.n < 2 || line.p[1] != '=')
            return tro_fail(err, TRO_E_INPUT,
                            "this is not a fragment: its lines begin with \"a=\" "
                            "or \"m=\"");
        has_any = true;
        if (begins(line, "a=mid:"))
            media = media_of_mid(offer, (struct tro_str){line.p + 6, line.n - 6});
        else if (begins(line, "a=candidate:"))
            TRO_TRY(add_candidate(out, media, line, err));
    }
    return has_any ? 0 : tro_fail(err, TRO_E_INPUT, "an empty fragment");
}
