/* SPDX-License-Identifier: Apache-2.0 */
#include "run/team.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#include "base/alloc.h"
#include "base/err.h"

#define MAX_MEMBERS 256
#define SPINS 20000 /* some 100 us, longer than most steps take */
#define LINE 64

/*
 * The job at hand in one word, so that a part is claimed by one exchange:
 *
 *     number of the job (32 bits) | parts in all (16) | parts claimed (16)
 *
 * Who claimed a part of a job keeps that job alive: fn and ctx are its own until the part is done.
 */
struct tro_team {
    _Alignas(LINE) _Atomic uint64_t ticket;
    _Alignas(LINE) atomic_int n_done; /* parts of the job at hand */
    _Alignas(LINE) atomic_uint wakes; /* changes when sleepers shall look again */
    atomic_int n_sleeping;
    _Alignas(LINE) int n;
    int n_spins;
    atomic_bool is_ending;
    tro_team_fn *fn;
    void *ctx;
    pthread_t threads[MAX_MEMBERS];
    struct member {
        struct tro_team *team;
        int index;
    } members[MAX_MEMBERS];
};

static unsigned job_of(uint64_t ticket)
{
    return (unsigned)(ticket >> 32);
}

static unsigned n_parts_of(uint64_t ticket)
{
    return (unsigned)(ticket >> 16 & 0xffff);
}

static unsigned n_claimed_of(uint64_t ticket)
{
    return (unsigned)(ticket & 0xffff);
}

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void sleep_while(atomic_uint *value, unsigned old)
{
#ifdef __linux__
    syscall(SYS_futex, value, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
#else
    (void)value;
    (void)old;
    sched_yield();
#endif
}

static void wake_all(atomic_uint *value)
{
#ifdef __linux__
    syscall(SYS_futex, value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)value;
#endif
}

/* Does parts of the job at hand until none is left; returns its number. */
static unsigned help(struct tro_team *t, int member)
{
    uint64_t ticket = atomic_load(&t->ticket);
    while (n_claimed_of(ticket) < n_parts_of(ticket)) {
        if (!atomic_compare_exchange_weak(&t->ticket, &ticket, ticket + 1))
            continue;
        t->fn(t->ctx, (int)n_claimed_of(ticket), member);
        atomic_fetch_add(&t->n_done, 1);
        ticket = atomic_load(&t->ticket);
    }
    return job_of(ticket);
}

static bool has_news(const struct tro_team *t, unsigned job)
{
    return job_of(atomic_load_explicit(&t->ticket, memory_order_acquire)) != job ||
           atomic_load(&t->is_ending);
}

static void wait_for_job(struct tro_team *t, unsigned job)
{
    for (int i = 0; i < t->n_spins; i++) {
        if (has_news(t, job))
            return;
        pause_cpu();
    }
    atomic_fetch_add(&t->n_sleeping, 1);
    for (;;) {
        const unsigned wakes = atomic_load(&t->wakes);
        if (has_news(t, job))
            break;
        sleep_while(&t->wakes, wakes);
    }
    atomic_fetch_sub(&t->n_sleeping, 1);
}

static void wake_sleepers(struct tro_team *t)
{
    if (atomic_load(&t->n_sleeping) == 0)
        return;
    atomic_fetch_add(&t->wakes, 1);
    wake_all(&t->wakes);
}

static void *member_main(void *arg)
{
    const struct member *const m = arg;
    unsigned job = 0;
    while (!atomic_load(&m->team->is_ending)) {
        wait_for_job(m->team, job);
        job = help(m->team, m->index);
    }
    return NULL;
}

struct tro_team *tro_team_create(int n, bool blocks, struct tro_err *err)
{
    struct tro_team *const t = tro_malloc_aligned(sizeof *t);
    if (!t) {
        tro_fail_nomem(err);
        return NULL;
    }
    memset(t, 0, sizeof *t);
    t->n = 1;
    t->n_spins = blocks ? 0 : SPINS;
    n = n < 1 ? 1 : n > MAX_MEMBERS ? MAX_MEMBERS : n;
    for (int i = 1; i < n; i++) {
        t->members[i] = (struct member){t, i};
        if (pthread_create(&t->threads[i], NULL, member_main, &t->members[i]) != 0)
            break;
        t->n++;
    }
    return t;
}

void tro_team_destroy(struct tro_team *t)
{
    if (!t)
        return;
    atomic_store(&t->is_ending, true);
    wake_sleepers(t);
    for (int i = 1; i < t->n; i++)
        pthread_join(t->threads[i], NULL);
    tro_free(t);
}

int tro_team_size(const struct tro_team *t)
{
    return t->n;
}

void tro_team_run(struct tro_team *t, int n_parts, tro_team_fn *fn, void *ctx)
{
    if (t->n == 1 || n_parts <= 1) {
        for (int i = 0; i < n_parts; i++)
            fn(ctx, i, 0);
        return;
    }
    const uint64_t job = job_of(atomic_load_explicit(&t->ticket, memory_order_relaxed)) + 1u;
    t->fn = fn;
    t->ctx = ctx;
    atomic_store_explicit(&t->n_done, 0, memory_order_relaxed);
    atomic_store(&t->ticket, (job & 0xffffffff) << 32 | (uint64_t)n_parts << 16);
    wake_sleepers(t);
    help(t, 0);
    /* Who is in the middle of a part may need this very processor. */
    for (int i = 0; atomic_load_explicit(&t->n_done, memory_order_acquire) < n_parts; i++) {
        if (i < SPINS)
            pause_cpu();
        else
            sched_yield();
    }
}

int tro_team_default_size(int n)
{
    const char *const text = n > 0 ? NULL : getenv("TROCAR_THREADS");
    long count = n > 0 ? n : text ? strtol(text, NULL, 10) : 0;
#ifdef __linux__
    cpu_set_t set;
    if (count < 1 && sched_getaffinity(0, sizeof(set), &set) == 0)
        count = CPU_COUNT(&set);
#endif
    if (count < 1)
        count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MAX_MEMBERS ? MAX_MEMBERS : (int)count;
}
