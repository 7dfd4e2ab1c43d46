/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX Runtime as an engine: the second opinion of `trocar compare` and the rival of benchmarks.
 *
 * Its library is opened at run time; nothing of it is needed to build. It is looked for in this
 * order, and the first that is found is used:
 *   1. opts->library, else TROCAR_ORT_LIBRARY in the environment; nothing else is then tried
 *   2. npm's package onnxruntime-node, as `npm install --prefix build/npm onnxruntime-node` leaves
 *      it: npm/node_modules/onnxruntime-node/... beside the executable and one folder above it,
 *      then build/npm/node_modules/onnxruntime-node/... in the working folder
 *   3. libonnxruntime.so.1, then libonnxruntime.so, where the system's loader looks
 * Version 1.17 or newer. The library stays in the process once it is loaded, since it does not
 * survive being unloaded.
 *
 * Only tensors of the types in trocar.h go in and out: a model with a string, sequence, map,
 * optional or sparse input or output is refused with TRO_E_UNSUPPORTED. Results are computed on
 * the CPU, deterministically, with subnormal numbers kept; ONNX Runtime writes nothing to standard
 * error, and its own messages become ours with "onnxruntime: " in front.
 */
#ifndef TRO_ORT_ORT_H
#define TRO_ORT_ORT_H

#include <stdbool.h>
#include <trocar/trocar.h>

struct tro_ort;

struct tro_ort_opts {
    const char *library;    /* path of libonnxruntime.so; NULL: searched for as above */
    int graph_optimization; /* 0 none, 1 basic, 2 extended, 99 all */
    int n_threads;          /* within one operator; 0: one for each core */
    bool spin;              /* threads wait for work busily: lower latency, burns the cores */
    /* The optimized graph is written here as ONNX when the model is opened; the file from before
     * stays whole until the new one is complete. NULL: not written. */
    const char *save_optimized;
};

/* What opts == NULL stands for. */
#define TRO_ORT_OPTS_DEFAULT ((struct tro_ort_opts){.graph_optimization = 99})

/* TRO_E_DEVICE when no usable library is found: the message says what was tried and what to do.
 * TRO_E_INPUT or TRO_E_UNSUPPORTED when ONNX Runtime refuses the model. External data is read from
 * the model's folder. *out is NULL on failure. */
int tro_ort_open(struct tro_ort **out, const char *model_path, const struct tro_ort_opts *opts,
                 struct tro_err *err);

/* The same from memory, which is not used after the call. */
int tro_ort_open_memory(struct tro_ort **out, const void *bytes, size_t n_bytes,
                        const struct tro_ort_opts *opts, struct tro_err *err);

void tro_ort_close(struct tro_ort *o);

/* "1.30.0" */
const char *tro_ort_version(const struct tro_ort *o);

/* Inputs that have an initializer (and so may be left out) are not listed. */
int tro_ort_n_inputs(const struct tro_ort *o);
int tro_ort_n_outputs(const struct tro_ort *o);

/* 0 <= i < n; the strings live as long as the object. Before version 1.24 a scalar is told as
 * unknown rank: the older interface does not distinguish them. */
struct tro_io_info tro_ort_input_info(const struct tro_ort *o, int i);
struct tro_io_info tro_ort_output_info(const struct tro_ort *o, int i);

/* Runs once on n inputs in the model's order. Element types must be equal and shapes must fit the
 * model's; TRO_E_INPUT otherwise. The inputs are not used after the call. */
int tro_ort_run(struct tro_ort *o, const struct tro_tensor *const *inputs, int n,
                struct tro_err *err);

/* The output of the last successful run; the data is valid until the next run or close. */
int tro_ort_output(const struct tro_ort *o, int i, struct tro_tensor *view, struct tro_err *err);

#endif
