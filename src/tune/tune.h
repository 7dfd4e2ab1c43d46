/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the fastest candidates: the graph is lowered once for each round, in which every problem
 * has its next candidate; the steps of the problem's node are timed alone, with caches cold. What
 * the cache knows is not timed, so that the same graph and a cache that knows all give the same
 * choices.
 *
 *     round 0   conv A: 14x32   conv B: 14x32   matmul C: 12x32
 *     round 1   conv A: 8x48    conv B: 8x48    matmul C: 12x32 (it has one only)
 */
#ifndef TRO_TUNE_TUNE_H
#define TRO_TUNE_TUNE_H

#include <trocar/build.h>

#include "cuda/store.h"
#include "lower/lower.h"
#include "plan/plan.h"

/* For tests, in place of the clock: the time of a candidate. */
typedef int64_t tro_tune_clock(void *ctx, const char *problem, const char *candidate);

struct tro_tune_opts {
    const struct tro_graph *graph;
    const struct tro_tensor *inputs;   /* forms of its inputs, without data */
    const struct tro_backend *backend; /* the steps' */
    uint32_t cpu_flags;
    int n_threads;
    struct tro_cuda_store *store; /* on the GPU to tune for; NULL: the CPU */
    enum tro_precision precision; /* likewise */
    int n_wide;                   /* likewise: lower/lower.h */
    const uint32_t *wide;
    size_t n_wides;
    const struct tro_build_opts *build; /* tune, time_budget, cache, progress, warn */
    tro_tune_clock *clock;              /* NULL: the machine's */
    void *clock_ctx;
};

/* The best candidate of each problem, by problem. */
struct tro_tuned {
    struct tro_arena arena;
    struct tro_plan_tuned plan;
};
void tro_tuned_finish(struct tro_tuned *t);

int tro_tune(const struct tro_tune_opts *opts, struct tro_tuned *out, struct tro_err *err);

/* ---- measure.c: a program on the machine ---------------------------------------------------- */

/* Of which candidates are looked at; NULL: of none. */
struct tro_libraries *tro_tune_libraries(const struct tro_tune_opts *o);

/* For the forms of o->inputs, every value in memory of its own where that fits. */
struct tro_program *tro_bench_lower(const struct tro_tune_opts *o,
                                    const struct tro_choices *choices, struct tro_packs *packs,
                                    struct tro_err *err);

struct tro_bench;

/* Lowers with these choices, binds noise, runs once. */
struct tro_bench *tro_bench_create(const struct tro_tune_opts *o, const struct tro_choices *choices,
                                   struct tro_packs *packs, struct tro_err *err);
void tro_bench_destroy(struct tro_bench *b);
const struct tro_program *tro_bench_program(const struct tro_bench *b);

/* The steps of that node but for copies into other forms, after the caches were emptied. -1 when
 * one fails, as steps may on the data they meet. */
int64_t tro_bench_time_node(struct tro_bench *b, tro_node_id node);

/* ---- measure_cuda.c: the same on a GPU ------------------------------------------------------ */

struct tro_bench_cuda;
struct tro_bench_cuda *tro_bench_cuda_create(const struct tro_tune_opts *o,
                                             const struct tro_program *p, struct tro_err *err);
void tro_bench_cuda_destroy(struct tro_bench_cuda *b);
int64_t tro_bench_cuda_time_node(struct tro_bench_cuda *b, tro_node_id node);

#endif
