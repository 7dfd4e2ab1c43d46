/* SPDX-License-Identifier: Apache-2.0 */
/* Products in blocks, for the kernels of any level. */
#include "cpu/gemm.h"

#include "base/cpu.h"
#include "lower/program.h"

#include <math.h>
#include <string.h>

enum {
    K_BLOCK = 256,       /* a panel of 32 columns: 32 kB of the first-level cache */
    A_BYTES = 256 << 10, /* a block of A in the second-level cache */
    C_BYTES = 384 << 10, /* a block of C there while its sums are not complete */
    LEAST_ROWS = 84      /* of a part, before columns are shared out instead */
};

const struct tro_gemm_set *tro_gemm_set_pick(uint32_t cpu_flags)
{
#if defined(__x86_64__)
    if (cpu_flags & TRO_CPU_AVX512)
        return &tro_gemm_f32__avx512;
    if (cpu_flags & TRO_CPU_AVX2)
        return &tro_gemm_f32__avx2;
#elif defined(__aarch64__)
    if (cpu_flags & TRO_CPU_NEON)
        return &tro_gemm_f32__neon;
#endif
    (void)cpu_flags;
    return &tro_gemm_f32__generic;
}

/* ---- B ----------------------------------------------------------------------------------- */

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t width(const struct tro_gemm_set *s)
{
    return (int64_t)s->lanes * s->vectors;
}

int64_t tro_gemm_packed_size(const struct tro_gemm_set *s, int64_t k, int64_t n)
{
    return ceil_div(n, s->lanes) * s->lanes * k;
}

/* In pieces of k that keep what is written in the first-level cache. */
static void pack_panel(float *dst, int64_t w, const float *b, int64_t k, int64_t n,
                       int64_t k_stride, int64_t n_stride)
{
    const int64_t piece = n_stride == 1 ? 1 : 128;
    for (int64_t k0 = 0; k0 < k; k0 += piece) {
        const int64_t k1 = min64(k, k0 + piece);
        for (int64_t j = 0; j < n; j++)
            for (int64_t i = k0; i < k1; i++)
                dst[i * w + j] = b[i * k_stride + j * n_stride];
        for (int64_t i = k0; i < k1; i++)
            for (int64_t j = n; j < w; j++)
                dst[i * w + j] = 0;
    }
}

void tro_gemm_pack(const struct tro_gemm_set *s, float *dst, const float *b, int64_t k, int64_t n,
                   int64_t k_stride, int64_t n_stride, int64_t first, int64_t last)
{
    for (int64_t p = first; p < last; p++) {
        const int64_t col = p * width(s), some = min64(width(s), n - col);
        const int64_t w = ceil_div(some, s->lanes) * s->lanes;
        pack_panel(dst + tro_gemm_panel_offset(k, col), w, b + col * n_stride, k, some, k_stride,
                   n_stride);
    }
}

/* ---- blocks ------------------------------------------------------------------------------ */

/* n in equal pieces of at most `most`, each a multiple of `unit`. */
static int64_t even(int64_t n, int64_t most, int64_t unit)
{
    const int64_t pieces = max64(1, ceil_div(n, max64(most, unit)));
    return max64(unit, ceil_div(ceil_div(n, pieces), unit) * unit);
}

void tro_gemm_plan_init(struct tro_gemm_plan *p, const struct tro_gemm_set *s, int64_t n_batch,
                        int64_t m, int64_t n, int64_t k, bool has_done)
{
    p->set = s;
    p->n_batch = n_batch;
    p->m = m;
    p->n = n;
    p->k = k;
    p->k_block = even(k, K_BLOCK, 1);
    const int64_t a_rows = A_BYTES / 4 / p->k_block, row = s->rows;
    p->m_block = even(m, max64(row, min64(a_rows, 512)), row);
    const bool keeps_sums = has_done || p->k_block < k;
    const int64_t cols = keeps_sums ? C_BYTES / 4 / p->m_block : n;
    p->n_block = even(n, max64(cols, width(s)), width(s));
}

size_t tro_gemm_room(const struct tro_gemm_plan *p, bool has_done)
{
    const int64_t a = p->m_block * p->k_block, acc = p->m_block * p->n_block;
    return (size_t)((a + 15) / 16 * 16 + (has_done ? acc : 0));
}

/* Ways to cut rows * columns among n parts: the number of parts along the columns. Rows are cut
 * while each part has enough of them, since a part reads all of its columns of B. */
static int cut_columns(const struct tro_gemm_plan *p, int n_parts)
{
    const int64_t rows = p->n_batch * p->m, panels = ceil_div(p->n, width(p->set));
    int best = 1;
    int64_t best_rows = 0;
    for (int c = 1; c <= n_parts && c <= panels; c++) {
        if (n_parts % c)
            continue;
        const int64_t each = rows / (n_parts / c);
        if (c > 1 && best_rows >= LEAST_ROWS)
            break;
        if (each > best_rows) {
            best = c;
            best_rows = each;
        }
    }
    return best;
}

int tro_gemm_n_parts(const struct tro_gemm_plan *p, int n_threads)
{
    const double work = (double)p->n_batch * (double)p->m * (double)p->n * (double)p->k;
    const double most = work / 100000 + 1; /* a part takes a microsecond at least */
    const int64_t tiles = ceil_div(p->n_batch * p->m, 4) * ceil_div(p->n, width(p->set));
    int64_t n = min64(n_threads, max64(tiles, 1));
    return (int)(most < (double)n ? (int64_t)most : n);
}

struct tro_gemm_range tro_gemm_split(const struct tro_gemm_plan *p, int part, int n_parts)
{
    const int across = cut_columns(p, n_parts), down = n_parts / across;
    const int64_t w = width(p->set), panels = ceil_div(p->n, w);
    struct tro_gemm_range r;
    tro_part_range(p->n_batch * p->m, part / across, down, &r.row, &r.row_end);
    tro_part_range(panels, part % across, across, &r.col, &r.col_end);
    r.col *= w;
    r.col_end = min64(p->n, r.col_end * w);
    return r;
}

/* One block of rows and one run of k, over the columns [col, col_end). */
struct block {
    int64_t row, n_rows, col, col_end, k, n_k;
    const float *a;
    int64_t a_pitch;
    bool is_first, is_last; /* of k; first: c holds nothing yet */
    float *c;               /* of the block's first row and column `col` */
    int64_t c_pitch;
};

/* What is read after the panel at `col`: the next one, or the first one's next run of k. */
static const float *next_panel(const struct tro_gemm_plan *p, const struct tro_gemm_call *c,
                               const struct block *b, int64_t col, const float *panel)
{
    if (col + width(p->set) < b->col_end)
        return panel + width(p->set) * p->k;
    return b->is_last
               ? panel
               : c->b + tro_gemm_panel_offset(p->k, b->col) + (b->k + b->n_k) * width(p->set);
}

static void run_panel(const struct tro_gemm_plan *p, const struct tro_gemm_call *c,
                      const struct block *b, int64_t col)
{
    const struct tro_gemm_set *const s = p->set;
    const int n = (int)min64(width(s), p->n - col);
    const int vectors = (n + s->lanes - 1) / s->lanes;
    const int64_t tiles = ceil_div(b->n_rows, s->rows);
    const bool adds = b->is_last && c->other && !c->done;
    const float *const panel = c->b + tro_gemm_panel_offset(p->k, col) + b->k * vectors * s->lanes;
    float *const out = b->c + (col - b->col);
    struct tro_gemm_tile t = {
        .a_pitch = b->a_pitch,
        .b = panel,
        .k = b->a ? b->n_k : 0,
        .c_pitch = b->c_pitch,
        .start_pitch = b->is_first ? 0 : b->c_pitch,
        .other_pitch = c->other_pitch,
        .lo = b->is_last && !c->done ? c->lo : -INFINITY,
        .hi = b->is_last && !c->done ? c->hi : INFINITY,
        .n = n,
    };
    for (int64_t i = 0; i < tiles; i++) {
        int64_t first, last;
        tro_part_range(b->n_rows, (int)i, (int)tiles, &first, &last);
        t.a = b->a ? b->a + first * b->a_pitch : c->room;
        t.ahead = i == 0 ? next_panel(p, c, b, col, panel) : panel;
        t.c = out + first * b->c_pitch;
        t.start = !b->is_first ? t.c : c->bias ? c->bias + col : NULL;
        t.other = adds ? c->other + (b->row + first) * c->other_pitch + col : NULL;
        s->tile[(vectors - 1) * s->rows + (last - first) - 1](&t);
    }
}

static void run_block(const struct tro_gemm_plan *p, const struct tro_gemm_call *c, struct block *b)
{
    float *const acc = c->done ? c->room + (p->m_block * p->k_block + 15) / 16 * 16 : NULL;
    b->c = c->done ? acc : c->c + (b->row - c->c_row) * c->c_pitch + (b->col - c->c_col);
    b->c_pitch = c->done ? p->n_block : c->c_pitch;
    b->is_first = true;
    for (b->k = 0; b->k == 0 || b->k < p->k; b->k += p->k_block) {
        b->n_k = min64(p->k_block, p->k - b->k);
        b->is_last = b->k + b->n_k >= p->k;
        b->a = c->a(c->ctx, b->row, b->n_rows, b->k, b->n_k, c->room, &b->a_pitch);
        if (!b->a && !b->is_last)
            continue;
        for (int64_t col = b->col; col < b->col_end; col += width(p->set))
            run_panel(p, c, b, col);
        b->is_first = false;
    }
    if (c->done)
        c->done(c->ctx, b->row, b->n_rows, b->col, b->col_end - b->col, acc, b->c_pitch);
}

void tro_gemm_run(const struct tro_gemm_plan *p, const struct tro_gemm_call *c,
                  const struct tro_gemm_range *r)
{
    const int64_t rows = r->row_end - r->row, step = even(rows, p->m_block, p->set->rows);
    for (int64_t col = r->col; col < r->col_end; col += p->n_block)
        for (int64_t row = r->row; row < r->row_end; row += step) {
            struct block b = {.row = row,
                              .n_rows = min64(step, r->row_end - row),
                              .col = col,
                              .col_end = min64(col + p->n_block, r->col_end)};
            run_block(p, c, &b);
        }
}
