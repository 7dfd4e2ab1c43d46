/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened to frames and when: a ring of stages with their begin and end, always on, the
 * newest win. Any thread writes, without a lock and without waiting; reading copies what is whole.
 */
#ifndef TRO_CONSOLE_CORE_TRACE_H
#define TRO_CONSOLE_CORE_TRACE_H

#include <stdint.h>
#include <trocar/trocar.h>

#include "base/bytes.h"

/* clang-format off */
/* THE list of stages of a frame, in order: id, name, what it spans. */
#define TRO_STAGES(X)                                                     \
    X(CAPTURE,  "capture",  "arrived to handed on")                       \
    X(DISPLAY,  "display",  "handed on to painted")                       \
    X(RING,     "ring",     "captured to taken by a worker")              \
    X(QUEUE,    "queue",    "taken to the begin of its run")              \
    X(RUN,      "run",      "a network's run")                            \
    X(FINDINGS, "findings", "the end of a run to the board")              \
    X(RULES,    "rules",    "facts and rules")                            \
    X(ENCODE,   "encode",   "captured to encoded")                        \
    X(SEND,     "send",     "to the viewers")
/* clang-format on */

enum tro_trace_stage {
#define TRO_STAGE_ENUM(id, name, what) TRO_STAGE_##id,
    TRO_STAGES(TRO_STAGE_ENUM)
#undef TRO_STAGE_ENUM
        TRO_N_STAGES
};
const char *tro_trace_stage_name(enum tro_trace_stage stage);
const char *tro_trace_stage_what(enum tro_trace_stage stage);

#define TRO_TRACE_EVENTS 65536 /* kept; at 60 frames a second more than half a minute */

struct tro_trace;

struct tro_trace *tro_trace_create(struct tro_err *err);
void tro_trace_destroy(struct tro_trace *t);

/* network: its place in the configuration, negative: none. t may be NULL: nothing happens. */
void tro_trace_put(struct tro_trace *t, enum tro_trace_stage stage, uint64_t frame, int network,
                   int64_t begin_ns, int64_t end_ns);

/* Stages that ended from from_ns to to_ns, as JSON that Perfetto and chrome://tracing read: a row a
 * stage and network, more where spans overlap; times are since origin_ns. names: of networks. */
int tro_trace_write(const struct tro_trace *t, int64_t from_ns, int64_t to_ns, int64_t origin_ns,
                    const char *const *names, int n_names, struct tro_buf *out,
                    struct tro_err *err);

#endif
