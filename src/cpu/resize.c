/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of resize: nearest for every type, the rest in float32. */
#include "cpu/resize.h"
#include "cpu/cpu.h"
#include "cpu/tile.h"

#include "base/cpu.h"
#include "base/err.h"

#include <math.h>

#define RESIZE_FN tro_resize_f32__generic
#define RESIZE_PLANE_FN tro_resize_plane_f32__generic
#include "cpu/resize_tmpl.h"

enum { TILE_COLS = 32 /* results handed to a general epilogue at once */ };

struct params {
    tro_resize_fn *fn;
    struct tro_tile *tile; /* NULL: copies elements */
    struct tro_arg x, out; /* out: unless the epilogue is general */
    bool is_general;
    float lo, hi;
    struct tro_resize_axes axes;
    size_t tile_scratch;
};

struct level {
    uint32_t flag;
    tro_resize_fn *fn;
    const char *name;
};

/* Best first. */
static const struct level levels[] = {
#if defined(__x86_64__)
    {TRO_CPU_AVX512, tro_resize_f32__avx512, "resize_f32__avx512"},
    {TRO_CPU_AVX2, tro_resize_f32__avx2, "resize_f32__avx2"},
#elif defined(__aarch64__)
    {TRO_CPU_NEON, tro_resize_f32__neon, "resize_f32__neon"},
#endif
    {0, tro_resize_f32__generic, "resize_f32__generic"},
};

static const struct level *pick(uint32_t flags)
{
    const struct level *l = levels;
    while ((l->flag & flags) != l->flag)
        l++;
    return l;
}

/* ---- steps --------------------------------------------------------------------------------- */

static inline void copy_bytes(char *to, const char *from, int64_t n)
{
    switch (n) {
#define CASE(bytes)              \
    case bytes:                  \
        memcpy(to, from, bytes); \
        return;
        CASE(1)
        CASE(2)
        CASE(4)
        CASE(8)
        CASE(12)
        CASE(16)
        CASE(64)
#undef CASE
    default:
        memcpy(to, from, (size_t)n);
    }
}

/* n_w results of n bytes each. */
static void copy_row(const struct params *p, char *to, int64_t to_pitch, const char *from,
                     int64_t pitch)
{
    const struct tro_blend *const w = p->axes.blend[TRO_W];
    const int64_t n = p->axes.c * p->axes.size;
    for (int64_t i = 0; i < p->axes.n_out[TRO_W]; i++)
        copy_bytes(to + i * to_pitch * p->axes.size, from + w[i].index[0] * pitch * p->axes.size,
                   n);
}

static void general_row(const struct params *p, const struct tro_step_run *r,
                        struct tro_resize_row *row, int64_t *index)
{
    row->out = (void *)((char *)r->scratch + p->tile_scratch);
    row->out_pitch = p->axes.c;
    for (int64_t w = 0; w < p->axes.n_out[TRO_W]; w += TILE_COLS) {
        const int64_t left = p->axes.n_out[TRO_W] - w;
        row->w = p->axes.blend[TRO_W] + w;
        row->n_w = left < TILE_COLS ? left : TILE_COLS;
        index[p->axes.rank - 1] = w;
        p->fn(row);
        tro_tile_run(p->tile, r, index, row->n_w, p->axes.c, row->out, p->axes.c, r->scratch);
    }
}

static void one_row(const struct params *p, const struct tro_step_run *r, int64_t n, int64_t d,
                    int64_t h)
{
    const struct tro_pitch from = tro_pitch_of(&p->x), to = tro_pitch_of(&p->out);
    const struct tro_blend *const bd = &p->axes.blend[TRO_D][d], *const bh =
                                                                     &p->axes.blend[TRO_H][h];
    const char *const x = (const char *)tro_arg_ptr(r, &p->x) + n * from.n * p->axes.size;
    char *const out = p->is_general
                          ? NULL
                          : (char *)tro_arg_ptr(r, &p->out) +
                                (n * to.n + d * to.at[TRO_D] + h * to.at[TRO_H]) * p->axes.size;
    if (!p->tile) {
        const int64_t at = bd->index[0] * from.at[TRO_D] + bh->index[0] * from.at[TRO_H];
        copy_row(p, out, to.at[TRO_W], x + at * p->axes.size, from.at[TRO_W]);
        return;
    }
    struct tro_resize_row row = {.x = (const float *)(const void *)x,
                                 .out = (float *)(void *)out,
                                 .out_pitch = to.at[TRO_W],
                                 .n_channels = p->axes.c,
                                 .n_w = p->axes.n_out[TRO_W],
                                 .d = bd,
                                 .h = bh,
                                 .w = p->axes.blend[TRO_W],
                                 .pitch = {from.at[TRO_D], from.at[TRO_H], from.at[TRO_W]},
                                 .lo = p->lo,
                                 .hi = p->hi};
    if (!p->is_general) {
        p->fn(&row);
        return;
    }
    const int64_t at[TRO_N_SPATIAL] = {d, h, 0};
    int64_t index[TRO_MAX_RANK] = {n};
    for (int i = 2; i < p->axes.rank; i++)
        index[i] = at[TRO_N_SPATIAL - p->axes.rank + i];
    general_row(p, r, &row, index);
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const int64_t n_h = p->axes.n_out[TRO_H], n_rows = p->axes.n_out[TRO_D] * n_h;
    int64_t begin, end;
    tro_part_range(p->axes.n * n_rows, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        one_row(p, r, i / n_rows, i % n_rows / n_h, i % n_h);
    return 0;
}

/* ---- emitter ------------------------------------------------------------------------------- */

static int place_out(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p)
{
    const struct tro_attrs_resize *const a = n->attrs;
    p->lo = -INFINITY;
    p->hi = INFINITY;
    if (a->mode == tro_resize_mode_nearest && n->n_epilogue == 0) {
        const int rc = tro_lower_out(l, n, 0, TRO_FORM_CHANNELS_LAST, false, &p->out);
        return rc < 0 ? rc : 1;
    }
    const int rc = tro_tile_compile(l, n, TRO_F32, p->axes.rank - 1, 1, TRO_FORM_CHANNELS_LAST,
                                    &p->tile);
    if (rc <= 0)
        return rc;
    p->is_general = tro_tile_kind(p->tile) != TRO_TILE_CLAMP;
    if (p->is_general) {
        p->tile_scratch = (tro_tile_scratch(p->tile) + 63) / 64 * 64;
        return 1;
    }
    tro_tile_clamp(p->tile, &p->lo, &p->hi);
    p->out = *tro_tile_out(p->tile);
    return 1;
}

static bool has_type(const struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_resize *const a = n->attrs;
    struct tro_tensor x;
    return tro_lower_type(l, n->node->in[0], &x) &&
           (x.dtype == TRO_F32 || (a->mode == tro_resize_mode_nearest && n->n_epilogue == 0));
}

int tro_cpu_emit_resize(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct params at = {0}, *p;
    if (!has_type(l, n))
        return 0;
    int rc = tro_resize_axes_find(l, n, &at.axes);
    if (rc <= 0)
        return rc;
    rc = place_out(l, n, &at);
    if (rc <= 0)
        return rc;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_CHANNELS_LAST, &at.x));
    const struct level *const level = pick(tro_lower_cpu(l));
    at.fn = level->fn;
    const int n_in = 1 + (at.tile ? tro_tile_n_in(at.tile) : 0);
    const int n_out = at.tile ? tro_tile_n_out(at.tile) : 1;
    struct tro_step *const s = tro_lower_step(l, n, at.tile ? level->name : "resize_nearest", run,
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
    const int64_t n_rows = at.axes.n * at.axes.n_out[TRO_D] * at.axes.n_out[TRO_H];
    const double n_results = (double)(n_rows * at.axes.c) * (double)at.axes.n_out[TRO_W];
    s->n_parts = (int)(n_rows < 4096 ? n_rows : 4096);
    if (at.tile)
        s->n_flops = n_results * (2 * at.axes.n_taps + tro_tile_flops(at.tile));
    if (at.is_general)
        s->scratch_bytes = at.tile_scratch + (size_t)(at.axes.c * TILE_COLS) * sizeof(float);
    return 1;
}
