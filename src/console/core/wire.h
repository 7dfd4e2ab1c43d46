/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the daemon and its workers (docs/console.md, "Messages of workers") over a
 * SOCK_SEQPACKET socket: whole or not at all. Both ends bound what they read; the daemon trusts
 * nothing that a worker says.
 */
#ifndef TRO_CONSOLE_CORE_WIRE_H
#define TRO_CONSOLE_CORE_WIRE_H

#include <trocar/trocar.h>

#define TRO_WIRE_VERSION 2
#define TRO_WIRE_MAX_BYTES (512 << 10) /* of a message, with its head */
#define TRO_WIRE_HEAD_BYTES 8          /* u32 type, u32 version */

/* THE list of messages, in the order of their numbers from 1: id, name. */
#define TRO_WIRE_TYPES(X)   \
    X(OPEN, "open")         \
    X(OPENED, "opened")     \
    X(FINDINGS, "findings") \
    X(SKIPPED, "skipped")   \
    X(STAGE, "stage")       \
    X(LOAD, "load")         \
    X(UNLOAD, "unload")     \
    X(QUIT, "quit")         \
    X(FAILED, "failed")

enum tro_wire_type {
    TRO_WIRE_NONE,
#define TRO_WIRE_ENUM(id, name) TRO_WIRE_##id,
    TRO_WIRE_TYPES(TRO_WIRE_ENUM)
#undef TRO_WIRE_ENUM
        TRO_WIRE_END
};

struct tro_wire {
    enum tro_wire_type type;
    const uint8_t *body;
    size_t n;
};

/* Two ends, closed on exec, with room for the longest message of findings. */
int tro_wire_pair(int fd[2], struct tro_err *err);

/* Waits until there is room. Any thread. TRO_E_IO: the other end is gone. */
int tro_wire_send(int fd, enum tro_wire_type type, const void *body, size_t n, struct tro_err *err);

/* Waits for the next message; its body lies in buf, of TRO_WIRE_MAX_BYTES. 1; 0: the other end is
 * gone; TRO_E_INPUT: what came is no message. */
int tro_wire_receive(int fd, uint8_t *buf, struct tro_wire *out, struct tro_err *err);

/* The same from memory. */
int tro_wire_parse(const uint8_t *bytes, size_t n, struct tro_wire *out, struct tro_err *err);

/* ---- bodies of fixed form ------------------------------------------------------------------- */

/* THE list of reasons why a network did not look at a frame: id, name. */
#define TRO_SKIPS(X)                                      \
    X(LATE, "late") /* it could not have ended in time */ \
    X(BUSY, "busy") /* its lane was at work until a newer frame had come */

enum tro_skip {
#define TRO_SKIP_ENUM(id, name) TRO_SKIP_##id,
    TRO_SKIPS(TRO_SKIP_ENUM)
#undef TRO_SKIP_ENUM
        TRO_N_SKIPS
};
const char *tro_skip_name(enum tro_skip why);

/* n_frames of them in a row, `frame` the last one. Times as of a stage; of those that the lane was
 * too busy for they are 0. */
struct tro_skipped {
    int network;
    enum tro_skip why;
    uint64_t frame;
    uint32_t n_frames;
    int64_t captured_ns, taken_ns;
    int64_t at_ns; /* it was given up */
};

/* Where a frame was when: monotonic clock, none before the one above it. */
struct tro_stage {
    int network, tier;
    uint64_t frame;
    int64_t captured_ns; /* the frame came in */
    int64_t taken_ns;    /* a lane has seen it */
    int64_t started_ns;  /* the network begins */
    int64_t ran_ns;      /* and has ended */
    int64_t decoded_ns;  /* outputs are findings */
};

#define TRO_SKIPPED_BYTES 44
#define TRO_STAGE_BYTES 56
void tro_skipped_write(const struct tro_skipped *s, uint8_t out[TRO_SKIPPED_BYTES]);
int tro_skipped_read(struct tro_skipped *s, const uint8_t *bytes, size_t n, struct tro_err *err);
void tro_stage_write(const struct tro_stage *s, uint8_t out[TRO_STAGE_BYTES]);
int tro_stage_read(struct tro_stage *s, const uint8_t *bytes, size_t n, struct tro_err *err);

#endif
