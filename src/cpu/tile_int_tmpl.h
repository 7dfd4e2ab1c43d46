/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of integer instructions, casts, moves and of what the C library computes. The file that
 * includes this sets LEVEL(name), the name with the level's suffix. */
#include "cpu/tile_loop.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* One text for signed and unsigned types. */
#pragma GCC diagnostic ignored "-Wtype-limits"

/* ---- functions of the C library ------------------------------------------------------------ */

#define SCALAR(id, fn)                                                                   \
    static void id(const struct tro_tile_call *c)                                        \
    {                                                                                    \
        for (int64_t i = 0; i < c->n_rows; i++)                                          \
            for (int64_t j = 0; j < c->n_cols; j++)                                      \
                DST_ROW(c, float, i)[j] = (float)fn((double)SRC_ROW(c, 0, float, i)[j]); \
    }
SCALAR(F32_TAN, tan)
SCALAR(F32_ASIN, asin)
SCALAR(F32_ACOS, acos)
SCALAR(F32_ATAN, atan)
SCALAR(F32_SINH, sinh)
SCALAR(F32_COSH, cosh)
SCALAR(F32_ASINH, asinh)
SCALAR(F32_ACOSH, acosh)
SCALAR(F32_ATANH, atanh)
#undef SCALAR

/* Sign of the divisor, a zero included. */
static double mod_f64(double x, double y)
{
    const double r = fmod(x, y);
    if (r == 0)
        return copysign(0.0, y);
    return (r < 0) != (y < 0) ? r + y : r;
}

LOOP_2(F32_POW, float, float, pow((double)x, (double)y))
LOOP_2(F32_MOD, float, float, mod_f64((double)x, (double)y))
LOOP_2(F32_FMOD, float, float, fmod((double)x, (double)y))
LOOP_1(F32_ISNAN, uint8_t, float, x != x)
LOOP_1(F32_ISINF, uint8_t, float,
       (x == -INFINITY && c->imm[0] != 0) || (x == INFINITY && c->imm[1] != 0))

/* ---- integers ---------------------------------------------------------------------------- */

#define DIV(T, x, y) ((y) == 0 ? 0 : (y) == (T)-1 && (T)-1 < 0 ? (T)(0 - (uint64_t)(x)) : (x) / (y))
#define REM(T, x, y) ((y) == 0 || ((y) == (T)-1 && (T)-1 < 0) ? 0 : (x) % (y))
#define MOD(r, y) ((r) != 0 && ((r) < 0) != ((y) < 0) ? (r) + (y) : (r))
#define WIDTH(T) (8 * sizeof(T))
#define SHL(T, x, y) ((uint64_t)(int64_t)(y) >= WIDTH(T) ? 0 : (uint64_t)(x) << ((y)&63))
#define SHR(T, x, y) \
    ((uint64_t)(int64_t)(y) >= WIDTH(T) ? ((x) < 0 ? (T)-1 : 0) : (x) >> ((y) & (T)(WIDTH(T) - 1)))

/* U is unsigned and as wide as int at least, so that sums and products wrap. */
#define INTEGER(id, T, U)                           \
    LOOP_2(id##_ADD, T, T, (U)x + (U)y)             \
    LOOP_2(id##_SUB, T, T, (U)x - (U)y)             \
    LOOP_2(id##_MUL, T, T, (U)x *(U)y)              \
    LOOP_2(id##_DIV, T, T, DIV(T, x, y))            \
    LOOP_2(id##_MOD, T, T, MOD(REM(T, x, y), y))    \
    LOOP_2(id##_FMOD, T, T, REM(T, x, y))           \
    LOOP_2(id##_MIN, T, T, y < x ? y : x)           \
    LOOP_2(id##_MAX, T, T, x < y ? y : x)           \
    LOOP_2(id##_AND, T, T, x &y)                    \
    LOOP_2(id##_OR, T, T, x | y)                    \
    LOOP_2(id##_XOR, T, T, x ^ y)                   \
    LOOP_2(id##_SHL, T, T, SHL(T, x, y))            \
    LOOP_2(id##_SHR, T, T, SHR(T, x, y))            \
    LOOP_2(id##_EQ, uint8_t, T, x == y)             \
    LOOP_2(id##_LT, uint8_t, T, x < y)              \
    LOOP_2(id##_LE, uint8_t, T, x <= y)             \
    LOOP_1(id##_NOT, T, T, ~x)                      \
    LOOP_1(id##_NEG, T, T, 0 - (U)x)                \
    LOOP_1(id##_ABS, T, T, x < 0 ? 0 - (U)x : (U)x) \
    LOOP_1(id##_SIGN, T, T, x < 0 ? -1 : x != 0)

INTEGER(I32, int32_t, uint32_t)
INTEGER(I64, int64_t, uint64_t)
INTEGER(I8, int8_t, uint32_t)
INTEGER(U8, uint8_t, uint32_t)
LOOP_1(BOOL_NOT, uint8_t, uint8_t, !x)

/* ---- casts ------------------------------------------------------------------------------- */

/* Truncated; INT64_MIN beyond int64 and for NaN. Narrower types keep the low bits. */
ALWAYS_INLINE int64_t i64_of_f32(float v)
{
    return v >= -0x1p63F && v < 0x1p63F ? (int64_t)v : INT64_MIN;
}

#define CASTS(id, T, to_int)                       \
    LOOP_1(CAST_##id##_F32, float, T, x)           \
    LOOP_1(CAST_##id##_I32, int32_t, T, to_int(x)) \
    LOOP_1(CAST_##id##_I64, int64_t, T, to_int(x)) \
    LOOP_1(CAST_##id##_I8, int8_t, T, to_int(x))   \
    LOOP_1(CAST_##id##_U8, uint8_t, T, to_int(x))  \
    LOOP_1(CAST_##id##_BOOL, uint8_t, T, x != 0)
#define AS_IS(x) (x)
CASTS(F32, float, i64_of_f32)
CASTS(I32, int32_t, AS_IS)
CASTS(I64, int64_t, AS_IS)
CASTS(I8, int8_t, AS_IS)
CASTS(U8, uint8_t, AS_IS)

/* ---- choice and moves ---------------------------------------------------------------------- */

LOOP_3(SELECT_1, uint8_t, uint8_t, uint8_t, uint8_t, x ? y : z)
LOOP_3(SELECT_8, uint64_t, uint8_t, uint64_t, uint64_t, x ? y : z)

ALWAYS_INLINE void move_rows(const struct tro_tile_call *c, int64_t size)
{
    const int64_t dst_step = c->dst_step, step = c->step[0];
    for (int64_t i = 0; i < c->n_rows; i++) {
        char *const d = c->dst + i * c->dst_pitch;
        const char *const x = c->src[0] + i * c->pitch[0];
        if (dst_step == size && step == size)
            memmove(d, x, (size_t)(c->n_cols * size));
        else
            for (int64_t j = 0; j < c->n_cols; j++)
                memcpy(d + j * dst_step, x + j * step, (size_t)size);
    }
}

#define MOVE(id, size)                            \
    static void id(const struct tro_tile_call *c) \
    {                                             \
        move_rows(c, size);                       \
    }
MOVE(LOAD_1, 1)
MOVE(LOAD_2, 2)
MOVE(LOAD_4, 4)
MOVE(LOAD_8, 8)
MOVE(STORE_1, 1)
MOVE(STORE_2, 2)
MOVE(STORE_4, 4)
MOVE(STORE_8, 8)

#define FLOAT_CODE(id, n_src, splat)
#define INT_CODE(id, n_src, splat) [TRO_TILE_##id] = id,
tro_tile_fn *const LEVEL(tro_tile_int_fns)[TRO_N_TILE_CODES] = {
#include "cpu/tile_codes.def"
};
