/* SPDX-License-Identifier: Apache-2.0 */
/* Which request is answered by what, and whose it may be. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/daemon/http.h"
#include "console/daemon/http_text.h"
#include "console/daemon/pages.h"

enum access {
    OPEN,     /* no token */
    ANYBODY,  /* with a token */
    OPERATOR, /* of this role */
};

struct tro_http_route {
    const char *method, *path; /* "*" at the end: an id */
    enum access access;
    bool takes_query_token; /* for what a page's elements fetch by themselves */
    const char *type;       /* of the body; NULL: none is read */
    void (*finish)(struct tro_http_request *r);
};

static void get_page(struct tro_http_request *r);
static void get_status(struct tro_http_request *r);
static void get_sentences(struct tro_http_request *r);
static void get_events(struct tro_http_request *r);
static void get_display(struct tro_http_request *r);
static void get_metrics(struct tro_http_request *r);
static void post_dismiss(struct tro_http_request *r);
static void post_trace(struct tro_http_request *r);

/* clang-format off */
/* THE list; pages, which are GET and open, stand in tro_pages. GET answers HEAD too. */
static const struct tro_http_route routes[] = {
    {"POST",    "/whep",                     ANYBODY,  false, "application/sdp", tro_whep_offer},
    {"OPTIONS", "/whep",                     OPEN,     false, NULL, tro_whep_options},
    {"PATCH",   "/whep/*",                   ANYBODY,  false, "application/trickle-ice-sdpfrag",
                                                                    tro_whep_trickle},
    {"DELETE",  "/whep/*",                   ANYBODY,  false, NULL, tro_whep_close},
    {"OPTIONS", "/whep/*",                   OPEN,     false, NULL, tro_whep_session_options},
    {"GET",     "/api/v1/status",            ANYBODY,  false, NULL, get_status},
    {"GET",     "/api/v1/sentences",         ANYBODY,  false, NULL, get_sentences},
    {"GET",     "/api/v1/events",            ANYBODY,  true,  NULL, get_events},
    {"POST",    "/api/v1/sentence/dismiss",  ANYBODY,  false, NULL, post_dismiss},
    {"GET",     "/api/v1/display.png",       OPERATOR, true,  NULL, get_display},
    {"POST",    "/api/v1/trace",             OPERATOR, false, NULL, post_trace},
    {"GET",     "/metrics",                  ANYBODY,  false, NULL, get_metrics},
};
/* clang-format on */
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static const struct tro_http_route page_route = {"GET", "", OPEN, false, NULL, get_page};

void tro_http_header(struct tro_http_request *r, const char *name, const char *fmt, ...)
{
    struct tro_http_answer *const a = &r->answer;
    va_list args;
    va_start(args, fmt);
    vsnprintf(a->headers[a->n_headers].value, sizeof(a->headers[0].value), fmt, args);
    va_end(args);
    a->headers[a->n_headers++].name = name;
}

void tro_http_error(struct tro_http_request *r, unsigned status, const char *fmt, ...)
{
    struct tro_err err = {0};
    va_list args;
    va_start(args, fmt);
    vsnprintf(err.text, sizeof(err.text), fmt, args);
    va_end(args);
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "error", err.text);
    tro_json_object_end(&j);
    tro_buf_finish(&r->answer.body);
    r->answer.status = status;
    r->answer.type = "application/json";
    r->answer.body = j.buf;
}

const char *tro_http_get(const struct tro_http_request *r, const char *header)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, header);
}

const char *tro_http_query(const struct tro_http_request *r, const char *key)
{
    return MHD_lookup_connection_value(r->mhd, MHD_GET_ARGUMENT_KIND, key);
}

static const struct tro_page *find_page(const char *path)
{
    for (int i = 0; i < tro_n_pages; i++)
        if (strcmp(tro_pages[i].path, path) == 0)
            return &tro_pages[i];
    return NULL;
}

static bool is_path(const struct tro_http_route *route, const char *path, char id[33])
{
    const size_t n = strlen(route->path);
    return route->path[n - 1] == '*' ? tro_http_session(path, id) : strcmp(route->path, path) == 0;
}

/* HEAD stands for GET but of events, which have no end. */
static bool is_method(const struct tro_http_route *route, const char *method)
{
    if (strcmp(method, "HEAD") == 0 && route->finish != get_events)
        method = "GET";
    return strcmp(route->method, method) == 0;
}

static void refuse_method(struct tro_http_request *r)
{
    char allow[64] = "";
    char id[33];
    for (size_t i = 0; i < N_ROUTES; i++) {
        const struct tro_http_route *const route = &routes[i];
        if (!is_path(route, r->url, id))
            continue;
        const size_t n = strlen(allow);
        snprintf(allow + n, sizeof(allow) - n, "%s%s%s", n ? ", " : "", route->method,
                 strcmp(route->method, "GET") == 0 && is_method(route, "HEAD") ? ", HEAD" : "");
    }
    if (find_page(r->url))
        snprintf(allow, sizeof(allow), "GET, HEAD");
    tro_http_error(r, allow[0] ? 405 : 404, allow[0] ? "expected %s" : "there is no such page%s",
                   allow);
    if (allow[0])
        tro_http_header(r, "Allow", "%s", allow);
}

static bool find_route(struct tro_http_request *r)
{
    for (size_t i = 0; i < N_ROUTES; i++)
        if (is_path(&routes[i], r->url, r->id) && is_method(&routes[i], r->method))
            r->route = &routes[i];
    if (find_page(r->url) && is_method(&page_route, r->method))
        r->route = &page_route;
    if (!r->route)
        refuse_method(r);
    return r->route != NULL;
}

/* An empty answer: who has no token learns nothing. */
static void refuse_token(struct tro_http_request *r)
{
    r->answer.status = 401;
    tro_http_header(r, "WWW-Authenticate", "Bearer");
}

static bool check_token(struct tro_http_request *r)
{
    if (r->route->access == OPEN)
        return true;
    struct tro_str token = {0};
    const char *const query = tro_http_query(r, "token");
    if (!tro_http_bearer(tro_http_get(r, "Authorization"), &token) && r->route->takes_query_token &&
        query)
        token = (struct tro_str){query, strlen(query)};
    if (token.n > 0 && token.n <= TRO_HTTP_MAX_TOKEN)
        r->who = tro_tokens_find(r->server->tokens, token.p, token.n);
    if (!r->who)
        refuse_token(r);
    else if (r->route->access == OPERATOR && r->who->role != TRO_ROLE_OPERATOR)
        tro_http_error(r, 403, "expected the token of an operator");
    if (r->answer.status)
        tro_metrics_add(r->server->metrics, TRO_COUNT_HTTP_REFUSED, 1);
    return r->answer.status == 0;
}

static bool check_type(struct tro_http_request *r)
{
    const char *const type = r->route->type;
    if (!type || tro_http_is_type(tro_http_get(r, "Content-Type"), type))
        return true;
    tro_http_error(r, 415, "expected Content-Type: %s", type);
    tro_http_header(r, strcmp(r->method, "PATCH") == 0 ? "Accept-Patch" : "Accept-Post", "%s",
                    type);
    return false;
}

void tro_http_begin(struct tro_http_request *r)
{
    if (find_route(r) && check_token(r) && check_type(r))
        r->takes_body = r->route->type != NULL;
}

void tro_http_finish(struct tro_http_request *r)
{
    if (r->n_body > TRO_SERVER_MAX_BODY && (r->answer.status == 0 || r->answer.status == 415))
        tro_http_error(r, 413, "expected a body of at most %d bytes", TRO_SERVER_MAX_BODY);
    if (r->answer.status == 0)
        r->route->finish(r);
    if (r->answer.body.failed) {
        tro_buf_finish(&r->answer.body);
        tro_http_error(r, 500, "memory ran out");
    }
}

static void get_page(struct tro_http_request *r)
{
    const struct tro_page *const page = find_page(r->url);
    const char *const if_none = tro_http_get(r, "If-None-Match");
    const enum tro_http_match match = tro_http_if_match(if_none, page->etag, true);
    const bool is_known = match == TRO_HTTP_MATCH || match == TRO_HTTP_ANY;
    r->answer.status = is_known ? 304 : 200;
    tro_http_header(r, "ETag", "%s", page->etag);
    tro_http_header(r, "Cache-Control", "no-cache");
    tro_http_header(r, "Content-Security-Policy",
                    "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; "
                    "base-uri 'none'; form-action 'none'");
    if (is_known)
        return;
    r->answer.type = page->type;
    r->answer.response = MHD_create_response_from_buffer(page->n_bytes, (void *)page->bytes,
                                                         MHD_RESPMEM_PERSISTENT);
}

static void answer_json(struct tro_http_request *r, void (*write)(void *ctx, struct tro_json *j))
{
    struct tro_json j = {.is_line = true};
    if (!write) {
        tro_http_error(r, 503, "the daemon runs without it");
        return;
    }
    write(r->server->calls.ctx, &j);
    r->answer.status = 200;
    r->answer.type = "application/json";
    r->answer.body = j.buf;
}

static void get_status(struct tro_http_request *r)
{
    answer_json(r, r->server->calls.status);
}

static void get_sentences(struct tro_http_request *r)
{
    answer_json(r, r->server->calls.sentences);
}

static void get_metrics(struct tro_http_request *r)
{
    const struct tro_server_calls *const calls = &r->server->calls;
    if (!calls->metrics) {
        tro_http_error(r, 503, "the daemon runs without metrics");
        return;
    }
    calls->metrics(calls->ctx, &r->answer.body);
    r->answer.status = 200;
    r->answer.type = "text/plain; version=0.0.4; charset=utf-8";
}

static void get_display(struct tro_http_request *r)
{
    const struct tro_server_calls *const calls = &r->server->calls;
    struct tro_err err = {0};
    uint8_t *png = NULL;
    size_t n = 0;
    if (!calls->display) {
        tro_http_error(r, 503, "the daemon runs without a display");
    } else if (calls->display(calls->ctx, &png, &n, &err) < 0) {
        tro_http_error(r, 503, "%s", err.text);
    } else {
        r->answer.status = 200;
        r->answer.type = "image/png";
        r->answer.body = (struct tro_buf){.p = png, .n = n, .cap = n};
    }
}

static void post_dismiss(struct tro_http_request *r)
{
    const struct tro_server_calls *const calls = &r->server->calls;
    if (!calls->dismiss) {
        tro_http_error(r, 503, "the daemon runs without sentences");
        return;
    }
    calls->dismiss(calls->ctx, r->who);
    r->answer.status = 204;
}

/* False: the server stops. */
static bool wait_ns(struct tro_server *s, int64_t until_ns)
{
    const struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping && tro_clock_ns() < until_ns)
        pthread_cond_timedwait(&s->stop, &s->lock, &until);
    const bool is_stopping = s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return !is_stopping;
}

static void post_trace(struct tro_http_request *r)
{
    const struct tro_server_calls *const calls = &r->server->calls;
    const char *const text = tro_http_query(r, "ms");
    int64_t ms = 1000;
    if (text && !tro_http_number(text, 1, TRO_SERVER_MAX_TRACE_MS, &ms)) {
        tro_http_error(r, 400, "ms: expected a whole number of 1 to %d", TRO_SERVER_MAX_TRACE_MS);
        return;
    }
    if (!calls->trace) {
        tro_http_error(r, 503, "the daemon runs without traces");
        return;
    }
    const int64_t from_ns = tro_clock_ns(), to_ns = from_ns + ms * 1000000;
    struct tro_err err = {0};
    if (!wait_ns(r->server, to_ns))
        tro_http_error(r, 503, "the daemon stops");
    else if (calls->trace(calls->ctx, from_ns, to_ns, &r->answer.body, &err) < 0)
        tro_http_error(r, 500, "%s", err.text);
    else
        r->answer.status = 200;
    r->answer.type = "application/json";
}

struct stream {
    struct tro_server *server;
    struct tro_http_conn *conn;
    struct tro_listener *listener;
};

static ssize_t read_stream(void *ctx, uint64_t pos, char *out, size_t n_out)
{
    struct stream *const s = ctx;
    bool is_slow = false;
    (void)pos;
    tro_http_phase_set(s->server, s->conn, TRO_HTTP_WORKING);
    const ssize_t n = tro_listener_read(s->listener, out, n_out, &is_slow);
    tro_http_phase_set(s->server, s->conn, TRO_HTTP_STREAMING);
    if (is_slow)
        tro_metrics_add(s->server->metrics, TRO_COUNT_EVENTS_DROPPED, 1);
    return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void end_stream(void *ctx)
{
    struct stream *const s = ctx;
    tro_listener_destroy(s->listener);
    tro_free(s);
}

static void get_events(struct tro_http_request *r)
{
    int64_t last_id = 0;
    const bool has_last = tro_http_number(tro_http_get(r, "Last-Event-ID"), 1, INT64_MAX, &last_id);
    struct stream *const s = tro_calloc(1, sizeof(*s));
    struct tro_listener *const l = s ? tro_listener_create(r->server->events,
                                                           TRO_SERVER_MAX_EVENT_CLIENTS,
                                                           has_last ? (uint64_t)last_id : 0)
                                     : NULL;
    if (!l) {
        tro_free(s);
        tro_http_error(r, 503, "too many listen already");
        tro_http_header(r, "Retry-After", "5");
        return;
    }
    *s = (struct stream){r->server, r->conn, l};
    r->answer.response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, s,
                                                           end_stream);
    if (!r->answer.response) {
        end_stream(s);
        tro_http_error(r, 500, "memory ran out");
        return;
    }
    r->answer.status = 200;
    r->answer.type = "text/event-stream";
}
