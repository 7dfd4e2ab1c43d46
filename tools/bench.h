/* SPDX-License-Identifier: Apache-2.0 */
/* What `trocar bench` works on: sides that take turns, each with one or more streams. */
#ifndef TRO_TOOLS_BENCH_H
#define TRO_TOOLS_BENCH_H

#include "base/energy.h"
#include "base/json.h"
#include "base/latency.h"
#include "cuda/nvml.h"
#include "samples.h"
#include "side.h"

/* A session with inputs of its own side. */
struct tro_bench_stream {
    struct tro_side side;
    struct tro_tensor *inputs;
    int64_t *ns; /* of each run that counts */
    size_t n, cap;
    int64_t until_ns; /* of the turn at hand; 0: one run that does not count */
    int64_t idle_ns;
    int rc;
    struct tro_err err;
};

/* What the GPU of a side tells of itself. */
struct tro_bench_gpu {
    tro_nvml_device nvml; /* NULL: nothing is known */
    char why_not[256];    /* why the energy is not known; empty: it is */
    double energy_mj;     /* of a run */
    struct tro_nvml_state before, after;
    int64_t reasons; /* that held the clock at any look */
};

struct tro_bench_side {
    const char *text;
    struct tro_bench_stream *streams;
    int n_streams;
    int64_t wall_ns; /* of all turns */
    double energy_mj;
    size_t peak_bytes; /* 0: not known */
    /* results */
    int64_t *ns; /* of all streams, sorted */
    size_t n;
    struct tro_latency latency;
    struct tro_latency device; /* on a GPU, from the first kernel's begin to the last one's end */
    bool has_device;
    struct tro_bench_gpu gpu; /* where has_device */
    double throughput_hz;
};

struct tro_bench {
    struct tro_arena arena;
    struct tro_side_opts side_opts;
    struct tro_list shapes;
    double duration;    /* seconds for each side */
    bool has_transfers; /* runs on a GPU bring inputs and fetch outputs */
    int64_t n_streams, idle_ms, seed;
    struct tro_bench_side *sides;
    int n_sides;
    struct tro_energy energy;
    bool has_energy;
};

/* Opens the sides, makes their inputs. */
int tro_bench_open(struct tro_bench *b, const struct tro_list *sides, struct tro_err *err);
void tro_bench_close(struct tro_bench *b);

/* Warm-up, then turns until each side had its time. */
int tro_bench_measure(struct tro_bench *b, struct tro_err *err);

/* All streams of a side at the same time until the clock is there; 0: one run each, which does not
 * count. */
int tro_bench_run(struct tro_bench_side *side, int64_t until_ns, struct tro_err *err);

/* ---- bench_gpu.c ----------------------------------------------------------------------- */

/* Before a side's first turn; after each turn. */
void tro_bench_gpu_open(struct tro_bench_side *side);
void tro_bench_gpu_look(struct tro_bench_side *side);
/* Energy of a run, by runs that are not timed; an energy that is not known is no failure. */
int tro_bench_gpu_energy(struct tro_bench_side *side, struct tro_err *err);

/* ---- bench_report.c -------------------------------------------------------------------- */

void tro_bench_print(const struct tro_bench *b);
void tro_bench_json(const struct tro_bench *b, struct tro_json *j);

#endif
