/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/rows.h"

#include "base/dtype.h"

#include <string.h>

/* ---- elements -------------------------------------------------------------------------- */

#define NATIVE_INTS(X) \
    X(I8, int8_t)      \
    X(I16, int16_t)    \
    X(I32, int32_t)    \
    X(I64, int64_t)    \
    X(U8, uint8_t)     \
    X(U16, uint16_t)   \
    X(U32, uint32_t)   \
    X(U64, uint64_t)

void tro_load_row_i64(enum tro_dtype d, const void *data, int64_t first, int64_t n, int64_t *out)
{
    const char *const p = (const char *)data + first * (int64_t)tro_dtype_size(d);
    switch (d) {
#define CASE(id, type)                                         \
    case TRO_##id:                                             \
        for (int64_t i = 0; i < n; i++) {                      \
            type v;                                            \
            memcpy(&v, p + i * (int64_t)sizeof(v), sizeof(v)); \
            out[i] = (int64_t)v;                               \
        }                                                      \
        break;
        NATIVE_INTS(CASE)
#undef CASE
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = tro_load_i64(d, p, i);
    }
}

void tro_store_row_i64(enum tro_dtype d, void *data, int64_t first, int64_t n, const int64_t *in)
{
    char *const p = (char *)data + first * (int64_t)tro_dtype_size(d);
    switch (d) {
#define CASE(id, type)                                         \
    case TRO_##id:                                             \
        for (int64_t i = 0; i < n; i++) {                      \
            const type v = (type)in[i];                        \
            memcpy(p + i * (int64_t)sizeof(v), &v, sizeof(v)); \
        }                                                      \
        break;
        NATIVE_INTS(CASE)
#undef CASE
    default:
        for (int64_t i = 0; i < n; i++)
            tro_store_i64(d, p, i, in[i]);
    }
}

static int64_t key_of_f64(double v)
{
    if (v != v)
        return INT64_MAX;
    const double no_minus_zero = v + 0.0;
    int64_t bits;
    memcpy(&bits, &no_minus_zero, sizeof(bits));
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

void tro_load_row_keys(enum tro_dtype d, const void *data, int64_t first, int64_t n, int64_t *out)
{
    if (!tro_dtype_is_float(d)) {
        tro_load_row_i64(d, data, first, n, out);
        for (int64_t i = 0; i < n && d == TRO_U64; i++)
            out[i] ^= INT64_MIN;
        return;
    }
    double v[TRO_CHUNK];
    for (int64_t i = 0; i < n; i += TRO_CHUNK) {
        const int64_t m = n - i < TRO_CHUNK ? n - i : TRO_CHUNK;
        tro_load_row_f64(d, data, first + i, m, v);
        for (int64_t k = 0; k < m; k++)
            out[i + k] = key_of_f64(v[k]);
    }
}

/* ---- rows ------------------------------------------------------------------------------ */

/* Whether every operand walks axis a and the merged axes behind it, last, as one. */
static bool is_mergeable(const struct tro_rows *r, int64_t strides[][TRO_MAX_RANK], int a, int last)
{
    for (int k = 0; k < r->n_operands; k++)
        if (strides[k][a] != r->stride[k][last] * r->size[last])
            return false;
    return true;
}

void tro_rows_begin(struct tro_rows *r, const struct tro_tensor *shape, int n_operands,
                    int64_t strides[][TRO_MAX_RANK])
{
    *r = (struct tro_rows){.n = 1, .n_operands = n_operands};
    int n_merged = 0; /* counted from the last axis: merged axis 0 is the row */
    for (int a = shape->rank - 1; a >= 0; a--) {
        r->is_empty = r->is_empty || shape->shape[a] == 0;
        if (shape->shape[a] == 1)
            continue;
        if (n_merged && is_mergeable(r, strides, a, n_merged - 1)) {
            r->size[n_merged - 1] *= shape->shape[a];
            continue;
        }
        r->size[n_merged] = shape->shape[a];
        for (int k = 0; k < n_operands; k++)
            r->stride[k][n_merged] = strides[k][a];
        n_merged++;
    }
    if (n_merged) {
        r->n = r->size[0];
        for (int k = 0; k < n_operands; k++)
            r->step[k] = r->stride[k][0];
    }
    r->rank = n_merged;
}

void tro_rows_begin_bcast(struct tro_rows *r, const struct tro_tensor *shape, int n_operands,
                          const struct tro_tensor *const *operands)
{
    int64_t strides[TRO_ROWS_OPERANDS][TRO_MAX_RANK];
    for (int k = 0; k < n_operands; k++)
        tro_ref_bcast_strides(operands[k], shape, strides[k]);
    tro_rows_begin(r, shape, n_operands, strides);
}

bool tro_rows_next(struct tro_rows *r)
{
    if (r->is_empty)
        return false;
    if (!r->has_begun)
        return r->has_begun = true;
    for (int a = 1; a < r->rank; a++) {
        const bool is_inside = ++r->index[a] < r->size[a];
        for (int k = 0; k < r->n_operands; k++)
            r->first[k] += r->stride[k][a] * (is_inside ? 1 : 1 - r->size[a]);
        if (is_inside)
            return true;
        r->index[a] = 0;
    }
    return false;
}

void tro_rows_load_f64(const struct tro_rows *r, int k, const struct tro_tensor *t, int64_t i,
                       int64_t n, double *out)
{
    if (r->step[k]) {
        tro_load_row_f64(t->dtype, t->data, r->first[k] + i, n, out);
        return;
    }
    const double v = tro_load_f64(t->dtype, t->data, r->first[k]);
    for (int64_t j = 0; j < n; j++)
        out[j] = v;
}

void tro_rows_load_i64(const struct tro_rows *r, int k, const struct tro_tensor *t, int64_t i,
                       int64_t n, int64_t *out)
{
    if (r->step[k]) {
        tro_load_row_i64(t->dtype, t->data, r->first[k] + i, n, out);
        return;
    }
    const int64_t v = tro_load_i64(t->dtype, t->data, r->first[k]);
    for (int64_t j = 0; j < n; j++)
        out[j] = v;
}

/* ---- lines ----------------------------------------------------------------------------- */

#define TILE_WIDTH 64
#define TILE_ELEMS 65536

void tro_lines_begin(struct tro_lines *l, const struct tro_tensor *t, int axis)
{
    *l = (struct tro_lines){.n = t->shape[axis], .stride = 1, .n_lines = 1};
    for (int a = 0; a < t->rank; a++) {
        l->n_lines *= a == axis ? 1 : t->shape[a];
        l->stride *= a > axis ? t->shape[a] : 1;
    }
    l->max_width = l->n * TILE_WIDTH <= TILE_ELEMS ? TILE_WIDTH : TILE_ELEMS / l->n;
    if (l->max_width > l->stride)
        l->max_width = l->stride;
    if (l->max_width < 1)
        l->max_width = 1;
}

bool tro_lines_next(struct tro_lines *l)
{
    l->line += l->width;
    if (l->line >= l->n_lines)
        return false;
    const int64_t outer = l->line / l->stride, inner = l->line % l->stride;
    const int64_t left = l->stride - inner;
    l->width = left < l->max_width ? left : l->max_width;
    l->first = outer * l->n * l->stride + inner;
    return true;
}

/* One call for a line of neighbours, else one for each element of the line. */
#define ALL_RUNS(l, buf, run)                                                        \
    do {                                                                             \
        if ((l)->stride == 1) {                                                      \
            run((l)->first, (l)->n, buf);                                            \
        } else {                                                                     \
            for (int64_t k = 0; k < (l)->n; k++)                                     \
                run((l)->first + k * (l)->stride, (l)->width, buf + k * (l)->width); \
        }                                                                            \
    } while (0)

void tro_lines_load_f64(const struct tro_lines *l, const struct tro_tensor *t, double *buf)
{
#define RUN(first, n, p) tro_load_row_f64(t->dtype, t->data, first, n, p)
    ALL_RUNS(l, buf, RUN);
#undef RUN
}

void tro_lines_load_i64(const struct tro_lines *l, const struct tro_tensor *t, int64_t *buf)
{
#define RUN(first, n, p) tro_load_row_i64(t->dtype, t->data, first, n, p)
    ALL_RUNS(l, buf, RUN);
#undef RUN
}

void tro_lines_load_keys(const struct tro_lines *l, const struct tro_tensor *t, int64_t *buf)
{
#define RUN(first, n, p) tro_load_row_keys(t->dtype, t->data, first, n, p)
    ALL_RUNS(l, buf, RUN);
#undef RUN
}

void tro_lines_store_f64(const struct tro_lines *l, const struct tro_tensor *t, const double *buf)
{
#define RUN(first, n, p) tro_store_row_f64(t->dtype, t->data, first, n, p)
    ALL_RUNS(l, buf, RUN);
#undef RUN
}

void tro_lines_store_i64(const struct tro_lines *l, const struct tro_tensor *t, const int64_t *buf)
{
#define RUN(first, n, p) tro_store_row_i64(t->dtype, t->data, first, n, p)
    ALL_RUNS(l, buf, RUN);
#undef RUN
}
