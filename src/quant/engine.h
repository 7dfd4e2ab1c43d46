/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: a graph at work on the CPU as it stands, no pass changes it. */
#ifndef TRO_QUANT_ENGINE_H
#define TRO_QUANT_ENGINE_H

#include "graph/graph.h"

struct tro_quant_engine {
    struct tro_plan *plan;
    struct tro_session *session;
};

/* The graph may go afterwards. On failure nothing is left to finish. */
int tro_quant_engine_init(struct tro_quant_engine *e, const struct tro_graph *g,
                          struct tro_err *err);
void tro_quant_engine_finish(struct tro_quant_engine *e);

/* Inputs in the graph's order; outputs are valid until the next run. */
int tro_quant_engine_run(struct tro_quant_engine *e, const struct tro_tensor *inputs,
                         struct tro_err *err);
int tro_quant_engine_output(const struct tro_quant_engine *e, int i, struct tro_tensor *out,
                            struct tro_err *err);

#endif
