/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the passes share. A pass walks the nodes, asks tro_pass_allows before each change, and
 * changes the graph through the functions below, which keep the first failure in p->rc and do
 * nothing after it.
 */
#ifndef TRO_PASSES_PASS_H
#define TRO_PASSES_PASS_H

#include "graph/graph.h"
#include "passes/passes.h"

struct tro_pass {
    struct tro_graph *g;
    struct tro_err *err;
    int rc;
    int64_t n_changes;
    const char *name;
    bool keeps_quantized;   /* as in struct tro_passes_opts */
    int64_t limit, *n_made; /* changes of all passes: allowed (0 = any number), made */
    struct tro_passes_report *report;
    /* Uses of values, counted when asked for after a change. */
    uint32_t *uses;
    tro_node_id *users; /* one of the nodes that use it */
    size_t n_index;
    bool is_index_stale;
};

/* The function of a pass: 0 or a negative status. */
typedef int tro_pass_fn(struct tro_pass *p);

/* May one more change be made, at this node? Counts it: who gets true makes it. */
bool tro_pass_allows(struct tro_pass *p, tro_node_id n);

/* Calls visit for every node of every block, in order, inner blocks before the node that owns them.
 * Nodes that were removed meanwhile are left out, as are new ones and what stands in fused nodes.
 * */
typedef void tro_pass_visit(struct tro_pass *p, tro_node_id n);
int tro_pass_each(struct tro_pass *p, tro_pass_visit *visit);

/* ---- questions --------------------------------------------------------------------------- */

uint32_t tro_pass_n_uses(struct tro_pass *p, tro_value_id v);
/* The only use of v is as an input of one node: that node; none otherwise. */
tro_node_id tro_pass_user(struct tro_pass *p, tro_value_id v);
/* The node that makes v when it is of this operator, NULL otherwise. */
const struct tro_node *tro_pass_def(const struct tro_pass *p, tro_value_id v, enum tro_op op);
bool tro_pass_is_output(const struct tro_pass *p, tro_value_id v); /* of the main block */
bool tro_pass_is_same_shape(const struct tro_pass *p, tro_value_id a, tro_value_id b);
/* A constant with equal elements everywhere: the element. */
bool tro_pass_splat(const struct tro_pass *p, tro_value_id v, double *out);
/* Contents of small integer values, where they are constants. */
bool tro_pass_ints(const struct tro_pass *p, tro_value_id v, struct tro_ints *out);
/* Every size of the value is known when the sizes of the graph's inputs are. */
bool tro_pass_is_sized(const struct tro_pass *p, tro_value_id v);
bool tro_pass_is_sized_dim(const struct tro_pass *p, tro_dim d);
/* Could `to` stand for `from` everywhere? No where sizes known by other symbols would get lost, and
 * where an output of the graph would lose its name. */
bool tro_pass_may_replace(const struct tro_pass *p, tro_value_id from, tro_value_id to);

/* ---- changes ----------------------------------------------------------------------------- */

/* A node in front of another, with one output; of constants the result is computed at once. */
tro_value_id tro_pass_emit(struct tro_pass *p, tro_node_id before, enum tro_op op,
                           const void *attrs, const tro_value_id *in, uint32_t n_in);
tro_value_id tro_pass_emit1(struct tro_pass *p, tro_node_id before, enum tro_op op, tro_value_id x);
tro_value_id tro_pass_emit2(struct tro_pass *p, tro_node_id before, enum tro_op op, tro_value_id x,
                            tro_value_id y);
tro_value_id tro_pass_emit_reshape(struct tro_pass *p, tro_node_id before, tro_value_id x,
                                   const tro_dim *dims, int rank);
tro_value_id tro_pass_const(struct tro_pass *p, const struct tro_tensor *t); /* copied */
/* The data is the graph's arena's, or lives as long. */
tro_value_id tro_pass_const_kept(struct tro_pass *p, const struct tro_tensor *t);
tro_value_id tro_pass_const_f64(struct tro_pass *p, enum tro_dtype dtype, double v); /* scalar */
tro_value_id tro_pass_const_ints(struct tro_pass *p, const int64_t *v, int n);

/* Uses of `from` become uses of `to`, which gets its name, and its sizes where they are known more
 * precisely; the node that made it goes when nothing needs it any more, with what it alone
 * needed. */
void tro_pass_replace(struct tro_pass *p, tro_value_id from, tro_value_id to);
/* Input i of a node becomes v. Output types must stay as they are. */
void tro_pass_set_input(struct tro_pass *p, tro_node_id n, uint32_t i, tro_value_id v);
/* No output of the node is used, and no size is known by it alone. */
bool tro_pass_may_remove(struct tro_pass *p, tro_node_id n);
/* Removes the node when none of its outputs is used, then what it alone needed. */
void tro_pass_sweep(struct tro_pass *p, tro_node_id n);

#define PASS(name, stage, doc) tro_pass_fn tro_pass_##name;
#include "passes/passes.def"
#undef PASS

#endif
