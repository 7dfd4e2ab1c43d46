/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that give what they take, and cheaper forms of some that do not. */
#include "base/dtype.h"
#include "passes/pass.h"

#include <float.h>
#include <math.h>

static bool is_splat(const struct tro_pass *p, tro_value_id v, double wanted)
{
    double x;
    return v.i && tro_pass_splat(p, v, &x) && x == wanted;
}

/* The least (sign -1) or greatest value of the type everywhere: what min or max with it ignores. */
static bool is_bound(const struct tro_pass *p, tro_value_id v, int sign)
{
    const enum tro_dtype d = tro_value_get(p->g, v)->dtype;
    if (tro_dtype_is_float(d))
        return is_splat(p, v, sign * (double)INFINITY);
    return tro_dtype_is_int(d) && tro_dtype_size(d) < 8 &&
           is_splat(p, v, (double)(sign < 0 ? tro_dtype_min(d) : tro_dtype_max(d)));
}

/* ---- arithmetic ------------------------------------------------------------------------ */

/* Which input the node of two gives on; -1: neither. */
static int neutral(const struct tro_pass *p, const struct tro_node *n)
{
    const tro_value_id a = n->in[0], b = n->in[1];
    switch (n->op) {
    case TRO_OP_ADD:
        return is_splat(p, b, 0) ? 0 : is_splat(p, a, 0) ? 1 : -1;
    case TRO_OP_SUB:
        return is_splat(p, b, 0) ? 0 : -1;
    case TRO_OP_MUL:
        return is_splat(p, b, 1) ? 0 : is_splat(p, a, 1) ? 1 : -1;
    case TRO_OP_DIV:
    case TRO_OP_POW:
        return is_splat(p, b, 1) ? 0 : -1;
    case TRO_OP_MAX:
        return is_bound(p, b, -1) ? 0 : is_bound(p, a, -1) ? 1 : -1;
    case TRO_OP_MIN:
        return is_bound(p, b, 1) ? 0 : is_bound(p, a, 1) ? 1 : -1;
    default:
        return -1;
    }
}

/* ---- moves ----------------------------------------------------------------------------- */

static bool are_all(const struct tro_pass *p, tro_value_id v, int64_t wanted)
{
    struct tro_ints ints;
    if (v.i == 0 || !tro_pass_ints(p, v, &ints))
        return false;
    for (int i = 0; i < ints.n; i++)
        if (ints.v[i] != wanted)
            return false;
    return true;
}

static bool is_input(const struct tro_node *n, uint32_t i)
{
    return i < n->n_in && n->in[i].i;
}

static bool is_plain_resize(const struct tro_pass *p, const struct tro_node *n)
{
    const struct tro_attrs_resize *const a = n->attrs;
    if (a->coord == tro_coord_mode_tf_crop_and_resize)
        return false;
    return is_input(n, 3) || (is_input(n, 2) && is_splat(p, n->in[2], 1));
}

/* The node copies input 0 to the same places, given that the shapes are equal. */
static bool is_copy(const struct tro_pass *p, const struct tro_node *n)
{
    const struct tro_attrs_transpose *const t = n->attrs;
    switch (n->op) {
    case TRO_OP_RESHAPE:
    case TRO_OP_SQUEEZE:
    case TRO_OP_UNSQUEEZE:
    case TRO_OP_EXPAND:
    case TRO_OP_TILE:
    case TRO_OP_CAST:
        return true;
    case TRO_OP_CONCAT:
    case TRO_OP_SPLIT:
        return n->n_in == 1 && n->n_out == 1;
    case TRO_OP_TRANSPOSE:
        for (int i = 0; i < t->perm.n; i++)
            if (t->perm.v[i] != i)
                return false;
        return true;
    case TRO_OP_SLICE:
        return !is_input(n, 4) || are_all(p, n->in[4], 1);
    case TRO_OP_PAD:
        return are_all(p, n->in[1], 0);
    case TRO_OP_RESIZE:
        return is_plain_resize(p, n);
    default:
        return false;
    }
}

/* not(not(x)), neg(neg(x)): x, else none */
static tro_value_id undone(const struct tro_pass *p, const struct tro_node *n)
{
    if (n->op != TRO_OP_NOT && n->op != TRO_OP_NEG)
        return TRO_VALUE_NONE;
    const struct tro_node *const inner = tro_pass_def(p, n->in[0], n->op);
    return inner ? inner->in[0] : TRO_VALUE_NONE;
}

static bool drop(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    tro_value_id x = undone(p, n);
    if (x.i == 0 && n->n_in == 2 && neutral(p, n) >= 0)
        x = n->in[neutral(p, n)];
    if (x.i == 0 && n->n_in > 0 && is_copy(p, n))
        x = n->in[0];
    if (x.i == 0 || tro_value_get(p->g, x)->dtype != tro_value_get(p->g, n->out[0])->dtype ||
        !tro_pass_is_same_shape(p, x, n->out[0]) || !tro_pass_may_replace(p, n->out[0], x) ||
        !tro_pass_allows(p, id))
        return false;
    tro_pass_replace(p, n->out[0], x);
    return true;
}

/* ---- cheaper forms --------------------------------------------------------------------- */

/* x^2 and x^3 as products: f32 alone, where double makes no difference that lasts. */
static bool expand_power(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    if (n.op != TRO_OP_POW || tro_value_get(p->g, n.in[0])->dtype != TRO_F32 ||
        !tro_pass_is_same_shape(p, n.in[0], n.out[0]))
        return false;
    const bool is_cube = is_splat(p, n.in[1], 3);
    if ((!is_cube && !is_splat(p, n.in[1], 2)) || !tro_pass_allows(p, id))
        return false;
    tro_value_id y = tro_pass_emit2(p, id, TRO_OP_MUL, n.in[0], n.in[0]);
    if (is_cube)
        y = tro_pass_emit2(p, id, TRO_OP_MUL, y, n.in[0]);
    tro_pass_replace(p, n.out[0], y);
    return true;
}

/* x / c as x * (1 / c), where the factor is exact: c is a power of two. Other factors would change
 * last bits, which quantized networks show as whole units. */
static bool invert_divisor(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    double c;
    if (n.op != TRO_OP_DIV || !tro_pass_splat(p, n.in[1], &c) ||
        tro_value_get(p->g, n.in[0])->dtype != TRO_F32 || tro_is_const(p->g, n.in[0]))
        return false;
    const float factor = (float)(1 / c);
    int exponent;
    if (fabs(frexp(c, &exponent)) != 0.5 || fabsf(factor) < FLT_MIN || fabsf(factor) > FLT_MAX ||
        fabs(c) < (double)FLT_MIN || !tro_pass_allows(p, id))
        return false;
    const tro_value_id one = tro_pass_const_f64(p, TRO_F32, 1);
    const tro_value_id inverse = tro_pass_emit2(p, id, TRO_OP_DIV, one, n.in[1]);
    tro_pass_replace(p, n.out[0], tro_pass_emit2(p, id, TRO_OP_MUL, n.in[0], inverse));
    return true;
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    if (tro_node_get(p->g, id)->n_out != 1 || tro_node_get(p->g, id)->out[0].i == 0)
        return;
    if (!drop(p, id) && !expand_power(p, id))
        invert_divisor(p, id);
}

int tro_pass_identities(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
