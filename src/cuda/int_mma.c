/* SPDX-License-Identifier: Apache-2.0 */
/* Weights packed, a tile chosen, the kernel specialized. */
#include "cuda/int_mma.h"

#include "base/dtype.h"
#include "base/err.h"
#include "lower/window.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { W_ALIGN = 16, TABLE_ALIGN = 16, SUMS_GAP = 8, ROW_BYTES = 16 };

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static bool is_8bit(enum tro_dtype d)
{
    return d == TRO_I8 || d == TRO_U8;
}

/* ---- zeros --------------------------------------------------------------------------------- */

bool tro_int_known_zero(struct tro_lowering *l, tro_value_id v, uint8_t *out)
{
    struct tro_tensor t;
    *out = 0;
    if (!v.i)
        return true;
    if (!tro_lower_const(l, v, &t) || tro_tensor_n_elems(&t) == 0)
        return false;
    const uint8_t *const bytes = t.data;
    for (int64_t i = 1; i < tro_tensor_n_elems(&t); i++)
        if (bytes[i] != bytes[0])
            return false;
    *out = bytes[0];
    return true;
}

bool tro_int_mma_can_zeros(struct tro_lowering *l, const struct tro_int_mma *d, int64_t n_each_a)
{
    struct tro_tensor t;
    if (d->zero_a.i && (!tro_lower_type(l, d->zero_a, &t) || !is_8bit(t.dtype) ||
                        (tro_tensor_n_elems(&t) != 1 && tro_tensor_n_elems(&t) != n_each_a)))
        return false;
    if (!d->zero_b.i)
        return true;
    if (!tro_lower_type(l, d->zero_b, &t) || !is_8bit(t.dtype) ||
        (!d->is_b_live && !tro_lower_const(l, d->zero_b, &t)))
        return false;
    const int64_t n = tro_tensor_n_elems(&t);
    return n == 1 || n == (d->is_windows ? d->weights.n_each : (int64_t)d->p.n * d->p.n_groups);
}

uint8_t tro_int_weight(enum tro_dtype d, uint8_t w)
{
    return d == TRO_U8 ? w ^ 0x80 : w;
}

int32_t tro_int_weight_zero(enum tro_dtype d, const struct tro_tensor *zeros, int64_t col)
{
    int32_t v = d == TRO_U8 ? -128 : 0;
    if (zeros)
        v += (int32_t)tro_load_i64(zeros->dtype, zeros->data, col % tro_tensor_n_elems(zeros));
    return v;
}

/* ---- weights ------------------------------------------------------------------------------- */

static uint8_t weight_at(const struct tro_int_weights *w, const struct tro_tensor *t, int64_t col,
                         int64_t k)
{
    const int64_t at = col % w->n_each * w->col_step + col / w->n_each * w->tap_step +
                       k / w->inner * w->outer_step + k % w->inner * w->inner_step;
    return tro_int_weight(t->dtype, ((const uint8_t *)t->data)[at]);
}

static void pack(void *dst, const struct tro_tensor *t, const void *ctx)
{
    const struct tro_int_weights *const w = ctx;
    const int64_t pitch = round_up(w->k, W_ALIGN);
    memset(dst, 0, (size_t)(w->n_cols * pitch));
    for (int64_t col = 0; col < w->n_cols; col++)
        for (int64_t k = 0; k < w->k; k++)
            ((uint8_t *)dst)[col * pitch + k] = weight_at(w, t, col, k);
}

static int add_weights(struct tro_lowering *l, struct tro_int_mma *d, struct tro_arg *out)
{
    const struct tro_int_weights *const w = &d->weights;
    char form[96];
    snprintf(form, sizeof form, "int_mma_n%" PRId64 "_e%" PRId64 "_k%" PRId64 "_i%" PRId64,
             w->n_cols, w->n_each, w->k, w->inner);
    const int64_t pitch = round_up(w->k, W_ALIGN);
    d->p.w_pitch = (uint32_t)pitch;
    return tro_lower_pack(l, d->b_value, form, (size_t)(w->n_cols * pitch), pack, w, out);
}

/* Sums of columns, each element less its zero; then zeros. */
static int add_columns(struct tro_lowering *l, const struct tro_int_mma *d, struct tro_arg *out)
{
    const struct tro_int_weights *const w = &d->weights;
    struct tro_tensor b, zeros;
    if (!tro_lower_const(l, d->b_value, &b) ||
        (d->zero_b.i && !tro_lower_const(l, d->zero_b, &zeros)))
        return tro_fail(tro_lower_err(l), TRO_E_INTERNAL, "weights are no constant");
    const int64_t pitch = round_up(w->n_cols, TABLE_ALIGN);
    int32_t *const v = TRO_NEW_N(tro_lower_arena(l), int32_t, (size_t)(2 * pitch));
    if (!v)
        return tro_fail_nomem(tro_lower_err(l));
    for (int64_t col = 0; col < w->n_cols; col++) {
        uint32_t sum = 0;
        const int32_t zero = tro_int_weight_zero(b.dtype, d->zero_b.i ? &zeros : NULL, col);
        for (int64_t k = 0; k < w->k; k++)
            sum += (uint32_t)((int8_t)weight_at(w, &b, col, k) - zero);
        v[col] = (int32_t)sum;
        v[pitch + col] = zero;
    }
    return tro_lower_table(l, v, (size_t)(2 * pitch) * sizeof(*v), out);
}

/* ---- sizes --------------------------------------------------------------------------------- */

bool tro_int_is_small(const struct tro_win *win, const struct tro_arg *x)
{
    int64_t reach = 0;
    for (int i = 0; i < TRO_N_SPATIAL; i++) {
        const int axis = i + x->rank - TRO_N_SPATIAL;
        const int64_t most = win->in[i] + win->pad[i] + win->pad_end[i] +
                             win->kernel[i] * win->dilation[i];
        if (most >= INT32_MAX / 4)
            return false;
        if (axis >= 2)
            reach += most * (x->stride[axis] < 0 ? -x->stride[axis] : x->stride[axis]);
    }
    reach += (x->shape[0] - 1) * x->stride[0] + (x->shape[1] - 1) * x->stride[1];
    return reach < INT32_MAX;
}

/* ---- tiles --------------------------------------------------------------------------------- */

struct tile {
    const char *name;
    int m, n, k, stages, warps_m, warps_n, warps_k;
};
static const struct tile tiles[] = {
    {"128x64x64", 128, 64, 64, 4, 2, 2, 1}, {"128x64x32", 128, 64, 32, 3, 2, 2, 1},
    {"128x32x64", 128, 32, 64, 4, 4, 1, 1}, {"128x32x32", 128, 32, 32, 3, 4, 1, 1},
    {"128x16x64", 128, 16, 64, 4, 4, 1, 1}, {"64x64x64", 64, 64, 64, 4, 2, 2, 1},
    {"64x64x32", 64, 64, 32, 3, 2, 2, 1},   {"64x32x128", 64, 32, 128, 3, 2, 1, 2},
    {"64x32x32", 64, 32, 32, 3, 2, 2, 1},   {"32x32x128", 32, 32, 128, 4, 1, 1, 4},
    {"32x16x128", 32, 16, 128, 4, 1, 1, 4}, {"16x64x128", 16, 64, 128, 3, 1, 2, 2},
    {"16x16x128", 16, 16, 128, 4, 1, 1, 4},
};
enum { N_TILES = sizeof tiles / sizeof tiles[0], MOST_OFFERED = 8 };

static int n_threads(const struct tile *t)
{
    return 32 * t->warps_m * t->warps_n * t->warps_k;
}

static int64_t n_blocks(const struct tro_int_mma *d, const struct tile *t)
{
    return ((d->p.m + t->m - 1) / t->m) * (((int64_t)d->p.n + t->n - 1) / t->n) * d->n_batches;
}

static uint32_t shared_bytes(const struct tile *t)
{
    const int pipe = t->stages * (t->m + t->n) * t->k, sums = t->m * (t->n + SUMS_GAP) * 4;
    return (uint32_t)((pipe > sums ? pipe : sums) + t->m * ROW_BYTES + (t->m + t->n) * 4);
}

/* In cycles, as far as the sizes tell: steps wait for memory or share the multiprocessor's rates
 * with its other blocks, as the epilogues do. */
static double guess_time(const struct tro_int_mma *d, const struct tile *t, int n_sms)
{
    const double macs_each_cycle = 2048, bytes_each_cycle = 48, results_each_cycle = 8;
    const double wait = 250, ends = 2500;
    const double together = 200 * 1024 / (double)shared_bytes(t);
    const double places = (double)n_sms * (together < 8 ? together : 8);
    const double n = (double)n_blocks(d, t);
    const double waves = n < places ? 1 : n / places;
    const double busy = n < n_sms ? 1 : n < places ? n / n_sms : places / n_sms;
    const double work = (double)t->m * t->n * t->k / macs_each_cycle +
                        (double)(t->m + t->n) * t->k / bytes_each_cycle;
    const double steps = (double)((d->p.k + t->k - 1) / t->k);
    const double step = work * busy > wait ? work * busy : wait;
    return waves * (steps * step + ends + t->m * t->n / results_each_cycle * busy);
}

/* The best tiles by their guessed time, as tro_lower_pick wants them: names, then NULL. */
static const char **sort_tiles(struct tro_lowering *l, const struct tro_int_mma *d)
{
    const char **const names = TRO_NEW_N(tro_lower_arena(l), const char *, N_TILES + 1);
    double time[N_TILES];
    if (!names)
        return NULL;
    for (int i = 0; i < N_TILES; i++) {
        const double t = guess_time(d, &tiles[i], tro_lower_n_sms(l));
        int at = i;
        for (; at > 0 && time[at - 1] > t; at--) {
            time[at] = time[at - 1];
            names[at] = names[at - 1];
        }
        time[at] = t;
        names[at] = tiles[i].name;
    }
    names[MOST_OFFERED] = NULL;
    return names;
}

static const struct tile *find_tile(const char *name)
{
    int i = 0;
    while (strcmp(tiles[i].name, name) != 0)
        i++;
    return &tiles[i];
}

static const struct tile *pick_tile(struct tro_lowering *l, const struct tro_int_mma *d, int chunk)
{
    char problem[200];
    snprintf(problem, sizeof problem,
             "%s %" PRIu32 "x%" PRIu32 "x%" PRIu32 " by %" PRId64 " taps %" PRIu32 "x%" PRIu32
             " chunk %d epilogue %d+%d",
             d->name, d->p.m, d->p.n, d->p.k, d->n_batches, d->p.kernel_h.d, d->p.kernel_w.d, chunk,
             d->point->n_in, d->point->n_out);
    const char **const names = sort_tiles(l, d);
    if (!names) {
        tro_fail_nomem(tro_lower_err(l));
        return NULL;
    }
    const int pick = tro_lower_pick(l, problem, names);
    return pick < 0 ? NULL : find_tile(names[pick]);
}

/* ---- steps --------------------------------------------------------------------------------- */

/* Bytes of a that may be read at once: those of a tap lie together, at multiples of this. */
static int find_chunk(const struct tro_int_mma *d)
{
    const struct tro_int_mma_params *const p = &d->p;
    if (p->a_channel != 1)
        return 1;
    int64_t all = (int64_t)p->channels.d | p->a_n | p->a_group | d->a.offset;
    for (int i = 0; i < TRO_N_SPATIAL; i++)
        all |= (int64_t)p->a_at[i] | p->a_batch[i];
    return all % 16 == 0 ? 16 : all % 8 == 0 ? 8 : all % 4 == 0 ? 4 : 1;
}

/* Columns that a thread stores at once. */
static int find_vector(const struct tro_int_mma *d, const struct tile *t)
{
    int n = t->m * t->n / n_threads(t);
    n = n < 16 ? n : 16;
    while (n > d->point->vector || (d->p.n_groups > 1 && d->p.n % n != 0) ||
           (d->is_windows && d->p.n_each.d % (uint32_t)n != 0))
        n /= 2;
    return n;
}

/* What is known of the zeros. */
struct zeros {
    bool has_a, is_a_live, has_b;
};

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_int_mma *d,
                    const struct tro_arg *own, int n_own, struct zeros zeros)
{
    const int chunk = find_chunk(d);
    const struct tile *const t = pick_tile(l, d, chunk);
    if (!t)
        return tro_lower_err(l)->status;
    char label[96];
    snprintf(label, sizeof label, "%s_mma %s", d->name, t->name);
    const char *const defines = tro_cuda_defines(
        l,
        "#define BM %d\n#define BN %d\n#define BK %d\n#define STAGES %d\n#define WARPS_M %d\n"
        "#define WARPS_N %d\n#define WARPS_K %d\n#define POINT_N %d\n#define CHUNK %d\n"
        "#define IS_A_SIGNED %d\n#define IS_B_LIVE %d\n#define IS_B_SIGNED %d\n"
        "#define HAS_ZERO_A %d\n#define IS_ZERO_A_LIVE %d\n#define HAS_ZERO_B %d\n"
        "#define IS_WINDOWS %d\n",
        t->m, t->n, t->k, t->stages, t->warps_m, t->warps_n, t->warps_k, find_vector(d, t), chunk,
        d->a_dtype == TRO_I8, d->is_b_live, d->b_dtype == TRO_I8, zeros.has_a, zeros.is_a_live,
        zeros.has_b, d->is_windows);
    if (!defines)
        return tro_lower_err(l)->status;
    const struct tro_cuda_source source = {"int_mma", defines, d->point, &d->p, sizeof d->p};
    struct tro_cuda_launch *launch;
    struct tro_step *const s = tro_cuda_step(l, n, label, &source, n_own, 0, &launch);
    if (!s)
        return tro_lower_err(l)->status;
    memcpy(s->in, own, (size_t)n_own * sizeof(*own));
    launch->grid[0] = (d->p.m + (uint32_t)t->m - 1) / (uint32_t)t->m;
    launch->grid[1] = (d->p.n + (uint32_t)t->n - 1) / (uint32_t)t->n;
    launch->grid[2] = (uint32_t)d->n_batches;
    launch->block[0] = (uint32_t)n_threads(t);
    launch->shared_bytes = shared_bytes(t);
    s->inplace = tro_win_inplace(s, n_own, d->point->inplace);
    s->n_flops = 2.0 * d->p.m * d->p.n * d->p.k * (double)d->n_batches + d->point->n_flops;
    return 1;
}

/* Zeros that memory holds. */
static int place_zeros(struct tro_lowering *l, tro_value_id v, struct tro_arg *out, int64_t *n)
{
    struct tro_tensor t;
    *n = tro_lower_type(l, v, &t) ? tro_tensor_n_elems(&t) : 1;
    return tro_lower_in(l, v, TRO_FORM_DENSE, out);
}

int tro_int_mma_emit(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_int_mma *d)
{
    uint8_t zero_a, zero_b;
    struct zeros zeros = {.is_a_live = !tro_int_known_zero(l, d->zero_a, &zero_a)};
    zeros.has_a = zeros.is_a_live || zero_a != 0;
    zeros.has_b = d->b_dtype == TRO_U8 || !tro_int_known_zero(l, d->zero_b, &zero_b) || zero_b != 0;
    struct tro_arg own[4] = {d->a, d->b};
    int64_t n_zeros = 1;
    int n_own = 2;
    d->p.zero_a = zero_a;
    if (!d->is_b_live)
        TRO_TRY(add_weights(l, d, &own[1]));
    if (zeros.is_a_live)
        TRO_TRY(place_zeros(l, d->zero_a, &own[n_own++], &n_zeros));
    d->p.n_zeros_a = tro_div_make(n_zeros);
    if (!d->is_b_live && (zeros.has_a || zeros.has_b))
        TRO_TRY(add_columns(l, d, &own[n_own++]));
    if (d->is_b_live && zeros.has_b && d->zero_b.i) {
        TRO_TRY(place_zeros(l, d->zero_b, &own[n_own++], &n_zeros));
        d->p.n_zeros_b = (uint32_t)n_zeros;
    }
    return add_step(l, n, d, own, n_own, zeros);
}
