/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise operators of one operand. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "ref/rows.h"

#include <math.h>

#define EACH(id, expr)                  \
    case TRO_OP_##id:                   \
        for (int64_t i = 0; i < n; i++) \
            x[i] = (expr);              \
        break;

static double sign_f64(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double sigmoid(double x)
{
    if (x >= 0)
        return 1 / (1 + exp(-x));
    const double e = exp(x);
    return e / (1 + e);
}

static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static void chunk_f64(enum tro_op op, int64_t n, double *x)
{
    switch (op) {
        EACH(NEG, -x[i])
        EACH(ABS, fabs(x[i]))
        EACH(SIGN, sign_f64(x[i]))
        EACH(FLOOR, floor(x[i]))
        EACH(CEIL, ceil(x[i]))
        EACH(ROUND, nearbyint(x[i]))
        EACH(SQRT, sqrt(x[i]))
        EACH(EXP, exp(x[i]))
        EACH(LOG, log(x[i]))
        EACH(ERF, erf(x[i]))
        EACH(SIN, sin(x[i]))
        EACH(COS, cos(x[i]))
        EACH(TAN, tan(x[i]))
        EACH(ASIN, asin(x[i]))
        EACH(ACOS, acos(x[i]))
        EACH(ATAN, atan(x[i]))
        EACH(SINH, sinh(x[i]))
        EACH(COSH, cosh(x[i]))
        EACH(TANH, tanh(x[i]))
        EACH(ASINH, asinh(x[i]))
        EACH(ACOSH, acosh(x[i]))
        EACH(ATANH, atanh(x[i]))
        EACH(SIGMOID, sigmoid(x[i]))
        EACH(SOFTPLUS, softplus(x[i]))
    default:
        break;
    }
}

static int64_t negate(int64_t x)
{
    return (int64_t) - (uint64_t)x;
}

/* Integers have few operators of their own: rounding leaves them as they are. */
static void chunk_i64(enum tro_op op, enum tro_dtype d, int64_t n, int64_t *x)
{
    const bool is_signed = tro_dtype_is_signed(d), is_bool = d == TRO_BOOL;
    switch (op) {
        EACH(NOT, is_bool ? !x[i] : ~x[i])
        EACH(NEG, negate(x[i]))
        EACH(ABS, x[i] < 0 && is_signed ? negate(x[i]) : x[i])
        EACH(SIGN, x[i] < 0 && is_signed ? -1 : x[i] != 0)
    default:
        break;
    }
}

/* Whether the operator is done on integers as such; the others convert to double and back. */
static bool is_exact(enum tro_op op)
{
    return op == TRO_OP_NOT || op == TRO_OP_NEG || op == TRO_OP_ABS || op == TRO_OP_SIGN ||
           op == TRO_OP_FLOOR || op == TRO_OP_CEIL || op == TRO_OP_ROUND;
}

int tro_ref_unary(struct tro_ref_call *c)
{
    const struct tro_tensor *const in = &c->in[0], *const out = &c->out[0];
    const bool is_int = !tro_dtype_is_float(in->dtype) && is_exact(c->op);
    const int64_t n_all = tro_tensor_n_elems(in);
    for (int64_t i = 0; i < n_all; i += TRO_CHUNK) {
        const int64_t n = n_all - i < TRO_CHUNK ? n_all - i : TRO_CHUNK;
        if (is_int) {
            int64_t x[TRO_CHUNK];
            tro_load_row_i64(in->dtype, in->data, i, n, x);
            chunk_i64(c->op, in->dtype, n, x);
            tro_store_row_i64(out->dtype, out->data, i, n, x);
        } else {
            double x[TRO_CHUNK];
            tro_load_row_f64(in->dtype, in->data, i, n, x);
            chunk_f64(c->op, n, x);
            tro_store_row_f64(out->dtype, out->data, i, n, x);
        }
    }
    return 0;
}
