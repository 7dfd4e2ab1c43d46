/* SPDX-License-Identifier: Apache-2.0 */
/* Moves after moves, as one; moves in the simplest form. */
#include "base/dtype.h"
#include "passes/pass.h"

static bool is_reshape(const struct tro_node *n)
{
    return n->op == TRO_OP_RESHAPE || n->op == TRO_OP_SQUEEZE || n->op == TRO_OP_UNSQUEEZE;
}

static const struct tro_node *reshape_def(const struct tro_pass *p, tro_value_id v)
{
    const tro_node_id def = v.i ? tro_value_get(p->g, v)->def : TRO_NODE_NONE;
    const struct tro_node *const n = tro_node_get(p->g, def);
    return def.i && n->block.i && is_reshape(n) ? n : NULL;
}

/* reshape(reshape(x)) */
static bool compose_reshapes(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const struct tro_node *const inner = is_reshape(n) ? reshape_def(p, n->in[0]) : NULL;
    const tro_value_id y = n->out[0];
    if (!inner || !tro_pass_is_sized(p, y) || !tro_pass_allows(p, id))
        return false;
    const struct tro_shape shape = tro_value_get(p->g, y)->shape;
    tro_pass_replace(p, y, tro_pass_emit_reshape(p, id, inner->in[0], shape.dim, shape.rank));
    return true;
}

static bool compose_transposes(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const struct tro_node *const inner = n->op == TRO_OP_TRANSPOSE
                                             ? tro_pass_def(p, n->in[0], TRO_OP_TRANSPOSE)
                                             : NULL;
    if (!inner || !tro_pass_allows(p, id))
        return false;
    const struct tro_attrs_transpose *const a = inner->attrs;
    struct tro_attrs_transpose both = *(const struct tro_attrs_transpose *)n->attrs;
    const tro_value_id y = n->out[0];
    for (int i = 0; i < both.perm.n; i++)
        both.perm.v[i] = a->perm.v[both.perm.v[i]];
    tro_pass_replace(p, y, tro_pass_emit(p, id, TRO_OP_TRANSPOSE, &both, inner->in, 1));
    return true;
}

/* A transpose that moves nothing but axes of size 1. */
static bool transpose_as_reshape(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (n->op != TRO_OP_TRANSPOSE || !tro_pass_is_sized(p, n->out[0]))
        return false;
    const struct tro_attrs_transpose *const a = n->attrs;
    const tro_value_id x = n->in[0], y = n->out[0];
    const struct tro_shape shape = tro_value_get(p->g, y)->shape;
    int64_t last = -1;
    for (int i = 0; i < shape.rank; i++) {
        if (tro_dim_is(shape.dim[i], 1))
            continue;
        if (a->perm.v[i] < last)
            return false;
        last = a->perm.v[i];
    }
    if (!tro_pass_allows(p, id))
        return false;
    tro_pass_replace(p, y, tro_pass_emit_reshape(p, id, x, shape.dim, shape.rank));
    return true;
}

/* ---- casts ----------------------------------------------------------------------------- */

/* Digits of the significand and greatest exponent, as far as they decide what fits. */
static bool is_exact_cast(enum tro_dtype from, enum tro_dtype to)
{
    static const struct {
        enum tro_dtype d;
        int digits; /* integers up to 2^digits are exact */
    } floats[] = {{TRO_F16, 11}, {TRO_BF16, 8}, {TRO_F32, 24}, {TRO_F64, 53}};
    if (tro_dtype_is_float(from))
        return (to == TRO_F64 && (from == TRO_F32 || from == TRO_F16 || from == TRO_BF16)) ||
               (to == TRO_F32 && (from == TRO_F16 || from == TRO_BF16));
    if (from != TRO_BOOL && !tro_dtype_is_int(from))
        return false;
    const int bits = from == TRO_BOOL ? 1 : tro_dtype_bits(from);
    for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++)
        if (floats[i].d == to)
            return bits <= floats[i].digits;
    if (!tro_dtype_is_int(to) || tro_dtype_bits(to) < 8)
        return false;
    const bool is_signed = tro_dtype_is_signed(from);
    return tro_dtype_is_signed(to) ? bits + !is_signed <= tro_dtype_bits(to)
                                   : !is_signed && bits <= tro_dtype_bits(to);
}

/* cast(cast(x)) where the first loses nothing */
static bool compose_casts(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const struct tro_node *const inner = n->op == TRO_OP_CAST
                                             ? tro_pass_def(p, n->in[0], TRO_OP_CAST)
                                             : NULL;
    if (!inner || !is_exact_cast(tro_value_get(p->g, inner->in[0])->dtype,
                                 tro_value_get(p->g, n->in[0])->dtype))
        return false;
    const tro_value_id x = inner->in[0], y = n->out[0];
    const bool is_back = tro_value_get(p->g, x)->dtype == tro_value_get(p->g, y)->dtype;
    if ((is_back && !tro_pass_may_replace(p, y, x)) || !tro_pass_allows(p, id))
        return false;
    tro_pass_replace(p, y, is_back ? x : tro_pass_emit(p, id, TRO_OP_CAST, n->attrs, &x, 1));
    return true;
}

/* ---- gathers --------------------------------------------------------------------------- */

/* Constant indices first, first + step, ... within the axis; n = 1 for a scalar. */
static bool read_range(const struct tro_pass *p, const struct tro_node *n, int64_t *first,
                       int64_t *step, int64_t *count, int *axis)
{
    const struct tro_attrs_axis *const a = n->attrs;
    const struct tro_shape *const s = &tro_value_get(p->g, n->in[0])->shape;
    struct tro_ints index;
    if (s->rank < 1 || !tro_pass_ints(p, n->in[1], &index) || index.n < 1 ||
        tro_value_get(p->g, n->in[1])->shape.rank > 1)
        return false;
    *axis = (int)(a->axis < 0 ? a->axis + s->rank : a->axis);
    if (!tro_dim_is_const(s->dim[*axis]))
        return false;
    const int64_t size = tro_dim_value(s->dim[*axis]);
    for (int i = 0; i < index.n; i++) {
        index.v[i] += index.v[i] < 0 ? size : 0;
        if (index.v[i] < 0 || index.v[i] >= size)
            return false;
    }
    *first = index.v[0];
    *count = index.n;
    *step = index.n > 1 ? index.v[1] - index.v[0] : 1;
    for (int i = 1; i < index.n; i++)
        if (index.v[i] - index.v[i - 1] != *step || *step == 0)
            return false;
    return true;
}

static bool gather_as_slice(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    int64_t first, step, count;
    int axis;
    if (n.op != TRO_OP_GATHER || !read_range(p, &n, &first, &step, &count, &axis) ||
        !tro_pass_is_sized(p, n.out[0]) || !tro_pass_allows(p, id))
        return false;
    const struct tro_shape shape = tro_value_get(p->g, n.out[0])->shape;
    /* A step down to index 0 ends before it: -1 would count from the end. */
    const int64_t last = first + step * count, end = last < 0 ? INT64_MIN : last, at = axis;
    const tro_value_id in[5] = {n.in[0], tro_pass_const_ints(p, &first, 1),
                                tro_pass_const_ints(p, &end, 1), tro_pass_const_ints(p, &at, 1),
                                tro_pass_const_ints(p, &step, 1)};
    const tro_value_id y = tro_pass_emit(p, id, TRO_OP_SLICE, NULL, in, step == 1 ? 4 : 5);
    const bool is_scalar = tro_value_get(p->g, n.in[1])->shape.rank == 0;
    tro_pass_replace(p, n.out[0],
                     is_scalar ? tro_pass_emit_reshape(p, id, y, shape.dim, shape.rank) : y);
    return true;
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    if (tro_node_get(p->g, id)->n_out != 1 || tro_node_get(p->g, id)->out[0].i == 0)
        return;
    if (!compose_reshapes(p, id) && !compose_transposes(p, id) && !transpose_as_reshape(p, id) &&
        !compose_casts(p, id))
        gather_as_slice(p, id);
}

int tro_pass_moves(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
