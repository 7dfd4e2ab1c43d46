/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP(S): pages, WHEP, status, events, metrics (docs/console.md, "The server"). Knows nothing of
 * media: what it answers with comes from calls of the daemon.
 *
 * Each connection has a thread of its own, so that calls may wait; how many there are, how large
 * requests are and how long they may take is bounded, and a client that is slower is cut off.
 * Calls come from these threads, several at a time.
 *
 * Without libmicrohttpd create ends in TRO_E_DEVICE.
 */
#ifndef TRO_CONSOLE_DAEMON_SERVER_H
#define TRO_CONSOLE_DAEMON_SERVER_H

#include <stdbool.h>
#include <trocar/trocar.h>

#include "console/daemon/metrics.h"
#include "console/rules/tokens.h"

#define TRO_SERVER_ID_BYTES 33 /* of a viewer's session: 32 hex digits and a zero */
#define TRO_SERVER_MAX_BODY 65536
#define TRO_SERVER_MAX_CONNECTIONS 128
#define TRO_SERVER_MAX_PER_ADDRESS 48
#define TRO_SERVER_MAX_EVENT_CLIENTS 32
#define TRO_SERVER_MAX_TRACE_MS 10000

struct tro_server;

/* Where one is NULL its requests are answered with 503. */
struct tro_server_calls {
    /* Takes an offer of whoever has this token. answer: in memory of tro_alloc, zero-terminated.
     * TRO_E_INPUT: 400; TRO_E_DEVICE: 503, there are too many. */
    int (*offer)(void *ctx, const struct tro_token *who, const char *sdp, size_t n,
                 bool is_burned_in, char id[TRO_SERVER_ID_BYTES], char **answer,
                 struct tro_err *err);
    /* Candidates; TRO_E_INPUT: 400. */
    int (*trickle)(void *ctx, const char *id, const char *fragment, size_t n, struct tro_err *err);
    /* False: it was gone already. */
    bool (*close)(void *ctx, const char *id);
    /* One object each. */
    void (*status)(void *ctx, struct tro_json *j);
    void (*sentences)(void *ctx, struct tro_json *j);
    void (*dismiss)(void *ctx, const struct tro_token *who);
    /* What the display shows, PNG in memory of tro_alloc. */
    int (*display)(void *ctx, uint8_t **png, size_t *n_bytes, struct tro_err *err);
    /* Stages from one time to another, as JSON. */
    int (*trace)(void *ctx, int64_t from_ns, int64_t to_ns, struct tro_buf *out,
                 struct tro_err *err);
    /* Prometheus' text. */
    void (*metrics)(void *ctx, struct tro_buf *out);
    void *ctx;
};

struct tro_server_opts {
    const char *host;                /* address or name to listen on */
    int port;                        /* 0: a free one */
    const char *certificate, *key;   /* PEM files; both NULL: plain HTTP */
    const struct tro_tokens *tokens; /* must outlive the server */
    struct tro_metrics *metrics;     /* counts of its own go there; may be NULL */
    /* How long a client may take: for a request (with its handshake, and idle between two), for an
     * answer, for a text of events. 0: 20, 30 and 15 s. */
    int request_ms, answer_ms, listen_ms;
    struct tro_server_calls calls;
};

/* Listens and answers when it returns. */
struct tro_server *tro_server_create(const struct tro_server_opts *opts, struct tro_err *err);
/* Waits for calls that run. */
void tro_server_destroy(struct tro_server *s);
int tro_server_port(const struct tro_server *s);

/* To all who listen for events: json is one value, at most 64 KiB; longer ones are dropped. The
 * event `status` the server sends itself, each second, while somebody listens. Any thread. */
void tro_server_event(struct tro_server *s, const char *name, const char *json, size_t n);

/* A viewer has gone by itself: its session is not found any more. Any thread, in calls too. */
void tro_server_forget(struct tro_server *s, const char *id);

#endif
