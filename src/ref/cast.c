/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/half.h"
#include "ref/rows.h"

static bool is_f8(enum tro_dtype d)
{
    return d == TRO_F8E4M3FN || d == TRO_F8E4M3FNUZ || d == TRO_F8E5M2 || d == TRO_F8E5M2FNUZ;
}

/* A double that rounds to any narrower type as the integer itself does: bits below the lowest that
 * double could lose are folded into that one. */
static double narrowable_u64(uint64_t v)
{
    const uint64_t low = v & 0xfff;
    return v >> 53 ? (double)((v - low) | (low ? 0x1000 : 0)) : (double)v;
}

/* From 64-bit integers to floating point, rounded once. */
static void int64_to_float(enum tro_dtype from, enum tro_dtype to, int64_t n, const int64_t *x,
                           void *out, int64_t first)
{
    for (int64_t i = 0; i < n; i++) {
        if (from == TRO_I64 || x[i] >= 0)
            tro_store_i64(to, out, first + i, x[i]);
        else if (to == TRO_F64)
            tro_store_f64(to, out, first + i, (double)(uint64_t)x[i]);
        else
            tro_store_f64(to, out, first + i, narrowable_u64((uint64_t)x[i]));
    }
}

static void store_f8_wrapping(enum tro_dtype to, int64_t n, const double *x, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = tro_f8_from_f64(to, x[i], false);
}

/* ONNX leaves values out of range open, and its tests have 4-bit integers saturate. */
static void saturate_to_nibbles(enum tro_dtype to, int64_t n, double *x)
{
    const double lo = (double)tro_dtype_min(to), hi = (double)tro_dtype_max(to);
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
}

static void chunk(const struct tro_attrs_cast *a, const struct tro_tensor *in,
                  const struct tro_tensor *out, int64_t i, int64_t n)
{
    const bool is_to_float = tro_dtype_is_float(a->to), wraps = a->wraps && is_f8(a->to);
    const bool is_int64 = in->dtype == TRO_I64 || in->dtype == TRO_U64;
    double x[TRO_CHUNK];
    int64_t y[TRO_CHUNK];
    if (!tro_dtype_is_float(in->dtype) && (!is_to_float || (is_int64 && !wraps))) {
        tro_load_row_i64(in->dtype, in->data, i, n, y);
        if (is_to_float)
            int64_to_float(in->dtype, a->to, n, y, out->data, i);
        else
            tro_store_row_i64(a->to, out->data, i, n, y);
        return;
    }
    tro_load_row_f64(in->dtype, in->data, i, n, x);
    if (a->to == TRO_I4 || a->to == TRO_U4)
        saturate_to_nibbles(a->to, n, x);
    if (wraps)
        store_f8_wrapping(a->to, n, x, (uint8_t *)out->data + i);
    else
        tro_store_row_f64(a->to, out->data, i, n, x);
}

int tro_ref_cast(struct tro_ref_call *c)
{
    const int64_t n_all = tro_tensor_n_elems(&c->in[0]);
    for (int64_t i = 0; i < n_all; i += TRO_CHUNK)
        chunk(c->attrs, &c->in[0], &c->out[0], i, n_all - i < TRO_CHUNK ? n_all - i : TRO_CHUNK);
    return 0;
}
