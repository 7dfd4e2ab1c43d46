/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of cameras. A row of results is made of one or two rows of the frame: each is decoded
 * whole, the two are blended, and columns are taken from what comes out. Rows of the frame are kept
 * until another one needs their place, since neighbouring results share them.
 */
#include "cpu/camera.h"
#include "cpu/cpu.h"

#include "base/cpu.h"
#include "base/err.h"

#include <string.h>

enum { ROWS_OF_PART = 4 };

struct params {
    const struct tro_camera_kernels *kernels;
    struct tro_camera c;
    const struct tro_camera_tap *rows;
    const int32_t *first, *second; /* columns; second NULL: nearest */
    const float *t;
    int64_t begin, end; /* columns inside of the picture */
    float scale[TRO_CAMERA_CHANNELS], bias[TRO_CAMERA_CHANNELS];
    int64_t pitch; /* of a channel in scratch memory */
};

static const struct level {
    uint32_t flag;
    const struct tro_camera_kernels *kernels;
    const char *name;
} levels[] = {
#if defined(__x86_64__)
    {TRO_CPU_AVX2, &tro_camera__avx2, "camera__avx2"},
#elif defined(__aarch64__)
    {TRO_CPU_NEON, &tro_camera__neon, "camera__neon"},
#endif
    {0, &tro_camera__generic, "camera__generic"},
};

static const struct level *pick(uint32_t flags)
{
    const struct level *l = levels;
    while ((l->flag & flags) != l->flag)
        l++;
    return l;
}

/* ---- running ------------------------------------------------------------------------------ */

/* Row y of the frame has its place at y % 2, since two neighbours are blended. */
struct cache {
    float *row[2], *blended, *room;
    int64_t at[2]; /* rows of all frames, counted through; -1: none */
};

static const float *decoded_row(const struct params *p, const uint8_t *x, struct cache *cache,
                                int64_t picture, int64_t y)
{
    const struct tro_camera *const c = &p->c;
    const int64_t at = picture * c->height + y;
    float *const out = cache->row[y % 2];
    if (cache->at[y % 2] == at)
        return out;
    const uint8_t *const frame = x + picture * c->frame_bytes;
    const int bytes = c->colour.pixel_bytes;
    const struct tro_camera_decode d = {.colour = &c->colour,
                                        .row = frame + y * c->width * (bytes ? bytes : 1),
                                        .pairs = frame + (c->height + y / 2) * c->width,
                                        .width = c->width,
                                        .out = out,
                                        .room = cache->room,
                                        .pitch = p->pitch};
    p->kernels->decode(&d);
    cache->at[y % 2] = at;
    return out;
}

/* [channels][pitch] of the frame's width. */
static const float *source_row(const struct params *p, const uint8_t *x, struct cache *cache,
                               int64_t picture, struct tro_camera_tap tap)
{
    const float *const a = decoded_row(p, x, cache, picture, tap.first);
    if (tap.t == 0)
        return a;
    const float *const b = decoded_row(p, x, cache, picture, tap.second);
    for (int c = 0; c < p->c.colour.n_channels; c++)
        p->kernels->blend(a + c * p->pitch, b + c * p->pitch, tap.t, p->c.width,
                          cache->blended + c * p->pitch);
    return cache->blended;
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const struct tro_camera *const c = &p->c;
    const struct tro_arg *const to = &s->out[0];
    const uint8_t *const x = tro_arg_ptr(r, &s->in[0]);
    const int64_t row_floats = c->colour.n_channels * p->pitch;
    float *const rows = r->scratch;
    struct cache cache = {.row = {rows, rows + row_floats},
                          .blended = rows + 2 * row_floats,
                          .room = rows + 3 * row_floats,
                          .at = {-1, -1}};
    int64_t begin, end;
    tro_part_range(c->n * c->out_height, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t picture = i / c->out_height, y = i % c->out_height;
        const bool is_inside = p->rows[y].first >= 0;
        const float *const row = is_inside ? source_row(p, x, &cache, picture, p->rows[y]) : rows;
        float *const out = (float *)tro_arg_ptr(r, to) + picture * to->stride[0] +
                           y * to->stride[2];
        for (int k = 0; k < c->colour.n_channels; k++) {
            const struct tro_camera_finish f = {.row = row + k * p->pitch,
                                                .first = p->first,
                                                .second = p->second,
                                                .t = p->t,
                                                .begin = is_inside ? p->begin : 0,
                                                .end = is_inside ? p->end : 0,
                                                .n = c->out_width,
                                                .pad = c->pad,
                                                .scale = p->scale[k],
                                                .bias = p->bias[k],
                                                .out = out + k * to->stride[1],
                                                .step = to->stride[3]};
            p->kernels->finish(&f);
        }
    }
    return 0;
}

/* ---- lowering ----------------------------------------------------------------------------- */

static int make_columns(struct tro_lowering *l, struct params *p, const struct tro_camera_tap *taps)
{
    const size_t n = (size_t)p->c.out_width;
    int32_t *const first = TRO_NEW_N(tro_lower_arena(l), int32_t, n);
    int32_t *const second = TRO_NEW_N(tro_lower_arena(l), int32_t, n);
    float *const t = TRO_NEW_N(tro_lower_arena(l), float, n);
    if (!first || !second || !t)
        return tro_fail_nomem(tro_lower_err(l));
    for (size_t i = 0; i < n; i++) {
        first[i] = taps[i].first;
        second[i] = taps[i].second;
        t[i] = taps[i].t;
        p->begin += p->end == 0 && taps[i].first < 0;
        if (taps[i].first >= 0)
            p->end = (int64_t)i + 1;
    }
    p->first = first;
    p->second = p->c.is_nearest ? NULL : second;
    p->t = t;
    return 0;
}

static int make_tables(struct tro_lowering *l, struct params *p)
{
    const size_t n_rows = (size_t)p->c.out_height, n_columns = (size_t)p->c.out_width;
    struct tro_camera_tap *const taps = TRO_NEW_N(tro_lower_arena(l), struct tro_camera_tap,
                                                  n_rows + n_columns);
    if (!taps)
        return tro_fail_nomem(tro_lower_err(l));
    tro_camera_rows(&p->c, taps);
    tro_camera_columns(&p->c, taps + n_rows);
    p->rows = taps;
    return make_columns(l, p, taps + n_rows);
}

static bool take_numbers(const struct tro_lowering *l, const struct tro_lower_node *n,
                         struct params *p)
{
    struct tro_tensor scale, bias;
    if (!tro_lower_const(l, n->node->in[1], &scale) || !tro_lower_const(l, n->node->in[2], &bias))
        return false;
    memcpy(p->scale, scale.data, tro_tensor_n_bytes(&scale));
    memcpy(p->bias, bias.data, tro_tensor_n_bytes(&bias));
    return true;
}

int tro_cpu_emit_camera(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct params at = {0}, *p;
    struct tro_tensor x;
    struct tro_arg in, out;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &x) || !take_numbers(l, n, &at))
        return 0;
    tro_camera_init(n->attrs, &x, &at.c);
    at.pitch = (at.c.width + 15) / 16 * 16;
    TRO_TRY(make_tables(l, &at));
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_DENSE, &in));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &out));
    const struct level *const level = pick(tro_lower_cpu(l));
    struct tro_step *const s = tro_lower_step(l, n, level->name, run, 1, 1, sizeof *p, &p);
    if (!s)
        return tro_lower_err(l)->status;
    at.kernels = level->kernels;
    *p = at;
    s->in[0] = in;
    s->out[0] = out;
    const int64_t n_rows = at.c.n * at.c.out_height, n_parts = n_rows / ROWS_OF_PART;
    s->n_parts = (int)(n_parts < 1 ? 1 : n_parts < 4096 ? n_parts : 4096);
    s->n_flops = (double)tro_arg_n_elems(&out) * (at.c.is_nearest ? 2 : 11);
    s->scratch_bytes = (size_t)((3 * at.c.colour.n_channels + 3) * at.pitch) * sizeof(float);
    return 1;
}
