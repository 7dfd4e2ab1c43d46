/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tile kernels of one level. The including file defines
 *     VEC, LANES                   a vector of floats
 *     MASK, vec_mask(n)            for n of LANES floats, n <= 0: none
 *     vec_load(p), vec_store(p, x), vec_load_n(p, mask), vec_store_n(p, mask, x)
 *     vec_zero(), vec_set(f), vec_fma(a, b, c) = a * b + c, vec_min(a, b), vec_max(a, b): the
 *                                  second operand when one is NaN
 *     MR, NV                       most rows and vectors; VECTORS(X) lists X(rows, vectors)
 *     SET, SET_NAME, WINOGRAD_NAME the tro_gemm_set and the names of its kernels
 *
 * B is loaded once a step of k, each element of A is broadcast: MR * NV sums, NV vectors of B and
 * one of A live in registers. Rows are reached from a pointer for every third one, so that few
 * general registers are in use.
 * B of what comes next is asked for on the way.
 */
#include "cpu/gemm.h"

#ifdef TRO_KEEP_LOOPS
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define N_POINTERS ((MR + 2) / 3)
#define LINE 16 /* floats of a cache line */

/* Columns of a tile, by vector. */
struct columns {
    MASK mask[NV];
    bool is_full;
};

static inline __attribute__((always_inline)) struct columns columns(int n, const int nv)
{
    struct columns c;
    c.is_full = n == nv * LANES;
    UNROLL
    for (int v = 0; v < nv; v++)
        c.mask[v] = vec_mask(n - v * LANES);
    return c;
}

static inline __attribute__((always_inline)) void begin(VEC acc[MR][NV],
                                                        const struct tro_gemm_tile *t,
                                                        const struct columns *c, const int mr,
                                                        const int nv)
{
    UNROLL
    for (int r = 0; r < mr; r++) {
        UNROLL
        for (int v = 0; v < nv; v++)
            acc[r][v] = t->start ? vec_load_n(t->start + r * t->start_pitch + v * LANES, c->mask[v])
                                 : vec_zero();
    }
}

static inline __attribute__((always_inline)) void sum(VEC acc[MR][NV],
                                                      const struct tro_gemm_tile *t, const int mr,
                                                      const int nv)
{
    const int64_t pitch = t->a_pitch;
    const float *b = t->b;
    const int64_t ahead = t->ahead - t->b;
    const float *a[N_POINTERS];
    UNROLL
    for (int i = 0; i < N_POINTERS; i++)
        a[i] = 3 * i < mr ? t->a + 3 * i * pitch : t->a;
    _Pragma("GCC unroll 4") for (int64_t k = 0; k < t->k; k++)
    {
        VEC x[NV];
        UNROLL
        for (int v = 0; v < nv; v++)
            x[v] = vec_load(b + v * LANES);
        for (int v = 0; v < nv; v += LINE / LANES)
            __builtin_prefetch(b + ahead + v * LANES, 0, 2);
        b += nv * LANES;
        UNROLL
        for (int r = 0; r < mr; r++) {
            const VEC y = vec_set(a[r / 3][r % 3 * pitch]);
            UNROLL
            for (int v = 0; v < nv; v++)
                acc[r][v] = vec_fma(y, x[v], acc[r][v]);
        }
        UNROLL
        for (int i = 0; i < N_POINTERS; i++)
            a[i]++;
    }
}

static inline __attribute__((always_inline)) void end(VEC acc[MR][NV],
                                                      const struct tro_gemm_tile *t,
                                                      const struct columns *c, const int mr,
                                                      const int nv)
{
    const VEC lo = vec_set(t->lo), hi = vec_set(t->hi);
    UNROLL
    for (int r = 0; r < mr; r++) {
        UNROLL
        for (int v = 0; v < nv; v++) {
            VEC x = acc[r][v];
            if (t->other)
                x = x + vec_load_n(t->other + r * t->other_pitch + v * LANES, c->mask[v]);
            x = vec_min(hi, vec_max(lo, x));
            if (c->is_full)
                vec_store(t->c + r * t->c_pitch + v * LANES, x);
            else
                vec_store_n(t->c + r * t->c_pitch + v * LANES, c->mask[v], x);
        }
    }
}

#define TILE(mr, nv)                                            \
    static void tile_##mr##_##nv(const struct tro_gemm_tile *t) \
    {                                                           \
        const struct columns c = columns(t->n, nv);             \
        VEC acc[MR][NV];                                        \
        begin(acc, t, &c, mr, nv);                              \
        sum(acc, t, mr, nv);                                    \
        end(acc, t, &c, mr, nv);                                \
    }
#define TILE_NAME(mr, nv) tile_##mr##_##nv,

/* clang-format off */
VECTORS(TILE)
static tro_gemm_tile_fn *const tiles[NV * MR] = {VECTORS(TILE_NAME)};
/* clang-format on */

static void copy(float *dst, int64_t dst_pitch, const float *src, int64_t src_pitch, int64_t n_rows,
                 int64_t n)
{
    const MASK tail = vec_mask((int)(n % LANES));
    for (int64_t r = 0; r < n_rows; r++, dst += dst_pitch, src += src_pitch) {
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES)
            vec_store(dst + i, vec_load(src + i));
        if (i < n)
            vec_store_n(dst + i, tail, vec_load_n(src + i, tail));
    }
}

#include "cpu/winograd_f32_tmpl.h"

const struct tro_gemm_set SET = {SET_NAME, WINOGRAD_NAME, MR,          LANES,       NV,
                                 tiles,    copy,          winograd_in, winograd_out};
