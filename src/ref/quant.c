/* SPDX-License-Identifier: Apache-2.0 */
/* quantize, dequantize and requantize: float32 arithmetic, one rounding for each operation, since
 * every device must give the same bits; tables of quantized values. */
#include "ref/kernels.h"
#include "ref/rows.h"

#include "base/dtype.h"
#include "base/half.h"

#include <math.h>
#include <string.h>

/* The rows of x with scale and zero beside them. */
struct quant {
    const struct tro_ref_call *c;
    struct tro_rows rows;
    bool has_zero;
    /* The current chunk: `n` elements from `i` of the row. */
    int64_t i, n;
    float x[TRO_CHUNK], scale[TRO_CHUNK];
    int64_t zero[TRO_CHUNK];
};

static void begin(struct quant *q, const struct tro_ref_call *c)
{
    q->c = c;
    q->has_zero = c->in[2].dtype != TRO_DTYPE_NONE;
    q->i = q->n = 0;
    const struct tro_tensor *const operands[3] = {&c->in[0], &c->in[1], &c->in[2]};
    tro_rows_begin_bcast(&q->rows, &c->in[0], q->has_zero ? 3 : 2, operands);
}

static void load_f32(const struct quant *q, int k, float *out)
{
    const struct tro_tensor *const t = &q->c->in[k];
    const int64_t step = q->rows.step[k], first = q->rows.first[k] + q->i * step;
    tro_load_row_f32(t->dtype, t->data, first, step ? q->n : 1, out);
    for (int64_t j = 1; j < q->n && !step; j++)
        out[j] = out[0];
}

/* The next chunk with its scales and, for integers, zeros (0 when absent). */
static bool next(struct quant *q)
{
    q->i += q->n;
    if (q->n == 0 || q->i == q->rows.n) {
        q->i = 0;
        if (!tro_rows_next(&q->rows))
            return false;
    }
    const int64_t left = q->rows.n - q->i;
    q->n = left < TRO_CHUNK ? left : TRO_CHUNK;
    load_f32(q, 1, q->scale);
    for (int64_t j = 0; j < q->n && !q->has_zero; j++)
        q->zero[j] = 0;
    if (q->has_zero)
        tro_rows_load_i64(&q->rows, 2, &q->c->in[2], q->i, q->n, q->zero);
    return true;
}

/* Rounds half to even, adds zero, saturates; NaN becomes the least value. */
static void store_rounded(const struct quant *q, const float *v)
{
    const struct tro_tensor *const y = &q->c->out[0];
    const double lo = (double)tro_dtype_min(y->dtype), hi = (double)tro_dtype_max(y->dtype);
    int64_t out[TRO_CHUNK];
    for (int64_t j = 0; j < q->n; j++) {
        const double sum = (double)rintf(v[j]) + (double)q->zero[j];
        out[j] = sum >= hi ? (int64_t)hi : sum > lo ? (int64_t)sum : (int64_t)lo;
    }
    tro_store_row_i64(y->dtype, y->data, q->rows.first[0] + q->i, q->n, out);
}

int tro_ref_quantize(struct tro_ref_call *c)
{
    const struct tro_attrs_cast *const a = c->attrs;
    const bool is_float = tro_dtype_is_float(a->to);
    struct quant q;
    begin(&q, c);
    q.has_zero = q.has_zero && !is_float;
    while (next(&q)) {
        load_f32(&q, 0, q.x);
        for (int64_t j = 0; j < q.n; j++)
            q.x[j] /= q.scale[j];
        if (!is_float) {
            store_rounded(&q, q.x);
            continue;
        }
        uint8_t *const out = (uint8_t *)c->out[0].data + q.rows.first[0] + q.i;
        for (int64_t j = 0; j < q.n; j++)
            out[j] = tro_f8_from_f64(a->to, (double)q.x[j], !a->wraps);
    }
    return 0;
}

int tro_ref_dequantize(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0], *const y = &c->out[0];
    const bool is_float = tro_dtype_is_float(x->dtype);
    struct quant q;
    int64_t code[TRO_CHUNK];
    float float_zero[TRO_CHUNK] = {0};
    double v[TRO_CHUNK];
    begin(&q, c);
    const bool has_float_zero = q.has_zero && is_float;
    q.has_zero = q.has_zero && !is_float;
    while (next(&q)) {
        if (is_float) {
            load_f32(&q, 0, q.x);
            if (has_float_zero)
                load_f32(&q, 2, float_zero);
            for (int64_t j = 0; j < q.n; j++)
                q.x[j] -= float_zero[j];
        } else {
            tro_load_row_i64(x->dtype, x->data, q.rows.first[0] + q.i, q.n, code);
            for (int64_t j = 0; j < q.n; j++)
                q.x[j] = (float)(code[j] - q.zero[j]);
        }
        for (int64_t j = 0; j < q.n; j++) {
            const float product = q.x[j] * q.scale[j];
            v[j] = (double)product;
        }
        tro_store_row_f64(y->dtype, y->data, q.rows.first[0] + q.i, q.n, v);
    }
    return 0;
}

int tro_ref_requantize(struct tro_ref_call *c)
{
    struct quant q;
    begin(&q, c);
    while (next(&q)) {
        load_f32(&q, 0, q.x);
        for (int64_t j = 0; j < q.n; j++)
            q.x[j] *= q.scale[j];
        store_rounded(&q, q.x);
    }
    return 0;
}

/* ---- tables ------------------------------------------------------------------------------ */

/* Between entries u / 128 and the next one, in 256ths of the result; u counts from the least x. */
static int64_t interpolated(const int32_t *t, int64_t u)
{
    const int64_t f = u % 128;
    return (t[u / 128] * (128 - f) + t[u / 128 + 1] * f + (1 << 14)) >> 15;
}

static void interpolate(const struct tro_tensor *x, const int32_t *t, const struct tro_tensor *y)
{
    const int64_t n = tro_tensor_n_elems(x), least = tro_dtype_min(x->dtype);
    const int64_t lo = tro_dtype_min(y->dtype), hi = (int64_t)tro_dtype_max(y->dtype);
    for (int64_t i = 0; i < n; i++) {
        const int64_t v = interpolated(t, tro_load_i64(x->dtype, x->data, i) - least);
        tro_store_i64(y->dtype, y->data, i, v < lo ? lo : v > hi ? hi : v);
    }
}

int tro_ref_table(struct tro_ref_call *c)
{
    const struct tro_tensor *const x = &c->in[0], *const table = &c->in[1];
    const size_t size = tro_dtype_size(table->dtype);
    const int64_t n = tro_tensor_n_elems(x);
    if (tro_dtype_size(x->dtype) == 2) {
        interpolate(x, table->data, &c->out[0]);
        return 0;
    }
    for (int64_t i = 0; i < n; i++)
        memcpy((char *)c->out[0].data + (size_t)i * size,
               (const char *)table->data + ((const uint8_t *)x->data)[i] * size, size);
    return 0;
}
