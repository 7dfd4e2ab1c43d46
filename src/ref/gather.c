/* SPDX-License-Identifier: Apache-2.0 */
/* Elements by index. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/copy.h"
#include "ref/index.h"
#include "ref/rows.h"

#include <inttypes.h>
#include <string.h>

/* ---- index tensors --------------------------------------------------------------------- */

int tro_ref_index(struct tro_ref_call *c, const struct tro_tensor *indices, int64_t i, int64_t size,
                  int64_t *out)
{
    const int64_t v = tro_load_i64(indices->dtype, indices->data, i);
    if (v < -size || v >= size)
        return tro_fail(c->err, TRO_E_INPUT,
                        "index %" PRId64 " (element %" PRId64
                        " of the indices): expected one of an "
                        "axis of size %" PRId64,
                        v, i, size);
    *out = v < 0 ? v + size : v;
    return 0;
}

int tro_ref_index_tuple(struct tro_ref_call *c, const struct tro_tensor *x,
                        const struct tro_tensor *indices, int64_t i, int first,
                        const int64_t *strides, int64_t *offset)
{
    const int n = (int)indices->shape[indices->rank - 1];
    *offset = 0;
    for (int k = 0; k < n; k++) {
        int64_t at = 0;
        TRO_TRY(tro_ref_index(c, indices, i * n + k, x->shape[first + k], &at));
        *offset += at * strides[first + k];
    }
    return 0;
}

/* Product of the sizes first .. end-1. */
static int64_t product(const struct tro_tensor *t, int first, int end)
{
    int64_t n = 1;
    for (int i = first; i < end; i++)
        n *= t->shape[i];
    return n;
}

/* ---- kernels --------------------------------------------------------------------------- */

/* x [outer, size, inner], indices [n]: [outer, n, inner] */
int tro_ref_gather(struct tro_ref_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0], *const indices = &c->in[1];
    const int axis = tro_ref_axis(a->axis, x->rank);
    const int64_t size = x->shape[axis], n = tro_tensor_n_elems(indices);
    const int64_t n_outer = product(x, 0, axis);
    const int64_t n_bytes = product(x, axis + 1, x->rank) * (int64_t)tro_dtype_size(x->dtype);
    int64_t *const at = TRO_NEW_N(c->scratch, int64_t, (size_t)n);
    if (!at)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < n; i++)
        TRO_TRY(tro_ref_index(c, indices, i, size, &at[i]));
    char *dst = c->out[0].data;
    for (int64_t o = 0; o < n_outer && n_bytes; o++)
        for (int64_t i = 0; i < n; i++, dst += n_bytes)
            memcpy(dst, (const char *)x->data + (o * size + at[i]) * n_bytes, (size_t)n_bytes);
    return 0;
}

int tro_ref_gather_elements(struct tro_ref_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0], *const indices = &c->in[1];
    const int axis = tro_ref_axis(a->axis, x->rank);
    const size_t size = tro_dtype_size(x->dtype);
    int64_t index[TRO_MAX_RANK] = {0}, strides[TRO_MAX_RANK], i = 0;
    tro_ref_strides(x, strides);
    for (int k = 0; k < x->rank; k++)
        if (k != axis && indices->shape[k] > x->shape[k])
            return tro_fail(c->err, TRO_E_INPUT,
                            "size %d of the indices is %" PRId64 ": expected at most %" PRId64
                            ", that of x",
                            k, indices->shape[k], x->shape[k]);
    if (tro_tensor_n_elems(indices) == 0)
        return 0;
    do {
        int64_t at = 0, offset = 0;
        TRO_TRY(tro_ref_index(c, indices, i, x->shape[axis], &at));
        for (int k = 0; k < x->rank; k++)
            offset += (k == axis ? at : index[k]) * strides[k];
        memcpy((char *)c->out[0].data + i * (int64_t)size,
               (const char *)x->data + offset * (int64_t)size, size);
        i++;
    } while (tro_ref_next(indices, index));
    return 0;
}

/* x [batch, indexed axes, inner], indices [batch, n, tuple]: [batch, n, inner] */
int tro_ref_gather_nd(struct tro_ref_call *c)
{
    const struct tro_attrs_gather_nd *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0], *const indices = &c->in[1];
    const int n_batch_axes = (int)a->batch_dims, tuple_axis = indices->rank - 1;
    const int n_index = (int)indices->shape[tuple_axis];
    const int64_t n_batches = product(indices, 0, n_batch_axes);
    const int64_t n_tuples = product(indices, n_batch_axes, tuple_axis);
    const int64_t batch_stride = product(x, n_batch_axes, x->rank);
    const int64_t size = (int64_t)tro_dtype_size(x->dtype);
    const int64_t n_bytes = product(x, n_batch_axes + n_index, x->rank) * size;
    int64_t strides[TRO_MAX_RANK];
    tro_ref_strides(x, strides);
    char *dst = c->out[0].data;
    for (int64_t i = 0; i < n_batches * n_tuples; i++, dst += n_bytes) {
        int64_t at;
        TRO_TRY(tro_ref_index_tuple(c, x, indices, i, n_batch_axes, strides, &at));
        at += i / n_tuples * batch_stride;
        if (n_bytes)
            memcpy(dst, (const char *)x->data + at * size, (size_t)n_bytes);
    }
    return 0;
}

/* ---- one-hot --------------------------------------------------------------------------- */

/* indices [outer, inner]: [outer, depth, inner]; an index outside of the depth sets nothing. */
int tro_ref_one_hot(struct tro_ref_call *c)
{
    const struct tro_attrs_axis *const a = c->attrs;
    const struct tro_tensor *const indices = &c->in[0], *const values = &c->in[2];
    const struct tro_tensor *const y = &c->out[0];
    const int axis = tro_ref_axis(a->axis, y->rank);
    const int64_t depth = y->shape[axis], n = tro_tensor_n_elems(indices);
    const int64_t inner = product(y, axis + 1, y->rank);
    const size_t size = tro_dtype_size(y->dtype);
    const char *const off = values->data, *const on = off + size;
    tro_copy_fill(y->data, n * depth, size, off);
    for (int64_t i = 0; i < n; i++) {
        const int64_t v = tro_load_i64(indices->dtype, indices->data, i);
        if (v < -depth || v >= depth)
            continue;
        const int64_t place = v < 0 ? v + depth : v;
        const int64_t at = (i / inner * depth + place) * inner + i % inner;
        memcpy((char *)y->data + at * (int64_t)size, on, size);
    }
    return 0;
}
