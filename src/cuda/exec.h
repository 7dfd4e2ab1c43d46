/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executing a program on a device. Kernels between two steps of the host are one CUDA graph, whose
 * nodes wait only for those whose memory they need; a program without steps of the host is one
 * graph. Memory is taken when it is created: a run neither allocates nor compiles.
 *
 *     caller's inputs ─► pinned ─► device ─► graph ─► device ─► pinned, the outputs handed out
 *
 * Steps of the host (reference kernels, control) see a mirror of the device's memory: what they
 * read is fetched first, what they wrote is sent back.
 */
#ifndef TRO_CUDA_EXEC_H
#define TRO_CUDA_EXEC_H

#include <stdatomic.h>

#include "cuda/store.h"

struct tro_cuda_exec;

struct tro_cuda_exec_opts {
    const struct tro_program *program; /* lowered for the store's device; outlives the exec */
    struct tro_cuda_store *store;
    int priority; /* of its stream: 0, or less for more urgent ones (-5 on an H200) */
};

struct tro_cuda_exec *tro_cuda_exec_create(const struct tro_cuda_exec_opts *opts,
                                           struct tro_err *err);
void tro_cuda_exec_destroy(struct tro_cuda_exec *x);

/* Memory of input i, of the host or of the device, read by the next runs. */
void tro_cuda_exec_bind(struct tro_cuda_exec *x, int i, const void *data);
/* Output o is input i of the next run, without leaving the device. The input is zeros until then
 * and after a reset. */
int tro_cuda_exec_tie(struct tro_cuda_exec *x, int output, int input, struct tro_err *err);
int tro_cuda_exec_reset(struct tro_cuda_exec *x, struct tro_err *err);
/* false: inputs are as the run before left them, outputs stay on the device. */
void tro_cuda_exec_set_transfers(struct tro_cuda_exec *x, bool has_transfers);

/* After each step, which then runs alone: base is of the host, with the step's outputs in it. */
typedef int tro_cuda_tap(void *ctx, const struct tro_program *p, int32_t step, void *const *base,
                         struct tro_err *err);
struct tro_cuda_exec_run {
    tro_cuda_tap *tap; /* or NULL */
    void *tap_ctx;
    const atomic_int *is_cancelled; /* or NULL */
    bool is_timed;                  /* *device_ns is wanted */
    int64_t device_ns;              /* out: from the first kernel's begin to the last one's end */
};
/* run may be NULL. After TRO_E_FAULT only destroy may be called. */
int tro_cuda_exec_run(struct tro_cuda_exec *x, struct tro_cuda_exec_run *run, struct tro_err *err);

/* Nanoseconds of kernels, one after the other on whatever their buffers hold: the mean of n_times
 * rounds in one graph. For the tuner and the profiler, after a whole run. */

/* Of a node, but for those whose label begins with "copy"; -1 where it has a step of the host, or
 * none at all. */
int tro_cuda_exec_time_node(struct tro_cuda_exec *x, tro_node_id node, int n_times, int64_t *ns,
                            struct tro_err *err);
/* Of a step; one of the host is run once, transfers included. */
int tro_cuda_exec_time_step(struct tro_cuda_exec *x, int32_t step, int n_times, int64_t *ns,
                            struct tro_err *err);

/* A kernel of a run, as it ran on the device beside the others. */
struct tro_cuda_event {
    int32_t step;
    uint32_t launch; /* differs between launches of graphs */
    int64_t begin_ns, end_ns;
};
/* Of the runs since the last call, by begin; the caller frees them with tro_free, also after a
 * failure. Of an exec that was created while there was a trace (cuda/trace.h). */
int tro_cuda_exec_events(struct tro_cuda_exec *x, struct tro_cuda_event **events, size_t *n,
                         struct tro_err *err);
/* Likewise: the steps that a step's kernel waits for in its graph. */
const int32_t *tro_cuda_exec_waits(const struct tro_cuda_exec *x, int32_t step, int *n);

/* Output i of the last run, on the host. */
struct tro_tensor tro_cuda_exec_output(const struct tro_cuda_exec *x, int i);

struct tro_cuda_exec_size {
    size_t device_bytes, pinned_bytes;
    int n_graphs, n_kernels, n_host_steps;
};
struct tro_cuda_exec_size tro_cuda_exec_size(const struct tro_cuda_exec *x);

#endif
