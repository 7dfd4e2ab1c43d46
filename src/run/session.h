/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions inside the library: one interface, two kinds. */
#ifndef TRO_RUN_SESSION_H
#define TRO_RUN_SESSION_H

#include "cuda/exec.h"
#include "graph/graph.h"
#include "ref/ref.h"
#include "run/exec.h"

/* A session that runs the graph on the reference kernels, node by node; the graph must outlive
 * it. */
struct tro_session *tro_session_create_ref(const struct tro_graph *g, struct tro_err *err);

/* Has each run of a reference session call tap after each node (ref/ref.h); NULL = no longer. */
void tro_session_set_tap(struct tro_session *s, tro_ref_tap *tap, void *ctx);

/* Has each run of a plan's session call tap after each step (run/exec.h); NULL = no longer. Values
 * of the program that a step completed may be looked at there, and only there: their memory is
 * used again. */
void tro_session_set_step_tap(struct tro_session *s, tro_exec_tap *tap, void *ctx);

/* Has each run of a plan's session write the times of its steps: for each of n_threads members
 * n_steps pairs of begin and end (tro_clock_ns; 0, 0 = no part in it); NULL = no longer. */
void tro_session_set_times(struct tro_session *s, int64_t *step_ns);

/* Of a plan's session, prepared for what is bound now (or for the optimum where nothing is): the
 * program that the next run executes. NULL on failure and for reference sessions. */
const struct tro_program *tro_session_program(struct tro_session *s, struct tro_err *err);
int tro_session_n_threads(const struct tro_session *s);

/* What the user should know of how the session runs ("built for sm_80, runs untuned on ..."); NULL:
 * nothing. */
const char *tro_session_notice(const struct tro_session *s);

/* ---- sessions on GPUs --------------------------------------------------------------------- */

/* false: runs leave inputs as they are on the device and do not fetch outputs. */
void tro_session_set_transfers(struct tro_session *s, bool has_transfers);
/* Has each run note the time from its first kernel's begin to its last one's end, which device_ns
 * then tells; -1 where it is not known. */
void tro_session_set_timed(struct tro_session *s, bool is_timed);
int64_t tro_session_device_ns(const struct tro_session *s);
struct tro_session_gpu {
    const struct tro_cuda_device *device;
    struct tro_cuda_store_size store; /* of the plan */
    struct tro_cuda_exec_size exec;   /* of the first prepared sizes */
};
/* false: it does not run on a GPU. */
bool tro_session_gpu(const struct tro_session *s, struct tro_session_gpu *out);
/* What runs the variant for what is bound now; NULL: not on a GPU, or a failure. */
struct tro_cuda_exec *tro_session_cuda_exec(struct tro_session *s, struct tro_err *err);
/* How it computes: FP32 where it does not run on a GPU. */
enum tro_precision tro_session_precision(const struct tro_session *s);

/* What value v of the graph is, for users; strings live as long as the graph. */
struct tro_io_info tro_value_io_info(const struct tro_graph *g, tro_value_id v);

/* ---- shared by the kinds ------------------------------------------------------------------ */

struct tro_session_ops {
    /* Runs on what is bound and sets outputs; may leave them as they were when it fails. */
    int (*run)(struct tro_session *s, struct tro_err *err);
    void (*destroy)(struct tro_session *s);
};

struct tro_async;

struct tro_session {
    const struct tro_session_ops *ops;
    const struct tro_graph *g;
    int n_inputs, n_outputs;    /* that users see: states are left out */
    int *input_at, *output_at;  /* their index in the main block */
    struct tro_tensor *inputs;  /* by index in the main block; type none: nothing bound */
    struct tro_tensor *outputs; /* of the last run */
    bool has_run;
    atomic_int is_cancelled;
    struct tro_async *async; /* made by the first start */
};

/* Fills a zeroed session; on failure init has freed what it took. */
int tro_session_init(struct tro_session *s, const struct tro_session_ops *ops,
                     const struct tro_graph *g, struct tro_err *err);
/* Input and output (main block) that users do not see. */
void tro_session_hide(struct tro_session *s, int input, int output);
void tro_session_finish(struct tro_session *s);

/* ---- async.c ------------------------------------------------------------------------------ */

void tro_async_destroy(struct tro_async *a);

/* ---- scratch.c ---------------------------------------------------------------------------- */

/* Makes it at least so large; what was in it is lost. */
int tro_scratch_reserve(struct tro_scratch *p, size_t n_bytes, struct tro_err *err);
void *tro_scratch_data(const struct tro_scratch *p);
size_t tro_scratch_size(const struct tro_scratch *p);

#endif
