/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/metrics.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/latency.h"

#define WINDOW 1024

const double tro_metrics_bounds_s[TRO_N_BUCKETS] = {0.001, 0.002,  0.004, 0.006, 0.008, 0.01,
                                                    0.012, 0.0167, 0.033, 0.05,  0.1};

struct series {
    atomic_uint_fast64_t count[TRO_N_BUCKETS + 1]; /* of each bucket alone */
    atomic_uint_fast64_t sum_ns, next;
    atomic_int_fast64_t window[WINDOW];
};

struct tro_metrics {
    atomic_uint_fast64_t counters[TRO_N_COUNTERS];
    atomic_uint_fast64_t networks[TRO_BOARD_MAX_NETWORKS][TRO_N_NETWORK_COUNTERS];
    atomic_uint_fast64_t frame_misses;
    struct series series[TRO_N_SERIES];
};

struct tro_metrics *tro_metrics_create(struct tro_err *err)
{
    struct tro_metrics *const m = tro_calloc(1, sizeof(*m));
    if (!m)
        tro_fail_nomem(err);
    return m;
}

void tro_metrics_destroy(struct tro_metrics *m)
{
    tro_free(m);
}

static void add(atomic_uint_fast64_t *to, uint64_t n)
{
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static void set(atomic_uint_fast64_t *to, uint64_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

static uint64_t get(const atomic_uint_fast64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

void tro_metrics_add(struct tro_metrics *m, enum tro_counter counter, uint64_t n)
{
    if (m)
        add(&m->counters[counter], n);
}

void tro_metrics_set(struct tro_metrics *m, enum tro_counter counter, uint64_t value)
{
    if (m)
        set(&m->counters[counter], value);
}

uint64_t tro_metrics_get(const struct tro_metrics *m, enum tro_counter counter)
{
    return m ? get(&m->counters[counter]) : 0;
}

static bool is_network(int network)
{
    return network >= 0 && network < TRO_BOARD_MAX_NETWORKS;
}

void tro_metrics_network_add(struct tro_metrics *m, int network, enum tro_network_counter counter,
                             uint64_t n)
{
    if (m && is_network(network))
        add(&m->networks[network][counter], n);
}

void tro_metrics_network_set(struct tro_metrics *m, int network, enum tro_network_counter counter,
                             uint64_t value)
{
    if (m && is_network(network))
        set(&m->networks[network][counter], value);
}

uint64_t tro_metrics_network_get(const struct tro_metrics *m, int network,
                                 enum tro_network_counter counter)
{
    return m && is_network(network) ? get(&m->networks[network][counter]) : 0;
}

void tro_metrics_time(struct tro_metrics *m, int series, int64_t ns)
{
    if (!m || series < 0 || series >= TRO_N_SERIES)
        return;
    struct series *const s = &m->series[series];
    const int64_t time_ns = ns > 0 ? ns : 0;
    int bucket = 0;
    while (bucket < TRO_N_BUCKETS && (double)time_ns > tro_metrics_bounds_s[bucket] * 1e9)
        bucket++;
    add(&s->count[bucket], 1);
    add(&s->sum_ns, (uint64_t)time_ns);
    const uint64_t place = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed) % WINDOW;
    atomic_store_explicit(&s->window[place], time_ns, memory_order_relaxed);
}

void tro_metrics_frame(struct tro_metrics *m, int64_t ns, double budget_ms)
{
    tro_metrics_time(m, TRO_SERIES_FRAME, ns);
    if (m && (double)ns > budget_ms * 1e6)
        add(&m->frame_misses, 1);
}

uint64_t tro_metrics_frame_misses(const struct tro_metrics *m)
{
    return m ? get(&m->frame_misses) : 0;
}

struct tro_quantiles tro_metrics_quantiles(const struct tro_metrics *m, int series)
{
    struct tro_quantiles q = {0};
    if (!m)
        return q;
    const struct series *const s = &m->series[series];
    q.n_all = get(&s->next);
    q.n = (int)(q.n_all < WINDOW ? q.n_all : WINDOW);
    int64_t times[WINDOW];
    for (int i = 0; i < q.n; i++)
        times[i] = atomic_load_explicit(&s->window[i], memory_order_relaxed);
    const struct tro_latency latency = tro_latency_of(times, (size_t)q.n);
    q.p50_ms = latency.p50;
    q.p95_ms = latency.p95;
    q.p99_ms = latency.p99;
    q.max_ms = latency.max;
    return q;
}

void tro_metrics_histogram(const struct tro_metrics *m, int series,
                           struct tro_metrics_histogram *out)
{
    *out = (struct tro_metrics_histogram){0};
    if (!m)
        return;
    const struct series *const s = &m->series[series];
    uint64_t n = 0;
    for (int i = 0; i <= TRO_N_BUCKETS; i++) {
        n += get(&s->count[i]);
        out->count[i] = n;
    }
    out->sum_s = (double)get(&s->sum_ns) / 1e9;
}
