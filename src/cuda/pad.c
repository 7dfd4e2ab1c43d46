/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of pad, every mode: tables say for each axis which element of x a place has. */
#include "cuda/kernels/pad.h"
#include "cuda/cuda.h"
#include "cuda/spatial.h"
#include "lower/pads.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/pad.h"

#include <stdio.h>
#include <string.h>

enum { OUTSIDE = INT32_MIN /* as in kernels/pad.cu */, VECTOR_BYTES = 16 };

struct pad {
    enum tro_pad_mode mode;
    int64_t begin[TRO_MAX_RANK], end[TRO_MAX_RANK];
    struct tro_arg x, y, table, value;
    int order[TRO_MAX_RANK]; /* axes by falling strides of y */
    int vector;
};

/* ---- order of axes ------------------------------------------------------------------------ */

static int64_t stride_of(const struct tro_arg *a, int axis)
{
    return a->shape[axis] == 1 ? INT64_MAX : a->stride[axis];
}

static void order_axes(struct pad *q)
{
    for (int i = 0; i < q->y.rank; i++) {
        int at = i;
        while (at > 0 && stride_of(&q->y, q->order[at - 1]) < stride_of(&q->y, i)) {
            q->order[at] = q->order[at - 1];
            at--;
        }
        q->order[at] = i;
    }
}

static bool is_aligned(const struct tro_arg *a, int last, int n)
{
    if (a->stride[last] != 1 || a->shape[last] % n ||
        a->offset % (n * (int64_t)tro_dtype_size(a->dtype)))
        return false;
    for (int i = 0; i < a->rank; i++)
        if (i != last && a->shape[i] > 1 && a->stride[i] % n)
            return false;
    return true;
}

/* Elements of a thread: several where the last axis goes through as it is. */
static void choose_vector(struct pad *q)
{
    const int last = q->order[q->y.rank - 1];
    const size_t size = tro_dtype_size(q->y.dtype), from = tro_dtype_size(q->x.dtype);
    q->vector = (int)(VECTOR_BYTES / (size > from ? size : from));
    while (q->vector > 1 &&
           (q->begin[last] || q->end[last] || !is_aligned(&q->x, last, q->vector) ||
            !is_aligned(&q->y, last, q->vector)))
        q->vector /= 2;
}

/* ---- constants ---------------------------------------------------------------------------- */

/* Offsets for the places of axis k in walking order. */
static bool fill_axis(const struct pad *q, int k, int64_t *from, int32_t *to)
{
    const int axis = q->order[k], step = k == q->y.rank - 1 ? q->vector : 1;
    const int64_t n = q->y.shape[axis];
    if (!tro_pad_map(q->mode, q->x.shape[axis], n, q->begin[axis], q->end[axis], from))
        return false;
    for (int64_t i = 0; i < n; i += step)
        to[i / step] = from[i] == TRO_PAD_OUTSIDE ? OUTSIDE
                                                  : (int32_t)(from[i] * q->x.stride[axis]);
    return true;
}

/* 1: done; 0: there is nothing to pad with. */
static int make_table(struct tro_lowering *l, struct pad *q, struct tro_pad_params *params)
{
    struct tro_arena *const arena = tro_lower_arena(l);
    int64_t n_all = 0, most = 0, n_threads = 1;
    for (int i = 0; i < q->y.rank; i++) {
        n_all += q->y.shape[i];
        most = q->y.shape[i] > most ? q->y.shape[i] : most;
    }
    int32_t *const table = TRO_NEW_N(arena, int32_t, (size_t)n_all);
    int64_t *const from = TRO_NEW_N(arena, int64_t, (size_t)most);
    if (!table || !from)
        return tro_fail_nomem(tro_lower_err(l));
    int32_t first = 0;
    for (int k = 0; k < q->y.rank; k++) {
        const int axis = q->order[k], step = k == q->y.rank - 1 ? q->vector : 1;
        const int64_t n = q->y.shape[axis] / step;
        if (!fill_axis(q, k, from, table + first))
            return 0;
        params->axis[k] = (struct tro_pad_axis){tro_div_make(n), first,
                                                (int32_t)(q->y.stride[axis] * step)};
        first += (int32_t)n;
        n_threads *= n;
    }
    params->n_threads = (uint32_t)n_threads;
    const int rc = tro_lower_table(l, table, (size_t)first * sizeof *table, &q->table);
    return rc < 0 ? rc : 1;
}

static int take_value(struct tro_lowering *l, const struct tro_node *n, struct pad *q)
{
    char zero[8] = {0};
    struct tro_tensor value;
    if (n->n_in < 3 || !n->in[2].i)
        return tro_lower_table(l, zero, sizeof zero, &q->value);
    if (!tro_lower_const(l, n->in[2], &value))
        return tro_lower_in_as(l, n->in[2], TRO_FORM_DENSE, q->y.dtype, &q->value);
    if (value.dtype == q->y.dtype)
        memcpy(zero, value.data, tro_dtype_size(value.dtype));
    else
        tro_store_f64(q->y.dtype, zero, 0, tro_load_f64(value.dtype, value.data, 0));
    return tro_lower_table(l, zero, sizeof zero, &q->value);
}

/* ---- steps -------------------------------------------------------------------------------- */

static const char *type_of(const struct pad *q, enum tro_dtype dtype)
{
    static const char *const bits[9] = {
        [1] = "uint8_t", [2] = "uint16_t", [4] = "uint32_t", [8] = "uint64_t"};
    return q->x.dtype == q->y.dtype ? bits[tro_dtype_size(dtype)] : tro_spatial_type(dtype);
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n, const struct pad *q,
                    const struct tro_pad_params *params)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    struct tro_cuda_launch *launch;
    char label[40];
    snprintf(label, sizeof label, "pad %s", modes[q->mode]);
    const struct tro_cuda_source source = {
        .name = "pad",
        .defines = tro_cuda_defines(l,
                                    "#define IN_T %s\n#define OUT_T %s\n#define IS_SAME_TYPE %d\n"
                                    "#define RANK %d\n#define VECTOR %d\n",
                                    type_of(q, q->x.dtype), type_of(q, q->y.dtype),
                                    q->x.dtype == q->y.dtype, q->y.rank, q->vector),
        .params = params,
        .params_size = sizeof *params};
    struct tro_step *const s = source.defines ? tro_cuda_step(l, n, label, &source, 3, 1, &launch)
                                              : NULL;
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = q->x;
    s->in[1] = q->table;
    s->in[2] = q->value;
    s->out[0] = q->y;
    tro_spatial_threads(launch, params->n_threads);
    return 1;
}

static bool fits(const struct tro_arg *a)
{
    double reach = 0;
    for (int i = 0; i < a->rank; i++) {
        const double stride = (double)a->stride[i] * (double)(a->shape[i] - 1);
        reach += stride < 0 ? -stride : stride;
    }
    return reach < INT32_MAX && tro_arg_n_elems(a) < INT32_MAX;
}

int tro_cuda_emit_pad(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct pad q = {.mode = ((const struct tro_attrs_pad *)n->attrs)->mode};
    struct tro_pad_params params = {0};
    struct tro_tensor t;
    if (n->n_epilogue || !tro_lower_type(l, n->out[0], &t) || t.rank == 0 ||
        tro_tensor_n_elems(&t) == 0 || !tro_pads_read(l, n, t.rank, q.begin, q.end))
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &q.x));
    if (tro_arg_n_elems(&q.x) == 0 || !fits(&q.x) || tro_tensor_n_elems(&t) >= INT32_MAX / 2)
        return 0;
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &q.y));
    if (!fits(&q.y))
        return 0;
    order_axes(&q);
    choose_vector(&q);
    const int rc = make_table(l, &q, &params);
    if (rc <= 0)
        return rc;
    TRO_TRY(take_value(l, n->node, &q));
    return add_step(l, n, &q, &params);
}
