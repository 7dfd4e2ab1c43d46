/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/walk.h"

#include <string.h>

#define LEAST_ELEMS 4096 /* below, a second thread costs more than it brings */

static int64_t magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

/* Axes of the set that are not of size 1, outermost first as they lie in a. */
static int sorted_axes(const struct tro_arg *a, uint32_t set, int axes[TRO_MAX_RANK])
{
    int n = 0;
    for (int i = 0; i < a->rank; i++) {
        if (!(set >> i & 1) || a->shape[i] == 1)
            continue;
        int at = n++;
        for (; at > 0 && magnitude(a->stride[axes[at - 1]]) < magnitude(a->stride[i]); at--)
            axes[at] = axes[at - 1];
        axes[at] = i;
    }
    return n;
}

static int64_t stride_of(const struct tro_arg *a, int axis)
{
    return a && a->shape[axis] != 1 ? a->stride[axis] : 0;
}

static bool can_merge(const struct tro_walk *w, const struct tro_arg *operand[TRO_WALK_OPERANDS],
                      int axis, int64_t size)
{
    if (w->rank == 0)
        return false;
    for (int k = 0; k < TRO_WALK_OPERANDS; k++)
        if (w->stride[k][w->rank - 1] != stride_of(operand[k], axis) * size)
            return false;
    return true;
}

void tro_walk_init(struct tro_walk *w, uint32_t lines, bool merges,
                   const struct tro_arg *operand[TRO_WALK_OPERANDS])
{
    int axes[TRO_MAX_RANK];
    const int n = sorted_axes(operand[0], ~lines, axes);
    *w = (struct tro_walk){.n = 1};
    for (int i = 0; i < operand[0]->rank; i++)
        w->n *= lines >> i & 1 ? 1 : operand[0]->shape[i];
    for (int i = 0; i < n; i++) {
        const int64_t size = operand[0]->shape[axes[i]];
        const bool is_merged = merges && can_merge(w, operand, axes[i], size);
        const int at = is_merged ? w->rank - 1 : w->rank++;
        w->axis[at] = axes[i];
        w->size[at] = is_merged ? w->size[at] * size : size;
        for (int k = 0; k < TRO_WALK_OPERANDS; k++)
            w->stride[k][at] = stride_of(operand[k], axes[i]);
    }
}

void tro_walk_at(const struct tro_walk *w, int64_t i, int64_t offset[TRO_WALK_OPERANDS])
{
    memset(offset, 0, TRO_WALK_OPERANDS * sizeof(*offset));
    for (int a = w->rank - 1; a >= 0; a--) {
        const int64_t at = i % w->size[a];
        i /= w->size[a];
        for (int k = 0; k < TRO_WALK_OPERANDS; k++)
            offset[k] += at * w->stride[k][a];
    }
}

int64_t tro_walk_run(const struct tro_walk *w, int64_t i, int64_t n)
{
    const int64_t left = w->rank ? w->size[w->rank - 1] - i % w->size[w->rank - 1] : 1;
    return left < n ? left : n;
}

int64_t tro_walk_pitch(const struct tro_walk *w, int k)
{
    return w->rank ? w->stride[k][w->rank - 1] : 0;
}

void tro_walk_index(const struct tro_walk *w, int64_t i, int64_t index[TRO_MAX_RANK])
{
    for (int a = w->rank - 1; a >= 0; a--) {
        index[w->axis[a]] = i % w->size[a];
        i /= w->size[a];
    }
}

bool tro_walk_merge(const struct tro_arg *a, const struct tro_arg *b, uint32_t set, int64_t *size,
                    int64_t *stride_a, int64_t *stride_b)
{
    int axes[TRO_MAX_RANK];
    const int n = sorted_axes(a, set, axes);
    *size = *stride_a = *stride_b = 1;
    for (int i = n - 1; i >= 0; i--) {
        const int64_t sa = a->stride[axes[i]], sb = b->stride[axes[i]];
        if (i == n - 1) {
            *stride_a = sa;
            *stride_b = sb;
        } else if (sa != *stride_a * *size || sb != *stride_b * *size) {
            return false;
        }
        *size *= a->shape[axes[i]];
    }
    return true;
}

int tro_walk_form(const struct tro_lowering *l, tro_value_id v, enum tro_form *form)
{
    const struct tro_arg a = tro_lower_place(l, v);
    const bool is_last = !tro_arg_is_dense(&a) && tro_arg_is_channels_last(&a) && a.shape[1] > 1;
    *form = is_last ? TRO_FORM_CHANNELS_LAST : TRO_FORM_ROWS;
    return is_last ? 1 : a.rank - 1;
}

int tro_walk_parts(const struct tro_lowering *l, int64_t n_items, int64_t n_elems)
{
    int64_t n = tro_lower_n_threads(l);
    n = n < n_items ? n : n_items;
    n = n < n_elems / LEAST_ELEMS ? n : n_elems / LEAST_ELEMS;
    return n < 1 ? 1 : (int)n;
}
