/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dtype.h"
#include "base/half.h"

#include <string.h>

/* Types that C has. The others are coded by hand below. */
#define NATIVE_FLOATS(X) X(F32, float) X(F64, double)
#define NATIVE_INTS(X) \
    X(I8, int8_t)      \
    X(I16, int16_t)    \
    X(I32, int32_t)    \
    X(I64, int64_t)    \
    X(U8, uint8_t)     \
    X(U16, uint16_t)   \
    X(U32, uint32_t)   \
    X(U64, uint64_t)

/* memcpy because raw data may lie anywhere in a file's bytes. */
#define ACCESS(id, type)                                                    \
    static inline type get_##id(const void *data, int64_t i)                \
    {                                                                       \
        type v;                                                             \
        memcpy(&v, (const char *)data + i * (int64_t)sizeof(v), sizeof(v)); \
        return v;                                                           \
    }                                                                       \
    static inline void put_##id(void *data, int64_t i, type v)              \
    {                                                                       \
        memcpy((char *)data + i * (int64_t)sizeof(v), &v, sizeof(v));       \
    }
NATIVE_FLOATS(ACCESS)
NATIVE_INTS(ACCESS)
#undef ACCESS

static inline int8_t sign_extend_4(uint8_t v)
{
    return (int8_t)((v & 0xf) - 2 * (v & 0x8));
}

#define TWO_63 9223372036854775808.0

/* What cvttsd2si gives, on every machine. */
static inline int64_t i64_of_f64(double v)
{
    return v >= -TWO_63 && v < TWO_63 ? (int64_t)v : INT64_MIN;
}

static inline uint64_t u64_of_f64(double v)
{
    return v >= TWO_63 && v < 2 * TWO_63 ? (uint64_t)v : (uint64_t)i64_of_f64(v);
}

/* Beyond 2^53 the lowest bits are folded into one below all that a narrow type keeps, so that the
 * conversion to double is exact and what rounds afterwards rounds once. */
static double narrowable_f64(int64_t v)
{
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    if (u >> 53) {
        const uint64_t low = u & 0xfff;
        u = (u - low) | (low ? 0x1000 : 0);
    }
    return v < 0 ? -(double)u : (double)u;
}

/* ---- one element ----------------------------------------------------------------------- */

double tro_load_f64(enum tro_dtype d, const void *data, int64_t i)
{
    switch (d) {
#define CASE(id, type) \
    case TRO_##id:     \
        return (double)get_##id(data, i);
        NATIVE_FLOATS(CASE)
        NATIVE_INTS(CASE)
#undef CASE
    case TRO_F16:
        return (double)tro_f16_to_f32(get_U16(data, i));
    case TRO_BF16:
        return (double)tro_bf16_to_f32(get_U16(data, i));
    case TRO_F8E4M3FN:
    case TRO_F8E4M3FNUZ:
    case TRO_F8E5M2:
    case TRO_F8E5M2FNUZ:
    case TRO_F4E2M1:
        return (double)tro_f8_to_f32(d, get_U8(data, i));
    case TRO_I4:
    case TRO_U4:
    case TRO_BOOL:
        return (double)tro_load_i64(d, data, i);
    case TRO_DTYPE_NONE:
    case TRO_N_DTYPES:
        break;
    }
    return 0;
}

int64_t tro_load_i64(enum tro_dtype d, const void *data, int64_t i)
{
    switch (d) {
#define CASE(id, type) \
    case TRO_##id:     \
        return (int64_t)get_##id(data, i);
        NATIVE_INTS(CASE)
#undef CASE
    case TRO_I4:
        return sign_extend_4(get_U8(data, i));
    case TRO_U4:
        return get_U8(data, i) & 0xf;
    case TRO_BOOL:
        return get_U8(data, i) != 0;
    default:
        return i64_of_f64(tro_load_f64(d, data, i));
    }
}

void tro_store_f64(enum tro_dtype d, void *data, int64_t i, double v)
{
    switch (d) {
    case TRO_F32:
        put_F32(data, i, (float)v);
        break;
    case TRO_F64:
        put_F64(data, i, v);
        break;
    case TRO_F16:
        put_U16(data, i, tro_f16_from_f64(v));
        break;
    case TRO_BF16:
        put_U16(data, i, tro_bf16_from_f64(v));
        break;
    case TRO_F8E4M3FN:
    case TRO_F8E4M3FNUZ:
    case TRO_F8E5M2:
    case TRO_F8E5M2FNUZ:
    case TRO_F4E2M1:
        put_U8(data, i, tro_f8_from_f64(d, v, true));
        break;
    case TRO_U64:
        put_U64(data, i, u64_of_f64(v));
        break;
    case TRO_BOOL:
        put_U8(data, i, v != 0);
        break;
    default:
        tro_store_i64(d, data, i, i64_of_f64(v));
    }
}

void tro_store_i64(enum tro_dtype d, void *data, int64_t i, int64_t v)
{
    switch (d) {
#define CASE(id, type)              \
    case TRO_##id:                  \
        put_##id(data, i, (type)v); \
        break;
        NATIVE_FLOATS(CASE)
        NATIVE_INTS(CASE)
#undef CASE
    case TRO_I4:
        put_I8(data, i, sign_extend_4((uint8_t)v));
        break;
    case TRO_U4:
        put_U8(data, i, (uint8_t)v & 0xf);
        break;
    case TRO_BOOL:
        put_U8(data, i, v != 0);
        break;
    case TRO_DTYPE_NONE:
    case TRO_N_DTYPES:
        break;
    default:
        tro_store_f64(d, data, i, narrowable_f64(v));
    }
}

/* ---- rows ------------------------------------------------------------------------------ */

void tro_load_row_f64(enum tro_dtype d, const void *data, int64_t first, int64_t n, double *out)
{
    switch (d) {
#define CASE(id, type)                                  \
    case TRO_##id:                                      \
        for (int64_t i = 0; i < n; i++)                 \
            out[i] = (double)get_##id(data, first + i); \
        break;
        NATIVE_FLOATS(CASE)
        NATIVE_INTS(CASE)
#undef CASE
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = tro_load_f64(d, data, first + i);
    }
}

void tro_load_row_f32(enum tro_dtype d, const void *data, int64_t first, int64_t n, float *out)
{
    switch (d) {
#define CASE(id, type)                                 \
    case TRO_##id:                                     \
        for (int64_t i = 0; i < n; i++)                \
            out[i] = (float)get_##id(data, first + i); \
        break;
        NATIVE_FLOATS(CASE)
        NATIVE_INTS(CASE)
#undef CASE
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)tro_load_f64(d, data, first + i);
    }
}

void tro_store_row_f64(enum tro_dtype d, void *data, int64_t first, int64_t n, const double *in)
{
    switch (d) {
    case TRO_F32:
        for (int64_t i = 0; i < n; i++)
            put_F32(data, first + i, (float)in[i]);
        break;
    case TRO_F64:
        for (int64_t i = 0; i < n; i++)
            put_F64(data, first + i, in[i]);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            tro_store_f64(d, data, first + i, in[i]);
    }
}
