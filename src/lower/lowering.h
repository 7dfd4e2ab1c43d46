/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/lower: the state of one lowering. */
#ifndef TRO_LOWER_LOWERING_H
#define TRO_LOWER_LOWERING_H

#include "lower/lower.h"
#include "lower/view.h"

#define TRO_MAX_COPIES 5

/* What is known of a value. */
struct tro_lower_value {
    bool is_placed, is_dynamic;
    struct tro_arg at;
    struct tro_arg copies[TRO_MAX_COPIES]; /* the same in other forms */
    int n_copies;
    tro_value_id alias;   /* another value that is the same, or none */
    tro_value_id parent;  /* the concatenation whose memory it shall lie in, or none */
    int64_t parent_first; /* element of the parent along its axis where it begins */
    enum tro_form guess;
    int32_t output;       /* index of the main block's output that it is, -1: none */
    int32_t slot;         /* dynamic: index in the table of dynamic values */
    const void *data;     /* contents, when they are known at lowering and it is no constant */
    tro_node_id deferred; /* the node that makes it, which waits or did */
    bool is_waiting;      /* it has no place yet */
    enum tro_precision precision; /* of that node */
};

struct tro_lowering {
    const struct tro_graph *g;
    struct tro_dim_env env; /* values of symbols; those of blocks are added as they are entered */
    struct tro_lower_opts opts;
    struct tro_program *p;
    struct tro_err *err;
    struct tro_lower_value *values; /* by value id */
    size_t cap_steps, cap_buffers, cap_values;
    int32_t n_slots; /* dynamic values */
    uint32_t dynamic_buffer;
    const char *problem; /* of tro_lower_pick, for the next step */
    const char *const *candidates;
    const char *name; /* of the node at hand */
    bool *is_wide;    /* by node id: it stays at FP32; NULL: none does */
};

tro_value_id tro_lower_resolve(const struct tro_lowering *l, tro_value_id v);
struct tro_lower_value *tro_lower_value(const struct tro_lowering *l, tro_value_id v);

/* At what precision a node of the main block is lowered when `precision` is the program's. */
enum tro_precision tro_lower_node_precision(const struct tro_lowering *l, tro_node_id n,
                                            enum tro_precision precision);

/* ---- place.c ------------------------------------------------------------------------------ */

int tro_lower_add_buffer(struct tro_lowering *l, const struct tro_buffer *b, uint32_t *out);
/* New memory for a tensor in this form. */
int tro_lower_alloc(struct tro_lowering *l, const struct tro_tensor *t, enum tro_form form,
                    struct tro_arg *out);
/* Says where the value lies. */
void tro_lower_set_place(struct tro_lowering *l, tro_value_id v, const struct tro_arg *at);
/* Where v lies when it is computed; constants get a place at first use. */
int tro_lower_at(struct tro_lowering *l, tro_value_id v, struct tro_arg *out);
int tro_lower_copy(struct tro_lowering *l, const struct tro_lower_node *n, const struct tro_arg *to,
                   const struct tro_arg *from);
/* A place as tro_lower_out_as gives, for any value. dtype none: as the precision says. */
int tro_lower_place_value(struct tro_lowering *l, tro_value_id v, enum tro_form form,
                          bool contiguous, enum tro_dtype dtype, struct tro_arg *out);

/* ---- guess.c ------------------------------------------------------------------------------ */

/* Forms of values and places inside concatenations, for the nodes of a block. */
int tro_lower_guess_block(struct tro_lowering *l, tro_block_id b);

/* ---- views.c ------------------------------------------------------------------------------ */

/* 1: the node became a view, or copies; 0: it is not of that kind. */
int tro_lower_move(struct tro_lowering *l, const struct tro_lower_node *n);

/* ---- node.c ------------------------------------------------------------------------------- */

int tro_lower_node(struct tro_lowering *l, tro_node_id id);

/* ---- defer.c ------------------------------------------------------------------------------- */

/* Is there an emitter for the node that is folding? */
bool tro_lower_folds(const struct tro_lowering *l, const struct tro_node *n);
/* Operands of the node that wait are lowered now. */
int tro_lower_settle(struct tro_lowering *l, tro_node_id id);

/* ---- lower.c ------------------------------------------------------------------------------- */

/* Notes where results of the node are, for taps. */
int tro_lower_note(struct tro_lowering *l, tro_node_id id);
/* The same of a node inside another, which is not done with it. */
int tro_lower_note_inner(struct tro_lowering *l, tro_node_id id);

/* ---- fallback.c ---------------------------------------------------------------------------- */

/* A step on the reference kernel, sizes known. */
int tro_lower_reference(struct tro_lowering *l, const struct tro_lower_node *n);
/* A step of a node whose inputs or outputs have sizes known only at run time, or blocks. */
int tro_lower_dynamic(struct tro_lowering *l, tro_node_id id);

/* ---- control.c ----------------------------------------------------------------------------- */

/* 1: lowered as control steps; 0: not possible, the reference has to do it. */
int tro_lower_control(struct tro_lowering *l, tro_node_id id);

/* ---- memory.c ------------------------------------------------------------------------------ */

/* Lifetimes, reuse in place, offsets. */
int tro_lower_plan_memory(struct tro_lowering *l);

#endif
