/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves of whole rows around products as one gather:
 *
 *     matmul(moves(x), w)       matmul(gather(x, rows), w)
 *     moves(matmul(x, w) + b)   gather(matmul(x, w) + b, rows)
 *     concat(moves(x), moves(x), ..) along the last axis, in front of a product or a normalization:
 *     a row of the result is some rows of x
 *
 * where moves are slices, concatenations, transposes and reshapes that keep the last axis, of one
 * value: windows cut from a picture of tokens that was rolled, and the way back; patches that are
 * merged. Those that strides can say are left alone.
 */
#include "base/alloc.h"
#include "base/err.h"
#include "passes/pass.h"

#include <string.h>

enum { MOST_NODES = 32, MOST_ROWS = 1 << 20 };

/* Rows of a value, by their numbers in the source. */
struct rows {
    int rank; /* all axes but the last */
    int64_t shape[TRO_MAX_RANK];
    int64_t n;
    int32_t *from;
};

struct trace {
    struct tro_pass *p;
    struct tro_arena *scratch;
    tro_value_id source; /* the one value that rows come from */
    int n_nodes;
};

/* ---- shapes ------------------------------------------------------------------------------ */

/* False when a size is not known. */
static bool shape_rows(const struct tro_pass *p, tro_value_id v, struct rows *r, int64_t *width)
{
    const struct tro_shape *const s = &tro_value_get(p->g, v)->shape;
    *r = (struct rows){.rank = s->rank - 1, .n = 1};
    for (int i = 0; i < s->rank; i++) {
        if (!tro_dim_is_const(s->dim[i]) || r->n > MOST_ROWS)
            return false;
        if (i == r->rank) {
            *width = tro_dim_value(s->dim[i]);
        } else {
            r->shape[i] = tro_dim_value(s->dim[i]);
            r->n *= r->shape[i];
        }
    }
    return s->rank >= 1 && r->n > 0 && r->n <= MOST_ROWS;
}

static void dense_strides(const struct rows *r, int64_t stride[TRO_MAX_RANK])
{
    int64_t n = 1;
    for (int i = r->rank - 1; i >= 0; i--) {
        stride[i] = n;
        n *= r->shape[i];
    }
}

/* Elements of this shape; strides of both sides. */
static void copy(const struct rows *shape, int32_t *to, const int64_t *to_stride,
                 const int32_t *from, const int64_t *from_stride)
{
    int64_t index[TRO_MAX_RANK] = {0};
    for (int64_t i = 0; i < shape->n; i++) {
        int64_t a = 0, b = 0;
        for (int k = 0; k < shape->rank; k++) {
            a += index[k] * to_stride[k];
            b += index[k] * from_stride[k];
        }
        to[a] = from[b];
        for (int k = shape->rank - 1; k >= 0 && ++index[k] == shape->shape[k]; k--)
            index[k] = 0;
    }
}

/* ---- one move ---------------------------------------------------------------------------- */

static bool trace(struct trace *t, tro_value_id v, struct rows *out);

static bool trace_transpose(struct trace *t, const struct tro_node *n, struct rows *out)
{
    const struct tro_attrs_transpose *const a = n->attrs;
    int64_t own[TRO_MAX_RANK], from[TRO_MAX_RANK], stride[TRO_MAX_RANK];
    struct rows x;
    if (a->perm.v[a->perm.n - 1] != a->perm.n - 1 || !trace(t, n->in[0], &x))
        return false;
    dense_strides(out, own);
    dense_strides(&x, stride);
    for (int i = 0; i < out->rank; i++)
        from[i] = stride[a->perm.v[i]];
    copy(out, out->from, own, x.from, from);
    return true;
}

static bool trace_slice(struct trace *t, const struct tro_node *n, struct rows *out)
{
    struct tro_ints begins, axes, steps = {.n = 0};
    int64_t own[TRO_MAX_RANK], from[TRO_MAX_RANK], first = 0;
    struct rows x;
    if (n->n_in < 4 || !n->in[3].i || !tro_pass_ints(t->p, n->in[1], &begins) ||
        !tro_pass_ints(t->p, n->in[3], &axes) || axes.n != begins.n ||
        (n->n_in > 4 && n->in[4].i && !tro_pass_ints(t->p, n->in[4], &steps)) ||
        !trace(t, n->in[0], &x))
        return false;
    dense_strides(out, own);
    dense_strides(&x, from);
    for (int i = 0; i < axes.n; i++) {
        const int64_t axis = axes.v[i] < 0 ? axes.v[i] + x.rank + 1 : axes.v[i];
        const int64_t size = axis < x.rank ? x.shape[axis] : 0, step = i < steps.n ? steps.v[i] : 1;
        if (axis >= x.rank || step < 1)
            return false;
        const int64_t begin = begins.v[i] < 0 ? begins.v[i] + size : begins.v[i];
        first += (begin < 0 ? 0 : begin) * from[axis];
        from[axis] *= step;
    }
    copy(out, out->from, own, x.from + first, from);
    return true;
}

static bool trace_concat(struct trace *t, const struct tro_node *n, struct rows *out)
{
    const int64_t a = ((const struct tro_attrs_axis *)n->attrs)->axis;
    const int64_t axis = a < 0 ? a + out->rank + 1 : a;
    int64_t own[TRO_MAX_RANK], from[TRO_MAX_RANK], first = 0;
    dense_strides(out, own);
    for (uint32_t i = 0; i < n->n_in; i++) {
        struct rows x;
        if (axis >= out->rank || !trace(t, n->in[i], &x))
            return false;
        dense_strides(&x, from);
        copy(&x, out->from + first, own, x.from, from);
        first += x.shape[axis] * own[axis];
    }
    return true;
}

static bool is_move(const struct tro_node *n)
{
    return n->op == TRO_OP_RESHAPE || n->op == TRO_OP_SQUEEZE || n->op == TRO_OP_UNSQUEEZE ||
           n->op == TRO_OP_TRANSPOSE || n->op == TRO_OP_SLICE || n->op == TRO_OP_CONCAT;
}

static bool trace_move(struct trace *t, const struct tro_node *n, struct rows *out)
{
    struct rows x;
    switch (n->op) {
    case TRO_OP_TRANSPOSE:
        return trace_transpose(t, n, out);
    case TRO_OP_SLICE:
        return trace_slice(t, n, out);
    case TRO_OP_CONCAT:
        return trace_concat(t, n, out);
    default:
        if (!trace(t, n->in[0], &x))
            return false;
        memcpy(out->from, x.from, (size_t)x.n * sizeof(*x.from));
        return true;
    }
}

/* ---- all of them ------------------------------------------------------------------------- */

static bool is_row_move(const struct tro_pass *p, const struct tro_node *n, int64_t width)
{
    int64_t w;
    struct rows r;
    if (!is_move(n) || !n->block.i)
        return false;
    for (uint32_t i = 0; i < (n->op == TRO_OP_CONCAT ? n->n_in : 1); i++)
        if (!shape_rows(p, n->in[i], &r, &w) || w != width)
            return false;
    return true;
}

/* Where the rows of v come from: through moves of whole rows to the source. */
static bool trace(struct trace *t, tro_value_id v, struct rows *out)
{
    const tro_node_id def = tro_value_get(t->p->g, v)->def;
    const struct tro_node *const n = def.i ? tro_node_get(t->p->g, def) : NULL;
    int64_t width;
    if (!shape_rows(t->p, v, out, &width) || tro_is_const(t->p->g, v))
        return false;
    out->from = TRO_NEW_N(t->scratch, int32_t, (size_t)out->n);
    if (!out->from)
        return false;
    if (n && is_row_move(t->p, n, width))
        return t->n_nodes++ < MOST_NODES && trace_move(t, n, out);
    if (t->source.i && !tro_value_eq(t->source, v))
        return false;
    t->source = v;
    for (int64_t i = 0; i < out->n; i++)
        out->from[i] = (int32_t)i;
    return true;
}

/* Strides and an offset say it too. */
static bool is_view(const struct rows *r)
{
    int64_t own[TRO_MAX_RANK], stride[TRO_MAX_RANK] = {0}, index[TRO_MAX_RANK] = {0};
    dense_strides(r, own);
    for (int k = 0; k < r->rank; k++)
        stride[k] = r->shape[k] > 1 ? r->from[own[k]] - r->from[0] : 0;
    for (int64_t i = 0; i < r->n; i++) {
        int64_t at = r->from[0];
        for (int k = 0; k < r->rank; k++)
            at += index[k] * stride[k];
        if (at != r->from[i])
            return false;
        for (int k = r->rank - 1; k >= 0 && ++index[k] == r->shape[k]; k--)
            index[k] = 0;
    }
    return true;
}

/* y becomes rows of the source, in its own shape. */
static void emit(struct tro_pass *p, tro_node_id before, tro_value_id y, tro_value_id source,
                 const struct rows *r)
{
    const struct tro_shape shape = tro_value_get(p->g, y)->shape;
    const struct tro_shape *const s = &tro_value_get(p->g, source)->shape;
    const struct tro_tensor table = {.dtype = TRO_I32, .rank = 1, .shape = {r->n}, .data = r->from};
    const struct tro_attrs_axis axis = {0};
    int64_t n = 1;
    for (int i = 0; i < s->rank - 1; i++)
        n *= tro_dim_value(s->dim[i]);
    const tro_dim flat[2] = {tro_dim_const(n), s->dim[s->rank - 1]};
    const tro_value_id in[2] = {tro_pass_emit_reshape(p, before, source, flat, 2),
                                tro_pass_const(p, &table)};
    const tro_value_id z = tro_pass_emit(p, before, TRO_OP_GATHER, &axis, in, 2);
    tro_pass_replace(p, y, tro_pass_emit_reshape(p, before, z, shape.dim, shape.rank));
}

static bool is_product(const struct tro_pass *p, tro_value_id v)
{
    const struct tro_node *const add = tro_pass_def(p, v, TRO_OP_ADD);
    return tro_pass_def(p, v, TRO_OP_MATMUL) ||
           (add && (tro_pass_def(p, add->in[0], TRO_OP_MATMUL) ||
                    tro_pass_def(p, add->in[1], TRO_OP_MATMUL)));
}

/* y, made by moves, stands in front of a product, or its source is one. */
static void visit_rows(struct tro_pass *p, tro_value_id y, bool is_in_front)
{
    struct tro_arena scratch = {0};
    struct trace t = {.p = p, .scratch = &scratch};
    const tro_node_id def = tro_value_get(p->g, y)->def;
    struct rows r;
    if (def.i && is_move(tro_node_get(p->g, def)) && trace(&t, y, &r) && t.n_nodes > 0 &&
        !is_view(&r) && (is_in_front || is_product(p, t.source)) && tro_pass_allows(p, def))
        emit(p, def, y, t.source, &r);
    tro_arena_finish(&scratch);
}

/* Rows of all inputs of a concatenation along the last axis, one of each after the other. */
static bool trace_merged(struct trace *t, const struct tro_node *n, struct rows *out)
{
    const int64_t axis = ((const struct tro_attrs_axis *)n->attrs)->axis;
    int64_t width, first = -1;
    if (!shape_rows(t->p, n->out[0], out, &width) || (axis != -1 && axis != out->rank))
        return false;
    const int64_t n_rows = out->n, n_in = n->n_in;
    *out = (struct rows){.rank = 2, .shape = {n_rows, n_in}, .n = n_rows * n_in};
    out->from = out->n > MOST_ROWS ? NULL : TRO_NEW_N(t->scratch, int32_t, (size_t)out->n);
    for (int64_t i = 0; i < n_in && out->from; i++) {
        struct rows x;
        if (!trace(t, n->in[i], &x) || !shape_rows(t->p, n->in[i], &(struct rows){0}, &width) ||
            (first >= 0 && width != first))
            return false;
        first = width;
        for (int64_t k = 0; k < n_rows; k++)
            out->from[k * n_in + i] = x.from[k];
    }
    return out->from != NULL;
}

static void visit_merged(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    const tro_node_id user = tro_pass_user(p, n->out[0]);
    const enum tro_op op = user.i ? tro_node_get(p->g, user)->op : TRO_N_OPS;
    struct tro_arena scratch = {0};
    struct trace t = {.p = p, .scratch = &scratch};
    struct rows r;
    if ((op == TRO_OP_NORMALIZE || op == TRO_OP_MATMUL) && trace_merged(&t, n, &r) &&
        t.n_nodes > 0 && !is_view(&r) && tro_pass_allows(p, id))
        emit(p, id, n->out[0], t.source, &r);
    tro_arena_finish(&scratch);
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (n->op == TRO_OP_CONCAT)
        visit_merged(p, id);
    if (!tro_node_get(p->g, id)->block.i)
        return;
    if (n->op == TRO_OP_MATMUL) {
        visit_rows(p, n->in[0], true);
    } else if (is_move(n)) {
        const tro_node_id user = tro_pass_user(p, n->out[0]);
        if (user.i && !is_move(tro_node_get(p->g, user)))
            visit_rows(p, n->out[0], false);
    }
}

int tro_pass_rows(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
