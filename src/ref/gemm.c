/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/gemm.h"

#include "ref/parts.h"

#include <string.h>

typedef void tile_fn(int64_t depth, const double *a, const double *b, double *sums);

/*
 * A task is a block of the result, at most MC x NC. It walks the depth in steps of KC: packs both
 * operands into panels that lie in the order the tile reads them, then adds to each tile of sums.
 *
 *     a panel: k x MR    b panel: k x NR    tile of sums: MR x NR
 */
enum { MR = 4, NR = 8, MC = 64, NC = 128, KC = 256 };

struct blocks {
    const struct tro_gemm *g;
    tile_fn *tile;
    int64_t n_rows, n_cols; /* blocks along m and n */
    int64_t mc, nc, kc;     /* sizes of the scratch below, whole panels */
};

struct scratch {
    double *a, *b, *sums, *row;
};

/* ---- the tile -------------------------------------------------------------------------- */

/* Numbers of one register, wherever doubles lie. */
typedef double v2 __attribute__((vector_size(16), aligned(8), may_alias));
typedef double v4 __attribute__((vector_size(32), aligned(8), may_alias));

/* Two registers of columns at a time. Multiplication and addition round separately
 * (-ffp-contract=off), so that the width of registers changes the speed only. */
#define TILE(name, vec, attributes)                                                            \
    attributes static void name(int64_t depth, const double *a, const double *b, double *sums) \
    {                                                                                          \
        enum { LANES = sizeof(vec) / sizeof(double) };                                         \
        for (int j = 0; j < NR; j += 2 * LANES) {                                              \
            vec s[MR][2];                                                                      \
            for (int i = 0; i < MR; i++) {                                                     \
                s[i][0] = *(const vec *)(sums + i * NR + j);                                   \
                s[i][1] = *(const vec *)(sums + i * NR + j + LANES);                           \
            }                                                                                  \
            for (int64_t k = 0; k < depth; k++) {                                              \
                const vec b0 = *(const vec *)(b + k * NR + j);                                 \
                const vec b1 = *(const vec *)(b + k * NR + j + LANES);                         \
                for (int i = 0; i < MR; i++) {                                                 \
                    s[i][0] += b0 * a[k * MR + i];                                             \
                    s[i][1] += b1 * a[k * MR + i];                                             \
                }                                                                              \
            }                                                                                  \
            for (int i = 0; i < MR; i++) {                                                     \
                *(vec *)(sums + i * NR + j) = s[i][0];                                         \
                *(vec *)(sums + i * NR + j + LANES) = s[i][1];                                 \
            }                                                                                  \
        }                                                                                      \
    }

TILE(tile_any, v2, )

#if defined(__x86_64__)
TILE(tile_avx2, v4, __attribute__((target("avx2"))))

static tile_fn *choose_tile(void)
{
    return __builtin_cpu_supports("avx2") ? tile_avx2 : tile_any;
}
#else
static tile_fn *choose_tile(void)
{
    return tile_any;
}
#endif

/* ---- packing --------------------------------------------------------------------------- */

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t round_up(int64_t v, int64_t unit)
{
    return (v + unit - 1) / unit * unit;
}

/* Rows past m become 0; what comes of them is not stored. */
static void pack_a(const struct tro_gemm *g, int64_t batch, int64_t i0, int64_t m, int64_t k0,
                   int64_t depth, const struct scratch *s)
{
    for (int64_t i = 0; i < round_up(m, MR); i++) {
        double *const to = s->a + i / MR * (MR * depth) + i % MR;
        if (i < m)
            g->load_a(g->ctx, batch, i0 + i, k0, depth, s->row);
        else
            memset(s->row, 0, (size_t)depth * sizeof(double));
        for (int64_t k = 0; k < depth; k++)
            to[k * MR] = s->row[k];
    }
}

static void pack_b(const struct tro_gemm *g, int64_t batch, int64_t j0, int64_t n, int64_t k0,
                   int64_t depth, const struct scratch *s)
{
    const int64_t width = round_up(n, NR);
    for (int64_t j = n; j < width; j++)
        s->row[j] = 0;
    for (int64_t k = 0; k < depth; k++) {
        g->load_b(g->ctx, batch, k0 + k, j0, n, s->row);
        for (int64_t j = 0; j < width; j += NR)
            memcpy(s->b + j * depth + k * NR, s->row + j, NR * sizeof(double));
    }
}

/* ---- tasks ----------------------------------------------------------------------------- */

static void store_block(const struct tro_gemm *g, int64_t batch, int64_t i0, int64_t m, int64_t j0,
                        int64_t n, const struct scratch *s)
{
    const int64_t n_tiles = round_up(n, NR) / NR;
    for (int64_t i = 0; i < m; i++) {
        const double *const tiles = s->sums + i / MR * n_tiles * (MR * NR) + i % MR * NR;
        for (int64_t t = 0; t < n_tiles; t++)
            memcpy(s->row + t * NR, tiles + t * (MR * NR), NR * sizeof(double));
        g->store(g->ctx, batch, i0 + i, j0, n, s->row);
    }
}

static void run_task(const struct blocks *b, int64_t task, const struct scratch *s)
{
    const struct tro_gemm *const g = b->g;
    const int64_t i0 = task % b->n_rows * MC, rest = task / b->n_rows;
    const int64_t j0 = rest % b->n_cols * NC, batch = rest / b->n_cols;
    const int64_t m = min64(MC, g->m - i0), n = min64(NC, g->n - j0);
    const int64_t rows = round_up(m, MR), cols = round_up(n, NR);
    memset(s->sums, 0, (size_t)(rows * cols) * sizeof(double));
    for (int64_t k0 = 0; k0 < g->depth; k0 += KC) {
        const int64_t depth = min64(KC, g->depth - k0);
        pack_a(g, batch, i0, m, k0, depth, s);
        pack_b(g, batch, j0, n, k0, depth, s);
        for (int64_t i = 0; i < rows; i += MR)
            for (int64_t j = 0; j < cols; j += NR)
                b->tile(depth, s->a + i * depth, s->b + j * depth, s->sums + i * cols + j * MR);
    }
    store_block(g, batch, i0, m, j0, n, s);
}

static void run_task_in(void *ctx, int64_t task, void *memory)
{
    const struct blocks *const b = ctx;
    double *const a_panels = memory, *const b_panels = a_panels + b->mc * b->kc;
    double *const sums = b_panels + b->kc * b->nc;
    const struct scratch s = {a_panels, b_panels, sums, sums + b->mc * b->nc};
    run_task(b, task, &s);
}

int tro_ref_gemm(const struct tro_gemm *g, struct tro_err *err)
{
    if (g->n_batch < 1 || g->m < 1 || g->n < 1)
        return 0;
    struct blocks b = {.g = g,
                       .tile = choose_tile(),
                       .n_rows = (g->m + MC - 1) / MC,
                       .n_cols = (g->n + NC - 1) / NC,
                       .mc = round_up(min64(g->m, MC), MR),
                       .nc = round_up(min64(g->n, NC), NR),
                       .kc = min64(g->depth, KC)};
    const int64_t n_row = b.nc > b.kc ? b.nc : b.kc;
    const int64_t n_doubles = (b.mc + b.nc) * b.kc + b.mc * b.nc + n_row;
    const double n_products = (double)g->n_batch * (double)g->m * (double)g->n * (double)g->depth;
    return tro_ref_parts(g->n_batch * b.n_rows * b.n_cols, n_products,
                         (size_t)n_doubles * sizeof(double), run_task_in, &b, err);
}
