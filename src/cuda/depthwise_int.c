/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of conv_int where each channel has a window of its own. */
#include "cuda/kernels/depthwise_int.h"
#include "cuda/int_mma.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VECTOR = 4, BLOCK = 128, MAX_TAPS = 64, GOOD_THREADS_SM = 1024 };

struct depthwise {
    struct tro_win win;
    struct tro_tensor x, w, y, zeros; /* zeros: of w, has_zeros */
    bool has_zeros, is_zero_live, has_sums, has_zero_w;
    uint8_t zero; /* of x, unless live */
    struct tro_arg in[4];
    int n_in;
    const struct tro_point *point;
};

static int64_t n_vectors(const struct depthwise *d)
{
    return (d->x.shape[1] + VECTOR - 1) / VECTOR;
}

static bool is_8bit(enum tro_dtype d)
{
    return d == TRO_I8 || d == TRO_U8;
}

/* ---- weights ------------------------------------------------------------------------------- */

struct form {
    int64_t n_taps, pitch;
};

static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const struct form *const f = ctx;
    memset(dst, 0, (size_t)(f->n_taps * f->pitch));
    for (int64_t c = 0; c < w->shape[0]; c++)
        for (int64_t k = 0; k < f->n_taps; k++)
            ((uint8_t *)dst)[k * f->pitch + c] = tro_int_weight(
                w->dtype, ((const uint8_t *)w->data)[c * f->n_taps + k]);
}

static int32_t zero_at(const struct depthwise *d, int64_t c)
{
    return tro_int_weight_zero(d->w.dtype, d->has_zeros ? &d->zeros : NULL, c);
}

/* Sums of weights less their zeros, then zeros. */
static int add_table(struct tro_lowering *l, const struct depthwise *d, struct tro_arg *out)
{
    const int64_t pitch = n_vectors(d) * VECTOR, n_taps = d->win.n_taps;
    int32_t *const v = TRO_NEW_N(tro_lower_arena(l), int32_t, (size_t)(2 * pitch));
    if (!v)
        return tro_fail_nomem(tro_lower_err(l));
    for (int64_t c = 0; c < d->w.shape[0]; c++) {
        const uint8_t *const w = (const uint8_t *)d->w.data + c * n_taps;
        for (int64_t k = 0; k < n_taps; k++)
            v[c] += (int8_t)tro_int_weight(d->w.dtype, w[k]) - zero_at(d, c);
        v[pitch + c] = zero_at(d, c);
    }
    return tro_lower_table(l, v, (size_t)(2 * pitch) * sizeof(*v), out);
}

/* ---- inputs -------------------------------------------------------------------------------- */

static bool read_zeros(struct tro_lowering *l, const struct tro_node *node, struct depthwise *d)
{
    struct tro_tensor zero;
    const bool is_given = node->n_in > 2 && node->in[2].i;
    if (is_given && (!tro_lower_type(l, node->in[2], &zero) || tro_tensor_n_elems(&zero) != 1 ||
                     zero.dtype != d->x.dtype))
        return false;
    d->is_zero_live = is_given && !tro_int_known_zero(l, node->in[2], &d->zero);
    d->has_sums = d->is_zero_live || d->zero != 0 || d->x.dtype == TRO_U8;
    d->has_zeros = node->n_in > 3 && node->in[3].i;
    if (d->has_zeros && (!tro_lower_const(l, node->in[3], &d->zeros) || !is_8bit(d->zeros.dtype)))
        return false;
    const int64_t n = d->has_zeros ? tro_tensor_n_elems(&d->zeros) : 1;
    for (int64_t c = 0; n == d->w.shape[0] && c < n; c++)
        d->has_zero_w = d->has_zero_w || zero_at(d, c) != 0;
    d->has_zero_w = d->has_zero_w || zero_at(d, 0) != 0;
    return n == 1 || n == d->w.shape[0];
}

static bool is_ours(struct tro_lowering *l, const struct tro_lower_node *n, struct depthwise *d)
{
    const struct tro_attrs_conv *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor *const x = &d->x, *const w = &d->w;
    if (!tro_lower_type(l, node->in[0], x) || !tro_lower_const(l, node->in[1], w) ||
        !tro_lower_type(l, node->out[0], &d->y) || !is_8bit(x->dtype) || !is_8bit(w->dtype) ||
        x->rank < 3 || tro_tensor_n_elems(&d->y) == 0 || tro_tensor_n_elems(&d->y) > INT32_MAX)
        return false;
    if (a->group < 2 || a->group != x->shape[1] || w->shape[0] != x->shape[1] || w->shape[1] != 1)
        return false;
    return tro_win_init(&d->win, x, &d->y, w->shape + 2, &a->strides, &a->dilations, &a->pads,
                        a->auto_pad) &&
           d->win.n_taps <= MAX_TAPS && read_zeros(l, node, d);
}

static int add_inputs(struct tro_lowering *l, const struct tro_lower_node *n, struct depthwise *d)
{
    const struct form f = {d->win.n_taps, n_vectors(d) * VECTOR};
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_CHANNELS_LAST, &d->in[0]));
    if (!tro_int_is_small(&d->win, &d->in[0]))
        return 0;
    TRO_TRY(tro_lower_pack(l, n->node->in[1], "depthwise_int_4", (size_t)(f.n_taps * f.pitch), pack,
                           &f, &d->in[1]));
    d->n_in = 2;
    if (d->is_zero_live)
        TRO_TRY(tro_lower_in(l, n->node->in[2], TRO_FORM_DENSE, &d->in[d->n_in++]));
    if (d->has_sums || d->has_zero_w)
        TRO_TRY(add_table(l, d, &d->in[d->n_in++]));
    return 1;
}

/* ---- steps --------------------------------------------------------------------------------- */

static int64_t n_rows(const struct depthwise *d)
{
    return d->win.n * d->win.out[TRO_D] * d->win.out[TRO_H];
}

/* Results a thread makes: as many as leave enough threads. Negative: failure. */
static int pick_span(struct tro_lowering *l, const struct depthwise *d)
{
    static const char *const four[] = {"span 4", "span 2", "span 1", NULL};
    static const char *const two[] = {"span 2", "span 4", "span 1", NULL};
    static const char *const one[] = {"span 1", "span 2", "span 4", NULL};
    const struct tro_win *const g = &d->win;
    const int64_t n = n_rows(d) * g->out[TRO_W] * n_vectors(d);
    const int64_t good = (int64_t)GOOD_THREADS_SM * tro_lower_n_sms(l);
    char problem[200];
    snprintf(problem, sizeof problem,
             "depthwise_int %" PRId64 "x%" PRId64 "x%" PRId64 " taps %" PRId64 "x%" PRId64
             " stride %" PRId64 " dilation %" PRId64 " epilogue %d+%d",
             n_rows(d), g->out[TRO_W], d->x.shape[1], g->n_taps / g->kernel[TRO_W],
             g->kernel[TRO_W], g->stride[TRO_W], g->dilation[TRO_W], d->point->n_in,
             d->point->n_out);
    const char *const *const names = n >= 4 * good ? four : n >= 2 * good ? two : one;
    const int pick = tro_lower_pick(l, problem, names);
    return pick < 0 ? pick : names[pick][5] - '0';
}

static bool can_read_fours(const struct depthwise *d)
{
    const struct tro_arg *const x = &d->in[0];
    int64_t all = x->offset | d->x.shape[1];
    for (int i = 0; i < x->rank; i++)
        if (i != 1 && x->shape[i] > 1)
            all |= x->stride[i];
    return all % VECTOR == 0;
}

static void fill(const struct depthwise *d, int span, struct tro_depthwise_int_params *p)
{
    const struct tro_win *const g = &d->win;
    const struct tro_arg *const x = &d->in[0];
    const int64_t n_spans = (g->out[TRO_W] + span - 1) / span;
    p->n_threads = (uint32_t)(n_rows(d) * n_spans * n_vectors(d));
    p->zero = d->zero;
    p->n_channels = (int32_t)d->x.shape[1];
    p->out_w = (int32_t)g->out[TRO_W];
    p->n_vectors = tro_div_make(n_vectors(d));
    p->n_spans = tro_div_make(n_spans);
    p->out_h = tro_div_make(g->out[TRO_H]);
    p->out_d = tro_div_make(g->out[TRO_D]);
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        p->in[i] = (int32_t)g->in[i];
        p->stride[i] = (int32_t)g->stride[i];
        p->dilation[i] = (int32_t)g->dilation[i];
        p->pad[i] = (int32_t)g->pad[i];
    }
    p->x_n = x->shape[0] == 1 ? 0 : (int32_t)x->stride[0];
    for (int i = 2; i < x->rank; i++)
        p->x_at[i + TRO_N_SPATIAL - x->rank] = x->shape[i] == 1 ? 0 : (int32_t)x->stride[i];
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct depthwise *d)
{
    const struct tro_win *const g = &d->win;
    const int span = pick_span(l, d);
    struct tro_depthwise_int_params params = {0};
    TRO_TRY(span);
    fill(d, span, &params);
    char label[64];
    snprintf(label, sizeof label, "depthwise_int span %d", span);
    const char *const defines = tro_cuda_defines(
        l,
        "#define KD %d\n#define KH %d\n#define KW %d\n#define STRIDE %d\n#define DILATION %d\n"
        "#define SPAN %d\n#define CHUNK %d\n#define IS_SIGNED %d\n#define IS_ZERO_LIVE %d\n"
        "#define HAS_SUMS %d\n#define HAS_ZERO_W %d\n",
        (int)g->kernel[TRO_D], (int)g->kernel[TRO_H], (int)g->kernel[TRO_W], (int)g->stride[TRO_W],
        (int)g->dilation[TRO_W], span, can_read_fours(d) ? VECTOR : 1, d->x.dtype == TRO_I8,
        d->is_zero_live, d->has_sums, d->has_zero_w);
    if (!defines)
        return tro_lower_err(l)->status;
    const struct tro_cuda_source source = {"depthwise_int", defines, d->point, &params,
                                           sizeof params};
    struct tro_cuda_launch *launch;
    struct tro_step *const s = tro_cuda_step(l, n, label, &source, d->n_in, 0, &launch);
    if (!s)
        return tro_lower_err(l)->status;
    memcpy(s->in, d->in, (size_t)d->n_in * sizeof(*d->in));
    launch->grid[0] = (params.n_threads + BLOCK - 1) / BLOCK;
    launch->block[0] = BLOCK;
    s->inplace = tro_win_inplace(s, d->n_in, d->point->inplace);
    s->n_flops = 2.0 * (double)tro_tensor_n_elems(&d->y) * (double)g->n_taps + d->point->n_flops;
    return 1;
}

int tro_cuda_emit_depthwise_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct depthwise d = {0};
    struct tro_point *point;
    if (!is_ours(l, n, &d))
        return 0;
    int rc = add_inputs(l, n, &d);
    if (rc <= 0)
        return rc;
    int axes[TRO_MAX_RANK] = {0};
    for (int i = 2; i < d.x.rank; i++)
        axes[i - 1] = i;
    axes[d.x.rank - 1] = 1;
    rc = tro_point_compile(l, n, TRO_I32, axes, d.x.rank, TRO_FORM_CHANNELS_LAST, &point);
    if (rc <= 0)
        return rc;
    d.point = point;
    return add_step(l, n, &d);
}
