/* SPDX-License-Identifier: Apache-2.0 */
/* What the server reads of requests itself, whose sessions are whose, and events for listeners. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/thread.h"
#include "console/daemon/events.h"
#include "console/daemon/http_text.h"
#include "console/daemon/sessions.h"
#include "test.h"

TEST(bearer_takes_tokens_of_the_grammar)
{
    struct tro_str t;
    CHECK(tro_http_bearer("Bearer abc-._~+/=", &t) && t.n == 10);
    CHECK(tro_http_bearer("bEARER   abc  ", &t) && tro_str_eqz(t, "abc"));
    const char *const bad[] = {NULL,         "",           "Bearer",     "Bearer ",  "Basic abc",
                               "Bearer a b", "Bearer \"a", "Bearer a,b", "Bearerabc"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!tro_http_bearer(bad[i], &t));
    char text[7 + TRO_HTTP_MAX_TOKEN + 2] = "Bearer ";
    memset(text + 7, 'x', TRO_HTTP_MAX_TOKEN + 1);
    CHECK(!tro_http_bearer(text, &t));
    text[7 + TRO_HTTP_MAX_TOKEN] = 0;
    CHECK(tro_http_bearer(text, &t) && t.n == TRO_HTTP_MAX_TOKEN);
}

TEST(types_are_compared_without_parameters)
{
    CHECK(tro_http_is_type("application/sdp", "application/sdp"));
    CHECK(tro_http_is_type("Application/SDP ; charset=utf-8", "application/sdp"));
    CHECK(!tro_http_is_type("application/sdpx", "application/sdp"));
    CHECK(!tro_http_is_type("application", "application/sdp"));
    CHECK(!tro_http_is_type(NULL, "application/sdp"));
}

TEST(entity_tags_match_as_rfc_9110_has_it)
{
    const char *const tag = "\"a1\"";
    const struct {
        const char *header;
        enum tro_http_match strong, weak;
    } cases[] = {
        {NULL, TRO_HTTP_ABSENT, TRO_HTTP_ABSENT},
        {"*", TRO_HTTP_ANY, TRO_HTTP_ANY},
        {" * ", TRO_HTTP_ANY, TRO_HTTP_ANY},
        {"\"a1\"", TRO_HTTP_MATCH, TRO_HTTP_MATCH},
        {"\"b\" , \"a1\"", TRO_HTTP_MATCH, TRO_HTTP_MATCH},
        {"W/\"a1\"", TRO_HTTP_MISMATCH, TRO_HTTP_MATCH},
        {"\"b\"", TRO_HTTP_MISMATCH, TRO_HTTP_MISMATCH},
        {"a1", TRO_HTTP_MISMATCH, TRO_HTTP_MISMATCH},
        {"\"a1", TRO_HTTP_MISMATCH, TRO_HTTP_MISMATCH},
        {"\"a1\" x", TRO_HTTP_MISMATCH, TRO_HTTP_MISMATCH},
        {"\"a1\",", TRO_HTTP_MISMATCH, TRO_HTTP_MISMATCH},
        {"", TRO_HTTP_MISMATCH, TRO_HTTP_MISMATCH},
        {"*, \"a1\"", TRO_HTTP_MISMATCH, TRO_HTTP_MISMATCH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_INT(tro_http_if_match(cases[i].header, tag, false), cases[i].strong);
        CHECK_INT(tro_http_if_match(cases[i].header, tag, true), cases[i].weak);
    }
}

TEST(numbers_are_digits_within_bounds)
{
    int64_t n = 0;
    CHECK(tro_http_number("1", 1, 10, &n) && n == 1);
    CHECK(tro_http_number("0010", 1, 10, &n) && n == 10);
    CHECK(tro_http_number("999999999999999999", 1, INT64_MAX, &n));
    const char *const bad[] = {
        NULL, "", "0", "11", "-1", "+1", "1 ", "1.5", "0x1", "1e1", "9999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!tro_http_number(bad[i], 1, 10, &n));
}

TEST(sessions_have_32_digits)
{
    char id[33];
    CHECK(tro_http_session("/whep/0123456789abcdef0123456789abcdef", id));
    CHECK_STR(id, "0123456789abcdef0123456789abcdef");
    CHECK(!tro_http_session("/whep/0123456789ABCDEF0123456789abcdef", id));
    CHECK(!tro_http_session("/whep/0123456789abcdef0123456789abcde", id));
    CHECK(!tro_http_session("/whep/0123456789abcdef0123456789abcdef0", id));
    CHECK(!tro_http_session("/whep/0123456789abcdef0123456789abcde/", id));
    CHECK(!tro_http_session("/whep", id));
}

TEST(origins_are_scheme_host_and_port)
{
    CHECK(tro_http_is_same_origin("https://console:8443", "console:8443", true));
    CHECK(tro_http_is_same_origin("HTTPS://Console:8443", "console:8443", true));
    CHECK(!tro_http_is_same_origin("http://console:8443", "console:8443", true));
    CHECK(!tro_http_is_same_origin("https://console:8444", "console:8443", true));
    CHECK(!tro_http_is_same_origin("https://evil", "console:8443", true));
    CHECK(!tro_http_is_same_origin("null", "console:8443", true));
    CHECK(!tro_http_is_same_origin(NULL, "console:8443", true));
    CHECK(!tro_http_is_same_origin("https://", "", true));
}

static void check_offer(const char *text, size_t n, const char *says)
{
    struct tro_err err = {0};
    const int rc = tro_http_check_offer(text, n, &err);
    CHECK_INT(rc, says ? TRO_E_INPUT : 0);
    CHECK_HAS(err.text, says ? says : "");
}

TEST(offers_are_lines_of_sdp)
{
    check_offer("v=0\r\nm=video 9 X 96\r\n", 19, NULL);
    check_offer("v=0\nm=video 9 X 96", 18, NULL);
    check_offer("", 0, "begins with the line v=0");
    check_offer("v=0", 3, "begins with the line v=0");
    check_offer("v=0\r\ns=-\r\n", 10, "m=video, found none");
    check_offer("v=0\r\nm=video\0 9\r\n", 18, "line 2: expected a letter");
    check_offer("v=0\r\nVideo\r\n", 12, "line 2: expected a letter");
    check_offer("v=0\r\na=\xff\r\n", 10, "line 2: expected a letter");
}

TEST(offers_are_bounded)
{
    struct tro_buf many = {0}, wide = {0};
    tro_buf_str(&many, "v=0\n");
    tro_buf_str(&wide, "v=0\na=");
    for (int i = 0; i < 2000; i++)
        tro_buf_str(&many, "a=b\n");
    for (int i = 0; i < 4096; i++)
        tro_buf_u8(&wide, 'x');
    check_offer((const char *)many.p, many.n, "line 2001: expected at most 2000 lines");
    check_offer((const char *)wide.p, wide.n,
                "line 2: expected at most 2000 lines of at most 4096");
    tro_buf_finish(&many);
    tro_buf_finish(&wide);
}

TEST(fragments_hold_candidates)
{
    struct tro_err err = {0};
    const char good[] =
        "a=ice-ufrag:x\r\na=mid:0\r\na=candidate:1 1 UDP 1 127.0.0.1 9 typ host\r\n";
    CHECK_INT(tro_http_check_fragment(good, sizeof(good) - 1, &err), 0);
    CHECK_INT(tro_http_check_fragment("a=end-of-candidates", 19, &err), 0);
    CHECK_INT(tro_http_check_fragment("a=mid:0\r\n", 9, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "a=candidate: or a=end-of-candidates, found none");
    CHECK_INT(tro_http_check_fragment("", 0, &err), TRO_E_INPUT);
}

TEST(sessions_belong_to_their_token)
{
    const struct tro_token a = {.name = "a"}, b = {.name = "b"};
    struct tro_sessions *const s = tro_sessions_create(NULL);
    char etag[TRO_SESSION_ETAG_BYTES], other[TRO_SESSION_ETAG_BYTES] = "";
    CHECK_OR_RETURN(s != NULL);
    tro_sessions_begin(s);
    CHECK_INT(tro_sessions_end(s, "1", &a, etag, NULL), 0);
    tro_sessions_begin(s);
    CHECK_INT(tro_sessions_end(s, NULL, NULL, NULL, NULL), 0);
    CHECK(tro_sessions_find(s, "1", &a, other));
    CHECK_STR(other, etag);
    CHECK(strlen(etag) == 18 && etag[0] == '"' && etag[17] == '"');
    CHECK(!tro_sessions_find(s, "1", &b, other));
    CHECK(!tro_sessions_find(s, "1", NULL, other));
    CHECK(!tro_sessions_find(s, "2", &a, other));
    tro_sessions_forget(s, "2");
    tro_sessions_forget(s, "1");
    CHECK(!tro_sessions_find(s, "1", &a, other));
    tro_sessions_destroy(s);
}

TEST(session_that_goes_before_it_is_known_is_not_added)
{
    const struct tro_token a = {.name = "a"};
    struct tro_err err = {0};
    char etag[TRO_SESSION_ETAG_BYTES];
    struct tro_sessions *const s = tro_sessions_create(NULL);
    CHECK_OR_RETURN(s != NULL);
    tro_sessions_begin(s);
    tro_sessions_forget(s, "1");
    CHECK(!tro_sessions_find(s, "1", &a, etag));
    CHECK_INT(tro_sessions_end(s, "1", &a, etag, &err), TRO_E_DEVICE);
    CHECK(!tro_sessions_find(s, "1", &a, etag));
    tro_sessions_begin(s);
    CHECK_INT(tro_sessions_end(s, "1", &a, etag, &err), 0);
    tro_sessions_destroy(s);
}

/* All that comes without waiting for more than `want` of it. */
static void read_all(struct tro_listener *l, char *out, size_t n_out, const char *want)
{
    size_t n = 0;
    bool is_slow = false;
    while (n + 1 < n_out && !strstr(out, want)) {
        const ssize_t got = tro_listener_read(l, out + n, n_out - 1 - n < 7 ? 1 : 7, &is_slow);
        if (got <= 0)
            break;
        n += (size_t)got;
        out[n] = 0;
    }
}

TEST(events_come_in_order_and_again_from_an_id)
{
    struct tro_events *const e = tro_events_create(NULL);
    CHECK_OR_RETURN(e != NULL);
    tro_events_put(e, "tier", "{\"a\": 0}\n", 9);
    struct tro_listener *const l = tro_listener_create(e, 2, 0);
    CHECK_OR_RETURN(l != NULL);
    tro_events_put(e, "tier", "{\"a\": 1}\n", 9);
    tro_events_put(e, "tier", "{\"a\":\n 2}", 9);
    tro_events_put(e, "mark", "{}", 2);
    char text[200] = "";
    read_all(l, text, sizeof(text), "{}\n\n");
    CHECK_STR(text, "retry: 2000\n\nid: 2\nevent: tier\ndata: {\"a\": 1}\n\n"
                    "id: 3\nevent: mark\ndata: {}\n\n");
    struct tro_listener *const again = tro_listener_create(e, 2, 1);
    CHECK_OR_RETURN(again != NULL);
    CHECK(tro_listener_create(e, 2, 0) == NULL);
    CHECK_INT(tro_events_n_listeners(e), 2);
    text[0] = 0;
    read_all(again, text, sizeof(text), "{}\n\n");
    CHECK_HAS(text, "id: 2\n");
    tro_events_stop(e);
    bool is_slow = true;
    CHECK_INT(tro_listener_read(again, text, sizeof(text), &is_slow), -1);
    CHECK(!is_slow);
    tro_listener_destroy(l);
    tro_listener_destroy(again);
    tro_events_destroy(e);
}

TEST(listener_that_lags_is_dropped)
{
    struct tro_events *const e = tro_events_create(NULL);
    CHECK_OR_RETURN(e != NULL);
    struct tro_listener *const l = tro_listener_create(e, 1, 0);
    CHECK_OR_RETURN(l != NULL);
    char text[64];
    bool is_slow = false;
    for (int i = 0; i < TRO_EVENTS_KEPT; i++)
        tro_events_put(e, "mark", "{}", 2);
    CHECK(tro_listener_read(l, text, sizeof(text), &is_slow) > 0);
    CHECK(!is_slow);
    tro_events_put(e, "mark", "{}", 2);
    CHECK_INT(tro_listener_read(l, text, sizeof(text), &is_slow), -1);
    CHECK(is_slow);
    tro_listener_destroy(l);
    tro_events_destroy(e);
}

TEST(events_that_are_too_long_are_left_out)
{
    struct tro_events *const e = tro_events_create(NULL);
    char *const text = calloc(1, TRO_EVENT_MAX_BYTES + 1);
    struct tro_listener *const l = tro_listener_create(e, 1, 0);
    CHECK_OR_RETURN(e && text && l);
    memset(text, '1', TRO_EVENT_MAX_BYTES + 1);
    tro_events_put(e, "mark", text, TRO_EVENT_MAX_BYTES + 1);
    tro_events_put(e, "mark", "", 0);
    char out[64] = "";
    bool is_slow;
    CHECK_INT(tro_listener_read(l, out, sizeof(out), &is_slow), 13);
    const int64_t begin_ns = tro_clock_ns();
    CHECK_INT(tro_listener_read(l, out, sizeof(out), &is_slow), 0);
    CHECK(tro_clock_ns() - begin_ns > 900000000);
    free(text);
    tro_listener_destroy(l);
    tro_events_destroy(e);
}

static void *put_many(void *ctx)
{
    for (int i = 0; i < 500; i++)
        tro_events_put(ctx, "mark", "{\"points\": [[0.25, 0.5]]}", 25);
    return NULL;
}

static void *listen_on(void *ctx)
{
    char text[512];
    bool is_slow = false;
    struct tro_listener *const l = tro_listener_create(ctx, 8, 0);
    while (l && tro_listener_read(l, text, sizeof(text), &is_slow) > 0)
        ;
    if (l)
        tro_listener_destroy(l);
    return NULL;
}

TEST(events_are_for_threads)
{
    struct tro_events *const e = tro_events_create(NULL);
    pthread_t threads[4];
    CHECK_OR_RETURN(e != NULL);
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, i < 2 ? put_many : listen_on, e), 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    tro_events_stop(e);
    pthread_join(threads[2], NULL);
    pthread_join(threads[3], NULL);
    CHECK_INT(tro_events_n_listeners(e), 0);
    tro_events_destroy(e);
}
