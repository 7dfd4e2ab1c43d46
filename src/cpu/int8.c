/* SPDX-License-Identifier: Apache-2.0 */
/* Products of 8-bit matrices as steps: blocks of rows times blocks of columns. */
#include "cpu/int8.h"

#include "base/cpu.h"
#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    GOOD_ROWS = 56,               /* of a block: then packed weights come from far only so often */
    GOOD_A_BYTES = 384 * 1024,    /* of a's block, in the second-level cache */
    ACC_COLS = 128,               /* columns of sums kept before the epilogue */
    ACC_ELEMS = 4096,             /* of lines: sums kept */
    FEW_COLS = 4,                 /* of a tile whose rows and columns change places */
    VECTOR_COLS = 16,             /* of any level: tables and sums are read in whole vectors */
    GOOD_LINE_BYTES = 128 * 1024, /* of a block of lines, in the second-level cache */
    LEAST_LINES = 2,              /* of windows in a block */
    LEAST_LINE = 8,               /* windows of a line for which lines are the first guess */
    UNITS_EACH = 4                /* units of work a thread should have to choose from */
};

#define TILE(level, rows, cols)                  \
    {"conv_int8_" #rows "x" #cols "__" #level,   \
     "matmul_int8_" #rows "x" #cols "__" #level, \
     #rows "x" #cols,                            \
     rows,                                       \
     cols,                                       \
     tro_int8_gemm_##rows##x##cols##__##level},
#define LEVEL(flag, level, is_a_signed)                                                \
    {                                                                                  \
        flag, is_a_signed, {TRO_INT8_TILES__##level(TILE)}, tro_int8_copy__##level,    \
            tro_int8_weave__##level, tro_int8_requant__##level, tro_int8_end__##level, \
            tro_int8_sum__##level, tro_int8_correct__##level                           \
    }

/* Best first. */
static const struct tro_int8_level levels[] = {
#if defined(__x86_64__)
    LEVEL(TRO_CPU_AVX512VNNI, avx512vnni, false),
    LEVEL(TRO_CPU_AVX512, avx512, false),
    LEVEL(TRO_CPU_AVXVNNI, avxvnni, false),
    LEVEL(TRO_CPU_AVX2, avx2, false),
#elif defined(__aarch64__)
    LEVEL(TRO_CPU_NEONDOT, neondot, true),
    LEVEL(TRO_CPU_NEON, neon, false),
#endif
    LEVEL(0, generic, false),
};

const struct tro_int8_level *tro_int8_pick(uint32_t flags)
{
    const struct tro_int8_level *l = levels;
    while ((l->flag & flags) != l->flag)
        l++;
    return l;
}

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- zero points --------------------------------------------------------------------------- */

int32_t tro_int8_zero_a(const struct tro_int8 *p, const struct tro_step_run *r, int64_t row)
{
    uint8_t raw = 0;
    if (p->has_zero_a)
        raw = ((const uint8_t *)tro_arg_ptr(r, &p->zero_a))[p->is_zero_a_by_row ? row : 0];
    raw ^= p->flip_a;
    return p->level->is_a_signed ? (int8_t)raw : raw;
}

/* Of column j of all groups, as the kernel sees it. */
static const int32_t *zeros_b(const struct tro_int8 *p, const struct tro_step_run *r)
{
    return p->has_zero_b ? tro_arg_ptr(r, &p->zero_b) : NULL;
}

/* Where sums of a group begin: the bias, less what the zero of a adds to each column; and what a
 * zero of one row takes off each column. Arithmetic wraps; what comes out in the end does not. */
static void begin_sums(const struct tro_int8 *p, const struct tro_step_run *r, int64_t g,
                       int32_t *init, int32_t *by_zero)
{
    const struct tro_int8_weights *const w = &p->s.w;
    const int64_t n_cols = tro_int8_n_cols(w);
    const int32_t *const sums = tro_int8_sums(w, tro_arg_ptr(r, &p->packed), g);
    const int32_t *const bias = p->has_bias ? tro_arg_ptr(r, &p->bias) : NULL;
    const int32_t *const zeros = zeros_b(p, r);
    const uint32_t zero = p->is_zero_a_by_row ? 0 : (uint32_t)tro_int8_zero_a(p, r, 0);
    for (int64_t j = 0; j < n_cols; j++) {
        uint32_t v = bias ? (uint32_t)bias[g * n_cols + j] : 0, sum = (uint32_t)sums[j];
        if (zeros)
            sum -= (uint32_t)w->k * (uint32_t)zeros[g * n_cols + j];
        v -= zero * sum;
        init[j] = (int32_t)v;
        by_zero[j] = (int32_t)sum;
    }
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Memory of the thread. */
struct room {
    uint8_t *a;
    int32_t *acc, *init, *by_zero; /* by column */
    int32_t *row_sums, *row_zeros; /* NULL: as good as 0 */
};

static struct room room_of(const struct tro_int8 *p, const struct tro_step_run *r)
{
    char *const base = (char *)r->scratch + p->tile_bytes;
    struct room m = {.a = (uint8_t *)base};
    m.acc = (int32_t *)(void *)(base + p->a_bytes);
    m.init = (int32_t *)(void *)(base + p->a_bytes + p->acc_bytes);
    m.by_zero = m.init + tro_int8_n_cols(&p->s.w);
    int32_t *const rows = (int32_t *)(void *)(base + p->a_bytes + p->acc_bytes + p->init_bytes);
    m.row_sums = p->has_zero_b ? rows : NULL;
    m.row_zeros = p->is_zero_a_by_row ? rows + p->m_block : NULL;
    return m;
}

/* Index of a row of the result; how many from it on differ in the last axis of rows alone. */
static int64_t split_row(const struct tro_int8 *p, int64_t row, int64_t *index)
{
    const int last = p->s.n_row_axes - 1;
    int64_t left = 1;
    for (int i = last; i >= 0; i--) {
        const int axis = p->s.row_axes[i];
        const int64_t n = p->s.y.shape[axis] / p->s.each[axis];
        index[axis] = row % n * p->s.each[axis];
        if (i == last)
            left = n - row % n;
        row /= n;
    }
    return left;
}

static int64_t offset_of(const struct tro_arg *a, const int64_t *index)
{
    int64_t at = 0;
    for (int d = 0; d < a->rank; d++)
        at += index[d] * a->stride[d];
    return at;
}

static void end_rows(const struct tro_int8 *p, const struct tro_step_run *r, const int64_t *index,
                     int64_t scale_at, int64_t n_rows, int64_t n_cols, const int32_t *acc)
{
    const int row_axis = p->s.row_axes[p->s.n_row_axes - 1];
    struct tro_ending e = p->ending;
    const int64_t each = p->s.each[row_axis], size = (int64_t)tro_dtype_size(e.out);
    const char *skip = (const char *)acc; /* anything where there is none */
    int64_t skip_pitch = 0;
    e.scale = (const float *)tro_arg_ptr(r, &p->scale) + scale_at;
    for (int k = 0; k < e.n_terms; k++)
        e.term[k] = (const float *)tro_arg_ptr(r, &p->term[k]) + scale_at;
    if (e.skip != TRO_DTYPE_NONE) {
        const int64_t skip_size = (int64_t)tro_dtype_size(e.skip);
        skip = (const char *)tro_arg_ptr(r, &p->skip) + offset_of(&p->skip, index) * skip_size;
        skip_pitch = p->skip.stride[row_axis] * each * skip_size;
    }
    p->level->end(&e, acc, p->n_acc, n_rows, n_cols,
                  (char *)tro_arg_ptr(r, &p->out) + offset_of(&p->out, index) * size,
                  p->out.stride[row_axis] * each * size, skip, skip_pitch);
}

/* Few columns lie behind each other for the tile: its kernels work along what has no gaps. */
static void run_turned(const struct tro_int8 *p, const struct tro_step_run *r, const int64_t *index,
                       int64_t n_rows, int64_t n_cols, const int32_t *acc)
{
    int32_t *const to = (int32_t *)(void *)((char *)r->scratch + p->turned_at);
    for (int64_t j = 0; j < n_cols; j++)
        for (int64_t i = 0; i < n_rows; i++)
            to[j * n_rows + i] = acc[i * p->n_acc + j];
    tro_tile_run(p->tile, r, index, n_cols, n_rows, to, n_rows, r->scratch);
}

/* Columns of one tap, numbered over all groups. */
static void finish_tap(const struct tro_int8 *p, const struct tro_step_run *r, int64_t row,
                       int64_t n, int64_t tap, int64_t col, int64_t n_cols, int64_t scale_at,
                       const int32_t *acc)
{
    const int row_axis = p->s.row_axes[p->s.n_row_axes - 1];
    struct tro_requant q = p->requant;
    if (!p->tile)
        q.scale = (const float *)tro_arg_ptr(r, &p->scale) + scale_at;
    if (q.by_table.i)
        q.table = tro_arg_ptr(r, &p->table);
    for (int64_t i = 0, each; i < n; i += each) {
        int64_t index[TRO_MAX_RANK] = {0}, rest = tap;
        each = least(split_row(p, row + i, index), n - i);
        for (int k = p->s.n_row_axes - 1; k >= 0; k--) {
            index[p->s.row_axes[k]] += rest % p->s.each[p->s.row_axes[k]];
            rest /= p->s.each[p->s.row_axes[k]];
        }
        index[p->s.col_axis] = col;
        if (p->tile && p->is_turned) {
            run_turned(p, r, index, each, n_cols, acc + i * p->n_acc);
            continue;
        }
        if (p->tile) {
            tro_tile_run(p->tile, r, index, each, n_cols, acc + i * p->n_acc, p->n_acc, r->scratch);
            continue;
        }
        if (p->has_ending) {
            end_rows(p, r, index, scale_at, each, n_cols, acc + i * p->n_acc);
            continue;
        }
        p->level->requant(&q, acc + i * p->n_acc, p->n_acc, each, n_cols,
                          (uint8_t *)tro_arg_ptr(r, &p->out) + offset_of(&p->out, index),
                          p->out.stride[row_axis] * p->s.each[row_axis]);
    }
}

/* Columns [col, col + n_cols) of a group. */
static void finish(const struct tro_int8 *p, const struct tro_step_run *r, int64_t row, int64_t n,
                   int64_t group, int64_t col, int64_t n_cols, const int32_t *acc)
{
    const struct tro_int8_weights *const w = &p->s.w;
    const int64_t scale_at = group * tro_int8_n_cols(w) + col;
    for (int64_t j = 0, some; j < n_cols; j += some) {
        const int64_t at = (col + j) % w->n_each;
        some = least(w->n_each - at, n_cols - j);
        finish_tap(p, r, row, n, (col + j) / w->n_each, group * w->n + at, some, scale_at + j,
                   acc + j);
    }
}

/* One panel: rows are shared out evenly, since a tile of few waits for its own sums. */
static void multiply(const struct tro_int8 *p, const struct tro_int8_rows *a, int64_t n_rows,
                     const int8_t *panel, const int32_t *init, int32_t *acc)
{
    struct tro_int8_rows some = *a;
    const int64_t n_tiles = (n_rows + p->kernel->rows - 1) / p->kernel->rows;
    for (int64_t t = 0, i = 0, end; t < n_tiles; t++, i = end) {
        end = n_rows * (t + 1) / n_tiles;
        some.at = a->at + i * a->pitch;
        p->kernel->gemm(&some, panel, init, acc + i * p->n_acc, p->n_acc, (int)(end - i));
    }
}

/* What a unit of work has of the columns. */
struct columns {
    int64_t group, col, end;
    const int8_t *panels;
    const int32_t *zeros; /* NULL: none */
};

/* Rows [row, row + n_rows) of the product, which stand at a. */
static void run_rows(const struct tro_int8 *p, const struct tro_step_run *r, const struct room *m,
                     const struct columns *c, const struct tro_int8_rows *a, int64_t row,
                     int64_t n_rows)
{
    const struct tro_int8_weights *const w = &p->s.w;
    for (int64_t col = c->col; col < c->end; col += p->n_acc) {
        const int64_t n_cols = least(p->n_acc, c->end - col);
        for (int64_t j = 0; j < n_cols; j += w->cols)
            multiply(p, a, n_rows, c->panels + (col + j) * p->k4, m->init + col + j, m->acc + j);
        if (m->row_sums || m->row_zeros)
            p->level->correct(m->acc, p->n_acc, n_rows, n_cols, m->row_sums,
                              c->zeros ? c->zeros + col : NULL, m->row_zeros, m->by_zero + col);
        finish(p, r, row, n_rows, c->group, col, least(n_cols, w->n - col), m->acc);
    }
}

/* Some windows of a line at a time, whose sums stay near. */
static void run_lines(const struct tro_int8 *p, const struct tro_step_run *r, const struct room *m,
                      const struct columns *c, int64_t line, int64_t n_lines)
{
    const struct tro_int8_lines *const v = &p->s.lines;
    struct tro_int8_rows a = {NULL, v->pitch, v->n_runs, v->run_step, p->k4 / 4 / v->n_runs};
    p->fill_lines(p, r, c->group, line, n_lines, m->a);
    for (int64_t i = 0; i < n_lines; i++)
        for (int64_t j = 0; j < v->out_w; j += p->m_block) {
            a.at = m->a + i * v->stride * v->line_step + j * v->pitch;
            run_rows(p, r, m, c, &a, (line + i) * v->out_w + j, least(p->m_block, v->out_w - j));
        }
}

static void run_block(const struct tro_int8 *p, const struct tro_step_run *r, const struct room *m,
                      const struct columns *c, int64_t row, int64_t n_rows)
{
    const struct tro_int8_weights *const w = &p->s.w;
    struct tro_int8_rows a = {m->a, p->a_pitch, 1, 0, p->k4 / 4};
    if (p->direct_pitch) {
        a.pitch = p->direct_pitch;
        a.at = (const uint8_t *)tro_arg_ptr(r, &p->a) + row * a.pitch;
    } else {
        p->gather(p, r, c->group, row, n_rows, m->a, a.pitch);
        for (int64_t i = 0; w->k < p->k4 && i < n_rows; i++)
            memset(m->a + i * a.pitch + w->k, 0, (size_t)(p->k4 - w->k));
    }
    for (int64_t i = 0; m->row_sums && i < n_rows; i++)
        m->row_sums[i] = p->level->sum(a.at + i * a.pitch, w->k);
    for (int64_t i = 0; m->row_zeros && i < n_rows; i++)
        m->row_zeros[i] = tro_int8_zero_a(p, r, row + i);
    run_rows(p, r, m, c, &a, row, n_rows);
}

/* Block i of rows, or of lines. */
static void run_unit(const struct tro_int8 *p, const struct tro_step_run *r, const struct room *m,
                     const struct columns *c, int64_t i)
{
    const struct tro_int8_lines *const v = &p->s.lines;
    if (!p->is_in_lines) {
        const int64_t row = i * p->m_block;
        run_block(p, r, m, c, row, least(p->m_block, p->s.m - row));
        return;
    }
    const int64_t each = (v->out_h + v->n - 1) / v->n, line = i % each * v->n;
    run_lines(p, r, m, c, i / each * v->out_h + line, least(v->n, v->out_h - line));
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct tro_int8 *const p = s->params;
    const int64_t n_cols = tro_int8_n_cols(&p->s.w);
    const int32_t *const zeros = zeros_b(p, r);
    const struct room m = room_of(p, r);
    int64_t begin, end, group = -1;
    tro_part_range(p->s.w.n_groups * p->n_n_blocks * p->n_m_blocks, r->part, r->n_parts, &begin,
                   &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t g = i / p->n_m_blocks / p->n_n_blocks;
        const int64_t col = i / p->n_m_blocks % p->n_n_blocks * p->n_block;
        const struct columns c = {g, col, least(col + p->n_block, n_cols),
                                  tro_int8_panels(&p->s.w, tro_arg_ptr(r, &p->packed), g),
                                  zeros ? zeros + g * n_cols : NULL};
        if (g != group)
            begin_sums(p, r, g, m.init, m.by_zero);
        group = g;
        run_unit(p, r, &m, &c, i % p->n_m_blocks);
    }
    return 0;
}

/* ---- tables -------------------------------------------------------------------------------- */

/* A table for each column of all groups, filled up to whole panels and at the end to a vector. */
static int add_columns(struct tro_lowering *l, const struct tro_int8_weights *w, const void *v,
                       struct tro_arg *out)
{
    const int64_t n_cols = tro_int8_n_cols(w), n_all = w->n_groups * n_cols + VECTOR_COLS;
    char *const all = tro_arena_alloc(tro_lower_arena(l), (size_t)n_all, 4);
    if (!all)
        return tro_fail_nomem(tro_lower_err(l));
    memset(all, 0, (size_t)n_all * 4);
    for (int64_t g = 0; g < w->n_groups; g++)
        memcpy(all + g * n_cols * 4, (const char *)v + g * w->n * 4, (size_t)w->n * 4);
    return tro_lower_table(l, all, (size_t)n_all * 4, out);
}

static bool is_8bit(enum tro_dtype d)
{
    return d == TRO_I8 || d == TRO_U8;
}

/* Zeros of b as the kernel sees them: they must be known. False: beyond these kernels. */
static bool read_zeros_b(struct tro_lowering *l, const struct tro_int8_shape *s, enum tro_dtype d,
                         int32_t *zeros, bool *is_any)
{
    struct tro_tensor t;
    const int64_t n = s->w.n_groups * s->w.n;
    const int32_t less = d == TRO_U8 ? 128 : 0;
    const bool is_given = s->zero_b.i != 0;
    *is_any = false;
    if (is_given && (!tro_lower_const(l, s->zero_b, &t) || !is_8bit(t.dtype)))
        return false;
    const int64_t n_given = is_given ? tro_tensor_n_elems(&t) : 1;
    if (n_given != 1 && n_given != s->w.n_groups * s->w.n_each)
        return false;
    for (int64_t j = 0; j < n; j++) {
        zeros[j] = (is_given ? (int32_t)tro_load_i64(t.dtype, t.data, j % n_given) : 0) - less;
        *is_any = *is_any || zeros[j] != 0;
    }
    return true;
}

static bool can_zero_a(struct tro_lowering *l, const struct tro_int8_shape *s, struct tro_int8 *at)
{
    struct tro_tensor t;
    at->has_zero_a = s->zero_a.i != 0;
    if (!at->has_zero_a)
        return true;
    if (!tro_lower_type(l, s->zero_a, &t) || !is_8bit(t.dtype))
        return false;
    at->is_zero_a_by_row = tro_tensor_n_elems(&t) != 1;
    return !at->is_zero_a_by_row || tro_tensor_n_elems(&t) == s->m;
}

/* Blocks of rows: each as large as the others. */
static void cut_rows(struct tro_int8 *p)
{
    const int64_t rows = p->kernel->rows;
    int64_t most = round_up(GOOD_ROWS, rows);
    while (most > rows && most * p->a_pitch > GOOD_A_BYTES)
        most -= rows;
    const int64_t n_blocks = (p->s.m + most - 1) / most;
    p->m_block = round_up((p->s.m + n_blocks - 1) / n_blocks, rows);
    p->n_m_blocks = (p->s.m + p->m_block - 1) / p->m_block;
    p->a_bytes = p->direct_pitch ? 0 : (size_t)(p->m_block * p->a_pitch);
}

/* Blocks of lines; m_block: windows of a line that are done at a time. */
static void cut_lines(struct tro_int8 *p, int64_t n_wanted)
{
    struct tro_int8_lines *const v = &p->s.lines;
    const int64_t n_planes = p->s.m / (v->out_w * v->out_h);
    const int64_t fit = (GOOD_LINE_BYTES / v->line_step - v->span) / v->stride + 1;
    const int64_t each = (n_wanted + n_planes - 1) / n_planes, fair = (v->out_h + each - 1) / each;
    v->n = least(fit > LEAST_LINES ? fit : LEAST_LINES, fair);
    p->n_m_blocks = n_planes * ((v->out_h + v->n - 1) / v->n);
    const int64_t n_pieces = (v->out_w * p->n_acc + ACC_ELEMS - 1) / ACC_ELEMS;
    p->m_block = (v->out_w + n_pieces - 1) / n_pieces;
    p->a_bytes = (size_t)round_up(((v->n - 1) * v->stride + v->span) * v->line_step + 64, 64);
}

/* Rows and columns of a unit: blocks of columns only where there are few of rows. */
static void cut(struct tro_int8 *p, int n_threads)
{
    const struct tro_int8_weights *const w = &p->s.w;
    const int64_t n_cols = tro_int8_n_cols(w);
    const int64_t n_wanted = n_threads > 1 ? UNITS_EACH * n_threads : 1;
    p->n_acc = least(round_up(ACC_COLS, w->cols), n_cols);
    if (p->is_in_lines)
        cut_lines(p, n_wanted);
    else
        cut_rows(p);
    const int64_t n_units = p->n_m_blocks * w->n_groups, n_panels = n_cols / w->cols;
    const int64_t n_parts = least((n_wanted + n_units - 1) / n_units, n_panels);
    p->n_block = (n_panels + n_parts - 1) / n_parts * w->cols;
    p->n_n_blocks = (n_cols + p->n_block - 1) / p->n_block;
    p->n_acc = least(p->n_acc, p->n_block);
}

/* ---- which tile ----------------------------------------------------------------------------- */

/* How tiles and ways to their rows are named to the tuner. */
struct candidate {
    const struct tro_int8_tile *tile;
    bool is_in_lines;
    double cost;
    char name[24];
};

/* Columns that a row passes through; loads weigh more the fewer columns they serve. */
static double cost_of(const struct tro_int8_tile *t, const struct tro_int8_shape *s)
{
    const int64_t n_panels = (s->w.n + t->cols - 1) / t->cols;
    return (double)n_panels * (t->cols + 1);
}

static void add_candidate(struct candidate *c, int *n, const struct candidate *one)
{
    int at = (*n)++;
    for (; at > 0 && c[at - 1].cost > one->cost; at--)
        c[at] = c[at - 1];
    c[at] = *one;
}

static int pick_tile(struct tro_lowering *l, struct tro_int8 *at)
{
    const struct tro_int8_shape *const s = &at->s;
    const struct tro_int8_lines *const v = &s->lines;
    const bool is_plain = !at->has_zero_b && !at->is_zero_a_by_row;
    struct candidate c[2 * TRO_INT8_MAX_TILES];
    const char *names[2 * TRO_INT8_MAX_TILES + 1] = {NULL};
    char problem[200];
    int n = 0;
    for (int i = 0; i < TRO_INT8_MAX_TILES && (i == 0 || is_plain); i++) {
        const struct tro_int8_tile *const t = &at->level->tile[i];
        for (int lines = s->needs_lines; t->gemm && lines <= (v->out_w > 0 && is_plain); lines++) {
            struct candidate one = {.tile = t, .is_in_lines = lines, .cost = cost_of(t, s)};
            if (lines != (v->out_w >= LEAST_LINE))
                one.cost *= 4;
            snprintf(one.name, sizeof one.name, "%s%s", t->name, lines ? "_lines" : "");
            add_candidate(c, &n, &one);
        }
    }
    for (int i = 0; i < n; i++)
        names[i] = c[i].name;
    snprintf(problem, sizeof problem,
             "product i8 %" PRId64 "x%" PRId64 "x%" PRId64 " groups %" PRId64 " of %" PRId64
             " line %" PRId64 " runs %" PRId64 " epilogue %d threads %d %s",
             s->m, s->w.n, s->w.k, s->w.n_groups, s->w.inner, v->out_w, v->n_runs, at->tile != NULL,
             tro_lower_n_threads(l), at->level->tile[0].conv_name);
    const int pick = n > 1 ? tro_lower_pick(l, problem, names) : 0;
    TRO_TRY(pick);
    at->kernel = c[pick].tile;
    at->is_in_lines = c[pick].is_in_lines;
    at->s.w.cols = at->kernel->cols;
    at->s.w.room = at->is_in_lines ? round_up(s->w.inner, 4) : s->w.inner;
    at->k4 = 4 * tro_int8_n_k4(&at->s.w);
    return 0;
}

/* ---- emitter --------------------------------------------------------------------------------- */

static int add_tile(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_int8 *p)
{
    const struct tro_int8_shape *const s = &p->s;
    const int row_axis = s->row_axes[s->n_row_axes - 1];
    p->is_turned = s->w.n_groups == 1 && s->w.n <= FEW_COLS && s->each[row_axis] == 1 &&
                   s->y.shape[row_axis] > s->w.n;
    if (p->is_turned)
        return tro_tile_compile(l, n, TRO_I32, s->col_axis, row_axis, s->out_form, &p->tile);
    const int rc = tro_tile_compile(l, n, TRO_I32, row_axis, s->col_axis, s->out_form, &p->tile);
    if (rc > 0)
        tro_tile_spread_rows(p->tile, s->each[row_axis]);
    return rc;
}

/* What the epilogue has for each column. */
struct by_column {
    int32_t *bias;
    float *scale, *term[TRO_INT8_MAX_TERMS];
};

/* The epilogue: requantized or ended here, from what columns get, or a tile. As a tro_emit_fn
 * returns. */
static int add_epilogue(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_int8 *p,
                        const struct by_column *c)
{
    const struct tro_int8_shape *const s = &p->s;
    const int behind = s->y.rank - 1 - s->col_axis;
    const int64_t n_all = s->w.n_groups * s->w.n, n_cols = s->w.n_groups * s->w.n_each;
    if (!tro_requant_match(l, n, behind, n_cols, c->bias, c->scale, &p->requant)) {
        p->has_ending = tro_ending_match(l, n, &s->y, behind, n_cols, c->bias, c->scale, c->term,
                                         &p->ending);
        if (!p->has_ending) {
            p->ending = (struct tro_ending){.n_terms = 0};
            return add_tile(l, n, p);
        }
        p->requant.by_table = TRO_VALUE_NONE;
    }
    for (int64_t j = n_cols; j < n_all; j++) {
        c->bias[j] = c->bias[j - n_cols];
        c->scale[j] = c->scale[j - n_cols];
        for (int k = 0; k < TRO_INT8_MAX_TERMS; k++)
            c->term[k][j] = c->term[k][j - n_cols];
    }
    p->has_bias = true;
    if (p->has_ending && p->ending.skip != TRO_DTYPE_NONE)
        TRO_TRY(tro_lower_in(l, p->ending.skip_value, s->out_form, &p->skip));
    TRO_TRY(tro_lower_out(l, n, 0, s->out_form, false, &p->out));
    if (p->requant.by_table.i)
        TRO_TRY(tro_lower_in(l, p->requant.by_table, TRO_FORM_DENSE, &p->table));
    return 1;
}

/* What depends on the tile. */
static int add_tables(struct tro_lowering *l, struct tro_int8 *p, const int32_t *zeros,
                      const struct by_column *c)
{
    const struct tro_int8_weights *const w = &p->s.w;
    if (p->has_zero_b)
        TRO_TRY(add_columns(l, w, zeros, &p->zero_b));
    if (!p->tile) {
        TRO_TRY(add_columns(l, w, c->bias, &p->bias));
        TRO_TRY(add_columns(l, w, c->scale, &p->scale));
    }
    for (int k = 0; k < p->ending.n_terms; k++)
        TRO_TRY(add_columns(l, w, c->term[k], &p->term[k]));
    return tro_int8_pack(l, p->s.b, w, &p->packed);
}

int tro_int8_begin(struct tro_lowering *l, const struct tro_lower_node *n,
                   const struct tro_int8_shape *s, struct tro_int8 *at)
{
    struct tro_tensor b;
    struct tro_arena *const arena = tro_lower_arena(l);
    *at = (struct tro_int8){.s = *s, .level = tro_int8_pick(tro_lower_cpu(l))};
    if (!is_8bit(s->a_dtype) || !tro_lower_const(l, s->b, &b) || !is_8bit(b.dtype) ||
        tro_tensor_n_elems(&s->y) == 0 || s->w.k == 0 || !can_zero_a(l, s, at))
        return 0;
    const size_t n_all = (size_t)(s->w.n_groups * s->w.n);
    int32_t *const zeros = TRO_NEW_N(arena, int32_t, n_all);
    const struct by_column c = {TRO_NEW_N(arena, int32_t, n_all),
                                TRO_NEW_N(arena, float, n_all),
                                {TRO_NEW_N(arena, float, n_all), TRO_NEW_N(arena, float, n_all)}};
    if (!zeros || !c.bias || !c.scale || !c.term[0] || !c.term[1])
        return tro_fail_nomem(tro_lower_err(l));
    if (!read_zeros_b(l, s, b.dtype, zeros, &at->has_zero_b))
        return 0;
    const int rc = add_epilogue(l, n, at, &c);
    if (rc <= 0)
        return rc;
    at->flip_a = (s->a_dtype == TRO_I8) == at->level->is_a_signed ? 0 : 0x80;
    TRO_TRY(tro_lower_in(l, s->a, s->a_form, &at->a));
    if (at->has_zero_a)
        TRO_TRY(tro_lower_in(l, s->zero_a, TRO_FORM_DENSE, &at->zero_a));
    TRO_TRY(pick_tile(l, at));
    TRO_TRY(add_tables(l, at, zeros, &c));
    return 1;
}

static void list_args(const struct tro_int8 *p, struct tro_step *s)
{
    int n = 0;
    s->in[n++] = p->a;
    s->in[n++] = p->packed;
    if (p->has_zero_a)
        s->in[n++] = p->zero_a;
    if (p->has_zero_b)
        s->in[n++] = p->zero_b;
    if (p->tile) {
        tro_tile_list(p->tile, s->in + n, s->out);
        return;
    }
    s->in[n++] = p->bias;
    s->in[n++] = p->scale;
    if (p->requant.by_table.i)
        s->in[n++] = p->table;
    for (int k = 0; k < p->ending.n_terms; k++)
        s->in[n++] = p->term[k];
    if (p->has_ending && p->ending.skip != TRO_DTYPE_NONE)
        s->in[n++] = p->skip;
    s->out[0] = p->out;
}

/* Inputs of the epilogue that is no tile: bias and scale, and what else it has. */
static int count_end(const struct tro_int8 *p)
{
    const bool has_skip = p->has_ending && p->ending.skip != TRO_DTYPE_NONE;
    return 2 + (p->requant.by_table.i != 0) + p->ending.n_terms + has_skip;
}

int tro_int8_emit(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_int8 *at)
{
    struct tro_int8 *p;
    const struct tro_int8_weights *const w = &at->s.w;
    const int n_end = at->tile ? tro_tile_n_in(at->tile) : count_end(at);
    const int n_in = 2 + at->has_zero_a + at->has_zero_b + n_end;
    const int n_out = at->tile ? tro_tile_n_out(at->tile) : 1;
    const char *const kernel = n->node->op == TRO_OP_MATMUL_INT ? at->kernel->matmul_name
                                                                : at->kernel->conv_name;
    struct tro_step *const s = tro_lower_step(l, n, kernel, run, n_in, n_out, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    at->is_in_lines = at->is_in_lines && !at->direct_pitch;
    /* An odd number of cache lines, so that rows do not meet in one set of the cache. */
    at->a_pitch = round_up(at->k4, 64) / 64 % 2 ? round_up(at->k4, 64) : round_up(at->k4, 64) + 64;
    cut(at, tro_lower_n_threads(l));
    at->tile_bytes = at->tile ? (tro_tile_scratch(at->tile) + 63) / 64 * 64 : 0;
    at->acc_bytes = (size_t)(at->m_block * at->n_acc + VECTOR_COLS) * sizeof(int32_t);
    at->init_bytes = (size_t)round_up(2 * tro_int8_n_cols(w) * (int64_t)sizeof(int32_t), 64);
    at->rows_bytes = 2 * (size_t)at->m_block * sizeof(int32_t);
    at->turned_at = at->tile_bytes + at->a_bytes + at->acc_bytes + at->init_bytes + at->rows_bytes;
    *p = *at;
    list_args(at, s);
    const int64_t n_units = w->n_groups * at->n_m_blocks * at->n_n_blocks;
    s->n_parts = (int)least(n_units, 4096);
    s->scratch_bytes = at->turned_at;
    if (at->is_turned)
        s->scratch_bytes += (size_t)(at->m_block * FEW_COLS) * sizeof(int32_t);
    const double n_results = (double)at->s.m * (double)(w->n_groups * w->n);
    s->n_flops = n_results * (2 * (double)w->k + (at->tile ? tro_tile_flops(at->tile) : 4));
    return 1;
}
