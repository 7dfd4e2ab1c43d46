/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side of a comparison, or what `run` runs: anything that gives named outputs.
 *   net.onnx, ref:net.onnx   the model on the reference kernels
 *   ort:net.onnx             the model in ONNX Runtime
 *   DIR                      outputs that `trocar run -o DIR` wrote
 */
#ifndef TRO_TOOLS_SIDE_H
#define TRO_TOOLS_SIDE_H

#include <stdbool.h>

#include "base/arena.h"
#include "io/preprocess.h"
#include "progress.h"

#include <trocar/build.h>

enum tro_side_kind { TRO_SIDE_REF, TRO_SIDE_ORT, TRO_SIDE_FOLDER };

struct tro_side_opts {
    const char *device;   /* NULL or "ref" */
    int n_threads;        /* 0 = default */
    int ort_optimization; /* ONNX Runtime's graph optimization level */
};

struct tro_side {
    const char *text; /* as the user wrote it */
    const char *path;
    enum tro_side_kind kind;
    struct tro_preprocess preprocess;
    int64_t run_ns; /* of the last run */
    /* private */
    struct tro_model *model;
    struct tro_session *session;
    struct tro_ort *ort;
    struct tro_arena arena;
    struct tro_io_info *folder_info;
    struct tro_tensor *folder_outputs;
    int n_folder;
    struct tro_progress progress;
    int64_t n_nodes_done;
};

/* On failure nothing is left open. */
int tro_side_open(struct tro_side *s, const char *text, const struct tro_side_opts *opts,
                  struct tro_err *err);
void tro_side_close(struct tro_side *s);

/* A folder has no inputs. */
int tro_side_n_inputs(const struct tro_side *s);
int tro_side_n_outputs(const struct tro_side *s);
struct tro_io_info tro_side_input_info(const struct tro_side *s, int i);
struct tro_io_info tro_side_output_info(const struct tro_side *s, int i);

/* Inputs in the side's order; n must be the number of inputs (ignored by a folder). Shows progress
 * on a terminal. */
int tro_side_run(struct tro_side *s, const struct tro_tensor *inputs, int n, struct tro_err *err);

/* Of the last run; valid until the next run or close. */
int tro_side_output(const struct tro_side *s, int i, struct tro_tensor *out, struct tro_err *err);

#endif
