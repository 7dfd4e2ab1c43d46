/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalization as exporters write it becomes one node:
 *
 *     d = x - mean(x);  d / sqrt(mean(d * d) + epsilon)         normalize(x)
 *     x / sqrt(mean(x * x) + epsilon)                           normalize(x) {is_rms = 1}
 *
 * Dividing may be written as a product with 1 / sqrt(..). Factors and terms behind it stay.
 */
#include "base/dtype.h"
#include "passes/pass.h"

/* mean(v) over constant axes that stay with size 1. */
static bool match_mean(const struct tro_pass *p, tro_value_id mean, tro_value_id *v,
                       struct tro_ints *axes)
{
    const struct tro_node *const n = tro_pass_def(p, mean, TRO_OP_REDUCE);
    const struct tro_attrs_reduce *const a = n ? n->attrs : NULL;
    if (!n || a->kind != tro_reduction_mean || a->drop_dims || n->n_in != 2 ||
        !tro_pass_ints(p, n->in[1], axes) || axes->n == 0)
        return false;
    const int rank = tro_value_get(p->g, n->in[0])->shape.rank;
    *v = n->in[0];
    for (int i = 0; i < axes->n; i++)
        axes->v[i] += axes->v[i] < 0 ? rank : 0;
    return rank > 0;
}

static bool is_same_set(const struct tro_ints *a, const struct tro_ints *b)
{
    int n = 0;
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            n += a->v[i] == b->v[k];
    return a->n == b->n && n == a->n;
}

/* v = d * d or d ^ 2 */
static bool match_square(const struct tro_pass *p, tro_value_id v, tro_value_id *d)
{
    double power;
    const struct tro_node *const mul = tro_pass_def(p, v, TRO_OP_MUL);
    const struct tro_node *const pow = tro_pass_def(p, v, TRO_OP_POW);
    if (!mul && !pow)
        return false;
    *d = (mul ? mul : pow)->in[0];
    return mul ? tro_value_eq(mul->in[0], mul->in[1])
               : tro_pass_splat(p, pow->in[1], &power) && power == 2;
}

/* v = sqrt(mean(d * d) + epsilon) */
static bool match_deviation(const struct tro_pass *p, tro_value_id v, tro_value_id *d,
                            struct tro_attrs_normalize *a)
{
    const struct tro_node *const root = tro_pass_def(p, v, TRO_OP_SQRT);
    const struct tro_node *const add = root ? tro_pass_def(p, root->in[0], TRO_OP_ADD) : NULL;
    tro_value_id square;
    if (!add)
        return false;
    const int k = tro_is_const(p->g, add->in[0]) ? 0 : 1;
    return tro_pass_splat(p, add->in[k], &a->epsilon) && a->epsilon >= 0 &&
           match_mean(p, add->in[1 - k], &square, &a->axes) && match_square(p, square, d);
}

/* The node divides by the deviation of what it divides. */
static bool match_quotient(const struct tro_pass *p, const struct tro_node *n, tro_value_id *d,
                           struct tro_attrs_normalize *a)
{
    double one;
    if (n->op == TRO_OP_DIV)
        return match_deviation(p, n->in[1], d, a) && tro_value_eq(*d, n->in[0]);
    for (int k = 0; k < 2 && n->op == TRO_OP_MUL; k++) {
        const struct tro_node *const inverse = tro_pass_def(p, n->in[k], TRO_OP_DIV);
        if (inverse && tro_pass_splat(p, inverse->in[0], &one) && one == 1 &&
            match_deviation(p, inverse->in[1], d, a) && tro_value_eq(*d, n->in[1 - k]))
            return true;
    }
    return false;
}

/* d = x - mean(x) over these axes: x; else d itself. */
static tro_value_id uncentered(const struct tro_pass *p, tro_value_id d,
                               const struct tro_ints *axes)
{
    const struct tro_node *const sub = tro_pass_def(p, d, TRO_OP_SUB);
    tro_value_id x;
    struct tro_ints of_mean;
    return sub && match_mean(p, sub->in[1], &x, &of_mean) && tro_value_eq(x, sub->in[0]) &&
                   is_same_set(axes, &of_mean)
               ? x
               : d;
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    struct tro_attrs_normalize a = {0};
    tro_value_id d;
    if (n->n_out != 1 || n->n_in != 2 || tro_value_get(p->g, n->out[0])->dtype != TRO_F32 ||
        !match_quotient(p, n, &d, &a) || !tro_pass_allows(p, id))
        return;
    const tro_value_id x = uncentered(p, d, &a.axes), y = n->out[0];
    a.is_rms = tro_value_eq(x, d);
    tro_pass_replace(p, y, tro_pass_emit(p, id, TRO_OP_NORMALIZE, &a, &x, 1));
}

int tro_pass_layer_norm(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
