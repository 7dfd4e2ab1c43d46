/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of A: the pixels under each window, zeros where it hangs over the edge. */
#include "cpu/conv.h"

#include <string.h>

/* Output pixels next to each other along the last axis. */
struct segment {
    int64_t batch, at[TRO_CONV_AXES]; /* of the first */
    int64_t n;
    float *dst; /* row of the first */
    int64_t pitch;
};

/* The next segment of at most n_rows rows. */
static void find_segment(const struct tro_conv_f32 *c, int64_t row, int64_t n_rows,
                         struct segment *s)
{
    int64_t rest = row;
    for (int a = TRO_CONV_AXES - 1; a >= 0; a--) {
        s->at[a] = rest % c->axis[a].out;
        rest /= c->axis[a].out;
    }
    s->batch = rest;
    const int64_t left = c->axis[TRO_CONV_AXES - 1].out - s->at[TRO_CONV_AXES - 1];
    s->n = n_rows < left ? n_rows : left;
}

/* Input index under tap t of output o; false outside. */
static bool input_at(const struct tro_conv_axis *a, int64_t o, int64_t t, int64_t *i)
{
    *i = o * a->stride - a->pad + t * a->dilation;
    return *i >= 0 && *i < a->in;
}

/* Pixels [*first, *last) of n from output o on for which taps t to t_last are inside. */
static void inside(const struct tro_conv_axis *a, int64_t o, int64_t n, int64_t t, int64_t t_last,
                   int64_t *first, int64_t *last)
{
    const int64_t low = a->pad - t * a->dilation - o * a->stride;
    const int64_t high = a->in - 1 + a->pad - t_last * a->dilation - o * a->stride;
    *first = low <= 0 ? 0 : (low + a->stride - 1) / a->stride;
    *last = high < 0 ? 0 : high / a->stride + 1;
    *last = *last < n ? *last : n;
    *first = *first < *last ? *first : *last;
}

static void zero_rows(float *dst, int64_t pitch, int64_t n_rows, int64_t n)
{
    for (int64_t r = 0; r < n_rows; r++)
        memset(dst + r * pitch, 0, (size_t)n * sizeof *dst);
}

/* Where the last axis begins under the taps of the outer ones; NULL outside. */
static const float *line_of(const struct tro_conv_rows *rows, const struct segment *s,
                            const int64_t tap[TRO_CONV_AXES])
{
    const struct tro_conv_f32 *const c = rows->conv;
    int64_t offset = s->batch * c->x_batch;
    for (int a = 0; a < TRO_CONV_AXES - 1; a++) {
        int64_t i;
        if (!input_at(&c->axis[a], s->at[a], tap[a], &i))
            return NULL;
        offset += i * c->axis[a].x_stride;
    }
    return rows->x + offset;
}

/* ---- channels last ------------------------------------------------------------------------ */

/* Channels [c0, c1) under one tap of the last axis. This and what calls it tell whether any pixel
 * was inside. */
static bool gather_tap(const struct tro_conv_rows *rows, const struct segment *s, const float *line,
                       int64_t tap, int64_t c0, int64_t c1, float *dst)
{
    const struct tro_conv_f32 *const c = rows->conv;
    const struct tro_conv_axis *const a = &c->axis[TRO_CONV_AXES - 1];
    const int64_t o = s->at[TRO_CONV_AXES - 1], n = c1 - c0;
    int64_t first = 0, last = 0;
    if (line)
        inside(a, o, s->n, tap, tap, &first, &last);
    zero_rows(dst, s->pitch, first, n);
    zero_rows(dst + last * s->pitch, s->pitch, s->n - last, n);
    if (first == last)
        return false;
    const int64_t i = (o + first) * a->stride - a->pad + tap * a->dilation;
    c->plan.set->copy(dst + first * s->pitch, s->pitch, line + i * a->x_stride + c0,
                      a->stride * a->x_stride, last - first, n);
    return true;
}

/* Part [begin, end) of the taps of one line, which lie one after the other in x as in k: pixels
 * with all taps inside are copied at once. */
static bool gather_line(const struct tro_conv_rows *rows, const struct segment *s,
                        const float *line, int64_t begin, int64_t end, float *dst)
{
    const struct tro_conv_f32 *const c = rows->conv;
    const struct tro_conv_axis *const a = &c->axis[TRO_CONV_AXES - 1];
    const bool is_whole = a->dilation == 1 && a->x_stride == c->channels && a->kernel > 1;
    int64_t first = 0, last = 0;
    if (is_whole && line)
        inside(a, s->at[TRO_CONV_AXES - 1], s->n, 0, a->kernel - 1, &first, &last);
    if (first < last) {
        const int64_t i = (s->at[TRO_CONV_AXES - 1] + first) * a->stride - a->pad;
        c->plan.set->copy(dst + first * s->pitch, s->pitch, line + i * a->x_stride + begin,
                          a->stride * a->x_stride, last - first, end - begin);
    }
    bool any = first < last;
    for (int part = 0; part < 2; part++) {
        struct segment edge = *s;
        const int64_t skip = part ? last : 0;
        edge.at[TRO_CONV_AXES - 1] += skip;
        edge.n = part ? s->n - last : first;
        for (int64_t k = begin; k < end && edge.n > 0;) {
            const int64_t tap = k / c->channels, c0 = k % c->channels;
            const int64_t most = c0 + end - k, c1 = most < c->channels ? most : c->channels;
            any |= gather_tap(rows, &edge, line, tap, c0, c1, dst + skip * s->pitch + (k - begin));
            k += c1 - c0;
        }
    }
    return any;
}

static bool gather_segment(const struct tro_conv_rows *rows, const struct segment *s, int64_t k,
                           int64_t n_k)
{
    bool any = false;
    const struct tro_conv_f32 *const c = rows->conv;
    const int64_t per_line = c->axis[TRO_CONV_AXES - 1].kernel * c->channels;
    for (int64_t at = k; at < k + n_k;) {
        const int64_t line = at / per_line, begin = at % per_line;
        const int64_t most = begin + k + n_k - at, end = most < per_line ? most : per_line;
        const int64_t tap[TRO_CONV_AXES] = {line / c->axis[1].kernel, line % c->axis[1].kernel};
        any |= gather_line(rows, s, line_of(rows, s, tap), begin, end, s->dst + (at - k));
        at += end - begin;
    }
    return any;
}

const float *tro_conv_gather(const void *ctx, int64_t row, int64_t n_rows, int64_t k, int64_t n_k,
                             float *room, int64_t *pitch)
{
    const struct tro_conv_rows *const rows = ctx;
    *pitch = n_k;
    struct segment s = {.pitch = n_k};
    bool any = n_k == 0;
    for (int64_t done = 0; done < n_rows; done += s.n) {
        find_segment(rows->conv, row + done, n_rows - done, &s);
        s.dst = room + done * n_k;
        any |= gather_segment(rows, &s, k, n_k);
    }
    return any ? room : NULL;
}

const float *tro_conv_direct(const void *ctx, int64_t row, int64_t n_rows, int64_t k, int64_t n_k,
                             float *room, int64_t *pitch)
{
    (void)n_rows, (void)n_k, (void)room;
    const struct tro_conv_rows *const rows = ctx;
    *pitch = rows->conv->axis[TRO_CONV_AXES - 1].x_stride;
    return rows->x + row * *pitch + k;
}

/* ---- planes ------------------------------------------------------------------------------- */

/* n windows of `kernel` elements without gaps, `step` apart. */
static inline __attribute__((always_inline)) void copy_windows(float *dst, int64_t pitch,
                                                               const float *src, int64_t step,
                                                               int64_t n, size_t kernel)
{
    for (int64_t i = 0; i < n; i++, dst += pitch, src += step)
        memcpy(dst, src, kernel * sizeof *dst);
}

static void copy_whole(float *dst, int64_t pitch, const float *src, const struct tro_conv_axis *a,
                       int64_t n)
{
    if (a->dilation != 1)
        for (int64_t i = 0; i < n; i++)
            for (int64_t t = 0; t < a->kernel; t++)
                dst[i * pitch + t] = src[i * a->stride + t * a->dilation];
    else if (a->kernel == 3)
        copy_windows(dst, pitch, src, a->stride, n, 3);
    else if (a->kernel == 7)
        copy_windows(dst, pitch, src, a->stride, n, 7);
    else
        copy_windows(dst, pitch, src, a->stride, n, (size_t)a->kernel);
}

/* The windows of one channel's line. */
static void gather_windows(const struct tro_conv_axis *a, const struct segment *s,
                           const float *line, float *dst)
{
    const int64_t o = s->at[TRO_CONV_AXES - 1];
    int64_t first = 0, last = 0;
    if (line)
        inside(a, o, s->n, 0, a->kernel - 1, &first, &last);
    if (first < last)
        copy_whole(dst + first * s->pitch, s->pitch, line + (o + first) * a->stride - a->pad, a,
                   last - first);
    for (int64_t p = 0; p < s->n; p++) {
        if (p == first)
            p = last;
        for (int64_t t = 0; t < a->kernel && p < s->n; t++) {
            int64_t i;
            const bool is_in = line && input_at(a, o + p, t, &i);
            dst[p * s->pitch + t] = is_in ? line[i] : 0;
        }
    }
}

/* k is not cut: all of it fits a block. */
const float *tro_conv_gather_planes(const void *ctx, int64_t row, int64_t n_rows, int64_t k,
                                    int64_t n_k, float *room, int64_t *pitch)
{
    (void)k;
    const struct tro_conv_rows *const rows = ctx;
    const struct tro_conv_f32 *const c = rows->conv;
    *pitch = n_k;
    struct segment s = {.pitch = n_k};
    for (int64_t done = 0; done < n_rows; done += s.n) {
        find_segment(c, row + done, n_rows - done, &s);
        float *dst = room + done * n_k;
        for (int64_t line = 0; line < c->channels * c->axis[0].kernel * c->axis[1].kernel; line++) {
            const int64_t channel = line / (c->axis[0].kernel * c->axis[1].kernel);
            const int64_t tap[TRO_CONV_AXES] = {line / c->axis[1].kernel % c->axis[0].kernel,
                                                line % c->axis[1].kernel};
            const float *const x = line_of(rows, &s, tap);
            gather_windows(&c->axis[TRO_CONV_AXES - 1], &s, x ? x + channel * c->x_channel : NULL,
                           dst);
            dst += c->axis[TRO_CONV_AXES - 1].kernel;
        }
    }
    return room;
}
