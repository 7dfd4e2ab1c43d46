/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan holds and what a session of it takes: for build and inspect. */
#ifndef TRO_TOOLS_BUILD_REPORT_H
#define TRO_TOOLS_BUILD_REPORT_H

#include "base/arena.h"
#include "base/json.h"
#include "plan/plan.h"
#include "table.h"

#define TRO_PLAN_REPORT_REASONS 4

struct tro_plan_report {
    struct tro_arena arena;
    const char *path;
    const struct tro_plan_parts *parts;
    size_t file_bytes;
    uint64_t hash;
    int64_t n_nodes, n_inner; /* nodes of the main block, and of fused nodes and branches */
    int64_t n_fused;
    size_t const_bytes;
    /* of a session on this machine */
    struct tro_session_memory memory;
    int n_threads, n_steps, n_reference; /* steps, and those on reference kernels */
    bool is_open; /* sizes of inputs are free: no steps and memory before they are bound */
    bool is_growing;
    const char *growing[TRO_PLAN_REPORT_REASONS]; /* nodes that make it so */
    int n_growing;
    const struct tro_plan_tuned *tuned; /* for this machine; NULL: none */
};

/* Makes a session of the plan and ends it again. The plan must outlive the report. */
int tro_plan_report_open(struct tro_plan_report *r, const char *path, struct tro_plan *p,
                         const struct tro_session_opts *opts, struct tro_err *err);
void tro_plan_report_close(struct tro_plan_report *r);

/* "constants   12" for each pass that changed something. */
void tro_plan_report_passes(const struct tro_plan_report *r, struct tro_table *t);
/* Scratch, live, weights ... in bytes. */
void tro_plan_report_memory(const struct tro_plan_report *r, struct tro_table *t);

/* Code in the plan for a GPU architecture: kernels that have some, and bytes. */
struct tro_plan_code_size {
    int arch;
    bool is_ptx;
    int64_t n_kernels, n_bytes;
};
#define TRO_PLAN_CODE_SIZES 32
/* By kind and architecture; returns how many. */
int tro_plan_report_code(const struct tro_plan_report *r,
                         struct tro_plan_code_size out[TRO_PLAN_CODE_SIZES]);
/* "sm_80, 108 multiprocessors: 31 kernels, 412 kB" */
#define TRO_PLAN_TARGET_TEXT 128
const char *tro_plan_report_target(const struct tro_plan_report *r, int target,
                                   char text[TRO_PLAN_TARGET_TEXT]);

/* Why runs may allocate; NULL when they do not. The text is the arena's. */
const char *tro_plan_report_growing(struct tro_plan_report *r);

/* Fields of an open object: passes, nodes, memory_bytes, growing, targets, code. */
void tro_plan_report_json(const struct tro_plan_report *r, struct tro_json *j);

#endif
