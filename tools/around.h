/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record around an engine that does not know records: frames are decoded in front of it, its
 * outputs behind it, on the reference kernels.
 *
 *     frames ─► camera ─► engine's inputs     engine's outputs ─► decode ─► results
 *
 * The two halves are graphs of their own. The second one stands alone where outputs come from
 * elsewhere.
 */
#ifndef TRO_TOOLS_AROUND_H
#define TRO_TOOLS_AROUND_H

#include "record/record.h"
#include "side.h"

struct tro_around;

/* The side stays open as long. Sizes that it leaves open are 1. NULL on failure. */
struct tro_around *tro_around_create(struct tro_side *side, const struct tro_record *record,
                                     struct tro_err *err);

/* What an engine that is not there takes and gives; outputs that the record does not decode are
 * results as they are. */
struct tro_around_form {
    const struct tro_io_info *inputs, *outputs;
    int n_in, n_out;
};
/* To decode alone. */
struct tro_around *tro_around_create_behind(const struct tro_around_form *form,
                                            const struct tro_record *record, struct tro_err *err);
void tro_around_destroy(struct tro_around *a);

/* Of the frames it takes. */
struct tro_io_info tro_around_input_info(const struct tro_around *a, int i);
/* The input of this name as frames, also of what decodes alone. False: there is none. */
bool tro_around_frames(const struct tro_around *a, const char *name, struct tro_tensor *out);
int tro_around_n_results(const struct tro_around *a);
const char *tro_around_result_name(const struct tro_around *a, int i);
/* What is in front. */
const struct tro_graph *tro_around_graph(const struct tro_around *a);

/* As tro_side_run; the side's run_ns is of the engine alone. */
int tro_around_run(struct tro_around *a, const struct tro_tensor *frames, struct tro_err *err);
/* Outputs in the order of the form, read during the call. */
int tro_around_decode(struct tro_around *a, const struct tro_tensor *outputs, struct tro_err *err);
/* Both valid until the next run. */
struct tro_tensor *tro_around_side_inputs(const struct tro_around *a);
struct tro_tensor tro_around_result(const struct tro_around *a, int i);

#endif
