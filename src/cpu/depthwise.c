/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of depthwise convolutions. Work is cut into rows of windows times chunks of channels. */
#include "cpu/cpu.h"
#include "cpu/tile.h"

#include "base/cpu.h"
#include "base/err.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEPTHWISE_FN tro_depthwise_f32__generic
#include "cpu/depthwise_tmpl.h"

enum {
    CHUNK = 128,   /* channels, so that the rows a filter sees stay in the first-level cache */
    TILE_COLS = 32 /* windows handed to a general epilogue at once */
};

struct params {
    struct tro_depthwise d;
    tro_depthwise_fn *run;
    struct tro_tile *tile;
    enum tro_tile_kind kind;
    struct tro_arg x, w, bias, out, other; /* out, other: of simple epilogues */
    int rank;
    int64_t n_channels, chunk, n_chunks;
    size_t tile_scratch;
};

struct level {
    uint32_t flag;
    tro_depthwise_fn *run;
    const char *name;
};

/* Best first. */
static const struct level levels[] = {
#if defined(__x86_64__)
    {TRO_CPU_AVX512, tro_depthwise_f32__avx512, "depthwise_f32_8x16__avx512"},
    {TRO_CPU_AVX2, tro_depthwise_f32__avx2, "depthwise_f32_8x8__avx2"},
#elif defined(__aarch64__)
    {TRO_CPU_NEON, tro_depthwise_f32__neon, "depthwise_f32_8x4__neon"},
#endif
    {0, tro_depthwise_f32__generic, "depthwise_f32_8x4__generic"},
};

static const struct level *pick(uint32_t flags)
{
    const struct level *l = levels;
    while ((l->flag & flags) != l->flag)
        l++;
    return l;
}

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- weights ------------------------------------------------------------------------------- */

/* [c, 1, taps..] -> [taps][pitch] */
static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const int64_t c = w->shape[0], pitch = round_up(c, TRO_DEPTHWISE_PAD);
    const int64_t n_taps = c ? tro_tensor_n_elems(w) / c : 0;
    const float *const from = w->data;
    float *const to = dst;
    (void)ctx;
    memset(to, 0, (size_t)(pitch * n_taps) * sizeof(float));
    for (int64_t i = 0; i < c; i++)
        for (int64_t k = 0; k < n_taps; k++)
            to[k * pitch + i] = from[i * n_taps + k];
}

static int add_bias(struct tro_lowering *l, const struct tro_node *n, int64_t c,
                    struct tro_arg *out)
{
    const int64_t pitch = round_up(c, TRO_DEPTHWISE_PAD);
    struct tro_tensor bias;
    float *const v = TRO_NEW_N(tro_lower_arena(l), float, (size_t)pitch);
    if (!v)
        return tro_fail_nomem(tro_lower_err(l));
    if (n->n_in > 2 && n->in[2].i && tro_lower_const(l, n->in[2], &bias))
        memcpy(v, bias.data, (size_t)c * sizeof(float));
    return tro_lower_table(l, v, (size_t)pitch * sizeof(float), out);
}

/* ---- steps --------------------------------------------------------------------------------- */

static void row_simple(const struct params *p, const struct tro_step_run *r,
                       struct tro_depthwise_row *row, int64_t n, int64_t c)
{
    const struct tro_pitch to = tro_pitch_of(&p->out), add = tro_pitch_of(&p->other);
    row->out = (float *)tro_arg_ptr(r, &p->out) + n * to.n + row->d * to.at[TRO_D] +
               row->h * to.at[TRO_H] + c;
    row->out_pitch = to.at[TRO_W];
    if (p->kind == TRO_TILE_ADD_CLAMP) {
        row->other = (const float *)tro_arg_ptr(r, &p->other) + n * add.n + row->d * add.at[TRO_D] +
                     row->h * add.at[TRO_H] + c;
        row->other_pitch = add.at[TRO_W];
    }
    row->w_begin = 0;
    row->w_end = p->d.win.out[TRO_W];
    p->run(&p->d, row);
}

static void row_general(const struct params *p, const struct tro_step_run *r,
                        struct tro_depthwise_row *row, int64_t n, int64_t c)
{
    float *const acc = (void *)((char *)r->scratch + p->tile_scratch);
    int64_t index[TRO_MAX_RANK] = {n, c};
    const int64_t at[TRO_N_SPATIAL] = {row->d, row->h, 0};
    for (int i = 2; i < p->rank; i++)
        index[i] = at[TRO_N_SPATIAL - p->rank + i];
    row->out = acc;
    row->out_pitch = p->chunk;
    for (int64_t w = 0; w < p->d.win.out[TRO_W]; w += TILE_COLS) {
        const int64_t left = p->d.win.out[TRO_W] - w;
        row->w_begin = w;
        row->w_end = w + (left < TILE_COLS ? left : TILE_COLS);
        index[p->rank - 1] = w;
        p->run(&p->d, row);
        tro_tile_run(p->tile, r, index, row->w_end - w, row->n_channels, acc, p->chunk, r->scratch);
    }
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const struct tro_win *const g = &p->d.win;
    const int64_t n_rows = g->out[TRO_D] * g->out[TRO_H];
    int64_t begin, end;
    tro_part_range(g->n * p->n_chunks * n_rows, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / n_rows / p->n_chunks, c = i / n_rows % p->n_chunks * p->chunk;
        const int64_t left = p->n_channels - c;
        struct tro_depthwise_row row = {.x = (const float *)tro_arg_ptr(r, &p->x) + n * p->d.x.n +
                                             c,
                                        .w = (const float *)tro_arg_ptr(r, &p->w) + c,
                                        .bias = (const float *)tro_arg_ptr(r, &p->bias) + c,
                                        .d = i % n_rows / g->out[TRO_H],
                                        .h = i % n_rows % g->out[TRO_H],
                                        .n_channels = left < p->chunk ? left : p->chunk};
        if (p->kind == TRO_TILE_GENERAL)
            row_general(p, r, &row, n, c);
        else
            row_simple(p, r, &row, n, c);
    }
    return 0;
}

/* ---- emitter ------------------------------------------------------------------------------- */

static bool is_ours(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p)
{
    const struct tro_attrs_conv *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor x, w, bias, y;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], &w) ||
        !tro_lower_type(l, node->out[0], &y))
        return false;
    if (x.dtype != TRO_F32 || w.dtype != TRO_F32 || y.dtype != TRO_F32 || x.rank < 3 ||
        tro_tensor_n_elems(&y) == 0)
        return false;
    if (node->n_in > 2 && node->in[2].i && !tro_lower_const(l, node->in[2], &bias))
        return false;
    if (a->group < 2 || a->group != x.shape[1] || w.shape[0] != x.shape[1] || w.shape[1] != 1)
        return false;
    p->rank = x.rank;
    return tro_win_init(&p->d.win, &x, &y, w.shape + 2, &a->strides, &a->dilations, &a->pads,
                        a->auto_pad);
}

static int prepare(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p)
{
    const struct tro_win *const g = &p->d.win;
    p->n_channels = g->c;
    p->n_chunks = (g->c + CHUNK - 1) / CHUNK;
    p->chunk = round_up((g->c + p->n_chunks - 1) / p->n_chunks, TRO_DEPTHWISE_PAD);
    p->n_chunks = (g->c + p->chunk - 1) / p->chunk;
    p->d.w_pitch = round_up(g->c, TRO_DEPTHWISE_PAD);
    p->d.lo = -INFINITY;
    p->d.hi = INFINITY;
    p->kind = tro_tile_kind(p->tile);
    if (p->kind == TRO_TILE_ADD_CLAMP && !tro_arg_is_channels_last(tro_tile_other(p->tile)))
        p->kind = TRO_TILE_GENERAL;
    p->tile_scratch = 0;
    if (p->kind == TRO_TILE_GENERAL) {
        p->tile_scratch = (size_t)round_up((int64_t)tro_tile_scratch(p->tile), 64);
    } else {
        tro_tile_clamp(p->tile, &p->d.lo, &p->d.hi);
        p->out = *tro_tile_out(p->tile);
        if (p->kind == TRO_TILE_ADD_CLAMP)
            p->other = *tro_tile_other(p->tile);
    }
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_CHANNELS_LAST, &p->x));
    p->d.x = tro_pitch_of(&p->x);
    TRO_TRY(tro_lower_pack(l, n->node->in[1], "depthwise_f32",
                           (size_t)(p->d.w_pitch * g->n_taps) * sizeof(float), pack, NULL, &p->w));
    return add_bias(l, n->node, g->c, &p->bias);
}

int tro_cpu_emit_depthwise_f32(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct params at = {0}, *p;
    if (!is_ours(l, n, &at))
        return 0;
    const int rc = tro_tile_compile(l, n, TRO_F32, at.rank - 1, 1, TRO_FORM_CHANNELS_LAST,
                                    &at.tile);
    if (rc <= 0)
        return rc;
    TRO_TRY(prepare(l, n, &at));
    const struct level *const level = pick(tro_lower_cpu(l));
    at.run = level->run;
    const int n_in = 3 + tro_tile_n_in(at.tile), n_out = tro_tile_n_out(at.tile);
    struct tro_step *const s = tro_lower_step(l, n, level->name, run, n_in, n_out, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = at;
    s->in[0] = at.x;
    s->in[1] = at.w;
    s->in[2] = at.bias;
    tro_tile_list(at.tile, s->in + 3, s->out);
    s->inplace = tro_win_inplace(s, 3, tro_tile_inplace(at.tile));
    const struct tro_win *const g = &at.d.win;
    const int64_t n_rows = g->n * at.n_chunks * g->out[TRO_D] * g->out[TRO_H];
    const double n_results = (double)(g->n * g->c) * (double)g->out[TRO_D] *
                             (double)(g->out[TRO_H] * g->out[TRO_W]);
    s->n_parts = (int)(n_rows < 4096 ? n_rows : 4096);
    s->n_flops = n_results * (2 * (double)g->n_taps + tro_tile_flops(at.tile));
    if (at.kind == TRO_TILE_GENERAL)
        s->scratch_bytes = at.tile_scratch + (size_t)(at.chunk * TILE_COLS) * sizeof(float);
    return 1;
}
