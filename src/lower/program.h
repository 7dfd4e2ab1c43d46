/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program: what a session executes for one set of sizes. Steps in order, each a kernel with its
 * parameters; buffers, of which scratch ones share one block of memory by their lifetimes.
 *
 *     steps    0        1        2 ...           one after the other, each in parts
 *     buffers  input 0 ─► scratch 3 ─► scratch 4 ─► output 0
 *
 * A program is made by tro_lower (lower/lower.h), is read-only afterwards, and may be run by
 * several sessions at a time, each with its own memory.
 */
#ifndef TRO_LOWER_PROGRAM_H
#define TRO_LOWER_PROGRAM_H

#include "base/arena.h"
#include "graph/graph.h"

enum tro_buffer_kind {
    TRO_BUFFER_SCRATCH, /* at `offset` of the session's scratch memory, from step first to last */
    TRO_BUFFER_CONST,   /* `data`: a constant of the graph, or weights in a kernel's form */
    TRO_BUFFER_INPUT,   /* the caller's memory for input `index` */
    TRO_BUFFER_OUTPUT,  /* the session's memory for output `index` */
    TRO_BUFFER_KEEP     /* the session's memory that lives from run to run */
};

struct tro_buffer {
    enum tro_buffer_kind kind;
    int index;
    const void *data;
    bool is_shared; /* CONST: data is the plan's, the same in all its programs */
    size_t n_bytes;
    int32_t first, last; /* scratch: steps that touch it, inclusive; -1: none */
    size_t offset;       /* scratch: multiple of 64 */
};

/* A tensor where it lies. Strides are in elements; 0 repeats, negative goes back; that of an axis
 * of size 1 means nothing. */
struct tro_arg {
    uint32_t buffer;
    int64_t offset; /* of element [0, 0, ..] in the buffer, in bytes */
    enum tro_dtype dtype;
    int rank;
    int64_t shape[TRO_MAX_RANK], stride[TRO_MAX_RANK];
};

/* What a thread gets for its part of a step. */
struct tro_step_run {
    void *const *base; /* by buffer */
    int part, n_parts; /* parts of a step run at the same time, in any order */
    void *scratch;     /* of this thread: step->scratch_bytes, aligned to 64 */
    struct tro_err *err;
};

struct tro_step;
/* 0, or a negative status with the message in r->err: only what depends on contents can fail (an
 * index that is out of range). Must neither allocate nor lock. */
typedef int tro_step_fn(const struct tro_step *s, const struct tro_step_run *r);

enum tro_step_kind {
    TRO_STEP_KERNEL,
    TRO_STEP_IF,  /* in[0] is bool: steps (i, i + n_then] run, or the n_else after them */
    TRO_STEP_LOOP /* steps (i, i + n_then] run trip_count times (-1: as often as in[0] says, i64)
                     and while in[1] is true, where has_cond is set */
};

struct tro_step {
    enum tro_step_kind kind;
    const char *name;   /* of the node, for people */
    const char *kernel; /* as in kernels.def: "conv_f32_14x32__avx512" */
    tro_node_id node;   /* of the graph: whose outputs it makes, or serves to make */
    bool is_node_done;  /* with this step the node's outputs are complete */
    tro_step_fn *run;
    const void *params; /* the kernel's own; lives as long as the program */
    int n_in, n_out;
    struct tro_arg *in, *out; /* all memory the step reads and writes, temporary memory as out */
    int n_parts;              /* most parts that help; 1 = one thread does it */
    size_t scratch_bytes;     /* that each thread needs */
    int inplace;              /* input whose buffer out[0] may take over, -1 = none */
    double n_flops;           /* of the mathematics, for the profile: one multiply-add is two */
    const char *problem;      /* key of the tuner, NULL when there is no choice */
    const char *const
        *candidates;        /* names the tuner may choose from, best guess first; ends NULL */
    int32_t n_then, n_else; /* control */
    int64_t trip_count;
    bool has_cond;
};

/* A value of the main block, where a step leaves it: for taps and comparisons. */
struct tro_program_value {
    tro_value_id value;
    int32_t step; /* after which it is complete */
    struct tro_arg at;
};

struct tro_program {
    struct tro_arena arena; /* of everything below */
    const struct tro_graph *graph;
    struct tro_step *steps;
    int32_t n_steps;
    struct tro_buffer *buffers;
    uint32_t n_buffers;
    struct tro_arg *inputs, *outputs; /* dense, by index in the main block */
    int n_inputs, n_outputs;
    int32_t *output_slots;   /* of outputs whose sizes only a run tells: index of the state table
                              (lower/dynamic.h), else -1 */
    uint32_t dynamic_buffer; /* of the state table; 0: none */
    int32_t n_slots;
    struct tro_dim_env symbols; /* what the program was made for */
    struct tro_program_value *values;
    int32_t n_values;
    size_t scratch_bytes; /* of planned buffers */
    size_t live_bytes;    /* least that any plan needs: the peak of live buffers */
    size_t thread_bytes;  /* scratch of each thread */
    size_t output_bytes, keep_bytes, packed_bytes;
    int n_replaced;       /* choices of the tuner that are of a library which is not here */
    const char *replaced; /* the last of them; lives as long as the choices */
    bool is_growing; /* a step may allocate: sizes are known only at run time, or no kernel of ours
                        takes the operator */
};

static inline void *tro_arg_ptr(const struct tro_step_run *r, const struct tro_arg *a)
{
    return (char *)r->base[a->buffer] + a->offset;
}

/* Share `part` of n things: [*begin, *end), contiguous, sizes differ by 1 at most. */
static inline void tro_part_range(int64_t n, int part, int n_parts, int64_t *begin, int64_t *end)
{
    const int64_t each = n / n_parts, longer = n % n_parts;
    *begin = part * each + (part < longer ? part : longer);
    *end = *begin + each + (part < longer);
}

/* ---- questions about args ---------------------------------------------------------------- */

int64_t tro_arg_n_elems(const struct tro_arg *a);
size_t tro_arg_n_bytes(const struct tro_arg *a); /* of its elements */
/* Row-major without gaps. */
bool tro_arg_is_dense(const struct tro_arg *a);
/* Rank >= 2 and the stride of axis 1 is 1 (or there is one channel): [n, c, spatial..] with
 * channels last. Strides of the other axes are free but not negative, and not 0 unless of size 1.
 * */
bool tro_arg_is_channels_last(const struct tro_arg *a);
/* The last axis has stride 1. */
bool tro_arg_is_rows(const struct tro_arg *a);
/* A dense tensor view; the arg must be dense. */
struct tro_tensor tro_arg_tensor(const struct tro_step_run *r, const struct tro_arg *a);

void tro_program_destroy(struct tro_program *p);

#endif
