/* SPDX-License-Identifier: Apache-2.0 */
/* Quantization: statistics, bounds, weights. */
#include "quant_kit.h"

#include "quant/weights.h"

/* ---- statistics ----------------------------------------------------------------------------- */

static struct tro_stats *new_stats(int n_channels, struct tro_arena *arena)
{
    struct tro_stats *const s = TRO_NEW(arena, struct tro_stats);
    struct tro_err err = {0};
    CHECK_INT(tro_stats_init(s, n_channels, arena, &err), 0);
    return s;
}

static void add(struct tro_stats *s, const float *x, int64_t n)
{
    const struct tro_tensor t = {
        .dtype = TRO_F32, .rank = 1, .shape = {n}, .data = (float *)(uintptr_t)x};
    tro_stats_add(s, &t, 0);
}

static int64_t total(const struct tro_stats *s)
{
    int64_t n = 0;
    for (int i = 0; i < TRO_STATS_BINS; i++)
        n += s->bins[i];
    return n;
}

TEST(stats_range_and_counts)
{
    struct tro_arena arena = {0};
    struct tro_stats *const s = new_stats(0, &arena);
    const float x[] = {0, -3, 0.5F, NAN, 1, INFINITY, 0};
    add(s, x, 7);
    CHECK_INT(s->n, 5);
    CHECK_INT(s->n_bad, 2);
    CHECK_INT(s->n_zero, 2);
    CHECK_INT(total(s), 3);
    CHECK_NEAR(s->min, -3, 0);
    CHECK_NEAR(s->max, 1, 0);
    CHECK_NEAR(s->least, 0.5, 0);
    CHECK_NEAR(s->top, 4, 0);
    CHECK_NEAR(tro_stats_peak(s), 3, 0);
    tro_arena_finish(&arena);
}

/* Two bins become one, however often: each count is where a histogram of that width has it. */
TEST(stats_widening_loses_nothing)
{
    struct tro_arena arena = {0};
    struct tro_stats *const grown = new_stats(0, &arena), *const wide = new_stats(0, &arena);
    uint64_t state = 3;
    float x[600];
    for (int i = 0; i < 600; i++)
        x[i] = quant_kit_noise(&state) * ldexpf(1, i / 50);
    const float most = 3e6F;
    for (int i = 0; i < 600; i += 50)
        add(grown, x + i, 50);
    add(grown, &most, 1);
    add(wide, &most, 1);
    add(wide, x, 600);
    CHECK_NEAR(grown->top, wide->top, 0);
    CHECK_INT(memcmp(grown->bins, wide->bins, sizeof grown->bins), 0);
    CHECK_INT(total(grown) + grown->n_zero, 601);
    tro_arena_finish(&arena);
}

TEST(stats_do_not_depend_on_the_order)
{
    struct tro_arena arena = {0};
    struct tro_stats *const a = new_stats(0, &arena), *const b = new_stats(0, &arena);
    uint64_t state = 7;
    float x[10][64];
    for (int i = 0; i < 640; i++)
        x[i / 64][i % 64] = quant_kit_noise(&state) * ldexpf(1, i / 64 * 3 % 10 - 5);
    for (int i = 0; i < 10; i++) {
        add(a, x[i], 64);
        add(b, x[9 - i], 64);
    }
    CHECK_NEAR(a->top, b->top, 0);
    CHECK_INT(memcmp(a->bins, b->bins, sizeof a->bins), 0);
    CHECK_NEAR(a->min, b->min, 0);
    CHECK_NEAR(a->max, b->max, 0);
    CHECK_NEAR(a->least, b->least, 0);
    tro_arena_finish(&arena);
}

TEST(stats_of_channels)
{
    struct tro_arena arena = {0};
    struct tro_stats *const s = new_stats(3, &arena);
    float x[2 * 3 * 4];
    for (int i = 0; i < 24; i++)
        x[i] = (float)(i / 4 % 3 * 100 + i % 4 + (i >= 12 ? -10 : 0));
    const struct tro_tensor t = {.dtype = TRO_F32, .rank = 3, .shape = {2, 3, 4}, .data = x};
    tro_stats_add(s, &t, 1);
    for (int c = 0; c < 3; c++) {
        CHECK_NEAR(s->channels[c].min, c * 100 - 10, 0);
        CHECK_NEAR(s->channels[c].max, c * 100 + 3, 0);
        CHECK_NEAR(s->channels[c].sum, 8 * (c * 100 + 1.5 - 5), 1e-9);
    }
    tro_arena_finish(&arena);
}

/* Joined in either direction is as if one had seen all. */
TEST(stats_join)
{
    struct tro_arena arena = {0};
    uint64_t state = 11;
    float x[100], y[100];
    for (int i = 0; i < 100; i++) {
        x[i] = quant_kit_noise(&state);
        y[i] = quant_kit_noise(&state) * 50;
    }
    for (int i = 0; i < 2; i++) {
        struct tro_stats *const a = new_stats(0, &arena), *const b = new_stats(0, &arena);
        struct tro_stats *const both = new_stats(0, &arena), *const none = new_stats(0, &arena);
        add(a, i ? x : y, 100);
        add(b, i ? y : x, 100);
        add(both, x, 100);
        add(both, y, 100);
        tro_stats_join(a, b);
        tro_stats_join(a, none);
        CHECK_INT(a->n, both->n);
        CHECK_NEAR(a->min, both->min, 0);
        CHECK_NEAR(a->max, both->max, 0);
        CHECK_NEAR(a->top, both->top, 0);
        CHECK_INT(memcmp(a->bins, both->bins, sizeof a->bins), 0);
    }
    tro_arena_finish(&arena);
}

/* ---- bounds --------------------------------------------------------------------------------- */

static double squared_error(const float *x, int n, double bound, int n_levels)
{
    const double scale = bound / n_levels;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const double v = fabs((double)x[i]);
        const double off = v - fmin(nearbyint(v / scale), n_levels) * scale;
        sum += off * off;
    }
    return sum / n;
}

/* Mostly small, a few large: what is cut off matters. */
static void fill_tailed(float *x, int n, uint64_t seed)
{
    for (int i = 0; i < n; i++) {
        x[i] = quant_kit_noise(&seed) * quant_kit_noise(&seed);
        if (i % 500 == 0)
            x[i] = 8 * quant_kit_noise(&seed);
    }
}

TEST(bounds_mse_is_the_best_of_brute_force)
{
    enum { N = 6000 };
    static float x[N];
    struct tro_arena arena = {0};
    for (int round = 0; round < 4; round++) {
        struct tro_stats *const s = new_stats(0, &arena);
        static const int levels[] = {127, 255, 7, 15};
        const int n_levels = levels[round];
        double bounds[TRO_N_BOUNDS], least = INFINITY;
        fill_tailed(x, N, (uint64_t)round + 1);
        add(s, x, N);
        tro_bounds_find(s, n_levels, bounds);
        const double peak = (double)tro_stats_peak(s);
        for (int i = 1; i <= 2000; i++)
            least = fmin(least, squared_error(x, N, peak * i / 2000, n_levels));
        CHECK_NEAR(bounds[TRO_BOUND_MAX], peak, 0);
        CHECK(squared_error(x, N, bounds[TRO_BOUND_MSE], n_levels) < 1.02 * least);
        if (n_levels < 127) /* with few levels it pays to cut off what is rare */
            CHECK(squared_error(x, N, bounds[TRO_BOUND_MAX], n_levels) > 1.5 * least);
        /* the histogram tells the error that the elements have */
        CHECK_NEAR(tro_bound_mse(s, n_levels, bounds[TRO_BOUND_MSE]) / least, 1, 0.05);
    }
    tro_arena_finish(&arena);
}

TEST(bounds_percentile_cuts_its_share)
{
    enum { N = 50000 };
    static float x[N];
    struct tro_arena arena = {0};
    struct tro_stats *const s = new_stats(0, &arena);
    double bounds[TRO_N_BOUNDS];
    int n_above = 0;
    uint64_t state = 5;
    for (int i = 0; i < N; i++)
        x[i] = quant_kit_noise(&state) * (i % 10000 == 7 ? 100 : 1);
    add(s, x, N);
    tro_bounds_find(s, 127, bounds);
    for (int i = 0; i < N; i++)
        n_above += fabs((double)x[i]) > bounds[TRO_BOUND_PERCENTILE];
    CHECK(n_above <= N / 10000);
    CHECK(bounds[TRO_BOUND_PERCENTILE] < 0.9 * bounds[TRO_BOUND_MAX]);
    CHECK(bounds[TRO_BOUND_KL] <= bounds[TRO_BOUND_MAX]);
    tro_arena_finish(&arena);
}

TEST(bounds_of_zeros)
{
    struct tro_arena arena = {0};
    struct tro_stats *const s = new_stats(0, &arena);
    const float x[4] = {0};
    double bounds[TRO_N_BOUNDS];
    add(s, x, 4);
    tro_bounds_find(s, 127, bounds);
    for (int i = 0; i < TRO_N_BOUNDS; i++)
        CHECK_NEAR(bounds[i], 1, 0);
    const struct tro_quant_form form = tro_quant_form_find(s);
    CHECK(form.scale > 0);
    CHECK_INT(form.zero, 0);
    tro_arena_finish(&arena);
}

static double form_error(const struct tro_quant_form *f, const float *x, int n)
{
    const double low = f->dtype == TRO_I8 ? -128 : 0, scale = (double)f->scale;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const double q = nearbyint((double)x[i] / scale) + f->zero;
        const double v = (fmin(fmax(q, low), low + 255) - f->zero) * scale;
        sum += (v - (double)x[i]) * (v - (double)x[i]);
    }
    return sum;
}

/* SiLU: a tail to -0.28. Twice the levels are a fourth of the squared error. */
TEST(bounds_offset_of_a_short_tail)
{
    enum { N = 20000 };
    static float x[N];
    struct tro_arena arena = {0};
    struct tro_quant_group g = {0};
    uint64_t state = 9;
    g.stats = *new_stats(0, &arena);
    for (int i = 0; i < N; i++) {
        const float v = 6 * quant_kit_noise(&state);
        x[i] = v / (1 + expf(-v));
    }
    add(&g.stats, x, N);
    CHECK(tro_stats_has_tail(&g.stats));
    tro_bounds_find(&g.stats, 127, g.bounds);
    const struct tro_quant_form max = tro_quant_form(&g, TRO_BOUND_MAX);
    const struct tro_quant_form offset = tro_quant_form(&g, TRO_BOUND_OFFSET);
    CHECK_INT(max.dtype, TRO_I8);
    CHECK_INT(max.zero, 0);
    CHECK_INT(offset.dtype, TRO_U8);
    CHECK_NEAR(offset.zero, 0.278 / 6.263 * 255, 1);
    CHECK(form_error(&offset, x, N) < 0.35 * form_error(&max, x, N));
    const struct tro_quant_form found = tro_quant_form_find(&g.stats);
    CHECK(form_error(&found, x, N) <= 1.01 * form_error(&offset, x, N));
    /* without a tail it is as the others */
    for (int i = 0; i < N; i++)
        x[i] = quant_kit_noise(&state);
    g.stats = *new_stats(0, &arena);
    add(&g.stats, x, N);
    tro_bounds_find(&g.stats, 127, g.bounds);
    CHECK(!tro_stats_has_tail(&g.stats));
    CHECK_INT(tro_quant_form(&g, TRO_BOUND_OFFSET).zero, 0);
    CHECK_NEAR(tro_quant_form(&g, TRO_BOUND_OFFSET).scale, tro_quant_form(&g, TRO_BOUND_MAX).scale,
               0);
    tro_arena_finish(&arena);
}

/* ---- weights -------------------------------------------------------------------------------- */

static struct tro_quant_weights quantize(const struct tro_tensor *w, int axis,
                                         struct tro_arena *arena)
{
    struct tro_quant_weights q = {0};
    struct tro_err err = {0};
    CHECK_INT(tro_quant_weights_init(&q, w, axis, arena, &err), 0);
    return q;
}

/* Channels whose ranges are a thousand times apart are as good as each other. */
TEST(weights_by_channel)
{
    struct tro_arena arena = {0};
    for (int axis = 0; axis < 3; axis++) {
        float x[5 * 6 * 7];
        struct tro_tensor w = {.dtype = TRO_F32, .rank = 3, .shape = {5, 6, 7}, .data = x};
        static const int strides[] = {42, 7, 1};
        uint64_t state = 21;
        for (int i = 0; i < 210; i++)
            x[i] = quant_kit_noise(&state) *
                   powf(10, (float)(i / strides[axis] % (int)w.shape[axis]) - 3);
        const struct tro_quant_weights q = quantize(&w, axis, &arena);
        for (int i = 0; i < 3; i++)
            CHECK_INT(q.scales.shape[i], i == axis ? w.shape[i] : 1);
        for (int i = 0; i < 210; i++) {
            const float scale = ((float *)q.scales.data)[i / strides[axis] % (int)w.shape[axis]];
            const int v = ((int8_t *)q.values.data)[i];
            CHECK(v >= -127 && v <= 127);
            CHECK(fabsf((float)v * scale - x[i]) <= (abs(v) == 127 ? 60 * scale : 0.5001F * scale));
        }
    }
    tro_arena_finish(&arena);
}

TEST(weights_of_zeros_and_ties)
{
    struct tro_arena arena = {0};
    /* at the scale of 1 half-way cases go to the even one; channel 1 is zeros */
    const float x[] = {127, 0.5F, 1.5F, -2.5F, 0, 0, 0, 0};
    const int8_t want[] = {127, 0, 2, -2, 0, 0, 0, 0};
    struct tro_tensor w = {
        .dtype = TRO_F32, .rank = 2, .shape = {2, 4}, .data = (float *)(uintptr_t)x};
    const struct tro_quant_weights q = quantize(&w, 0, &arena);
    CHECK_NEAR(((float *)q.scales.data)[0], 1, 0);
    CHECK_NEAR(((float *)q.scales.data)[1], 1, 0);
    CHECK_INT(memcmp(q.values.data, want, sizeof want), 0);
    tro_arena_finish(&arena);
}

TEST(weights_round_in_place)
{
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    float x[40], y[40];
    struct tro_tensor w = {.dtype = TRO_F32, .rank = 2, .shape = {4, 10}, .data = x};
    uint64_t state = 2;
    for (int i = 0; i < 40; i++)
        x[i] = quant_kit_noise(&state);
    const struct tro_quant_weights q = quantize(&w, 1, &arena);
    memcpy(y, x, sizeof y);
    w.data = y;
    CHECK_INT(tro_quant_weights_round(&w, 1, &err), 0);
    for (int i = 0; i < 40; i++)
        CHECK_NEAR(y[i], (float)((int8_t *)q.values.data)[i] * ((float *)q.scales.data)[i % 10], 0);
    tro_arena_finish(&arena);
}
