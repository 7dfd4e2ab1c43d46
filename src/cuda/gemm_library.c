/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/gemm_library.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

#include <string.h>

/* ---- what follows the product ------------------------------------------------------------- */

struct epilogue {
    tro_value_id at; /* what has been computed so far */
    tro_value_id bias, z;
    bool has_relu;
};

static bool is_zero(const struct tro_lowering *l, tro_value_id v)
{
    struct tro_tensor t;
    return tro_lower_const(l, v, &t) && tro_tensor_n_elems(&t) == 1 &&
           tro_load_f64(t.dtype, t.data, 0) == 0;
}

/* A constant that has one value for each of y's columns (axis `unit`) and is repeated along the
 * others. */
static bool is_vector(const struct tro_lowering *l, tro_value_id v, const struct tro_arg *y,
                      int unit)
{
    struct tro_tensor t;
    const int from_end = y->rank - unit;
    return tro_lower_const(l, v, &t) && t.rank >= from_end &&
           t.shape[t.rank - from_end] == y->shape[unit] && tro_tensor_n_elems(&t) == y->shape[unit];
}

static bool has_shape(const struct tro_lowering *l, tro_value_id v, const struct tro_arg *y)
{
    struct tro_tensor t;
    return tro_lower_type(l, v, &t) && t.rank == y->rank &&
           !memcmp(t.shape, y->shape, sizeof(int64_t) * (size_t)y->rank);
}

/* One node; false where it is none of those that libraries know. */
static bool take_node(const struct tro_lowering *l, const struct tro_node *n,
                      const struct tro_arg *y, int unit, struct epilogue *e)
{
    if ((n->op != TRO_OP_ADD && n->op != TRO_OP_MAX) || e->has_relu)
        return false;
    const bool is_first = tro_value_eq(n->in[0], e->at);
    const tro_value_id other = n->in[is_first ? 1 : 0];
    if (!tro_value_eq(n->in[is_first ? 0 : 1], e->at) || tro_value_eq(other, e->at))
        return false;
    e->at = n->out[0];
    if (n->op == TRO_OP_MAX)
        return e->has_relu = is_zero(l, other);
    tro_value_id *const to = is_vector(l, other, y, unit) ? &e->bias : &e->z;
    if (to->i || (to == &e->z && !has_shape(l, other, y)))
        return false;
    *to = other;
    return true;
}

static bool read_epilogue(const struct tro_lowering *l, const struct tro_lower_node *n,
                          const struct tro_gemm *g, const struct tro_arg *y, int unit,
                          struct epilogue *e)
{
    struct tro_tensor bias;
    *e = (struct epilogue){.at = n->node->out[0]};
    if (g->has_bias)
        e->bias = g->bias_value;
    if (g->has_bias && !tro_lower_const(l, e->bias, &bias))
        return false;
    for (int i = 0; i < n->n_epilogue; i++)
        if (!take_node(l, n->epilogue[i], y, unit, e))
            return false;
    return tro_value_eq(e->at, n->block_out[0]);
}

/* ---- the product -------------------------------------------------------------------------- */

/* All rows have one pitch, in y and z. */
static bool find_pitches(const struct tro_arg *y, const struct tro_arg *z, int unit,
                         struct tro_library_product *q)
{
    struct tro_gemm_axis axis[TRO_MAX_RANK];
    int n = 0;
    for (int i = 0; i < y->rank; i++)
        if (i != unit)
            axis[n++] = (struct tro_gemm_axis){y->shape[i], y->stride[i],
                                               q->has_z ? z->stride[i] : 0};
    if (tro_gemm_merge(axis, n) != 1)
        return false;
    q->y_pitch = axis[0].a > q->n ? axis[0].a : q->n;
    q->z_pitch = axis[0].b > q->n ? axis[0].b : q->n;
    return true;
}

static bool set_matrix(const struct tro_gemm *g, const struct tro_arg *y, const struct tro_arg *z,
                       int unit, struct tro_library_product *q)
{
    const struct tro_gemm_params *const p = &g->p;
    const int64_t pitch = p->row_stride[TRO_GEMM_ROW_AXES - 1];
    if (g->n_z != 1 || g->row_axes != 1 || g->tap_axes != 0 || p->a_origin != 0)
        return false;
    q->m = p->m;
    q->n = p->n;
    q->k = g->is_b_trans ? p->b_rows : p->k;
    q->x_pitch = pitch > q->k ? pitch : q->k;
    q->w_pitch = p->b_pitch;
    q->is_w_turned = g->is_b_trans;
    return find_pitches(y, z, unit, q);
}

static bool set_conv(const struct tro_gemm *g, const struct tro_arg *y, const struct tro_arg *z,
                     struct tro_library_product *q)
{
    const struct tro_gemm_conv *const c = g->conv;
    if (!c || g->a.rank != 4 || !tro_arg_is_channels_last(&g->a) || !tro_arg_is_channels_last(y) ||
        (q->has_z && !tro_arg_is_channels_last(z)))
        return false;
    q->x = g->a;
    q->y = *y;
    q->z = *z;
    q->w[0] = c->out_channels;
    q->w[1] = c->padded;
    for (int i = 0; i < 2; i++) {
        const int from = TRO_H + i;
        const int64_t reach = (c->win.out[from] - 1) * c->win.stride[from] +
                              (c->win.kernel[from] - 1) * c->win.dilation[from] + 1;
        q->w[2 + i] = c->win.kernel[from];
        q->pad[i] = c->win.pad[from];
        q->pad_end[i] = reach - c->win.in[from] - c->win.pad[from];
        q->stride[i] = c->win.stride[from];
        q->dilation[i] = c->win.dilation[from];
        if (q->pad[i] < 0)
            return false;
        q->pad_end[i] = q->pad_end[i] < 0 ? 0 : q->pad_end[i];
    }
    return true;
}

bool tro_gemm_library_init(const struct tro_lowering *l, const struct tro_lower_node *n,
                           const struct tro_gemm *g, const struct tro_point *point,
                           struct tro_gemm_library *out)
{
    struct tro_library_product *const q = &out->product;
    const enum tro_dtype dtype = tro_gemm_dtype(g->math);
    struct tro_arg z = {.rank = 0};
    struct epilogue e;
    *out = (struct tro_gemm_library){.product = {.math = g->math}};
    if (!tro_lower_libraries(l) || g->is_gathered || point->n_out != 1 || n->n_out != 1)
        return false;
    const struct tro_arg *const y = &point->out[0];
    const int unit = g->conv ? 1 : y->rank - 1;
    if (y->dtype != dtype || y->offset % 16 || (y->shape[unit] > 1 && y->stride[unit] != 1) ||
        !read_epilogue(l, n, g, y, unit, &e))
        return false;
    if (e.z.i)
        z = tro_lower_place(l, e.z);
    if (e.z.i && (z.dtype != dtype || z.offset % 16 || (z.shape[unit] > 1 && z.stride[unit] != 1)))
        return false;
    out->bias = e.bias;
    out->z = e.z;
    q->has_z = e.z.i != 0;
    q->has_relu = e.has_relu;
    q->has_bias = e.bias.i || q->has_z || q->has_relu; /* engines for these want one */
    q->is_matrix = set_matrix(g, y, &z, unit, q);
    q->is_conv = set_conv(g, y, &z, q);
    return q->is_matrix || q->is_conv;
}

/* ---- candidates --------------------------------------------------------------------------- */

const struct tro_library_plan *tro_gemm_library_plan(const struct tro_lowering *l,
                                                     const struct tro_gemm_library *library,
                                                     const char *name)
{
    return tro_libraries_plan(tro_lower_libraries(l), &library->product, name);
}

void tro_gemm_library_list(const struct tro_lowering *l, const struct tro_gemm_library *library,
                           const char *problem, const char **names)
{
    const char *const chosen = tro_lower_choice(l, problem);
    int n = 0;
    if (!chosen && tro_lower_is_tuning(l))
        n = tro_libraries_list(tro_lower_libraries(l), &library->product, names,
                               TRO_GEMM_LIBRARY_MOST);
    else if (chosen && tro_choice_is_library(chosen) && tro_gemm_library_plan(l, library, chosen))
        names[n++] = chosen;
    names[n] = NULL;
}

/* ---- the step ----------------------------------------------------------------------------- */

/* Weights of a convolution with channels last, as they are where our own form is the same. */
static int take_weights(struct tro_lowering *l, const struct tro_gemm *g, struct tro_arg *out)
{
    const struct tro_gemm_conv *const c = g->conv;
    const int64_t n_taps = c->win.n_taps;
    const struct tro_gemm_pack pack = {.math = g->math,
                                       .n_rows = c->out_channels,
                                       .k = c->padded * n_taps,
                                       .n_inner = c->out_channels,
                                       .row = {0, c->channels * n_taps},
                                       .n_taps = n_taps,
                                       .n_channels = c->channels,
                                       .channels = c->padded,
                                       .block = c->padded,
                                       .tap = 1,
                                       .channel = n_taps};
    return tro_gemm_pack_rows(l, c->weights, &pack, out);
}

static int take_bias(struct tro_lowering *l, const struct tro_gemm_library *library, int64_t n,
                     struct tro_arg *out)
{
    const enum tro_gemm_math math = library->product.math;
    const size_t n_bytes = (size_t)n * tro_dtype_size(tro_gemm_dtype(math));
    if (library->bias.i)
        return tro_gemm_vector(l, library->bias, math, out);
    void *const zeros = tro_calloc(n_bytes + 1, 1);
    const int rc = zeros ? tro_lower_table(l, zeros, n_bytes, out)
                         : tro_fail_nomem(tro_lower_err(l));
    tro_free(zeros);
    return rc;
}

int tro_gemm_library_step(struct tro_lowering *l, const struct tro_lower_node *n,
                          const struct tro_gemm *g, const struct tro_gemm_library *library,
                          const struct tro_library_plan *plan, const struct tro_point *point,
                          double n_flops)
{
    const struct tro_library_product *const q = &library->product;
    const int n_in = 2 + q->has_bias + q->has_z, n_out = plan->n_bytes ? 2 : 1;
    struct tro_arg w = g->b, bias, workspace;
    const int64_t n_cols = g->conv ? g->conv->out_channels : g->p.n;
    if (plan->ops == &tro_cudnn_ops)
        TRO_TRY(take_weights(l, g, &w));
    if (q->has_bias)
        TRO_TRY(take_bias(l, library, n_cols, &bias));
    if (plan->n_bytes)
        TRO_TRY(tro_lower_temp(l, plan->n_bytes + TRO_LIBRARY_ALIGN, &workspace));
    struct tro_step *const s = tro_cuda_library_step(l, n, plan, n_in, n_out);
    if (!s)
        return tro_lower_err(l)->status;
    int i = 0;
    s->in[i++] = g->a;
    s->in[i++] = w;
    if (q->has_bias)
        s->in[i++] = bias;
    if (q->has_z)
        s->in[i++] = tro_lower_place(l, library->z);
    s->out[0] = point->out[0];
    if (plan->n_bytes)
        s->out[1] = workspace;
    s->n_flops = n_flops + point->n_flops;
    return 1;
}
