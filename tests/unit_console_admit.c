/* SPDX-License-Identifier: Apache-2.0 */
/* Admission, held against lanes played through with every release that a small set allows. */
#include "console/core/admit.h"
#include "test.h"

#include "base/random.h"

#include <stdlib.h>

enum { MAX_JOBS = 3, HORIZON = 120 };

static struct tro_admit job(int64_t period, int64_t deadline, int64_t worst)
{
    return (struct tro_admit){.name = "n",
                              .device = "cpu",
                              .period_ns = period,
                              .deadline_ns = deadline,
                              .worst_ns = worst};
}

/* One lane from time 0 on: job i is released at offset[i] and every period after it; a job that has
 * begun runs to its end. worst[i]: the longest from a release to its end. */
static void play(const struct tro_admit *set, int n, const int *offset, int64_t *worst)
{
    int64_t next[MAX_JOBS], now = 0;
    for (int i = 0; i < n; i++)
        next[i] = offset[i];
    while (now < HORIZON) {
        int best = -1;
        int64_t soonest = INT64_MAX;
        for (int i = 0; i < n; i++) {
            soonest = next[i] < soonest ? next[i] : soonest;
            if (next[i] > now)
                continue;
            /* Of equal deadlines the one that was released later is the worse case for others;
             * ties go against the job that is looked at, which is the first. */
            if (best < 0 || next[i] + set[i].deadline_ns < next[best] + set[best].deadline_ns ||
                (next[i] + set[i].deadline_ns == next[best] + set[best].deadline_ns && best == 0))
                best = i;
        }
        if (best < 0) {
            now = soonest;
            continue;
        }
        now += set[best].worst_ns;
        if (now - next[best] > worst[best])
            worst[best] = now - next[best];
        next[best] += set[best].period_ns;
    }
}

/* All offsets; the first job's ties are the ones that count. */
static int64_t worst_played(const struct tro_admit *set, int n)
{
    int64_t worst[MAX_JOBS] = {0};
    int offset[MAX_JOBS];
    for (offset[0] = 0; offset[0] <= set[0].period_ns; offset[0]++)
        for (offset[1] = 0; offset[1] <= (n > 1 ? set[1].period_ns : 0); offset[1]++)
            for (offset[2] = 0; offset[2] <= (n > 2 ? set[2].period_ns : 0); offset[2]++)
                play(set, n, offset, worst);
    return worst[0];
}

/* A job that begins a moment before another one is released: times are scaled so that a moment is
 * much less than a unit. */
enum { UNIT = 1000 };

static void scale(const struct tro_admit *from, int n, struct tro_admit *to)
{
    for (int i = 0; i < n; i++) {
        to[i] = from[i];
        to[i].period_ns *= UNIT;
        to[i].deadline_ns *= UNIT;
        to[i].worst_ns *= UNIT;
    }
}

TEST(admit_against_play)
{
    int n_bounded = 0, n_equal = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct tro_admit set[MAX_JOBS], large[MAX_JOBS];
        const int n = 1 + (int)(tro_random_word(seed, 0, 0) % MAX_JOBS);
        for (int i = 0; i < n; i++) {
            const int64_t period = 3 + (int64_t)(tro_random_word(seed, 1, (uint64_t)i) % 9);
            const int64_t worst = 1 + (int64_t)(tro_random_word(seed, 2, (uint64_t)i) % 3);
            const int64_t deadline = worst + (int64_t)(tro_random_word(seed, 3, (uint64_t)i) % 9);
            set[i] = job(period, deadline, worst);
        }
        scale(set, n, large);
        tro_admit_check(large, n);
        if (large[0].response_ns < 0)
            continue;
        n_bounded++;
        const int64_t played = worst_played(set, n) * UNIT;
        n_equal += large[0].response_ns - played < UNIT;
        test_check(large[0].response_ns >= played, __FILE__, __LINE__,
                   "seed %llu: %lld found, %lld played", (unsigned long long)seed,
                   (long long)large[0].response_ns, (long long)played);
        /* What has begun may be up to a unit longer than whole offsets can show. */
        test_check(large[0].response_ns - played <= UNIT, __FILE__, __LINE__,
                   "seed %llu: %lld found, %lld played", (unsigned long long)seed,
                   (long long)large[0].response_ns, (long long)played);
    }
    CHECK(n_bounded > 80);
    CHECK(n_equal > 30);
}

TEST(admit_known_sets)
{
    struct tro_admit one[] = {job(10, 10, 4)};
    CHECK(tro_admit_check(one, 1));
    CHECK_INT(one[0].response_ns, 4);

    /* The short one waits for the long one that has just begun. */
    struct tro_admit two[] = {job(10, 10, 2), job(100, 100, 30)};
    CHECK(!tro_admit_check(two, 2));
    CHECK_INT(two[0].response_ns, 32);
    CHECK(!two[0].holds);
    CHECK(two[1].holds);

    /* On lanes of their own both fit. */
    two[1].lane = 1;
    CHECK(tro_admit_check(two, 2));
    CHECK_INT(two[0].response_ns, 2);
    CHECK_INT(two[1].response_ns, 30);

    struct tro_admit full[] = {job(10, 50, 6), job(10, 50, 6)};
    CHECK(!tro_admit_check(full, 2));
    CHECK_INT(full[0].response_ns, -1);
}

TEST(admit_table)
{
    struct tro_admit set[] = {job(16666667, 10000000, 4000000), job(16666667, 10000000, 8000000)};
    char *text = NULL;
    size_t n = 0;
    set[0].name = "tissue";
    set[1].name = "depth";
    CHECK(!tro_admit_check(set, 2));
    FILE *const out = open_memstream(&text, &n);
    CHECK_OR_RETURN(out);
    tro_admit_print(set, 2, out);
    fclose(out);
    CHECK_HAS(text, "tissue");
    CHECK_HAS(text, "DOES NOT FIT");
    CHECK_HAS(text, "depth: may be done 12.000 ms after its frame, expected at most 10.000 ms");
    free(text);
}

TEST(admit_worst_case)
{
    int64_t ns[100];
    for (int i = 0; i < 100; i++)
        ns[i] = 1000 - i;
    CHECK_INT(tro_admit_worst(ns, 100), (int64_t)(1.2 * 999.01));
    ns[0] = 5000;
    CHECK_INT(tro_admit_worst(ns, 100), 5000);
    CHECK_INT(tro_admit_worst(ns, 0), 0);
}
