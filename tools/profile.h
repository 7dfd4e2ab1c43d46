/* SPDX-License-Identifier: Apache-2.0 */
/* What `trocar profile` measures: how long each step of an engine takes, held against what the
 * machine can do. */
#ifndef TRO_TOOLS_PROFILE_H
#define TRO_TOOLS_PROFILE_H

#include "base/json.h"
#include "base/latency.h"
#include "cpu/peak.h"
#include "samples.h"
#include "side.h"

/* Kinds of steps that a page colours.
 *        id             what it is                          colour */
#define TRO_PROFILE_GROUPS(X)                                 \
    X(CONV, "convolution", "#3b76c4")                         \
    X(MATMUL, "matrix product, attention", "#7d54b8")         \
    X(POINTWISE, "pointwise", "#2f9d77")                      \
    X(REDUCE, "reduction, pooling, normalization", "#d6902b") \
    X(MOVE, "copies", "#8d99ab")                              \
    X(OTHER, "other", "#5a6475")                              \
    X(REFERENCE, "reference kernel: not optimized", "#c43d46")

enum tro_profile_group {
#define TRO_PROFILE_GROUP_ENUM(id, text, colour) TRO_PROFILE_##id,
    TRO_PROFILE_GROUPS(TRO_PROFILE_GROUP_ENUM)
#undef TRO_PROFILE_GROUP_ENUM
        TRO_N_PROFILE_GROUPS
};

/* A step of the program. Times are medians over the runs, from the first thread's begin to the
 * last one's end. */
struct tro_profile_row {
    const char *name;   /* of the model's node, or of the result */
    const char *op;     /* "conv + add + relu" */
    const char *kernel; /* "conv_f32_14x32__avx512" */
    const char *shapes; /* "1x64x56x56 64x64x3x3 -> 1x64x56x56" */
    enum tro_profile_group group;
    double n_flops, n_bytes;
    double ms, share; /* share: of all steps */
    double gflops, gbytes;
    double peak_gflops;   /* of the machine for these types */
    double of_peak;       /* gflops / peak_gflops */
    double of_roof;       /* of what the machine's peaks allow for so many bytes an operation */
    double balance;       /* mean time of a thread / longest time: 1 = none waits */
    int n_threads;        /* that take part */
    bool is_memory_bound; /* the roof is the memory's */
    /* in the run of the time line: its work, and by how much it made the run longer */
    double run_ms, critical_ms;
};

/*
 * A kernel of the run that the time line shows, in nanoseconds since the first one's begin. It may
 * come onto the chip before those have ended that it waits for, and works after that:
 *
 *     begin ─── waits ─── ready ────── works ────── end
 */
struct tro_profile_event {
    int row, lane; /* lane: of as many as work at the same time */
    uint32_t launch;
    int64_t begin_ns, ready_ns, end_ns;
    int64_t before;      /* while times are summed up: the event it waited for, -1: none */
    int64_t critical_ns; /* on the critical path: since that one's end; else 0 */
};

/* A run on a GPU as it was, by CUPTI: of all that were traced the one of median length. */
struct tro_profile_timeline {
    const char *missing; /* why there is none; NULL: it is there */
    int n_runs, n_lanes;
    size_t n_events;
    struct tro_profile_event *events; /* by ready_ns */
    double span_ms;                   /* from the first kernel's begin to the last one's end */
    double busy_ms;                   /* while at least one works; */
    double overlap_ms;                /* at least two */
    double traced_ms, untraced_ms;    /* medians of the same by the device's clock */
};

/* All rows of one kernel. */
struct tro_profile_kernel {
    const char *kernel;
    int n_steps;
    double ms, share, gflops;
};

struct tro_profile {
    struct tro_arena arena;
    const char *path;
    const char *machine; /* "NVIDIA H200", the processor's name */
    struct tro_cpu_peak peak;
    double tensor_gflops; /* of a GPU's matrix units; 0: of the processor */
    double roof_gflops;   /* most that a step could reach: on a GPU by the types of the steps */
    int n_threads, n_rows, n_kernels;
    struct tro_profile_row *rows;         /* in the order of the run */
    const struct tro_profile_row **worst; /* slowest first */
    struct tro_profile_kernel *kernels;   /* likewise */
    struct tro_latency latency;           /* of n_timed runs, in which nothing else was timed */
    int64_t n_timed;
    double steps_ms; /* sum of the rows */
    double n_flops;
    struct tro_session_memory memory;
    bool is_growing;
    /* of each run: begin, then for each thread n_rows pairs of begin and end (0, 0: none) */
    int64_t *begin_ns, *step_ns;
    int64_t n_runs;
    struct tro_profile_timeline timeline; /* of a GPU */
};

struct tro_profile_opts {
    struct tro_side_opts side;
    struct tro_list inputs;
    int64_t n_runs; /* 0: as many as a second or two take */
    int64_t seed;
};

/* Runs the engine and sums up. */
int tro_profile_open(struct tro_profile *p, const char *path, const struct tro_profile_opts *opts,
                     struct tro_err *err);
void tro_profile_close(struct tro_profile *p);

/* Begin and end of a thread's part; both 0 when it had none. */
const int64_t *tro_profile_times(const struct tro_profile *p, int64_t run, int thread, int row);

/* ---- profile_program.c ----------------------------------------------------------------- */

/* What rows are, from the program that was run; times are left at 0. */
int tro_profile_describe(struct tro_profile *p, struct tro_session *s, struct tro_err *err);

/* ---- profile_timeline.c ---------------------------------------------------------------- */

/* Latency of the side, whose steps have been timed; then traces runs of a second session beside it.
 * That there is no time line is no failure. */
int tro_profile_trace_runs(struct tro_profile *p, struct tro_side *side,
                           const struct tro_profile_opts *opts, const struct tro_tensor *inputs,
                           struct tro_err *err);

/* ---- profile_report.c, profile_html.c -------------------------------------------------- */

void tro_profile_print(const struct tro_profile *p, int64_t n_shown);
void tro_profile_json(const struct tro_profile *p, struct tro_json *j);
/* Chrome's and Perfetto's trace format: each thread's part of each step, of the last few runs. */
void tro_profile_trace(const struct tro_profile *p, struct tro_buf *out);
/* A page that stands alone. */
void tro_profile_html(const struct tro_profile *p, struct tro_buf *out);

#endif
