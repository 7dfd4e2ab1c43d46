/* SPDX-License-Identifier: Apache-2.0 */
/* Viewers over a real peer connection: webrtcbin on the other side, decoded where there is a
 * decoder. */
#include "console/media/viewers.h"

#include "test.h"

#ifdef TRO_HAVE_GSTREAMER
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "console_peer_kit.h"

#define SECOND INT64_C(1000000000)
#define N_FRAMES 4096

/* ---- the console's side ----------------------------------------------------------------- */

struct console {
    struct tro_media *media;
    struct tro_viewers *viewers;
    atomic_int n_joined, n_left, n_messages, n_wrong_rtp;
    const char *_Atomic why; /* of the last that left */
    atomic_uint_fast64_t n_encoded;
    atomic_uint rtp_of[N_FRAMES]; /* by frame id */
    char last_message[64];
};

static void on_encoded(void *ctx, uint64_t frame, int64_t captured_ns, uint32_t rtp)
{
    (void)captured_ns;
    struct console *const c = ctx;
    atomic_store(&c->rtp_of[frame % N_FRAMES], rtp);
    atomic_fetch_add(&c->n_encoded, 1);
    char text[96];
    const int n = snprintf(text, sizeof(text), "{\"t\":\"frame\",\"id\":%d,\"rtp\":%u}", (int)frame,
                           rtp);
    tro_viewers_send(c->viewers, NULL, TRO_CHANNEL_FRAMES, text, (size_t)n);
}

static void on_joined(void *ctx, const char *id)
{
    struct console *const c = ctx;
    atomic_fetch_add(&c->n_joined, 1);
    tro_viewers_send(c->viewers, id, TRO_CHANNEL_CONTROL, "hello", 5);
}

static void on_message(void *ctx, const char *id, const char *text, size_t n)
{
    (void)id;
    struct console *const c = ctx;
    snprintf(c->last_message, sizeof(c->last_message), "%.*s", (int)n, text);
    atomic_fetch_add(&c->n_messages, 1);
}

static void on_left(void *ctx, const char *id, const char *why)
{
    (void)id;
    struct console *const c = ctx;
    atomic_store(&c->why, why);
    atomic_fetch_add(&c->n_left, 1);
}

static bool open_console(struct console *c, int max_viewers)
{
    memset(c, 0, sizeof(*c));
    struct tro_err err = {0};
    const struct tro_media_opts media = {.source = TRO_SOURCE_GST,
                                         .location = "videotestsrc is-live=true pattern=ball",
                                         .form = {TRO_FRAME_NV12, 640, 360, false, false},
                                         .fps = 30,
                                         .has_mark = true,
                                         .bitrate_kbps = 2500,
                                         .encoded = on_encoded,
                                         .ctx = c};
    const struct tro_viewers_opts viewers = {
        .max_viewers = max_viewers,
        .joined = on_joined,
        .message = on_message,
        .left = on_left,
        .ctx = c,
    };
    c->media = tro_media_create(&media, &err);
    if (!c->media && err.status == TRO_E_DEVICE) {
        test_skip(err.text);
        return false;
    }
    if (!CHECK(c->media != NULL))
        return false;
    c->viewers = tro_viewers_create(c->media, &viewers, &err);
    tro_media_blur(c->media, false);
    return CHECK(c->viewers != NULL) && CHECK_INT(tro_media_start(c->media, &err), 0);
}

static void close_console(struct console *c)
{
    tro_media_stop(c->media);
    tro_viewers_destroy(c->viewers);
    tro_media_destroy(c->media);
}

/* Decoding follows the packets at once, so that the stamp is the picture's. */
static void on_picture(void *ctx, uint32_t mark)
{
    struct console *const c = ctx;
    if (atomic_load(&c->rtp_of[mark % N_FRAMES]) == 0)
        atomic_fetch_add(&c->n_wrong_rtp, 1);
}

static bool join(struct kit_page *p, struct console *c, bool is_burned_in)
{
    *p = (struct kit_page){.decodes = true, .picture = on_picture, .ctx = c};
    char *const offer = kit_page_offer(p);
    char *answer = NULL;
    struct tro_err err = {0};
    if (!CHECK(offer != NULL))
        return false;
    const int rc = tro_viewers_offer(c->viewers, offer, strlen(offer), is_burned_in, p->id, &answer,
                                     &err);
    g_free(offer);
    CHECK_STR(err.text, "");
    if (!CHECK_INT(rc, 0))
        return false;
    kit_page_answer(p, answer);
    tro_free(answer);
    return true;
}

/* The RTP stamp that was told for a frame is the one its packets have. */
TEST(a_page_sees_and_talks)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 2))
        return;
    if (join(&p, &c, false)) {
        CHECK(kit_wait_true(&p.is_open));
        CHECK(kit_wait_count(&c.n_joined, 1));
        CHECK(kit_wait_count(&p.n_texts, 1));
        CHECK(kit_wait_count(&p.n_packets, 60));
        CHECK(kit_wait_count(&p.n_frames_texts, 30));
        gst_webrtc_data_channel_send_string(p.control, "{\"t\":\"ping\"}");
        CHECK(kit_wait_count(&c.n_messages, 1));
        CHECK_STR(c.last_message, "{\"t\":\"ping\"}");
        CHECK(p.n_decoded == 0 || p.n_marks > 30);
        CHECK_INT(c.n_wrong_rtp, 0);
        CHECK(tro_viewers_close(c.viewers, p.id));
        CHECK(kit_wait_count(&c.n_left, 1));
        CHECK(!tro_viewers_close(c.viewers, p.id));
    }
    kit_page_leave(&p);
    close_console(&c);
}

/* A stamp of a packet is that of the picture in it: the decoder takes access units one by one. */
TEST(stamps_lead_to_frames)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 1))
        return;
    int n_found = 0;
    if (join(&p, &c, false) && CHECK(kit_wait_count(&p.n_packets, 10))) {
        for (int i = 0; i < 20; i++) {
            usleep(40000);
            const uint32_t rtp = atomic_load(&p.last_rtp);
            for (int k = 0; k < N_FRAMES; k++)
                n_found += rtp != 0 && atomic_load(&c.rtp_of[k]) == rtp;
        }
        CHECK_INT(n_found, 20);
    }
    kit_page_leave(&p);
    close_console(&c);
}

TEST(burned_in_view_is_a_stream_of_its_own)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 1))
        return;
    if (join(&p, &c, true)) {
        CHECK(kit_wait_count(&p.n_packets, 20));
        struct tro_viewer_info info;
        CHECK_INT(tro_viewers_list(c.viewers, &info, 1), 1);
        CHECK(info.is_burned_in && info.is_connected);
        CHECK_STR(info.id, p.id);
    }
    kit_page_leave(&p);
    close_console(&c);
}

TEST(there_are_no_more_than_may_be)
{
    static struct console c;
    static struct kit_page a, b;
    if (!open_console(&c, 1))
        return;
    if (join(&a, &c, false)) {
        memset(&b, 0, sizeof(b));
        char *const offer = kit_page_offer(&b);
        char id[TRO_VIEWER_ID_BYTES], *answer = NULL;
        struct tro_err err = {0};
        CHECK_INT(tro_viewers_offer(c.viewers, offer, strlen(offer), false, id, &answer, &err),
                  TRO_E_DEVICE);
        CHECK_HAS(err.text, "there are 1 viewers");
        CHECK(tro_viewers_close(c.viewers, a.id));
        CHECK(kit_wait_count(&c.n_left, 1));
        usleep(300000);
        CHECK_INT(tro_viewers_offer(c.viewers, offer, strlen(offer), false, id, &answer, &err), 0);
        g_free(offer);
        tro_free(answer);
        kit_page_leave(&b);
    }
    kit_page_leave(&a);
    close_console(&c);
}

TEST(who_floods_goes)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 1))
        return;
    if (join(&p, &c, false) && CHECK(kit_wait_true(&p.is_open)) &&
        CHECK(kit_wait_count(&c.n_joined, 1))) {
        char *const big = g_strnfill(TRO_VIEWER_MAX_MESSAGE + 1, 'x');
        gst_webrtc_data_channel_send_string(p.control, big);
        g_free(big);
        struct tro_viewer_info info = {0};
        for (int i = 0; i < 200 && info.n_refused == 0; i++) {
            usleep(10000);
            tro_viewers_list(c.viewers, &info, 1);
        }
        CHECK_INT(info.n_refused, 1);
        CHECK_INT(info.n_messages, 0);
        for (int i = 0; i < 1000; i++)
            gst_webrtc_data_channel_send_string(p.control, "flood");
        CHECK(kit_wait_count(&c.n_left, 1));
        CHECK_STR(atomic_load(&c.why), "it sends too many messages");
        CHECK(atomic_load(&c.n_messages) <= 2 * 60);
    }
    kit_page_leave(&p);
    close_console(&c);
}

/* A page that is gone without a word, seen by its silence. */
TEST(who_is_silent_goes)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 1))
        return;
    if (join(&p, &c, false) && CHECK(kit_wait_count(&p.n_packets, 10))) {
        kit_page_leave(&p);
        if (CHECK(kit_wait_count(&c.n_left, 1) || kit_wait_count(&c.n_left, 1)))
            CHECK_STR(atomic_load(&c.why), "it has been silent for 15 s");
        CHECK_INT(tro_viewers_list(c.viewers, NULL, 0), 0);
    }
    close_console(&c);
}

/* RTCP's BYE, with the page's next report. */
TEST(who_says_goodbye_goes)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 1))
        return;
    if (join(&p, &c, false) && CHECK(kit_wait_count(&p.n_packets, 10))) {
        atomic_store(&p.says_bye, true);
        if (CHECK(kit_wait_count(&c.n_left, 1)))
            CHECK_STR(atomic_load(&c.why), "it has said goodbye");
    }
    kit_page_leave(&p);
    close_console(&c);
}

static int n_streams(const struct kit_page *p)
{
    GstIterator *const all = gst_bin_iterate_all_by_element_factory_name(GST_BIN(p->webrtc),
                                                                         "sctpenc");
    GValue item = G_VALUE_INIT;
    int n = -1;
    if (gst_iterator_next(all, &item) == GST_ITERATOR_OK) {
        n = GST_ELEMENT(g_value_get_object(&item))->numsinkpads;
        g_value_unset(&item);
    }
    gst_iterator_free(all);
    return n;
}

/* Closing would reset their streams, of a socket that may be gone by then. */
TEST(channels_without_transport_close_no_stream)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 1))
        return;
    if (join(&p, &c, false) && CHECK(kit_wait_true(&p.is_open)) &&
        CHECK(kit_wait_count(&p.n_frames_texts, 3))) {
        CHECK_INT(n_streams(&p), 2);
        tro_sctp_quiet(p.webrtc);
        gst_webrtc_data_channel_close(p.control);
        tro_sctp_quiet(p.webrtc); /* the closing is done */
        tro_sctp_quiet(p.webrtc); /* and what it has asked for */
        CHECK_INT(n_streams(&p), 2);
    }
    kit_page_leave(&p);
    close_console(&c);
}

static int n_threads(void)
{
    char line[128];
    int n = -1;
    FILE *const f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "Threads: %d", &n) == 1)
            break;
    if (f)
        fclose(f);
    return n;
}

TEST(who_comes_and_goes_leaves_nothing)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 2))
        return;
    int before = 0;
    GQuark quark = 0;
    for (int i = 0; i < 4; i++) {
        if (!join(&p, &c, false))
            break;
        CHECK(kit_wait_count(&p.n_packets, 3));
        CHECK(tro_viewers_close(c.viewers, p.id));
        CHECK(kit_wait_count(&c.n_left, i + 1));
        kit_page_leave(&p);
        usleep(200000);
        if (i == 1) {
            before = n_threads();
            quark = g_quark_from_string("two sessions");
        }
    }
    CHECK_INT(g_quark_from_string("four sessions"), quark + 1); /* quarks are never freed */
    for (int i = 0; i < 500 && n_threads() > before + 2; i++)
        usleep(10000);
    CHECK(n_threads() <= before + 2); /* GLib keeps a pool */
    struct tro_media_counters n;
    tro_media_count(c.media, &n);
    CHECK_INT(n.display_lost, 0);
    CHECK_STR(n.encoder, "x264enc");
    close_console(&c);
}

/* ---- what is no offer ------------------------------------------------------------------- */

static char *edited(const char *offer, const char *from, const char *to)
{
    gchar **const parts = g_strsplit(offer, from, -1);
    gchar *const joined = g_strjoinv(to, parts);
    g_strfreev(parts);
    return joined;
}

TEST(bad_offers_are_refused_with_a_reason)
{
    static const struct {
        const char *from, *to, *reason;
    } edits[] = {
        {"H264/90000", "H265/90000", "without H.264"},
        {"packetization-mode=1", "packetization-mode=0", "without H.264"},
        {"a=ice-ufrag:", "a=no-ufrag:", "has no usable \"a=ice-ufrag\""},
        {"a=fingerprint:", "a=no-fingerprint:", "has no usable \"a=fingerprint\""},
        {"a=mid:", "a=min:", "need \"a=mid:\""},
        {"a=setup:actpass", "a=setup:holdconn", "a=setup:holdconn"},
        {"a=recvonly", "a=sendonly", "does not want to receive"},
        {"m=application", "m=audio", "not of 'audio'"},
        {"m=video", "m=application", "not of 'application'"},
        {"typ host", "type host", "with a candidate that is not one"},
    };
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 1))
        return;
    memset(&p, 0, sizeof(p));
    char *const offer = kit_page_offer(&p);
    char id[TRO_VIEWER_ID_BYTES], *answer = NULL;
    for (size_t i = 0; offer && i < sizeof(edits) / sizeof(edits[0]); i++) {
        char *const text = edited(offer, edits[i].from, edits[i].to);
        struct tro_err err = {0};
        CHECK(strcmp(text, offer) != 0);
        CHECK_INT(tro_viewers_offer(c.viewers, text, strlen(text), false, id, &answer, &err),
                  TRO_E_INPUT);
        CHECK_HAS(err.text, edits[i].reason);
        g_free(text);
    }
    struct tro_err err = {0};
    CHECK_INT(tro_viewers_offer(c.viewers, "", 0, false, id, &answer, &err), TRO_E_INPUT);
    CHECK_INT(tro_viewers_offer(c.viewers, "v=0\n\0", 5, false, id, &answer, &err), TRO_E_INPUT);
    CHECK_INT(tro_viewers_trickle(c.viewers, "nobody", "a=mid:0\n", 8, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "there is no viewer 'nobody'");
    CHECK_INT(tro_viewers_list(c.viewers, NULL, 0), 0);
    g_free(offer);
    kit_page_leave(&p);
    close_console(&c);
}

/* An offer without candidates, which come later one by one. */
TEST(candidates_may_come_later)
{
    static struct console c;
    static struct kit_page p;
    if (!open_console(&c, 1))
        return;
    memset(&p, 0, sizeof(p));
    char *const offer = kit_page_offer(&p);
    char *answer = NULL;
    struct tro_err err = {0};
    gchar **const lines = g_strsplit(offer, "\r\n", -1);
    GString *const bare = g_string_new(NULL), *const fragment = g_string_new("a=mid:video0\r\n");
    for (gchar **line = lines; *line; line++) {
        const bool is_candidate = g_str_has_prefix(*line, "a=candidate:");
        if (**line)
            g_string_append_printf(is_candidate ? fragment : bare, "%s\r\n", *line);
    }
    CHECK_INT(tro_viewers_offer(c.viewers, bare->str, bare->len, false, p.id, &answer, &err), 0);
    CHECK_STR(err.text, "");
    if (answer) {
        CHECK_INT(tro_viewers_trickle(c.viewers, p.id, fragment->str, fragment->len, &err), 0);
        CHECK_STR(err.text, "");
        CHECK_INT(tro_viewers_trickle(c.viewers, p.id, "a=mid:9\na=candidate:x\n", 22, &err),
                  TRO_E_INPUT);
        kit_page_answer(&p, answer);
        CHECK(kit_wait_count(&p.n_packets, 10));
    }
    tro_free(answer);
    g_string_free(bare, TRUE);
    g_string_free(fragment, TRUE);
    g_strfreev(lines);
    g_free(offer);
    kit_page_leave(&p);
    close_console(&c);
}

#else
TEST(viewers)
{
    SKIP("built without GStreamer");
}
#endif
