/* SPDX-License-Identifier: Apache-2.0 */
/* deform_conv: taps lie at offsets that the network computes, between elements. */
#include "ref/conv.h"
#include "ref/kernels.h"

#include "base/err.h"

#include <math.h>

struct deform {
    struct tro_conv conv; /* first, so that its functions take this as their ctx */
    struct tro_reals offset, mask;
    bool has_mask;
    int64_t offset_group;
};

static double element(const struct tro_reals *x, int64_t base, const int64_t *size, double y,
                      double at_x)
{
    if (!(y >= 0 && y < (double)size[0] && at_x >= 0 && at_x < (double)size[1]))
        return 0;
    const int64_t i = base + (int64_t)y * size[1] + (int64_t)at_x;
    return x->f ? (double)x->f[i] : x->d[i];
}

/* Bilinear, 0 outside. */
static double sample(const struct tro_reals *x, int64_t base, const int64_t *size, double y,
                     double at_x)
{
    const double y0 = floor(y), x0 = floor(at_x), dy = y - y0, dx = at_x - x0;
    const double upper = (1 - dx) * element(x, base, size, y0, x0) +
                         dx * element(x, base, size, y0, x0 + 1);
    const double lower = (1 - dx) * element(x, base, size, y0 + 1, x0) +
                         dx * element(x, base, size, y0 + 1, x0 + 1);
    return (1 - dy) * upper + dy * lower;
}

static void load_columns(const void *ctx, int64_t batch, int64_t row, int64_t first, int64_t n,
                         double *out)
{
    const struct deform *const d = ctx;
    const struct tro_conv *const v = &d->conv;
    const struct tro_windows *const w = &v->windows;
    const int64_t tap = row % w->n_taps, channel = batch % v->group * v->channels + row / w->n_taps;
    const int64_t per_offset = v->group * v->channels / d->offset_group;
    const int64_t picture = batch / v->group;
    const int64_t field = (picture * d->offset_group + channel / per_offset) * w->n_taps + tap;
    const int64_t base = (picture * v->group * v->channels + channel) * w->n_in;
    int64_t k[TRO_MAX_SPATIAL], o[TRO_MAX_SPATIAL];
    tro_windows_split(2, w->kernel, tap, k);
    for (int64_t i = 0; i < n; i++) {
        double shift[2], scale = 1;
        tro_windows_split(2, w->out, first + i, o);
        for (int a = 0; a < 2; a++)
            tro_reals_row(&d->offset, (field * 2 + a) * w->n_out + first + i, 1, 1, &shift[a]);
        if (d->has_mask)
            tro_reals_row(&d->mask, field * w->n_out + first + i, 1, 1, &scale);
        const int64_t y = o[0] * w->stride[0] - w->pad[0] + k[0] * w->dilation[0];
        const int64_t x = o[1] * w->stride[1] - w->pad[1] + k[1] * w->dilation[1];
        out[i] = scale * sample(&v->x, base, w->in, (double)y + shift[0], (double)x + shift[1]);
    }
}

int tro_ref_deform_conv(struct tro_ref_call *c)
{
    const struct tro_attrs_deform_conv *const a = c->attrs;
    struct deform d = {.offset_group = a->offset_group,
                       .has_mask = c->n_in > 4 && c->in[4].dtype != TRO_DTYPE_NONE};
    struct tro_conv *const v = &d.conv;
    tro_conv_sizes(v, c, a->group);
    tro_windows_init(&v->windows, c->in[0].shape + 2, c->out[0].shape + 2, c->in[1].shape + 2,
                     &a->strides, &a->dilations, &a->pads, tro_auto_pad_explicit);
    TRO_TRY(tro_conv_bias(c, 3, &v->bias));
    TRO_TRY(tro_ref_reals(c, &c->in[0], &v->x));
    TRO_TRY(tro_ref_reals(c, &c->in[1], &v->w));
    TRO_TRY(tro_ref_reals(c, &c->in[2], &d.offset));
    if (d.has_mask)
        TRO_TRY(tro_ref_reals(c, &c->in[4], &d.mask));
    return tro_conv_run(v, load_columns, &d, c->err);
}
