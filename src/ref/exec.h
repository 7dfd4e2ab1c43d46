/* SPDX-License-Identifier: Apache-2.0 */
/* The run of a graph, as exec.c and exec_control.c share it. */
#ifndef TRO_REF_EXEC_H
#define TRO_REF_EXEC_H

#include "ref/ref.h"

/* Memory of tensors; each slot that shows it holds one reference. */
struct tro_exec_buffer {
    int64_t n_refs;
    void *data;
};

/* A tensor in the environment. buffer NULL: the memory is someone else's and outlives the run
 * (inputs of the main block, constants). */
struct tro_exec_slot {
    struct tro_tensor t;
    struct tro_exec_buffer *buffer;
    uint32_t n_left; /* uses to come */
};

struct tro_exec {
    const struct tro_graph *g;
    struct tro_exec_slot *slots; /* by value id */
    uint32_t *uses;              /* by value id: uses in all */
    struct tro_dim_env *env;     /* of the block that runs */
    tro_ref_tap *tap;
    void *tap_ctx;
    bool is_ended_by_tap;
    struct tro_err *err;
};

/* ---- slots ----------------------------------------------------------------------------- */

/* Memory for t's shape, owned by the slot. */
int tro_exec_slot_alloc(struct tro_exec *x, struct tro_exec_slot *s, const struct tro_tensor *t);
/* Takes over t->data, which is freed when that fails. */
int tro_exec_slot_own(struct tro_exec *x, struct tro_exec_slot *s, const struct tro_tensor *t);
/* Another reference to what a slot shows. */
struct tro_exec_slot tro_exec_slot_ref(const struct tro_exec_slot *s);
void tro_exec_slot_drop(struct tro_exec_slot *s);
void tro_exec_slots_drop(struct tro_exec_slot *s, int64_t n);
/* What the value holds now; a view without reference. */
struct tro_exec_slot tro_exec_value(const struct tro_exec *x, tro_value_id v);

/* ---- blocks ---------------------------------------------------------------------------- */

/* Runs a block on inputs in its order, which it takes over (also on failure); out receives
 * references to its outputs. */
int tro_exec_block(struct tro_exec *x, tro_block_id block, struct tro_exec_slot *in,
                   struct tro_exec_slot *out);

/* Nodes of kind CONTROL: out receives n_out references. */
int tro_exec_if(struct tro_exec *x, const struct tro_node *n, struct tro_exec_slot *out);
int tro_exec_loop(struct tro_exec *x, const struct tro_node *n, struct tro_exec_slot *out);
int tro_exec_scan(struct tro_exec *x, const struct tro_node *n, struct tro_exec_slot *out);
int tro_exec_fused(struct tro_exec *x, const struct tro_node *n, struct tro_exec_slot *out);

/* ---- for nodes with blocks ------------------------------------------------------------- */

/* The one element of input i; otherwise a failure. */
int tro_exec_one_element(struct tro_exec *x, const struct tro_node *n, uint32_t i, const char *what,
                         int64_t *out);
int tro_exec_check_count(struct tro_exec *x, size_t found, int64_t expected, const char *what);

/* Environments of a loop: the body's sizes may change from one iteration to the next, so that each
 * begins with what is known outside. init makes the inner one the environment, finish the outer. */
struct tro_exec_envs {
    struct tro_dim_env *outer;
    struct tro_dim_env inner;
};
int tro_exec_envs_init(struct tro_exec *x, struct tro_exec_envs *e);
void tro_exec_envs_renew(struct tro_exec_envs *e);
void tro_exec_envs_finish(struct tro_exec *x, struct tro_exec_envs *e);

/* A stacked output of a loop that had no iteration: of the sizes what is known, else 0. */
int tro_exec_alloc_empty(struct tro_exec *x, tro_value_id v, int axis, struct tro_exec_slot *out);
/* Slices that are stacked have one type and shape in all iterations. */
int tro_exec_check_item(struct tro_exec *x, const struct tro_tensor *first,
                        const struct tro_tensor *now, int i, int64_t iteration);
int tro_exec_check_stack_rank(struct tro_exec *x, const struct tro_tensor *item, int i);

/* ---- sizes ----------------------------------------------------------------------------- */

/* Whether t has the value's type and a shape that agrees with its sizes; binds symbols in them. */
bool tro_exec_fits(struct tro_exec *x, tro_value_id v, const struct tro_tensor *t);
/* "WHAT 'name': expected f32[N,3], found f32[4,2]". */
int tro_exec_fail_type(struct tro_exec *x, enum tro_status status, const char *what, tro_value_id v,
                       const struct tro_tensor *t);

#endif
