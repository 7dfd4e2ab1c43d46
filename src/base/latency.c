/* SPDX-License-Identifier: Apache-2.0 */
#include "base/latency.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double tro_quantile(const int64_t *sorted_ns, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;
    const double low = (double)sorted_ns[i], high = (double)sorted_ns[i + 1 < n ? i + 1 : i];
    return low + (high - low) * (at - (double)i);
}

struct tro_latency tro_latency_of(int64_t *ns, size_t n)
{
    struct tro_latency l = {0};
    if (!n)
        return l;
    qsort(ns, n, sizeof *ns, by_value);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)ns[i];
    l.min = (double)ns[0] * 1e-6;
    l.mean = sum / (double)n * 1e-6;
    l.p10 = tro_quantile(ns, n, 0.1) * 1e-6;
    l.p50 = tro_quantile(ns, n, 0.5) * 1e-6;
    l.p90 = tro_quantile(ns, n, 0.9) * 1e-6;
    l.p95 = tro_quantile(ns, n, 0.95) * 1e-6;
    l.p99 = tro_quantile(ns, n, 0.99) * 1e-6;
    l.p999 = tro_quantile(ns, n, 0.999) * 1e-6;
    l.max = (double)ns[n - 1] * 1e-6;
    return l;
}

/* 1, 2 or 5 times a power of ten, the next one that is not below x. */
static double round_step(double x)
{
    const double power = pow(10, floor(log10(x)));
    const double times = x / power;
    return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

struct tro_histogram tro_histogram_of(const int64_t *sorted_ns, size_t n)
{
    struct tro_histogram h = {0};
    if (!n)
        return h;
    const double first = (double)sorted_ns[0] * 1e-6;
    const double last = tro_quantile(sorted_ns, n, 0.97) * 1e-6;
    const double span = fmax(last - first, first * 1e-3 + 1e-6);
    h.width_ms = round_step(span / (TRO_HISTOGRAM_BINS - 2));
    h.begin_ms = floor(first / h.width_ms) * h.width_ms;
    for (size_t i = 0; i < n; i++) {
        const double bin = ((double)sorted_ns[i] * 1e-6 - h.begin_ms) / h.width_ms;
        const int at = bin < 0                         ? 0
                       : bin >= TRO_HISTOGRAM_BINS - 1 ? TRO_HISTOGRAM_BINS - 1
                                                       : (int)bin;
        if (++h.count[at] > h.most)
            h.most = h.count[at];
    }
    return h;
}
