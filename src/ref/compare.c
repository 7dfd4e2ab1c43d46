/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise operators that give or take bool. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "ref/rows.h"

#include <math.h>
#include <string.h>

/* ---- comparison ------------------------------------------------------------------------ */

#define EACH(id, expr)                  \
    case TRO_OP_##id:                   \
        for (int64_t i = 0; i < n; i++) \
            z[i] = (expr);              \
        break;

static void chunk_f64(enum tro_op op, int64_t n, const double *x, const double *y, uint8_t *z)
{
    switch (op) {
        EACH(EQ, x[i] == y[i])
        EACH(LT, x[i] < y[i])
        EACH(LE, x[i] <= y[i])
    default:
        break;
    }
}

/* flip turns bit patterns of u64 into integers of the same order. */
static void chunk_i64(enum tro_op op, int64_t flip, int64_t n, const int64_t *x, const int64_t *y,
                      uint8_t *z)
{
    switch (op) {
        EACH(EQ, x[i] == y[i])
        EACH(LT, (x[i] ^ flip) < (y[i] ^ flip))
        EACH(LE, (x[i] ^ flip) <= (y[i] ^ flip))
    default:
        break;
    }
}

int tro_ref_compare(struct tro_ref_call *c)
{
    const struct tro_tensor *const a = &c->in[0], *const b = &c->in[1];
    const bool is_float = tro_dtype_is_float(a->dtype);
    const int64_t flip = a->dtype == TRO_U64 ? INT64_MIN : 0;
    struct tro_rows r;
    tro_rows_begin_bcast(&r, &c->out[0], 3, (const struct tro_tensor *[]){a, b, &c->out[0]});
    while (tro_rows_next(&r)) {
        uint8_t *const z = (uint8_t *)c->out[0].data + r.first[2];
        for (int64_t i = 0; i < r.n; i += TRO_CHUNK) {
            const int64_t n = r.n - i < TRO_CHUNK ? r.n - i : TRO_CHUNK;
            if (is_float) {
                double x[TRO_CHUNK], y[TRO_CHUNK];
                tro_rows_load_f64(&r, 0, a, i, n, x);
                tro_rows_load_f64(&r, 1, b, i, n, y);
                chunk_f64(c->op, n, x, y, z + i);
            } else {
                int64_t x[TRO_CHUNK], y[TRO_CHUNK];
                tro_rows_load_i64(&r, 0, a, i, n, x);
                tro_rows_load_i64(&r, 1, b, i, n, y);
                chunk_i64(c->op, flip, n, x, y, z + i);
            }
        }
    }
    return 0;
}

/* ---- choice ---------------------------------------------------------------------------- */

#define SELECT_ROW(type)                                                                      \
    for (int64_t i = 0; i < r->n; i++) {                                                      \
        type v;                                                                               \
        const char *const p = cond[i * r->step[0]] ? x + i * r->step[1] * (int64_t)sizeof(v)  \
                                                   : y + i * r->step[2] * (int64_t)sizeof(v); \
        memcpy(&v, p, sizeof(v));                                                             \
        memcpy(z + i * (int64_t)sizeof(v), &v, sizeof(v));                                    \
    }

static void select_row(const struct tro_rows *r, size_t size, const uint8_t *cond, const char *x,
                       const char *y, char *z)
{
    switch (size) {
    case 1:
        SELECT_ROW(uint8_t)
        break;
    case 2:
        SELECT_ROW(uint16_t)
        break;
    case 4:
        SELECT_ROW(uint32_t)
        break;
    default:
        SELECT_ROW(uint64_t)
    }
}

int tro_ref_select(struct tro_ref_call *c)
{
    const struct tro_tensor *const in = c->in, *const out = &c->out[0];
    const int64_t size = (int64_t)tro_dtype_size(out->dtype);
    struct tro_rows r;
    tro_rows_begin_bcast(&r, out, 4, (const struct tro_tensor *[]){&in[0], &in[1], &in[2], out});
    while (tro_rows_next(&r))
        select_row(&r, (size_t)size, (const uint8_t *)in[0].data + r.first[0],
                   (const char *)in[1].data + r.first[1] * size,
                   (const char *)in[2].data + r.first[2] * size,
                   (char *)out->data + r.first[3] * size);
    return 0;
}

/* ---- predicates ------------------------------------------------------------------------ */

int tro_ref_predicate(struct tro_ref_call *c)
{
    const struct tro_attrs_isinf *const a = c->op == TRO_OP_ISINF ? c->attrs : NULL;
    const struct tro_tensor *const x = &c->in[0];
    uint8_t *const z = c->out[0].data;
    const int64_t n_all = tro_tensor_n_elems(x);
    double v[TRO_CHUNK];
    for (int64_t i = 0; i < n_all; i += TRO_CHUNK) {
        const int64_t n = n_all - i < TRO_CHUNK ? n_all - i : TRO_CHUNK;
        tro_load_row_f64(x->dtype, x->data, i, n, v);
        for (int64_t k = 0; k < n; k++)
            z[i + k] = a ? (v[k] == INFINITY && !a->skip_positive) ||
                               (v[k] == -INFINITY && !a->skip_negative)
                         : v[k] != v[k];
    }
    return 0;
}
