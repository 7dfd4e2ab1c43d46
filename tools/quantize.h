/* SPDX-License-Identifier: Apache-2.0 */
/* A model's graph becomes one of integers (docs/quantization.md), calibrated on the user's data. */
#ifndef TRO_TOOLS_QUANTIZE_H
#define TRO_TOOLS_QUANTIZE_H

#include "calib.h"
#include "coverage.h"
#include "quant/quant.h"
#include "table.h"
#include "trial.h"

#include <trocar/build.h>

#define TRO_QUANTIZE_N_KEPT 4

struct tro_quantize {
    /* options */
    struct tro_calib calib;
    const char *calibration_path; /* read where the file is there, else written; NULL: neither */
    int64_t n_probes;             /* samples that layers are probed on */
    /* what follows */
    struct tro_quant *quant; /* must outlive the model */
    int64_t n_samples;
    uint64_t data_hash, model_hash;
    struct tro_arena kept; /* some samples, to measure damage on */
    const struct tro_tensor *kept_samples[TRO_QUANTIZE_N_KEPT];
    int n_kept;
    int64_t keep_every;
    struct tro_coverage coverage;
    double *damage; /* of each layer; NULL: was not needed */
    int n_trials;
};

/* What came out. */
struct tro_quantize_engine {
    uint64_t hash;
    const char *machine; /* the chip that it was built on */
};

/* An engine of the model's graph as it is: does it pass the gates? */
typedef int tro_quantize_judge_fn(void *ctx, bool *is_passed, struct tro_err *err);

/* Calibrates for the model's graph, to which the record was applied. */
int tro_quantize_calibrate(struct tro_quantize *z, struct tro_model *m, struct tro_err *err);

/* Scales channels of the graph that is calibrated next, where that helps (quant.h). */
int tro_quantize_repair(struct tro_quantize *z, struct tro_err *err);

/* The model's graph becomes the quantized one. */
int tro_quantize_apply(struct tro_quantize *z, struct tro_model *m, struct tro_err *err);

/* Applies it with all layers in integers; while that does not pass, fewer: those go back to floats
 * first that do the most damage for the multiplications they save. *is_passed: false where none
 * passes, without a single layer in integers either. */
int tro_quantize_search(struct tro_quantize *z, struct tro_model *m, tro_quantize_judge_fn *judge,
                        void *ctx, bool *is_passed, struct tro_err *err);

void tro_quantize_finish(struct tro_quantize *z);

/* Of multiply-accumulates, from 0 to 1. */
double tro_quantize_int_share(const struct tro_quantize *z);

/* Layers, what became of each and how far it is off. */
void tro_quantize_table(const struct tro_quantize *z, struct tro_table *t);
/* What was scaled. */
void tro_quantize_repairs_table(const struct tro_quantize *z, struct tro_table *t);
void tro_quantize_print(const struct tro_quantize *z);

/* A page with the layers and, where there was a trial, its verdict and its worst frames. */
int tro_quantize_html(const struct tro_quantize *z, struct tro_trial *trial,
                      const struct tro_quantize_engine *engine, const char *path,
                      struct tro_err *err);
/* The key "quantization"; trial: NULL for none. */
int tro_quantize_json(const struct tro_quantize *z, struct tro_trial *trial, struct tro_json *j,
                      struct tro_err *err);

#endif
