/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of simplifying. Each changes one graph of the model (not the graphs within, unless it
 * says
 * so) in one pass or two, and adds what it did to the report; a negative return is a failure. Names
 * are as tro_edit_check leaves them: made once, nodes in order, no inner one hides an outer one.
 */
#ifndef TRO_EDIT_STEPS_H
#define TRO_EDIT_STEPS_H

#include "edit/edit.h"
#include "edit/names.h"
#include "graph/graph.h"

/* One graph: its constants, and through the parents those of the graphs around it. */
struct tro_edit_scope {
    const struct tro_edit_scope *parent;
    struct tro_onnx_graph *graph;
    struct tro_map initializers, outputs; /* by name -> index */
};

struct tro_edit {
    struct tro_onnx_model *m;
    struct tro_graph *ir;  /* the model as imported at the round's begin; NULL when it cannot be */
    struct tro_map values; /* its values by the names of the main graph */
    struct tro_map names;  /* all names of the model, for tro_edit_fresh */
    struct tro_map n_declared; /* how many graphs declare a name; at least */
    struct tro_map functions;  /* operators of the default domain that the model defines itself */
    struct tro_map failed;     /* first outputs of nodes that cannot be computed */
    struct tro_map rooms;      /* initializer arrays by their addresses -> room */
    struct tro_arena scratch;  /* emptied after each round */
    double bytes_left, work_left; /* what may still be computed, in all */
    struct tro_edit_report *report;
    struct tro_err *err;
};

/* NULL when the name is not a constant. */
const struct tro_onnx_tensor *tro_edit_constant(const struct tro_edit_scope *s,
                                                struct tro_str name);
/* Decoded, good until the round's end; false when it is none or cannot be decoded. */
bool tro_edit_constant_value(struct tro_edit *e, const struct tro_edit_scope *s,
                             struct tro_str name, struct tro_tensor *out);
bool tro_edit_constant_ints(struct tro_edit *e, const struct tro_edit_scope *s, struct tro_str name,
                            struct tro_ints *out);
/* One more initializer of the graph. */
int tro_edit_add_constant(struct tro_edit *e, struct tro_edit_scope *s,
                          const struct tro_onnx_tensor *t);
/* The same from a tensor, whose data is copied. */
int tro_edit_add_tensor(struct tro_edit *e, struct tro_edit_scope *s, struct tro_str name,
                        const struct tro_tensor *t);

/* Takes what a computation needs from what may still be computed; false when that is too little. */
bool tro_edit_afford(struct tro_edit *e, double n_bytes, double work);

bool tro_edit_is_output(const struct tro_edit_scope *s, struct tro_str name);
bool tro_edit_makes_output(const struct tro_edit_scope *s, const struct tro_onnx_node *n);

/* Marks a node for tro_edit_compact. */
void tro_edit_drop(struct tro_onnx_node *n);
bool tro_edit_is_dropped(const struct tro_onnx_node *n);
void tro_edit_compact(struct tro_onnx_graph *g);

/* An operator of the default domain that the model does not define itself. */
bool tro_edit_is_op(const struct tro_edit *e, const struct tro_onnx_node *n, const char *op_type);
/* Random numbers: two nodes with the same inputs do not give the same. */
bool tro_edit_is_random(const struct tro_onnx_node *n);

typedef int tro_edit_step(struct tro_edit *e, struct tro_edit_scope *s);
tro_edit_step tro_edit_drop_identities;
tro_edit_step tro_edit_fold_shapes;    /* main graph only */
tro_edit_step tro_edit_fold_constants; /* Constant nodes too */
tro_edit_step tro_edit_inline_branches;
tro_edit_step tro_edit_join_chains;
tro_edit_step tro_edit_fold_normalization;
tro_edit_step tro_edit_drop_duplicates; /* nodes and initializers */
tro_edit_step tro_edit_drop_dead;       /* nodes and initializers */

#endif
