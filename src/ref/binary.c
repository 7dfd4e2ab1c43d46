/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise operators of two operands of one type, and powers. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "ref/rows.h"

#include <math.h>

/* ---- floating point -------------------------------------------------------------------- */

/* Sign of the divisor, a zero included; as Python's. */
static double mod_f64(double x, double y)
{
    const double r = fmod(x, y);
    if (r == 0)
        return copysign(0.0, y);
    return (r < 0) != (y < 0) ? r + y : r;
}

/* Of equals the one with the wanted sign: -0 is less than 0. */
static double min_f64(double x, double y)
{
    if (x != x || y != y)
        return x != x ? x : y;
    if (x == y)
        return signbit(x) ? x : y;
    return x < y ? x : y;
}

static double max_f64(double x, double y)
{
    if (x != x || y != y)
        return x != x ? x : y;
    if (x == y)
        return signbit(x) ? y : x;
    return x > y ? x : y;
}

#define EACH(id, expr)                  \
    case TRO_OP_##id:                   \
        for (int64_t i = 0; i < n; i++) \
            z[i] = (expr);              \
        break;

static void chunk_f64(enum tro_op op, int64_t n, const double *x, const double *y, double *z)
{
    switch (op) {
        EACH(ADD, x[i] + y[i])
        EACH(SUB, x[i] - y[i])
        EACH(MUL, x[i] * y[i])
        EACH(DIV, x[i] / y[i])
        EACH(MOD, mod_f64(x[i], y[i]))
        EACH(FMOD, fmod(x[i], y[i]))
        EACH(MIN, min_f64(x[i], y[i]))
        EACH(MAX, max_f64(x[i], y[i]))
        EACH(POW, pow(x[i], y[i]))
    default:
        break;
    }
}

/* ---- integers -------------------------------------------------------------------------- */

/* Elements are int64; those of u64 are bit patterns. Results keep their low bits. */

static int64_t wrap(uint64_t v)
{
    return (int64_t)v;
}

static int64_t div_i64(int64_t x, int64_t y, bool is_u64)
{
    if (y == 0)
        return 0;
    if (is_u64)
        return wrap((uint64_t)x / (uint64_t)y);
    return y == -1 ? wrap(-(uint64_t)x) : x / y;
}

static int64_t fmod_i64(int64_t x, int64_t y, bool is_u64)
{
    if (y == 0)
        return 0;
    if (is_u64)
        return wrap((uint64_t)x % (uint64_t)y);
    return y == -1 ? 0 : x % y;
}

static int64_t mod_i64(int64_t x, int64_t y, bool is_u64)
{
    const int64_t r = fmod_i64(x, y, is_u64);
    return !is_u64 && r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static bool is_less(int64_t x, int64_t y, bool is_u64)
{
    return is_u64 ? (uint64_t)x < (uint64_t)y : x < y;
}

static int64_t shl(int64_t x, int64_t by, int width)
{
    return (uint64_t)by >= (uint64_t)width ? 0 : wrap((uint64_t)x << by);
}

static int64_t shr(int64_t x, int64_t by, int width, bool is_u64)
{
    if ((uint64_t)by >= (uint64_t)width)
        return x < 0 && !is_u64 ? -1 : 0;
    return is_u64 ? wrap((uint64_t)x >> by) : x >> by;
}

static void chunk_i64(enum tro_op op, enum tro_dtype d, int64_t n, const int64_t *x,
                      const int64_t *y, int64_t *z)
{
    const bool is_u64 = d == TRO_U64;
    const int width = tro_dtype_bits(d);
    switch (op) {
        EACH(ADD, wrap((uint64_t)x[i] + (uint64_t)y[i]))
        EACH(SUB, wrap((uint64_t)x[i] - (uint64_t)y[i]))
        EACH(MUL, wrap((uint64_t)x[i] * (uint64_t)y[i]))
        EACH(DIV, div_i64(x[i], y[i], is_u64))
        EACH(MOD, mod_i64(x[i], y[i], is_u64))
        EACH(FMOD, fmod_i64(x[i], y[i], is_u64))
        EACH(MIN, is_less(y[i], x[i], is_u64) ? y[i] : x[i])
        EACH(MAX, is_less(x[i], y[i], is_u64) ? y[i] : x[i])
        EACH(AND, x[i] & y[i])
        EACH(OR, x[i] | y[i])
        EACH(XOR, x[i] ^ y[i])
        EACH(SHL, shl(x[i], y[i], width))
        EACH(SHR, shr(x[i], y[i], width, is_u64))
    default:
        break;
    }
}

/* x ^ y modulo 2^64. Of negative powers only those of 1 and -1 are not 0. */
static int64_t pow_i64(int64_t x, int64_t y, bool is_x_u64, bool is_y_u64)
{
    uint64_t power = 1, base = (uint64_t)x, left = (uint64_t)y;
    if (y < 0 && !is_y_u64) {
        if (x == -1 && !is_x_u64)
            return y & 1 ? -1 : 1;
        return x == 1;
    }
    for (; left; left >>= 1) {
        if (left & 1)
            power *= base;
        base *= base;
    }
    return wrap(power);
}

/* ---- kernels --------------------------------------------------------------------------- */

static void rows_of(struct tro_ref_call *c, struct tro_rows *r)
{
    tro_rows_begin_bcast(r, &c->out[0], 3,
                         (const struct tro_tensor *[]){&c->in[0], &c->in[1], &c->out[0]});
}

static int64_t chunk_at(const struct tro_rows *r, int64_t i)
{
    return r->n - i < TRO_CHUNK ? r->n - i : TRO_CHUNK;
}

static void run_f64(struct tro_ref_call *c)
{
    double x[TRO_CHUNK], y[TRO_CHUNK], z[TRO_CHUNK];
    struct tro_rows r;
    struct tro_tensor *const out = &c->out[0];
    for (rows_of(c, &r); tro_rows_next(&r);)
        for (int64_t i = 0; i < r.n; i += TRO_CHUNK) {
            const int64_t n = chunk_at(&r, i);
            tro_rows_load_f64(&r, 0, &c->in[0], i, n, x);
            tro_rows_load_f64(&r, 1, &c->in[1], i, n, y);
            chunk_f64(c->op, n, x, y, z);
            tro_store_row_f64(out->dtype, out->data, r.first[2] + i, n, z);
        }
}

static void run_i64(struct tro_ref_call *c)
{
    int64_t x[TRO_CHUNK], y[TRO_CHUNK], z[TRO_CHUNK];
    struct tro_rows r;
    struct tro_tensor *const out = &c->out[0];
    const bool is_x_u64 = c->in[0].dtype == TRO_U64, is_y_u64 = c->in[1].dtype == TRO_U64;
    for (rows_of(c, &r); tro_rows_next(&r);)
        for (int64_t i = 0; i < r.n; i += TRO_CHUNK) {
            const int64_t n = chunk_at(&r, i);
            tro_rows_load_i64(&r, 0, &c->in[0], i, n, x);
            tro_rows_load_i64(&r, 1, &c->in[1], i, n, y);
            if (c->op == TRO_OP_POW)
                for (int64_t k = 0; k < n; k++)
                    z[k] = pow_i64(x[k], y[k], is_x_u64, is_y_u64);
            else
                chunk_i64(c->op, c->in[0].dtype, n, x, y, z);
            tro_store_row_i64(out->dtype, out->data, r.first[2] + i, n, z);
        }
}

int tro_ref_binary(struct tro_ref_call *c)
{
    if (tro_dtype_is_float(c->in[0].dtype))
        run_f64(c);
    else
        run_i64(c);
    return 0;
}

int tro_ref_pow(struct tro_ref_call *c)
{
    if (tro_dtype_is_float(c->in[0].dtype) || tro_dtype_is_float(c->in[1].dtype))
        run_f64(c);
    else
        run_i64(c);
    return 0;
}
