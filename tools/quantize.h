/* SPDX-License-Identifier: Apache-2.0 */
/* A model's graph becomes one of integers (docs/quantization.md), calibrated on the user's data. */
#ifndef TRO_TOOLS_QUANTIZE_H
#define TRO_TOOLS_QUANTIZE_H

#include "calib.h"
#include "quant/quant.h"

#include <trocar/build.h>

struct tro_quantize {
    /* options */
    struct tro_calib calib;
    int64_t n_probes; /* samples that layers are probed on */
    /* what follows */
    struct tro_quant *quant; /* must outlive the model */
    int64_t n_samples;
    uint64_t data_hash;
};

/* Calibrates for the model's graph, to which the record was applied. */
int tro_quantize_calibrate(struct tro_quantize *z, struct tro_model *m, struct tro_err *err);

/* The model's graph becomes the quantized one. */
int tro_quantize_apply(struct tro_quantize *z, struct tro_model *m, struct tro_err *err);

void tro_quantize_finish(struct tro_quantize *z);

/* Layers, what became of each and how far it is off. */
void tro_quantize_print(const struct tro_quantize *z);

#endif
