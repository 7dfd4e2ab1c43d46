/* SPDX-License-Identifier: Apache-2.0 */
/* Activations of recurrent layers, by their names in ONNX. */
#ifndef TRO_REF_ACTIVATION_H
#define TRO_REF_ACTIVATION_H

#include "ref/ref.h"

struct tro_activation {
    const char *name;
    double (*fn)(double v, double alpha, double beta);
    double alpha, beta;
};

static inline double tro_activate(const struct tro_activation *a, double v)
{
    return a->fn(v, a->alpha, a->beta);
}

/* Those of one direction, as many as the kind of layer has (lstm 3, gru 2, rnn 1). */
int tro_activations_read(const struct tro_attrs_recurrent *a, int direction,
                         struct tro_activation *out, struct tro_err *err);

#endif
