/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move elements: views of memory where strides can say it, copies otherwise. */
#include "lower/lowering.h"

#include "base/dtype.h"
#include "base/err.h"

/* Same elements in row-major order, another shape. */
static int lower_reshape(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_tensor t;
    struct tro_arg from, view;
    if (!tro_lower_type(l, n->out[0], &t))
        return 0;
    TRO_TRY(tro_lower_at(l, n->node->in[0], &from));
    if (tro_arg_n_elems(&from) != tro_tensor_n_elems(&t))
        return 0;
    if (!tro_view_reshape(&from, &t, &view)) {
        TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_DENSE, &from));
        tro_view_reshape(&from, &t, &view);
    }
    TRO_TRY(tro_lower_view(l, n, 0, &view));
    return 1;
}

static int lower_transpose(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_transpose *const a = n->attrs;
    struct tro_arg from, view;
    TRO_TRY(tro_lower_at(l, n->node->in[0], &from));
    tro_view_transpose(&from, &a->perm, &view);
    TRO_TRY(tro_lower_view(l, n, 0, &view));
    return 1;
}

static int lower_expand(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_tensor t;
    struct tro_arg from, view;
    if (!tro_lower_type(l, n->out[0], &t))
        return 0;
    TRO_TRY(tro_lower_at(l, n->node->in[0], &from));
    tro_view_expand(&from, &t, &view);
    TRO_TRY(tro_lower_view(l, n, 0, &view));
    return 1;
}

/* ---- slice, split ------------------------------------------------------------------------- */

struct cut {
    struct tro_ints starts, axes, steps;
};

static bool read_cut(const struct tro_lowering *l, const struct tro_lower_node *n, struct cut *c)
{
    const struct tro_node *const node = n->node;
    const bool has_axes = node->n_in > 3 && node->in[3].i, has_steps = node->n_in > 4;
    if (!tro_lower_ints(l, node->in[1], &c->starts))
        return false;
    c->axes.n = c->steps.n = c->starts.n;
    for (int i = 0; i < c->starts.n; i++) {
        c->axes.v[i] = i;
        c->steps.v[i] = 1;
    }
    return (!has_axes || tro_lower_ints(l, node->in[3], &c->axes)) &&
           (!has_steps || tro_lower_ints(l, node->in[4], &c->steps)) && c->axes.n == c->starts.n &&
           c->steps.n == c->starts.n;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static int lower_slice(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_tensor t;
    struct tro_arg view;
    struct cut c;
    if (!read_cut(l, n, &c) || !tro_lower_type(l, n->out[0], &t))
        return 0;
    TRO_TRY(tro_lower_at(l, n->node->in[0], &view));
    for (int i = 0; i < c.starts.n; i++) {
        const int axis = (int)(c.axes.v[i] < 0 ? c.axes.v[i] + t.rank : c.axes.v[i]);
        const int64_t size = view.shape[axis], step = c.steps.v[i];
        const int64_t start = c.starts.v[i] < 0 ? c.starts.v[i] + size : c.starts.v[i];
        const int64_t first = clamp(start, 0, step < 0 ? size - 1 : size);
        tro_view_cut(&view, axis, first, step, t.shape[axis]);
    }
    TRO_TRY(tro_lower_view(l, n, 0, &view));
    return 1;
}

static int lower_split(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_axis *const a = n->attrs;
    struct tro_arg from;
    struct tro_tensor t;
    int64_t first = 0;
    for (int i = 0; i < n->n_out; i++)
        if (!n->out[i].i || !tro_lower_type(l, n->out[i], &t))
            return 0;
    TRO_TRY(tro_lower_at(l, n->node->in[0], &from));
    const int axis = (int)(a->axis < 0 ? a->axis + from.rank : a->axis);
    for (int i = 0; i < n->n_out; i++) {
        struct tro_arg view = from;
        tro_lower_type(l, n->out[i], &t);
        tro_view_cut(&view, axis, first, 1, t.shape[axis]);
        TRO_TRY(tro_lower_view(l, n, i, &view));
        first += t.shape[axis];
    }
    return 1;
}

/* ---- concat ------------------------------------------------------------------------------- */

/* Parts that were made in place need nothing; the others are copied. */
static int lower_concat(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_axis *const a = n->attrs;
    struct tro_arg whole;
    int64_t first = 0;
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &whole));
    const int axis = (int)(a->axis < 0 ? a->axis + whole.rank : a->axis);
    for (uint32_t i = 0; i < n->node->n_in; i++) {
        struct tro_arg from, part = whole;
        TRO_TRY(tro_lower_at(l, n->node->in[i], &from));
        tro_view_cut(&part, axis, first, 1, from.shape[axis]);
        if (!tro_arg_same_place(&from, &part))
            TRO_TRY(tro_lower_copy(l, n, &part, &from));
        first += from.shape[axis];
    }
    return 1;
}

/* Repeats as a copy from a view with an axis of stride 0 before each repeated one. */
static int lower_tile(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_ints repeats;
    struct tro_arg from, to;
    if (!tro_lower_ints(l, n->node->in[1], &repeats))
        return 0;
    TRO_TRY(tro_lower_at(l, n->node->in[0], &from));
    struct tro_arg src = from;
    src.rank = 0;
    for (int i = 0; i < from.rank; i++) {
        const int64_t pair[2] = {repeats.v[i], from.shape[i]};
        const int64_t stride[2] = {0, from.stride[i]};
        for (int k = repeats.v[i] == 1; k < 2; k++) {
            if (src.rank == TRO_MAX_RANK)
                return 0;
            src.shape[src.rank] = pair[k];
            src.stride[src.rank++] = stride[k];
        }
    }
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_DENSE, true, &to));
    struct tro_tensor t = {.dtype = src.dtype, .rank = src.rank};
    for (int i = 0; i < src.rank; i++)
        t.shape[i] = src.shape[i];
    struct tro_arg dst = tro_arg_of(&t, TRO_FORM_DENSE);
    dst.buffer = to.buffer;
    dst.offset = to.offset;
    TRO_TRY(tro_lower_copy(l, n, &dst, &src));
    return 1;
}

int tro_lower_move(struct tro_lowering *l, const struct tro_lower_node *n)
{
    switch (n->node->op) {
    case TRO_OP_RESHAPE:
    case TRO_OP_SQUEEZE:
    case TRO_OP_UNSQUEEZE:
        return lower_reshape(l, n);
    case TRO_OP_TRANSPOSE:
        return lower_transpose(l, n);
    case TRO_OP_EXPAND:
        return lower_expand(l, n);
    case TRO_OP_SLICE:
        return lower_slice(l, n);
    case TRO_OP_SPLIT:
        return lower_split(l, n);
    case TRO_OP_CONCAT:
        return lower_concat(l, n);
    case TRO_OP_TILE:
        return lower_tile(l, n);
    default:
        return 0;
    }
}
