/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of conv_int with one filter a channel. */
#include "cpu/depthwise_int.h"
#include "cpu/cpu.h"
#include "cpu/int8.h"

#include "base/cpu.h"
#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

enum {
    BLOCK = TRO_DEPTHWISE_INT_BLOCK,
    MAX_TAPS = TRO_DEPTHWISE_INT_TAPS,
    GOOD_ACC_BYTES = 16 * 1024 /* of sums kept before the epilogue */
};

struct level {
    uint32_t flag;
    int lanes; /* bytes in a vector of dot kernels, 0: the wide form */
    tro_depthwise_int_fn *fn;
    const char *name;
};

/* Best first. */
static const struct level levels[] = {
#if defined(__x86_64__)
    {TRO_CPU_AVX512VNNI, 64, tro_depthwise_int_dot__avx512vnni, "depthwise_int8_64__avx512vnni"},
    {TRO_CPU_AVX512, 0, tro_depthwise_int_wide__avx512, "depthwise_int8_64__avx512"},
    {TRO_CPU_AVXVNNI, 32, tro_depthwise_int_dot__avxvnni, "depthwise_int8_32__avxvnni"},
    {TRO_CPU_AVX2, 0, tro_depthwise_int_wide__avx2, "depthwise_int8_32__avx2"},
#elif defined(__aarch64__)
    {TRO_CPU_NEON, 0, tro_depthwise_int_wide__neon, "depthwise_int8_16__neon"},
#endif
    {0, 0, tro_depthwise_int_wide__generic, "depthwise_int8_16__generic"},
};

/* What packing needs to know. */
struct form {
    int64_t c, n_taps, pitch; /* pitch: channels filled up */
    int lanes;
    const int32_t *zeros; /* by channel, as the kernel sees them */
};

struct params {
    struct tro_win win;
    struct tro_pitch x_pitch;
    const struct level *level;
    struct form form;
    uint8_t flip;
    struct tro_arg x, w, init, zero, out, scale, table;
    bool has_zero, has_w_zero;
    struct tro_tile *tile; /* NULL: requantized here */
    struct tro_requant requant;
    tro_int8_requant_fn *store;
    int rank;
    int64_t n_each; /* windows before the epilogue */
    size_t tile_bytes, acc_bytes;
};

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- weights ------------------------------------------------------------------------------- */

static size_t packed_bytes(const struct form *f)
{
    return f->lanes ? (size_t)(round_up(f->n_taps, 4) * f->pitch)
                    : (size_t)(f->n_taps * f->pitch) * sizeof(int32_t);
}

static int64_t dot_place(const struct form *f, int64_t k, int64_t c)
{
    const int64_t block = c / f->lanes, in = c % f->lanes;
    const int64_t vector = in % 16 / 4, four = in / 16 * 4 + in % 4;
    return k / 4 * f->pitch * 4 + block * f->lanes * 4 + vector * f->lanes + four * 4 + k % 4;
}

/* Less 128 where weights are u8, as their zeros are. */
static int32_t weight_at(const struct tro_tensor *w, int64_t i)
{
    return (int32_t)tro_load_i64(w->dtype, w->data, i) - (w->dtype == TRO_U8 ? 128 : 0);
}

static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const struct form *const f = ctx;
    memset(dst, 0, packed_bytes(f));
    for (int64_t c = 0; c < f->c; c++) {
        for (int64_t k = 0; k < f->n_taps; k++) {
            const int32_t v = weight_at(w, c * f->n_taps + k);
            if (f->lanes)
                ((int8_t *)dst)[dot_place(f, k, c)] = (int8_t)v;
            else
                ((int32_t *)dst)[k * f->pitch + c] = v - f->zeros[c];
        }
    }
}

/* For each channel the bias, the sum of its weights less their zeros, and the zero, in one table.
 * */
static int add_sums(struct tro_lowering *l, const struct form *f, const struct tro_tensor *w,
                    const int32_t *bias, struct tro_arg *out)
{
    int32_t *const v = TRO_NEW_N(tro_lower_arena(l), int32_t, (size_t)(3 * f->pitch));
    if (!v)
        return tro_fail_nomem(tro_lower_err(l));
    for (int64_t c = 0; c < f->c; c++) {
        v[c] = bias[c];
        v[2 * f->pitch + c] = f->zeros[c];
        for (int64_t k = 0; k < f->n_taps; k++)
            v[f->pitch + c] += weight_at(w, c * f->n_taps + k) - f->zeros[c];
    }
    return tro_lower_table(l, v, (size_t)(3 * f->pitch) * sizeof(*v), out);
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Pointers to the taps of a window, then to pads up to whole fours. */
static void find_taps(const struct params *p, const uint8_t *x, const uint8_t *pads,
                      const int64_t *o, const uint8_t **taps)
{
    const struct tro_win *const g = &p->win;
    int64_t at[TRO_N_SPATIAL], n = 0;
    for (int i = 0; i < TRO_N_SPATIAL; i++)
        at[i] = o[i] * g->stride[i] - g->pad[i];
    for (int64_t kd = 0; kd < g->kernel[TRO_D]; kd++) {
        const int64_t d = at[TRO_D] + kd * g->dilation[TRO_D];
        for (int64_t kh = 0; kh < g->kernel[TRO_H]; kh++) {
            const int64_t h = at[TRO_H] + kh * g->dilation[TRO_H];
            const bool is_row = d >= 0 && d < g->in[TRO_D] && h >= 0 && h < g->in[TRO_H];
            const uint8_t *const row = is_row
                                           ? x + d * p->x_pitch.at[TRO_D] + h * p->x_pitch.at[TRO_H]
                                           : NULL;
            for (int64_t kw = 0; kw < g->kernel[TRO_W]; kw++) {
                const int64_t w = at[TRO_W] + kw * g->dilation[TRO_W];
                taps[n++] = row && w >= 0 && w < g->in[TRO_W] ? row + w * p->x_pitch.at[TRO_W]
                                                              : pads;
            }
        }
    }
    while (n % 4)
        taps[n++] = pads;
}

/* From a window with all taps inside to the next one: pads, of rows outside, stay. */
static void find_steps(const struct params *p, const uint8_t *pads, const uint8_t *const *taps,
                       int64_t *steps)
{
    for (int64_t k = 0; k < round_up(p->form.n_taps, 4); k++)
        steps[k] = taps[k] == pads ? 0 : p->win.stride[TRO_W] * p->x_pitch.at[TRO_W];
}

static void step_taps(const struct params *p, const int64_t *steps, const uint8_t **taps)
{
    for (int64_t k = 0; k < round_up(p->form.n_taps, 4); k++)
        taps[k] += steps[k];
}

static void finish(const struct params *p, const struct tro_step_run *r, int64_t n,
                   const int64_t *o, int64_t n_windows, const int32_t *acc)
{
    int64_t index[TRO_MAX_RANK] = {n}, at = n * p->out.stride[0];
    for (int i = 2; i < p->rank; i++) {
        index[i] = o[TRO_N_SPATIAL - p->rank + i];
        at += index[i] * p->out.stride[i];
    }
    if (p->tile)
        tro_tile_run(p->tile, r, index, n_windows, p->form.c, acc, p->form.pitch, r->scratch);
    else {
        struct tro_requant q = p->requant;
        q.scale = tro_arg_ptr(r, &p->scale);
        if (q.by_table.i)
            q.table = tro_arg_ptr(r, &p->table);
        p->store(&q, acc, p->form.pitch, n_windows, p->form.c,
                 (uint8_t *)tro_arg_ptr(r, &p->out) + at, p->out.stride[p->rank - 1]);
    }
}

static void one_row(const struct params *p, const struct tro_step_run *r, int64_t n, int64_t d,
                    int64_t h, const uint8_t *pads, const int32_t *init, int32_t *acc)
{
    const uint8_t *const x = (const uint8_t *)tro_arg_ptr(r, &p->x) + n * p->x_pitch.n;
    const void *const w = tro_arg_ptr(r, &p->w);
    const int64_t n_w = p->win.out[TRO_W];
    const int32_t *const table = tro_arg_ptr(r, &p->init);
    const int32_t *const zeros = p->has_w_zero ? table + 2 * p->form.pitch : NULL;
    const uint8_t *taps[MAX_TAPS];
    int64_t steps[MAX_TAPS], inside, outside;
    tro_win_interior(&p->win, TRO_W, &inside, &outside);
    for (int64_t first = 0; first < n_w; first += p->n_each) {
        const int64_t n_now = n_w - first < p->n_each ? n_w - first : p->n_each;
        for (int64_t i = 0; i < n_now; i++) {
            const int64_t ow = first + i;
            if (ow > inside && ow < outside)
                step_taps(p, steps, taps);
            else
                find_taps(p, x, pads, (const int64_t[]){d, h, ow}, taps);
            if (ow == inside)
                find_steps(p, pads, taps, steps);
            p->level->fn(taps, p->form.n_taps, p->flip, w, p->form.pitch, init, zeros,
                         acc + i * p->form.pitch, p->form.c);
        }
        finish(p, r, n, (const int64_t[]){d, h, first}, n_now, acc);
    }
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const int64_t n_h = p->win.out[TRO_H], n_rows = p->win.out[TRO_D] * n_h;
    const int32_t *const table = tro_arg_ptr(r, &p->init);
    int32_t *const acc = (int32_t *)(void *)((char *)r->scratch + p->tile_bytes);
    int32_t *const init = (int32_t *)(void *)((char *)acc + p->acc_bytes);
    uint8_t *const pads = (uint8_t *)(init + p->form.pitch);
    const uint8_t zero = p->has_zero ? *(const uint8_t *)tro_arg_ptr(r, &p->zero) : 0;
    int64_t begin, end;
    memset(pads, zero, (size_t)p->form.pitch);
    for (int64_t c = 0; c < p->form.pitch; c++)
        init[c] = (int32_t)((uint32_t)table[c] -
                            (uint32_t)(zero ^ p->flip) * (uint32_t)table[p->form.pitch + c]);
    tro_part_range(p->win.n * n_rows, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        one_row(p, r, i / n_rows, i % n_rows / n_h, i % n_h, pads, init, acc);
    return 0;
}

/* ---- emitter ------------------------------------------------------------------------------- */

static bool is_8bit(enum tro_dtype d)
{
    return d == TRO_I8 || d == TRO_U8;
}

/* Zeros of the weights as the kernel sees them. */
static bool read_zeros(struct tro_lowering *l, const struct tro_node *node,
                       const struct tro_tensor *w, int32_t *zeros, bool *is_any)
{
    struct tro_tensor t;
    const bool is_given = node->n_in > 3 && node->in[3].i;
    if (is_given && (!tro_lower_const(l, node->in[3], &t) || !is_8bit(t.dtype)))
        return false;
    const int64_t n = is_given ? tro_tensor_n_elems(&t) : 1;
    if (n != 1 && n != w->shape[0])
        return false;
    *is_any = false;
    for (int64_t c = 0; c < w->shape[0]; c++) {
        zeros[c] = is_given ? (int32_t)tro_load_i64(t.dtype, t.data, n == 1 ? 0 : c) : 0;
        zeros[c] -= w->dtype == TRO_U8 ? 128 : 0;
        *is_any = *is_any || zeros[c] != 0;
    }
    return true;
}

static bool is_ours(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p,
                    struct tro_tensor *w)
{
    const struct tro_attrs_conv *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor x, y, zero;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], w) ||
        !tro_lower_type(l, node->out[0], &y) || !is_8bit(x.dtype) || !is_8bit(w->dtype) ||
        x.rank < 3 || tro_tensor_n_elems(&y) == 0)
        return false;
    if (a->group < 2 || a->group != x.shape[1] || w->shape[0] != x.shape[1] || w->shape[1] != 1)
        return false;
    p->has_zero = node->n_in > 2 && node->in[2].i;
    if (p->has_zero && (!tro_lower_type(l, node->in[2], &zero) || tro_tensor_n_elems(&zero) != 1))
        return false;
    p->rank = x.rank;
    p->flip = x.dtype == TRO_I8 ? 0x80 : 0;
    return tro_win_init(&p->win, &x, &y, w->shape + 2, &a->strides, &a->dilations, &a->pads,
                        a->auto_pad) &&
           p->win.n_taps <= MAX_TAPS;
}

static void pick(struct tro_lowering *l, struct params *p, int64_t c)
{
    const uint32_t flags = tro_lower_cpu(l);
    p->level = levels;
    while ((p->level->flag & flags) != p->level->flag)
        p->level++;
    p->form.c = c;
    p->form.n_taps = p->win.n_taps;
    p->form.pitch = round_up(c, BLOCK);
    p->form.lanes = p->level->lanes;
    p->store = tro_int8_pick(flags)->requant;
}

/* As a tro_emit_fn returns. */
static int add_epilogue(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p,
                        int32_t *bias)
{
    float *const scale = TRO_NEW_N(tro_lower_arena(l), float, (size_t)p->form.pitch);
    if (!scale)
        return tro_fail_nomem(tro_lower_err(l));
    if (!tro_requant_match(l, n, p->rank - 2, p->form.c, bias, scale, &p->requant)) {
        memset(bias, 0, (size_t)p->form.c * sizeof(*bias));
        return tro_tile_compile(l, n, TRO_I32, p->rank - 1, 1, TRO_FORM_CHANNELS_LAST, &p->tile);
    }
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_CHANNELS_LAST, false, &p->out));
    TRO_TRY(tro_lower_table(l, scale, (size_t)p->form.pitch * sizeof(*scale), &p->scale));
    if (p->requant.by_table.i)
        TRO_TRY(tro_lower_in(l, p->requant.by_table, TRO_FORM_DENSE, &p->table));
    return 1;
}

static int add_inputs(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p,
                      const struct tro_tensor *w, const int32_t *bias)
{
    char form[64];
    snprintf(form, sizeof form, "depthwise_int_%d", p->form.lanes);
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_CHANNELS_LAST, &p->x));
    p->x_pitch = tro_pitch_of(&p->x);
    TRO_TRY(tro_lower_pack(l, n->node->in[1], form, packed_bytes(&p->form), pack, &p->form, &p->w));
    TRO_TRY(add_sums(l, &p->form, w, bias, &p->init));
    return p->has_zero ? tro_lower_in(l, n->node->in[2], TRO_FORM_DENSE, &p->zero) : 0;
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n, struct params *at)
{
    struct params *p;
    const int n_own = 3 + at->has_zero;
    const int n_in = n_own + (at->tile ? tro_tile_n_in(at->tile) : at->requant.by_table.i ? 2 : 1);
    struct tro_step *const s = tro_lower_step(
        l, n, at->level->name, run, n_in, at->tile ? tro_tile_n_out(at->tile) : 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    const int64_t n_good = GOOD_ACC_BYTES / (at->form.pitch * (int64_t)sizeof(int32_t));
    at->n_each = n_good < 1 ? 1 : n_good < at->win.out[TRO_W] ? n_good : at->win.out[TRO_W];
    at->tile_bytes = at->tile ? (tro_tile_scratch(at->tile) + 63) / 64 * 64 : 0;
    at->acc_bytes = (size_t)(at->n_each * at->form.pitch) * sizeof(int32_t);
    *p = *at;
    s->in[0] = at->x;
    s->in[1] = at->w;
    s->in[2] = at->init;
    if (at->has_zero)
        s->in[3] = at->zero;
    if (at->tile) {
        tro_tile_list(at->tile, s->in + n_own, s->out);
    } else {
        s->in[n_own] = at->scale;
        if (at->requant.by_table.i)
            s->in[n_own + 1] = at->table;
        s->out[0] = at->out;
    }
    const int64_t n_rows = at->win.n * at->win.out[TRO_D] * at->win.out[TRO_H];
    const double n_results = (double)(n_rows * at->form.c) * (double)at->win.out[TRO_W];
    s->n_parts = (int)(n_rows < 4096 ? n_rows : 4096);
    s->scratch_bytes = at->tile_bytes + at->acc_bytes +
                       (size_t)at->form.pitch * (sizeof(int32_t) + 1);
    s->n_flops = n_results *
                 (2 * (double)at->form.n_taps + (at->tile ? tro_tile_flops(at->tile) : 4));
    return 1;
}

int tro_cpu_emit_depthwise_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct params at = {0};
    struct tro_tensor w;
    if (!is_ours(l, n, &at, &w))
        return 0;
    const size_t c = (size_t)w.shape[0];
    int32_t *const zeros = TRO_NEW_N(tro_lower_arena(l), int32_t, c);
    int32_t *const bias = TRO_NEW_N(tro_lower_arena(l), int32_t, c);
    if (!zeros || !bias)
        return tro_fail_nomem(tro_lower_err(l));
    if (!read_zeros(l, n->node, &w, zeros, &at.has_w_zero))
        return 0;
    pick(l, &at, w.shape[0]);
    at.form.zeros = zeros;
    const int rc = add_epilogue(l, n, &at, bias);
    if (rc <= 0)
        return rc;
    TRO_TRY(add_inputs(l, n, &at, &w, bias));
    return add_step(l, n, &at);
}
