/* SPDX-License-Identifier: Apache-2.0 */
/* Shape of slice: starts and ends are clamped and count from the end when negative, steps may go
 * back. */
#include "graph/infer_util.h"

#include <stdlib.h>

/* "To the end" in models, whatever the size is. */
#define FAR INT32_MAX

struct cut {
    tro_dim size, start, end;
    int64_t step;
};

/* A start or end as an index from the begin; the far ones are lo and hi. False when its sign, and
 * with it what it counts from, is open. */
static bool find_index(struct tro_dims *t, tro_dim i, tro_dim size, tro_dim lo, tro_dim hi,
                       tro_dim *out)
{
    *out = i;
    if (tro_dim_is_const(i) && !tro_dim_is_const(size) && llabs(tro_dim_value(i)) >= FAR)
        *out = tro_dim_value(i) > 0 ? hi : lo;
    else if (tro_dim_hi(t, i) < 0)
        *out = tro_dim_add(t, i, size);
    else if (tro_dim_lo(t, i) < 0)
        return false;
    return true;
}

/* The whole axis backwards, whatever its size is. */
static bool is_reversal(const struct cut *s)
{
    if (!tro_dim_is_const(s->start) || !tro_dim_is_const(s->end))
        return false;
    const int64_t start = tro_dim_value(s->start);
    return (start == -1 || start >= FAR) && tro_dim_value(s->end) <= -FAR;
}

/* Indices from start on, before end. Only the bounds that matter are applied: where a start lies
 * beyond an end the size is 0 anyway, and expressions stay short. */
static bool forward_way(struct tro_dims *t, const struct cut *s, tro_dim *way)
{
    const tro_dim zero = tro_dim_const(0);
    tro_dim start, end;
    if (!find_index(t, s->start, s->size, zero, s->size, &start) ||
        !find_index(t, s->end, s->size, zero, s->size, &end))
        return false;
    end = tro_dim_min(t, end, s->size);
    /* end - max(start, 0), such that the last k of n are min(k, n) */
    *way = tro_dim_min(t, tro_dim_sub(t, end, start), end);
    return true;
}

static bool backward_way(struct tro_dims *t, const struct cut *s, tro_dim *way)
{
    const tro_dim zero = tro_dim_const(0), before = tro_dim_const(-1);
    const tro_dim last = tro_dim_sub(t, s->size, tro_dim_const(1));
    *way = s->size;
    if (is_reversal(s) || tro_dim_is(s->size, 0))
        return true;
    tro_dim start, end;
    if (!find_index(t, s->start, s->size, zero, last, &start) ||
        !find_index(t, s->end, s->size, before, last, &end))
        return false;
    start = tro_dim_max(t, tro_dim_min(t, start, last), zero);
    *way = tro_dim_sub(t, start, tro_dim_max(t, end, before));
    if (tro_dim_lo(t, s->size) < 1)
        *way = tro_dim_min(t, *way, s->size); /* of nothing there is no first element */
    return true;
}

/* Leaves out as it is, and says false, when that is open. */
static bool cut_size(struct tro_dims *t, const struct cut *s, tro_dim *out)
{
    tro_dim way;
    if (!(s->step > 0 ? forward_way(t, s, &way) : backward_way(t, s, &way)))
        return false;
    const tro_dim stride = tro_dim_const(s->step > 0 ? s->step : -s->step);
    *out = tro_dim_max(t, tro_dim_const(0), tro_dim_ceil_div(t, way, stride));
    return true;
}

struct bounds {
    struct tro_dim_list starts, ends;
    struct tro_ints axes, steps;
    bool has_starts, has_ends, has_axes, has_steps;
};

static int read_bounds(const struct tro_infer_call *c, struct bounds *b, int64_t *n)
{
    static const char *const names[5] = {"x", "starts", "ends", "axes", "steps"};
    *n = -1;
    for (int i = 1; i < 5; i++) {
        if (!tro_has(c, i))
            continue;
        int64_t n_i;
        TRO_TRY(tro_want_params(c, i, *n, names[i], &n_i));
        *n = n_i;
    }
    b->has_starts = tro_known_dims(c, 1, &b->starts);
    b->has_ends = tro_known_dims(c, 2, &b->ends);
    b->has_axes = !tro_has(c, 3) || tro_known_ints(c, 3, &b->axes);
    b->has_steps = !tro_has(c, 4) || tro_known_ints(c, 4, &b->steps);
    return 0;
}

/* The axes that are cut; all of them when it is not known which. */
static int cut_axes(const struct tro_infer_call *c, const struct bounds *b, int64_t n, int *axes)
{
    const int rank = c->in[0].shape.rank;
    const bool is_named = tro_has(c, 3);
    if (n > rank)
        return tro_fail(c->err, TRO_E_INPUT,
                        "starts has %" PRId64 " elements: expected at most %d, the rank of x", n,
                        rank);
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    if (is_named && b->has_axes && n >= 0)
        return tro_norm_axes(c, &b->axes, rank, axes);
    return 0;
}

static int cut_one(struct tro_infer_call *c, const struct bounds *b, int i, tro_dim *size)
{
    if (!b->has_starts || !b->has_ends || !b->has_axes || !b->has_steps) {
        *size = tro_dim_part_of(c, *size);
        return 0;
    }
    const int64_t step = tro_has(c, 4) ? b->steps.v[i] : 1;
    if (step == 0)
        return tro_fail(c->err, TRO_E_INPUT, "step %d is 0: expected a step that moves", i);
    const struct cut cut = {*size, b->starts.v[i], b->ends.v[i], step};
    if (!cut_size(c->dims, &cut, size))
        *size = tro_dim_part_of(c, *size);
    return 0;
}

int tro_infer_slice(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_ANY));
    for (int i = 1; i < 5; i++)
        if (tro_has(c, i))
            TRO_TRY(tro_want_type(c, i, TRO_T_INDEX));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    struct bounds b;
    int64_t n;
    TRO_TRY(read_bounds(c, &b, &n));
    const int rank = c->in[0].shape.rank;
    int axes[TRO_MAX_INTS];
    TRO_TRY(cut_axes(c, &b, n, axes));
    c->out[0].shape = c->in[0].shape;
    const bool is_some = n >= 0 && b.has_axes;
    for (int i = 0; i < (is_some ? n : rank); i++)
        TRO_TRY(cut_one(c, &b, i, &c->out[0].shape.dim[axes[i]]));
    return 0;
}
