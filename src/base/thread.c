/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 256

struct range {
    int64_t begin, end;
    void (*fn)(void *ctx, int64_t i);
    void *ctx;
};

struct worker {
    struct range range;
    pthread_t thread;
    bool is_started;
};

static atomic_int n_threads_set;
static _Thread_local bool is_inside;

void tro_threads_set(int n)
{
    atomic_store(&n_threads_set, n > 0 ? n : 0);
}

static long n_processors(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
#endif
    return sysconf(_SC_NPROCESSORS_ONLN);
}

int tro_threads_get(void)
{
    long n = atomic_load(&n_threads_set);
    const char *const text = n ? NULL : getenv("TROCAR_THREADS");
    if (text)
        n = strtol(text, NULL, 10);
    if (n < 1)
        n = n_processors();
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

static void run_range(const struct range *r)
{
    for (int64_t i = r->begin; i < r->end; i++)
        r->fn(r->ctx, i);
}

static void *worker_main(void *arg)
{
    is_inside = true;
    run_range(&((struct worker *)arg)->range);
    return NULL;
}

/* The first n % n_parts parts are one longer than the others. */
static struct range part_of(struct range all, int64_t part, int64_t n_parts)
{
    const int64_t each = all.end / n_parts, longer = all.end % n_parts;
    all.begin = part * each + (part < longer ? part : longer);
    all.end = all.begin + each + (part < longer);
    return all;
}

void tro_parallel_for(int64_t n, void (*fn)(void *ctx, int64_t i), void *ctx)
{
    const struct range all = {0, n, fn, ctx};
    int n_parts = n > 1 && !is_inside ? tro_threads_get() : 1;
    if (n_parts > n)
        n_parts = (int)n;
    if (n_parts <= 1) {
        run_range(&all);
        return;
    }
    struct worker workers[MAX_THREADS];
    for (int t = 1; t < n_parts; t++) {
        workers[t].range = part_of(all, t, n_parts);
        workers[t].is_started = pthread_create(&workers[t].thread, NULL, worker_main,
                                               &workers[t]) == 0;
    }
    is_inside = true;
    const struct range own = part_of(all, 0, n_parts);
    run_range(&own);
    for (int t = 1; t < n_parts; t++) {
        if (workers[t].is_started)
            pthread_join(workers[t].thread, NULL);
        else
            run_range(&workers[t].range);
    }
    is_inside = false;
}

int64_t tro_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
