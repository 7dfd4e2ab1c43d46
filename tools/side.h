/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side of a comparison, or what `run` runs: anything that gives named outputs.
 *   net.onnx                 the model as an engine, built in memory without tuning
 *   net.plan                 a plan, told by the file's first bytes
 *   ref:net.onnx             the model on the reference kernels, unoptimized
 *   ort:net.onnx             the model in ONNX Runtime
 *   DIR                      outputs that `trocar run -o DIR` wrote
 */
#ifndef TRO_TOOLS_SIDE_H
#define TRO_TOOLS_SIDE_H

#include <stdbool.h>

#include "args.h"
#include "base/arena.h"
#include "graph/camera.h"
#include "io/preprocess.h"
#include "progress.h"

#include <trocar/build.h>

/* As reports name them. */
#define TRO_SIDE_KINDS(X) \
    X(ENGINE, "engine")   \
    X(REF, "ref")         \
    X(ORT, "ort")         \
    X(FOLDER, "folder")

enum tro_side_kind {
#define TRO_SIDE_KIND_ENUM(id, text) TRO_SIDE_##id,
    TRO_SIDE_KINDS(TRO_SIDE_KIND_ENUM)
#undef TRO_SIDE_KIND_ENUM
};
const char *tro_side_kind_name(enum tro_side_kind kind);

struct tro_side_opts {
    const char *device;    /* NULL or "cpu"; "cuda", "cuda:N"; "ref": the reference kernels */
    const char *precision; /* of models that are built: "fp16" ...; NULL: fp32 */
    const char *cpu;       /* level to stay below; NULL: none */
    int n_threads;         /* 0 = default */
    int ort_optimization;  /* ONNX Runtime's graph optimization level */
    const char *passes;    /* of models that are built; NULL: all */
    const char *record;    /* of models: a file (record/record.h); NULL: none */
    const struct tro_list *shapes; /* likewise: "[IN=]SHAPE", "[IN=]MIN:OPT:MAX"; NULL: none */
    const char *tile;              /* "SIZE:OVERLAP": large inputs by windows; NULL: whole */
};

struct tro_side {
    const char *text; /* as the user wrote it */
    const char *path;
    enum tro_side_kind kind;
    bool is_plan;       /* an engine from a file, not built here */
    const char *device; /* of the options */
    struct tro_preprocess preprocess;
    int64_t run_ns; /* of the last run */
    /* private */
    struct tro_model *model; /* of models on the reference kernels, and engines built here */
    struct tro_plan *plan;
    bool is_shared; /* model and plan are another side's */
    struct tro_session *session;
    struct tro_ort *ort;
    struct tro_tiled *tiled; /* NULL: inputs are taken whole */
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

/* The same once more, to run beside it: network and weights are shared where the engine lets them
 * be. The first side must be closed last. */
int tro_side_open_again(struct tro_side *s, const struct tro_side *first,
                        const struct tro_side_opts *opts, struct tro_err *err);

/* A folder has no inputs. */
int tro_side_n_inputs(const struct tro_side *s);
int tro_side_n_outputs(const struct tro_side *s);
struct tro_io_info tro_side_input_info(const struct tro_side *s, int i);
struct tro_io_info tro_side_output_info(const struct tro_side *s, int i);

/* What a plan is best at for an input: its optimal sizes. False when it does not say. */
bool tro_side_optimal_shape(const struct tro_side *s, int i, int64_t shape[TRO_MAX_RANK]);

/* What reads an input as frames of a camera; NULL: nothing, or the engine does not tell. */
const struct tro_attrs_camera *tro_side_camera(const struct tro_side *s, const char *input);

/* Where it runs: "cuda:0", "cpu", "ref"; and how it computes there: "fp16" ... */
const char *tro_side_device(const struct tro_side *s);
const char *tro_side_precision(const struct tro_side *s);

/* Fingerprint of an engine's plan as 16 hexadecimal digits; false for sides that have none. */
bool tro_side_hash(const struct tro_side *s, char out[32]);

/* Inputs in the side's order; n must be the number of inputs (ignored by a folder). Shows progress
 * on a terminal. */
int tro_side_run(struct tro_side *s, const struct tro_tensor *inputs, int n, struct tro_err *err);

/* Of the last run; valid until the next run or close. */
int tro_side_output(const struct tro_side *s, int i, struct tro_tensor *out, struct tro_err *err);

#endif
