/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions inside the library. */
#ifndef TRO_RUN_SESSION_H
#define TRO_RUN_SESSION_H

#include "graph/graph.h"
#include "ref/ref.h"

/* A session that runs the graph on the reference kernels; the graph must outlive it. */
struct tro_session *tro_session_create_ref(const struct tro_graph *g, struct tro_err *err);

/* Has each run call tap after each node (ref/ref.h); NULL = no longer. */
void tro_session_set_tap(struct tro_session *s, tro_ref_tap *tap, void *ctx);

/* What value v of the graph is, for users; strings live as long as the graph. */
struct tro_io_info tro_value_io_info(const struct tro_graph *g, tro_value_id v);

#endif
