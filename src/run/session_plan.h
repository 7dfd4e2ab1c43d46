/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/run: the state of a plan's session. */
#ifndef TRO_RUN_SESSION_PLAN_H
#define TRO_RUN_SESSION_PLAN_H

#include "cuda/exec.h"
#include "lower/lower.h"
#include "plan/plan.h"
#include "run/session.h"

/* What an output feeds back: read from one half, written to the other, then they change. */
struct tro_plan_session_state {
    int input, output;
    char *half[2];
    size_t n_bytes;
    int at; /* half that the next run reads */
};

struct tro_variant {
    struct tro_tensor *shapes; /* of the inputs by index in the main block, without data */
    struct tro_graph *graph;   /* own clone, or NULL */
    struct tro_program *program;
    struct tro_exec_state *exec;          /* on the CPU, or */
    struct tro_cuda_exec *cuda;           /* on a GPU */
    const void *scratch, *thread_scratch; /* that exec knows of */
};

struct tro_plan_session {
    struct tro_session s;
    const struct tro_plan_parts *parts;
    struct tro_plan_shared *shared;
    struct tro_lower_opts lower;
    struct tro_choices choices;
    struct tro_cuda_store *store; /* of the plan on the GPU that the session runs on, or NULL */
    struct tro_cuda_exec_run cuda_run;
    int priority;
    bool has_transfers;
    char notice[384]; /* for tro_session_notice */
    struct tro_team *team;
    struct tro_scratch *scratch, *own_scratch, *thread_scratch;
    size_t thread_bytes;
    struct tro_variant *variants;
    size_t n_variants, cap_variants;
    struct tro_plan_session_state *states;
    struct tro_exec_run run;
};

/* ---- session_shared.c: what the sessions of a plan share ----------------------------------- */

struct tro_plan_shared;
struct tro_plan_shared *tro_plan_shared_of(struct tro_plan *p, struct tro_err *err);
struct tro_packs *tro_plan_shared_packs(struct tro_plan_shared *s);
/* What the plan has on a GPU, "cuda" or "cuda:N"; lives as long as the plan. */
struct tro_cuda_store *tro_plan_shared_store(struct tro_plan_shared *s, struct tro_plan *p,
                                             const char *device, struct tro_err *err);

/* ---- variants ------------------------------------------------------------------------------ */

/* Inputs of the main block, states included. */
static inline size_t tro_session_n_operands(const struct tro_session *s)
{
    return tro_block_get(s->g, TRO_MAIN_BLOCK)->n_inputs;
}

/* The variant for inputs of these shapes (by index in the main block), made when it is new; older
 * pointers to variants end with that. */
int tro_variant_get(struct tro_plan_session *e, const struct tro_tensor *shapes,
                    struct tro_variant **out, struct tro_err *err);
void tro_variant_finish(struct tro_variant *v);

/* Variants for all sizes that the plan names. */
int tro_variants_prepare(struct tro_plan_session *e, struct tro_err *err);

#endif
