/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conv_transpose and conv_transpose_int. Output o takes tap k of input i where
 * o + pad = i * stride + k * dilation. The outputs of one phase, o = phase + t * stride, all have
 * the same taps, at i = t + delta: each phase is a convolution of stride 1 whose result lies
 * apart.
 */
#include "ref/conv.h"
#include "ref/kernels.h"
#include "ref/rows.h"

#include "base/dtype.h"
#include "base/err.h"

/* Taps of one phase along one axis. */
struct along {
    int64_t *tap, *delta;
};

struct phase {
    struct tro_conv conv; /* windows: `out` counts t along each axis */
    int64_t n_taps;       /* of this phase */
    int64_t *tap, *delta; /* by tap: its place in the kernel; delta of each axis */
    struct along along[TRO_MAX_SPATIAL];
    int64_t begin[TRO_MAX_SPATIAL];  /* the phase */
    int64_t stride[TRO_MAX_SPATIAL]; /* of the operator */
    int64_t full[TRO_MAX_SPATIAL];   /* sizes of the result */
};

static void load_w(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                   double *out)
{
    const struct phase *const p = ctx;
    const struct tro_conv *const v = &p->conv;
    const int64_t group = batch % v->group;
    for (int64_t i = 0; i < n; i++) {
        const int64_t channel = group * v->channels + (first + i) / p->n_taps;
        const int64_t plane = channel * v->outputs + row;
        const int64_t tap = p->tap[(first + i) % p->n_taps];
        tro_reals_row(&v->w, plane * v->windows.n_taps + tap, 1, 1, out + i);
    }
}

static void load_columns(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                         double *out)
{
    const struct phase *const p = ctx;
    const struct tro_conv *const v = &p->conv;
    const int64_t plane = batch * v->channels + row / p->n_taps;
    const int64_t *const delta = p->delta + row % p->n_taps * v->windows.n_axes;
    tro_windows_load(&v->windows, &v->x, plane * v->windows.n_in, delta, first, n, out);
}

static void store(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                  double *sums)
{
    const struct phase *const p = ctx;
    const struct tro_conv *const v = &p->conv;
    const struct tro_windows *const w = &v->windows;
    const int64_t m = batch % v->group * v->outputs + row;
    const int64_t plane = batch / v->group * v->group * v->outputs + m;
    int64_t t[TRO_MAX_SPATIAL];
    tro_windows_split(w->n_axes, w->out, first, t);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = plane;
        for (int a = 0; a < w->n_axes; a++)
            at = at * p->full[a] + p->begin[a] + t[a] * p->stride[a];
        tro_store_f64(v->out->dtype, v->out->data, at, sums[i] + (v->bias ? v->bias[m] : 0));
        tro_windows_step(w->n_axes, w->out, t);
    }
}

int64_t tro_conv_transpose_pad(const struct tro_attrs_conv_transpose *a, int axis, int64_t in,
                               int64_t out, int64_t kernel)
{
    if (a->auto_pad == tro_auto_pad_explicit && a->output_shape.n == 0)
        return a->pads.v[axis];
    const int64_t total = a->strides.v[axis] * (in - 1) + a->output_padding.v[axis] +
                          (kernel - 1) * a->dilations.v[axis] + 1 - out;
    if (total < 0)
        return 0;
    return a->auto_pad == tro_auto_pad_same_upper ? total / 2 : total - total / 2;
}

/* Taps of the current phase along one axis, with their deltas. */
static int64_t find_along(const struct phase *p, int axis)
{
    const struct tro_windows *const w = &p->conv.windows;
    const struct along *const to = &p->along[axis];
    int64_t n = 0;
    for (int64_t k = 0; k < w->kernel[axis]; k++) {
        const int64_t i = p->begin[axis] + w->pad[axis] - k * w->dilation[axis];
        if (i % p->stride[axis] != 0)
            continue;
        to->tap[n] = k;
        to->delta[n++] = i / p->stride[axis];
    }
    return n;
}

/* All taps of the current phase, in row-major order of the kernel. */
static void find_taps(struct phase *p)
{
    const struct tro_windows *const w = &p->conv.windows;
    int64_t n[TRO_MAX_SPATIAL], index[TRO_MAX_SPATIAL] = {0};
    p->n_taps = 1;
    for (int a = 0; a < w->n_axes; a++) {
        n[a] = find_along(p, a);
        p->n_taps *= n[a];
    }
    for (int64_t i = 0; i < p->n_taps; i++) {
        p->tap[i] = 0;
        for (int a = 0; a < w->n_axes; a++) {
            p->tap[i] = p->tap[i] * w->kernel[a] + p->along[a].tap[index[a]];
            p->delta[i * w->n_axes + a] = p->along[a].delta[index[a]];
        }
        tro_windows_step(w->n_axes, n, index);
    }
}

static int run_phase(struct phase *p, struct tro_err *err)
{
    struct tro_conv *const v = &p->conv;
    struct tro_windows *const w = &v->windows;
    w->n_out = 1;
    for (int a = 0; a < w->n_axes; a++) {
        w->out[a] = (p->full[a] - p->begin[a] + p->stride[a] - 1) / p->stride[a];
        w->n_out *= w->out[a];
    }
    find_taps(p);
    const struct tro_gemm g = {.n_batch = v->n * v->group,
                               .m = v->outputs,
                               .n = w->n_out,
                               .depth = v->channels * p->n_taps,
                               .load_a = load_w,
                               .load_b = load_columns,
                               .store = store,
                               .ctx = p};
    return tro_ref_gemm(&g, err);
}

static void begin(struct phase *p, const struct tro_ref_call *c)
{
    const struct tro_attrs_conv_transpose *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0], *const weights = &c->in[1];
    struct tro_conv *const v = &p->conv;
    struct tro_windows *const w = &v->windows;
    v->n = x->shape[0];
    v->group = a->group;
    v->channels = x->shape[1] / a->group;
    v->outputs = weights->shape[1];
    v->out = &c->out[0];
    tro_windows_init(w, x->shape + 2, c->out[0].shape + 2, weights->shape + 2, &a->strides,
                     &a->dilations, &a->pads, tro_auto_pad_explicit);
    for (int i = 0; i < w->n_axes; i++) {
        p->stride[i] = w->stride[i];
        p->full[i] = w->out[i];
        w->pad[i] = tro_conv_transpose_pad(a, i, w->in[i], w->out[i], w->kernel[i]);
        w->stride[i] = 1;
    }
}

static int alloc_taps(struct phase *p, struct tro_ref_call *c)
{
    const struct tro_windows *const w = &p->conv.windows;
    p->tap = TRO_NEW_N(c->scratch, int64_t, (size_t)w->n_taps);
    p->delta = tro_arena_alloc(c->scratch, (size_t)w->n_taps, (size_t)w->n_axes * sizeof(int64_t));
    bool is_full = p->tap && p->delta;
    for (int i = 0; i < w->n_axes; i++) {
        p->along[i].tap = TRO_NEW_N(c->scratch, int64_t, (size_t)w->kernel[i]);
        p->along[i].delta = TRO_NEW_N(c->scratch, int64_t, (size_t)w->kernel[i]);
        is_full = is_full && p->along[i].tap && p->along[i].delta;
    }
    return is_full ? 0 : tro_fail_nomem(c->err);
}

/* Phases along one axis that have taps; gives their number. */
static int64_t find_phases(const struct phase *p, int axis, int64_t *out)
{
    const struct tro_windows *const w = &p->conv.windows;
    const int64_t stride = p->stride[axis];
    int64_t n = 0;
    for (int64_t k = 0; k < w->kernel[axis] && n < stride; k++) {
        const int64_t rest = (k * w->dilation[axis] - w->pad[axis]) % stride;
        const int64_t phase = rest < 0 ? rest + stride : rest;
        int64_t i = 0;
        while (i < n && out[i] != phase)
            i++;
        if (i == n && phase < p->full[axis])
            out[n++] = phase;
    }
    return n;
}

/* Runs the phases that have taps, on a result that holds the bias already. */
static int run_phases(struct phase *p, struct tro_ref_call *c)
{
    const struct tro_windows *const w = &p->conv.windows;
    int64_t *phases[TRO_MAX_SPATIAL], n[TRO_MAX_SPATIAL], index[TRO_MAX_SPATIAL] = {0};
    int64_t n_phases = 1;
    for (int a = 0; a < w->n_axes; a++) {
        phases[a] = TRO_NEW_N(c->scratch, int64_t, (size_t)w->kernel[a]);
        if (!phases[a])
            return tro_fail_nomem(c->err);
        n[a] = find_phases(p, a, phases[a]);
        n_phases *= n[a];
    }
    for (int64_t i = 0; i < n_phases; i++) {
        for (int a = 0; a < w->n_axes; a++)
            p->begin[a] = phases[a][index[a]];
        TRO_TRY(run_phase(p, c->err));
        tro_windows_step(w->n_axes, n, index);
    }
    return 0;
}

static void fill_with_bias(const struct tro_conv *v)
{
    double row[TRO_CHUNK];
    const struct tro_tensor *const y = v->out;
    const int64_t n_planes = y->shape[0] * y->shape[1], n = v->windows.n_out;
    for (int64_t plane = 0; plane < n_planes; plane++) {
        for (int i = 0; i < TRO_CHUNK; i++)
            row[i] = v->bias ? v->bias[plane % y->shape[1]] : 0;
        for (int64_t i = 0; i < n; i += TRO_CHUNK)
            tro_store_row_f64(y->dtype, y->data, plane * n + i,
                              n - i < TRO_CHUNK ? n - i : TRO_CHUNK, row);
    }
}

int tro_ref_conv_transpose(struct tro_ref_call *c)
{
    struct phase p = {0};
    begin(&p, c);
    TRO_TRY(alloc_taps(&p, c));
    TRO_TRY(tro_conv_bias(c, 2, &p.conv.bias));
    TRO_TRY(tro_ref_reals(c, &c->in[0], &p.conv.x));
    TRO_TRY(tro_ref_reals(c, &c->in[1], &p.conv.w));
    fill_with_bias(&p.conv);
    return run_phases(&p, c);
}

/* Exact in double, as conv_int. */
int tro_ref_conv_transpose_int(struct tro_ref_call *c)
{
    struct phase p = {0};
    begin(&p, c);
    TRO_TRY(alloc_taps(&p, c));
    TRO_TRY(tro_conv_less_zero(c, 0, 2, 0, &p.conv.x));
    TRO_TRY(tro_conv_less_zero(c, 1, 3, 1, &p.conv.w));
    fill_with_bias(&p.conv);
    return run_phases(&p, c);
}
