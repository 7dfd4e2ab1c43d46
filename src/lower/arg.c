/* SPDX-License-Identifier: Apache-2.0 */
#include "lower/view.h"

#include "base/dtype.h"

#include <string.h>

/* ---- questions ---------------------------------------------------------------------------- */

int64_t tro_arg_n_elems(const struct tro_arg *a)
{
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= a->shape[i];
    return n;
}

size_t tro_arg_n_bytes(const struct tro_arg *a)
{
    return (size_t)tro_arg_n_elems(a) * tro_dtype_size(a->dtype);
}

bool tro_arg_is_dense(const struct tro_arg *a)
{
    int64_t stride = 1;
    for (int i = a->rank - 1; i >= 0; i--) {
        if (a->shape[i] == 0)
            return true;
        if (a->shape[i] != 1 && a->stride[i] != stride)
            return false;
        stride *= a->shape[i];
    }
    return true;
}

bool tro_arg_is_channels_last(const struct tro_arg *a)
{
    if (a->rank < 2 || (a->shape[1] != 1 && a->stride[1] != 1))
        return false;
    for (int i = 0; i < a->rank; i++)
        if (i != 1 && a->shape[i] > 1 && a->stride[i] <= 0)
            return false;
    return true;
}

bool tro_arg_is_rows(const struct tro_arg *a)
{
    return a->rank == 0 || a->shape[a->rank - 1] == 1 || a->stride[a->rank - 1] == 1;
}

struct tro_tensor tro_arg_tensor(const struct tro_step_run *r, const struct tro_arg *a)
{
    struct tro_tensor t = {.dtype = a->dtype, .rank = a->rank, .data = tro_arg_ptr(r, a)};
    memcpy(t.shape, a->shape, sizeof t.shape);
    return t;
}

bool tro_arg_same_place(const struct tro_arg *a, const struct tro_arg *b)
{
    if (a->buffer != b->buffer || a->offset != b->offset || a->dtype != b->dtype ||
        a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i] || (a->shape[i] != 1 && a->stride[i] != b->stride[i]))
            return false;
    return true;
}

bool tro_arg_has_form(const struct tro_arg *a, enum tro_form form)
{
    switch (form) {
    case TRO_FORM_DENSE:
        return tro_arg_is_dense(a);
    case TRO_FORM_ROWS:
        return tro_arg_is_rows(a);
    case TRO_FORM_CHANNELS_LAST:
        return tro_arg_is_channels_last(a);
    case TRO_FORM_ANY:
    case TRO_FORM_GUESS:
    default:
        return true;
    }
}

/* ---- strides of new memory ---------------------------------------------------------------- */

void tro_arg_set_strides(struct tro_arg *a, enum tro_form form)
{
    const bool is_last = form == TRO_FORM_CHANNELS_LAST && a->rank >= 2;
    int64_t stride = 1;
    if (is_last) {
        a->stride[1] = 1;
        stride = a->shape[1];
    }
    for (int i = a->rank - 1; i >= 0; i--) {
        if (is_last && i == 1)
            continue;
        a->stride[i] = stride;
        stride *= a->shape[i];
    }
}

struct tro_arg tro_arg_of(const struct tro_tensor *t, enum tro_form form)
{
    struct tro_arg a = {.dtype = t->dtype, .rank = t->rank};
    memcpy(a.shape, t->shape, sizeof a.shape);
    tro_arg_set_strides(&a, form);
    return a;
}

/* ---- views -------------------------------------------------------------------------------- */

/* Axes of the source that lie one after the other, as one: the fewest sizes and strides. */
static int merge_axes(const struct tro_arg *a, int64_t *size, int64_t *stride)
{
    int n = 0;
    for (int i = 0; i < a->rank; i++) {
        if (a->shape[i] == 1)
            continue;
        if (n > 0 && stride[n - 1] == a->stride[i] * a->shape[i]) {
            size[n - 1] *= a->shape[i];
            stride[n - 1] = a->stride[i];
        } else {
            size[n] = a->shape[i];
            stride[n++] = a->stride[i];
        }
    }
    return n;
}

bool tro_view_reshape(const struct tro_arg *a, const struct tro_tensor *to, struct tro_arg *out)
{
    int64_t size[TRO_MAX_RANK], stride[TRO_MAX_RANK];
    *out = tro_arg_of(to, TRO_FORM_DENSE);
    out->dtype = a->dtype;
    out->buffer = a->buffer;
    out->offset = a->offset;
    if (tro_arg_n_elems(a) == 0)
        return true;
    int at = merge_axes(a, size, stride) - 1;
    int64_t left = at >= 0 ? size[at] : 1, step = at >= 0 ? stride[at] : 1;
    for (int i = to->rank - 1; i >= 0; i--) {
        if (to->shape[i] == 1)
            continue;
        if (left == 1 && at > 0) {
            left = size[--at];
            step = stride[at];
        }
        if (left % to->shape[i] != 0)
            return false;
        out->stride[i] = step;
        step *= to->shape[i];
        left /= to->shape[i];
    }
    return true;
}

void tro_view_transpose(const struct tro_arg *a, const struct tro_ints *perm, struct tro_arg *out)
{
    *out = *a;
    for (int i = 0; i < a->rank; i++) {
        out->shape[i] = a->shape[perm->v[i]];
        out->stride[i] = a->stride[perm->v[i]];
    }
}

void tro_view_expand(const struct tro_arg *a, const struct tro_tensor *to, struct tro_arg *out)
{
    *out = tro_arg_of(to, TRO_FORM_DENSE);
    out->dtype = a->dtype;
    out->buffer = a->buffer;
    out->offset = a->offset;
    for (int i = 0; i < to->rank; i++) {
        const int k = i - (to->rank - a->rank);
        out->stride[i] = k < 0 || a->shape[k] == 1 ? 0 : a->stride[k];
    }
}

void tro_view_cut(struct tro_arg *a, int axis, int64_t first, int64_t step, int64_t size)
{
    if (size > 0)
        a->offset += first * a->stride[axis] * (int64_t)tro_dtype_size(a->dtype);
    a->stride[axis] *= step;
    a->shape[axis] = size;
}
