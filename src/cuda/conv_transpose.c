/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of conv_transpose with any attributes: each thread gathers the taps of its results. */
#include "cuda/kernels/conv_transpose.h"
#include "cuda/cuda.h"
#include "cuda/spatial.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/conv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PADDED = 8 /* results of a group, in weights */, THREADS_OF_SM = 512 };

struct transpose {
    const struct tro_attrs_conv_transpose *attrs;
    struct tro_win win;
    int rank;
    int64_t channels, n_results; /* of a group */
    struct tro_arg x, w, bias;
    int vector, chunk;
    struct tro_point *point;
};

static int64_t w_pitch(const struct transpose *q)
{
    return (q->n_results + PADDED - 1) / PADDED * PADDED;
}

/* ---- weights ------------------------------------------------------------------------------ */

struct pack {
    enum tro_dtype dtype;
    int64_t groups;
};

/* [group, channel, result, tap] -> [group][tap][channel][result, padded] */
static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const struct pack *const q = ctx;
    const int64_t n_channels = w->shape[0] / q->groups, n = w->shape[1];
    const int64_t pitch = (n + PADDED - 1) / PADDED * PADDED;
    const int64_t n_taps = tro_tensor_n_elems(w) / (w->shape[0] * n);
    memset(dst, 0, (size_t)(w->shape[0] * n_taps * pitch) * tro_dtype_size(q->dtype));
    for (int64_t c = 0; c < w->shape[0]; c++) {
        const int64_t group = c / n_channels, channel = c % n_channels;
        for (int64_t i = 0; i < n; i++) {
            for (int64_t k = 0; k < n_taps; k++) {
                const int64_t row = (group * n_taps + k) * n_channels + channel;
                tro_store_f64(q->dtype, dst, row * pitch + i,
                              tro_load_f64(w->dtype, w->data, (c * n + i) * n_taps + k));
            }
        }
    }
}

static int take_weights(struct tro_lowering *l, const struct tro_node *n, struct transpose *q)
{
    const struct pack ctx = {q->x.dtype, q->attrs->group};
    const int64_t n_rows = ctx.groups * q->channels * q->win.n_taps;
    char form[80];
    snprintf(form, sizeof form, "cuda_conv_transpose %s groups %" PRId64, tro_dtype_name(ctx.dtype),
             ctx.groups);
    return tro_lower_pack(l, n->in[1], form,
                          (size_t)(n_rows * w_pitch(q)) * tro_dtype_size(ctx.dtype), pack, &ctx,
                          &q->w);
}

static int take_bias(struct tro_lowering *l, const struct tro_node *n, struct transpose *q)
{
    const int64_t pitch = w_pitch(q);
    struct tro_tensor bias;
    float *const v = TRO_NEW_N(tro_lower_arena(l), float, (size_t)(q->attrs->group * pitch));
    if (!v)
        return tro_fail_nomem(tro_lower_err(l));
    if (n->n_in > 2 && n->in[2].i && tro_lower_const(l, n->in[2], &bias))
        for (int64_t i = 0; i < q->attrs->group * q->n_results; i++)
            v[i / q->n_results * pitch + i % q->n_results] = (float)tro_load_f64(bias.dtype,
                                                                                 bias.data, i);
    return tro_lower_table(l, v, (size_t)(q->attrs->group * pitch) * sizeof *v, &q->bias);
}

/* ---- steps -------------------------------------------------------------------------------- */

static int64_t n_pixels(const struct transpose *q)
{
    const struct tro_win *const g = &q->win;
    return g->n * g->out[TRO_D] * g->out[TRO_H] * g->out[TRO_W];
}

static int64_t group_vectors(const struct transpose *q)
{
    return (q->n_results + q->vector - 1) / q->vector;
}

static void choose(const struct tro_lowering *l, struct transpose *q)
{
    const int64_t wanted = (int64_t)tro_lower_n_sms(l) * THREADS_OF_SM;
    const int64_t groups = q->attrs->group;
    q->chunk = tro_spatial_aligned(&q->x, 16 / (int)tro_dtype_size(q->x.dtype));
    while (q->channels % q->chunk)
        q->chunk /= 2;
    q->vector = 8;
    while (q->vector > 1 &&
           (q->vector / 2 >= q->n_results || (groups > 1 && q->n_results % q->vector) ||
            (q->vector > 2 && groups * group_vectors(q) * n_pixels(q) < wanted)))
        q->vector /= 2;
}

static void set_params(const struct transpose *q, struct tro_conv_transpose_params *p)
{
    const struct tro_pitch pitch = tro_pitch_of(&q->x);
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        p->in[i] = (int32_t)q->win.in[i];
        p->kernel[i] = (int32_t)q->win.kernel[i];
        p->dilation[i] = (int32_t)q->win.dilation[i];
        p->pad[i] = (int32_t)q->win.pad[i];
        p->pitch[i] = (int32_t)pitch.at[i];
        p->stride[i] = tro_div_make(q->win.stride[i]);
        p->out[i] = tro_div_make(q->win.out[i]);
    }
    p->batch_pitch = (int32_t)pitch.n;
    p->channels = (int32_t)q->channels;
    p->n_results = (int32_t)q->n_results;
    p->w_pitch = (int32_t)w_pitch(q);
    p->n_vectors = tro_div_make(q->attrs->group * group_vectors(q));
    p->group_vectors = tro_div_make(group_vectors(q));
    p->n_threads = (uint32_t)(q->attrs->group * group_vectors(q) * n_pixels(q));
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct transpose *q)
{
    struct tro_conv_transpose_params params = {0};
    struct tro_cuda_launch *launch;
    const char *const type = tro_spatial_type(q->x.dtype);
    char label[80];
    set_params(q, &params);
    snprintf(label, sizeof label, "conv_transpose %s %" PRId64 "x%" PRId64,
             tro_dtype_name(q->x.dtype), q->win.kernel[TRO_H], q->win.kernel[TRO_W]);
    const struct tro_cuda_source source = {
        .name = "conv_transpose",
        .defines = tro_cuda_defines(l,
                                    "#define IN_T %s\n#define W_T %s\n#define VECTOR %d\n"
                                    "#define CHUNK %d\n#define IS_WHOLE %s\n",
                                    type, type, q->vector, q->chunk,
                                    q->n_results % q->vector ? "false" : "true"),
        .point = q->point,
        .params = &params,
        .params_size = sizeof params};
    struct tro_step *const s = source.defines ? tro_cuda_step(l, n, label, &source, 3, 0, &launch)
                                              : NULL;
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = q->x;
    s->in[1] = q->w;
    s->in[2] = q->bias;
    tro_spatial_threads(launch, params.n_threads);
    tro_spatial_set_inplace(s, q->point, 3);
    const struct tro_win *const g = &q->win;
    s->n_flops = (double)(g->n * q->attrs->group * q->channels) *
                     (double)(g->in[TRO_D] * g->in[TRO_H] * g->in[TRO_W]) * 2 *
                     (double)(q->n_results * g->n_taps) +
                 q->point->n_flops;
    return 1;
}

/* ---- emitter ------------------------------------------------------------------------------ */

static bool is_small(const struct transpose *q)
{
    const struct tro_win *const g = &q->win;
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        const double reach = (double)(g->kernel[i] - 1) * (double)g->dilation[i];
        if (reach + (double)g->out[i] + (double)g->pad[i] >= INT32_MAX || g->pad[i] < INT32_MIN / 2)
            return false;
    }
    return (double)n_pixels(q) * (double)(q->attrs->group * q->n_results) < INT32_MAX &&
           (double)(q->attrs->group * q->channels * g->n_taps) * (double)w_pitch(q) < INT32_MAX;
}

static bool is_ours(struct tro_lowering *l, const struct tro_lower_node *n, struct transpose *q)
{
    const struct tro_attrs_conv_transpose *const a = n->attrs;
    const struct tro_node *const node = n->node;
    struct tro_tensor x, w, bias, y;
    if (!tro_lower_type(l, node->in[0], &x) || !tro_lower_const(l, node->in[1], &w) ||
        !tro_lower_type(l, node->out[0], &y))
        return false;
    if (!tro_spatial_is_float(x.dtype) || x.rank < 3 || tro_tensor_n_elems(&y) == 0 ||
        tro_tensor_n_elems(&x) == 0)
        return false;
    if (node->n_in > 2 && node->in[2].i && !tro_lower_const(l, node->in[2], &bias))
        return false;
    q->attrs = a;
    q->rank = x.rank;
    q->channels = x.shape[1] / a->group;
    q->n_results = w.shape[1];
    if (!tro_win_init(&q->win, &x, &y, w.shape + 2, &a->strides, &a->dilations, &a->pads,
                      tro_auto_pad_explicit))
        return false;
    for (int i = 2; i < x.rank; i++)
        q->win.pad[TRO_N_SPATIAL - x.rank + i] = tro_conv_transpose_pad(a, i - 2, x.shape[i],
                                                                        y.shape[i], w.shape[i]);
    return is_small(q);
}

int tro_cuda_emit_conv_transpose(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct transpose q = {0};
    if (!is_ours(l, n, &q))
        return 0;
    TRO_TRY(tro_spatial_in(l, n->node->in[0], &q.x));
    if (!tro_spatial_fits(&q.x))
        return 0;
    const int rc = tro_spatial_point(l, n, TRO_F32, q.rank, &q.point);
    if (rc <= 0)
        return rc;
    choose(l, &q);
    TRO_TRY(take_weights(l, n->node, &q));
    TRO_TRY(take_bias(l, n->node, &q));
    return add_step(l, n, &q);
}
