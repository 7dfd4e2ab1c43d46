/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans: what a plan file holds (docs/plan-format.md), as structs, for those who write one and for
 * those who run one.
 *
 *     tro_plan_parts ── tro_plan_write ─► bytes ── tro_plan_open ─► checked ── tro_plan_contents
 *
 * Inputs and outputs are named by their index in the graph's main block everywhere.
 */
#ifndef TRO_PLAN_PLAN_H
#define TRO_PLAN_PLAN_H

#include "base/bytes.h"
#include "graph/graph.h"

/* Sizes of one input that sessions are prepared for: min <= opt <= max in each axis, and each fits
 * the input's type in the graph. */
struct tro_plan_sizes {
    int input, rank;
    int64_t min[TRO_MAX_RANK], opt[TRO_MAX_RANK], max[TRO_MAX_RANK];
};

/* One more shape of one input, within its sizes. Symbols of other inputs that it leaves open are at
 * their optimum. */
struct tro_plan_bucket {
    int input, rank;
    int64_t shape[TRO_MAX_RANK];
};

/* Output of a run that is an input of the next one; zeros at first. Type and shape are equal and
 * all sizes constant. */
struct tro_plan_state {
    int input, output;
};

/* A golden sample: what the unoptimized network gives on the reference kernels. All inputs and
 * outputs of the graph, dense; data is aligned to 64. Samples follow each other as runs do: a
 * state's input is zeros in the first and the output of the sample before in the others. */
struct tro_plan_sample {
    struct tro_tensor *in, *out;
};

/* Texts of the tuner, without tabs and line ends. */
struct tro_plan_choice {
    const char *problem, *candidate;
};

/* What was found best on one chip, in strcmp order of the problems, each once. */
struct tro_plan_tuned {
    const char *chip; /* as tro_plan_chip writes it */
    const struct tro_plan_choice *choices;
    size_t n_choices;
};

/* What the model's metadata said to whoever runs it (io/preprocess.h), key and value as there: all
 * whose key begins with "trocar.". */
struct tro_plan_note {
    const char *key, *value;
};

/* A GPU that the plan was built for: kernels were chosen for this architecture (90 for sm_90a) and
 * number of multiprocessors. */
struct tro_plan_target {
    int arch, n_sms;
};

enum tro_plan_code_kind {
    TRO_PLAN_CUBIN, /* machine code */
    TRO_PLAN_PTX    /* text that drivers translate, with its zero */
};

/* A compiled kernel. */
struct tro_plan_code {
    uint64_t key; /* of its source (cuda/launch.h) */
    int arch;     /* compiled for */
    int kind;     /* enum tro_plan_code_kind */
    const void *data;
    size_t n_bytes;
};

struct tro_plan_parts {
    const struct tro_graph *graph;      /* verified; constants lie where the caller has them */
    const char *model;                  /* name of the network, for people; not NULL */
    const char *producer;               /* "trocar 0.1.0": who wrote it; filled by tro_plan_write */
    const struct tro_plan_note *notes;  /* in the model's order */
    const char *passes;                 /* report of the passes, for people; not NULL */
    const struct tro_plan_sizes *sizes; /* at most one for an input; none: nothing to prepare for */
    const struct tro_plan_bucket *buckets;
    const struct tro_plan_state *states;
    const struct tro_plan_sample *samples;
    const struct tro_plan_tuned *tuned; /* each chip once */
    const char *precision; /* of GPUs: "fp32", "fp16" ... (lower/lower.h); NULL at writing: fp32 */
    int n_wide;            /* on GPUs: nodes of the main block, from the first, that stay at fp32 */
    const uint32_t *wide;  /* likewise: more of them, indexes of nodes in their order, each once */
    const struct tro_plan_target *targets; /* by architecture, each once */
    const struct tro_plan_code *codes;     /* by key, kind, architecture, each once */
    size_t n_notes, n_sizes, n_buckets, n_states, n_samples, n_tuned, n_targets, n_codes, n_wides;
};

/* ---- writing --------------------------------------------------------------------------- */

/* The bytes of a plan file with these parts, appended to an empty buffer; the same parts give the
 * same bytes. The parts are checked by the rules of reading. */
int tro_plan_write(const struct tro_plan_parts *parts, struct tro_buf *out, struct tro_err *err);

/* ---- reading --------------------------------------------------------------------------- */

/* tro_plan_open_memory for bytes that the plan takes over: memory of tro_malloc_aligned that is the
 * plan's from now on, or freed when this fails. */
struct tro_plan *tro_plan_open_owned(void *bytes, size_t n_bytes, const char *name,
                                     struct tro_err *err);

/* Valid as long as the plan. Constants of the graph point into the bytes that were read. */
const struct tro_plan_parts *tro_plan_contents(const struct tro_plan *p);

/* The value of a note; NULL when there is none. */
const char *tro_plan_note(const struct tro_plan_parts *parts, const char *key);

/* The path it was opened from, or the name it was given. */
const char *tro_plan_name(const struct tro_plan *p);

/* Fingerprint of all its bytes, and how many they are. */
uint64_t tro_plan_hash(const struct tro_plan *p);
size_t tro_plan_n_bytes(const struct tro_plan *p);

/* Do the first bytes of the file say that it is a plan? */
bool tro_plan_is_file(const char *path);

/* What all sessions of a plan share (packed weights ...): made by make when it is asked for the
 * first time, ended by destroy when the plan is closed. Locked inside. NULL when make gives NULL,
 * which then has filled err. */
void *tro_plan_shared(struct tro_plan *p, void *(*make)(struct tro_err *err),
                      void (*destroy)(void *shared), struct tro_err *err);

/* ---- chips ----------------------------------------------------------------------------- */

#define TRO_PLAN_CHIP_SIZE 256

/* "AMD EPYC 9965, avx2 avxvnni avx512 avx512vnni, 2 threads": the key of what was tuned. */
void tro_plan_chip(uint32_t cpu_flags, int n_threads, char out[TRO_PLAN_CHIP_SIZE]);

/* What was tuned for this machine: for the same number of threads, else for the same chip with
 * another number, else NULL. */
const struct tro_plan_tuned *tro_plan_tuned_for(const struct tro_plan_parts *parts,
                                                uint32_t cpu_flags, int n_threads);

/* The same for GPUs: "cuda sm_90, 132 multiprocessors, NVIDIA H200"; what was tuned for this chip,
 * else for another of the architecture. */
void tro_plan_gpu_chip(const char *name, int arch, int n_sms, char out[TRO_PLAN_CHIP_SIZE]);
const struct tro_plan_tuned *tro_plan_gpu_tuned_for(const struct tro_plan_parts *parts,
                                                    const char *name, int arch, int n_sms);

/* ---- GPUs ------------------------------------------------------------------------------ */

/* The target whose code a chip of this architecture runs, best first: the same; one of the same
 * generation and a lower minor; the lowest one, when it is not newer, since it has PTX. NULL: none.
 * Sessions that choose kernels for it find their code in the plan. */
const struct tro_plan_target *tro_plan_target_for(const struct tro_plan_parts *parts, int arch);

/* Code of a kernel for a chip: machine code for it, else for a lower minor of its generation, else
 * the newest PTX that is not newer; NULL: none. Code of sm_90a runs on sm_90 alone, and desktop and
 * embedded chips (87) do not run each other's. */
const struct tro_plan_code *tro_plan_code_find(const struct tro_plan_parts *parts, uint64_t key,
                                               int arch);

/* ---- sizes ----------------------------------------------------------------------------- */

/* Shapes of all inputs by their index, without data. */
typedef int tro_plan_shapes_fn(void *ctx, const struct tro_tensor *shapes, struct tro_err *err);

/* Calls fn for all shapes that sessions prepare for: the greatest, the optimal, the least, each
 * bucket; equal ones may come again. Not at all where a size is free and the plan does not say.
 * Ends at the first failure, which it returns. */
int tro_plan_each_shapes(const struct tro_plan_parts *parts, tro_plan_shapes_fn *fn, void *ctx,
                         struct tro_err *err);

/* The graph at these shapes of its inputs: *own is a clone that the caller destroys, or NULL where
 * no size is free and the plan's graph is returned. NULL on failure. */
const struct tro_graph *tro_plan_graph_at(const struct tro_graph *g,
                                          const struct tro_tensor *shapes, struct tro_graph **own,
                                          struct tro_err *err);

#endif
