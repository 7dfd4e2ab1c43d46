/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/summary.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/random.h"

static void swap(double *a, double *b)
{
    const double v = *a;
    *a = *b;
    *b = v;
}

/* The middle one of the first, the middle and the last, which are put in order. */
static double take_pivot(double *v, int64_t lo, int64_t hi)
{
    double *const a = &v[lo], *const b = &v[lo + (hi - lo) / 2], *const c = &v[hi];
    if (*a > *b)
        swap(a, b);
    if (*b > *c)
        swap(b, c);
    if (*a > *b)
        swap(a, b);
    return *b;
}

/* Value k in ascending order gets to its place, what is less before it, what is more behind
 * (Hoare). */
static void select_rank(double *v, int64_t n, int64_t k)
{
    for (int64_t lo = 0, hi = n - 1; lo < hi;) {
        const double pivot = take_pivot(v, lo, hi);
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j)
                swap(&v[i++], &v[j--]);
        }
        if (k <= j)
            hi = j;
        else if (k >= i)
            lo = i;
        else
            return;
    }
}

double tro_percentile(double *values, int64_t n, double percent)
{
    if (n == 0)
        return NAN;
    const double rank = percent / 100 * (double)(n - 1);
    const int64_t below = (int64_t)rank;
    select_rank(values, n, below);
    double above = values[below];
    for (int64_t i = below + 1; i < n; i++)
        above = i == below + 1 || values[i] < above ? values[i] : above;
    return values[below] + (above - values[below]) * (rank - (double)below);
}

/* Sums and numbers of values of each procedure. */
struct shares {
    double *sums;
    int64_t *counts;
    int n;
};

static double mean_of_draw(const struct shares *s, uint64_t seed, uint64_t draw)
{
    double sum = 0;
    int64_t count = 0;
    for (int i = 0; i < s->n; i++) {
        const uint64_t word = tro_random_word(seed, draw, (uint64_t)i);
        const int k = (int)((word >> 32) * (uint64_t)s->n >> 32);
        sum += s->sums[k];
        count += s->counts[k];
    }
    return count ? sum / (double)count : NAN;
}

/* Procedures without a value are not drawn. */
static int drop_empty(struct shares *s)
{
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->counts[i] == 0)
            continue;
        s->sums[n] = s->sums[i];
        s->counts[n++] = s->counts[i];
    }
    return n;
}

static int find_interval(const struct tro_sample *samples, int64_t n,
                         const struct tro_summary_opts *opts, struct tro_summary *out,
                         struct tro_err *err)
{
    const size_t n_procedures = (size_t)opts->n_procedures, n_draws = (size_t)opts->n_draws;
    struct shares s = {.n = opts->n_procedures};
    s.sums = tro_calloc(n_procedures + 1, sizeof(*s.sums));
    s.counts = tro_calloc(n_procedures + 1, sizeof(*s.counts));
    double *const means = tro_calloc(n_draws + 1, sizeof(*means));
    int rc = s.sums && s.counts && means ? 0 : tro_fail_nomem(err);
    for (int64_t i = 0; rc >= 0 && i < n; i++) {
        if (isnan(samples[i].value))
            continue;
        s.sums[samples[i].procedure] += samples[i].value;
        s.counts[samples[i].procedure]++;
    }
    if (rc >= 0)
        s.n = drop_empty(&s);
    if (rc >= 0 && s.n > 1) {
        for (size_t i = 0; i < n_draws; i++)
            means[i] = mean_of_draw(&s, opts->seed, i);
        out->lo = tro_percentile(means, (int64_t)n_draws, 2.5);
        out->hi = tro_percentile(means, (int64_t)n_draws, 97.5);
    }
    tro_free(s.sums);
    tro_free(s.counts);
    tro_free(means);
    return rc;
}

static void find_worst(const struct tro_sample *s, bool is_less_better, struct tro_summary *out)
{
    const bool is_worse = is_less_better ? s->value > out->worst : s->value < out->worst;
    if (out->worst_frame >= 0 && !is_worse)
        return;
    out->worst = s->value;
    out->worst_frame = s->frame;
}

int tro_summarize(const struct tro_sample *samples, int64_t n, const struct tro_summary_opts *opts,
                  struct tro_summary *out, struct tro_err *err)
{
    *out = (struct tro_summary){.mean = NAN, .median = NAN, .bad_tail = NAN, .worst = NAN};
    out->lo = out->hi = NAN;
    out->worst_frame = -1;
    double *const values = tro_malloc(((size_t)n + 1) * sizeof(*values));
    if (!values)
        return tro_fail_nomem(err);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(samples[i].value)) {
            out->n_undefined++;
            continue;
        }
        values[out->n++] = samples[i].value;
        sum += samples[i].value;
        find_worst(&samples[i], opts->is_less_better, out);
    }
    if (out->n) {
        out->mean = sum / (double)out->n;
        out->median = tro_percentile(values, out->n, 50);
        out->bad_tail = tro_percentile(values, out->n, opts->is_less_better ? 95 : 5);
    }
    tro_free(values);
    return find_interval(samples, n, opts, out, err);
}
