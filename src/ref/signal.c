/* SPDX-License-Identifier: Apache-2.0 */
/* mel_weights and det. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- mel_weights ------------------------------------------------------------------------- */

struct mel {
    struct tro_tensor *y;
    double low, step;    /* mels of the lowest edge and between edges */
    double length, rate; /* of the transform; samples in a second */
};

static double mel_of(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

/* Bin of the spectrogram at which edge i lies. */
static int mel_edge(const struct tro_ref_call *c, const struct mel *m, int64_t i, int64_t *bin)
{
    const double hertz = 700 * (pow(10, (m->low + (double)i * m->step) / 2595) - 1);
    const double v = floor((m->length + 1) * hertz / m->rate);
    if (!(v >= 0 && v <= (double)m->y->shape[0]))
        return tro_fail(c->err, TRO_E_INPUT,
                        "edge %" PRId64 " of the mel bins lies at %g Hz: expected 0 to half of the "
                        "sample rate, %g Hz",
                        i, hertz, m->rate / 2);
    *bin = (int64_t)v;
    return 0;
}

/* A triangle with its feet at bins[0] and bins[2]. */
static void mel_filter(const struct mel *m, int64_t i, const int64_t *bins)
{
    struct tro_tensor *const y = m->y;
    const int64_t rise = bins[1] - bins[0], fall = bins[2] - bins[1];
    for (int64_t k = bins[0]; k <= bins[1] && k < y->shape[0]; k++)
        tro_store_f64(y->dtype, y->data, k * y->shape[1] + i,
                      rise ? (double)(k - bins[0]) / (double)rise : 1);
    for (int64_t k = bins[1]; k < bins[2]; k++)
        tro_store_f64(y->dtype, y->data, k * y->shape[1] + i, (double)(bins[2] - k) / (double)fall);
}

int tro_ref_mel_weights(struct tro_ref_call *c)
{
    double in[5];
    for (int i = 0; i < 5; i++)
        in[i] = tro_load_f64(c->in[i].dtype, c->in[i].data, 0);
    if (!(in[2] >= 1))
        return tro_fail(c->err, TRO_E_INPUT, "the sample rate is %g: expected at least 1", in[2]);
    struct mel m = {.y = &c->out[0], .low = mel_of(in[3]), .length = in[1], .rate = in[2]};
    m.step = (mel_of(in[4]) - m.low) / (in[0] + 2);
    memset(m.y->data, 0, tro_tensor_n_bytes(m.y));
    int64_t bins[3];
    for (int i = 0; i < 2; i++)
        TRO_TRY(mel_edge(c, &m, i, &bins[1 + i]));
    for (int64_t i = 0; i < m.y->shape[1]; i++) {
        bins[0] = bins[1];
        bins[1] = bins[2];
        TRO_TRY(mel_edge(c, &m, i + 2, &bins[2]));
        mel_filter(&m, i, bins);
    }
    return 0;
}

/* ---- det ------------------------------------------------------------------------------- */

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double v = a[i];
        a[i] = b[i];
        b[i] = v;
    }
}

/* By elimination with the greatest pivot of each column; the matrix is lost. */
static double determinant(double *m, int64_t n)
{
    double det = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(m[i * n + k]) > fabs(m[pivot * n + k]))
                pivot = i;
        if (pivot != k) {
            swap_rows(m + k * n, m + pivot * n, n);
            det = -det;
        }
        const double top = m[k * n + k];
        det *= top;
        if (top == 0)
            return 0;
        for (int64_t i = k + 1; i < n; i++) {
            const double part = m[i * n + k] / top;
            for (int64_t j = k + 1; j < n; j++)
                m[i * n + j] -= part * m[k * n + j];
        }
    }
    return det;
}

int tro_ref_det(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0];
    const int64_t n = x->shape[x->rank - 1], n_matrices = tro_tensor_n_elems(&c->out[0]);
    double *const all = tro_ref_load_f64(c, x);
    if (!all)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < n_matrices; i++)
        tro_store_f64(c->out[0].dtype, c->out[0].data, i, determinant(all + i * n * n, n));
    return 0;
}
