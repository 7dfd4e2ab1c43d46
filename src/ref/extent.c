/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that pick elements by their values: the extent of the result follows from them. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/copy.h"
#include "ref/order.h"
#include "ref/rows.h"

#include <inttypes.h>
#include <string.h>

/* ---- nonzero --------------------------------------------------------------------------- */

/* Which of the elements i .. i+n are not 0; their number. */
static int64_t find_nonzero(const struct tro_tensor *t, int64_t i, int64_t n, bool *is_found)
{
    double v[TRO_CHUNK];
    int64_t n_found = 0;
    tro_load_row_f64(t->dtype, t->data, i, n, v);
    for (int64_t k = 0; k < n; k++) {
        is_found[k] = v[k] != 0;
        n_found += is_found[k];
    }
    return n_found;
}

int tro_ref_nonzero(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0];
    const int64_t n_all = tro_tensor_n_elems(x);
    int64_t *const out = c->out[0].data;
    int64_t index[TRO_MAX_RANK] = {0}, n = 0, place = 0;
    bool is_found[TRO_CHUNK];
    for (int64_t i = 0; i < n_all; i += TRO_CHUNK)
        n += find_nonzero(x, i, n_all - i < TRO_CHUNK ? n_all - i : TRO_CHUNK, is_found);
    c->out[0].shape[1] = n;
    for (int64_t i = 0; i < n_all; i++, tro_ref_next(x, index)) {
        if (i % TRO_CHUNK == 0)
            find_nonzero(x, i, n_all - i < TRO_CHUNK ? n_all - i : TRO_CHUNK, is_found);
        if (!is_found[i % TRO_CHUNK])
            continue;
        for (int a = 0; a < x->rank; a++)
            out[a * n + place] = index[a];
        place++;
    }
    return 0;
}

/* ---- compress -------------------------------------------------------------------------- */

int tro_ref_compress(struct tro_ref_call *c)
{
    const struct tro_attrs_compress *const a = c->attrs;
    const struct tro_tensor *const condition = &c->in[1];
    struct tro_tensor x = c->in[0], *const y = &c->out[0];
    if (a->is_flat) {
        x.shape[0] = tro_tensor_n_elems(&x);
        x.rank = 1;
    }
    const int axis = a->is_flat ? 0 : tro_ref_axis(a->axis, x.rank);
    const int64_t n_all = tro_tensor_n_elems(condition);
    const uint8_t *const is_kept = condition->data;
    int64_t n = 0, from[TRO_MAX_RANK] = {0}, to[TRO_MAX_RANK] = {0}, shape[TRO_MAX_RANK];
    for (int64_t i = 0; i < n_all; i++) {
        n += is_kept[i] != 0;
        if (is_kept[i] && i >= x.shape[axis])
            return tro_fail(c->err, TRO_E_INPUT,
                            "condition is true at %" PRId64 ": expected less than %" PRId64
                            ", the size of x there",
                            i, x.shape[axis]);
    }
    y->shape[axis] = n;
    memcpy(shape, x.shape, sizeof(shape));
    shape[axis] = 1;
    for (int64_t i = 0; i < n_all; i++) {
        if (!is_kept[i])
            continue;
        from[axis] = i;
        tro_copy_box(y, to, &x, from, shape);
        to[axis]++;
    }
    return 0;
}

/* ---- unique ---------------------------------------------------------------------------- */

/* Items are slices of x, or elements when it is flat: n rows of n_each keys. */
struct items {
    int64_t n, n_each;
    int64_t *keys;
};

static int compare_items(const struct items *s, int64_t a, int64_t b)
{
    const int64_t *const x = s->keys + a * s->n_each, *const y = s->keys + b * s->n_each;
    for (int64_t i = 0; i < s->n_each; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

static bool is_item_before(const void *ctx, int64_t a, int64_t b)
{
    const int order = compare_items(ctx, a, b);
    return order ? order < 0 : a < b;
}

static int items_load(struct tro_ref_call *c, const struct tro_tensor *x, int axis, struct items *s)
{
    struct tro_tensor thin = *x;
    int64_t at[TRO_MAX_RANK] = {0};
    const int64_t n_all = tro_tensor_n_elems(x);
    s->n = x->shape[axis];
    s->n_each = s->n ? n_all / s->n : 0;
    s->keys = TRO_NEW_N(c->scratch, int64_t, (size_t)n_all);
    thin.shape[axis] = 1;
    thin.data = tro_arena_alloc(c->scratch, (size_t)s->n_each, tro_dtype_size(x->dtype));
    if (!s->keys || !thin.data)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < s->n; i++) {
        at[axis] = i;
        tro_copy_box(&thin, NULL, x, at, thin.shape);
        tro_load_row_keys(x->dtype, thin.data, 0, s->n_each, s->keys + i * s->n_each);
    }
    return 0;
}

/* Groups of equal items, by the first of each. */
struct groups {
    int64_t n;
    int64_t *first;    /* item */
    int64_t *count;    /* items */
    int64_t *group_of; /* item -> group */
};

static bool is_first_before(const void *ctx, int64_t a, int64_t b)
{
    const int64_t *const first = ctx;
    return first[a] < first[b];
}

/* Renumbers groups by where they first occur. */
static int sort_by_occurrence(struct tro_ref_call *c, struct groups *g, int64_t n_items)
{
    int64_t *const order = TRO_NEW_N(c->scratch, int64_t, (size_t)g->n);
    int64_t *const number = TRO_NEW_N(c->scratch, int64_t, (size_t)g->n);
    struct groups sorted = *g;
    sorted.first = TRO_NEW_N(c->scratch, int64_t, (size_t)g->n);
    sorted.count = TRO_NEW_N(c->scratch, int64_t, (size_t)g->n);
    if (!order || !number || !sorted.first || !sorted.count)
        return tro_fail_nomem(c->err);
    tro_order_first(order, g->n, g->n, is_first_before, g->first);
    for (int64_t i = 0; i < g->n; i++) {
        sorted.first[i] = g->first[order[i]];
        sorted.count[i] = g->count[order[i]];
        number[order[i]] = i;
    }
    for (int64_t i = 0; i < n_items; i++)
        g->group_of[i] = number[g->group_of[i]];
    *g = sorted;
    return 0;
}

static int find_groups(struct tro_ref_call *c, const struct items *s, bool is_sorted,
                       struct groups *g)
{
    int64_t *const order = TRO_NEW_N(c->scratch, int64_t, (size_t)s->n);
    g->n = 0;
    g->first = TRO_NEW_N(c->scratch, int64_t, (size_t)s->n);
    g->count = TRO_NEW_N(c->scratch, int64_t, (size_t)s->n);
    g->group_of = TRO_NEW_N(c->scratch, int64_t, (size_t)s->n);
    if (!order || !g->first || !g->count || !g->group_of)
        return tro_fail_nomem(c->err);
    tro_order_first(order, s->n, s->n, is_item_before, s);
    for (int64_t i = 0; i < s->n; i++) {
        if (i == 0 || compare_items(s, order[i - 1], order[i]) != 0)
            g->first[g->n++] = order[i];
        g->count[g->n - 1]++;
        g->group_of[order[i]] = g->n - 1;
    }
    return is_sorted ? 0 : sort_by_occurrence(c, g, s->n);
}

static void store_indices(struct tro_ref_call *c, int i, const int64_t *v, int64_t n)
{
    if (i >= c->n_out)
        return;
    c->out[i].shape[0] = n;
    if (c->out[i].data)
        tro_store_row_i64(c->out[i].dtype, c->out[i].data, 0, n, v);
}

int tro_ref_unique(struct tro_ref_call *c)
{
    const struct tro_attrs_unique *const a = c->attrs;
    struct tro_tensor x = c->in[0], *const y = &c->out[0];
    if (a->is_flat) {
        x.shape[0] = tro_tensor_n_elems(&x);
        x.rank = 1;
    }
    const int axis = a->is_flat ? 0 : tro_ref_axis(a->axis, x.rank);
    struct items items;
    struct groups g;
    TRO_TRY(items_load(c, &x, axis, &items));
    TRO_TRY(find_groups(c, &items, !a->is_unsorted, &g));
    y->shape[axis] = g.n;
    int64_t from[TRO_MAX_RANK] = {0}, to[TRO_MAX_RANK] = {0}, shape[TRO_MAX_RANK];
    memcpy(shape, x.shape, sizeof(shape));
    shape[axis] = 1;
    for (int64_t i = 0; i < g.n && y->data; i++) {
        from[axis] = g.first[i];
        to[axis] = i;
        tro_copy_box(y, to, &x, from, shape);
    }
    store_indices(c, 1, g.first, g.n);
    store_indices(c, 2, g.group_of, items.n);
    store_indices(c, 3, g.count, g.n);
    return 0;
}
