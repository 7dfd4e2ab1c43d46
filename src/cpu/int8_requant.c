/* SPDX-License-Identifier: Apache-2.0 */
/* Recognizes the common end of integer layers: a bias, requantize, limits of what comes out, a
 * table. */
#include "cpu/int8.h"

#include "base/dtype.h"

/* Element of column j of a constant that is one, or one for each column, along the axis with
 * cols_behind axes behind it. */
static bool is_by_column(const struct tro_tensor *t, int cols_behind, int64_t n_cols)
{
    if (tro_tensor_n_elems(t) == 1)
        return true;
    const int axis = t->rank - 1 - cols_behind;
    return axis >= 0 && t->shape[axis] == n_cols && tro_tensor_n_elems(t) == n_cols;
}

static bool const_by_column(struct tro_lowering *l, tro_value_id v, enum tro_dtype d,
                            int cols_behind, int64_t n_cols, struct tro_tensor *t)
{
    return tro_lower_const(l, v, t) && t->dtype == d && is_by_column(t, cols_behind, n_cols);
}

static int64_t step_of(const struct tro_tensor *t)
{
    return tro_tensor_n_elems(t) == 1 ? 0 : 1;
}

/* A limit of the result: min or max with a constant of one element. */
static bool add_limit(struct tro_lowering *l, const struct tro_node *n, tro_value_id last,
                      struct tro_requant *q)
{
    struct tro_tensor t;
    const int other = tro_value_eq(n->in[0], last) ? 1 : 0;
    if ((n->op != TRO_OP_MIN && n->op != TRO_OP_MAX) || !tro_value_eq(n->in[1 - other], last) ||
        !tro_lower_const(l, n->in[other], &t) || tro_tensor_n_elems(&t) != 1)
        return false;
    const int32_t v = (int32_t)tro_load_i64(t.dtype, t.data, 0);
    if (n->op == TRO_OP_MIN) {
        q->hi = v < q->hi ? v : q->hi;
        q->lo = v < q->lo ? v : q->lo;
    } else {
        q->lo = v > q->lo ? v : q->lo;
        q->hi = v > q->hi ? v : q->hi;
    }
    return true;
}

static bool add_bias(struct tro_lowering *l, const struct tro_node *n, tro_value_id last,
                     int cols_behind, int64_t n_cols, int32_t *bias)
{
    struct tro_tensor t;
    const int other = tro_value_eq(n->in[0], last) ? 1 : 0;
    if (!tro_value_eq(n->in[1 - other], last) ||
        !const_by_column(l, n->in[other], TRO_I32, cols_behind, n_cols, &t))
        return false;
    for (int64_t j = 0; j < n_cols; j++)
        bias[j] = ((const int32_t *)t.data)[j * step_of(&t)];
    return true;
}

static bool add_scale(struct tro_lowering *l, const struct tro_node *n, tro_value_id last,
                      int cols_behind, int64_t n_cols, float *scale, struct tro_requant *q)
{
    struct tro_tensor t, zero;
    if (!tro_value_eq(n->in[0], last) ||
        !const_by_column(l, n->in[1], TRO_F32, cols_behind, n_cols, &t) ||
        !tro_lower_const(l, n->in[2], &zero) || tro_tensor_n_elems(&zero) != 1 ||
        (zero.dtype != TRO_I8 && zero.dtype != TRO_U8))
        return false;
    for (int64_t j = 0; j < n_cols; j++)
        scale[j] = ((const float *)t.data)[j * step_of(&t)];
    q->zero = (int32_t)tro_load_i64(zero.dtype, zero.data, 0);
    q->lo = (int32_t)tro_dtype_min(zero.dtype);
    q->hi = (int32_t)tro_dtype_max(zero.dtype);
    return true;
}

static bool add_table(struct tro_lowering *l, const struct tro_node *n, tro_value_id last,
                      struct tro_requant *q)
{
    struct tro_tensor t;
    if (n->op != TRO_OP_TABLE || !tro_value_eq(n->in[0], last) ||
        !tro_lower_type(l, n->in[1], &t) || tro_dtype_size(t.dtype) != 1)
        return false;
    q->by_table = n->in[1];
    return true;
}

bool tro_requant_match(struct tro_lowering *l, const struct tro_lower_node *n, int cols_behind,
                       int64_t n_cols, int32_t *bias, float *scale, struct tro_requant *q)
{
    int i = 0;
    if (n->n_epilogue == 0 || n->n_out != 1)
        return false;
    tro_value_id last = n->node->out[0];
    if (n->epilogue[0]->op == TRO_OP_ADD) {
        if (!add_bias(l, n->epilogue[0], last, cols_behind, n_cols, bias))
            return false;
        last = n->epilogue[i++]->out[0];
    }
    if (i == n->n_epilogue || n->epilogue[i]->op != TRO_OP_REQUANTIZE ||
        !add_scale(l, n->epilogue[i], last, cols_behind, n_cols, scale, q))
        return false;
    last = n->epilogue[i++]->out[0];
    q->by_table = TRO_VALUE_NONE;
    for (; i < n->n_epilogue; i++) {
        if (q->by_table.i ||
            (!add_limit(l, n->epilogue[i], last, q) && !add_table(l, n->epilogue[i], last, q)))
            return false;
        last = n->epilogue[i]->out[0];
    }
    return tro_value_eq(last, n->block_out[0]);
}
