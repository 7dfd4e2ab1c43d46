/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of the time that a product takes with each tile and number of splits, in cycles of a
 * multiprocessor, gives the order in which the tuner tries them. It knows three roofs: the tensor
 * cores on the busiest multiprocessor, the second-level cache, the latency of one block's steps.
 */
#include "cuda/gemm_tiles.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_CHOICES = 512,
    MOST_OFFERED = 12,
    MOST_OF_A_TILE = 2,
    LIBRARIES_AFTER = 3,
    MOST_SPLITS = 32,
    MAX_GRID_Z = 65535,
    TILE_ALIGN = 1024
};

static const struct tro_gemm_tile mma_tiles[] = {
    {128, 256, 128, 8, 1, 4, 1, true}, {256, 128, 128, 8, 1, 4, 1, true},
    {128, 128, 128, 8, 1, 3, 2, true}, {256, 64, 128, 8, 1, 4, 1, true},
    {128, 64, 128, 8, 1, 4, 2, true},  {64, 256, 128, 4, 1, 5, 1, true},
    {64, 128, 128, 4, 1, 4, 2, true},  {64, 64, 128, 4, 1, 6, 2, true},
    {256, 128, 64, 4, 2, 4, 1, false}, {128, 256, 64, 2, 4, 4, 1, false},
    {128, 128, 64, 2, 2, 4, 2, false}, {128, 64, 64, 2, 2, 5, 3, false},
    {64, 128, 64, 2, 2, 5, 3, false},  {64, 64, 128, 2, 2, 6, 3, false},
    {64, 64, 64, 2, 2, 6, 4, false},   {128, 32, 64, 4, 1, 6, 4, false},
    {32, 128, 64, 1, 4, 6, 4, false},  {64, 32, 128, 2, 2, 8, 4, false},
    {32, 64, 128, 2, 2, 8, 4, false},  {32, 32, 128, 2, 1, 8, 4, false},
    {16, 64, 128, 1, 2, 8, 4, false},  {64, 16, 128, 4, 1, 8, 4, false},
};

static const struct tro_gemm_tile simt_tiles[] = {
    {128, 128, 64, 2, 4, 3, 1, false}, {128, 64, 64, 2, 2, 3, 2, false},
    {64, 64, 64, 1, 2, 3, 4, false},   {64, 32, 64, 2, 1, 4, 6, false},
    {32, 32, 64, 2, 1, 4, 6, false},
};

int tro_gemm_tile_bytes(const struct tro_gemm_tile *t)
{
    const int ring = t->stages * (t->m + t->n) * t->k_bytes;
    const int room = t->m * t->warps_n * (t->n / t->warps_n + 8) * (int)sizeof(float);
    return (ring > room ? ring : room) + (t->is_wgmma ? TILE_ALIGN : 0);
}

int tro_gemv_rows(const struct tro_gemm *g)
{
    return g->p.m <= 1 ? 1 : g->p.m <= 2 ? 2 : 4;
}

static bool takes_gemv(const struct tro_gemm *g)
{
    return g->p.m <= 4 && g->n_z == 1 && g->tap_axes == 0 && g->row_axes == 1 && !g->is_b_trans;
}

/* ---- the model ---------------------------------------------------------------------------- */

enum { WGMMA_MACS = 2048, MEMORY_LATENCY = 800 }; /* cycles */

struct chip {
    double n_sms, macs, l2_bytes; /* per cycle: of a multiprocessor; of a multiprocessor's share */
    int shared_bytes;
    bool has_wgmma;
};

static struct chip chip_of(const struct tro_lowering *l, const struct tro_gemm *g)
{
    const int arch = tro_lower_arch(l), n_sms = tro_lower_n_sms(l);
    struct chip c = {.n_sms = n_sms > 0 ? n_sms : 108, .l2_bytes = 28, .has_wgmma = arch == 90};
    c.macs = g->math == TRO_GEMM_F32 ? 100 : arch >= 90 ? 1280 : arch == 80 ? 960 : 480;
    if (g->math == TRO_GEMM_TF32)
        c.macs /= 2;
    c.shared_bytes = arch >= 90 ? 227 * 1024 : arch == 80 || arch == 87 ? 163 * 1024 : 99 * 1024;
    return c;
}

struct guess {
    struct tro_gemm_choice choice;
    double cycles;
};

static double ceil_div(double a, double b)
{
    return ceil(a / b);
}

/* Multiply-adds of a multiprocessor in a cycle, with so many warps at work. Few warps leave gaps;
 * small tiles wait for shared memory, which gives 128 bytes a cycle. */
static double rate_of(const struct chip *chip, const struct tro_gemm_tile *t, double warps)
{
    if (t->is_wgmma)
        return WGMMA_MACS * (warps >= 8 ? 1 : 0.8) * (t->n >= 128 ? 0.85 : 0.6);
    const double bytes = (double)(t->m * t->warps_n + t->n * t->warps_m) * 2;
    const double shared = (double)t->m * t->n * 110 / bytes;
    return fmin(chip->macs * (warps >= 8 ? 1 : warps >= 4 ? 0.7 : 0.4), shared);
}

static double guess_cycles(const struct chip *chip, const struct tro_gemm *g,
                           const struct tro_gemm_choice *c)
{
    const struct tro_gemm_tile *const t = c->tile;
    const int n_splits = c->n_splits;
    const double size = (double)tro_dtype_size(tro_gemm_dtype(g->math));
    const double steps = ceil_div(ceil_div((double)g->p.k * size, t->k_bytes), n_splits);
    const double blocks = ceil_div(g->p.m, t->m) * ceil_div(g->p.n, t->n) * (double)g->n_z *
                          n_splits;
    const int fit = chip->shared_bytes / (tro_gemm_tile_bytes(t) + 1024);
    const double at_once = fit < t->blocks ? fit : t->blocks;
    const double on_one = ceil_div(blocks, chip->n_sms);
    const double running = on_one < at_once ? on_one : at_once;
    const double warps = running * t->warps_m * t->warps_n;

    const double macs = (double)t->m * t->n * t->k_bytes / size;
    const double a_share = c->is_cached ? 0.5 : 1;
    const double step = fmax(macs / rate_of(chip, t, warps),
                             (t->m * a_share + t->n) * t->k_bytes / chip->l2_bytes);
    const double latency = fmax(150 + 0.35 * macs / chip->macs,
                                MEMORY_LATENCY / (t->stages - (t->is_wgmma ? 2 : 1)));
    const double epilogue = 1200 + (double)t->m * t->n / 12;
    const double rounds = ceil_div(on_one, at_once);
    const double serial = rounds * (1500 + steps * latency + epilogue);
    const double busy = 1500 + on_one * steps * step + epilogue * (1 + 0.3 * (on_one - 1));
    double sum = 0;
    if (n_splits > 1)
        sum = 3000 + (double)g->p.m * g->p.n * (double)g->n_z * 4 * n_splits /
                         (chip->n_sms * chip->l2_bytes);
    return fmax(serial, busy) + sum;
}

/* ---- candidates --------------------------------------------------------------------------- */

static bool takes_tile(const struct chip *chip, const struct tro_gemm *g,
                       const struct tro_gemm_tile *t, int vector)
{
    const int chunk = tro_gemm_chunk(g->math), size = 16 / chunk;
    const int threads = 32 * t->warps_m * t->warps_n, k = t->k_bytes / size;
    if (g->is_gathered && (t->is_wgmma || threads < t->m || t->k_bytes > 64))
        return false;
    if (t->is_wgmma && (!chip->has_wgmma || size != 2 || g->is_b_trans))
        return false;
    if (t->n / t->warps_n > 32 * vector || tro_gemm_tile_bytes(t) > chip->shared_bytes)
        return false;
    return !g->is_b_trans || (t->n / chunk >= 4 && threads / (t->n / chunk) <= k);
}

/* Taps that neighbour each other read nearly the same rows of a large tile. */
static int takes_cache(const struct tro_gemm *g, const struct tro_gemm_tile *t)
{
    return t->is_wgmma && t->m >= 128 && g->tap_axes > 0 &&
           g->p.taps[TRO_GEMM_TAP_AXES - 1].d > 1 && g->p.step[TRO_GEMM_TAP_AXES - 1] == 1 &&
           g->p.dilation[TRO_GEMM_TAP_AXES - 1] == 1;
}

static int list_guesses(const struct chip *chip, const struct tro_gemm *g, int vector,
                        struct guess *list)
{
    static const int splits[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, MOST_SPLITS};
    const bool is_simt = g->math == TRO_GEMM_F32;
    const struct tro_gemm_tile *const tiles = is_simt ? simt_tiles : mma_tiles;
    const size_t n_tiles = is_simt ? sizeof simt_tiles / sizeof simt_tiles[0]
                                   : sizeof mma_tiles / sizeof mma_tiles[0];
    const int size = (int)tro_dtype_size(tro_gemm_dtype(g->math));
    int n = 0;
    for (size_t i = 0; i < n_tiles; i++) {
        const int n_steps = ((int)g->p.k * size + tiles[i].k_bytes - 1) / tiles[i].k_bytes;
        for (size_t s = 0; s < sizeof splits / sizeof splits[0]; s++) {
            const int each = (n_steps + splits[s] - 1) / splits[s];
            if (!takes_tile(chip, g, &tiles[i], vector) ||
                (splits[s] > 1 &&
                 (g->is_gathered || each < 2 || (n_steps + each - 1) / each != splits[s])))
                continue;
            for (int cached = 0; cached <= takes_cache(g, &tiles[i]); cached++) {
                const struct tro_gemm_choice c = {&tiles[i], splits[s], cached, NULL, NULL};
                list[n++] = (struct guess){c, guess_cycles(chip, g, &c)};
            }
        }
    }
    return n;
}

static int by_cycles(const void *a, const void *b)
{
    const struct guess *const x = a, *const y = b;
    if (x->cycles != y->cycles)
        return x->cycles < y->cycles ? -1 : 1;
    if (x->choice.tile != y->choice.tile)
        return x->choice.tile < y->choice.tile ? -1 : 1;
    return 2 * (x->choice.n_splits - y->choice.n_splits) + x->choice.is_cached -
           y->choice.is_cached;
}

/* Keeps the best, few of each tile, so that what is offered differs where the model may err. */
static int keep_best(struct guess *list, int n)
{
    int kept = 0;
    qsort(list, (size_t)n, sizeof list[0], by_cycles);
    for (int i = 0; i < n && kept < MOST_OFFERED; i++) {
        int same = 0;
        for (int k = 0; k < kept; k++)
            same += list[k].choice.tile == list[i].choice.tile &&
                    list[k].choice.is_cached == list[i].choice.is_cached;
        if (same < MOST_OF_A_TILE)
            list[kept++] = list[i];
    }
    return kept;
}

static const char *name_of(struct tro_lowering *l, const struct tro_gemm *g,
                           const struct tro_gemm_choice *c)
{
    char name[48];
    const int size = (int)tro_dtype_size(tro_gemm_dtype(g->math));
    if (!c->tile)
        return "gemv";
    snprintf(name, sizeof name, "%s%s%dx%dx%d_k%d", c->tile->is_wgmma ? "w" : "",
             c->is_cached ? "c" : "", c->tile->m, c->tile->n, c->tile->k_bytes / size, c->n_splits);
    return tro_arena_strdup(tro_lower_arena(l), name);
}

/* Frames: of whatever bytes, in whatever way they are sampled. */
static int how_a_is_read(const struct tro_gemm *g)
{
    return g->frames ? 10 + 10 * g->frames->n_taps + g->frames->camera.colour.pixel_bytes
                     : g->is_gathered;
}

/* Whether there is memory of others between the rows: libraries may copy then. */
static bool has_gaps(const struct tro_arg *a)
{
    int64_t reach = 0;
    for (int i = 0; i < a->rank; i++)
        reach += (a->shape[i] - 1) * a->stride[i];
    return reach + 1 > tro_arg_n_elems(a);
}

static bool has_any_gaps(const struct tro_arg *args, int n)
{
    for (int i = 0; i < n; i++)
        if (has_gaps(&args[i]))
            return true;
    return false;
}

/* All that the time depends on. */
static const char *describe(char *text, size_t size, const struct tro_lowering *l,
                            const struct tro_gemm *g, const struct tro_point *point,
                            const char *math)
{
    const struct tro_gemm_params *const p = &g->p;
    int n = snprintf(
        text, size, "gemm %s %ux%ux%u z%" PRId64 " a%d b%d%d bias%d rows%d epilogue%d.%d sm%d.%d",
        math, p->m, p->n, p->k, g->n_z, how_a_is_read(g), g->is_b_trans, g->is_b_const, g->has_bias,
        g->row_axes, point->n_in, point->n_out, tro_lower_arch(l), tro_lower_n_sms(l));
    for (int i = TRO_GEMM_TAP_AXES - g->tap_axes; i < TRO_GEMM_TAP_AXES && n < (int)size; i++)
        n += snprintf(text + n, size - (size_t)n, " %d:k%us%dd%dp%d", p->in[i], p->taps[i].d,
                      p->step[i], p->dilation[i], p->pad[i]);
    if (n < (int)size && (has_gaps(&g->a) || has_any_gaps(point->in, point->n_in) ||
                          has_any_gaps(point->out, point->n_out)))
        snprintf(text + n, size - (size_t)n, " gaps%d%d%d", has_gaps(&g->a),
                 has_any_gaps(point->in, point->n_in), has_any_gaps(point->out, point->n_out));
    return text;
}

/* Our own, best guess first; 0: none. */
static int list_own(const struct tro_lowering *l, const struct tro_gemm *g, int vector,
                    struct guess list[MAX_CHOICES])
{
    const struct chip chip = chip_of(l, g);
    int n = keep_best(list, list_guesses(&chip, g, vector, list));
    if (!takes_gemv(g))
        return n;
    n = n < MOST_OFFERED - 1 ? n + 1 : MOST_OFFERED;
    for (int i = n - 1; i > 0; i--)
        list[i] = list[i - 1];
    list[0].choice = (struct tro_gemm_choice){NULL, 1, false, NULL, NULL};
    return n;
}

/* Names of our own, and of libraries behind the first few of them: a budget of the tuner may end
 * before the rest. Then NULL. */
static int list_names(struct tro_lowering *l, const struct tro_gemm *g, struct guess *own,
                      int n_own, const struct tro_gemm_library *library, const char *problem,
                      const char **names)
{
    const char *theirs[TRO_GEMM_LIBRARY_MOST + 1] = {NULL};
    int n = 0;
    if (library)
        tro_gemm_library_list(l, library, problem, theirs);
    for (int i = 0; i < n_own; i++) {
        names[n++] = own[i].choice.name = name_of(l, g, &own[i].choice);
        if (!names[n - 1])
            return tro_fail_nomem(tro_lower_err(l));
        for (int k = 0; theirs[k] && (i == LIBRARIES_AFTER - 1 || i == n_own - 1); k++)
            names[n++] = theirs[k];
        if (i == LIBRARIES_AFTER - 1)
            theirs[0] = NULL;
    }
    names[n] = NULL;
    return 0;
}

int tro_gemm_choose(struct tro_lowering *l, const struct tro_gemm *g, const struct tro_point *point,
                    const char *math, int vector, const struct tro_gemm_library *library,
                    struct tro_gemm_choice *out)
{
    struct guess own[MAX_CHOICES];
    const char *names[MOST_OFFERED + TRO_GEMM_LIBRARY_MOST + 1];
    char problem[256];
    if (g->n_z > MAX_GRID_Z || g->p.m == 0 || g->p.n == 0)
        return 0;
    const int n_own = list_own(l, g, vector, own);
    if (n_own == 0)
        return 0;
    describe(problem, sizeof problem, l, g, point, math);
    TRO_TRY(list_names(l, g, own, n_own, library, problem, names));
    const int pick = tro_lower_pick(l, problem, names);
    if (pick < 0)
        return pick;
    for (int i = 0; i < n_own; i++)
        if (own[i].choice.name == names[pick]) {
            *out = own[i].choice;
            return 1;
        }
    *out = (struct tro_gemm_choice){.name = names[pick],
                                    .plan = tro_gemm_library_plan(l, library, names[pick])};
    return out->plan ? 1 : tro_fail(tro_lower_err(l), TRO_E_DEVICE, "'%s' is gone", names[pick]);
}
