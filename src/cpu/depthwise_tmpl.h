/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once for each level; DEPTHWISE_FN names the function. */
#include "cpu/depthwise.h"

#include "cpu/simd.h"

enum {
    WIDE = 8,     /* windows of a block inside of the picture */
    DEEP = 4,     /* vectors of channels of a block at its border */
    MAX_FIXED = 5 /* taps of a row that fixed kernels keep in registers */
};

/* Taps [begin, end) along each axis, and the place in x of tap 0 of the first window. */
struct taps {
    int64_t begin[TRO_N_SPATIAL], end[TRO_N_SPATIAL], at[TRO_N_SPATIAL];
};

/* Without an instruction for it, rounding the product too is faster by far. */
static inline vf mul_add(vf a, vf b, vf c)
{
#if defined(__FMA__) || defined(__ARM_NEON)
    return vf_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* n = 0: a whole vector. */
static inline vf load_part(const float *p, int64_t n)
{
    return n ? vf_load_n(p, n) : vf_load(p);
}

/* The taps of one row of a filter, any number: weights are loaded for each tap. */
static inline __attribute__((always_inline)) void row_any(vf acc[WIDE][DEEP],
                                                          const struct tro_depthwise *d,
                                                          const float *x, const float *w,
                                                          int64_t n_taps, const int n_w,
                                                          const int n_v, const int64_t n_part)
{
    const int64_t step = d->win.stride[TRO_W] * d->x.at[TRO_W];
    const int64_t tap_step = d->win.dilation[TRO_W] * d->x.at[TRO_W], w_pitch = d->w_pitch;
    const float *const x4 = x + 4 * step;
    const int64_t far = x4 - x;
    for (int64_t k = 0; k < n_taps; k++) {
        VF_UNROLL
        for (int v = 0; v < n_v; v++) {
            const vf weight = vf_load(w + v * VF_LANES);
            VF_UNROLL
            for (int i = 0; i < n_w; i++) {
                const float *const from = i < 4 ? x + i * step : x + far + (i - 4) * step;
                acc[i][v] = mul_add(load_part(from + v * VF_LANES, n_part), weight, acc[i][v]);
            }
        }
        w += w_pitch;
        x += tap_step;
    }
}

/* n_taps and the stride are known: each column of x is loaded once for all windows that see it. */
static inline __attribute__((always_inline)) void row_fixed(vf acc[WIDE][DEEP],
                                                            const struct tro_depthwise *d,
                                                            const float *x, const float *w,
                                                            const int n_taps, const int stride,
                                                            const int n_w, const int64_t n_part)
{
    const int64_t pitch = d->x.at[TRO_W];
    vf weight[MAX_FIXED];
    VF_UNROLL
    for (int k = 0; k < n_taps; k++)
        weight[k] = vf_load(w + k * d->w_pitch);
    VF_UNROLL
    for (int col = 0; col < (n_w - 1) * stride + n_taps; col++) {
        const vf v = load_part(x, n_part);
        x += pitch;
        VF_UNROLL
        for (int i = 0; i < n_w; i++) {
            const int k = col - i * stride;
            if (k >= 0 && k < n_taps)
                acc[i][0] = mul_add(v, weight[k], acc[i][0]);
        }
    }
}

static inline __attribute__((always_inline)) void store(vf acc[WIDE][DEEP],
                                                        const struct tro_depthwise *d,
                                                        const struct tro_depthwise_row *r,
                                                        int64_t ow, int64_t c, const int n_w,
                                                        const int n_v, const int64_t n_part)
{
    const vf lo = vf_set(d->lo), hi = vf_set(d->hi);
    float *to = r->out + (ow - r->w_begin) * r->out_pitch + c;
    if (r->other) {
        const float *from = r->other + (ow - r->w_begin) * r->other_pitch + c;
        VF_UNROLL
        for (int i = 0; i < n_w; i++, from += r->other_pitch)
            VF_UNROLL
        for (int v = 0; v < n_v; v++)
            acc[i][v] += load_part(from + v * VF_LANES, n_part);
    }
    VF_UNROLL
    for (int i = 0; i < n_w; i++, to += r->out_pitch) {
        VF_UNROLL
        for (int v = 0; v < n_v; v++) {
            const vf y = vf_min(hi, vf_max(lo, acc[i][v]));
            if (n_part)
                vf_store_n(to, y, n_part);
            else
                vf_store(to + v * VF_LANES, y);
        }
    }
}

/* n_w windows with n_v vectors of channels from c on, or with n_part channels alone when it is not
 * 0. n_taps, stride: of the width, 0 when they are not known. */
static inline __attribute__((always_inline)) void block(const struct tro_depthwise *d,
                                                        const struct tro_depthwise_row *r,
                                                        const struct taps *t, int64_t ow, int64_t c,
                                                        const int n_w, const int n_v,
                                                        const int n_taps, const int stride,
                                                        const int64_t n_part)
{
    const struct tro_win *const g = &d->win;
    const int64_t x_d = g->dilation[TRO_D] * d->x.at[TRO_D];
    const int64_t x_h = g->dilation[TRO_H] * d->x.at[TRO_H];
    const int64_t w_h = g->kernel[TRO_W] * d->w_pitch, w_d = g->kernel[TRO_H] * w_h;
    const int64_t kw = t->begin[TRO_W], n_kw = t->end[TRO_W] - kw;
    const float *const x = r->x + c + t->at[TRO_D] * d->x.at[TRO_D] +
                           t->at[TRO_H] * d->x.at[TRO_H] +
                           (t->at[TRO_W] + kw * g->dilation[TRO_W]) * d->x.at[TRO_W];
    vf acc[WIDE][DEEP];
    VF_UNROLL
    for (int i = 0; i < n_w; i++)
        VF_UNROLL
    for (int v = 0; v < n_v; v++)
        acc[i][v] = vf_load(r->bias + c + v * VF_LANES);
    for (int64_t kd = t->begin[TRO_D]; kd < t->end[TRO_D]; kd++) {
        const float *from = x + kd * x_d + t->begin[TRO_H] * x_h;
        const float *w = r->w + c + kw * d->w_pitch + kd * w_d + t->begin[TRO_H] * w_h;
        for (int64_t kh = t->begin[TRO_H]; kh < t->end[TRO_H]; kh++) {
            if (n_taps)
                row_fixed(acc, d, from, w, n_taps, stride, n_w, n_part);
            else
                row_any(acc, d, from, w, n_kw, n_w, n_v, n_part);
            from += x_h;
            w += w_h;
        }
    }
    store(acc, d, r, ow, c, n_w, n_v, n_part);
}

/* All channels of n_w windows from ow on. */
static inline __attribute__((always_inline)) void windows(const struct tro_depthwise *d,
                                                          const struct tro_depthwise_row *r,
                                                          const struct taps *t, int64_t ow,
                                                          const int n_w, const int n_v,
                                                          const int n_taps, const int stride)
{
    int64_t c = 0;
    for (; c + n_v * VF_LANES <= r->n_channels; c += n_v * VF_LANES)
        block(d, r, t, ow, c, n_w, n_v, n_taps, stride, 0);
    for (; n_v > 1 && c + VF_LANES <= r->n_channels; c += VF_LANES)
        block(d, r, t, ow, c, n_w, 1, n_taps, stride, 0);
    if (c < r->n_channels)
        block(d, r, t, ow, c, n_w, 1, n_taps, stride, r->n_channels - c);
}

static void border(const struct tro_depthwise *d, const struct tro_depthwise_row *r, struct taps *t,
                   int64_t first, int64_t last)
{
    for (int64_t ow = first; ow < last; ow++) {
        t->at[TRO_W] = ow * d->win.stride[TRO_W] - d->win.pad[TRO_W];
        tro_win_taps(&d->win, TRO_W, ow, &t->begin[TRO_W], &t->end[TRO_W]);
        windows(d, r, t, ow, 1, DEEP, 0, 0);
    }
}

/* Windows from ow on, as many as go in blocks; returns the first that is left. */
static inline __attribute__((always_inline)) int64_t blocks(const struct tro_depthwise *d,
                                                            const struct tro_depthwise_row *r,
                                                            struct taps *t, int64_t ow,
                                                            int64_t last, const int n_taps,
                                                            const int stride)
{
    t->begin[TRO_W] = 0;
    t->end[TRO_W] = d->win.kernel[TRO_W];
    for (; ow + WIDE <= last; ow += WIDE) {
        t->at[TRO_W] = ow * d->win.stride[TRO_W] - d->win.pad[TRO_W];
        windows(d, r, t, ow, WIDE, 1, n_taps, stride);
    }
    for (; ow + WIDE / 2 <= last; ow += WIDE / 2) {
        t->at[TRO_W] = ow * d->win.stride[TRO_W] - d->win.pad[TRO_W];
        windows(d, r, t, ow, WIDE / 2, 1, n_taps, stride);
    }
    return ow;
}

static int64_t interior(const struct tro_depthwise *d, const struct tro_depthwise_row *r,
                        struct taps *t, int64_t ow, int64_t last)
{
    const int64_t n_taps = d->win.kernel[TRO_W], stride = d->win.stride[TRO_W];
    const bool is_tight = d->win.dilation[TRO_W] == 1;
    if (is_tight && n_taps == 3 && stride == 1)
        return blocks(d, r, t, ow, last, 3, 1);
    if (is_tight && n_taps == 3 && stride == 2)
        return blocks(d, r, t, ow, last, 3, 2);
    if (is_tight && n_taps == 5 && stride == 1)
        return blocks(d, r, t, ow, last, 5, 1);
    if (is_tight && n_taps == 5 && stride == 2)
        return blocks(d, r, t, ow, last, 5, 2);
    return blocks(d, r, t, ow, last, 0, 0);
}

static inline int64_t clamp_to(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

void DEPTHWISE_FN(const struct tro_depthwise *d, const struct tro_depthwise_row *r)
{
    struct taps t = {.at = {0}};
    int64_t first, last;
    tro_win_taps(&d->win, TRO_D, r->d, &t.begin[TRO_D], &t.end[TRO_D]);
    tro_win_taps(&d->win, TRO_H, r->h, &t.begin[TRO_H], &t.end[TRO_H]);
    t.at[TRO_D] = r->d * d->win.stride[TRO_D] - d->win.pad[TRO_D];
    t.at[TRO_H] = r->h * d->win.stride[TRO_H] - d->win.pad[TRO_H];
    tro_win_interior(&d->win, TRO_W, &first, &last);
    first = clamp_to(first, r->w_begin, r->w_end);
    last = clamp_to(last, first, r->w_end);
    border(d, r, &t, r->w_begin, first);
    border(d, r, &t, interior(d, r, &t, first, last), r->w_end);
}
