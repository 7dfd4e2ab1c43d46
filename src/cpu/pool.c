/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitter of max and average pools. Windows of many taps are taken apart: along the width first,
 * into memory of the thread, then along the rest, so that n x n taps cost 2 n; sums of large
 * windows are also more accurate so.
 */
#include "cpu/pool.h"
#include "cpu/cpu.h"
#include "cpu/tile.h"

#include "base/cpu.h"
#include "base/err.h"

#include <math.h>

#define POOL_FN(kind) tro_pool_##kind##__generic
#include "cpu/pool_tmpl.h"

enum {
    TILE_COLS = 32,          /* windows handed to a general epilogue at once */
    MAX_DIRECT_TAPS = 9,     /* more are taken apart */
    GOOD_BYTES = 192 * 1024, /* of what lies between, with some room in the second-level cache */
    MAX_BYTES = 2 * 1024 * 1024,
    MIN_CHUNK = 16,
    MIN_UNITS = 32 /* that work is cut into, where there are channels enough */
};

struct params {
    struct tro_win win;
    tro_pool_fn *fn;
    struct tro_tile *tile; /* NULL: bytes, without epilogue */
    struct tro_arg x, out; /* out: unless the epilogue is general */
    bool is_general, is_mean, is_apart;
    uint8_t flip;
    float lo, hi;
    int rank;
    int64_t size, chunk, n_chunks; /* of an element; channels at a time */
    const struct tro_span *span[TRO_N_SPATIAL], *element[TRO_N_SPATIAL];
    size_t tile_scratch, between_bytes; /* of the thread, in this order; then a general tile */
};

struct level {
    uint32_t flag;
    tro_pool_fn *max_f32, *sum_f32, *max_8;
    const char *max_f32_name, *sum_f32_name, *max_8_name;
};

#define LEVEL(flag, level)                                                                   \
    {                                                                                        \
        flag, tro_pool_max_f32__##level, tro_pool_sum_f32__##level, tro_pool_max_8__##level, \
            "pool_max_f32__" #level, "pool_avg_f32__" #level, "pool_max_i8__" #level         \
    }
/* Best first. */
static const struct level levels[] = {
#if defined(__x86_64__)
    LEVEL(TRO_CPU_AVX512, avx512),
    LEVEL(TRO_CPU_AVX2, avx2),
#elif defined(__aarch64__)
    LEVEL(TRO_CPU_NEON, neon),
#endif
    LEVEL(0, generic),
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

/* ---- spans --------------------------------------------------------------------------------- */

/* Taps of window o that lie in the input or its padding. */
static int64_t padded_taps(const struct tro_win *w, int axis, int64_t o)
{
    const int64_t at = o * w->stride[axis] - w->pad[axis];
    const int64_t end = w->in[axis] + w->pad_end[axis];
    const int64_t n = at >= end ? 0 : (end - 1 - at) / w->dilation[axis] + 1;
    return n < w->kernel[axis] ? n : w->kernel[axis];
}

static int add_spans(struct tro_lowering *l, const struct tro_win *w, int axis, bool is_padded,
                     const struct tro_span **out)
{
    struct tro_span *const s = TRO_NEW_N(tro_lower_arena(l), struct tro_span, (size_t)w->out[axis]);
    if (!s)
        return tro_fail_nomem(tro_lower_err(l));
    for (int64_t o = 0; o < w->out[axis]; o++) {
        int64_t first, last;
        tro_win_taps(w, axis, o, &first, &last);
        s[o].n = last - first;
        if (s[o].n > 0)
            s[o].at = o * w->stride[axis] - w->pad[axis] + first * w->dilation[axis];
        s[o].count = (float)(is_padded ? padded_taps(w, axis, o) : s[o].n);
    }
    *out = s;
    return 0;
}

/* Every coordinate by itself; counts as in `like` where there is one. */
static int add_elements(struct tro_lowering *l, int64_t n, const struct tro_span *like,
                        const struct tro_span **out)
{
    struct tro_span *const s = TRO_NEW_N(tro_lower_arena(l), struct tro_span, (size_t)n);
    if (!s)
        return tro_fail_nomem(tro_lower_err(l));
    for (int64_t i = 0; i < n; i++)
        s[i] = (struct tro_span){i, 1, like ? like[i].count : 1};
    *out = s;
    return 0;
}

/* ---- steps --------------------------------------------------------------------------------- */

/* A row of results: to where they lie, or through the general epilogue. index: of its first. */
static void finish_row(const struct params *p, const struct tro_step_run *r,
                       struct tro_pool_row *row, int64_t *index, int64_t d, int64_t h)
{
    const int64_t n_w = p->win.out[TRO_W];
    const int64_t at[TRO_N_SPATIAL] = {d, h, 0};
    const struct tro_span *const w = row->w;
    for (int i = 2; i < p->rank; i++)
        index[i] = at[TRO_N_SPATIAL - p->rank + i];
    if (!p->is_general) {
        const struct tro_pitch to = tro_pitch_of(&p->out);
        row->out = (char *)tro_arg_ptr(r, &p->out) +
                   (index[0] * to.n + d * to.at[TRO_D] + h * to.at[TRO_H] + index[1]) * p->size;
        row->out_pitch = to.at[TRO_W];
        row->n_w = n_w;
        p->fn(row);
        return;
    }
    row->out = (char *)r->scratch + p->tile_scratch + p->between_bytes;
    row->out_pitch = p->chunk;
    for (int64_t i = 0; i < n_w; i += TILE_COLS) {
        row->w = w + i;
        row->n_w = n_w - i < TILE_COLS ? n_w - i : TILE_COLS;
        index[p->rank - 1] = i;
        p->fn(row);
        tro_tile_run(p->tile, r, index, row->n_w, row->n_channels, row->out, p->chunk, r->scratch);
    }
    row->w = w;
}

static struct tro_pool_row first_row(const struct params *p, const struct tro_step_run *r,
                                     int64_t n, int64_t c)
{
    const struct tro_pitch x = tro_pitch_of(&p->x);
    const int64_t left = p->win.c - c;
    struct tro_pool_row row = {.x = (char *)tro_arg_ptr(r, &p->x) + (n * x.n + c) * p->size,
                               .n_channels = left < p->chunk ? left : p->chunk,
                               .w = p->span[TRO_W],
                               .is_mean = p->is_mean,
                               .flip = p->flip,
                               .lo = p->lo,
                               .hi = p->hi};
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        row.pitch[i] = x.at[i];
        row.step[i] = x.at[i] * p->win.dilation[i];
    }
    return row;
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const int64_t n_h = p->win.out[TRO_H], n_rows = p->win.out[TRO_D] * n_h;
    int64_t begin, end;
    tro_part_range(p->win.n * p->n_chunks * n_rows, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t d = i % n_rows / n_h, h = i % n_rows % n_h;
        int64_t index[TRO_MAX_RANK] = {i / n_rows / p->n_chunks,
                                       i / n_rows % p->n_chunks * p->chunk};
        struct tro_pool_row row = first_row(p, r, index[0], index[1]);
        row.d = p->span[TRO_D] + d;
        row.h = p->span[TRO_H] + h;
        finish_row(p, r, &row, index, d, h);
    }
    return 0;
}

/* Windows along the width of every row of the input. */
static void pool_width(const struct params *p, const struct tro_step_run *r, int64_t n, int64_t c,
                       char *to)
{
    struct tro_pool_row row = first_row(p, r, n, c);
    row.is_mean = false;
    row.lo = -INFINITY;
    row.hi = INFINITY;
    row.n_w = p->win.out[TRO_W];
    row.out_pitch = p->chunk;
    for (int64_t d = 0; d < p->win.in[TRO_D]; d++) {
        for (int64_t h = 0; h < p->win.in[TRO_H]; h++) {
            row.d = p->element[TRO_D] + d;
            row.h = p->element[TRO_H] + h;
            row.out = to;
            p->fn(&row);
            to += row.n_w * p->chunk * p->size;
        }
    }
}

static void pool_rest(const struct params *p, const struct tro_step_run *r, int64_t n, int64_t c,
                      const char *from)
{
    struct tro_pool_row row = first_row(p, r, n, c);
    row.x = from;
    row.w = p->element[TRO_W];
    row.pitch[TRO_W] = p->chunk;
    row.pitch[TRO_H] = p->chunk * p->win.out[TRO_W];
    row.pitch[TRO_D] = row.pitch[TRO_H] * p->win.in[TRO_H];
    for (int i = 0; i < TRO_N_SPATIAL; i++)
        row.step[i] = row.pitch[i] * p->win.dilation[i];
    for (int64_t d = 0; d < p->win.out[TRO_D]; d++) {
        for (int64_t h = 0; h < p->win.out[TRO_H]; h++) {
            int64_t index[TRO_MAX_RANK] = {n, c};
            row.d = p->span[TRO_D] + d;
            row.h = p->span[TRO_H] + h;
            finish_row(p, r, &row, index, d, h);
        }
    }
}

static int run_apart(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    char *const between = (char *)r->scratch + p->tile_scratch;
    int64_t begin, end;
    tro_part_range(p->win.n * p->n_chunks, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / p->n_chunks, c = i % p->n_chunks * p->chunk;
        pool_width(p, r, n, c, between);
        pool_rest(p, r, n, c, between);
    }
    return 0;
}

/* ---- emitter ------------------------------------------------------------------------------- */

static bool is_ours(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p)
{
    const struct tro_attrs_pool *const a = n->attrs;
    const struct tro_node *const node = n->node;
    const struct level *const level = pick(tro_lower_cpu(l));
    struct tro_tensor x, y;
    if (a->kind == tro_pool_lp || (node->n_out > 1 && node->out[1].i))
        return false;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_type(l, node->out[0], &y) || x.rank < 3 ||
        tro_tensor_n_elems(&y) == 0)
        return false;
    const bool is_byte = x.dtype == TRO_I8 || x.dtype == TRO_U8;
    if (x.dtype != TRO_F32 && !(is_byte && a->kind == tro_pool_max && n->n_epilogue == 0))
        return false;
    p->rank = x.rank;
    p->size = is_byte ? 1 : 4;
    p->flip = x.dtype == TRO_I8 ? 0x80 : 0;
    p->is_mean = a->kind == tro_pool_avg;
    p->fn = is_byte ? level->max_8 : p->is_mean ? level->sum_f32 : level->max_f32;
    return tro_win_init(&p->win, &x, &y, a->kernel.v, &a->strides, &a->dilations, &a->pads,
                        a->auto_pad);
}

/* How channels are cut, and whether windows are taken apart. */
static void choose(struct params *p)
{
    const struct tro_win *const g = &p->win;
    const int64_t n_rows = g->n * g->out[TRO_D] * g->out[TRO_H];
    const int64_t between = g->in[TRO_D] * g->in[TRO_H] * g->out[TRO_W] * p->size;
    const int64_t all = round_up(g->c, MIN_CHUNK);
    const int64_t w_taps = g->kernel[TRO_W] < g->in[TRO_W] ? g->kernel[TRO_W] : g->in[TRO_W];
    p->is_apart = g->n_taps > MAX_DIRECT_TAPS && w_taps > 2 && g->n_taps / g->kernel[TRO_W] > 2 &&
                  between <= MAX_BYTES / MIN_CHUNK;
    int64_t n_units = p->is_apart ? g->n : n_rows;
    p->chunk = all;
    if (p->is_apart && between * p->chunk > GOOD_BYTES)
        p->chunk = round_up(GOOD_BYTES / between + 1, MIN_CHUNK);
    n_units = n_units > 0 ? n_units : 1;
    const int64_t n_wanted = (MIN_UNITS + n_units - 1) / n_units;
    const int64_t fair = round_up((all + n_wanted - 1) / n_wanted, MIN_CHUNK);
    const int64_t least = p->size == 1 ? 4 * MIN_CHUNK : 2 * MIN_CHUNK;
    const int64_t small = fair < least ? least : fair;
    if (p->chunk > small)
        p->chunk = small;
    p->n_chunks = (g->c + p->chunk - 1) / p->chunk;
    p->between_bytes = p->is_apart ? (size_t)round_up(between * p->chunk, 64) : 0;
}

static int add_tables(struct tro_lowering *l, const struct tro_attrs_pool *a, struct params *p)
{
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        TRO_TRY(add_spans(l, &p->win, i, a->count_include_pad != 0, &p->span[i]));
        const bool is_w = i == TRO_W;
        TRO_TRY(add_elements(l, is_w ? p->win.out[i] : p->win.in[i], is_w ? p->span[i] : NULL,
                             &p->element[i]));
    }
    return 0;
}

static int place_out(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p)
{
    p->lo = -INFINITY;
    p->hi = INFINITY;
    if (!p->tile)
        return tro_lower_out(l, n, 0, TRO_FORM_CHANNELS_LAST, false, &p->out);
    p->is_general = tro_tile_kind(p->tile) != TRO_TILE_CLAMP;
    if (p->is_general) {
        p->tile_scratch = (size_t)round_up((int64_t)tro_tile_scratch(p->tile), 64);
        return 0;
    }
    tro_tile_clamp(p->tile, &p->lo, &p->hi);
    p->out = *tro_tile_out(p->tile);
    return 0;
}

static const char *name_of(const struct tro_lowering *l, const struct params *p)
{
    const struct level *const level = pick(tro_lower_cpu(l));
    return p->size == 1 ? level->max_8_name
           : p->is_mean ? level->sum_f32_name
                        : level->max_f32_name;
}

int tro_cpu_emit_pool(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct params at = {0}, *p;
    if (!is_ours(l, n, &at))
        return 0;
    if (at.size == 4) {
        const int rc = tro_tile_compile(l, n, TRO_F32, at.rank - 1, 1, TRO_FORM_CHANNELS_LAST,
                                        &at.tile);
        if (rc <= 0)
            return rc;
    }
    choose(&at);
    TRO_TRY(place_out(l, n, &at));
    TRO_TRY(add_tables(l, n->attrs, &at));
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_CHANNELS_LAST, &at.x));
    const int n_in = 1 + (at.tile ? tro_tile_n_in(at.tile) : 0);
    const int n_out = at.tile ? tro_tile_n_out(at.tile) : 1;
    struct tro_step *const s = tro_lower_step(l, n, name_of(l, &at), at.is_apart ? run_apart : run,
                                              n_in, n_out, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = at;
    s->in[0] = at.x;
    if (at.tile) {
        tro_tile_list(at.tile, s->in + 1, s->out);
        s->inplace = tro_win_inplace(s, 1, tro_tile_inplace(at.tile));
    } else {
        s->out[0] = at.out;
    }
    const struct tro_win *const g = &at.win;
    const int64_t n_rows = g->out[TRO_D] * g->out[TRO_H];
    const int64_t n_units = g->n * at.n_chunks * (at.is_apart ? 1 : n_rows);
    const double n_results = (double)(g->n * g->c) * (double)(n_rows * g->out[TRO_W]);
    s->n_parts = (int)(n_units < 4096 ? n_units : 4096);
    s->n_flops = n_results * ((double)g->n_taps + (at.tile ? tro_tile_flops(at.tile) : 0));
    s->scratch_bytes = at.tile_scratch + at.between_bytes;
    if (at.is_general)
        s->scratch_bytes += (size_t)(at.chunk * TILE_COLS) * sizeof(float);
    return 1;
}
