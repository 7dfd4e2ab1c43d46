/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that copy whole boxes of elements. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/copy.h"
#include "ref/rows.h"

#include <inttypes.h>
#include <string.h>

/* ---- the same elements ----------------------------------------------------------------- */

int tro_ref_copy(struct tro_ref_call *c)
{
    const size_t n_bytes = tro_tensor_n_bytes(&c->in[0]);
    if (n_bytes)
        memcpy(c->out[0].data, c->in[0].data, n_bytes);
    return 0;
}

/* A copy that fills the output in its order; the source's strides are the caller's. */
static struct tro_copy copy_to_output(struct tro_ref_call *c)
{
    const struct tro_tensor *const y = &c->out[0];
    struct tro_copy v = {.elem_size = tro_dtype_size(y->dtype),
                         .dst = y->data,
                         .src = c->in[0].data,
                         .rank = y->rank};
    tro_ref_strides(y, v.dst_stride);
    for (int i = 0; i < y->rank; i++)
        v.shape[i] = y->shape[i];
    return v;
}

int tro_ref_transpose(struct tro_ref_call *c)
{
    const struct tro_attrs_transpose *const a = c->attrs;
    struct tro_copy v = copy_to_output(c);
    int64_t strides[TRO_MAX_RANK];
    tro_ref_strides(&c->in[0], strides);
    for (int i = 0; i < v.rank; i++)
        v.src_stride[i] = strides[a->perm.v[i]];
    tro_copy_run(&v);
    return 0;
}

int tro_ref_expand(struct tro_ref_call *c)
{
    struct tro_copy v = copy_to_output(c);
    tro_ref_bcast_strides(&c->in[0], &c->out[0], v.src_stride);
    tro_copy_run(&v);
    return 0;
}

/* Each axis of the result is two: the repeats, and the elements of one of them. */
int tro_ref_tile(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0], *const y = &c->out[0];
    struct tro_copy v = {
        .elem_size = tro_dtype_size(x->dtype), .dst = y->data, .src = x->data, .rank = 2 * x->rank};
    int64_t from[TRO_MAX_RANK], to[TRO_MAX_RANK];
    tro_ref_strides(x, from);
    tro_ref_strides(y, to);
    for (int i = 0; i < x->rank; i++) {
        v.shape[2 * i] = x->shape[i] ? y->shape[i] / x->shape[i] : 0;
        v.dst_stride[2 * i] = to[i] * x->shape[i];
        v.shape[2 * i + 1] = x->shape[i];
        v.dst_stride[2 * i + 1] = to[i];
        v.src_stride[2 * i + 1] = from[i];
    }
    tro_copy_run(&v);
    return 0;
}

/* ---- parts ----------------------------------------------------------------------------- */

int tro_ref_concat(struct tro_ref_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    const int axis = tro_ref_axis(a->axis, c->out[0].rank);
    int64_t at[TRO_MAX_RANK] = {0};
    for (int i = 0; i < c->n_in; i++) {
        tro_copy_box(&c->out[0], at, &c->in[i], NULL, c->in[i].shape);
        at[axis] += c->in[i].shape[axis];
    }
    return 0;
}

int tro_ref_split(struct tro_ref_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    const int axis = tro_ref_axis(a->axis, c->in[0].rank);
    int64_t at[TRO_MAX_RANK] = {0};
    for (int i = 0; i < c->n_out; i++) {
        if (c->out[i].data)
            tro_copy_box(&c->out[i], NULL, &c->in[0], at, c->out[i].shape);
        at[axis] += c->out[i].shape[axis];
    }
    return 0;
}

/* First element and step along an axis that gives n elements; a start beyond the axis is cut. */
static void slice_axis(int64_t size, int64_t n, int64_t start, int64_t step, int64_t *first,
                       int64_t *stride)
{
    const int64_t from_end = start < 0 ? start + size : start;
    *first = from_end < 0 ? 0 : from_end;
    if (step < 0 && *first > size - 1)
        *first = size - 1;
    *stride = n > 1 ? step : 0; /* a step that leads nowhere may be as large as can be */
}

int tro_ref_slice(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0];
    struct tro_ints starts, axes, steps;
    TRO_TRY(tro_ref_ints(c, 1, &starts));
    TRO_TRY(tro_ref_ints(c, 3, &axes));
    TRO_TRY(tro_ref_ints(c, 4, &steps));
    if (tro_tensor_n_elems(&c->out[0]) == 0)
        return 0;
    struct tro_copy v = copy_to_output(c);
    int64_t first[TRO_MAX_RANK] = {0}, at = 0, strides[TRO_MAX_RANK];
    tro_ref_strides(x, strides);
    memcpy(v.src_stride, strides, (size_t)x->rank * sizeof(strides[0]));
    for (int i = 0; i < starts.n; i++) {
        const int axis = axes.n ? tro_ref_axis(axes.v[i], x->rank) : i;
        int64_t step = 1;
        slice_axis(x->shape[axis], v.shape[axis], starts.v[i], steps.n ? steps.v[i] : 1,
                   &first[axis], &step);
        v.src_stride[axis] = strides[axis] * step;
    }
    for (int i = 0; i < x->rank; i++)
        at += first[i] * strides[i];
    v.src = (const char *)x->data + at * (int64_t)v.elem_size;
    tro_copy_run(&v);
    return 0;
}

/* Where the result is smaller the middle of x, where it is larger x in the middle; odd differences
 * are rounded down at the front. */
int tro_ref_center_crop_pad(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0], *const y = &c->out[0];
    int64_t from[TRO_MAX_RANK], to[TRO_MAX_RANK], shape[TRO_MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        const int64_t more = y->shape[i] - x->shape[i];
        from[i] = more < 0 ? -more / 2 : 0;
        to[i] = more > 0 ? more / 2 : 0;
        shape[i] = more < 0 ? y->shape[i] : x->shape[i];
    }
    tro_copy_fill(y->data, tro_tensor_n_elems(y), tro_dtype_size(y->dtype), NULL);
    tro_copy_box(y, to, x, from, shape);
    return 0;
}

/* ---- triangles and reversed steps ------------------------------------------------------- */

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

int tro_ref_trilu(struct tro_ref_call *c)
{
    const struct tro_attrs_trilu *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0];
    struct tro_ints k;
    TRO_TRY(tro_ref_ints(c, 1, &k));
    const int64_t height = x->shape[x->rank - 2], width = x->shape[x->rank - 1];
    const int64_t diagonal = k.n ? clamp(k.v[0], -height - 1, width + 1) : 0;
    const int64_t n_rows = width ? tro_tensor_n_elems(x) / width : 0;
    const int64_t size = (int64_t)tro_dtype_size(x->dtype);
    memset(c->out[0].data, 0, tro_tensor_n_bytes(x));
    for (int64_t r = 0; r < n_rows; r++) {
        /* The diagonal's element is the first of the upper triangle, the last of the lower. */
        const int64_t row = r % height;
        const int64_t first = a->is_lower ? 0 : clamp(row + diagonal, 0, width);
        const int64_t end = a->is_lower ? clamp(row + diagonal + 1, 0, width) : width;
        if (first < end)
            memcpy((char *)c->out[0].data + (r * width + first) * size,
                   (const char *)x->data + (r * width + first) * size,
                   (size_t)((end - first) * size));
    }
    return 0;
}

int tro_ref_reverse_sequence(struct tro_ref_call *c)
{
    const struct tro_attrs_reverse_sequence *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0], *const lengths = &c->in[1];
    const int time = tro_ref_axis(a->time_axis, x->rank);
    const int batch = tro_ref_axis(a->batch_axis, x->rank);
    const int64_t n_steps = x->shape[time];
    int64_t strides[TRO_MAX_RANK];
    tro_ref_strides(x, strides);
    tro_ref_copy(c);
    for (int64_t b = 0; b < x->shape[batch]; b++) {
        const int64_t n = tro_load_i64(lengths->dtype, lengths->data, b);
        if (n < 0 || n > n_steps)
            return tro_fail(c->err, TRO_E_INPUT,
                            "length %" PRId64 " of batch %" PRId64 ": expected at most the %" PRId64
                            " steps of x",
                            n, b, n_steps);
        if (n == 0)
            continue;
        struct tro_copy v = copy_to_output(c);
        memcpy(v.src_stride, strides, sizeof(strides));
        v.shape[batch] = 1;
        v.shape[time] = n;
        v.src_stride[time] = -strides[time];
        v.dst = (char *)v.dst + b * strides[batch] * (int64_t)v.elem_size;
        v.src = (const char *)v.src +
                (b * strides[batch] + (n - 1) * strides[time]) * (int64_t)v.elem_size;
        tro_copy_run(&v);
    }
    return 0;
}
