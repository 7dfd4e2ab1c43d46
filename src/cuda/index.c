/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering by index in its three forms, one_hot and triangles: a thread for each element of the
 * result, whatever the places of the operands. */
#include "cuda/kernels/index.h"
#include "cuda/cuda.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"
#include "lower/view.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 256 }; /* as in index.cu */

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    char kind;
    struct tro_arg in[2], out;
    int n_in, n_index, vector;
    enum tro_dtype from, index; /* types of elements and of indices */
    struct tro_index_params own;
};

/* ---- elements of the result ---------------------------------------------------------------- */

/* A walk over the result's vectors with these strides of elements. */
static bool walk(const struct plan *q, struct tro_path *path, const int64_t *stride)
{
    struct tro_arg a = q->out;
    int axes[TRO_MAX_RANK];
    for (int i = 0; i < a.rank; i++) {
        axes[i] = i;
        a.stride[i] = stride[i];
    }
    if (q->vector > 1) {
        a.shape[a.rank - 1] /= q->vector;
        a.stride[a.rank - 1] *= q->vector;
    }
    return tro_cuda_path(path, &a, axes, a.rank);
}

/* Rows of both sides are copied in vectors where the last axis is not indexed. */
static void set_vector(struct plan *q, const int64_t *from, const int64_t *at)
{
    const int last = q->out.rank - 1;
    struct tro_arg x = q->in[0];
    if (last < 0 || from[last] != 1 || at[last] != 0 || q->out.dtype != x.dtype ||
        x.stride[x.rank - 1] != 1)
        return;
    const int a = tro_cuda_vector(&x, x.rank - 1), b = tro_cuda_vector(&q->out, last);
    q->vector = a < b ? a : b;
}

static int64_t count_vectors(const struct plan *q)
{
    return tro_arg_n_elems(&q->out) / q->vector;
}

static bool take_type(struct tro_lowering *l, tro_value_id v, struct tro_tensor *t)
{
    return tro_lower_type(l, v, t) && tro_tensor_n_elems(t) > 0 &&
           tro_tensor_n_elems(t) < INT32_MAX;
}

static bool is_index(enum tro_dtype d)
{
    return d == TRO_I32 || d == TRO_I64;
}

/* Elements of bool and of 64-bit unsigned integers are copied as others of their size. */
static const char *type_of(enum tro_dtype d)
{
    return d == TRO_BOOL ? "uint8_t" : d == TRO_U64 ? "int64_t" : tro_cuda_type(d);
}

static int emit(struct plan *q, const char *label)
{
    struct tro_cuda_launch *launch;
    char text[64];
    if (!type_of(q->from) || !walk(q, &q->own.to, q->out.stride))
        return 0;
    const struct tro_cuda_source source = {
        .name = "index",
        .defines = tro_cuda_defines(q->l,
                                    "#define KIND '%c'\n#define IN_T %s\n#define OUT_T %s\n"
                                    "#define INDEX_T %s\n#define N_INDEX %d\n#define VECTOR %d\n",
                                    q->kind, type_of(q->from), type_of(q->out.dtype),
                                    type_of(q->index), q->n_index, q->vector),
        .params = &q->own,
        .params_size = sizeof q->own};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(text, sizeof text, "%s %s", label, tro_dtype_name(q->from));
    q->own.n = (uint32_t)count_vectors(q);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, text, &source, q->n_in, 1, &launch);
    if (!s)
        return tro_lower_err(q->l)->status;
    memcpy(s->in, q->in, (size_t)q->n_in * sizeof *s->in);
    s->out[0] = q->out;
    launch->block[0] = BLOCK;
    launch->grid[0] = (q->own.n + BLOCK - 1) / BLOCK;
    return 1;
}

/* x, indices and the result of the gathering operators; 0: not for us. */
static int take(struct plan *q)
{
    struct tro_tensor x, indices, y;
    q->n_in = 2;
    if (q->n->n_epilogue || !take_type(q->l, q->n->node->in[0], &x) ||
        !take_type(q->l, q->n->node->in[1], &indices) || !take_type(q->l, q->n->out[0], &y) ||
        !type_of(x.dtype) || !is_index(indices.dtype))
        return 0;
    TRO_TRY(tro_lower_in(q->l, q->n->node->in[0], TRO_FORM_ANY, &q->in[0]));
    TRO_TRY(tro_lower_in(q->l, q->n->node->in[1], TRO_FORM_ANY, &q->in[1]));
    TRO_TRY(tro_lower_out(q->l, q->n, 0, TRO_FORM_GUESS, false, &q->out));
    q->from = q->in[0].dtype;
    q->index = q->in[1].dtype;
    return 1;
}

static void set_axis(struct plan *q, int k, int axis)
{
    q->own.size[k] = (int32_t)q->in[0].shape[axis];
    q->own.stride[k] = (int32_t)q->in[0].stride[axis];
}

/* ---- gather -------------------------------------------------------------------------------- */

/* One slice, known now: the axis goes. */
static int emit_view(struct plan *q, int axis, int64_t index)
{
    struct tro_arg x;
    TRO_TRY(tro_lower_in(q->l, q->n->node->in[0], TRO_FORM_ANY, &x));
    const int64_t size = x.shape[axis];
    if (index < -size || index >= size)
        return 0;
    tro_view_cut(&x, axis, index < 0 ? index + size : index, 1, 1);
    for (int i = axis; i + 1 < x.rank; i++) {
        x.shape[i] = x.shape[i + 1];
        x.stride[i] = x.stride[i + 1];
    }
    x.rank--;
    TRO_TRY(tro_lower_view(q->l, q->n, 0, &x));
    return 1;
}

int tro_cuda_emit_gather(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_axis *const a = n->attrs;
    struct plan q = {.l = l, .n = n, .kind = 'g', .n_index = 1, .vector = 1};
    int64_t from[TRO_MAX_RANK] = {0}, at[TRO_MAX_RANK] = {0};
    struct tro_tensor x, indices;
    struct tro_ints known;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &x) ||
        !tro_lower_type(l, n->node->in[1], &indices))
        return 0;
    const int axis = (int)(a->axis < 0 ? a->axis + x.rank : a->axis);
    if (indices.rank == 0 && tro_lower_ints(l, n->node->in[1], &known))
        return emit_view(&q, axis, known.v[0]);
    const int rc = take(&q);
    if (rc <= 0)
        return rc;
    for (int i = 0; i < q.out.rank; i++) {
        const int k = i - axis;
        if (k >= 0 && k < indices.rank)
            at[i] = q.in[1].stride[k];
        else
            from[i] = q.in[0].stride[k < 0 ? i : i - indices.rank + 1];
    }
    set_axis(&q, 0, axis);
    set_vector(&q, from, at);
    return walk(&q, &q.own.from, from) && walk(&q, &q.own.at, at) ? emit(&q, "gather") : 0;
}

int tro_cuda_emit_gather_elements(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_axis *const a = n->attrs;
    struct plan q = {.l = l, .n = n, .kind = 'g', .n_index = 1, .vector = 1};
    int64_t from[TRO_MAX_RANK];
    const int rc = take(&q);
    if (rc <= 0)
        return rc;
    const int axis = (int)(a->axis < 0 ? a->axis + q.out.rank : a->axis);
    for (int i = 0; i < q.out.rank; i++) {
        if (i != axis && q.out.shape[i] > q.in[0].shape[i])
            return 0;
        from[i] = i == axis ? 0 : q.in[0].stride[i];
    }
    set_axis(&q, 0, axis);
    return walk(&q, &q.own.from, from) && walk(&q, &q.own.at, q.in[1].stride)
               ? emit(&q, "gather_elements")
               : 0;
}

/* x [batch, indexed axes, inner], indices [batch, n, tuple]: [batch, n, inner] */
int tro_cuda_emit_gather_nd(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_gather_nd *const a = n->attrs;
    struct plan q = {.l = l, .n = n, .kind = 'g', .vector = 1};
    int64_t from[TRO_MAX_RANK] = {0}, at[TRO_MAX_RANK] = {0};
    const int rc = take(&q);
    if (rc <= 0)
        return rc;
    const int n_batch = (int)a->batch_dims, n_outer = q.in[1].rank - 1;
    q.n_index = (int)q.in[1].shape[n_outer];
    for (int i = 0; i < q.out.rank; i++) {
        if (i < n_batch)
            from[i] = q.in[0].stride[i];
        if (i < n_outer)
            at[i] = q.in[1].stride[i];
        else
            from[i] = q.in[0].stride[n_batch + q.n_index + i - n_outer];
    }
    for (int k = 0; k < q.n_index; k++)
        set_axis(&q, k, n_batch + k);
    q.own.step = (int32_t)q.in[1].stride[n_outer];
    set_vector(&q, from, at);
    return walk(&q, &q.own.from, from) && walk(&q, &q.own.at, at) ? emit(&q, "gather_nd") : 0;
}

/* ---- one_hot, triangles --------------------------------------------------------------------- */

int tro_cuda_emit_one_hot(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_axis *const a = n->attrs;
    struct plan q = {.l = l, .n = n, .kind = 'o', .n_in = 2, .vector = 1};
    int64_t place[TRO_MAX_RANK] = {0}, at[TRO_MAX_RANK] = {0};
    struct tro_tensor indices, values, y;
    if (n->n_epilogue || !take_type(l, n->node->in[0], &indices) ||
        !take_type(l, n->node->in[2], &values) || !take_type(l, n->out[0], &y) ||
        !is_index(indices.dtype) || !type_of(values.dtype))
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &q.in[0]));
    TRO_TRY(tro_lower_in(l, n->node->in[2], TRO_FORM_DENSE, &q.in[1]));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &q.out));
    const int axis = (int)(a->axis < 0 ? a->axis + y.rank : a->axis);
    for (int i = 0; i < y.rank; i++)
        at[i] = i == axis ? 0 : q.in[0].stride[i > axis ? i - 1 : i];
    place[axis] = 1;
    q.own.size[0] = (int32_t)y.shape[axis];
    q.from = q.in[1].dtype;
    q.index = q.in[0].dtype;
    return walk(&q, &q.own.from, place) && walk(&q, &q.own.at, at) ? emit(&q, "one_hot") : 0;
}

int tro_cuda_emit_trilu(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_trilu *const a = n->attrs;
    struct plan q = {.l = l, .n = n, .kind = a->is_lower ? 'l' : 'u', .n_in = 1, .vector = 1};
    int64_t beyond[TRO_MAX_RANK] = {0};
    struct tro_ints k = {0};
    struct tro_tensor x;
    if (n->n_epilogue || !take_type(l, n->node->in[0], &x) || !type_of(x.dtype) || x.rank < 2 ||
        (n->node->n_in > 1 && n->node->in[1].i && !tro_lower_ints(l, n->node->in[1], &k)))
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &q.in[0]));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &q.out));
    const int64_t height = x.shape[x.rank - 2], width = x.shape[x.rank - 1];
    const int64_t diagonal = k.n ? k.v[0] : 0;
    q.own.diagonal = (int32_t)(diagonal < -height ? -height : diagonal > width ? width : diagonal);
    beyond[x.rank - 2] = -1;
    beyond[x.rank - 1] = 1;
    q.from = q.in[0].dtype;
    q.index = TRO_I32;
    return walk(&q, &q.own.from, q.in[0].stride) && walk(&q, &q.own.at, beyond) ? emit(&q, "trilu")
                                                                                : 0;
}
