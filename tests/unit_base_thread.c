/* SPDX-License-Identifier: Apache-2.0 */
/* Work spread over threads. */
#include "base/thread.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define N_MAX 1000

struct record {
    atomic_int n_calls[N_MAX];
    pthread_t who[N_MAX];
};

static void note(void *ctx, int64_t i)
{
    struct record *const r = ctx;
    atomic_fetch_add(&r->n_calls[i], 1);
    r->who[i] = pthread_self();
}

/* Ranges: how often the thread changes along the indices, plus one; -1 when a thread comes back
 * or an index was not called exactly once. */
static int n_ranges(const struct record *r, int64_t n)
{
    int count = n > 0;
    for (int64_t i = 0; i < n; i++) {
        if (atomic_load(&r->n_calls[i]) != 1)
            return -1;
        if (i == 0 || pthread_equal(r->who[i], r->who[i - 1]))
            continue;
        count++;
        for (int64_t k = 0; k < i; k++)
            if (pthread_equal(r->who[k], r->who[i]))
                return -1;
    }
    return count;
}

TEST(parallel_calls_each_index_once)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 64, 999, 1000};
    for (int threads = 1; threads <= 9; threads++) {
        tro_threads_set(threads);
        for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
            static struct record r;
            memset(&r, 0, sizeof(r));
            tro_parallel_for(sizes[k], note, &r);
            CHECK_INT(n_ranges(&r, sizes[k]), sizes[k] < threads ? sizes[k] : threads);
            for (int64_t i = sizes[k]; i < N_MAX; i++)
                CHECK_OR_RETURN(atomic_load(&r.n_calls[i]) == 0);
        }
    }
    tro_threads_set(0);
}

/* The same partition each time: where the ranges begin does not depend on timing. */
TEST(parallel_partition_is_fixed)
{
    static struct record r;
    bool begins[2][N_MAX];
    tro_threads_set(7);
    for (int run = 0; run < 2; run++) {
        memset(&r, 0, sizeof(r));
        tro_parallel_for(N_MAX, note, &r);
        for (int64_t i = 0; i < N_MAX; i++)
            begins[run][i] = i == 0 || !pthread_equal(r.who[i], r.who[i - 1]);
    }
    tro_threads_set(0);
    CHECK(memcmp(begins[0], begins[1], sizeof(begins[0])) == 0);
    CHECK(begins[0][143] && begins[0][286] && begins[0][858]); /* 1000 = 6 * 143 + 142 */
}

static void wave(void *ctx, int64_t i)
{
    ((double *)ctx)[i] = sin((double)i) / (double)(i + 1);
}

TEST(parallel_results_do_not_depend_on_threads)
{
    double one[N_MAX], many[N_MAX];
    tro_threads_set(1);
    tro_parallel_for(N_MAX, wave, one);
    for (int threads = 2; threads < 12; threads++) {
        tro_threads_set(threads);
        memset(many, 0, sizeof(many));
        tro_parallel_for(N_MAX, wave, many);
        CHECK(memcmp(one, many, sizeof(one)) == 0);
    }
    tro_threads_set(0);
}

struct nest {
    struct record inner[8];
    atomic_int n_moved;
};

static void outer(void *ctx, int64_t i)
{
    struct nest *const nest = ctx;
    tro_parallel_for(20, note, &nest->inner[i]);
    for (int k = 0; k < 20; k++)
        if (!pthread_equal(nest->inner[i].who[k], pthread_self()))
            atomic_fetch_add(&nest->n_moved, 1);
}

TEST(parallel_nested_runs_inline)
{
    static struct nest nest;
    tro_threads_set(3);
    tro_parallel_for(8, outer, &nest);
    CHECK_INT(atomic_load(&nest.n_moved), 0);
    for (int i = 0; i < 8; i++)
        CHECK_INT(n_ranges(&nest.inner[i], 20), 1);
    /* Afterwards the caller's thread spreads work again. */
    static struct record r;
    tro_parallel_for(20, note, &r);
    CHECK_INT(n_ranges(&r, 20), 3);
    tro_threads_set(0);
}

static int ranges_by_default(void)
{
    static struct record r;
    memset(&r, 0, sizeof(r));
    tro_parallel_for(N_MAX, note, &r);
    return n_ranges(&r, N_MAX);
}

TEST(parallel_threads_from_the_environment)
{
    const char *const was = getenv("TROCAR_THREADS");
    char *const saved = was ? strdup(was) : NULL;
    cpu_set_t set;
    CHECK_INT(sched_getaffinity(0, sizeof(set), &set), 0);
    const int n_cpus = CPU_COUNT(&set) < 256 ? CPU_COUNT(&set) : 256;
    setenv("TROCAR_THREADS", "5", 1);
    CHECK_INT(ranges_by_default(), 5);
    tro_threads_set(2);
    CHECK_INT(ranges_by_default(), 2);
    tro_threads_set(0);
    setenv("TROCAR_THREADS", "100000", 1);
    CHECK_INT(ranges_by_default(), 256);
    static const char *const senseless[] = {"", "0", "-3", "many"};
    for (int i = 0; i < 4; i++) {
        setenv("TROCAR_THREADS", senseless[i], 1);
        CHECK_INT(ranges_by_default(), n_cpus);
    }
    unsetenv("TROCAR_THREADS");
    CHECK_INT(ranges_by_default(), n_cpus);
    if (saved)
        setenv("TROCAR_THREADS", saved, 1);
    free(saved);
}

static void *call_repeatedly(void *arg)
{
    for (int i = 0; i < 50; i++) {
        struct record *const r = arg;
        memset(r, 0, sizeof(*r));
        tro_parallel_for(100, note, r);
        if (n_ranges(r, 100) != 3)
            return arg;
    }
    return NULL;
}

TEST(parallel_from_two_threads_at_once)
{
    static struct record records[2];
    pthread_t other;
    tro_threads_set(3);
    CHECK_OR_RETURN(pthread_create(&other, NULL, call_repeatedly, &records[0]) == 0);
    CHECK(call_repeatedly(&records[1]) == NULL);
    void *failed = NULL;
    pthread_join(other, &failed);
    CHECK(failed == NULL);
    tro_threads_set(0);
}

#ifdef __GLIBC__
/* A stack no machine has room for: pthread_create fails each time. */
TEST(parallel_without_threads)
{
    pthread_attr_t huge, normal;
    CHECK_OR_RETURN(pthread_getattr_default_np(&normal) == 0);
    pthread_attr_init(&huge);
    CHECK_OR_RETURN(pthread_attr_setstacksize(&huge, (size_t)1 << 52) == 0);
    CHECK_OR_RETURN(pthread_setattr_default_np(&huge) == 0);
    static struct record r;
    tro_threads_set(4);
    tro_parallel_for(100, note, &r);
    tro_threads_set(0);
    CHECK_INT(pthread_setattr_default_np(&normal), 0);
    CHECK_INT(n_ranges(&r, 100), 1);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&normal);
}
#endif

TEST(clock_goes_forward)
{
    const int64_t a = tro_clock_ns(), b = tro_clock_ns();
    CHECK(a > 0 && b >= a);
}
