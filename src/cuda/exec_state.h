/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of an exec. */
#ifndef TRO_CUDA_EXEC_STATE_H
#define TRO_CUDA_EXEC_STATE_H

#include "cuda/exec.h"

/* Kernels in a row, as one graph. */
struct segment {
    int32_t first, end;
    tro_cu_graph_exec graph;
};

struct input {
    const void *data;
    int memory;    /* TRO_CU_MEMORY_..., 0: of the host, pageable */
    bool is_new;   /* bound since its memory was looked at */
    int tied_from; /* output that it is, -1: none */
};

struct tro_cuda_exec {
    const struct tro_program *p;
    struct tro_cuda_store *store;
    struct tro_cuda_device *d;
    const struct tro_cu *cu;
    tro_cu_stream stream;
    tro_cu_event begin, end;
    tro_cu_ptr block;     /* scratch, inputs, outputs, tables */
    tro_cu_ptr *at;       /* by buffer, on the device */
    void **base;          /* by buffer, on the host */
    char *pinned;         /* inputs and outputs */
    char *mirror;         /* scratch on the host, where steps of the host need it */
    char *keep;           /* memory of the host from run to run */
    char *thread_scratch; /* of steps of the host */
    char **args;          /* by step: what its kernel gets */
    tro_cu_graph *calls;  /* by step: the call of a library, NULL for kernels */
    struct segment *segments;
    int32_t *segment_at; /* by step: the segment that begins there, -1 */
    int n_segments;
    struct input *inputs;
    bool has_transfers, is_fresh; /* fresh: no run has filled the inputs yet */
    bool is_dead;                 /* after a fault */
    struct tro_cuda_exec_size size;
    struct tro_cuda_exec_trace *trace; /* NULL: nobody asked */
};

static inline bool tro_cuda_is_host_step(const struct tro_step *s)
{
    return s->kind != TRO_STEP_KERNEL || !tro_cuda_launch_of(s);
}

/* A launch of nothing. */
static inline bool tro_cuda_is_empty(const struct tro_cuda_launch *l)
{
    return l->grid[0] == 0 || l->grid[1] == 0 || l->grid[2] == 0;
}

/* ---- exec_memory.c ------------------------------------------------------------------------ */

/* Device memory, pinned memory, memory of the host, what each kernel gets. */
int tro_cuda_exec_place(struct tro_cuda_exec *x, struct tro_err *err);
/* Scratch on the host, for those who look at it. */
int tro_cuda_exec_place_mirror(struct tro_cuda_exec *x, struct tro_err *err);
void tro_cuda_exec_release(struct tro_cuda_exec *x);

/* ---- exec_graph.c ------------------------------------------------------------------------- */

/* The step's work is put on the stream. */
int tro_cuda_exec_issue(struct tro_cuda_exec *x, int32_t step, struct tro_err *err);
/* Segments and their graphs, for the whole program. */
int tro_cuda_exec_make_graphs(struct tro_cuda_exec *x, struct tro_err *err);

/* ---- exec_trace.c ------------------------------------------------------------------------- */

/* While there is a trace: which nodes of the graph, before it is instantiated, are which steps'. */
struct tro_hazards;
int tro_cuda_exec_note_graph(struct tro_cuda_exec *x, const struct segment *g,
                             const tro_cu_node *nodes, const struct tro_hazards *h,
                             struct tro_err *err);
void tro_cuda_exec_trace_destroy(struct tro_cuda_exec_trace *t);

/* ---- exec.c ------------------------------------------------------------------------------- */

/* Fetches what the step reads, runs it on the host, sends what it wrote. */
int tro_cuda_exec_host_step(struct tro_cuda_exec *x, int32_t step, struct tro_err *err);

#endif
