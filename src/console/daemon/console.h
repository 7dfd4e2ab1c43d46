/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console at work: video, workers, findings, rules, server, viewers, joined as docs/console.md
 * says. One at a time in a process.
 */
#ifndef TRO_CONSOLE_DAEMON_CONSOLE_H
#define TRO_CONSOLE_DAEMON_CONSOLE_H

#include "console/rules/config.h"

struct tro_console_opts {
    uint64_t n_frames;  /* 0: until SIGINT or SIGTERM, or the source ends for good */
    const char *json;   /* what was measured goes there; NULL: nowhere */
    const char *record; /* findings and sentences go there, a line each; NULL: nowhere */
    const char *trace;  /* a trace of the last seconds, at the end; NULL: none */
};

/* Returns 0, or 1 where the networks do not hold their deadlines, which is found before the first
 * frame, with the table on stderr. */
int tro_console_run(const struct tro_config *config, const struct tro_console_opts *opts,
                    struct tro_err *err);

#endif
