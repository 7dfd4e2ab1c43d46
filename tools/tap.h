/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at inner tensors while a side runs, without changing what it computes. */
#ifndef TRO_TOOLS_TAP_H
#define TRO_TOOLS_TAP_H

#include "graph/graph.h"
#include "side.h"

struct tro_tap {
    /* Is the tensor of this name looked at? */
    bool (*wants)(void *ctx, const char *name);
    /* The tensor, dense, only valid during the call. A negative return ends the run with it. */
    int (*take)(void *ctx, const char *name, const struct tro_tensor *t, struct tro_err *err);
    /* After each step or node of the main block; may be NULL. */
    void (*pass)(void *ctx);
    void *ctx;
};

/* Sides of kind REF and ENGINE. An engine shows the results of its steps: what lies inside a fused
 * step is never in memory. */
bool tro_side_has_taps(const struct tro_side *s);
int tro_side_run_tapped(struct tro_side *s, const struct tro_tensor *inputs, int n,
                        const struct tro_tap *tap, struct tro_err *err);

/* The graph whose values such a side shows: of the plan, or of the model. */
const struct tro_graph *tro_side_graph(const struct tro_side *s);

#endif
