/* SPDX-License-Identifier: Apache-2.0 */
/* Recognizes ends of integer layers in floating point: results that stay so, and residual sums that
 * are quantized again. */
#include "cpu/int8.h"

#include "base/dtype.h"

#include <math.h>
#include <string.h>

struct match {
    struct tro_lowering *l;
    const struct tro_tensor *y;
    int cols_behind;
    int64_t n_cols;
    const struct tro_lower_node *n;
    tro_value_id last;    /* what the chain has come to */
    tro_value_id skipped; /* value of the dequantized skip, none so far */
    int32_t code_zero;
    struct tro_ending *e;
};

/* Where the chain stands: each stage may be left out. */
enum stage { IN_INT, IN_FLOAT, WITH_TERM, WITH_BOUND, WITH_SKIP, IN_BYTES };

/* One element, or one for each column, along the axis with cols_behind axes behind it. */
static bool by_column(const struct match *m, tro_value_id v, enum tro_dtype d, struct tro_tensor *t)
{
    if (!tro_lower_const(m->l, v, t) || t->dtype != d)
        return false;
    const int axis = t->rank - 1 - m->cols_behind;
    return tro_tensor_n_elems(t) == 1 ||
           (axis >= 0 && t->shape[axis] == m->n_cols && tro_tensor_n_elems(t) == m->n_cols);
}

static bool one(const struct match *m, tro_value_id v, struct tro_tensor *t)
{
    return tro_lower_const(m->l, v, t) && tro_tensor_n_elems(t) == 1;
}

static void spread(const struct match *m, const struct tro_tensor *t, float *to)
{
    const bool is_one = tro_tensor_n_elems(t) == 1;
    for (int64_t j = 0; j < m->n_cols; j++)
        to[j] = ((const float *)t->data)[is_one ? 0 : j];
}

static tro_value_id other(const struct tro_node *n, tro_value_id v)
{
    return tro_value_eq(n->in[0], v) ? n->in[1] : n->in[0];
}

static bool zero_of(const struct match *m, const struct tro_node *n, int32_t *zero)
{
    struct tro_tensor t;
    *zero = 0;
    if (n->n_in < 3 || !n->in[2].i)
        return true;
    if (!one(m, n->in[2], &t))
        return false;
    *zero = (int32_t)tro_load_i64(t.dtype, t.data, 0);
    return true;
}

/* D of the sums, or Q of them. */
static bool scale_sums(struct match *m, const struct tro_node *n, float *scale)
{
    struct tro_tensor t;
    int32_t zero;
    if (!by_column(m, n->in[1], TRO_F32, &t) || !zero_of(m, n, &zero))
        return false;
    spread(m, &t, scale);
    if (n->op == TRO_OP_DEQUANTIZE)
        return zero == 0;
    struct tro_tensor y;
    if (!tro_lower_type(m->l, n->out[0], &y) || (y.dtype != TRO_I8 && y.dtype != TRO_U8))
        return false;
    m->e->is_coded = true;
    m->code_zero = zero;
    m->e->code_lo = (float)((int32_t)tro_dtype_min(y.dtype) - zero);
    m->e->code_hi = (float)((int32_t)tro_dtype_max(y.dtype) - zero);
    return true;
}

static bool bound_codes(struct match *m, const struct tro_node *n)
{
    struct tro_tensor t;
    if (!one(m, other(n, m->last), &t))
        return false;
    const float v = (float)(tro_load_i64(t.dtype, t.data, 0) - m->code_zero);
    m->e->code_lo = n->op == TRO_OP_MAX ? fmaxf(m->e->code_lo, v) : fminf(m->e->code_lo, v);
    m->e->code_hi = n->op == TRO_OP_MAX ? fmaxf(m->e->code_hi, v) : fminf(m->e->code_hi, v);
    return true;
}

/* D of what scale_sums has quantized, by the same zero. */
static bool decode(struct match *m, const struct tro_node *n)
{
    struct tro_tensor s;
    int32_t zero;
    if (n->op == TRO_OP_MAX || n->op == TRO_OP_MIN)
        return bound_codes(m, n);
    if (n->op != TRO_OP_DEQUANTIZE || !one(m, n->in[1], &s) || s.dtype != TRO_F32 ||
        !zero_of(m, n, &zero) || zero != m->code_zero)
        return false;
    m->e->code_scale = *(const float *)s.data;
    return true;
}

/* Made outside of the region, in the shape of the result. */
static bool is_other_tensor(const struct match *m, tro_value_id v, struct tro_tensor *t)
{
    bool is_inside = tro_value_eq(v, m->n->node->out[0]);
    for (int i = 0; i < m->n->n_epilogue; i++)
        is_inside = is_inside || tro_value_eq(v, m->n->epilogue[i]->out[0]);
    return !is_inside && tro_lower_type(m->l, v, t) && t->rank == m->y->rank &&
           memcmp(t->shape, m->y->shape, sizeof(int64_t) * (size_t)t->rank) == 0;
}

/* D of another tensor, that is added later. */
static bool take_skip(struct match *m, const struct tro_node *n)
{
    struct tro_tensor x, s;
    if (n->op != TRO_OP_DEQUANTIZE || m->e->skip != TRO_DTYPE_NONE ||
        !is_other_tensor(m, n->in[0], &x) || (x.dtype != TRO_I8 && x.dtype != TRO_U8) ||
        !one(m, n->in[1], &s) || s.dtype != TRO_F32 || !zero_of(m, n, &m->e->skip_zero))
        return false;
    m->e->skip = x.dtype;
    m->e->skip_scale = *(const float *)s.data;
    m->e->skip_value = n->in[0];
    m->skipped = n->out[0];
    return true;
}

static bool add(struct match *m, const struct tro_node *n, enum stage *at, float *const *term)
{
    struct tro_tensor t;
    const tro_value_id v = other(n, m->last);
    if (*at <= WITH_TERM && m->e->n_terms < TRO_INT8_MAX_TERMS && by_column(m, v, TRO_F32, &t)) {
        spread(m, &t, term[m->e->n_terms++]);
        *at = WITH_TERM;
        return true;
    }
    if (*at >= WITH_SKIP)
        return false;
    *at = WITH_SKIP;
    m->e->own_lo = m->e->lo;
    m->e->own_hi = m->e->hi;
    m->e->lo = -INFINITY;
    m->e->hi = INFINITY;
    if (m->skipped.i && tro_value_eq(v, m->skipped))
        return true;
    if (m->e->skip != TRO_DTYPE_NONE || !is_other_tensor(m, v, &t) || t.dtype != TRO_F32)
        return false;
    m->e->skip = TRO_F32;
    m->e->skip_value = v;
    m->skipped = v;
    return true;
}

/* Bounds one after the other: those that come later hold. */
static bool bound(struct match *m, const struct tro_node *n)
{
    struct tro_tensor t;
    if (!one(m, other(n, m->last), &t) || t.dtype != TRO_F32)
        return false;
    const float v = *(const float *)t.data;
    if (v != v)
        return false;
    m->e->lo = n->op == TRO_OP_MAX ? fmaxf(m->e->lo, v) : fminf(m->e->lo, v);
    m->e->hi = n->op == TRO_OP_MAX ? fmaxf(m->e->hi, v) : fminf(m->e->hi, v);
    return true;
}

static bool quantize(struct match *m, const struct tro_node *n)
{
    struct tro_tensor s, y;
    if (!one(m, n->in[1], &s) || s.dtype != TRO_F32 || !zero_of(m, n, &m->e->out_zero) ||
        !tro_lower_type(m->l, n->out[0], &y) || (y.dtype != TRO_I8 && y.dtype != TRO_U8))
        return false;
    m->e->out = y.dtype;
    m->e->out_scale = *(const float *)s.data;
    return true;
}

/* One node of the chain. */
static bool follow(struct match *m, const struct tro_node *n, enum stage *at, float *scale,
                   float *const *term)
{
    const bool is_scaling = n->op == TRO_OP_DEQUANTIZE || n->op == TRO_OP_REQUANTIZE;
    if (*at == IN_BYTES)
        return false;
    if (*at == IN_INT) {
        *at = IN_FLOAT;
        return is_scaling && scale_sums(m, n, scale);
    }
    if (m->e->is_coded && m->e->code_scale == 0)
        return decode(m, n);
    switch (n->op) {
    case TRO_OP_ADD:
        return add(m, n, at, term);
    case TRO_OP_MAX:
    case TRO_OP_MIN:
        *at = *at < WITH_BOUND ? WITH_BOUND : *at;
        return bound(m, n);
    case TRO_OP_QUANTIZE:
        *at = IN_BYTES;
        return quantize(m, n);
    default:
        return false;
    }
}

static bool uses(const struct tro_node *n, tro_value_id v)
{
    return tro_value_eq(n->in[0], v) || (n->n_in > 1 && tro_value_eq(n->in[1], v));
}

/* The sum of a bias of integers in front of all else. */
static int take_bias(const struct match *m, const struct tro_lower_node *n, int32_t *bias)
{
    struct tro_tensor t;
    const struct tro_node *const first = n->epilogue[0];
    if (first->op != TRO_OP_ADD || !uses(first, m->last) ||
        !by_column(m, other(first, m->last), TRO_I32, &t))
        return 0;
    for (int64_t j = 0; j < m->n_cols; j++)
        bias[j] = ((const int32_t *)t.data)[tro_tensor_n_elems(&t) == 1 ? 0 : j];
    return 1;
}

bool tro_ending_match(struct tro_lowering *l, const struct tro_lower_node *n,
                      const struct tro_tensor *y, int cols_behind, int64_t n_cols, int32_t *bias,
                      float *scale, float *const *term, struct tro_ending *e)
{
    struct match m = {.l = l, .y = y, .cols_behind = cols_behind, .n_cols = n_cols, .n = n, .e = e};
    enum stage at = IN_INT;
    *e = (struct tro_ending){.lo = -INFINITY, .hi = INFINITY, .out = TRO_F32};
    if (n->n_epilogue == 0 || n->n_out != 1)
        return false;
    m.last = n->node->out[0];
    int i = take_bias(&m, n, bias);
    if (i)
        m.last = n->epilogue[0]->out[0];
    else
        memset(bias, 0, (size_t)n_cols * sizeof(*bias));
    for (; i < n->n_epilogue; i++) {
        const struct tro_node *const node = n->epilogue[i];
        if (!uses(node, m.last)) {
            if (!take_skip(&m, node))
                return false;
            continue;
        }
        if (!follow(&m, node, &at, scale, term))
            return false;
        m.last = node->out[0];
    }
    const bool is_float = !e->is_coded || e->code_scale != 0;
    const bool is_used = e->skip == TRO_DTYPE_NONE || at >= WITH_SKIP;
    return at >= IN_FLOAT && is_float && is_used && tro_value_eq(m.last, n->block_out[0]);
}
