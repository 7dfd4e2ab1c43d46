/* SPDX-License-Identifier: Apache-2.0 */
/* conv and conv_int. */
#include "ref/conv.h"
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"

void tro_conv_sizes(struct tro_conv *v, const struct tro_ref_call *c, int64_t group)
{
    const struct tro_tensor *const w = &c->in[1];
    v->n = c->in[0].shape[0];
    v->group = group;
    v->channels = w->shape[1];
    v->outputs = w->shape[0] / group;
    v->out = &c->out[0];
}

int tro_conv_bias(struct tro_ref_call *c, int i, const double **out)
{
    *out = NULL;
    if (i >= c->n_in || c->in[i].dtype == TRO_DTYPE_NONE)
        return 0;
    *out = tro_ref_load_f64(c, &c->in[i]);
    return *out ? 0 : tro_fail_nomem(c->err);
}

void tro_conv_load_w(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                     double *out)
{
    const struct tro_conv *const v = ctx;
    const int64_t m = batch % v->group * v->outputs + row;
    tro_reals_row(&v->w, m * v->channels * v->windows.n_taps + first, 1, n, out);
}

void tro_conv_store(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                    double *sums)
{
    const struct tro_conv *const v = ctx;
    const int64_t m = batch % v->group * v->outputs + row;
    for (int64_t i = 0; i < n && v->bias; i++)
        sums[i] += v->bias[m];
    const int64_t plane = batch / v->group * v->group * v->outputs + m;
    tro_store_row_f64(v->out->dtype, v->out->data, plane * v->windows.n_out + first, n, sums);
}

int tro_conv_run(const struct tro_conv *v, tro_gemm_load *load_b, const void *ctx,
                 struct tro_err *err)
{
    const struct tro_gemm g = {.n_batch = v->n * v->group,
                               .m = v->outputs,
                               .n = v->windows.n_out,
                               .depth = v->channels * v->windows.n_taps,
                               .load_a = tro_conv_load_w,
                               .load_b = load_b,
                               .store = tro_conv_store,
                               .ctx = ctx};
    return tro_ref_gemm(&g, err);
}

static void load_columns(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                         double *out)
{
    const struct tro_conv *const v = ctx;
    const struct tro_windows *const w = &v->windows;
    const int64_t plane = batch * v->channels + row / w->n_taps;
    int64_t offset[TRO_MAX_SPATIAL];
    tro_windows_split(w->n_axes, w->kernel, row % w->n_taps, offset);
    for (int i = 0; i < w->n_axes; i++)
        offset[i] = offset[i] * w->dilation[i] - w->pad[i];
    tro_windows_load(w, &v->x, plane * w->n_in, offset, first, n, out);
}

/* Where windows are single elements in their order, the spatial axes are one. */
static void merge_axes(struct tro_windows *w)
{
    for (int i = 0; i < w->n_axes; i++)
        if (w->in[i] != w->out[i] || w->kernel[i] != 1 || w->stride[i] != 1 || w->pad[i] != 0)
            return;
    w->n_axes = 1;
    w->in[0] = w->out[0] = w->n_in;
}

static void begin(struct tro_conv *v, const struct tro_ref_call *c)
{
    const struct tro_attrs_conv *const a = c->attrs;
    tro_conv_sizes(v, c, a->group);
    tro_windows_init(&v->windows, c->in[0].shape + 2, c->out[0].shape + 2, c->in[1].shape + 2,
                     &a->strides, &a->dilations, &a->pads, a->auto_pad);
    merge_axes(&v->windows);
}

int tro_ref_conv(struct tro_ref_call *c)
{
    struct tro_conv v = {0};
    begin(&v, c);
    TRO_TRY(tro_conv_bias(c, 2, &v.bias));
    TRO_TRY(tro_ref_reals(c, &c->in[0], &v.x));
    TRO_TRY(tro_ref_reals(c, &c->in[1], &v.w));
    return tro_conv_run(&v, load_columns, &v, c->err);
}

int tro_conv_less_zero(struct tro_ref_call *c, int i, int i_zero, int axis, struct tro_reals *out)
{
    const struct tro_tensor *const t = &c->in[i], *const zero = &c->in[i_zero];
    const int64_t n = tro_tensor_n_elems(t);
    float *const all = TRO_NEW_N(c->scratch, float, (size_t)n);
    if (!all)
        return tro_fail_nomem(c->err);
    *out = (struct tro_reals){.f = all};
    tro_load_row_f32(t->dtype, t->data, 0, n, all);
    if (zero->dtype == TRO_DTYPE_NONE || n == 0)
        return 0;
    const int64_t n_zeros = tro_tensor_n_elems(zero);
    int64_t n_each = 1;
    for (int k = axis + 1; k < t->rank; k++)
        n_each *= t->shape[k];
    for (int64_t k = 0; k < n; k++)
        all[k] -= (float)tro_load_i64(zero->dtype, zero->data, k / n_each % n_zeros);
    return 0;
}

/* Sums of products of 9-bit integers are exact in double up to a depth of 2^34; padding adds the
 * zero of x, which is 0 here. */
int tro_ref_conv_int(struct tro_ref_call *c)
{
    struct tro_conv v = {0};
    begin(&v, c);
    TRO_TRY(tro_conv_less_zero(c, 0, 2, 0, &v.x));
    TRO_TRY(tro_conv_less_zero(c, 1, 3, 0, &v.w));
    return tro_conv_run(&v, load_columns, &v, c->err);
}
