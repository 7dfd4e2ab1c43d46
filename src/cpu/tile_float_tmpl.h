/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of f32 instructions and of 8-bit codes. The file that includes this sets LEVEL(name), the
 * name with the level's suffix. */
#include "cpu/lookup.h"
#include "cpu/math.h"
#include "cpu/tile_loop.h"

#define F32(v) vf_set(v)

/* ---- one operand ------------------------------------------------------------------------- */

#define UNARY(id, expr)                                        \
    static void id(const struct tro_tile_call *c)              \
    {                                                          \
        for (int64_t i = 0; i < c->n_rows; i++) {              \
            float *const d = DST_ROW(c, float, i);             \
            const float *const p = SRC_ROW(c, 0, float, i);    \
            int64_t j = 0;                                     \
            for (; j + VF_LANES <= c->n_cols; j += VF_LANES) { \
                const vf x = vf_load(p + j);                   \
                vf_store(d + j, expr);                         \
            }                                                  \
            if (j < c->n_cols) {                               \
                const vf x = vf_load_n(p + j, c->n_cols - j);  \
                vf_store_n(d + j, expr, c->n_cols - j);        \
            }                                                  \
        }                                                      \
    }

/* Clamped with NaN kept. */
#define WITHIN(x, lo, hi) vf_min(hi, vf_max(lo, x))
#define IMM(k) F32(c->imm[k])

static inline vf sign_of(vf x)
{
    const vf one = vf_copysign(F32(1), x);
    return vf_select(vf_lt(F32(0), vf_abs(x)), one, x);
}

UNARY(F32_NEG, -x)
UNARY(F32_ABS, vf_abs(x))
UNARY(F32_SIGN, sign_of(x))
UNARY(F32_FLOOR, vf_floor(x))
UNARY(F32_CEIL, vf_ceil(x))
UNARY(F32_ROUND, vf_round(x))
UNARY(F32_SQRT, vf_sqrt(x))
UNARY(F32_EXP, vf_exp(x))
UNARY(F32_LOG, vf_log(x))
UNARY(F32_ERF, vf_erf(x))
UNARY(F32_SIN, vf_sin_or_cos(x, 0))
UNARY(F32_COS, vf_sin_or_cos(x, 1))
UNARY(F32_TANH, vf_tanh(x))
UNARY(F32_SIGMOID, vf_sigmoid(x))
UNARY(F32_SOFTPLUS, vf_softplus(x))
UNARY(F32_CLAMP, WITHIN(x, IMM(0), IMM(1)))
/* Rounded twice, as the operators they stand for. */
UNARY(F32_SCALE_ADD, x *IMM(0) + IMM(1))
UNARY(F32_RAMP, WITHIN(x *IMM(0) + IMM(1), IMM(2), IMM(3)))
UNARY(F32_RAMP_MUL, x *WITHIN(x *IMM(0) + IMM(1), IMM(2), IMM(3)))
UNARY(F32_SILU, vf_silu(x))
UNARY(F32_GELU, vf_gelu(x))
UNARY(F32_LEAKY, vf_select(vf_lt(x, F32(0)), x *IMM(0), x))

/* ---- two operands ------------------------------------------------------------------------ */

/* One of them may repeat over the columns: its vector then stays. */
#define BINARY(id, expr)                                                                        \
    ALWAYS_INLINE void id##_row(float *d, const float *xs, const float *ys, int64_t sx,         \
                                int64_t sy, int64_t n)                                          \
    {                                                                                           \
        const vf x0 = F32(xs[0]), y0 = F32(ys[0]);                                              \
        int64_t j = 0;                                                                          \
        for (; j + VF_LANES <= n; j += VF_LANES) {                                              \
            const vf x = sx ? vf_load(xs + j) : x0, y = sy ? vf_load(ys + j) : y0;              \
            vf_store(d + j, expr);                                                              \
        }                                                                                       \
        if (j < n) {                                                                            \
            const vf x = sx ? vf_load_n(xs + j, n - j) : x0;                                    \
            const vf y = sy ? vf_load_n(ys + j, n - j) : y0;                                    \
            vf_store_n(d + j, expr, n - j);                                                     \
        }                                                                                       \
    }                                                                                           \
    static void id(const struct tro_tile_call *c)                                               \
    {                                                                                           \
        const int64_t n = c->n_cols;                                                            \
        for (int64_t i = 0; i < c->n_rows; i++) {                                               \
            float *const d = DST_ROW(c, float, i);                                              \
            const float *const x = SRC_ROW(c, 0, float, i), *const y = SRC_ROW(c, 1, float, i); \
            if (!c->step[1])                                                                    \
                id##_row(d, x, y, 1, 0, n);                                                     \
            else if (!c->step[0])                                                               \
                id##_row(d, x, y, 0, 1, n);                                                     \
            else                                                                                \
                id##_row(d, x, y, 1, 1, n);                                                     \
        }                                                                                       \
    }

/* NaN where either is; vf_min and vf_max give y where one is. */
BINARY(F32_ADD, x + y)
BINARY(F32_SUB, x - y)
BINARY(F32_MUL, x *y)
BINARY(F32_DIV, x / y)
BINARY(F32_MIN, vf_select(vf_ne(x, x), x, vf_min(x, y)))
BINARY(F32_MAX, vf_select(vf_ne(x, x), x, vf_max(x, y)))

#define COMPARE(id, expr)                                                                       \
    ALWAYS_INLINE void id##_row(uint8_t *d, const float *xs, const float *ys, int64_t sx,       \
                                int64_t sy, int64_t n)                                          \
    {                                                                                           \
        NO_OVERLAP                                                                              \
        for (int64_t j = 0; j < n; j++) {                                                       \
            const float x = xs[j * sx], y = ys[j * sy];                                         \
            d[j] = (expr);                                                                      \
        }                                                                                       \
    }                                                                                           \
    static void id(const struct tro_tile_call *c)                                               \
    {                                                                                           \
        for (int64_t i = 0; i < c->n_rows; i++) {                                               \
            uint8_t *const d = DST_ROW(c, uint8_t, i);                                          \
            const float *const x = SRC_ROW(c, 0, float, i), *const y = SRC_ROW(c, 1, float, i); \
            if (!c->step[1])                                                                    \
                id##_row(d, x, y, 1, 0, c->n_cols);                                             \
            else if (!c->step[0])                                                               \
                id##_row(d, x, y, 0, 1, c->n_cols);                                             \
            else                                                                                \
                id##_row(d, x, y, 1, 1, c->n_cols);                                             \
        }                                                                                       \
    }

COMPARE(F32_EQ, x == y)
COMPARE(F32_LT, x < y)
COMPARE(F32_LE, x <= y)

/* ---- choice ------------------------------------------------------------------------------ */

LOOP_3(SELECT_4, uint32_t, uint8_t, uint32_t, uint32_t, x ? y : z)

/* ---- 8-bit codes ------------------------------------------------------------------------- */

/* round_half_even(v) + zero, saturated; NaN gives the least. Beyond +-512 all saturate, and below
 * that the sum is exact. */
ALWAYS_INLINE int32_t code_of(float v, int32_t zero, int32_t lo, int32_t hi)
{
    const float above = v > -512.0F ? v : -512.0F, within = above < 512.0F ? above : 512.0F;
    const int32_t sum = (int32_t)rintf(within) + zero, up = sum > lo ? sum : lo;
    return up < hi ? up : hi;
}

LOOP_3(QUANTIZE_F32_I8, int8_t, float, float, int8_t, code_of(x / y, z, -128, 127))
LOOP_3(QUANTIZE_F32_U8, uint8_t, float, float, uint8_t, code_of(x / y, z, 0, 255))
LOOP_3(QUANTIZE_I32_I8, int8_t, int32_t, float, int8_t, code_of((float)x / y, z, -128, 127))
LOOP_3(QUANTIZE_I32_U8, uint8_t, int32_t, float, uint8_t, code_of((float)x / y, z, 0, 255))
LOOP_3(REQUANTIZE_I8, int8_t, int32_t, float, int8_t, code_of((float)x *y, z, -128, 127))
LOOP_3(REQUANTIZE_U8, uint8_t, int32_t, float, uint8_t, code_of((float)x *y, z, 0, 255))
LOOP_3(DEQUANTIZE_I8, float, int8_t, float, int8_t, (float)((int32_t)x - (int32_t)z) * y)
LOOP_3(DEQUANTIZE_U8, float, uint8_t, float, uint8_t, (float)((int32_t)x - (int32_t)z) * y)
LOOP_3(DEQUANTIZE_I32, float, int32_t, float, int32_t, (float)((int64_t)x - (int64_t)z) * y)

/* The same with 16 bits: beyond +-131072 all saturate. */
ALWAYS_INLINE int32_t wide_code_of(float v, int32_t zero, int32_t lo, int32_t hi)
{
    const float above = v > -131072.0F ? v : -131072.0F;
    const float within = above < 131072.0F ? above : 131072.0F;
    const int32_t sum = (int32_t)rintf(within) + zero, up = sum > lo ? sum : lo;
    return up < hi ? up : hi;
}

LOOP_3(QUANTIZE_F32_I16, int16_t, float, float, int16_t, wide_code_of(x / y, z, -32768, 32767))
LOOP_3(QUANTIZE_F32_U16, uint16_t, float, float, uint16_t, wide_code_of(x / y, z, 0, 65535))
LOOP_3(REQUANTIZE_I16, int16_t, int32_t, float, int16_t,
       wide_code_of((float)x *y, z, -32768, 32767))
LOOP_3(REQUANTIZE_U16, uint16_t, int32_t, float, uint16_t, wide_code_of((float)x *y, z, 0, 65535))
LOOP_3(DEQUANTIZE_I16, float, int16_t, float, int16_t, (float)((int32_t)x - (int32_t)z) * y)
LOOP_3(DEQUANTIZE_U16, float, uint16_t, float, uint16_t, (float)((int32_t)x - (int32_t)z) * y)

/* ---- tables ------------------------------------------------------------------------------ */

static void TABLE_1(const struct tro_tile_call *c)
{
    for (int64_t i = 0; i < c->n_rows; i++)
        lookup_bytes(DST_ROW(c, uint8_t, i), SRC_ROW(c, 0, uint8_t, i), c->n_cols,
                     SRC_ROW(c, 1, uint8_t, 0));
}

#define TABLE(id, TD, TX, TT, expr)                    \
    static void id(const struct tro_tile_call *c)      \
    {                                                  \
        const TT *const t = SRC_ROW(c, 1, TT, 0);      \
        for (int64_t i = 0; i < c->n_rows; i++) {      \
            TD *const d = DST_ROW(c, TD, i);           \
            const TX *const xs = SRC_ROW(c, 0, TX, i); \
            NO_OVERLAP                                 \
            for (int64_t j = 0; j < c->n_cols; j++) {  \
                const int32_t x = xs[j];               \
                d[j] = (TD)(expr);                     \
            }                                          \
        }                                              \
    }

TABLE(TABLE_4, uint32_t, uint8_t, uint32_t, t[x])

ALWAYS_INLINE int32_t limited(int32_t v, int32_t lo, int32_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* Between entries; bias: less the least x. STORE is how vectors of results are narrowed. */
#if defined(__AVX512F__)
#define BETWEEN_VECTOR(STORE)            \
    for (; j + 16 <= c->n_cols; j += 16) \
        STORE(d + j, lookup_between_16(t, _mm256_loadu_si256((const void *)(xs + j)), bias));
#else
#define BETWEEN_VECTOR(STORE)
#endif

#define BETWEEN(id, TD, TX, bias_, lo, hi, STORE)                            \
    static void id(const struct tro_tile_call *c)                            \
    {                                                                        \
        enum { bias = bias_ };                                               \
        const int32_t *const t = SRC_ROW(c, 1, int32_t, 0);                  \
        for (int64_t i = 0; i < c->n_rows; i++) {                            \
            TD *const d = DST_ROW(c, TD, i);                                 \
            const TX *const xs = SRC_ROW(c, 0, TX, i);                       \
            int64_t j = 0;                                                   \
            BETWEEN_VECTOR(STORE)                                            \
            for (; j < c->n_cols; j++)                                       \
                d[j] = (TD)limited(lookup_between(t, xs[j] + bias), lo, hi); \
        }                                                                    \
    }

#define STORE_I8(to, v) _mm_storeu_si128((void *)(to), _mm512_cvtsepi32_epi8(v))
#define STORE_U8(to, v)            \
    _mm_storeu_si128((void *)(to), \
                     _mm512_cvtusepi32_epi8(_mm512_max_epi32(v, _mm512_setzero_si512())))
#define STORE_I16(to, v) _mm256_storeu_si256((void *)(to), _mm512_cvtsepi32_epi16(v))

BETWEEN(TABLE_I16_I8, int8_t, int16_t, 32768, -128, 127, STORE_I8)
BETWEEN(TABLE_I16_U8, uint8_t, int16_t, 32768, 0, 255, STORE_U8)
BETWEEN(TABLE_I16_I16, int16_t, int16_t, 32768, -32768, 32767, STORE_I16)
BETWEEN(TABLE_U16_I8, int8_t, uint16_t, 0, -128, 127, STORE_I8)
BETWEEN(TABLE_U16_U8, uint8_t, uint16_t, 0, 0, 255, STORE_U8)

#define FLOAT_CODE(id, n_src, splat) [TRO_TILE_##id] = id,
#define INT_CODE(id, n_src, splat)
tro_tile_fn *const LEVEL(tro_tile_float_fns)[TRO_N_TILE_CODES] = {
#include "cpu/tile_codes.def"
};
