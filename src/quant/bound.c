/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/bound.h"

#include <math.h>
#include <string.h>

#define CUT_SHARE 1e-4
#define FIRST_BIN 128 /* bounds that are looked at end at this bin or later, */
#define BIN_STEP 8    /* at every so many */

const char *const tro_bound_names[TRO_N_BOUNDS + 1] = {
#define TRO_BOUND_NAME(id, name) [TRO_BOUND_##id] = name,
    TRO_BOUNDS(TRO_BOUND_NAME)
#undef TRO_BOUND_NAME
};

static int last_bin(const struct tro_stats *s)
{
    int last = TRO_STATS_BINS - 1;
    while (last > 0 && s->bins[last] == 0)
        last--;
    return last;
}

static double percentile_bound(const struct tro_stats *s)
{
    int64_t n_left = (int64_t)(CUT_SHARE * (double)s->n);
    int bin = last_bin(s);
    while (bin > 0 && n_left >= s->bins[bin])
        n_left -= s->bins[bin--];
    return (bin + 1) * s->top / TRO_STATS_BINS;
}

double tro_bound_mse(const struct tro_stats *s, int n_levels, double bound)
{
    const double width = s->top / TRO_STATS_BINS, scale = bound / n_levels;
    double sum = 0;
    if (s->top == 0 || s->n == 0)
        return 0;
    for (int i = 0; i < TRO_STATS_BINS; i++) {
        const double x = (i + 0.5) * width;
        const double level = fmin(nearbyint(x / scale), n_levels);
        const double off = x - level * scale;
        /* within a bin that is narrower than a level, elements lie evenly */
        sum += (double)s->bins[i] * (off * off + width * width / 12);
    }
    return sum / (double)s->n;
}

double tro_bound_least_mse(const struct tro_stats *s, int n_levels)
{
    const int last = last_bin(s);
    double best = tro_stats_peak(s), least;
    if (!(best > 0))
        return 1;
    least = tro_bound_mse(s, n_levels, best);
    for (int end = FIRST_BIN; end <= last; end += BIN_STEP) {
        const double bound = end * s->top / TRO_STATS_BINS;
        const double found = tro_bound_mse(s, n_levels, bound);
        if (found < least) {
            least = found;
            best = bound;
        }
    }
    return best;
}

/* Of the first `end` bins, the last one with all that lies beyond, to themselves spread over
 * n_levels levels. */
static double relative_entropy(const struct tro_stats *s, int end, int n_levels)
{
    double p[TRO_STATS_BINS], q[TRO_STATS_BINS] = {0}, p_sum = 0, q_sum = 0, sum = 0;
    for (int i = 0; i < end; i++)
        p[i] = (double)s->bins[i];
    for (int i = end; i < TRO_STATS_BINS; i++)
        p[end - 1] += (double)s->bins[i];
    for (int level = 0; level < n_levels; level++) {
        const int first = (int)((int64_t)level * end / n_levels);
        const int stop = (int)((int64_t)(level + 1) * end / n_levels);
        int64_t count = 0, n_used = 0;
        for (int i = first; i < stop; i++) {
            count += s->bins[i];
            n_used += s->bins[i] > 0;
        }
        for (int i = first; i < stop; i++)
            q[i] = s->bins[i] > 0 ? (double)count / (double)n_used : 0;
    }
    for (int i = 0; i < end; i++) {
        p_sum += p[i];
        q_sum += q[i];
    }
    for (int i = 0; i < end; i++)
        if (p[i] > 0)
            sum += p[i] / p_sum * log(p[i] / p_sum / fmax(q[i] / q_sum, 1e-12));
    return sum;
}

static double kl_bound(const struct tro_stats *s, int n_levels)
{
    const int last = last_bin(s) + 1;
    double best = tro_stats_peak(s), least = INFINITY;
    for (int end = last; end >= n_levels + 1; end -= BIN_STEP) {
        const double found = relative_entropy(s, end, n_levels);
        if (found < least) {
            least = found;
            best = end * s->top / TRO_STATS_BINS;
        }
    }
    return best;
}

struct tro_bound_ends tro_bound_ends(const struct tro_stats *s, double bound)
{
    return (struct tro_bound_ends){fmin(fmax((double)s->min, -bound), 0),
                                   fmax(fmin((double)s->max, bound), 0)};
}

/* 255 levels reach from end to end. */
double tro_bound_offset_mse(const struct tro_stats *s)
{
    const double peak = tro_stats_peak(s), low = fmin((double)s->min, 0);
    return tro_bound_least_mse(s, (int)nearbyint(255 * peak / ((double)s->max - low)));
}

void tro_bounds_find(const struct tro_stats *s, int n_levels, double out[TRO_N_BOUNDS])
{
    const double peak = tro_stats_peak(s);
    for (int i = 0; i < TRO_N_BOUNDS; i++)
        out[i] = peak > 0 ? peak : 1;
    if (s->top == 0)
        return;
    out[TRO_BOUND_PERCENTILE] = fmin(percentile_bound(s), peak);
    out[TRO_BOUND_MSE] = tro_bound_least_mse(s, n_levels);
    out[TRO_BOUND_KL] = fmin(kl_bound(s, n_levels), peak);
    out[TRO_BOUND_OFFSET_MSE] = tro_stats_has_tail(s) ? tro_bound_offset_mse(s)
                                                      : out[TRO_BOUND_MSE];
}
