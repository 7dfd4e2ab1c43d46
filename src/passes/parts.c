/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining what was cut, and cutting what was joined:
 *
 *     concat(.., split(x) all parts, ..)          concat(.., x, ..)
 *     concat(concat(a, b), c)                     concat(a, b, c)               one axis
 *     slice(concat(a, b)) along another axis      concat(slice(a), slice(b))    where all of it is
 *                                                                               joined again
 *
 * The first lets an anchor write its result where it is joined; the last makes a roll along two
 * axes one copy of each quarter.
 */
#include "base/err.h"
#include "passes/pass.h"

#include <string.h>

static int axis_of(const struct tro_pass *p, const struct tro_node *n)
{
    const int rank = tro_value_get(p->g, n->out[0])->shape.rank;
    const int64_t axis = ((const struct tro_attrs_axis *)n->attrs)->axis;
    return (int)(axis < 0 ? axis + rank : axis);
}

/* ---- concat of parts ------------------------------------------------------------------- */

/* Inputs i.. are all outputs of a split along the axis, in order: their number, else 0. */
static uint32_t n_split_parts(const struct tro_pass *p, const struct tro_node *n, uint32_t i,
                              int axis, tro_value_id *whole)
{
    const struct tro_node *const split = tro_pass_def(p, n->in[i], TRO_OP_SPLIT);
    if (!split || split->n_out < 2 || i + split->n_out > n->n_in)
        return 0;
    for (uint32_t k = 0; k < split->n_out; k++)
        if (split->out[k].i == 0 || !tro_value_eq(split->out[k], n->in[i + k]))
            return 0;
    *whole = split->in[0];
    return axis_of(p, split) == axis ? split->n_out : 0;
}

/* A slice of one axis with step 1 and known bounds inside of it. */
static bool match_slice(const struct tro_pass *p, tro_value_id v, tro_value_id *x, int *axis,
                        int64_t *begin, int64_t *end)
{
    const struct tro_node *const n = tro_pass_def(p, v, TRO_OP_SLICE);
    struct tro_ints begins, ends, axes, steps = {.n = 1, .v = {1}};
    if (!n || n->n_in < 4 || !tro_pass_ints(p, n->in[1], &begins) ||
        !tro_pass_ints(p, n->in[2], &ends) || n->in[3].i == 0 ||
        !tro_pass_ints(p, n->in[3], &axes) ||
        (n->n_in > 4 && n->in[4].i && !tro_pass_ints(p, n->in[4], &steps)))
        return false;
    const struct tro_shape *const s = &tro_value_get(p->g, n->in[0])->shape;
    if (axes.n != 1 || begins.n != 1 || ends.n != 1 || steps.n != 1 || steps.v[0] != 1)
        return false;
    *x = n->in[0];
    *axis = (int)(axes.v[0] < 0 ? axes.v[0] + s->rank : axes.v[0]);
    if (!tro_dim_is_const(s->dim[*axis]))
        return false;
    const int64_t size = tro_dim_value(s->dim[*axis]);
    *begin = begins.v[0] < 0 ? begins.v[0] + size : begins.v[0];
    *end = ends.v[0] < 0 ? ends.v[0] + size : ends.v[0] > size ? size : ends.v[0];
    return *begin >= 0 && *begin < *end;
}

/* Inputs i.. are slices that follow each other from the begin of the axis to its end. */
static uint32_t n_sliced_parts(const struct tro_pass *p, const struct tro_node *n, uint32_t i,
                               int axis, tro_value_id *whole)
{
    tro_value_id x;
    int64_t at = 0, begin, end;
    int along;
    for (uint32_t k = i; k < n->n_in; k++) {
        if (!match_slice(p, n->in[k], &x, &along, &begin, &end) || along != axis || begin != at ||
            (k > i && !tro_value_eq(x, *whole)))
            return 0;
        *whole = x;
        at = end;
        if (tro_dim_is(tro_value_get(p->g, x)->shape.dim[axis], end))
            return k - i + 1;
    }
    return 0;
}

/* A concat along the axis that nothing else uses. */
static const struct tro_node *own_concat(struct tro_pass *p, tro_value_id v, int axis)
{
    const struct tro_node *const n = tro_pass_def(p, v, TRO_OP_CONCAT);
    return n && tro_pass_n_uses(p, v) == 1 && axis_of(p, n) == axis ? n : NULL;
}

static void replace_concat(struct tro_pass *p, tro_node_id id, const tro_value_id *in, uint32_t n)
{
    const struct tro_node old = *tro_node_get(p->g, id);
    tro_pass_replace(p, old.out[0], tro_pass_emit(p, id, TRO_OP_CONCAT, old.attrs, in, n));
}

static bool join_parts(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const int axis = axis_of(p, n);
    tro_value_id in[64], whole = TRO_VALUE_NONE;
    uint32_t n_in = 0;
    bool is_changed = false;
    for (uint32_t i = 0; i < n->n_in && n_in < 64;) {
        uint32_t n_parts = n_split_parts(p, n, i, axis, &whole);
        if (n_parts == 0)
            n_parts = n_sliced_parts(p, n, i, axis, &whole);
        in[n_in++] = n_parts ? whole : n->in[i];
        is_changed = is_changed || n_parts > 0;
        i += n_parts ? n_parts : 1;
    }
    if (!is_changed || n_in == 64 || !tro_pass_allows(p, id))
        return false;
    replace_concat(p, id, in, n_in);
    return true;
}

static bool flatten(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const int axis = axis_of(p, n);
    tro_value_id in[64];
    uint32_t n_in = 0;
    bool is_changed = false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const struct tro_node *const inner = own_concat(p, n->in[i], axis);
        const uint32_t n_more = inner ? inner->n_in : 1;
        if (n_in + n_more > 64)
            return false;
        memcpy(&in[n_in], inner ? inner->in : &n->in[i], n_more * sizeof(in[0]));
        n_in += n_more;
        is_changed = is_changed || inner;
    }
    if (!is_changed || !tro_pass_allows(p, id))
        return false;
    replace_concat(p, id, in, n_in);
    return true;
}

/* ---- slices of a concat ---------------------------------------------------------------- */

/* The value is for a concat along this axis alone. */
static bool is_joined(struct tro_pass *p, tro_value_id v, int axis)
{
    const tro_node_id user = tro_pass_user(p, v);
    const struct tro_node *const n = tro_node_get(p->g, user);
    return user.i && n->op == TRO_OP_CONCAT && axis_of(p, n) == axis;
}

/* Every use is a slice along one axis other than the concat's, to be joined again along that. */
static bool is_sliced_only(struct tro_pass *p, const struct tro_node *concat, int axis)
{
    const tro_value_id v = concat->out[0];
    const struct tro_block *const b = tro_block_get(p->g, concat->block);
    uint32_t n_slices = 0;
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(p->g, b->nodes[i]);
        tro_value_id x;
        int along;
        int64_t begin, end;
        if (n->op == TRO_OP_SLICE && tro_value_eq(n->in[0], v) &&
            match_slice(p, n->out[0], &x, &along, &begin, &end) && along != axis &&
            is_joined(p, n->out[0], along))
            n_slices++;
    }
    return n_slices == tro_pass_n_uses(p, v);
}

static bool cut_before_joining(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    const struct tro_node *const concat = tro_pass_def(p, n.in[0], TRO_OP_CONCAT);
    if (!concat || concat->n_in > 8 || n.n_in > 5 ||
        !is_sliced_only(p, concat, axis_of(p, concat)) || !tro_pass_allows(p, id))
        return false;
    const struct tro_node joined = *concat;
    tro_value_id part[8], in[5];
    memcpy(in, n.in, n.n_in * sizeof(in[0]));
    for (uint32_t i = 0; i < joined.n_in; i++) {
        in[0] = joined.in[i];
        part[i] = tro_pass_emit(p, id, TRO_OP_SLICE, NULL, in, n.n_in);
    }
    tro_pass_replace(p, n.out[0],
                     tro_pass_emit(p, id, TRO_OP_CONCAT, joined.attrs, part, joined.n_in));
    return true;
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (n->op == TRO_OP_CONCAT && n->n_in > 1 && !join_parts(p, id))
        flatten(p, id);
    else if (n->op == TRO_OP_SLICE)
        cut_before_joining(p, id);
}

int tro_pass_parts(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
