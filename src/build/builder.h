/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/build: a builder's settings, and the parts of a build. */
#ifndef TRO_BUILD_BUILDER_H
#define TRO_BUILD_BUILDER_H

#include <trocar/build.h>

#include "lower/lower.h"
#include "plan/plan.h"

struct tro_builder {
    struct tro_model *model;
    const struct tro_graph *graph; /* the model's */
    struct tro_plan_sizes *sizes;  /* for each input; rank -1: not given */
    struct tro_plan_bucket *buckets;
    struct tro_plan_state *states; /* in the order of inputs */
    size_t n_buckets, cap_buckets, n_states, cap_states;
};

/* ---- work.c ------------------------------------------------------------------------------ */

/* Shape of input i where sessions run best: the optimal size where it was given, else what follows
 * from inputs before or the least size of at least 1. env learns the symbols. */
void tro_builder_shape(const struct tro_builder *b, struct tro_dim_env *env, size_t i,
                       struct tro_tensor *out);

/* About how many multiplications a run takes; sizes that are not known count as 1. Bodies of loops
 * count once. */
double tro_graph_work(const struct tro_graph *g, const struct tro_dim_env *env);

/* ---- golden.c ---------------------------------------------------------------------------- */

struct tro_golden {
    struct tro_plan_sample *samples;
    size_t n_samples;
    size_t n_tensors; /* of each */
};
void tro_golden_finish(struct tro_golden *g);

/* Runs the model's graph on the reference kernels. Leaves out empty, with a warning, when nobody
 * asked for samples and they would take too long or be too large, or the model does not run at
 * these sizes. */
int tro_golden_record(const struct tro_builder *b, const struct tro_build_opts *o,
                      struct tro_golden *out, struct tro_err *err);

/* ---- range.c ----------------------------------------------------------------------------- */

struct tro_range {
    const struct tro_graph *graph; /* optimized */
    const struct tro_golden *golden;
    const struct tro_build_opts *opts;
    enum tro_precision precision;
    const uint32_t *wide; /* indexes of nodes of the main block that stay at fp32, besides the first
                             of the options */
    size_t n_wides;
};

/* An error that names the node and the value when one of the graph's is too large for the precision
 * on a golden input; says that no other inputs were looked at. Nothing where the options say that
 * better ones were. */
int tro_range_check(const struct tro_range *r, struct tro_err *err);

/* ---- wide.c ------------------------------------------------------------------------------ */

/* Nodes of the main block that the options keep at fp32, by index: the first of them, and those
 * whose name or a result's is among the layers. A name that nothing has is an error. */
int tro_wide_mark(const struct tro_graph *g, const struct tro_build_opts *o, bool *wide,
                  struct tro_err *err);

/* ---- build.c ----------------------------------------------------------------------------- */

/* The graph as a build with these passes makes it; the caller destroys it, before the model is
 * closed. */
struct tro_graph *tro_builder_graph(const struct tro_builder *b, const char *passes,
                                    struct tro_err *err);

/* ---- messages to the user ------------------------------------------------------------------ */

void tro_build_warn(const struct tro_build_opts *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void tro_build_progress(const struct tro_build_opts *o, const char *what, int64_t done,
                        int64_t total);

#endif
