/* SPDX-License-Identifier: Apache-2.0 */
/* Loops of tile kernels that the compiler turns into vectors. x, y, z are the operands' elements;
 * inlined with constant steps, so that each case gets its own loop. */
#ifndef TRO_CPU_TILE_LOOP_H
#define TRO_CPU_TILE_LOOP_H

#include "cpu/tile_code.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" /* not every loop has a vector form */
#define NO_OVERLAP _Pragma("clang loop vectorize(assume_safety)")
#else
#define NO_OVERLAP _Pragma("GCC ivdep")
#endif

/* Row i of an operand. */
#define SRC_ROW(c, k, type, i) ((const type *)(const void *)((c)->src[k] + (i) * (c)->pitch[k]))
#define DST_ROW(c, type, i) ((type *)(void *)((c)->dst + (i) * (c)->dst_pitch))

#define LOOP_1(id, TD, TX, expr)                       \
    static void id(const struct tro_tile_call *c)      \
    {                                                  \
        for (int64_t i = 0; i < c->n_rows; i++) {      \
            TD *const d = DST_ROW(c, TD, i);           \
            const TX *const xs = SRC_ROW(c, 0, TX, i); \
            NO_OVERLAP                                 \
            for (int64_t j = 0; j < c->n_cols; j++) {  \
                const TX x = xs[j];                    \
                d[j] = (TD)(expr);                     \
            }                                          \
        }                                              \
    }

#define LOOP_2(id, TD, TX, expr)                                                          \
    ALWAYS_INLINE void id##_row(TD *d, const TX *xs, const TX *ys, int64_t sy, int64_t n) \
    {                                                                                     \
        NO_OVERLAP                                                                        \
        for (int64_t j = 0; j < n; j++) {                                                 \
            const TX x = xs[j], y = ys[j * sy];                                           \
            d[j] = (TD)(expr);                                                            \
        }                                                                                 \
    }                                                                                     \
    static void id(const struct tro_tile_call *c)                                         \
    {                                                                                     \
        for (int64_t i = 0; i < c->n_rows; i++) {                                         \
            TD *const d = DST_ROW(c, TD, i);                                              \
            const TX *const x = SRC_ROW(c, 0, TX, i), *const y = SRC_ROW(c, 1, TX, i);    \
            if (c->step[1])                                                               \
                id##_row(d, x, y, 1, c->n_cols);                                          \
            else                                                                          \
                id##_row(d, x, y, 0, c->n_cols);                                          \
        }                                                                                 \
    }

/* The second and third operand may repeat. */
#define LOOP_3(id, TD, TX, TY, TZ, expr)                                                     \
    ALWAYS_INLINE void id##_row(TD *d, const TX *xs, const TY *ys, const TZ *zs, int64_t sy, \
                                int64_t sz, int64_t n)                                       \
    {                                                                                        \
        NO_OVERLAP                                                                           \
        for (int64_t j = 0; j < n; j++) {                                                    \
            const TX x = xs[j];                                                              \
            const TY y = ys[j * sy];                                                         \
            const TZ z = zs[j * sz];                                                         \
            d[j] = (TD)(expr);                                                               \
        }                                                                                    \
    }                                                                                        \
    static void id(const struct tro_tile_call *c)                                            \
    {                                                                                        \
        for (int64_t i = 0; i < c->n_rows; i++) {                                            \
            TD *const d = DST_ROW(c, TD, i);                                                 \
            const TX *const x = SRC_ROW(c, 0, TX, i);                                        \
            const TY *const y = SRC_ROW(c, 1, TY, i);                                        \
            const TZ *const z = SRC_ROW(c, 2, TZ, i);                                        \
            if (c->step[1] && c->step[2])                                                    \
                id##_row(d, x, y, z, 1, 1, c->n_cols);                                       \
            else if (c->step[1])                                                             \
                id##_row(d, x, y, z, 1, 0, c->n_cols);                                       \
            else if (c->step[2])                                                             \
                id##_row(d, x, y, z, 0, 1, c->n_cols);                                       \
            else                                                                             \
                id##_row(d, x, y, z, 0, 0, c->n_cols);                                       \
        }                                                                                    \
    }

#endif
