/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "console/daemon/http.h"

#define MAX_PEM_BYTES (1 << 20)
#define REQUEST_MS 20000
#define ANSWER_MS 30000
#define LISTEN_MS 15000
#define GUARD_NS 250000000
#define END_NS INT64_C(2000000000) /* that connections have to end */
#define IDLE_S 15u
#define HEADER_BYTES ((size_t)16 << 10) /* libmicrohttpd's memory of a connection */
#define SEND_BUFFER_BYTES (64 << 10)
#define STACK_BYTES ((size_t)512 << 10)

void tro_http_phase_set(struct tro_server *s, struct tro_http_conn *c, enum tro_http_phase phase)
{
    pthread_mutex_lock(&s->lock);
    c->phase = phase;
    c->since_ns = tro_clock_ns();
    pthread_mutex_unlock(&s->lock);
}

static void conn_add(struct tro_server *s, struct MHD_Connection *mhd, void **socket_context)
{
    const union MHD_ConnectionInfo *const info = MHD_get_connection_info(
        mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct tro_http_conn *const c = tro_calloc(1, sizeof(*c));
    if (!c || !info)
        return;
    const int n_bytes = SEND_BUFFER_BYTES;
    setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &n_bytes, sizeof(n_bytes));
    c->fd = fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0);
    c->since_ns = tro_clock_ns();
    pthread_mutex_lock(&s->lock);
    c->next = s->conns;
    if (c->next)
        c->next->before = c;
    s->conns = c;
    if (s->is_stopping)
        shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->lock);
    *socket_context = c;
}

static void conn_remove(struct tro_server *s, struct tro_http_conn *c)
{
    pthread_mutex_lock(&s->lock);
    if (c->before)
        c->before->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->before = c->before;
    if (s->is_stopping)
        pthread_cond_broadcast(&s->stop);
    pthread_mutex_unlock(&s->lock);
    if (c->fd >= 0)
        close(c->fd);
    tro_free(c);
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_add(ctx, mhd, socket_context);
    else if (*socket_context)
        conn_remove(ctx, *socket_context);
}

/* Both ends see the socket's end; libmicrohttpd closes the connection. */
static void cut_late(struct tro_server *s, int64_t now_ns)
{
    for (struct tro_http_conn *c = s->conns; c; c = c->next) {
        if (c->is_cut || now_ns - c->since_ns <= s->limits_ns[c->phase])
            continue;
        c->is_cut = true;
        shutdown(c->fd, SHUT_RDWR);
        tro_metrics_add(s->metrics, TRO_COUNT_HTTP_CUT, c->phase != TRO_HTTP_STREAMING);
        tro_metrics_add(s->metrics, TRO_COUNT_EVENTS_DROPPED, c->phase == TRO_HTTP_STREAMING);
    }
}

static void send_status(struct tro_server *s)
{
    struct tro_json j = {.is_line = true};
    if (!s->calls.status || tro_events_n_listeners(s->events) == 0)
        return;
    s->calls.status(s->calls.ctx, &j);
    if (!j.buf.failed)
        tro_events_put(s->events, "status", (const char *)j.buf.p, j.buf.n);
    tro_json_finish(&j);
}

static void *guard_main(void *ctx)
{
    struct tro_server *const s = ctx;
    int64_t next_ns = tro_clock_ns(), status_ns = next_ns;
    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping) {
        next_ns += GUARD_NS;
        const struct timespec until = {next_ns / 1000000000, next_ns % 1000000000};
        while (!s->is_stopping && tro_clock_ns() < next_ns)
            pthread_cond_timedwait(&s->stop, &s->lock, &until);
        cut_late(s, tro_clock_ns());
        if (s->is_stopping || tro_clock_ns() < status_ns)
            continue;
        status_ns += 1000000000;
        pthread_mutex_unlock(&s->lock);
        send_status(s);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static struct MHD_Response *response_of(struct tro_http_answer *a)
{
    if (a->response)
        return a->response;
    struct MHD_Response *const response =
        a->body.n
            ? MHD_create_response_from_buffer_with_free_callback(a->body.n, a->body.p, tro_free)
            : MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    if (a->body.n && response)
        a->body = (struct tro_buf){0};
    return response;
}

static enum MHD_Result send_answer(struct tro_http_request *r)
{
    struct tro_http_answer *const a = &r->answer;
    struct MHD_Response *const response = response_of(a);
    if (!response)
        return MHD_NO;
    a->response = NULL;
    bool has_cache_control = false;
    for (int i = 0; i < a->n_headers; i++) {
        MHD_add_response_header(response, a->headers[i].name, a->headers[i].value);
        has_cache_control = has_cache_control || strcmp(a->headers[i].name, "Cache-Control") == 0;
    }
    if (a->type)
        MHD_add_response_header(response, "Content-Type", a->type);
    if (!has_cache_control)
        MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    tro_metrics_add(r->server->metrics, TRO_COUNT_HTTP_REQUESTS, 1);
    tro_http_phase_set(r->server, r->conn, TRO_HTTP_SENDING);
    const enum MHD_Result result = MHD_queue_response(r->mhd, a->status, response);
    MHD_destroy_response(response);
    return result;
}

/* A body that is announced as too long is not waited for. */
static bool is_announced_too_long(const struct tro_http_request *r)
{
    const char *const length = tro_http_get(r, "Content-Length");
    return length && (strlen(length) > 9 || strtoll(length, NULL, 10) > TRO_SERVER_MAX_BODY);
}

static enum MHD_Result begin_request(struct tro_server *s, struct MHD_Connection *mhd,
                                     const char *url, const char *method, void **request)
{
    const union MHD_ConnectionInfo *const info = MHD_get_connection_info(
        mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct tro_http_request *const r = tro_calloc(1, sizeof(*r));
    if (!r || !info || !info->socket_context) {
        tro_free(r);
        return MHD_NO;
    }
    *r = (struct tro_http_request){
        .server = s, .conn = info->socket_context, .mhd = mhd, .url = url, .method = method};
    *request = r;
    tro_http_begin(r);
    if (!is_announced_too_long(r))
        return MHD_YES;
    r->n_body = TRO_SERVER_MAX_BODY + 1;
    tro_http_finish(r);
    return send_answer(r);
}

/* What nobody reads is counted and thrown away; a client that goes on without end is cut. */
static enum MHD_Result take_body(struct tro_http_request *r, const char *data, size_t n)
{
    r->n_body += n;
    if (r->n_body > 16 * (size_t)TRO_SERVER_MAX_BODY)
        return MHD_NO;
    if (r->answer.status == 0 && r->takes_body && r->n_body <= TRO_SERVER_MAX_BODY)
        tro_buf_put(&r->body, data, n);
    return r->body.failed ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **request)
{
    (void)version;
    if (!*request)
        return begin_request(ctx, mhd, url, method, request);
    struct tro_http_request *const r = *request;
    if (*n > 0) {
        const size_t n_data = *n;
        *n = 0;
        return take_body(r, data, n_data);
    }
    tro_http_phase_set(ctx, r->conn, TRO_HTTP_WORKING);
    tro_http_finish(r);
    return send_answer(r);
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **request,
                         enum MHD_RequestTerminationCode code)
{
    struct tro_http_request *const r = *request;
    (void)mhd;
    (void)code;
    if (!r)
        return;
    tro_http_phase_set(ctx, r->conn, TRO_HTTP_READING);
    tro_buf_finish(&r->body);
    tro_buf_finish(&r->answer.body);
    if (r->answer.response)
        MHD_destroy_response(r->answer.response);
    tro_free(r);
    *request = NULL;
}

__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *fmt, va_list args)
{
    struct tro_server *const s = ctx;
    pthread_mutex_lock(&s->lock);
    vsnprintf(s->log, sizeof(s->log), fmt, args);
    s->log[strcspn(s->log, "\n")] = 0;
    pthread_mutex_unlock(&s->lock);
}

static int listen_at(const struct addrinfo *a)
{
    const int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    const int one = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, TRO_SERVER_MAX_CONNECTIONS) == 0)
        return fd;
    const int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

static int read_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &n) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static int open_socket(struct tro_server *s, const struct tro_server_opts *o, struct tro_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char port[16];
    snprintf(port, sizeof(port), "%d", o->port);
    const int rc = getaddrinfo(o->host, port, &hints, &found);
    if (rc != 0)
        return tro_fail(err, TRO_E_INPUT, "server: %s: %s", o->host, gai_strerror(rc));
    s->listen_fd = listen_at(found);
    const int failed = errno;
    freeaddrinfo(found);
    if (s->listen_fd < 0)
        return tro_fail(err, TRO_E_DEVICE, "server: cannot listen on %s, port %d: %s", o->host,
                        o->port, strerror(failed));
    s->port = read_port(s->listen_fd);
    return 0;
}

static int start_mhd(struct tro_server *s, const char *certificate, const char *key,
                     struct tro_err *err)
{
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL}};
    if (!s->is_tls)
        tls[0] = tls[3];
    const unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                           MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                           (s->is_tls ? MHD_USE_TLS : 0u);
    s->mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
        MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)TRO_SERVER_MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)TRO_SERVER_MAX_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADER_BYTES, MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (s->mhd)
        return 0;
    return tro_fail(err, TRO_E_INPUT, "server: libmicrohttpd does not start: %s", s->log);
}

static int read_pem(struct tro_file *f, const char *path, struct tro_buf *out, struct tro_err *err)
{
    TRO_TRY(tro_file_read(f, path, MAX_PEM_BYTES, err));
    tro_buf_put(out, f->data, f->n_bytes);
    tro_buf_u8(out, 0);
    tro_file_finish(f);
    return out->failed ? tro_fail_nomem(err) : 0;
}

static int start(struct tro_server *s, const struct tro_server_opts *o, struct tro_err *err)
{
    struct tro_buf certificate = {0}, key = {0};
    struct tro_file file = {0};
    int rc = 0;
    s->is_tls = o->certificate != NULL;
    if (s->is_tls) {
        rc = read_pem(&file, o->certificate, &certificate, err);
        if (rc == 0)
            rc = read_pem(&file, o->key, &key, err);
    }
    if (rc == 0)
        rc = open_socket(s, o, err);
    if (rc == 0)
        rc = start_mhd(s, (const char *)certificate.p, (const char *)key.p, err);
    tro_buf_finish(&certificate);
    if (key.p)
        explicit_bzero(key.p, key.n);
    tro_buf_finish(&key);
    if (rc < 0)
        return rc;
    if (pthread_create(&s->guard, NULL, guard_main, s) != 0)
        return tro_fail(err, TRO_E_DEVICE, "server: no thread can be had");
    s->has_guard = true;
    return 0;
}

static void set_limits(struct tro_server *s, const struct tro_server_opts *o)
{
    s->limits_ns[TRO_HTTP_READING] = (o->request_ms ? o->request_ms : REQUEST_MS) *
                                     INT64_C(1000000);
    s->limits_ns[TRO_HTTP_WORKING] = INT64_MAX;
    s->limits_ns[TRO_HTTP_SENDING] = (o->answer_ms ? o->answer_ms : ANSWER_MS) * INT64_C(1000000);
    s->limits_ns[TRO_HTTP_STREAMING] = (o->listen_ms ? o->listen_ms : LISTEN_MS) * INT64_C(1000000);
}

struct tro_server *tro_server_create(const struct tro_server_opts *opts, struct tro_err *err)
{
    struct tro_server *const s = tro_calloc(1, sizeof(*s));
    if (!s) {
        tro_fail_nomem(err);
        return NULL;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->stop, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&s->lock, NULL);
    s->calls = opts->calls;
    s->tokens = opts->tokens;
    s->metrics = opts->metrics;
    s->listen_fd = -1;
    set_limits(s, opts);
    s->events = tro_events_create(err);
    s->sessions = s->events ? tro_sessions_create(err) : NULL;
    if (!s->sessions || start(s, opts, err) < 0) {
        tro_server_destroy(s);
        return NULL;
    }
    return s;
}

/* All connections end before libmicrohttpd is stopped: up to 0.9.75 at least, one that answers a
 * malformed request just then reads the response that it has not got. */
static void end_connections(struct tro_server *s)
{
    const int64_t until_ns = tro_clock_ns() + END_NS;
    const struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    if (MHD_quiesce_daemon(s->mhd) == MHD_INVALID_SOCKET)
        s->listen_fd = -1; /* libmicrohttpd closes it */
    pthread_mutex_lock(&s->lock);
    for (struct tro_http_conn *c = s->conns; c; c = c->next)
        shutdown(c->fd, SHUT_RDWR);
    while (s->conns && tro_clock_ns() < until_ns)
        pthread_cond_timedwait(&s->stop, &s->lock, &until);
    pthread_mutex_unlock(&s->lock);
}

void tro_server_destroy(struct tro_server *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_broadcast(&s->stop);
    pthread_mutex_unlock(&s->lock);
    if (s->events)
        tro_events_stop(s->events);
    if (s->has_guard)
        pthread_join(s->guard, NULL);
    if (s->mhd) {
        end_connections(s);
        MHD_stop_daemon(s->mhd);
    }
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    tro_sessions_destroy(s->sessions);
    tro_events_destroy(s->events);
    pthread_cond_destroy(&s->stop);
    pthread_mutex_destroy(&s->lock);
    tro_free(s);
}

int tro_server_port(const struct tro_server *s)
{
    return s->port;
}

void tro_server_event(struct tro_server *s, const char *name, const char *json, size_t n)
{
    tro_events_put(s->events, name, json, n);
}

void tro_server_forget(struct tro_server *s, const char *id)
{
    tro_sessions_forget(s->sessions, id);
}
