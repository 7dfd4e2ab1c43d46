/* SPDX-License-Identifier: Apache-2.0 */
#include "run/team.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
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

/* A number that only grows, and who waits for the next. Alone on its cache line. */
struct epoch {
    _Alignas(LINE) atomic_uint value;
    atomic_int n_sleeping;
};

struct tro_team {
    struct epoch job, barrier;
    _Alignas(LINE) atomic_int n_arrived;
    _Alignas(LINE) int n;
    int n_spins;
    bool is_ending;
    void (*fn)(void *ctx, int member, int size);
    void *ctx;
    pthread_t threads[MAX_MEMBERS];
    struct member {
        struct tro_team *team;
        int index;
    } members[MAX_MEMBERS];
};

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

static void wait_for_change(struct epoch *e, unsigned old, int n_spins)
{
    for (int i = 0; i < n_spins; i++) {
        if (atomic_load_explicit(&e->value, memory_order_acquire) != old)
            return;
        pause_cpu();
    }
    atomic_fetch_add(&e->n_sleeping, 1);
    while (atomic_load(&e->value) == old)
        sleep_while(&e->value, old);
    atomic_fetch_sub(&e->n_sleeping, 1);
}

static void advance(struct epoch *e)
{
    atomic_fetch_add(&e->value, 1);
    if (atomic_load(&e->n_sleeping) > 0)
        wake_all(&e->value);
}

void tro_team_barrier(struct tro_team *t, int member)
{
    (void)member;
    if (t->n == 1)
        return;
    const unsigned old = atomic_load_explicit(&t->barrier.value, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&t->n_arrived, 1, memory_order_acq_rel) == t->n - 1) {
        atomic_store_explicit(&t->n_arrived, 0, memory_order_relaxed);
        advance(&t->barrier);
        return;
    }
    wait_for_change(&t->barrier, old, t->n_spins);
}

static void *member_main(void *arg)
{
    const struct member *const m = arg;
    struct tro_team *const t = m->team;
    unsigned seen = 0;
    for (;;) {
        wait_for_change(&t->job, seen, t->n_spins);
        seen++;
        if (t->is_ending)
            return NULL;
        t->fn(t->ctx, m->index, t->n);
        tro_team_barrier(t, m->index);
    }
}

struct tro_team *tro_team_create(int n, bool blocks, struct tro_err *err)
{
    struct tro_team *const t = tro_malloc_aligned(sizeof *t);
    if (!t) {
        tro_fail_nomem(err);
        return NULL;
    }
    *t = (struct tro_team){.n = 1, .n_spins = blocks ? 0 : SPINS};
    n = n < 1 ? 1 : n > MAX_MEMBERS ? MAX_MEMBERS : n;
    for (int i = 1; i < n; i++) {
        t->members[i] = (struct member){t, i};
        if (pthread_create(&t->threads[i], NULL, member_main, &t->members[i]) != 0)
            break;
        t->n++; /* members read it in their first job */
    }
    return t;
}

void tro_team_destroy(struct tro_team *t)
{
    if (!t)
        return;
    t->is_ending = true;
    advance(&t->job);
    for (int i = 1; i < t->n; i++)
        pthread_join(t->threads[i], NULL);
    tro_free(t);
}

int tro_team_size(const struct tro_team *t)
{
    return t->n;
}

void tro_team_run(struct tro_team *t, void (*fn)(void *ctx, int member, int size), void *ctx)
{
    t->fn = fn;
    t->ctx = ctx;
    if (t->n > 1)
        advance(&t->job);
    fn(ctx, 0, t->n);
    tro_team_barrier(t, 0);
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
