/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of simplifying. Each changes one graph of the model (not the graphs within, unless it says
 * so) and adds what it did to the report; a negative return is a failure. */
#ifndef TRO_EDIT_STEPS_H
#define TRO_EDIT_STEPS_H

#include "edit/edit.h"
#include "edit/names.h"
#include "graph/graph.h"

/* Constants that can be seen from a graph: its own initializers, and those of the graphs around it. */
struct tro_edit_scope {
    const struct tro_edit_scope *parent;
    struct tro_onnx_graph *graph;
    struct tro_map initializers;
};

struct tro_edit {
    struct tro_onnx_model *m;
    struct tro_graph *ir; /* the model as imported at the round's begin; NULL when it cannot be */
    struct tro_map values; /* its values by name */
    struct tro_edit_report *report;
    struct tro_err *err;
};

/* NULL when the name is not a constant. */
struct tro_onnx_tensor *tro_edit_constant(const struct tro_edit_scope *s, struct tro_str name);
/* Decoded; false when it is none or cannot be decoded. */
bool tro_edit_constant_value(const struct tro_edit *e, const struct tro_edit_scope *s,
                             struct tro_str name, struct tro_tensor *out);
bool tro_edit_constant_ints(const struct tro_edit *e, const struct tro_edit_scope *s,
                            struct tro_str name, struct tro_ints *out);

/* Marks a node for tro_edit_compact. */
void tro_edit_drop(struct tro_onnx_node *n);
bool tro_edit_is_dropped(const struct tro_onnx_node *n);
void tro_edit_compact(struct tro_onnx_graph *g);

bool tro_edit_is_op(const struct tro_onnx_node *n, const char *op_type); /* default domain */

typedef int tro_edit_step(struct tro_edit *e, struct tro_edit_scope *s);
tro_edit_step tro_edit_fold_shapes;     /* main graph only */
tro_edit_step tro_edit_fold_constants;  /* Constant nodes too */
tro_edit_step tro_edit_inline_branches;
tro_edit_step tro_edit_drop_identities;
tro_edit_step tro_edit_join_chains;
tro_edit_step tro_edit_fold_normalization;
tro_edit_step tro_edit_drop_duplicates; /* nodes and initializers */
tro_edit_step tro_edit_drop_dead;       /* nodes and initializers */

#endif
