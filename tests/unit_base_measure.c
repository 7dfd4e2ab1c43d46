/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies and energy counters. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/energy.h"
#include "base/latency.h"
#include "test.h"

TEST(latency_percentiles)
{
    int64_t ns[1001];
    for (int i = 0; i <= 1000; i++)
        ns[i] = (int64_t)((i * 7919) % 1001) * 1000000; /* 0 to 1000 ms in some order */
    const struct tro_latency l = tro_latency_of(ns, 1001);
    CHECK_NEAR(l.min, 0, 0);
    CHECK_NEAR(l.mean, 500, 1e-9);
    CHECK_NEAR(l.p10, 100, 1e-9);
    CHECK_NEAR(l.p50, 500, 1e-9);
    CHECK_NEAR(l.p90, 900, 1e-9);
    CHECK_NEAR(l.p95, 950, 1e-9);
    CHECK_NEAR(l.p99, 990, 1e-9);
    CHECK_NEAR(l.p999, 999, 1e-9);
    CHECK_NEAR(l.max, 1000, 0);
    CHECK_NEAR(tro_quantile(ns, 1001, 0.99995), 999.95e6, 1e-3);
}

TEST(latency_of_few)
{
    int64_t ns[2] = {3000000, 1000000};
    CHECK_NEAR(tro_latency_of(ns, 0).max, 0, 0);
    CHECK_NEAR(tro_latency_of(ns, 1).p999, 3, 0);
    const struct tro_latency l = tro_latency_of(ns, 2);
    CHECK_NEAR(l.min, 1, 0);
    CHECK_NEAR(l.p50, 2, 1e-12);
    CHECK_NEAR(l.p90, 2.8, 1e-12);
}

TEST(histogram_counts_each_once)
{
    int64_t ns[500];
    for (int i = 0; i < 499; i++)
        ns[i] = 5000000 + i * 1000;
    ns[499] = 900000000; /* one that is late */
    const struct tro_histogram h = tro_histogram_of(ns, 500);
    int64_t sum = 0, most = 0;
    for (int i = 0; i < TRO_HISTOGRAM_BINS; i++) {
        sum += h.count[i];
        most = h.count[i] > most ? h.count[i] : most;
    }
    CHECK_INT(sum, 500);
    CHECK_INT(most, h.most);
    CHECK(h.begin_ms <= 5 && h.begin_ms + h.width_ms > 5);
    CHECK_INT(h.count[TRO_HISTOGRAM_BINS - 1], 1);
    CHECK(h.most < 250); /* the late one does not squeeze them together */
}

TEST(histogram_of_equal_times)
{
    int64_t ns[3] = {0, 0, 0};
    CHECK_INT(tro_histogram_of(ns, 3).count[0], 3);
    for (int i = 0; i < 3; i++)
        ns[i] = 7000000;
    CHECK_INT(tro_histogram_of(ns, 3).most, 3);
    CHECK_INT(tro_histogram_of(ns, 0).most, 0);
}

/* ---- energy ---------------------------------------------------------------------------- */

static char folder[64];

static void put(const char *package, const char *name, long long value)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, package);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", folder, package, name);
    FILE *f = fopen(path, "w");
    if (!CHECK(f != NULL))
        return;
    fprintf(f, "%lld\n", value);
    fclose(f);
}

static void drop(const char *package, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s/%s", folder, package, name);
    unlink(path);
    snprintf(path, sizeof path, "%s/%s", folder, package);
    rmdir(path);
}

TEST(energy_of_packages)
{
    struct tro_energy e;
    double mj = -1;
    snprintf(folder, sizeof folder, "/tmp/trocar_energy_XXXXXX");
    CHECK_OR_RETURN(mkdtemp(folder) != NULL);
    for (int i = 0; i < 2; i++) {
        put(i ? "intel-rapl:1" : "intel-rapl:0", "max_energy_range_uj", 1000000);
        put(i ? "intel-rapl:1" : "intel-rapl:0", "energy_uj", i ? 900000 : 100);
    }
    tro_energy_open(&e, folder);
    CHECK_INT(e.n_packages, 2);
    CHECK(tro_energy_read(&e, &mj) && mj == 0);
    put("intel-rapl:0", "energy_uj", 2100);
    put("intel-rapl:1", "energy_uj", 50000); /* began anew: 150000 further */
    CHECK(tro_energy_read(&e, &mj));
    CHECK_NEAR(mj, 152, 1e-9);
    CHECK(tro_energy_read(&e, &mj));
    CHECK_NEAR(mj, 152, 1e-9);
    for (int i = 0; i < 2; i++) {
        drop(i ? "intel-rapl:1" : "intel-rapl:0", "max_energy_range_uj");
        drop(i ? "intel-rapl:1" : "intel-rapl:0", "energy_uj");
    }
    CHECK(!tro_energy_read(&e, &mj));
    tro_energy_open(&e, folder);
    CHECK_INT(e.n_packages, 0);
    CHECK(!tro_energy_read(&e, &mj));
    rmdir(folder);
}
