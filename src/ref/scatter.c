/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a tensor with elements replaced or combined by index, in the order of the updates. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/index.h"
#include "ref/rows.h"

#include <inttypes.h>
#include <string.h>

/* Combining in floating point goes on in double and is rounded once at the end. */
struct target {
    enum tro_scatter how;
    const struct tro_tensor *out, *updates;
    double *sums; /* all of out, when that is floating point and combined */
};

static int target_init(struct tro_ref_call *c, struct target *t, enum tro_scatter how)
{
    const struct tro_tensor *const x = &c->in[0];
    const size_t n_bytes = tro_tensor_n_bytes(x);
    *t = (struct target){.how = how, .out = &c->out[0], .updates = &c->in[2]};
    if (n_bytes)
        memcpy(c->out[0].data, x->data, n_bytes);
    if (how == tro_scatter_none || !tro_dtype_is_float(x->dtype))
        return 0;
    t->sums = tro_ref_load_f64(c, x);
    return t->sums ? 0 : tro_fail_nomem(c->err);
}

static void target_finish(struct target *t)
{
    if (t->sums)
        tro_store_row_f64(t->out->dtype, t->out->data, 0, tro_tensor_n_elems(t->out), t->sums);
}

static double combine_f64(enum tro_scatter how, double x, double y)
{
    switch (how) {
    case tro_scatter_add:
        return x + y;
    case tro_scatter_mul:
        return x * y;
    case tro_scatter_max:
        return y > x || y != y ? y : x;
    case tro_scatter_min:
        return y < x || y != y ? y : x;
    default:
        return y;
    }
}

/* flip turns bit patterns of u64 into integers of the same order. */
static int64_t combine_i64(enum tro_scatter how, int64_t flip, int64_t x, int64_t y)
{
    switch (how) {
    case tro_scatter_add:
        return (int64_t)((uint64_t)x + (uint64_t)y);
    case tro_scatter_mul:
        return (int64_t)((uint64_t)x * (uint64_t)y);
    case tro_scatter_max:
        return (y ^ flip) > (x ^ flip) ? y : x;
    case tro_scatter_min:
        return (y ^ flip) < (x ^ flip) ? y : x;
    default:
        return y;
    }
}

/* n elements of the updates from `from` to n elements of the result from `to`. */
static void put(const struct target *t, int64_t to, int64_t from, int64_t n)
{
    const enum tro_dtype d = t->out->dtype;
    const int64_t size = (int64_t)tro_dtype_size(d);
    if (t->how == tro_scatter_none) {
        memcpy((char *)t->out->data + to * size, (const char *)t->updates->data + from * size,
               (size_t)(n * size));
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        if (t->sums) {
            const double y = tro_load_f64(d, t->updates->data, from + i);
            t->sums[to + i] = combine_f64(t->how, t->sums[to + i], y);
        } else {
            const int64_t x = tro_load_i64(d, t->out->data, to + i);
            const int64_t y = tro_load_i64(d, t->updates->data, from + i);
            const int64_t flip = d == TRO_U64 ? INT64_MIN : 0;
            tro_store_i64(d, t->out->data, to + i, combine_i64(t->how, flip, x, y));
        }
    }
}

int tro_ref_scatter_elements(struct tro_ref_call *c)
{
    const struct tro_attrs_scatter_elements *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0], *const indices = &c->in[1];
    const int axis = tro_ref_axis(a->axis, x->rank);
    int64_t index[TRO_MAX_RANK] = {0}, strides[TRO_MAX_RANK], i = 0;
    struct target t;
    TRO_TRY(target_init(c, &t, a->reduction));
    for (int k = 0; k < x->rank; k++)
        if (k != axis && indices->shape[k] > x->shape[k])
            return tro_fail(c->err, TRO_E_INPUT,
                            "size %d of the indices is %" PRId64 ": expected at most %" PRId64
                            ", that of x",
                            k, indices->shape[k], x->shape[k]);
    if (tro_tensor_n_elems(indices) == 0)
        return 0;
    tro_ref_strides(x, strides);
    do {
        int64_t at = 0, offset = 0;
        TRO_TRY(tro_ref_index(c, indices, i, x->shape[axis], &at));
        for (int k = 0; k < x->rank; k++)
            offset += (k == axis ? at : index[k]) * strides[k];
        put(&t, offset, i, 1);
        i++;
    } while (tro_ref_next(indices, index));
    target_finish(&t);
    return 0;
}

int tro_ref_scatter_nd(struct tro_ref_call *c)
{
    const struct tro_attrs_scatter_nd *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0], *const indices = &c->in[1];
    const int tuple_axis = indices->rank - 1;
    int64_t n_tuples = 1, n_slice = 1, strides[TRO_MAX_RANK];
    struct target t;
    TRO_TRY(target_init(c, &t, a->reduction));
    for (int i = 0; i < tuple_axis; i++)
        n_tuples *= indices->shape[i];
    for (int i = (int)indices->shape[tuple_axis]; i < x->rank; i++)
        n_slice *= x->shape[i];
    tro_ref_strides(x, strides);
    for (int64_t i = 0; i < n_tuples; i++) {
        int64_t at;
        TRO_TRY(tro_ref_index_tuple(c, x, indices, i, 0, strides, &at));
        if (n_slice)
            put(&t, at, i * n_slice, n_slice);
    }
    target_finish(&t);
    return 0;
}
