/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/conv_winograd.h"

#include "base/err.h"
#include "base/thread.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    N = 36, /* products of a tile */
    OUT = 4,
    IN = 6,       /* a tile's sides */
    SEGMENT = 14, /* tiles next to each other whose outputs are finished together */
    COLUMNS = 64, /* outputs made at a time */
    V_BYTES = 2 << 20,
    LEAST_TILES = 28, /* of a block */
    MOST_TILES = 168,
    MOST_WEIGHT_BYTES = 40 << 20
};

struct winograd {
    struct tro_conv_f32 conv;
    struct tro_gemm_plan plan; /* one of the 36 products of a block */
    int64_t down, across;      /* tiles of a picture */
    int64_t n_tiles, block, cols;
    int64_t v_pitch, m_pitch; /* between the 36 matrices */
    int64_t packed;           /* floats of one of the 36 U */
};

/* ---- running ------------------------------------------------------------------------------ */

struct memory {
    float *v, *m, *acc, *zero;
    void *tile;
};

static int64_t round_up(int64_t n)
{
    return (n + 15) / 16 * 16;
}

/* Floats of each part of a thread's memory; the tile's scratch comes last. */
static int64_t acc_floats(const struct winograd *w)
{
    return OUT * OUT * SEGMENT * w->cols;
}

static size_t memory_bytes(const struct winograd *w)
{
    return sizeof(float) *
           (size_t)(N * w->v_pitch + N * w->m_pitch + acc_floats(w) + round_up(w->conv.channels));
}

static struct memory cut_memory(const struct winograd *w, void *scratch)
{
    struct memory m = {.v = scratch};
    m.m = m.v + N * w->v_pitch;
    m.acc = m.m + N * w->m_pitch;
    m.zero = m.acc + acc_floats(w);
    m.tile = m.zero + round_up(w->conv.channels);
    memset(m.zero, 0, sizeof(float) * (size_t)w->conv.channels);
    return m;
}

struct tile_at {
    int64_t batch, y, x;
};

static struct tile_at find_tile(const struct winograd *w, int64_t i)
{
    return (struct tile_at){i / (w->down * w->across), i / w->across % w->down, i % w->across};
}

static void transform_in(const struct winograd *w, const float *x, int64_t i,
                         const struct memory *m, float *v)
{
    const struct tro_conv_axis *const a = &w->conv.axis[1], *const b = &w->conv.axis[2];
    const struct tile_at at = find_tile(w, i);
    const float *pixel[N];
    for (int k = 0; k < N; k++) {
        const int64_t iy = at.y * OUT - a->pad + k / IN, ix = at.x * OUT - b->pad + k % IN;
        const bool is_in = iy >= 0 && iy < a->in && ix >= 0 && ix < b->in;
        pixel[k] = is_in ? x + at.batch * w->conv.x_batch + iy * a->x_stride + ix * b->x_stride
                         : m->zero;
    }
    w->plan.set->winograd_in(pixel, w->conv.channels, v, w->v_pitch);
}

/* One of the 36 V. */
struct rows {
    const float *v;
    int64_t channels;
};

static const float *rows_of_v(const void *ctx, int64_t row, int64_t n_rows, int64_t k, int64_t n_k,
                              float *room, int64_t *pitch)
{
    (void)n_rows, (void)n_k, (void)room;
    const struct rows *const c = ctx;
    *pitch = c->channels;
    return c->v + row * c->channels + k;
}

static void multiply(const struct winograd *w, const float *u, const struct memory *m,
                     int64_t n_tiles, int64_t col, int64_t n_cols)
{
    const struct tro_gemm_range range = {0, n_tiles, col, col + n_cols};
    for (int k = 0; k < N; k++) {
        const struct rows a = {m->v + k * w->v_pitch, w->conv.channels};
        const struct tro_gemm_call call = {.a = rows_of_v,
                                           .ctx = &a,
                                           .b = u + k * w->packed,
                                           .c = m->m + k * w->m_pitch,
                                           .c_col = col,
                                           .c_pitch = w->cols,
                                           .lo = -INFINITY,
                                           .hi = INFINITY};
        tro_gemm_run(&w->plan, &call, &range);
    }
}

/* Outputs of n tiles next to each other, the first of them `at`. */
static void finish_segment(const struct winograd *w, const struct tro_step_run *r,
                           const float *bias, const struct memory *m, const float *from,
                           struct tile_at at, int64_t n, int64_t col, int64_t n_cols)
{
    const int64_t line = n * OUT * w->cols;
    for (int64_t i = 0; i < n; i++)
        w->plan.set->winograd_out(from + i * w->cols, w->m_pitch, bias ? bias + col : NULL, n_cols,
                                  m->acc + i * OUT * w->cols, line, w->cols);
    const struct tro_conv_axis *const a = &w->conv.axis[1], *const b = &w->conv.axis[2];
    const int64_t left = b->out - at.x * OUT, n_pixels = n * OUT < left ? n * OUT : left;
    for (int64_t y = 0; y < OUT && at.y * OUT + y < a->out; y++) {
        const int64_t index[TRO_MAX_RANK] = {at.batch, col, at.y * OUT + y, at.x * OUT};
        tro_tile_run(w->conv.tile, r, index, n_pixels, n_cols, m->acc + y * line, w->cols, m->tile);
    }
}

static void run_block(const struct winograd *w, const struct tro_step *s,
                      const struct tro_step_run *r, const struct memory *m, int64_t first,
                      int64_t n)
{
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    const float *const bias = w->conv.has_bias ? tro_arg_ptr(r, &s->in[2]) : NULL;
    for (int64_t i = 0; i < n; i++)
        transform_in(w, x, first + i, m, m->v + i * w->conv.channels);
    for (int64_t col = 0; col < w->plan.n; col += w->cols) {
        const int64_t left = w->plan.n - col, n_cols = left < w->cols ? left : w->cols;
        multiply(w, tro_arg_ptr(r, &s->in[1]), m, n, col, n_cols);
        for (int64_t i = 0; i < n;) {
            const struct tile_at at = find_tile(w, first + i);
            int64_t some = w->across - at.x < n - i ? w->across - at.x : n - i;
            some = some < SEGMENT ? some : SEGMENT;
            finish_segment(w, r, bias, m, m->m + i * w->cols, at, some, col, n_cols);
            i += some;
        }
    }
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct winograd *const w = s->params;
    const struct memory m = cut_memory(w, r->scratch);
    int64_t first, last;
    tro_part_range(w->n_tiles, r->part, r->n_parts, &first, &last);
    for (; first < last; first += w->block)
        run_block(w, s, r, &m, first, last - first < w->block ? last - first : w->block);
    return 0;
}

/* ---- weights ------------------------------------------------------------------------------ */

struct pack {
    const struct tro_gemm_set *set;
    int64_t n, channels, packed;
    const float *w;
    float *dst;
};

/* Three become the six of G w. */
static void transform_line(const double w[3], double u[6])
{
    const double a = (double)TRO_WINOGRAD_A, b = (double)TRO_WINOGRAD_B, aa = a * a, bb = b * b;
    const double by_a = 1 / (2 * aa * (aa - bb)), by_b = 1 / (2 * bb * (bb - aa));
    u[0] = w[0] / (aa * bb);
    u[1] = (w[0] + a * w[1] + aa * w[2]) * by_a;
    u[2] = (w[0] - a * w[1] + aa * w[2]) * by_a;
    u[3] = (w[0] + b * w[1] + bb * w[2]) * by_b;
    u[4] = (w[0] - b * w[1] + bb * w[2]) * by_b;
    u[5] = w[2];
}

static void transform_window(const float w[9], float *u, int64_t u_pitch)
{
    double half[3][6], line[6];
    for (int y = 0; y < 3; y++) {
        const double d[3] = {(double)w[3 * y], (double)w[3 * y + 1], (double)w[3 * y + 2]};
        transform_line(d, half[y]);
    }
    for (int x = 0; x < 6; x++) {
        const double d[3] = {half[0][x], half[1][x], half[2][x]};
        transform_line(d, line);
        for (int y = 0; y < 6; y++)
            u[(6 * y + x) * u_pitch] = (float)line[y];
    }
}

static void pack_panel(void *ctx, int64_t i)
{
    const struct pack *const p = ctx;
    const int64_t col = i * p->set->lanes * p->set->vectors, left = p->n - col;
    const int64_t full = p->set->lanes * p->set->vectors, n = left < full ? left : full;
    const int64_t width = (n + p->set->lanes - 1) / p->set->lanes * p->set->lanes;
    float *const panel = p->dst + tro_gemm_panel_offset(p->channels, col);
    static const float zero[9];
    for (int64_t c = 0; c < p->channels; c++)
        for (int64_t j = 0; j < width; j++)
            transform_window(j < n ? p->w + ((col + j) * p->channels + c) * 9 : zero,
                             panel + c * width + j, p->packed);
}

static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    struct pack p = *(const struct pack *)ctx;
    p.w = w->data;
    p.dst = dst;
    const int64_t width = p.set->lanes * p.set->vectors;
    tro_parallel_for((p.n + width - 1) / width, pack_panel, &p);
}

static int take_weights(struct tro_lowering *l, const struct tro_lower_node *n,
                        const struct winograd *w, struct tro_arg *out)
{
    const struct pack ctx = {w->plan.set, w->plan.n, w->conv.channels, w->packed, NULL, NULL};
    char form[64];
    snprintf(form, sizeof form, "conv_winograd_f32 %dx%d", ctx.set->lanes, ctx.set->vectors);
    return tro_lower_pack(l, n->node->in[1], form, sizeof(float) * N * (size_t)w->packed, pack,
                          &ctx, out);
}

/* ---- lowering ----------------------------------------------------------------------------- */

bool tro_winograd_takes(const struct tro_conv_f32 *c)
{
    bool takes = c->source == TRO_CONV_GATHERED && c->plan.n_batch == 1 && c->rank == 4;
    for (int a = 1; a < TRO_CONV_AXES; a++)
        takes = takes && c->axis[a].kernel == 3 && c->axis[a].stride == 1 &&
                c->axis[a].dilation == 1 && c->axis[a].out > 0;
    return takes && c->plan.m > 0 && c->plan.n > 0 && c->channels > 0;
}

static int64_t count_tiles(const struct tro_conv_f32 *c, int64_t *down, int64_t *across)
{
    *down = (c->axis[1].out + OUT - 1) / OUT;
    *across = (c->axis[2].out + OUT - 1) / OUT;
    return c->plan.m / (c->axis[1].out * c->axis[2].out) * *down * *across;
}

/* In cycles: products of a vector two at a time, transforms, and weights that come from memory. */
bool tro_winograd_is_better(const struct tro_conv_f32 *c, int n_threads)
{
    int64_t down, across;
    const double tiles = (double)count_tiles(c, &down, &across), threads = n_threads;
    const double pairs = (double)c->channels * (double)c->plan.n;
    const double vectors = (double)(c->channels + c->plan.n) / c->plan.set->lanes;
    const double per_cycle = 2 * c->plan.set->lanes, from_memory = 4;
    if (N * pairs * sizeof(float) > MOST_WEIGHT_BYTES || tiles < LEAST_TILES || c->channels < 16 ||
        c->plan.n < 16)
        return false;
    const double with = 1.25 * tiles * N * pairs / per_cycle + 200 * tiles * vectors;
    const double without = 1.1 * (double)c->plan.m * 9 * pairs / per_cycle;
    return with / threads + N * pairs * sizeof(float) / from_memory <
           0.9 * (without / threads + 9 * pairs * sizeof(float) / from_memory);
}

static void find_sizes(struct winograd *w, int n_threads)
{
    const struct tro_conv_f32 *const c = &w->conv;
    const int64_t n = c->plan.n;
    w->n_tiles = count_tiles(c, &w->down, &w->across);
    w->cols = n < COLUMNS ? round_up(n) : COLUMNS;
    int64_t block = V_BYTES / ((int64_t)sizeof(float) * N * c->channels) / SEGMENT * SEGMENT;
    block = block < LEAST_TILES ? LEAST_TILES : block > MOST_TILES ? MOST_TILES : block;
    const int64_t share = (w->n_tiles + n_threads - 1) / n_threads;
    w->block = block < share ? block : share;
    w->v_pitch = round_up(w->block * c->channels) + 16; /* not a whole number of pages apart */
    w->m_pitch = round_up(w->block * w->cols) + 16;
    tro_gemm_plan_init(&w->plan, c->plan.set, 1, w->block, n, c->channels, false);
    w->packed = tro_gemm_packed_size(c->plan.set, c->channels, n);
}

int tro_winograd_emit(struct tro_lowering *l, const struct tro_lower_node *n,
                      const struct tro_conv_f32 *c, const struct tro_arg *x)
{
    struct winograd w = {.conv = *c}, *params;
    struct tro_arg weights, bias = {0};
    find_sizes(&w, tro_lower_n_threads(l));
    TRO_TRY(take_weights(l, n, &w, &weights));
    if (c->has_bias)
        TRO_TRY(tro_lower_in(l, n->node->in[2], TRO_FORM_DENSE, &bias));
    const int n_in = c->has_bias ? 3 : 2;
    struct tro_step *const s = tro_lower_step(l, n, c->plan.set->winograd, run,
                                              n_in + tro_tile_n_in(c->tile),
                                              tro_tile_n_out(c->tile), sizeof *params, &params);
    if (!s)
        return TRO_E_NOMEM;
    *params = w;
    s->in[0] = *x;
    s->in[1] = weights;
    if (c->has_bias)
        s->in[2] = bias;
    tro_tile_list(c->tile, s->in + n_in, s->out);
    s->n_parts = (int)(w.n_tiles < tro_lower_n_threads(l) ? w.n_tiles : tro_lower_n_threads(l));
    s->scratch_bytes = memory_bytes(&w) + tro_tile_scratch(c->tile);
    const double results = (double)c->plan.m * (double)c->plan.n;
    s->n_flops = results * (2 * (double)c->plan.k + tro_tile_flops(c->tile));
    return 1;
}
