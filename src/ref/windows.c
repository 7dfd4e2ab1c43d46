/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/windows.h"

#include <string.h>

void tro_windows_init(struct tro_windows *w, const int64_t *in, const int64_t *out,
                      const int64_t *kernel, const struct tro_ints *strides,
                      const struct tro_ints *dilations, const struct tro_ints *pads,
                      enum tro_auto_pad auto_pad)
{
    const int n = strides->n;
    *w = (struct tro_windows){.n_axes = n, .n_in = 1, .n_out = 1, .n_taps = 1};
    for (int i = 0; i < n; i++) {
        struct tro_window at = {.kernel = kernel[i],
                                .stride = strides->v[i],
                                .dilation = dilations ? dilations->v[i] : 1,
                                .pad_begin = pads->v[i],
                                .pad_end = pads->v[n + i],
                                .auto_pad = auto_pad};
        tro_window_resolve(&at, in[i]);
        w->in[i] = in[i];
        w->out[i] = out[i];
        w->kernel[i] = at.kernel;
        w->stride[i] = at.stride;
        w->dilation[i] = at.dilation;
        w->pad[i] = at.pad_begin;
        w->pad_end[i] = at.pad_end;
        w->n_in *= in[i];
        w->n_out *= out[i];
        if (__builtin_mul_overflow(w->n_taps, kernel[i], &w->n_taps))
            w->n_taps = INT64_MAX;
    }
}

/* Windows o .. o+n along the last axis of the row of input that begins at `base`. */
static void load_row(const struct tro_windows *w, const struct tro_reals *x, int64_t base,
                     int64_t offset, int64_t o, int64_t n, double *out)
{
    const int last = w->n_axes - 1;
    const int64_t stride = w->stride[last], end = o + n;
    int64_t lo, hi;
    tro_windows_range(w->in[last], w->out[last], stride, offset, &lo, &hi);
    lo = lo < o ? o : lo > end ? end : lo;
    hi = hi < lo ? lo : hi > end ? end : hi;
    memset(out, 0, (size_t)(lo - o) * sizeof(double));
    tro_reals_row(x, base + lo * stride + offset, stride, hi - lo, out + (lo - o));
    memset(out + (hi - o), 0, (size_t)(end - hi) * sizeof(double));
}

void tro_windows_load(const struct tro_windows *w, const struct tro_reals *x, int64_t base,
                      const int64_t *offset, int64_t first, int64_t n, double *out)
{
    const int last = w->n_axes - 1;
    int64_t o[TRO_MAX_SPATIAL];
    tro_windows_split(w->n_axes, w->out, first, o);
    while (n > 0) {
        const int64_t left = w->out[last] - o[last], m = n < left ? n : left;
        int64_t row = 0;
        bool is_inside = true;
        for (int i = 0; i < last; i++) {
            const int64_t p = o[i] * w->stride[i] + offset[i];
            is_inside = is_inside && p >= 0 && p < w->in[i];
            row = is_inside ? row * w->in[i] + p : 0;
        }
        if (is_inside)
            load_row(w, x, base + row * w->in[last], offset[last], o[last], m, out);
        else
            memset(out, 0, (size_t)m * sizeof(double));
        out += m;
        n -= m;
        o[last] = 0;
        tro_windows_step(last, w->out, o);
    }
}
