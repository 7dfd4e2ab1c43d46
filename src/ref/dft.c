/* SPDX-License-Identifier: Apache-2.0 */
/* dft and stft. */
#include "ref/dft.h"
#include "ref/kernels.h"
#include "ref/parts.h"
#include "ref/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.283185307179586476925286766559

/* ---- one line ---------------------------------------------------------------------------- */

int tro_dft_init(struct tro_ref_call *c, int64_t n, bool is_inverse, struct tro_dft *out)
{
    *out = (struct tro_dft){.n = n};
    out->roots = tro_arena_alloc(c->scratch, (size_t)n, 2 * sizeof(double));
    if (!out->roots)
        return tro_fail_nomem(c->err);
    for (int64_t k = 0; k < n; k++) {
        const double angle = TWO_PI * (double)k / (double)n;
        out->roots[2 * k] = cos(angle);
        out->roots[2 * k + 1] = is_inverse ? sin(angle) : -sin(angle);
    }
    return 0;
}

static void add_product(const double *a, const double *b, double *sum)
{
    sum[0] += a[0] * b[0] - a[1] * b[1];
    sum[1] += a[0] * b[1] + a[1] * b[0];
}

/* Transform of in[0], in[step], .. of n elements: of even and odd ones apart while n is even. */
static void transform(const struct tro_dft *d, int64_t n, int64_t step, const double *in,
                      double *out)
{
    const int64_t half = n / 2;
    if (n % 2 == 0 && n > 0) {
        transform(d, half, 2 * step, in, out);
        transform(d, half, 2 * step, in + 2 * step, out + 2 * half);
        for (int64_t k = 0; k < half; k++) {
            double *const even = out + 2 * k, *const odd = out + 2 * (half + k), turned[2] = {0};
            add_product(odd, d->roots + 2 * (k * step), turned);
            for (int i = 0; i < 2; i++) {
                odd[i] = even[i] - turned[i];
                even[i] += turned[i];
            }
        }
        return;
    }
    for (int64_t k = 0; k < n; k++) {
        double sum[2] = {0};
        for (int64_t j = 0, turn = 0; j < n; j++, turn = (turn + k) % n)
            add_product(in + 2 * (j * step), d->roots + 2 * (turn * step), sum);
        memcpy(out + 2 * k, sum, sizeof(sum));
    }
}

void tro_dft_run(const struct tro_dft *d, const double *in, double *out)
{
    transform(d, d->n, 1, in, out);
}

/* ---- kernels --------------------------------------------------------------------------- */

struct lines {
    struct tro_dft dft;
    const struct tro_tensor *x;
    struct tro_tensor *y;
    int64_t n_parts;               /* 1: x is real, 2: complex */
    int64_t n_in, n_bins, n_inner; /* dft: sizes along the axis and behind it */
    bool is_inverse;
    const double *window; /* stft */
    int64_t step, n_frames, n_signal;
};

static bool has(const struct tro_ref_call *c, int i)
{
    return i < c->n_in && c->in[i].dtype != TRO_DTYPE_NONE;
}

static void load_sample(const struct lines *l, int64_t at, double *out)
{
    out[1] = 0;
    tro_load_row_f64(l->x->dtype, l->x->data, at * l->n_parts, l->n_parts, out);
}

static void dft_line(void *ctx, int64_t line, void *memory)
{
    const struct lines *const l = ctx;
    double *const in = memory, *const out = in + 2 * l->dft.n;
    const int64_t outer = line / l->n_inner, inner = line % l->n_inner;
    const double scale = l->is_inverse ? 1 / (double)l->dft.n : 1;
    memset(in, 0, (size_t)(2 * l->dft.n) * sizeof(double));
    for (int64_t t = 0; t < l->n_in && t < l->dft.n; t++)
        load_sample(l, (outer * l->n_in + t) * l->n_inner + inner, in + 2 * t);
    tro_dft_run(&l->dft, in, out);
    for (int64_t k = 0; k < l->n_bins; k++) {
        const double v[2] = {out[2 * k] * scale, out[2 * k + 1] * scale};
        const int64_t at = (outer * l->n_bins + k) * l->n_inner + inner;
        tro_store_row_f64(l->y->dtype, l->y->data, 2 * at, 2, v);
    }
}

static double work_of(int64_t n_lines, int64_t n)
{
    return 20 * (double)n_lines * (double)n;
}

int tro_ref_dft(struct tro_ref_call *c)
{
    const struct tro_attrs_dft *const a = c->attrs;
    struct tro_ints length = {0}, axis = {.n = 1, .v[0] = -2};
    TRO_TRY(tro_ref_ints(c, 1, &length));
    if (has(c, 2))
        TRO_TRY(tro_ref_ints(c, 2, &axis));
    struct lines l = {.x = &c->in[0], .y = &c->out[0], .is_inverse = a->is_inverse != 0};
    const int rank = l.x->rank, at = tro_ref_axis(axis.v[0], rank);
    l.n_in = l.x->shape[at];
    l.n_bins = l.y->shape[at];
    l.n_parts = l.x->shape[rank - 1];
    l.n_inner = 1;
    for (int i = at + 1; i < rank - 1; i++)
        l.n_inner *= l.x->shape[i];
    const int64_t n_elems = tro_tensor_n_elems(l.y);
    if (n_elems == 0)
        return 0;
    TRO_TRY(tro_dft_init(c, length.n ? length.v[0] : l.n_in, l.is_inverse, &l.dft));
    const int64_t n_lines = n_elems / 2 / l.n_bins;
    return tro_ref_parts(n_lines, work_of(n_lines, l.dft.n), (size_t)l.dft.n * 4 * sizeof(double),
                         dft_line, &l, c->err);
}

static void stft_frame(void *ctx, int64_t i, void *memory)
{
    const struct lines *const l = ctx;
    double *const in = memory, *const out = in + 2 * l->dft.n;
    const int64_t first = i / l->n_frames * l->n_signal + i % l->n_frames * l->step;
    for (int64_t t = 0; t < l->dft.n; t++) {
        const double w = l->window ? l->window[t] : 1;
        load_sample(l, first + t, in + 2 * t);
        in[2 * t] *= w;
        in[2 * t + 1] *= w;
    }
    tro_dft_run(&l->dft, in, out);
    tro_store_row_f64(l->y->dtype, l->y->data, 2 * i * l->n_bins, 2 * l->n_bins, out);
}

int tro_ref_stft(struct tro_ref_call *c)
{
    struct tro_ints step, length;
    TRO_TRY(tro_ref_ints(c, 1, &step));
    TRO_TRY(tro_ref_ints(c, 3, &length));
    struct lines l = {.x = &c->in[0], .y = &c->out[0], .step = step.v[0]};
    l.n_parts = l.x->shape[2];
    l.n_signal = l.x->shape[1];
    l.n_frames = l.y->shape[1];
    l.n_bins = l.y->shape[2];
    TRO_TRY(tro_dft_init(c, length.n ? length.v[0] : c->in[2].shape[0], false, &l.dft));
    if (has(c, 2) && !(l.window = tro_ref_load_f64(c, &c->in[2])))
        return tro_fail_nomem(c->err);
    const int64_t n_lines = l.y->shape[0] * l.n_frames;
    return tro_ref_parts(n_lines, work_of(n_lines, l.dft.n), (size_t)l.dft.n * 4 * sizeof(double),
                         stft_frame, &l, c->err);
}
