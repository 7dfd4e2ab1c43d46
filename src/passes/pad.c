/* SPDX-License-Identifier: Apache-2.0 */
/* Constant padding in front of a convolution or pooling becomes its own. */
#include "base/dtype.h"
#include "passes/pass.h"

#include <math.h>

/* What a pad node adds to each spatial axis of [n, c, spatial..]. */
struct padding {
    tro_value_id x;
    double value;
    int n;
    int64_t begin[TRO_MAX_RANK], end[TRO_MAX_RANK];
};

static bool read_value(const struct tro_pass *p, const struct tro_node *n, double *value)
{
    *value = 0;
    return n->n_in < 3 || n->in[2].i == 0 || tro_pass_splat(p, n->in[2], value);
}

/* Pads of batch and channels must be 0, the others not negative. */
static bool match_pad(const struct tro_pass *p, tro_value_id v, struct padding *out)
{
    const struct tro_node *const n = tro_pass_def(p, v, TRO_OP_PAD);
    const int rank = n ? tro_value_get(p->g, v)->shape.rank : 0;
    const struct tro_attrs_pad *const a = n ? n->attrs : NULL;
    struct tro_ints pads, axes = {.n = rank};
    if (!n || rank < 3 || a->mode != tro_pad_mode_constant || !tro_pass_ints(p, n->in[1], &pads) ||
        !read_value(p, n, &out->value))
        return false;
    for (int i = 0; i < rank; i++)
        axes.v[i] = i;
    if (n->n_in > 3 && n->in[3].i && !tro_pass_ints(p, n->in[3], &axes))
        return false;
    if (pads.n != 2 * axes.n)
        return false;
    out->x = n->in[0];
    out->n = rank - 2;
    for (int i = 0; i < out->n; i++)
        out->begin[i] = out->end[i] = 0;
    for (int i = 0; i < axes.n; i++) {
        const int64_t axis = axes.v[i] < 0 ? axes.v[i] + rank : axes.v[i];
        const int64_t begin = pads.v[i], end = pads.v[axes.n + i];
        if (begin < 0 || end < 0 || (axis < 2 && begin + end > 0))
            return false;
        if (axis >= 2) {
            out->begin[axis - 2] = begin;
            out->end[axis - 2] = end;
        }
    }
    return true;
}

static void add_pads(const struct padding *pad, struct tro_ints *pads)
{
    for (int i = 0; i < pad->n; i++) {
        pads->v[i] += pad->begin[i];
        pads->v[pad->n + i] += pad->end[i];
    }
}

static void replace(struct tro_pass *p, tro_node_id id, tro_value_id x, const void *attrs)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    tro_value_id in[4] = {x};
    for (uint32_t i = 1; i < n.n_in; i++)
        in[i] = n.in[i];
    tro_pass_replace(p, n.out[0], tro_pass_emit(p, id, n.op, attrs, in, n.n_in));
}

/* ---- convolutions ---------------------------------------------------------------------- */

/* Padding of a convolution is what counts as zero. */
static bool is_zero_of(const struct tro_pass *p, const struct tro_node *n, double value)
{
    double zero = 0;
    if (n->op == TRO_OP_CONV_INT && n->n_in > 2 && n->in[2].i &&
        !tro_pass_splat(p, n->in[2], &zero))
        return false;
    return value == zero;
}

static void into_conv(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    struct tro_attrs_conv a = *(const struct tro_attrs_conv *)n->attrs;
    struct padding pad;
    if (a.auto_pad != tro_auto_pad_explicit || !match_pad(p, n->in[0], &pad) ||
        !is_zero_of(p, n, pad.value) || !tro_pass_allows(p, id))
        return;
    add_pads(&pad, &a.pads);
    replace(p, id, pad.x, &a);
}

/* ---- pooling --------------------------------------------------------------------------- */

/* No element is less than 0. */
static bool is_positive(const struct tro_pass *p, tro_value_id v)
{
    double c;
    const struct tro_node *const min = tro_pass_def(p, v, TRO_OP_MIN);
    if (min)
        return (tro_pass_splat(p, min->in[1], &c) && c >= 0 && is_positive(p, min->in[0])) ||
               (tro_pass_splat(p, min->in[0], &c) && c >= 0 && is_positive(p, min->in[1]));
    const struct tro_node *const max = tro_pass_def(p, v, TRO_OP_MAX);
    return max && ((tro_pass_splat(p, max->in[1], &c) && c >= 0) ||
                   (tro_pass_splat(p, max->in[0], &c) && c >= 0));
}

/* Padding of max pooling is less than anything, so each window needs an element of its own. */
static bool may_pad_max(const struct tro_pass *p, const struct padding *pad,
                        const struct tro_attrs_pool *a)
{
    for (int i = 0; i < pad->n; i++) {
        const int64_t reach = (a->kernel.v[i] - 1) * a->dilations.v[i] + 1;
        if (pad->begin[i] + a->pads.v[i] >= reach || pad->end[i] + a->pads.v[pad->n + i] >= reach ||
            (a->dilations.v[i] > 1 && pad->begin[i] + pad->end[i] > 0))
            return false;
    }
    return pad->value == -(double)INFINITY || (pad->value == 0 && is_positive(p, pad->x));
}

static bool may_pad_average(const struct padding *pad, const struct tro_attrs_pool *a)
{
    bool has_own = false;
    for (int i = 0; i < a->pads.n; i++)
        has_own = has_own || a->pads.v[i] != 0;
    return pad->value == 0 && (!has_own || a->count_include_pad);
}

static void into_pool(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    struct tro_attrs_pool a = *(const struct tro_attrs_pool *)n->attrs;
    struct padding pad;
    if (a.auto_pad != tro_auto_pad_explicit || a.ceil_mode || n->n_out != 1 ||
        !match_pad(p, n->in[0], &pad))
        return;
    const bool is_fine = a.kind == tro_pool_max   ? may_pad_max(p, &pad, &a)
                         : a.kind == tro_pool_avg ? may_pad_average(&pad, &a)
                                                  : false;
    if (!is_fine || !tro_pass_allows(p, id))
        return;
    a.count_include_pad = a.kind == tro_pool_avg;
    add_pads(&pad, &a.pads);
    replace(p, id, pad.x, &a);
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    const enum tro_op op = tro_node_get(p->g, id)->op;
    if (op == TRO_OP_CONV || op == TRO_OP_CONV_INT)
        into_conv(p, id);
    else if (op == TRO_OP_POOL)
        into_pool(p, id);
}

int tro_pass_pad(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
