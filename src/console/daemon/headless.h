/* SPDX-License-Identifier: Apache-2.0 */
/* The console without a picture: frames, workers, findings, and how long they took. */
#ifndef TRO_CONSOLE_DAEMON_HEADLESS_H
#define TRO_CONSOLE_DAEMON_HEADLESS_H

#include <stdint.h>

#include "console/rules/config.h"

struct tro_headless_opts {
    uint64_t n_frames;    /* 0: until SIGINT or SIGTERM */
    const char *json;     /* what was measured goes there; NULL: nowhere */
    const char *trial;    /* a plan that is loaded while the others run; NULL: none */
    double trial_after_s; /* then */
    const char *record;   /* findings and sentences go there; NULL: nowhere */
    void (*findings)(void *ctx,
                     const struct tro_findings *f); /* from several threads; NULL: none */
    void *ctx;
};

/* Source of kind `frames` alone. Prints sentences as they come, where the configuration has rules,
 * and then what was measured. Returns 0, or 1 where the networks do
 * not hold their deadlines, which is found before the first frame, with the table on stderr. */
int tro_headless_run(const struct tro_config *c, const struct tro_headless_opts *opts,
                     struct tro_err *err);

/* --check: opens and measures all plans and prints the table. 0: the set holds, 1: it does not. */
int tro_headless_check(const struct tro_config *c, struct tro_err *err);

#endif
