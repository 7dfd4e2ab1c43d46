/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executing a program (lower/program.h): memory for its buffers, and a walk over its steps whose
 * parts a team of threads shares. Used by sessions, the tuner and tests.
 */
#ifndef TRO_RUN_EXEC_H
#define TRO_RUN_EXEC_H

#include <stdatomic.h>

#include "lower/program.h"
#include "run/team.h"

/* Called after each step, with its index. A negative return ends the run with it. */
typedef int tro_exec_tap(void *ctx, const struct tro_program *p, int32_t step,
                         const struct tro_step_run *r);

struct tro_exec_state;

struct tro_exec_opts {
    const struct tro_program *program;
    struct tro_team *team;
    void *scratch;        /* program->scratch_bytes, aligned to 64 */
    char *thread_scratch; /* thread_bytes for each member */
    size_t thread_bytes;  /* at least program->thread_bytes, a multiple of 64 */
};

/* Memory of outputs and of what is kept from run to run (zeroed) is the state's own. */
struct tro_exec_state *tro_exec_create(const struct tro_exec_opts *opts, struct tro_err *err);
void tro_exec_destroy(struct tro_exec_state *x);

/* Memory of input i, read by the next runs: dense, of the program's type and shape. */
void tro_exec_bind(struct tro_exec_state *x, int i, const void *data);
/* Memory of output i instead of the state's own. */
void tro_exec_bind_output(struct tro_exec_state *x, int i, void *data);
/* Where output i is after a run; its shape may be known only now. */
struct tro_tensor tro_exec_output(const struct tro_exec_state *x, int i);
/* Memory of the options that was moved. */
void tro_exec_set_scratch(struct tro_exec_state *x, void *scratch, void *thread_scratch);

struct tro_exec_run {
    tro_exec_tap *tap; /* or NULL */
    void *tap_ctx;
    int64_t *step_ns; /* NULL, or for each member n_steps pairs: begin and end of its part */
    const atomic_int *is_cancelled; /* or NULL */
};
/* run may be NULL. */
int tro_exec_run(struct tro_exec_state *x, const struct tro_exec_run *run, struct tro_err *err);

/* The step alone, on whatever its buffers hold: nanoseconds from begin to end. For the tuner, after
 * a whole run. */
int tro_exec_time_step(struct tro_exec_state *x, int32_t step, int64_t *ns, struct tro_err *err);

#endif
