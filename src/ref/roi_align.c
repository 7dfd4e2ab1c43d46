/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/gemm.h"
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <math.h>

/* One sample along one axis, between elements low and high; outside of the picture it is none. */
struct sample {
    bool is_outside;
    int64_t low, high;
    double part; /* weight of high */
};

/* Samples of one bin along one axis, of which those outside are counted only. */
struct bin {
    int64_t n, n_inside;
    struct sample *inside;
};

struct region {
    double begin[2], size[2]; /* y, x, in elements */
    int64_t n_samples[2];     /* for a bin */
};

/* Samples for one bin and axis; more are refused. */
#define MAX_SAMPLES (1 << 20)

static struct sample sample_at(double v, int64_t n)
{
    struct sample s = {.is_outside = n < 1 || !(v >= -1 && v <= (double)n)};
    if (s.is_outside)
        return s;
    v = v > 0 ? v : 0;
    s.low = (int64_t)v;
    if (s.low >= n - 1) {
        s.low = s.high = n - 1;
        return s;
    }
    s.high = s.low + 1;
    s.part = v - (double)s.low;
    return s;
}

static int read_region(const struct tro_ref_call *c, int64_t i, const int64_t *n_bins,
                       struct region *r)
{
    const struct tro_attrs_roi_align *const a = c->attrs;
    const struct tro_tensor *const rois = &c->in[1];
    const double offset = a->is_half_pixel ? 0.5 : 0;
    for (int axis = 0; axis < 2; axis++) {
        const int64_t at = i * 4 + 1 - axis;
        const double begin = tro_load_f64(rois->dtype, rois->data, at) * a->spatial_scale - offset;
        const double end = tro_load_f64(rois->dtype, rois->data, at + 2) * a->spatial_scale -
                           offset;
        double size = end - begin;
        if (!a->is_half_pixel && !(size >= 1))
            size = 1; /* regions turned over or too small */
        const double n = a->sampling_ratio > 0 ? (double)a->sampling_ratio
                                               : ceil(size / (double)n_bins[axis]);
        if (n > MAX_SAMPLES)
            return tro_fail(c->err, TRO_E_INPUT,
                            "region %" PRId64 " asks for %g samples along an axis of each bin: "
                            "expected at most %d",
                            i, n, MAX_SAMPLES);
        r->begin[axis] = begin;
        r->size[axis] = size;
        r->n_samples[axis] = n >= 1 ? (int64_t)n : 0;
    }
    return 0;
}

static int64_t clamp(double v, int64_t n)
{
    return v >= (double)n ? n : v > 0 ? (int64_t)v : 0;
}

static void find_samples(const struct region *r, int axis, int64_t i, int64_t n_bins, int64_t n_in,
                         struct bin *b)
{
    const double size = r->size[axis] / (double)n_bins, begin = r->begin[axis] + (double)i * size;
    const double step = size / (double)r->n_samples[axis];
    b->n = r->n_samples[axis];
    b->n_inside = 0;
    int64_t k = 0, end = b->n;
    if (step > 0) { /* of a region much larger than the picture most samples are outside */
        k = clamp((-1 - begin) / step - 2, b->n);
        end = clamp(((double)n_in - begin) / step + 2, b->n);
    }
    for (; k < end; k++) {
        const double v = begin + ((double)k + 0.5) * size / (double)b->n;
        const struct sample s = sample_at(v, n_in);
        if (!s.is_outside)
            b->inside[b->n_inside++] = s;
    }
}

static double element(const struct tro_reals *x, int64_t at)
{
    return x->f ? (double)x->f[at] : x->d[at];
}

/* Mean of the bilinear samples, or the greatest of their weighted elements, as ONNX has it. */
static double pool_bin(const struct tro_reals *x, int64_t plane, int64_t width,
                       const struct bin *by, const struct bin *bx, bool is_max)
{
    const double n = (double)by->n * (double)bx->n;
    double sum = 0, best = by->n_inside * bx->n_inside == by->n * bx->n ? -INFINITY : 0;
    for (int64_t i = 0; i < by->n_inside; i++)
        for (int64_t k = 0; k < bx->n_inside; k++) {
            const struct sample *const y = &by->inside[i], *const at = &bx->inside[k];
            const int64_t low = plane + y->low * width, high = plane + y->high * width;
            const double v[4] = {(1 - y->part) * (1 - at->part) * element(x, low + at->low),
                                 (1 - y->part) * at->part * element(x, low + at->high),
                                 y->part * (1 - at->part) * element(x, high + at->low),
                                 y->part * at->part * element(x, high + at->high)};
            for (int j = 0; j < 4; j++) {
                sum += v[j];
                best = v[j] > best ? v[j] : best;
            }
        }
    if (n == 0)
        return 0;
    return is_max ? best : sum / n;
}

static int want_picture(const struct tro_ref_call *c, int64_t i, int64_t *picture)
{
    *picture = tro_load_i64(c->in[2].dtype, c->in[2].data, i);
    if (*picture >= 0 && *picture < c->in[0].shape[0])
        return 0;
    return tro_fail(c->err, TRO_E_INPUT,
                    "batch index %" PRId64 " of region %" PRId64
                    ": expected one from 0 to %" PRId64,
                    *picture, i, c->in[0].shape[0] - 1);
}

static void align_region(const struct tro_ref_call *c, const struct tro_reals *x, int64_t i,
                         int64_t picture, const struct region *r, struct bin *by, struct bin *bx)
{
    const struct tro_attrs_roi_align *const a = c->attrs;
    const int64_t *const in = c->in[0].shape, *const out = c->out[0].shape;
    for (int64_t row = 0; row < out[2]; row++) {
        find_samples(r, 0, row, out[2], in[2], by);
        for (int64_t col = 0; col < out[3]; col++) {
            find_samples(r, 1, col, out[3], in[3], bx);
            for (int64_t ch = 0; ch < out[1]; ch++) {
                const int64_t plane = (picture * in[1] + ch) * in[2] * in[3];
                const double v = pool_bin(x, plane, in[3], by, bx, a->mode == tro_roi_mode_max);
                tro_store_f64(c->out[0].dtype, c->out[0].data,
                              ((i * out[1] + ch) * out[2] + row) * out[3] + col, v);
            }
        }
    }
}

int tro_ref_roi_align(struct tro_ref_call *c)
{
    const int64_t n = c->out[0].shape[0];
    int64_t most[2] = {0, 0}, picture;
    struct region r;
    struct tro_reals x;
    if (tro_tensor_n_elems(&c->out[0]) == 0)
        return 0;
    TRO_TRY(tro_ref_reals(c, &c->in[0], &x));
    for (int64_t i = 0; i < n; i++) {
        TRO_TRY(want_picture(c, i, &picture));
        TRO_TRY(read_region(c, i, c->out[0].shape + 2, &r));
        for (int axis = 0; axis < 2; axis++)
            most[axis] = r.n_samples[axis] > most[axis] ? r.n_samples[axis] : most[axis];
    }
    struct bin by = {.inside = TRO_NEW_N(c->scratch, struct sample, (size_t)most[0])};
    struct bin bx = {.inside = TRO_NEW_N(c->scratch, struct sample, (size_t)most[1])};
    if (!by.inside || !bx.inside)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < n; i++) {
        TRO_TRY(want_picture(c, i, &picture));
        TRO_TRY(read_region(c, i, c->out[0].shape + 2, &r));
        align_region(c, &x, i, picture, &r, &by, &bx);
    }
    return 0;
}
