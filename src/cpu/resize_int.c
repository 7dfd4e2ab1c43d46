/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of resize_int. */
#include "cpu/resize_int.h"
#include "cpu/cpu.h"

#include "base/cpu.h"
#include "base/err.h"
#include "lower/window.h"

struct params {
    tro_resize_int_fn *fn;
    struct tro_resize_axes axes;
    int64_t n_in; /* of x along the width */
    struct tro_arg x, out;
};

/* Best first. */
static const struct level {
    uint32_t flag;
    tro_resize_int_fn *i8, *u8;
    const char *name;
} levels[] = {
#define LEVEL(flag, level)                                                          \
    {                                                                               \
        flag, tro_resize_i8__##level, tro_resize_u8__##level, "resize_int__" #level \
    }
#if defined(__x86_64__)
    LEVEL(TRO_CPU_AVX512, avx512),
    LEVEL(TRO_CPU_AVX2, avx2),
#elif defined(__aarch64__)
    LEVEL(TRO_CPU_NEON, neon),
#endif
    LEVEL(0, generic),
#undef LEVEL
};

static const struct level *pick(uint32_t flags)
{
    const struct level *l = levels;
    while ((l->flag & flags) != l->flag)
        l++;
    return l;
}

static void one_row(const struct params *p, const struct tro_step_run *r, int64_t n, int64_t d,
                    int64_t h)
{
    const struct tro_pitch from = tro_pitch_of(&p->x), to = tro_pitch_of(&p->out);
    const struct tro_resize_int_row row = {
        .x = (const uint8_t *)tro_arg_ptr(r, &p->x) + n * from.n,
        .out = (uint8_t *)tro_arg_ptr(r, &p->out) + n * to.n + d * to.at[TRO_D] + h * to.at[TRO_H],
        .sums = r->scratch,
        .n_channels = p->axes.c,
        .n_in = p->n_in,
        .n_out = p->axes.n_out[TRO_W],
        .out_pitch = to.at[TRO_W],
        .d = &p->axes.blend[TRO_D][d],
        .h = &p->axes.blend[TRO_H][h],
        .w = p->axes.blend[TRO_W],
        .pitch = {from.at[TRO_D], from.at[TRO_H], from.at[TRO_W]},
        .n_bits = p->axes.n_bits};
    p->fn(&row);
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

int tro_cpu_emit_resize_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct params at = {0}, *p;
    struct tro_tensor x;
    if (n->n_epilogue > 0 || !tro_lower_type(l, n->node->in[0], &x))
        return 0;
    const int rc = tro_resize_axes_find(l, n, &at.axes);
    if (rc <= 0)
        return rc;
    const struct level *const level = pick(tro_lower_cpu(l));
    at.fn = x.dtype == TRO_I8 ? level->i8 : level->u8;
    at.n_in = x.shape[x.rank - 1];
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_CHANNELS_LAST, &at.x));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_CHANNELS_LAST, false, &at.out));
    struct tro_step *const s = tro_lower_step(l, n, level->name, run, 1, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = at;
    s->in[0] = at.x;
    s->out[0] = at.out;
    const int64_t n_rows = at.axes.n * at.axes.n_out[TRO_D] * at.axes.n_out[TRO_H];
    s->n_parts = (int)(n_rows < 4096 ? n_rows : 4096);
    s->n_flops = (double)(n_rows * at.axes.c) * (double)at.axes.n_out[TRO_W] * 2 * at.axes.n_taps;
    s->scratch_bytes = (size_t)(at.n_in * at.axes.c) * sizeof(int32_t);
    return 1;
}
