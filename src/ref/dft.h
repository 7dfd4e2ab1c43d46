/* SPDX-License-Identifier: Apache-2.0 */
/* Discrete Fourier transform of one line. */
#ifndef TRO_REF_DFT_H
#define TRO_REF_DFT_H

#include "ref/ref.h"

/* Complex numbers are pairs of doubles. */
struct tro_dft {
    int64_t n;
    double *roots; /* exp(-2 pi i k / n), or its conjugate for the inverse */
};

/* The table comes from c->scratch. */
int tro_dft_init(struct tro_ref_call *c, int64_t n, bool is_inverse, struct tro_dft *out);
/* out[k] = sum over j of in[j] * root ^ (j * k); out and in do not overlap. */
void tro_dft_run(const struct tro_dft *d, const double *in, double *out);

#endif
