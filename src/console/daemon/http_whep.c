/* SPDX-License-Identifier: Apache-2.0 */
/* WHEP: offers, candidates and ends of viewers' sessions (RFC 9725's resources, for watching). */
#include <string.h>

#include "base/alloc.h"
#include "console/daemon/http.h"
#include "console/daemon/http_text.h"

#define FRAGMENT_TYPE "application/trickle-ice-sdpfrag"

static void refuse(struct tro_http_request *r, int rc, const struct tro_err *err)
{
    tro_http_error(r, rc == TRO_E_INPUT ? 400 : rc == TRO_E_DEVICE ? 503 : 500, "%s", err->text);
    if (rc == TRO_E_DEVICE)
        tro_http_header(r, "Retry-After", "5");
}

/* "plain" when left out. */
static bool read_view(struct tro_http_request *r, bool *is_burned_in)
{
    const char *const view = tro_http_query(r, "view");
    *is_burned_in = view && strcmp(view, "burned") == 0;
    if (!view || *is_burned_in || strcmp(view, "plain") == 0)
        return true;
    tro_http_error(r, 400, "view: expected plain or burned");
    return false;
}

static void accept_offer(struct tro_http_request *r, const char *id, char *answer)
{
    struct tro_err err = {0};
    char etag[TRO_SESSION_ETAG_BYTES];
    const int rc = tro_sessions_end(r->server->sessions, id, r->who, etag, &err);
    if (rc < 0) {
        tro_free(answer);
        if (r->server->calls.close)
            r->server->calls.close(r->server->calls.ctx, id);
        refuse(r, rc, &err);
        return;
    }
    const size_t n = strlen(answer);
    r->answer.status = 201;
    r->answer.type = "application/sdp";
    r->answer.body = (struct tro_buf){.p = (uint8_t *)answer, .n = n, .cap = n + 1};
    tro_http_header(r, "Location", "/whep/%s", id);
    tro_http_header(r, "ETag", "%s", etag);
    tro_http_header(r, "Accept-Patch", "%s", FRAGMENT_TYPE);
}

void tro_whep_offer(struct tro_http_request *r)
{
    const struct tro_server_calls *const calls = &r->server->calls;
    struct tro_err err = {0};
    bool is_burned_in;
    const char *const sdp = (const char *)r->body.p;
    if (!read_view(r, &is_burned_in))
        return;
    if (tro_http_check_offer(sdp, r->body.n, &err) < 0) {
        refuse(r, TRO_E_INPUT, &err);
        return;
    }
    if (!calls->offer) {
        tro_http_error(r, 503, "the daemon runs without media");
        return;
    }
    char id[TRO_SERVER_ID_BYTES] = "";
    char *answer = NULL;
    tro_sessions_begin(r->server->sessions);
    const int rc = calls->offer(calls->ctx, r->who, sdp, r->body.n, is_burned_in, id, &answer,
                                &err);
    if (rc < 0) {
        tro_sessions_end(r->server->sessions, NULL, NULL, NULL, NULL);
        refuse(r, rc, &err);
        return;
    }
    accept_offer(r, id, answer);
}

/* Somebody else's session is as little there as none. */
static bool find_session(struct tro_http_request *r, char etag[TRO_SESSION_ETAG_BYTES])
{
    if (tro_sessions_find(r->server->sessions, r->id, r->who, etag))
        return true;
    tro_http_error(r, 404, "there is no such session");
    return false;
}

/* "*" would be the restart of ICE, which is not done: the page offers anew. */
static bool check_tag(struct tro_http_request *r, const char *etag)
{
    switch (tro_http_if_match(tro_http_get(r, "If-Match"), etag, false)) {
    case TRO_HTTP_MISMATCH:
        tro_http_error(r, 412, "expected If-Match: %s", etag);
        return false;
    case TRO_HTTP_ANY:
        tro_http_error(r, 422, "ICE is not restarted: offer anew");
        return false;
    default:
        return true;
    }
}

void tro_whep_trickle(struct tro_http_request *r)
{
    const struct tro_server_calls *const calls = &r->server->calls;
    const char *const text = (const char *)r->body.p;
    char etag[TRO_SESSION_ETAG_BYTES];
    struct tro_err err = {0};
    if (!find_session(r, etag) || !check_tag(r, etag))
        return;
    int rc = tro_http_check_fragment(text, r->body.n, &err);
    if (rc == 0)
        rc = calls->trickle(calls->ctx, r->id, text, r->body.n, &err);
    if (rc < 0) {
        refuse(r, rc, &err);
        return;
    }
    r->answer.status = 204;
    tro_http_header(r, "ETag", "%s", etag);
}

void tro_whep_close(struct tro_http_request *r)
{
    const struct tro_server_calls *const calls = &r->server->calls;
    char etag[TRO_SESSION_ETAG_BYTES];
    if (!find_session(r, etag))
        return;
    tro_sessions_forget(r->server->sessions, r->id);
    if (calls->close(calls->ctx, r->id))
        r->answer.status = 200;
    else
        tro_http_error(r, 404, "there is no such session");
}

/* Pages of other origins get no word of permission, and their browsers then ask no further. */
static void put_cors(struct tro_http_request *r, const char *methods)
{
    const char *const origin = tro_http_get(r, "Origin");
    r->answer.status = 204;
    if (!tro_http_is_same_origin(origin, tro_http_get(r, "Host"), r->server->is_tls))
        return;
    tro_http_header(r, "Access-Control-Allow-Origin", "%s", origin);
    tro_http_header(r, "Access-Control-Allow-Methods", "%s", methods);
    tro_http_header(r, "Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match");
    tro_http_header(r, "Access-Control-Expose-Headers", "Location, ETag");
    tro_http_header(r, "Vary", "Origin");
}

void tro_whep_options(struct tro_http_request *r)
{
    put_cors(r, "POST, OPTIONS");
    tro_http_header(r, "Accept-Post", "application/sdp");
    tro_http_header(r, "Allow", "POST, OPTIONS");
}

void tro_whep_session_options(struct tro_http_request *r)
{
    put_cors(r, "PATCH, DELETE, OPTIONS");
    tro_http_header(r, "Accept-Patch", "%s", FRAGMENT_TYPE);
    tro_http_header(r, "Allow", "PATCH, DELETE, OPTIONS");
}
