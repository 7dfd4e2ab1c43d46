/* SPDX-License-Identifier: Apache-2.0 */
/* What many times of the same thing tell. */
#ifndef TRO_BASE_LATENCY_H
#define TRO_BASE_LATENCY_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds. A percentile is linear between the two nearest times. */
struct tro_latency {
    double min, mean, p10, p50, p90, p95, p99, p999, max;
};

/* Sorts the times (nanoseconds); all zero when there are none. */
struct tro_latency tro_latency_of(int64_t *ns, size_t n);

/* Between sorted times, 0 <= q <= 1; n > 0. Nanoseconds. */
double tro_quantile(const int64_t *sorted_ns, size_t n, double q);

/* Times counted in bins of equal width, the last one with all that is slower. */
#define TRO_HISTOGRAM_BINS 16
struct tro_histogram {
    double begin_ms, width_ms;
    int64_t count[TRO_HISTOGRAM_BINS];
    int64_t most; /* in one bin */
};

/* Bins end near the 97th percentile, so that a few slow runs do not squeeze the others into one
 * bin. sorted_ns as tro_latency_of leaves it. */
struct tro_histogram tro_histogram_of(const int64_t *sorted_ns, size_t n);

#endif
