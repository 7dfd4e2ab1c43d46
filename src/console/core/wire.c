/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "console/core/finding.h"

/* ---- the socket ----------------------------------------------------------------------------- */

int tro_wire_pair(int fd[2], struct tro_err *err)
{
    const int room = 2 * TRO_WIRE_MAX_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
        return tro_fail(err, TRO_E_IO, "no socket for a worker: %s", strerror(errno));
    for (int i = 0; i < 2; i++) /* as much as the system allows, which is enough */
        setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return 0;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

int tro_wire_send(int fd, enum tro_wire_type type, const void *body, size_t n, struct tro_err *err)
{
    uint8_t head[TRO_WIRE_HEAD_BYTES];
    put_u32(head, (uint32_t)type);
    put_u32(head + 4, TRO_WIRE_VERSION);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)body, n}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = n ? 2 : 1};
    if (n > TRO_WIRE_MAX_BYTES - sizeof head)
        return tro_fail(err, TRO_E_INPUT, "a message of %zu bytes is longer than %d", n,
                        TRO_WIRE_MAX_BYTES);
    ssize_t n_sent;
    do
        n_sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n_sent < 0 && errno == EINTR);
    if (n_sent < 0)
        return tro_fail(err, TRO_E_IO, "the message could not be sent: %s", strerror(errno));
    return 0;
}

int tro_wire_receive(int fd, uint8_t *buf, struct tro_wire *out, struct tro_err *err)
{
    ssize_t n;
    do
        n = recv(fd, buf, TRO_WIRE_MAX_BYTES, MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return 0;
    if (n < 0)
        return tro_fail(err, TRO_E_IO, "no message could be received: %s", strerror(errno));
    TRO_TRY(tro_wire_parse(buf, (size_t)n, out, err));
    return 1;
}

int tro_wire_parse(const uint8_t *bytes, size_t n, struct tro_wire *out, struct tro_err *err)
{
    if (n < TRO_WIRE_HEAD_BYTES || n > TRO_WIRE_MAX_BYTES)
        return tro_fail(err, TRO_E_INPUT, "expected a message of %d to %d bytes, found %zu",
                        TRO_WIRE_HEAD_BYTES, TRO_WIRE_MAX_BYTES, n);
    struct tro_bytes b = tro_bytes_of(bytes, n);
    const uint32_t type = tro_bytes_u32(&b), version = tro_bytes_u32(&b);
    if (version != TRO_WIRE_VERSION)
        return tro_fail(err, TRO_E_INPUT, "expected messages of version %d, found %u",
                        TRO_WIRE_VERSION, (unsigned)version);
    if (type == TRO_WIRE_NONE || type >= TRO_WIRE_END)
        return tro_fail(err, TRO_E_INPUT, "expected a message of type 1 to %d, found %u",
                        TRO_WIRE_END - 1, (unsigned)type);
    *out = (struct tro_wire){(enum tro_wire_type)type, b.p, tro_bytes_left(&b)};
    return 0;
}

/* ---- bodies --------------------------------------------------------------------------------- */

const char *tro_skip_name(enum tro_skip why)
{
    static const char *const names[] = {
#define TRO_SKIP_NAME(id, name) name,
        TRO_SKIPS(TRO_SKIP_NAME)
#undef TRO_SKIP_NAME
    };
    return names[why];
}

static void write_times(const int64_t *ns, int n, uint8_t *out)
{
    for (int i = 0; i < n; i++)
        put_u64(out + 8 * i, (uint64_t)ns[i]);
}

/* False: one is before the one above it, from where on all are 0. */
static bool read_times(struct tro_bytes *b, int64_t *const *ns, int n)
{
    uint64_t before = 0;
    bool is_ordered = true;
    for (int i = 0; i < n; i++) {
        const uint64_t at = tro_bytes_u64(b);
        is_ordered = is_ordered && at >= before && at <= INT64_MAX;
        before = at;
        *ns[i] = is_ordered ? (int64_t)at : 0;
    }
    return is_ordered;
}

void tro_skipped_write(const struct tro_skipped *s, uint8_t out[TRO_SKIPPED_BYTES])
{
    put_u32(out, (uint32_t)s->network);
    put_u32(out + 4, (uint32_t)s->why);
    put_u64(out + 8, s->frame);
    put_u32(out + 16, s->n_frames);
    write_times((const int64_t[]){s->captured_ns, s->taken_ns, s->at_ns}, 3, out + 20);
}

int tro_skipped_read(struct tro_skipped *s, const uint8_t *bytes, size_t n, struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(bytes, n);
    const uint32_t network = tro_bytes_u32(&b), why = tro_bytes_u32(&b);
    s->frame = tro_bytes_u64(&b);
    s->n_frames = tro_bytes_u32(&b);
    const bool is_ordered = read_times(
        &b, (int64_t *const[]){&s->captured_ns, &s->taken_ns, &s->at_ns}, 3);
    if (b.failed || tro_bytes_left(&b) || network >= TRO_FINDINGS_MAX_NETWORKS ||
        why >= TRO_N_SKIPS || s->frame < s->n_frames || !is_ordered)
        return tro_fail(err, TRO_E_INPUT,
                        "skipped: expected %d bytes of a network, its frames and times in their "
                        "order",
                        TRO_SKIPPED_BYTES);
    s->network = (int)network;
    s->why = (enum tro_skip)why;
    return 0;
}

void tro_stage_write(const struct tro_stage *s, uint8_t out[TRO_STAGE_BYTES])
{
    const int64_t times[] = {s->captured_ns, s->taken_ns, s->started_ns, s->ran_ns, s->decoded_ns};
    put_u32(out, (uint32_t)s->network);
    put_u32(out + 4, (uint32_t)s->tier);
    put_u64(out + 8, s->frame);
    write_times(times, 5, out + 16);
}

int tro_stage_read(struct tro_stage *s, const uint8_t *bytes, size_t n, struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(bytes, n);
    const uint32_t network = tro_bytes_u32(&b), tier = tro_bytes_u32(&b);
    int64_t *const times[] = {&s->captured_ns, &s->taken_ns, &s->started_ns, &s->ran_ns,
                              &s->decoded_ns};
    s->frame = tro_bytes_u64(&b);
    const bool is_ordered = read_times(&b, times, 5);
    if (b.failed || tro_bytes_left(&b) || network >= TRO_FINDINGS_MAX_NETWORKS ||
        tier >= TRO_FINDINGS_MAX_NETWORKS || !is_ordered)
        return tro_fail(err, TRO_E_INPUT, "stage: expected %d bytes with times in their order",
                        TRO_STAGE_BYTES);
    s->network = (int)network;
    s->tier = (int)tier;
    return 0;
}
