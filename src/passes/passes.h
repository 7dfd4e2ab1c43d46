/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passes: device-neutral rewriting of graphs, from passes.def (docs/passes.md lists them).
 *
 * What holds for the graph after any of them: inputs and outputs keep names, order and types; a
 * value that replaces an equal one has its name; symbols mean what they meant. Results are those of
 * the graph before within rounding of floating point, and within one quantum of quantized values;
 * of 16 bits behind a table within 32, a quantum of 11 bits.
 */
#ifndef TRO_PASSES_PASSES_H
#define TRO_PASSES_PASSES_H

#include <stdio.h>

#include "graph/graph.h"

enum tro_pass_id {
#define PASS(name, stage, doc) TRO_PASS_##name,
#include "passes/passes.def"
#undef PASS
    TRO_N_PASSES
};

/* Those that leave a network in operators other tools know: no fusing, no integers, nothing that
 * pays on our backends alone. */
#define TRO_PASSES_FLOAT "pad,fold,branches,identities,moves,parts,cse,conv_norm,dce"

struct tro_passes_opts {
    const char *select;     /* NULL or "all", "none", "a,b", "all,-c" */
    const char *dump_after; /* NULL, or a pass after which the graph is printed, or "all" */
    FILE *dump;             /* where to; NULL: stderr */
    int64_t bisect;         /* > 0: only the first so many changes in all are made */
    bool keeps_quantized;   /* constants behind `dequantize` stay there: QDQ form. Without `qdq` */
};

struct tro_passes_row {
    const char *name;
    int64_t n_changes, ns;
};

struct tro_passes_report {
    struct tro_passes_row rows[TRO_N_PASSES];
    int64_t n_changes;     /* of all passes */
    const char *last_pass; /* that made the change number `bisect`; NULL when there were fewer */
    char last_node[128];   /* the node it was made at, cut to this size */
};

/* A function whose last bits backends do not agree on: between integers it becomes a table. */
bool tro_op_is_curved(enum tro_op op);
/* Linear resizing of pictures that integers have too, where it is between them. */
bool tro_is_int_resize(const struct tro_graph *g, const struct tro_node *n);

/* Runs the selected passes. The graph is verified after each pass that changed it; after a failure
 * it is of no use. opts and report may be NULL. An unknown name in opts fails with TRO_E_INPUT and
 * a message that lists the names. */
int tro_passes_run(struct tro_graph *g, const struct tro_passes_opts *opts,
                   struct tro_passes_report *report, struct tro_err *err);

#endif
