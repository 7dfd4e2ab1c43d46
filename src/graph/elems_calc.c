/* SPDX-License-Identifier: Apache-2.0 */
/* Contents that operators compute: arithmetic and comparison of sizes. */
#include "graph/elems_calc.h"

#include "base/dtype.h"

/* ---- types ----------------------------------------------------------------------------- */

static bool is_cut(tro_dim d)
{
    return tro_dim_is(d, TRO_DIM_MAX) || tro_dim_is(d, -TRO_DIM_MAX);
}

static bool has_cut(const struct tro_dim_list *list)
{
    for (int i = 0; i < list->n; i++)
        if (is_cut(list->v[i]))
            return true;
    return false;
}

/* An input to compute with. */
static bool input(const struct tro_infer_call *c, int i, struct tro_small *out)
{
    return tro_small_input(c, i, out) && !has_cut(&out->e);
}

static bool fits(const struct tro_dims *t, enum tro_dtype dtype, tro_dim d)
{
    const int64_t lo = tro_dim_lo(t, d), hi = tro_dim_hi(t, d);
    const bool is_wide = tro_dtype_size(dtype) >= 4;
    const bool is_lo_fine = lo >= tro_dtype_min(dtype) ||
                            (is_wide && lo == -TRO_DIM_MAX && tro_dtype_is_signed(dtype));
    return is_lo_fine && (hi <= tro_dtype_max(dtype) || (is_wide && hi == TRO_DIM_MAX));
}

bool tro_small_fit(const struct tro_dims *t, enum tro_dtype dtype, struct tro_dim_list *list)
{
    for (int i = 0; i < list->n; i++) {
        if (!tro_dim_is_const(list->v[i])) {
            if (!fits(t, dtype, list->v[i]))
                return false;
            continue;
        }
        const int64_t v = tro_dim_value(list->v[i]);
        if (is_cut(list->v[i])) {
            if (tro_dtype_size(dtype) < 8)
                return false;
            continue;
        }
        uint64_t bits;
        tro_store_i64(dtype, &bits, 0, v);
        const int64_t wrapped = tro_load_i64(dtype, &bits, 0);
        if (wrapped < 0 && tro_dtype_is_unsigned(dtype))
            return false;
        list->v[i] = tro_dim_const(wrapped);
    }
    return true;
}

/* ---- two operands ---------------------------------------------------------------------- */

enum answer { NO, YES, UNKNOWN };

static bool give(enum answer answer, tro_dim *out)
{
    *out = tro_dim_const(answer == YES);
    return answer != UNKNOWN;
}

static enum answer is_less(struct tro_dims *t, tro_dim a, tro_dim b)
{
    const tro_dim difference = tro_dim_sub(t, b, a);
    if (tro_dim_lo(t, difference) > 0)
        return YES;
    return tro_dim_hi(t, difference) <= 0 ? NO : UNKNOWN;
}

static enum answer is_equal(struct tro_dims *t, tro_dim a, tro_dim b)
{
    if (tro_dim_eq(a, b))
        return YES;
    return is_less(t, a, b) == YES || is_less(t, b, a) == YES ? NO : UNKNOWN;
}

static enum answer negation(enum answer x)
{
    return x == UNKNOWN ? UNKNOWN : x == YES ? NO : YES;
}

/* Toward zero, as the operator rounds; by 0 gives 0. */
static bool divide(struct tro_dims *t, tro_dim a, tro_dim b, tro_dim *out)
{
    if (tro_dim_is_const(a) && tro_dim_is_const(b)) {
        *out = tro_dim_const(tro_dim_is(b, 0) ? 0 : tro_dim_value(a) / tro_dim_value(b));
        return true;
    }
    if (tro_dim_lo(t, a) < 0 || tro_dim_lo(t, b) <= 0)
        return false;
    *out = tro_dim_div(t, a, b);
    return true;
}

static bool modulo(struct tro_dims *t, tro_dim a, tro_dim b, tro_dim *out)
{
    if (tro_dim_is(b, 0)) {
        *out = tro_dim_const(0);
        return true;
    }
    if (tro_dim_lo(t, b) <= 0 && tro_dim_hi(t, b) >= 0)
        return false;
    *out = tro_dim_mod(t, a, b);
    return true;
}

static bool bitwise(enum tro_op op, tro_dim a, tro_dim b, tro_dim *out)
{
    if (op == TRO_OP_AND && (tro_dim_is(a, 0) || tro_dim_is(b, 0))) {
        *out = tro_dim_const(0);
        return true;
    }
    if (!tro_dim_is_const(a) || !tro_dim_is_const(b))
        return false;
    const int64_t x = tro_dim_value(a), y = tro_dim_value(b);
    *out = tro_dim_const(op == TRO_OP_AND ? (x & y) : op == TRO_OP_OR ? (x | y) : (x ^ y));
    return true;
}

static bool binary(struct tro_dims *t, enum tro_op op, tro_dim a, tro_dim b, tro_dim *out)
{
    switch (op) {
    case TRO_OP_ADD:
        *out = tro_dim_add(t, a, b);
        return true;
    case TRO_OP_SUB:
        *out = tro_dim_sub(t, a, b);
        return true;
    case TRO_OP_MUL:
        *out = tro_dim_mul(t, a, b);
        return true;
    case TRO_OP_MIN:
        *out = tro_dim_min(t, a, b);
        return true;
    case TRO_OP_MAX:
        *out = tro_dim_max(t, a, b);
        return true;
    case TRO_OP_DIV:
        return divide(t, a, b, out);
    case TRO_OP_MOD:
        return modulo(t, a, b, out);
    case TRO_OP_EQ:
        return give(is_equal(t, a, b), out);
    case TRO_OP_LT:
        return give(is_less(t, a, b), out);
    case TRO_OP_LE:
        return give(negation(is_less(t, b, a)), out);
    case TRO_OP_AND:
    case TRO_OP_OR:
    case TRO_OP_XOR:
        return bitwise(op, a, b, out);
    default:
        return false;
    }
}

static bool binary_elems(struct tro_infer_call *c, struct tro_small *out)
{
    struct tro_small a, b;
    if (!input(c, 0, &a) || !input(c, 1, &b))
        return false;
    for (int i = 0; i < out->e.n; i++)
        if (!binary(c->dims, c->op, a.e.v[tro_small_broadcast(out, &a, i)],
                    b.e.v[tro_small_broadcast(out, &b, i)], &out->e.v[i]))
            return false;
    return true;
}

static bool select_elems(struct tro_infer_call *c, struct tro_small *out)
{
    struct tro_small in[3];
    bool is_known[3];
    for (int k = 0; k < 3; k++)
        is_known[k] = tro_small_input(c, k, &in[k]);
    if (!is_known[0])
        return false;
    for (int i = 0; i < out->e.n; i++) {
        const tro_dim condition = in[0].e.v[tro_small_broadcast(out, &in[0], i)];
        const int k = tro_dim_is(condition, 0) ? 2 : 1;
        if (!tro_dim_is_const(condition) || !is_known[k])
            return false;
        out->e.v[i] = in[k].e.v[tro_small_broadcast(out, &in[k], i)];
    }
    return true;
}

/* ---- one operand ----------------------------------------------------------------------- */

static bool unary(struct tro_infer_call *c, tro_dim x, tro_dim *out)
{
    struct tro_dims *const t = c->dims;
    const tro_dim zero = tro_dim_const(0);
    switch (c->op) {
    case TRO_OP_NEG:
        *out = tro_dim_sub(t, zero, x);
        return true;
    case TRO_OP_ABS:
        *out = tro_dim_max(t, x, tro_dim_sub(t, zero, x));
        return true;
    case TRO_OP_NOT:
        if (!tro_dim_is_const(x))
            return false;
        *out = tro_dim_const(c->out[0].dtype == TRO_BOOL ? !tro_dim_value(x) : ~tro_dim_value(x));
        return true;
    case TRO_OP_CAST:
        if (c->out[0].dtype == TRO_BOOL)
            return give(negation(is_equal(t, x, zero)), out);
        *out = x;
        return true;
    default:
        return false;
    }
}

static bool unary_elems(struct tro_infer_call *c, struct tro_small *out)
{
    struct tro_small x;
    if (!input(c, 0, &x))
        return false;
    for (int i = 0; i < out->e.n; i++)
        if (!unary(c, x.e.v[i], &out->e.v[i]))
            return false;
    return true;
}

/* ---- reductions ------------------------------------------------------------------------ */

static bool combine(struct tro_dims *t, enum tro_reduction kind, tro_dim x, bool is_first,
                    tro_dim *sum)
{
    if (is_first) {
        *sum = x;
        return true;
    }
    const enum tro_op op = kind == tro_reduction_prod  ? TRO_OP_MUL
                           : kind == tro_reduction_min ? TRO_OP_MIN
                           : kind == tro_reduction_max ? TRO_OP_MAX
                                                       : TRO_OP_ADD;
    return binary(t, op, *sum, x, sum);
}

/* Which axes are reduced; false when that is not known. */
static bool reduced_axes(struct tro_infer_call *c, const struct tro_small *x,
                         bool is_reduced[TRO_MAX_RANK])
{
    const struct tro_attrs_reduce *const attrs = c->attrs;
    struct tro_ints axes = {0};
    int norm[TRO_MAX_INTS];
    if (tro_has(c, 1) && !tro_known_ints(c, 1, &axes))
        return false;
    for (int a = 0; a < x->rank; a++)
        is_reduced[a] = axes.n == 0 && !attrs->noop_if_empty;
    if (tro_norm_axes(c, &axes, x->rank, norm) < 0)
        return false;
    for (int i = 0; i < axes.n; i++)
        is_reduced[norm[i]] = true;
    return true;
}

/* The result's element that x's element i goes into. */
static int reduced_at(const struct tro_small *x, const bool is_reduced[TRO_MAX_RANK], int i)
{
    int index[TRO_MAX_RANK], at = 0;
    tro_small_index(x, i, index);
    for (int a = 0; a < x->rank; a++)
        if (!is_reduced[a])
            at = at * x->size[a] + index[a];
    return at;
}

static bool reduce_elems(struct tro_infer_call *c, struct tro_small *out)
{
    const struct tro_attrs_reduce *const attrs = c->attrs;
    struct tro_small x;
    bool is_reduced[TRO_MAX_RANK];
    int count[TRO_MAX_INTS] = {0};
    if (!input(c, 0, &x) || !reduced_axes(c, &x, is_reduced) || x.e.n < out->e.n ||
        c->in[0].dtype == TRO_BOOL)
        return false;
    for (int i = 0; i < x.e.n; i++) {
        const int at = reduced_at(&x, is_reduced, i);
        if (!combine(c->dims, attrs->kind, x.e.v[i], count[at]++ == 0, &out->e.v[at]))
            return false;
    }
    for (int i = 0; i < out->e.n; i++) {
        if (count[i] == 0)
            return false;
        if (attrs->kind == tro_reduction_mean &&
            !divide(c->dims, out->e.v[i], tro_dim_const(count[i]), &out->e.v[i]))
            return false;
    }
    return true;
}

static bool calc_elems(struct tro_infer_call *c, struct tro_small *out)
{
    switch (c->op) {
    case TRO_OP_REDUCE:
        return reduce_elems(c, out);
    case TRO_OP_SELECT:
        return select_elems(c, out);
    case TRO_OP_NEG:
    case TRO_OP_ABS:
    case TRO_OP_NOT:
    case TRO_OP_CAST:
        return unary_elems(c, out);
    default:
        return tro_op_info(c->op)->kind == TRO_KIND_POINTWISE && c->n_in == 2 &&
               binary_elems(c, out);
    }
}

bool tro_calc_elems(struct tro_infer_call *c, struct tro_small *out)
{
    return calc_elems(c, out) && !has_cut(&out->e);
}
