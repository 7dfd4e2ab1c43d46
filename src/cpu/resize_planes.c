/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing of planes, for outputs of the graph, which are dense: written channels last they would
 * have to be turned around, and they are mostly the largest values of a network, of few channels.
 */
#include "cpu/resize.h"

#include "cpu/cpu.h"

#include "base/cpu.h"
#include "base/err.h"

struct params {
    tro_resize_plane_fn *fn;
    struct tro_resize_axes axes;
    struct tro_resize_width width;
    struct tro_arg x, out;
    int64_t n_d, n_h, n_taps; /* of the cache; most taps of a result but for the width */
};

static const struct level {
    uint32_t flag;
    tro_resize_plane_fn *fn;
    const char *name;
} levels[] = {
#if defined(__x86_64__)
    {TRO_CPU_AVX512, tro_resize_plane_f32__avx512, "resize_f32_planes__avx512"},
    {TRO_CPU_AVX2, tro_resize_plane_f32__avx2, "resize_f32_planes__avx2"},
#elif defined(__aarch64__)
    {TRO_CPU_NEON, tro_resize_plane_f32__neon, "resize_f32_planes__neon"},
#endif
    {0, tro_resize_plane_f32__generic, "resize_f32_planes__generic"},
};

static const struct level *pick(uint32_t flags)
{
    const struct level *l = levels;
    while ((l->flag & flags) != l->flag)
        l++;
    return l;
}

/* ---- running ------------------------------------------------------------------------------- */

static size_t row_pitch(const struct params *p)
{
    return (size_t)(p->width.n_w + 15) / 16 * 16;
}

/* Rows, then what is 8 bytes large, then weights. */
static size_t scratch_bytes(const struct params *p)
{
    const size_t places = (size_t)(p->n_d * p->n_h), taps = (size_t)p->n_taps;
    return places * (row_pitch(p) * sizeof(float) + sizeof(int64_t)) +
           taps * (sizeof(const float *) + sizeof(float));
}

static struct tro_resize_cache make_cache(const struct params *p, void *scratch)
{
    struct tro_resize_cache c = {.n_d = p->n_d, .n_h = p->n_h, .pitch = (int64_t)row_pitch(p)};
    c.row = scratch;
    c.tag = (int64_t *)(void *)(c.row + c.n_d * c.n_h * c.pitch);
    c.tap = (const float **)(void *)(c.tag + c.n_d * c.n_h);
    c.weight = (float *)(void *)(c.tap + p->n_taps);
    return c;
}

/* Results [first, last) along the height. */
static void run_rows(const struct params *p, const struct tro_step_run *r,
                     struct tro_resize_cache *cache, int64_t plane, int64_t d, int64_t first,
                     int64_t last)
{
    const struct tro_resize_axes *const a = &p->axes;
    const struct tro_pitch from = tro_pitch_of(&p->x), to = tro_pitch_of(&p->out);
    const int64_t n = plane / a->c, c = plane % a->c;
    const struct tro_resize_plane rows = {
        .x = (const float *)tro_arg_ptr(r, &p->x) + n * from.n + c * p->x.stride[1],
        .out = (float *)tro_arg_ptr(r, &p->out) + n * to.n + c * p->out.stride[1] +
               d * to.at[TRO_D] + first * to.at[TRO_H],
        .out_pitch = to.at[TRO_H],
        .first = first,
        .last = last,
        .d = &a->blend[TRO_D][d],
        .h = &a->blend[TRO_H][first],
        .pitch = {from.at[TRO_D], from.at[TRO_H], 1},
        .w = &p->width,
        .cache = cache};
    p->fn(&rows);
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const struct tro_resize_axes *const a = &p->axes;
    const int64_t n_h = a->n_out[TRO_H], n_rows = a->n_out[TRO_D] * n_h;
    struct tro_resize_cache cache = make_cache(p, r->scratch);
    int64_t begin, end, last_plane = -1;
    tro_part_range(a->n * a->c * n_rows, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end;) {
        const int64_t plane = i / n_rows, first = i % n_h, left = end - i;
        const int64_t last = first + left < n_h ? first + left : n_h;
        for (int64_t k = 0; k < p->n_d * p->n_h && plane != last_plane; k++)
            cache.tag[k] = -1;
        run_rows(p, r, &cache, plane, i % n_rows / n_h, first, last);
        last_plane = plane;
        i += last - first;
    }
    return 0;
}

/* ---- lowering ------------------------------------------------------------------------------ */

/* The places that the elements of any one result need, where index i is at i % n; most of them. */
static int64_t find_reach(const struct tro_blend *b, int64_t n, int64_t *n_taps)
{
    int64_t reach = 1;
    *n_taps = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t lo = b[i].index[0], hi = lo;
        for (int64_t k = 1; k < b[i].n; k++) {
            lo = b[i].index[k] < lo ? b[i].index[k] : lo;
            hi = b[i].index[k] > hi ? b[i].index[k] : hi;
        }
        reach = hi - lo + 1 > reach ? hi - lo + 1 : reach;
        *n_taps = b[i].n > *n_taps ? b[i].n : *n_taps;
    }
    return reach;
}

static int make_width(struct tro_lowering *l, const struct tro_resize_axes *a,
                      struct tro_resize_width *w)
{
    const struct tro_blend *const b = a->blend[TRO_W];
    w->n_w = a->n_out[TRO_W];
    find_reach(b, w->n_w, &w->n_taps);
    int32_t *const index = TRO_NEW_N(tro_lower_arena(l), int32_t, (size_t)(w->n_w * w->n_taps));
    float *const weight = TRO_NEW_N(tro_lower_arena(l), float, (size_t)(w->n_w * w->n_taps));
    if (!index || !weight)
        return tro_fail_nomem(tro_lower_err(l));
    for (int64_t i = 0; i < w->n_w; i++) {
        for (int64_t k = 0; k < w->n_taps; k++) {
            const bool is_one = k < b[i].n;
            index[k * w->n_w + i] = (int32_t)b[i].index[is_one ? k : 0];
            weight[k * w->n_w + i] = is_one ? b[i].weight[k] : 0;
        }
    }
    w->index = index;
    w->weight = weight;
    return 0;
}

static bool is_for_us(const struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_resize *const a = n->attrs;
    struct tro_tensor x;
    return n->n_epilogue == 0 && a->mode != tro_resize_mode_nearest &&
           tro_lower_is_output(l, n->out[0]) && tro_lower_type(l, n->node->in[0], &x) &&
           x.dtype == TRO_F32 && x.rank >= 3 && x.shape[x.rank - 1] <= INT32_MAX;
}

int tro_cpu_emit_resize_planes(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct params at = {0}, *p;
    int64_t d_taps, h_taps;
    if (!is_for_us(l, n))
        return 0;
    const int rc = tro_resize_axes_find(l, n, &at.axes);
    if (rc <= 0)
        return rc;
    const struct tro_resize_axes *const a = &at.axes;
    TRO_TRY(make_width(l, a, &at.width));
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ROWS, &at.x));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_DENSE, true, &at.out));
    const struct level *const level = pick(tro_lower_cpu(l));
    at.fn = level->fn;
    at.n_d = find_reach(a->blend[TRO_D], a->n_out[TRO_D], &d_taps);
    at.n_h = find_reach(a->blend[TRO_H], a->n_out[TRO_H], &h_taps);
    at.n_taps = d_taps * h_taps;
    struct tro_step *const s = tro_lower_step(l, n, level->name, run, 1, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = at;
    s->in[0] = at.x;
    s->out[0] = at.out;
    const int64_t n_rows = a->n * a->c * a->n_out[TRO_D] * a->n_out[TRO_H];
    s->n_parts = (int)(n_rows < 4096 ? n_rows : 4096);
    s->n_flops = (double)n_rows * (double)a->n_out[TRO_W] * 2 * a->n_taps;
    s->scratch_bytes = scratch_bytes(p);
    return 1;
}
