/* SPDX-License-Identifier: Apache-2.0 */
/* Emitters of conv_int and conv_transpose_int as products: rows of a are what windows see, tap by
 * tap, channels last. */
#include "cpu/cpu.h"
#include "cpu/int8.h"

#include "base/dtype.h"
#include "base/err.h"

#include <string.h>

struct conv {
    struct tro_win win;
    struct tro_pitch x;
    int64_t channels;    /* of a group */
    int64_t first, last; /* windows along the width with all taps inside */
    int64_t line;        /* pixels of a line that its windows see */
    bool has_planes;     /* x is read plane by plane: few channels */
    int64_t plane;       /* then from one to the next */
};

/* Windows next to each other along the width, of which `to` gets one every `pitch` bytes. */
struct windows {
    int64_t ow, n;
    uint8_t *to;
    int64_t pitch;
    uint8_t pad;
};

static void fill(const struct windows *s, int64_t begin, int64_t n)
{
    for (int64_t i = 0; i < s->n && n > 0; i++)
        memset(s->to + i * s->pitch + begin, s->pad, (size_t)n);
}

/* Taps [first, last) of one row of the windows, all of them inside. */
static void copy_taps(const struct tro_int8 *p, const struct conv *v, const uint8_t *row,
                      const struct windows *s, int64_t first, int64_t last)
{
    const int64_t c = v->channels, pitch = v->x.at[TRO_W], d = v->win.dilation[TRO_W];
    const int64_t stride = v->win.stride[TRO_W], at = s->ow * stride - v->win.pad[TRO_W];
    const bool is_whole = pitch == c && d == 1;
    const int64_t step = is_whole ? last - first : 1;
    for (int64_t k = first; k < last; k += step)
        p->level->copy(s->to + k * c, s->pitch, row + (at + k * d) * pitch, stride * pitch, s->n,
                       step * c, p->flip_a);
}

/* A window that hangs over the edge. */
static void gather_edge(const struct tro_int8 *p, const struct conv *v, const uint8_t *row,
                        const struct windows *s, int64_t i)
{
    const struct windows one = {s->ow + i, 1, s->to + i * s->pitch, 0, s->pad};
    const int64_t c = v->channels;
    int64_t first, last;
    tro_win_taps(&v->win, TRO_W, one.ow, &first, &last);
    fill(&one, 0, first * c);
    copy_taps(p, v, row, &one, first, last);
    fill(&one, last * c, (v->win.kernel[TRO_W] - last) * c);
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static void gather_row(const struct tro_int8 *p, const struct conv *v, const uint8_t *row,
                       const struct windows *s)
{
    const int64_t first = clamp(v->first - s->ow, 0, s->n);
    const int64_t last = clamp(v->last - s->ow, first, s->n);
    const struct windows inside = {s->ow + first, last - first, s->to + first * s->pitch, s->pitch,
                                   s->pad};
    for (int64_t i = 0; i < first; i++)
        gather_edge(p, v, row, s, i);
    if (inside.n > 0)
        copy_taps(p, v, row, &inside, 0, v->win.kernel[TRO_W]);
    for (int64_t i = last; i < s->n; i++)
        gather_edge(p, v, row, s, i);
}

static void gather_windows(const struct tro_int8 *p, const struct conv *v, const uint8_t *x,
                           const int64_t *o, struct windows s)
{
    const struct tro_win *const g = &v->win;
    const int64_t n = g->kernel[TRO_W] * v->channels;
    for (int64_t kd = 0; kd < g->kernel[TRO_D]; kd++) {
        const int64_t d = o[TRO_D] * g->stride[TRO_D] - g->pad[TRO_D] + kd * g->dilation[TRO_D];
        for (int64_t kh = 0; kh < g->kernel[TRO_H]; kh++, s.to += n) {
            const int64_t h = o[TRO_H] * g->stride[TRO_H] - g->pad[TRO_H] + kh * g->dilation[TRO_H];
            if (d < 0 || d >= g->in[TRO_D] || h < 0 || h >= g->in[TRO_H])
                fill(&s, 0, n);
            else
                gather_row(p, v, x + d * v->x.at[TRO_D] + h * v->x.at[TRO_H], &s);
        }
    }
}

static void gather(const struct tro_int8 *p, const struct tro_step_run *r, int64_t group,
                   int64_t first, int64_t n, uint8_t *to, int64_t to_pitch)
{
    const struct conv *const v = p->ctx;
    const struct tro_win *const g = &v->win;
    const uint8_t pad = (uint8_t)tro_int8_zero_a(p, r, 0);
    const uint8_t *const x = (const uint8_t *)tro_arg_ptr(r, &p->a) + group * v->channels;
    const int64_t row = first / g->out[TRO_W], plane = row / g->out[TRO_H];
    int64_t o[TRO_N_SPATIAL] = {plane % g->out[TRO_D], row % g->out[TRO_H], first % g->out[TRO_W]};
    int64_t picture = plane / g->out[TRO_D];
    for (int64_t i = 0; i < n;) {
        const int64_t left = g->out[TRO_W] - o[TRO_W], some = n - i < left ? n - i : left;
        gather_windows(p, v, x + picture * v->x.n, o,
                       (struct windows){o[TRO_W], some, to + i * to_pitch, to_pitch, pad});
        i += some;
        o[TRO_W] += some - 1;
        for (int d = TRO_W; d >= 0 && ++o[d] == g->out[d]; d--) {
            o[d] = 0;
            picture += d == 0;
        }
    }
}

/* ---- lines -------------------------------------------------------------------------------- */

/* n pixels of a line, `room` bytes for each. What is behind the channels of a pixel needs no value:
 * the few channels of a picture are moved four bytes at a time, but for the last pixel, behind
 * which there may be no memory. */
static void copy_pixels(const struct tro_int8 *p, const struct conv *v, const uint8_t *from,
                        int64_t n, uint8_t *to)
{
    const int64_t c = v->channels, pitch = v->x.at[TRO_W], room = p->s.w.room;
    const uint32_t flip = p->flip_a * 0x01010101U;
    int64_t i = 0;
    if (v->plane) {
        const uint8_t *const planes[3] = {from, from + (c > 1 ? v->plane : 0),
                                          from + (c > 2 ? 2 * v->plane : 0)};
        p->level->weave(to, planes, n, p->flip_a);
        return;
    }
    if (pitch == c && room == c) {
        p->level->copy(to, 0, from, 0, 1, n * c, p->flip_a);
        return;
    }
    for (uint32_t four; c < 4 && i + 3 / pitch + 1 < n; i++, to += room, from += pitch) {
        memcpy(&four, from, 4);
        four ^= flip;
        memcpy(to, &four, 4);
    }
    p->level->copy(to, room, from, pitch, n - i, c, p->flip_a);
}

/* A line as its windows see it: input, and what is beside it. */
static void fill_line(const struct tro_int8 *p, const struct conv *v, const uint8_t *row,
                      uint8_t pad, uint8_t *to)
{
    const struct tro_win *const g = &v->win;
    const int64_t room = p->s.w.room, left = g->pad[TRO_W] < v->line ? g->pad[TRO_W] : v->line;
    const int64_t most = v->line - left, n = !row ? 0 : g->in[TRO_W] < most ? g->in[TRO_W] : most;
    memset(to, pad, (size_t)(left * room));
    if (n > 0)
        copy_pixels(p, v, row, n, to + left * room);
    memset(to + (left + n) * room, pad, (size_t)((most - n) * room));
}

static void fill_lines(const struct tro_int8 *p, const struct tro_step_run *r, int64_t group,
                       int64_t first, int64_t n, uint8_t *to)
{
    const struct conv *const v = p->ctx;
    const struct tro_win *const g = &v->win;
    const struct tro_int8_lines *const lines = &p->s.lines;
    const uint8_t pad = (uint8_t)tro_int8_zero_a(p, r, 0);
    const int64_t plane = first / g->out[TRO_H], picture = plane / g->out[TRO_D];
    const uint8_t *const x = (const uint8_t *)tro_arg_ptr(r, &p->a) + group * v->channels +
                             picture * v->x.n + plane % g->out[TRO_D] * v->x.at[TRO_D];
    const int64_t h = first % g->out[TRO_H] * g->stride[TRO_H] - g->pad[TRO_H];
    for (int64_t i = 0; i < (n - 1) * lines->stride + lines->span; i++, to += lines->line_step) {
        const bool is_inside = h + i >= 0 && h + i < g->in[TRO_H];
        fill_line(p, v, is_inside ? x + (h + i) * v->x.at[TRO_H] : NULL, pad, to);
    }
}

/* Windows of one plane whose taps along the width are neighbours. */
static void describe_lines(struct tro_int8_shape *s, struct conv *v)
{
    const struct tro_win *const g = &v->win;
    const int64_t room = (v->channels + 3) / 4 * 4, taps = g->kernel[TRO_W];
    if (g->kernel[TRO_D] != 1 || g->stride[TRO_D] != 1 || g->in[TRO_D] != g->out[TRO_D] ||
        g->pad[TRO_D] != 0 || (taps > 1 && g->dilation[TRO_W] != 1))
        return;
    v->line = (g->out[TRO_W] - 1) * g->stride[TRO_W] + taps;
    s->lines = (struct tro_int8_lines){.out_w = g->out[TRO_W],
                                       .out_h = g->out[TRO_H],
                                       .span = (g->kernel[TRO_H] - 1) * g->dilation[TRO_H] + 1,
                                       .stride = g->stride[TRO_H],
                                       .line_step = (v->line * room + 63) / 64 * 64,
                                       .pitch = g->stride[TRO_W] * room,
                                       .n_runs = g->kernel[TRO_H]};
    s->lines.run_step = g->dilation[TRO_H] * s->lines.line_step;
}

/* The few channels of a picture that lies in planes are put together on their way into lines. */
static void take_planes(const struct tro_lowering *l, const struct tro_node *n,
                        struct tro_int8_shape *s, struct conv *v)
{
    struct tro_tensor w;
    const struct tro_arg place = tro_lower_place(l, n->in[0]);
    v->has_planes = s->lines.out_w > 0 && v->channels < 4 && s->w.n_groups == 1 && !s->zero_b.i &&
                    tro_lower_type(l, s->b, &w) && w.dtype == TRO_I8 && tro_arg_is_rows(&place) &&
                    !tro_arg_is_channels_last(&place);
    s->needs_lines = v->has_planes;
    if (v->has_planes)
        s->a_form = TRO_FORM_ROWS;
}

/* Rows that lie behind each other at one pitch, in the kernel's own form. */
static int64_t direct_pitch(const struct tro_int8 *p, const struct conv *v)
{
    const struct tro_win *const g = &v->win;
    const int64_t w = v->x.at[TRO_W], h = v->x.at[TRO_H], d = v->x.at[TRO_D];
    for (int i = 0; i < TRO_N_SPATIAL; i++)
        if (g->kernel[i] != 1 || g->stride[i] != 1 || g->pad[i] != 0 || g->in[i] != g->out[i])
            return 0;
    const bool is_even = (g->in[TRO_H] == 1 || h == w * g->in[TRO_W]) &&
                         (g->in[TRO_D] == 1 || d == w * g->in[TRO_W] * g->in[TRO_H]) &&
                         (g->n == 1 || v->x.n == w * g->in[TRO_W] * g->in[TRO_H] * g->in[TRO_D]);
    return v->has_planes || p->flip_a || p->s.w.n_groups > 1 || v->channels % 4 || !is_even ||
                   w % 1024 == 0
               ? 0
               : w;
}

static bool describe(struct tro_lowering *l, const struct tro_lower_node *n,
                     struct tro_int8_shape *s, struct conv *v)
{
    const struct tro_attrs_conv *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor x, w;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], &w) ||
        !tro_lower_type(l, node->out[0], &s->y) || x.rank < 3 || a->group < 1 ||
        !tro_win_init(&v->win, &x, &s->y, w.shape + 2, &a->strides, &a->dilations, &a->pads,
                      a->auto_pad))
        return false;
    const int64_t n_taps = v->win.n_taps;
    tro_win_interior(&v->win, TRO_W, &v->first, &v->last);
    v->channels = w.shape[1];
    s->a = node->in[0];
    s->a_form = TRO_FORM_CHANNELS_LAST;
    s->a_dtype = x.dtype;
    s->b = node->in[1];
    s->zero_a = node->n_in > 2 ? node->in[2] : TRO_VALUE_NONE;
    s->zero_b = node->n_in > 3 ? node->in[3] : TRO_VALUE_NONE;
    s->w = (struct tro_int8_weights){.n_groups = a->group,
                                     .k = n_taps * v->channels,
                                     .n = w.shape[0] / a->group,
                                     .n_each = w.shape[0] / a->group,
                                     .group_step = w.shape[0] / a->group * n_taps * v->channels,
                                     .col_step = n_taps * v->channels,
                                     .inner = v->channels,
                                     .inner_step = n_taps,
                                     .outer_step = 1};
    s->m = s->y.shape[0];
    s->row_axes[s->n_row_axes++] = 0;
    s->each[0] = 1;
    for (int i = 2; i < s->y.rank; i++) {
        s->m *= s->y.shape[i];
        s->row_axes[s->n_row_axes++] = i;
        s->each[i] = 1;
    }
    s->col_axis = 1;
    s->out_form = TRO_FORM_CHANNELS_LAST;
    describe_lines(s, v);
    take_planes(l, node, s, v);
    return true;
}

static int emit(struct tro_lowering *l, const struct tro_lower_node *n,
                const struct tro_int8_shape *s, struct conv *v)
{
    struct tro_int8 at;
    const int rc = tro_int8_begin(l, n, s, &at);
    if (rc <= 0)
        return rc;
    v->x = tro_pitch_of(&at.a);
    v->plane = v->has_planes ? at.a.stride[1] : 0;
    at.gather = gather;
    at.fill_lines = fill_lines;
    at.ctx = v;
    at.direct_pitch = direct_pitch(&at, v);
    return tro_int8_emit(l, n, &at);
}

typedef bool describe_fn(struct tro_lowering *l, const struct tro_lower_node *n,
                         struct tro_int8_shape *s, struct conv *v);

static int emit_described(struct tro_lowering *l, const struct tro_lower_node *n, describe_fn *fn)
{
    struct tro_int8_shape s = {0};
    struct conv *const v = TRO_NEW(tro_lower_arena(l), struct conv);
    if (!v)
        return tro_fail_nomem(tro_lower_err(l));
    return fn(l, n, &s, v) ? emit(l, n, &s, v) : 0;
}

int tro_cpu_emit_conv_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    return emit_described(l, n, describe);
}

/* ---- conv_transpose_int --------------------------------------------------------------------- */

static bool describe_transpose(struct tro_lowering *l, const struct tro_lower_node *n,
                               struct tro_int8_shape *s, struct conv *v)
{
    const struct tro_node *const node = n->node;
    struct tro_tensor x, w;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], &w) ||
        !tro_lower_type(l, node->out[0], &s->y) ||
        !tro_win_init_tiles(&v->win, n->attrs, &x, &w, &s->y))
        return false;
    const int64_t n_taps = tro_tensor_n_elems(&w) / (w.shape[0] * w.shape[1]);
    v->last = v->win.out[TRO_W];
    v->channels = w.shape[0];
    s->a = node->in[0];
    s->a_form = TRO_FORM_CHANNELS_LAST;
    s->a_dtype = x.dtype;
    s->b = node->in[1];
    s->zero_a = node->n_in > 2 ? node->in[2] : TRO_VALUE_NONE;
    s->zero_b = node->n_in > 3 ? node->in[3] : TRO_VALUE_NONE;
    s->w = (struct tro_int8_weights){.n_groups = 1,
                                     .k = v->channels,
                                     .n = n_taps * w.shape[1],
                                     .n_each = w.shape[1],
                                     .col_step = n_taps,
                                     .tap_step = 1,
                                     .inner = v->channels,
                                     .inner_step = n_taps * w.shape[1]};
    s->m = x.shape[0];
    s->row_axes[s->n_row_axes++] = 0;
    s->each[0] = 1;
    for (int i = 2; i < x.rank; i++) {
        s->m *= x.shape[i];
        s->row_axes[s->n_row_axes++] = i;
        s->each[i] = w.shape[i];
    }
    s->col_axis = 1;
    s->out_form = TRO_FORM_CHANNELS_LAST;
    return true;
}

int tro_cpu_emit_conv_transpose_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    return emit_described(l, n, describe_transpose);
}
