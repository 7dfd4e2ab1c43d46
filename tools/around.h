/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record around an engine that does not know records: frames are decoded in front of it, its
 * outputs behind it, on the reference kernels.
 *
 *     frames ─► camera ─► engine's inputs     engine's outputs ─► decode ─► results
 *
 * One graph holds both halves: its inputs are the engine's inputs and outputs, its outputs the
 * results and what the engine's inputs were made into.
 */
#ifndef TRO_TOOLS_AROUND_H
#define TRO_TOOLS_AROUND_H

#include "record/record.h"
#include "side.h"

struct tro_around;

/* The side stays open as long. Sizes that it leaves open are 1. NULL on failure. */
struct tro_around *tro_around_create(struct tro_side *side, const struct tro_record *record,
                                     struct tro_err *err);
void tro_around_destroy(struct tro_around *a);

/* Of the frames it takes. */
struct tro_io_info tro_around_input_info(const struct tro_around *a, int i);
int tro_around_n_results(const struct tro_around *a);
const char *tro_around_result_name(const struct tro_around *a, int i);
const struct tro_graph *tro_around_graph(const struct tro_around *a);

/* As tro_side_run; the side's run_ns is of the engine alone. */
int tro_around_run(struct tro_around *a, const struct tro_tensor *frames, struct tro_err *err);
/* Both valid until the next run. */
struct tro_tensor *tro_around_side_inputs(const struct tro_around *a);
struct tro_tensor tro_around_result(const struct tro_around *a, int i);

#endif
