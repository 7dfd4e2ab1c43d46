/* SPDX-License-Identifier: Apache-2.0 */
/* Contents that operators only move: shapes cut up, joined and gathered. */
#include "graph/elems.h"

#include "base/dtype.h"
#include "graph/dim_poly.h"
#include "graph/elems_calc.h"

/* ---- small tensors --------------------------------------------------------------------- */

static bool small_shape(const struct tro_shape *s, struct tro_small *out)
{
    out->e.n = tro_shape_small(s);
    out->rank = s->rank;
    for (int i = 0; i < s->rank && out->e.n >= 0; i++)
        out->size[i] = (int)tro_dim_value(s->dim[i]);
    return out->e.n >= 0;
}

bool tro_small_input(const struct tro_infer_call *c, int i, struct tro_small *out)
{
    return tro_has(c, i) && small_shape(&c->in[i].shape, out) && tro_known_dims(c, i, &out->e);
}

void tro_small_index(const struct tro_small *s, int i, int index[TRO_MAX_RANK])
{
    for (int a = s->rank - 1; a >= 0; a--) {
        index[a] = i % s->size[a];
        i /= s->size[a];
    }
}

int tro_small_at(const struct tro_small *s, const int index[TRO_MAX_RANK])
{
    int at = 0;
    for (int a = 0; a < s->rank; a++)
        at = at * s->size[a] + index[a];
    return at;
}

int tro_small_broadcast(const struct tro_small *to, const struct tro_small *from, int i)
{
    int index[TRO_MAX_RANK], own[TRO_MAX_RANK];
    tro_small_index(to, i, index);
    for (int a = 0; a < from->rank; a++)
        own[a] = from->size[a] == 1 ? 0 : index[a + to->rank - from->rank];
    return tro_small_at(from, own);
}

/* ---- operators that move elements ------------------------------------------------------ */

/* Each gives the elements of out, whose shape is set; false when they do not follow. */

static bool dims_elems(struct tro_infer_call *c, struct tro_small *out)
{
    const struct tro_attrs_dims *const attrs = c->attrs;
    out->e = attrs->values;
    return true;
}

static bool shape_of_elems(struct tro_infer_call *c, struct tro_small *out)
{
    const struct tro_shape *const s = &c->in[0].shape;
    for (int i = 0; i < s->rank; i++)
        out->e.v[i] = s->dim[i];
    return s->rank >= 0;
}

static bool same_elems(struct tro_infer_call *c, struct tro_small *out)
{
    return tro_known_dims(c, 0, &out->e);
}

static bool expand_elems(struct tro_infer_call *c, struct tro_small *out)
{
    struct tro_small x;
    if (!tro_small_input(c, 0, &x))
        return false;
    for (int i = 0; i < out->e.n; i++)
        out->e.v[i] = x.e.v[tro_small_broadcast(out, &x, i)];
    return true;
}

static bool tile_elems(struct tro_infer_call *c, struct tro_small *out)
{
    struct tro_small x;
    if (!tro_small_input(c, 0, &x))
        return false;
    for (int i = 0; i < out->e.n; i++) {
        int index[TRO_MAX_RANK];
        tro_small_index(out, i, index);
        for (int a = 0; a < x.rank; a++)
            index[a] %= x.size[a];
        out->e.v[i] = x.e.v[tro_small_at(&x, index)];
    }
    return true;
}

static bool transpose_elems(struct tro_infer_call *c, struct tro_small *out)
{
    const struct tro_attrs_transpose *const attrs = c->attrs;
    struct tro_small x;
    if (!tro_small_input(c, 0, &x))
        return false;
    for (int i = 0; i < out->e.n; i++) {
        int index[TRO_MAX_RANK], from[TRO_MAX_RANK];
        tro_small_index(out, i, index);
        for (int a = 0; a < x.rank; a++)
            from[attrs->perm.v[a]] = index[a];
        out->e.v[i] = x.e.v[tro_small_at(&x, from)];
    }
    return true;
}

static int norm(int64_t axis, int rank)
{
    return (int)(axis < 0 ? axis + rank : axis);
}

static bool gather_elems(struct tro_infer_call *c, struct tro_small *out)
{
    struct tro_small x, rows;
    if (!tro_small_input(c, 0, &x) || !tro_small_input(c, 1, &rows))
        return false;
    const int axis = norm(((const struct tro_attrs_axis *)c->attrs)->axis, x.rank);
    for (int i = 0; i < out->e.n; i++) {
        int index[TRO_MAX_RANK], from[TRO_MAX_RANK];
        tro_small_index(out, i, index);
        const tro_dim row = rows.e.v[tro_small_at(&rows, index + axis)];
        const int64_t size = x.size[axis];
        if (!tro_dim_is_const(row) || tro_dim_value(row) < -size || tro_dim_value(row) >= size)
            return false;
        for (int a = 0; a < x.rank; a++)
            from[a] = a < axis    ? index[a]
                      : a == axis ? norm(tro_dim_value(row), (int)size)
                                  : index[a + rows.rank - 1];
        out->e.v[i] = x.e.v[tro_small_at(&x, from)];
    }
    return true;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* First index and step of each axis. */
static bool slice_params(struct tro_infer_call *c, const struct tro_small *x, int64_t *first,
                         int64_t *step)
{
    struct tro_ints starts, axes, steps;
    const bool has_axes = tro_has(c, 3), has_steps = tro_has(c, 4);
    if (!tro_known_ints(c, 1, &starts) || (has_axes && !tro_known_ints(c, 3, &axes)) ||
        (has_steps && !tro_known_ints(c, 4, &steps)))
        return false;
    for (int a = 0; a < x->rank; a++) {
        first[a] = 0;
        step[a] = 1;
    }
    for (int i = 0; i < starts.n; i++) {
        const int a = norm(has_axes ? axes.v[i] : i, x->rank);
        const int64_t size = x->size[a];
        step[a] = has_steps ? steps.v[i] : 1;
        first[a] = clamp(starts.v[i] < 0 ? starts.v[i] + size : starts.v[i], 0,
                         step[a] < 0 ? size - 1 : size);
    }
    return true;
}

static bool slice_elems(struct tro_infer_call *c, struct tro_small *out)
{
    struct tro_small x;
    int64_t first[TRO_MAX_RANK], step[TRO_MAX_RANK];
    if (!tro_small_input(c, 0, &x) || !slice_params(c, &x, first, step))
        return false;
    for (int i = 0; i < out->e.n; i++) {
        int index[TRO_MAX_RANK];
        tro_small_index(out, i, index);
        for (int a = 0; a < x.rank; a++)
            index[a] = (int)(first[a] + index[a] * step[a]);
        out->e.v[i] = x.e.v[tro_small_at(&x, index)];
    }
    return true;
}

static bool concat_elems(struct tro_infer_call *c, struct tro_small *out)
{
    const int axis = norm(((const struct tro_attrs_axis *)c->attrs)->axis, out->rank);
    int begin = 0;
    for (int k = 0; k < c->n_in; k++) {
        struct tro_small x;
        if (!tro_small_input(c, k, &x))
            return false;
        for (int i = 0; i < x.e.n; i++) {
            int index[TRO_MAX_RANK];
            tro_small_index(&x, i, index);
            index[axis] += begin;
            out->e.v[tro_small_at(out, index)] = x.e.v[i];
        }
        begin += x.size[axis];
    }
    return true;
}

static bool range_elems(struct tro_infer_call *c, struct tro_small *out)
{
    struct tro_dim_list start, delta;
    if (!tro_known_dims(c, 0, &start) || !tro_known_dims(c, 2, &delta))
        return false;
    for (int i = 0; i < out->e.n; i++)
        out->e.v[i] = tro_dim_add(c->dims, start.v[0],
                                  tro_dim_mul(c->dims, delta.v[0], tro_dim_const(i)));
    return true;
}

/* ---- the driver ------------------------------------------------------------------------ */

static bool is_integer(enum tro_dtype dtype)
{
    return tro_dtype_is_int(dtype) || dtype == TRO_BOOL;
}

static void keep(struct tro_infer_call *c, int i, struct tro_small *s)
{
    if (!tro_small_fit(c->dims, c->out[i].dtype, &s->e))
        return;
    tro_dim *const copy = tro_arena_memdup(c->dims->arena, s->e.v,
                                           (size_t)s->e.n * sizeof(tro_dim));
    c->dims->failed |= !copy;
    c->out[i].elems = copy;
}

/* All outputs at once, the only operator of which more than the first one can be known. */
static void split_elems(struct tro_infer_call *c)
{
    struct tro_small x, out;
    if (!tro_small_input(c, 0, &x))
        return;
    const int axis = norm(((const struct tro_attrs_axis *)c->attrs)->axis, x.rank);
    int begin = 0;
    for (int k = 0; k < c->n_out; k++) {
        if (!small_shape(&c->out[k].shape, &out) || begin + out.size[axis] > x.size[axis])
            return;
        for (int i = 0; i < out.e.n; i++) {
            int index[TRO_MAX_RANK];
            tro_small_index(&out, i, index);
            index[axis] += begin;
            out.e.v[i] = x.e.v[tro_small_at(&x, index)];
        }
        keep(c, k, &out);
        begin += out.size[axis];
    }
}

static bool elems_of(struct tro_infer_call *c, struct tro_small *out)
{
    switch (c->op) {
    case TRO_OP_DIMS:
        return dims_elems(c, out);
    case TRO_OP_SHAPE_OF:
        return shape_of_elems(c, out);
    case TRO_OP_RANGE:
        return range_elems(c, out);
    case TRO_OP_RESHAPE:
    case TRO_OP_SQUEEZE:
    case TRO_OP_UNSQUEEZE:
        return same_elems(c, out);
    case TRO_OP_EXPAND:
        return expand_elems(c, out);
    case TRO_OP_TILE:
        return tile_elems(c, out);
    case TRO_OP_TRANSPOSE:
        return transpose_elems(c, out);
    case TRO_OP_GATHER:
        return gather_elems(c, out);
    case TRO_OP_SLICE:
        return slice_elems(c, out);
    case TRO_OP_CONCAT:
        return concat_elems(c, out);
    default:
        return tro_calc_elems(c, out);
    }
}

void tro_infer_elems(struct tro_infer_call *c)
{
    struct tro_small out;
    if (c->n_out < 1 || !is_integer(c->out[0].dtype) || tro_dims_is_full(c->dims))
        return;
    if (c->op == TRO_OP_SPLIT)
        split_elems(c);
    else if (small_shape(&c->out[0].shape, &out) && elems_of(c, &out) &&
             out.e.n == tro_shape_small(&c->out[0].shape))
        keep(c, 0, &out);
}
