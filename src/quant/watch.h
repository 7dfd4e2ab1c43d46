/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: a graph that runs and shows values of its inside. */
#ifndef TRO_QUANT_WATCH_H
#define TRO_QUANT_WATCH_H

#include "quant/engine.h"

struct tro_quant_watch;

/* Values of the main block, dense in the order given. The graph must outlive it. NULL with err
 * filled. */
struct tro_quant_watch *tro_quant_watch_create(const struct tro_graph *g,
                                               const tro_value_id *values, int n,
                                               struct tro_err *err);
void tro_quant_watch_destroy(struct tro_quant_watch *w);

int tro_quant_watch_run(struct tro_quant_watch *w, const struct tro_tensor *inputs,
                        struct tro_err *err);
/* Of the last run, valid until the next; inputs must still be there. */
int tro_quant_watch_value(const struct tro_quant_watch *w, int i, struct tro_tensor *out,
                          struct tro_err *err);

/* The value of that name, none where there is none. */
tro_value_id tro_quant_find(const struct tro_graph *g, const char *name);

#endif
