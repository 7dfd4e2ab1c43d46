/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the server: connections, requests, answers. Needs libmicrohttpd. */
#ifndef TRO_CONSOLE_DAEMON_HTTP_H
#define TRO_CONSOLE_DAEMON_HTTP_H

#include <pthread.h>

#include <microhttpd.h>

#include "base/bytes.h"
#include "console/daemon/events.h"
#include "console/daemon/server.h"
#include "console/daemon/sessions.h"

/* What a connection is doing, and since when: the guard cuts those that take too long. */
enum tro_http_phase {
    TRO_HTTP_READING,   /* handshake, request, idle between two */
    TRO_HTTP_WORKING,   /* our own code */
    TRO_HTTP_SENDING,   /* an answer */
    TRO_HTTP_STREAMING, /* events */
    TRO_HTTP_N_PHASES
};

struct tro_http_conn {
    struct tro_http_conn *next, *before;
    int fd; /* a copy of the socket, so that it is ours until the connection is closed */
    enum tro_http_phase phase;
    int64_t since_ns;
    bool is_cut;
};

struct tro_server {
    struct tro_server_calls calls;
    const struct tro_tokens *tokens;
    struct tro_metrics *metrics;
    int64_t limits_ns[TRO_HTTP_N_PHASES];
    bool is_tls;
    int listen_fd, port;
    struct MHD_Daemon *mhd;
    struct tro_events *events;
    struct tro_sessions *sessions;
    pthread_t guard;
    bool has_guard;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t stop;
    bool is_stopping;
    struct tro_http_conn *conns;
    char log[256]; /* the last line of libmicrohttpd's */
};

#define TRO_HTTP_MAX_HEADERS 8

struct tro_http_answer {
    unsigned status;
    const char *type;              /* of the body; NULL: there is none */
    struct tro_buf body;           /* handed over to the response */
    struct MHD_Response *response; /* in place of a body */
    int n_headers;
    struct {
        const char *name;
        char value[256];
    } headers[TRO_HTTP_MAX_HEADERS];
};

struct tro_http_route;

struct tro_http_request {
    struct tro_server *server;
    struct tro_http_conn *conn;
    struct MHD_Connection *mhd;
    const char *url, *method;
    const struct tro_http_route *route;
    const struct tro_token *who; /* NULL where none is needed */
    char id[TRO_SERVER_ID_BYTES];
    bool takes_body; /* else it is thrown away */
    struct tro_buf body;
    size_t n_body;                 /* that came, also what was thrown away */
    struct tro_http_answer answer; /* status 0: not decided yet */
};

/* Route, token, content type: sets the answer where it is decided without the body. */
void tro_http_begin(struct tro_http_request *r);
/* The body is whole. */
void tro_http_finish(struct tro_http_request *r);

void tro_http_phase_set(struct tro_server *s, struct tro_http_conn *c, enum tro_http_phase phase);

/* Answers. error: JSON {"error": text}. */
void tro_http_error(struct tro_http_request *r, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void tro_http_header(struct tro_http_request *r, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *tro_http_get(const struct tro_http_request *r, const char *header);
const char *tro_http_query(const struct tro_http_request *r, const char *key);

/* Handlers of WHEP. */
void tro_whep_offer(struct tro_http_request *r);
void tro_whep_trickle(struct tro_http_request *r);
void tro_whep_close(struct tro_http_request *r);
void tro_whep_options(struct tro_http_request *r);
void tro_whep_session_options(struct tro_http_request *r);

#endif
