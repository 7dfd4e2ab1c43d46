/* SPDX-License-Identifier: Apache-2.0 */
/* Trocar, build-time half: models as research groups leave them. See trocar.h for the rules on
 * errors, threads and ownership. */
#ifndef TROCAR_BUILD_H
#define TROCAR_BUILD_H

#include <trocar/trocar.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An imported network, checked: every operator known, every shape consistent. */
struct tro_model;

/* Reads FILE.onnx. NULL with err filled when the file cannot be read, is damaged, contradicts
 * itself, or holds an operator that is not supported (the message names it). Memory is bounded
 * by a small multiple of the file's size (external data included). */
TRO_API struct tro_model *tro_model_open(const char *path, struct tro_err *err);

/* The same from memory, which is copied; name stands in messages instead of a path. External
 * data files are refused. */
TRO_API struct tro_model *tro_model_open_memory(const void *bytes, size_t n_bytes, const char *name,
                                                struct tro_err *err);

TRO_API void tro_model_close(struct tro_model *m);

TRO_API int tro_model_n_inputs(const struct tro_model *m);
TRO_API int tro_model_n_outputs(const struct tro_model *m);

/* 0 <= i < n; the strings live as long as the model. */
TRO_API struct tro_io_info tro_model_input_info(const struct tro_model *m, int i);
TRO_API struct tro_io_info tro_model_output_info(const struct tro_model *m, int i);

/* A session that runs the model on the reference kernels, node by node, unoptimized: the golden
 * truth, without speed. The model must outlive the session. opts may be NULL. NULL with err
 * filled when opts names a device that cannot run models. */
TRO_API struct tro_session *tro_model_session(struct tro_model *m,
                                              const struct tro_session_opts *opts,
                                              struct tro_err *err);

/* ---- builder --------------------------------------------------------------------------- */

/* Turns a model into a plan. Settings first, then write (or plan). Inputs are named as in the
 * model. */
struct tro_builder;

/* The model must outlive the builder. */
TRO_API struct tro_builder *tro_builder_create(struct tro_model *m, struct tro_err *err);
TRO_API void tro_builder_destroy(struct tro_builder *b);

/* Sizes of an input, rank entries each: min <= opt <= max in each axis; equal ones pin the axis. A
 * size the model fixes must be given as it is. An input may be given once. */
TRO_API int tro_builder_set_shapes(struct tro_builder *b, const char *input, int rank,
                                   const int64_t *min, const int64_t *opt, const int64_t *max,
                                   struct tro_err *err);

/* One more shape of an input that sessions shall be prepared for; within min and max. */
TRO_API int tro_builder_add_bucket(struct tro_builder *b, const char *input, int rank,
                                   const int64_t *shape, struct tro_err *err);

/* Output `output` becomes input `input` of the next run; both vanish from the session's lists. They
 * must have one type and one static shape. */
TRO_API int tro_builder_add_state(struct tro_builder *b, const char *input, const char *output,
                                  struct tro_err *err);

struct tro_build_progress {
    const char *what; /* "passes", "golden", "tuning", "kernels" */
    int64_t done, total;
    double eta_seconds; /* -1: not known */
};

struct tro_build_opts {
    const char *passes;     /* NULL or "all", "none", or a list "a,b" / "all,-c" */
    const char *dump_after; /* NULL, or a pass whose result is printed to stderr; "all" */
    int64_t bisect;         /* > 0: only so many changes of passes are made; finds the wrong one */
    const char *device;     /* NULL or "cpu", or a list with commas of: "cpu", "cuda" and "cuda:N"
                               (a GPU of this machine), "sm_80", "sm_87", "sm_90" ... (GPUs of this
                               architecture, none needed here). The plan runs on all machines all
                               the same; a GPU that is not named may have to compile kernels */
    const char *precision;  /* on GPUs: NULL or "fp32", or "tf32", "fp16", "bf16" */
    int n_wide;             /* at the last two, nodes of the optimized graph, from the first, that
                               stay at fp32: where large values enter, or errors grow the longest */
    const char *const *fp32_layers; /* more of them, by their name or that of a value they make:
                                       names of a model's nodes and values last */
    int n_fp32_layers;
    int is_range_checked; /* at fp16 and bf16: whether values fit was looked at on the user's
                               data, and golden inputs, which are noise, are not asked again */
    const char *cpu;      /* as in struct tro_session_opts */
    int n_threads;
    int tune;           /* 0: first candidates, 1: quick, 2: default of the command line, 3:
                               thorough */
    int no_libraries;   /* cuDNN and cuBLASLt are no candidates of the tuner; else they are, from
                           level 2 on, where the GPU's machine has them */
    double time_budget; /* seconds of tuning, 0 = no limit */
    const char *cache;  /* file of timings, read and written; NULL = none */
    int n_golden;       /* golden samples to record, seeded noise; 0 = 1; negative = none */
    void (*progress)(void *ctx, const struct tro_build_progress *p); /* or NULL */
    void (*warn)(void *ctx, const char *message);                    /* or NULL */
    void *ctx;
};

/* opts may be NULL. The same model, settings and cache give the same bytes. */
TRO_API int tro_builder_write(struct tro_builder *b, const char *path,
                              const struct tro_build_opts *opts, struct tro_err *err);

/* The same without a file; the caller closes the plan. */
TRO_API struct tro_plan *tro_builder_plan(struct tro_builder *b, const struct tro_build_opts *opts,
                                          struct tro_err *err);

#ifdef __cplusplus
}
#endif
#endif
