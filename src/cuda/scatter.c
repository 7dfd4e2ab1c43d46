/* SPDX-License-Identifier: Apache-2.0 */
/* Scattering by index, where the result's elements are few enough to look at all updates. */
#include "cuda/kernels/scatter.h"
#include "cuda/cuda.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 256 }; /* as in scatter.cu */
#define MOST_LOOKS ((int64_t)1 << 28)

enum { X, INDICES, UPDATES, N_INPUTS };

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    struct tro_arg in[N_INPUTS], out;
    enum tro_scatter how;
    int n_index;
    struct tro_scatter_params own;
};

static bool walk(struct tro_path *path, const struct tro_arg *shape, const int64_t *stride,
                 int n_axes)
{
    struct tro_arg a = *shape;
    int axes[TRO_MAX_RANK];
    a.rank = n_axes;
    for (int i = 0; i < n_axes; i++) {
        axes[i] = i;
        a.stride[i] = stride[i];
    }
    return tro_cuda_path(path, &a, axes, n_axes);
}

static const char *type_of(enum tro_dtype d)
{
    return d == TRO_BOOL ? "uint8_t" : d == TRO_U64 ? NULL : tro_cuda_type(d);
}

static int take(struct plan *q)
{
    for (int i = 0; i < N_INPUTS; i++) {
        struct tro_tensor t;
        if (!tro_lower_type(q->l, q->n->node->in[i], &t) || tro_tensor_n_elems(&t) == 0 ||
            tro_tensor_n_elems(&t) >= INT32_MAX || !type_of(t.dtype) ||
            (i == INDICES && t.dtype != TRO_I32 && t.dtype != TRO_I64))
            return 0;
    }
    if (q->n->n_epilogue)
        return 0;
    for (int i = 0; i < N_INPUTS; i++)
        TRO_TRY(tro_lower_in(q->l, q->n->node->in[i], TRO_FORM_ANY, &q->in[i]));
    return 1;
}

static int emit(struct plan *q, const char *label)
{
    static const char kinds[] = {[tro_scatter_none] = 'r',
                                 [tro_scatter_add] = 'a',
                                 [tro_scatter_mul] = 'm',
                                 [tro_scatter_max] = 'x',
                                 [tro_scatter_min] = 'n'};
    const bool is_float = tro_cuda_is_float(q->in[X].dtype);
    struct tro_cuda_launch *launch;
    char text[64];
    const int64_t n = tro_arg_n_elems(&q->in[X]);
    if (n * q->own.n_updates > MOST_LOOKS ||
        !walk(&q->own.from, &q->in[X], q->in[X].stride, q->in[X].rank))
        return 0;
    TRO_TRY(tro_lower_out(q->l, q->n, 0, TRO_FORM_GUESS, false, &q->out));
    if (!walk(&q->own.to, &q->out, q->out.stride, q->out.rank))
        return 0;
    q->own.n = (uint32_t)n;
    const struct tro_cuda_source source = {
        .name = "scatter",
        .defines = tro_cuda_defines(
            q->l,
            "#define IN_T %s\n#define UPDATE_T %s\n#define OUT_T %s\n#define INDEX_T %s\n"
            "#define N_INDEX %d\n#define ACC_T %s\n#define IS_FLOAT %d\n#define KIND '%c'\n",
            type_of(q->in[X].dtype), type_of(q->in[UPDATES].dtype), type_of(q->out.dtype),
            type_of(q->in[INDICES].dtype), q->n_index, is_float ? "float" : "int64_t", is_float,
            kinds[q->how]),
        .params = &q->own,
        .params_size = sizeof q->own};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(text, sizeof text, "%s %s", label, tro_dtype_name(q->in[X].dtype));
    struct tro_step *const s = tro_cuda_step(q->l, q->n, text, &source, N_INPUTS, 1, &launch);
    if (!s)
        return tro_lower_err(q->l)->status;
    memcpy(s->in, q->in, sizeof q->in);
    s->out[0] = q->out;
    launch->block[0] = BLOCK;
    launch->grid[0] = (q->own.n + BLOCK - 1) / BLOCK;
    return 1;
}

/* Updates that could be meant for an element are those along the axis through it. */
int tro_cuda_emit_scatter_elements(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_scatter_elements *const a = n->attrs;
    struct plan q = {.l = l, .n = n, .how = a->reduction, .n_index = 1};
    int64_t own[TRO_MAX_RANK] = {0}, index[TRO_MAX_RANK], update[TRO_MAX_RANK];
    const int rc = take(&q);
    if (rc <= 0)
        return rc;
    const struct tro_arg *const x = &q.in[X], *const indices = &q.in[INDICES];
    const int axis = (int)(a->axis < 0 ? a->axis + x->rank : a->axis);
    for (int i = 0; i < x->rank; i++) {
        if (i != axis && indices->shape[i] != x->shape[i])
            return 0;
        index[i] = i == axis ? 0 : indices->stride[i];
        update[i] = i == axis ? 0 : q.in[UPDATES].stride[i];
    }
    own[axis] = 1;
    q.own.size[0] = (int32_t)x->shape[axis];
    q.own.stride[0] = 1;
    q.own.n_updates = (uint32_t)indices->shape[axis];
    return walk(&q.own.own, x, own, x->rank) && walk(&q.own.index, x, index, x->rank) &&
                   walk(&q.own.update, x, update, x->rank) &&
                   tro_cuda_path(&q.own.next_index, indices, &axis, 1) &&
                   tro_cuda_path(&q.own.next_update, &q.in[UPDATES], &axis, 1)
               ? emit(&q, "scatter_elements")
               : 0;
}

/* x [indexed axes, inner], indices [updates, tuple], updates [updates, inner] */
int tro_cuda_emit_scatter_nd(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_scatter_nd *const a = n->attrs;
    struct plan q = {.l = l, .n = n, .how = a->reduction};
    int64_t own[TRO_MAX_RANK] = {0}, update[TRO_MAX_RANK] = {0}, n_updates = 1, pitch = 1;
    const int rc = take(&q);
    if (rc <= 0)
        return rc;
    const struct tro_arg *const x = &q.in[X], *const indices = &q.in[INDICES];
    const int n_outer = indices->rank - 1;
    q.n_index = (int)indices->shape[n_outer];
    for (int i = 0; i < n_outer; i++)
        n_updates *= indices->shape[i];
    for (int k = q.n_index - 1; k >= 0; k--) {
        q.own.size[k] = (int32_t)x->shape[k];
        q.own.stride[k] = (int32_t)pitch;
        own[k] = pitch;
        pitch *= x->shape[k];
    }
    for (int i = q.n_index; i < x->rank; i++)
        update[i] = q.in[UPDATES].stride[n_outer + i - q.n_index];
    q.own.step = (int32_t)indices->stride[n_outer];
    q.own.n_updates = (uint32_t)n_updates;
    return walk(&q.own.own, x, own, x->rank) && walk(&q.own.update, x, update, x->rank) &&
                   walk(&q.own.next_index, indices, indices->stride, n_outer) &&
                   walk(&q.own.next_update, &q.in[UPDATES], q.in[UPDATES].stride, n_outer)
               ? emit(&q, "scatter_nd")
               : 0;
}
