/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/stats.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

#define MOST_OF_BOTH 1.8f /* of twice the greatest magnitude */

int tro_stats_init(struct tro_stats *s, int n_channels, struct tro_arena *arena,
                   struct tro_err *err)
{
    *s = (struct tro_stats){.n_channels = n_channels, .least = INFINITY};
    s->channels = TRO_NEW_N(arena, struct tro_stats_channel, (size_t)n_channels + 1);
    if (!s->channels)
        return tro_fail_nomem(err);
    for (int i = 0; i < n_channels; i++)
        s->channels[i] = (struct tro_stats_channel){INFINITY, -INFINITY, 0};
    return 0;
}

float tro_stats_peak(const struct tro_stats *s)
{
    return s->max > -s->min ? s->max : -s->min;
}

/* What an offset gains is the share of levels that no element needs. */
bool tro_stats_has_tail(const struct tro_stats *s)
{
    return s->min < 0 && s->max > 0 && s->max - s->min < MOST_OF_BOTH * tro_stats_peak(s);
}

/* Until the magnitude is below the end. */
static void widen(struct tro_stats *s, double magnitude)
{
    if (s->top == 0)
        s->top = ldexp(1, ilogb(magnitude) + 1);
    for (; magnitude >= s->top; s->top *= 2) {
        for (int i = 0; i < TRO_STATS_BINS / 2; i++)
            s->bins[i] = s->bins[2 * i] + s->bins[2 * i + 1];
        memset(&s->bins[TRO_STATS_BINS / 2], 0, sizeof s->bins / 2);
    }
}

/* Elements that lie side by side, of one channel. */
struct run {
    float min, max;
    double sum, least;
    int64_t n_bad;
};

static struct run look(const float *x, int64_t n)
{
    struct run r = {INFINITY, -INFINITY, 0, INFINITY, 0};
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i];
        if (!isfinite(v)) {
            r.n_bad++;
            continue;
        }
        r.min = v < r.min ? v : r.min;
        r.max = v > r.max ? v : r.max;
        r.sum += (double)v;
        if (v != 0 && fabs((double)v) < r.least)
            r.least = fabs((double)v);
    }
    return r;
}

static void count(struct tro_stats *s, const float *x, int64_t n)
{
    const double to_bin = TRO_STATS_BINS / s->top;
    for (int64_t i = 0; i < n; i++) {
        const double v = fabs((double)x[i]);
        if (v == 0)
            s->n_zero++;
        else if (isfinite(v))
            s->bins[(int)(v * to_bin)]++;
    }
}

static void add_run(struct tro_stats *s, const float *x, int64_t n, struct tro_stats_channel *c)
{
    const struct run r = look(x, n);
    s->n_bad += r.n_bad;
    if (r.n_bad == n)
        return;
    s->min = s->n == 0 || r.min < s->min ? r.min : s->min;
    s->max = s->n == 0 || r.max > s->max ? r.max : s->max;
    s->least = r.least < s->least ? r.least : s->least;
    s->n += n - r.n_bad;
    if (c) {
        c->min = r.min < c->min ? r.min : c->min;
        c->max = r.max > c->max ? r.max : c->max;
        c->sum += r.sum;
    }
    const double peak = fabs((double)(r.max > -r.min ? r.max : r.min));
    if (peak > 0)
        widen(s, peak);
    if (s->top > 0)
        count(s, x, n);
    else
        s->n_zero += n - r.n_bad;
}

void tro_stats_add(struct tro_stats *s, const struct tro_tensor *t, int axis)
{
    const float *const x = t->data;
    int64_t inner = 1, outer = 1;
    if (s->n_channels == 0 || axis >= t->rank) {
        add_run(s, x, tro_tensor_n_elems(t), NULL);
        return;
    }
    for (int i = 0; i < axis; i++)
        outer *= t->shape[i];
    for (int i = axis + 1; i < t->rank; i++)
        inner *= t->shape[i];
    for (int64_t o = 0; o < outer; o++)
        for (int c = 0; c < s->n_channels; c++)
            add_run(s, x + (o * s->n_channels + c) * inner, inner, &s->channels[c]);
}

void tro_stats_join(struct tro_stats *to, const struct tro_stats *from)
{
    struct tro_stats other = *from;
    to->n_bad += from->n_bad;
    if (from->n == 0)
        return;
    to->min = to->n == 0 || from->min < to->min ? from->min : to->min;
    to->max = to->n == 0 || from->max > to->max ? from->max : to->max;
    to->least = from->least < to->least ? from->least : to->least;
    to->n += from->n;
    to->n_zero += from->n_zero;
    if (from->top == 0)
        return;
    widen(to, from->top / 2);
    widen(&other, to->top / 2);
    for (int i = 0; i < TRO_STATS_BINS; i++)
        to->bins[i] += other.bins[i];
}
