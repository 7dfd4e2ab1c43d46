/* SPDX-License-Identifier: Apache-2.0 */
/* The server's threads: clients at once, events and forgotten sessions meanwhile, its end while
 * they are at it. What it answers is tested from outside (tests/cli/console_server.py). */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "console/daemon/server.h"
#include "test.h"

#define TOKEN "aaaaaaaaaaaaaaaaaaaa"
#define N_CLIENTS 6
#define N_REQUESTS 15

static atomic_int n_offers, n_closed, n_status;

static int offer(void *ctx, const struct tro_token *who, const char *sdp, size_t n,
                 bool is_burned_in, char id[TRO_SERVER_ID_BYTES], char **answer,
                 struct tro_err *err)
{
    (void)ctx;
    (void)who;
    (void)sdp;
    (void)n;
    (void)is_burned_in;
    (void)err;
    snprintf(id, TRO_SERVER_ID_BYTES, "%032x", (unsigned)atomic_fetch_add(&n_offers, 1));
    *answer = tro_calloc(1, 8);
    return *answer ? 0 : TRO_E_NOMEM;
}

static bool close_viewer(void *ctx, const char *id)
{
    (void)ctx;
    (void)id;
    atomic_fetch_add(&n_closed, 1);
    return true;
}

static void write_status(void *ctx, struct tro_json *j)
{
    (void)ctx;
    atomic_fetch_add(&n_status, 1);
    tro_json_object_begin(j, NULL);
    tro_json_object_end(j);
}

static struct tro_server *start(struct tro_metrics *metrics, struct tro_tokens *tokens)
{
    const char text[] = "operator " TOKEN " Somebody\n";
    struct tro_err err = {0};
    if (!CHECK_INT(tro_tokens_parse(text, sizeof(text) - 1, "tokens", tokens, &err), 0))
        return NULL;
    struct tro_server *const s = tro_server_create(
        &(struct tro_server_opts){
            .host = "127.0.0.1",
            .tokens = tokens,
            .metrics = metrics,
            .calls = {.offer = offer, .close = close_viewer, .status = write_status}},
        &err);
#ifdef TRO_HAVE_MICROHTTPD
    CHECK_STR(err.text, "");
    CHECK(s != NULL);
#else
    CHECK_INT(err.status, TRO_E_DEVICE);
    CHECK_HAS(err.text, "built without libmicrohttpd");
    CHECK(s == NULL);
#endif
    return s;
}

/* The answer, as far as there is room; its status, or 0. */
static int ask(int port, const char *line, const char *body, char *out, size_t n_out)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[512];
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    out[0] = 0;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        const int n_request = snprintf(
            request, sizeof(request),
            "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer " TOKEN
            "\r\nContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
            line, strlen(body), body);
        ssize_t got = send(fd, request, (size_t)n_request, MSG_NOSIGNAL);
        while (got > 0 && n + 1 < n_out) {
            got = recv(fd, out + n, n_out - 1 - n, 0);
            n += got > 0 ? (size_t)got : 0;
        }
        out[n] = 0;
    }
    close(fd);
    return strncmp(out, "HTTP/1.1 ", 9) == 0 ? atoi(out + 9) : 0;
}

static void *be_a_client(void *ctx)
{
    const int port = *(const int *)ctx;
    char out[2048], line[64] = "DELETE ";
    for (int i = 0; i < N_REQUESTS; i++) {
        CHECK_INT(ask(port, "GET /api/v1/status", "", out, sizeof(out)), 200);
        CHECK_INT(ask(port, "POST /whep", "v=0\nm=video 9 X 96\n", out, sizeof(out)), 201);
        const char *const location = strstr(out, "Location: ");
        if (location)
            snprintf(line + 7, sizeof(line) - 7, "%.38s", location + 10);
        CHECK_INT(ask(port, line, "", out, sizeof(out)), 200);
        CHECK_INT(ask(port, line, "", out, sizeof(out)), 404);
    }
    return NULL;
}

static void *listen_to_its_end(void *ctx)
{
    char *const out = malloc(1 << 20);
    if (out)
        CHECK_INT(ask(*(const int *)ctx, "GET /api/v1/events", "", out, 1 << 20), 200);
    free(out);
    return NULL;
}

TEST(clients_at_once_and_an_end_while_they_listen)
{
    struct tro_metrics *const metrics = tro_metrics_create(NULL);
    static struct tro_tokens tokens;
    struct tro_server *const s = start(metrics, &tokens);
    pthread_t clients[N_CLIENTS], listeners[2];
    if (s) {
        int port = tro_server_port(s);
        for (int i = 0; i < 2; i++)
            CHECK_INT(pthread_create(&listeners[i], NULL, listen_to_its_end, &port), 0);
        for (int i = 0; i < N_CLIENTS; i++)
            CHECK_INT(pthread_create(&clients[i], NULL, be_a_client, &port), 0);
        for (int i = 0; i < 200; i++) {
            tro_server_event(s, "mark", "{}", 2);
            tro_server_forget(s, "ffffffffffffffffffffffffffffffff");
            usleep(1000);
        }
        for (int i = 0; i < N_CLIENTS; i++)
            pthread_join(clients[i], NULL);
        tro_server_destroy(s);
        for (int i = 0; i < 2; i++)
            pthread_join(listeners[i], NULL);
        CHECK_INT(n_closed, n_offers);
        CHECK_INT(n_offers, N_CLIENTS * N_REQUESTS);
        CHECK(n_status >= N_CLIENTS * N_REQUESTS);
        CHECK_INT(tro_metrics_get(metrics, TRO_COUNT_HTTP_REQUESTS),
                  N_CLIENTS * N_REQUESTS * 4 + 2);
    }
    tro_tokens_finish(&tokens);
    tro_metrics_destroy(metrics);
}
