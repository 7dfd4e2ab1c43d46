/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calibration file: what data said of a network, as JSON that people can read
 * (docs/quantization.md). It belongs to one model and names its data; whoever reads it for another
 * model gets an error with the names that do not fit.
 */
#ifndef TRO_QUANT_CALIBRATION_H
#define TRO_QUANT_CALIBRATION_H

#include "quant/quant.h"

struct tro_calibration {
    uint64_t model_hash, data_hash;
    int64_t n_samples;
};

/* After choose. */
int tro_calibration_write(const struct tro_calibration *c, const struct tro_quant *q,
                          const char *path, struct tro_err *err);

/* In place of observe, bound, probe and choose. c->model_hash says what is expected; the rest is
 * filled. What the file does not keep: statistics of channels, histograms. Reading needs jansson:
 * without it TRO_E_DEVICE. */
int tro_calibration_read(struct tro_calibration *c, struct tro_quant *q, const char *path,
                         struct tro_err *err);
/* The same of a text; name stands in messages. */
int tro_calibration_parse(struct tro_calibration *c, struct tro_quant *q, const char *text,
                          size_t n, const char *name, struct tro_err *err);

#endif
