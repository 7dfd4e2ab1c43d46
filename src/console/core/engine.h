/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine of the console: a plan that takes frames of the ring's form, bound and run, and what it
 * gives made into findings.
 *
 * The plan's record (note trocar.record, docs/record.md) says what its inputs and outputs are: one
 * input of frames, facts of the camera (optics), states, which go from frame to frame, and outputs
 * of boxes, peaks, classes, linear (depth) or scores. One thread at a time; a run allocates
 * nothing.
 */
#ifndef TRO_CONSOLE_CORE_ENGINE_H
#define TRO_CONSOLE_CORE_ENGINE_H

#include "console/core/finding.h"
#include "console/core/frame.h"

struct tro_engine;

struct tro_engine_opts {
    const char *plan;   /* path */
    const char *device; /* as in struct tro_session_opts */
    int n_threads;      /* likewise */
    int priority;       /* likewise: of a GPU's stream */
    struct tro_frame_form form;
    float focal_length; /* widths; 0: not known, which engines with optics do not take */
};

/* names: what the network's labels are called; names of this engine that are not there yet are
 * added, so that all tiers of a network share them. Messages begin with the plan's path. */
struct tro_engine *tro_engine_open(const struct tro_engine_opts *opts,
                                   struct tro_finding_names *names, struct tro_err *err);
void tro_engine_close(struct tro_engine *e);

/* Of the plan. */
uint64_t tro_engine_hash(const struct tro_engine *e);

/* The bytes of a frame, which stay until it returns. TRO_E_FAULT: nothing runs on this device any
 * more in this process. */
int tro_engine_run(struct tro_engine *e, const uint8_t *frame, struct tro_err *err);

/* What the last run found: items, map, grid, size of the frame, engine. Frame, times, network and
 * tier are the caller's. */
void tro_engine_find(struct tro_engine *e, struct tro_findings *out);

#endif
