/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a block as coroutines. A thread runs until it waits for others; then the next one
 * of its warp that can go on runs, then one of another warp. A thread gets a stack when it starts,
 * and one that ends hands its stack to the next, so that a kernel without barriers runs as a loop.
 */
#include "block.h"
#include "switch.h"
#include "warp.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    MAX_THREADS = 1024,
    MAX_WARPS = MAX_THREADS / EMU_LANES,
    STACK_BYTES = 128 << 10,
    STACK_GUARD = 4096,
    SHARED_BYTES = 256 << 10,
    SHARED_GUARD = 4096,
    GUARD_BYTE = 0xa5,
    POISON = 0xff /* a NaN */
};

enum {
    RC_OUT_OF_MEMORY = 2,
    RC_ILLEGAL_ADDRESS = 700,
    RC_MISALIGNED = 716,
    RC_LAUNCH_FAILED = 719
};

static struct {
    const struct emu_kernel *kernel;
    const void *params;
    struct emu_state *state; /* of the kernel's library */
    bool is_reverse;
    unsigned n_threads, n_warps, n_alive;
    struct emu_thread *threads; /* MAX_THREADS */
    struct emu_warp *warps;     /* MAX_WARPS */
    void *main_sp;
    int rc;

    unsigned n_waiting; /* at the barrier */
    int n_true, barrier_result;

    char *stacks;
    char *free_stacks[MAX_THREADS];
    unsigned n_free_stacks;

    uint8_t *shared;
    unsigned shared_bytes;
} m;

static const struct emu_calls calls;

/* ---- choosing the next thread ------------------------------------------------------------- */

static unsigned lowest(uint32_t bits)
{
    return (unsigned)__builtin_ctz(bits);
}

static unsigned highest(uint32_t bits)
{
    return 31 - (unsigned)__builtin_clz(bits);
}

/* The lane after `lane` that is ready, around the end. */
static unsigned next_lane(uint32_t ready, unsigned lane)
{
    if (m.is_reverse) {
        const uint32_t rest = ready & (((uint32_t)1 << lane) - 1);
        return highest(rest ? rest : ready);
    }
    const uint32_t rest = ready & ~(((uint32_t)2 << lane) - 1);
    return lowest(rest ? rest : ready);
}

static struct emu_thread *take(struct emu_warp *w, unsigned lane)
{
    w->ready &= ~((uint32_t)1 << lane);
    return &m.threads[(size_t)(w - m.warps) * EMU_LANES + lane];
}

static struct emu_thread *next_of_other_warp(unsigned warp)
{
    for (unsigned i = 1; i < m.n_warps; i++) {
        const unsigned step = m.is_reverse ? m.n_warps - i : i;
        struct emu_warp *const w = &m.warps[(warp + step) % m.n_warps];
        if (w->ready)
            return take(w, m.is_reverse ? highest(w->ready) : lowest(w->ready));
    }
    return NULL;
}

/* NULL when no thread can go on. */
static struct emu_thread *next_thread(const struct emu_thread *t)
{
    struct emu_warp *const w = t->warp;
    if (w->ready)
        return take(w, next_lane(w->ready, t->lane));
    return next_of_other_warp((unsigned)(w - m.warps));
}

/* ---- failures ----------------------------------------------------------------------------- */

__attribute__((noreturn)) static void leave_block(void)
{
    void *abandoned;
    emu_switch(&abandoned, m.main_sp);
    __builtin_unreachable();
}

static void report(int rc, const char *text)
{
    const struct emu_thread *const t = m.state->self;
    const uint32_t *const b = m.state->block_idx;
    fprintf(stderr, "emu: kernel %s, block (%u, %u, %u), thread (%u, %u, %u): %s\n", m.kernel->name,
            b[0], b[1], b[2], t->idx[0], t->idx[1], t->idx[2], text);
    m.rc = rc;
}

__attribute__((format(printf, 2, 3), noreturn)) static void fail(int rc, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    report(rc, text);
    leave_block();
}

__attribute__((noreturn)) static void fail_deadlock(void)
{
    unsigned n_in_collective = 0;
    for (unsigned i = 0; i < m.n_warps; i++)
        n_in_collective += (unsigned)__builtin_popcount(m.warps[i].waiting);
    fail(RC_LAUNCH_FAILED,
         "deadlock: of %u threads %u have ended, %u wait at a barrier, %u for lanes of their warp",
         m.n_threads, m.n_threads - m.n_alive, m.n_waiting, n_in_collective);
}

/* ---- stacks and switches ------------------------------------------------------------------ */

static void run_threads(void);

static void take_stack(struct emu_thread *t)
{
    t->stack = m.free_stacks[--m.n_free_stacks];
    /* Tops at different places of a page, or all frames would share few lines of the cache. */
    const size_t shift = (size_t)((t->stack - m.stacks) / STACK_BYTES) * 320 % 4096;
    t->sp = emu_stack_init(t->stack + STACK_BYTES - shift, run_threads);
}

static void switch_to(struct emu_thread *from, struct emu_thread *to)
{
    if (!to->sp)
        take_stack(to);
    m.state->self = to;
    emu_switch(&from->sp, to->sp);
}

/* Lets others run until somebody makes t ready again. */
static void wait_for_others(struct emu_thread *t)
{
    struct emu_thread *const next = next_thread(t);
    if (!next)
        fail_deadlock();
    if (next != t)
        switch_to(t, next);
}

static void release_barrier(const struct emu_thread *self);

static void end_thread(struct emu_thread *t)
{
    if (t->n_waits != 1)
        fail(RC_LAUNCH_FAILED, "tro_wait was called %u times, expected once", t->n_waits);
    t->warp->exited |= (uint32_t)1 << t->lane;
    m.n_alive--;
    if (m.n_alive > 0 && m.n_waiting == m.n_alive)
        release_barrier(NULL);
}

/* A coroutine: runs a thread, then others that have not begun, then leaves for one that has. */
__attribute__((noreturn)) static void run_threads(void)
{
    for (;;) {
        m.kernel->entry(m.params);
        struct emu_thread *const t = m.state->self;
        end_thread(t);
        struct emu_thread *const next = next_thread(t);
        if (!next && m.n_alive > 0)
            fail_deadlock();
        if (next && !next->sp) {
            next->sp = t->sp;
            next->stack = t->stack;
            m.state->self = next;
            continue;
        }
        m.free_stacks[m.n_free_stacks++] = t->stack;
        if (!next)
            leave_block();
        switch_to(t, next);
    }
}

/* ---- collectives -------------------------------------------------------------------------- */

/* Whether all of need are in the same collective of the same lanes. */
static bool is_same(const struct emu_warp *w, uint32_t need, enum emu_op op, uint32_t mask)
{
    uint32_t different = 0;
    for (unsigned i = 0; i < EMU_LANES; i++)
        different |= (uint32_t)(w->op[i] != op || w->mask[i] != mask) << i;
    return !(different & need);
}

static void collective(enum emu_op op, uint32_t mask)
{
    struct emu_thread *const t = m.state->self;
    struct emu_warp *const w = t->warp;
    const uint32_t bit = (uint32_t)1 << t->lane, need = mask & w->existing;
    w->op[t->lane] = (uint8_t)op;
    w->mask[t->lane] = mask;
    w->waiting |= bit;
    if (!(mask & bit))
        fail(RC_LAUNCH_FAILED, "lane %u is not in its mask 0x%08x", t->lane, mask);
    if (need & w->exited)
        fail(RC_LAUNCH_FAILED, "lanes 0x%08x of a collective have ended", need & w->exited);
    if ((w->waiting & need) != need) {
        wait_for_others(t);
        return;
    }
    if (!is_same(w, need, op, mask))
        fail(RC_LAUNCH_FAILED, "lanes of mask 0x%08x are in different collectives", mask);
    const char *const why = emu_warp_compute(w, op, need);
    if (why)
        fail(RC_LAUNCH_FAILED, "%s", why);
    w->waiting &= ~need;
    w->ready |= need & ~bit;
}

/* self goes on without becoming ready. */
static void release_barrier(const struct emu_thread *self)
{
    for (unsigned i = 0; i < m.n_warps; i++) {
        m.warps[i].ready |= m.warps[i].at_barrier;
        m.warps[i].at_barrier = 0;
    }
    if (self)
        self->warp->ready &= ~((uint32_t)1 << self->lane);
    m.barrier_result = m.n_true;
    m.n_waiting = 0;
    m.n_true = 0;
}

static int barrier(enum emu_barrier kind, int predicate)
{
    struct emu_thread *const t = m.state->self;
    t->warp->at_barrier |= (uint32_t)1 << t->lane;
    m.n_waiting++;
    m.n_true += kind == EMU_BARRIER_AND ? !predicate : predicate != 0;
    if (m.n_waiting == m.n_alive)
        release_barrier(t);
    else
        wait_for_others(t);
    switch (kind) {
    case EMU_BARRIER_AND:
        return m.barrier_result == 0;
    case EMU_BARRIER_COUNT:
        return m.barrier_result;
    default:
        return m.barrier_result != 0;
    }
}

/* ---- copies under way --------------------------------------------------------------------- */

static void run_copy(const struct emu_copy *c)
{
    if (c->from)
        memcpy(c->to, c->from, c->n_bytes);
    else
        memset(c->to, 0, c->n_bytes);
}

/* As late as it may be done, or in reverse order as early. */
static void copy(void *to, const void *from, uint32_t n_bytes, int is_valid)
{
    struct emu_thread *const t = m.state->self;
    const size_t at = (size_t)((uint8_t *)to - m.shared);
    if (at > m.shared_bytes || m.shared_bytes - at < n_bytes) {
        const struct emu_kernel *const k = m.kernel;
        if ((uint8_t *)to < k->static_shared || (uint8_t *)to + n_bytes > k->static_shared_end)
            fail(RC_LAUNCH_FAILED, "cp.async to %p, which is not shared memory", to);
    }
    if ((uintptr_t)to % n_bytes || (uintptr_t)from % n_bytes)
        fail(RC_MISALIGNED, "cp.async of %u bytes from %p to %p", n_bytes, from, to);
    const struct emu_copy c = {to, is_valid ? from : NULL, n_bytes, t->group};
    if (m.is_reverse) {
        run_copy(&c);
        return;
    }
    if (t->n_copies == t->copies_capacity) {
        t->copies_capacity = t->copies_capacity ? 2 * t->copies_capacity : 64;
        t->copies = realloc(t->copies, t->copies_capacity * sizeof *t->copies);
        if (!t->copies)
            abort();
    }
    t->copies[t->n_copies++] = c;
}

static void copy_wait(uint32_t n_groups)
{
    struct emu_thread *const t = m.state->self;
    for (; t->copies_begin < t->n_copies; t->copies_begin++) {
        const struct emu_copy *const c = &t->copies[t->copies_begin];
        if (c->group + n_groups >= t->group)
            return;
        run_copy(c);
    }
    t->copies_begin = t->n_copies = 0;
}

/* ---- addresses ---------------------------------------------------------------------------- */

/* Variables of a thread are in registers on the device, wherever they lie here. */
static void check_address(const void *p, uint32_t n_bytes)
{
    const size_t at = (size_t)((const char *)p - m.stacks);
    if (at >= (size_t)MAX_THREADS * STACK_BYTES)
        fail(RC_MISALIGNED, "%u bytes at %p, which is not a multiple of that", n_bytes, p);
}

static const struct emu_calls calls = {collective, barrier, copy, copy_wait, fail, check_address};

/* ---- signals ------------------------------------------------------------------------------ */

enum { SIGNAL_STACK_BYTES = 64 << 10, N_SIGNALS = 4 };

static const int signals[N_SIGNALS] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

/* What was set before the launch. */
static struct {
    struct sigaction action[N_SIGNALS];
    stack_t stack;
} before;

/* Only in the system thread that runs the kernel. */
static _Thread_local bool is_running;

static void restore_signals(void)
{
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &before.action[i], NULL);
}

static void report_signal(int signal, const char *p)
{
    char text[128];
    if (signal == SIGFPE) {
        report(RC_LAUNCH_FAILED, "an integer was divided by zero");
    } else if (signal == SIGILL) {
        report(RC_LAUNCH_FAILED, "a check of the compiler failed");
    } else if (p >= m.stacks && p < m.stacks + (size_t)MAX_THREADS * STACK_BYTES) {
        snprintf(text, sizeof text, "local variables need more than %d bytes", STACK_BYTES);
        report(RC_LAUNCH_FAILED, text);
    } else {
        snprintf(text, sizeof text, "access to address %p, or one that is not aligned",
                 (const void *)p);
        report(RC_ILLEGAL_ADDRESS, text);
    }
}

/* Returns to leave_block rather than to the kernel. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
    static char stack[SIGNAL_STACK_BYTES];
    if (!is_running) {
        restore_signals(); /* the instruction is tried again, and whoever was asked before is */
        return;
    }
    report_signal(signal, info->si_addr);
    emu_signal_resume(context, stack + sizeof stack, leave_block);
}

static void catch_signals(void)
{
    static char bytes[SIGNAL_STACK_BYTES];
    const stack_t stack = {.ss_sp = bytes, .ss_size = sizeof bytes};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    action.sa_sigaction = on_signal;
    sigaltstack(&stack, &before.stack);
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &action, &before.action[i]);
    is_running = true;
}

static void release_signals(void)
{
    is_running = false;
    restore_signals();
    sigaltstack(&before.stack, NULL);
}

/* ---- blocks ------------------------------------------------------------------------------- */

static void *map(size_t n_bytes)
{
    void *const p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Once for the process. */
static bool prepare_machine(void)
{
    if (m.shared)
        return true;
    m.threads = calloc(MAX_THREADS, sizeof *m.threads); /* what it points to is no leak */
    m.warps = map(MAX_WARPS * sizeof *m.warps);
    m.stacks = map((size_t)MAX_THREADS * STACK_BYTES);
    if (!m.threads || !m.warps || !m.stacks)
        return false;
    for (size_t i = 0; i < MAX_THREADS; i++)
        mprotect(m.stacks + i * STACK_BYTES, STACK_GUARD, PROT_NONE);
    m.shared = map(SHARED_BYTES + SHARED_GUARD);
    return m.shared;
}

static void prepare_threads(const unsigned block[3])
{
    m.n_threads = block[0] * block[1] * block[2];
    m.n_warps = (m.n_threads + EMU_LANES - 1) / EMU_LANES;
    for (unsigned i = 0; i < m.n_threads; i++) {
        struct emu_thread *const t = &m.threads[i];
        t->idx[0] = i % block[0];
        t->idx[1] = i / block[0] % block[1];
        t->idx[2] = i / block[0] / block[1];
        t->lane = i % EMU_LANES;
        t->warp = &m.warps[i / EMU_LANES];
    }
    m.n_free_stacks = 0;
    for (size_t i = MAX_THREADS; i-- > 0;)
        m.free_stacks[m.n_free_stacks++] = m.stacks + i * STACK_BYTES;
}

static void prepare_block(void)
{
    for (unsigned i = 0; i < m.n_warps; i++) {
        struct emu_warp *const w = &m.warps[i];
        const unsigned n = m.n_threads - i * EMU_LANES;
        w->existing = n >= EMU_LANES ? ~(uint32_t)0 : ((uint32_t)1 << n) - 1;
        w->ready = w->existing;
        w->exited = w->waiting = w->at_barrier = w->n_products = 0;
        w->index = i;
    }
    for (unsigned i = 0; i < m.n_threads; i++) {
        struct emu_thread *const t = &m.threads[i];
        t->sp = NULL;
        t->n_waits = t->group = t->copies_begin = t->n_copies = 0;
        t->product_group = t->is_fenced = 0;
    }
    m.n_alive = m.n_threads;
    m.n_waiting = 0;
    m.n_true = 0;
    memset(m.shared, POISON, m.shared_bytes);
    memset(m.shared + m.shared_bytes, GUARD_BYTE, SHARED_GUARD);
    if (m.kernel->static_shared)
        memset(m.kernel->static_shared, POISON,
               (size_t)(m.kernel->static_shared_end - m.kernel->static_shared));
}

static void check_shared(void)
{
    for (unsigned i = 0; i < SHARED_GUARD; i++)
        if (m.shared[m.shared_bytes + i] != GUARD_BYTE) {
            fprintf(stderr, "emu: kernel %s wrote %u bytes behind its %u bytes of shared memory\n",
                    m.kernel->name, i, m.shared_bytes);
            m.rc = RC_LAUNCH_FAILED;
            return;
        }
}

static void run_block(const unsigned grid[3], uint64_t index)
{
    m.state->block_idx[0] = (uint32_t)(index % grid[0]);
    m.state->block_idx[1] = (uint32_t)(index / grid[0] % grid[1]);
    m.state->block_idx[2] = (uint32_t)(index / grid[0] / grid[1]);
    prepare_block();
    struct emu_thread *const first = take(m.warps + (m.is_reverse ? m.n_warps - 1 : 0),
                                          m.is_reverse ? (m.n_threads - 1) % EMU_LANES : 0);
    take_stack(first);
    m.state->self = first;
    emu_switch(&m.main_sp, first->sp);
    if (!m.rc)
        check_shared();
}

int emu_run(const struct emu_kernel *k, const unsigned grid[3], const unsigned block[3],
            unsigned shared_bytes, const void *params, bool is_reverse)
{
    if (!prepare_machine() || shared_bytes > SHARED_BYTES)
        return RC_OUT_OF_MEMORY;
    m.kernel = k;
    m.params = params;
    m.state = k->state;
    m.is_reverse = is_reverse;
    m.rc = 0;
    m.shared_bytes = shared_bytes;
    for (int i = 0; i < 3; i++) {
        m.state->block_dim[i] = block[i];
        m.state->grid_dim[i] = grid[i];
    }
    m.state->shared = m.shared;
    m.state->calls = &calls;
    prepare_threads(block);
    const uint64_t n = (uint64_t)grid[0] * grid[1] * grid[2];
    catch_signals();
    for (uint64_t i = 0; i < n && !m.rc; i++)
        run_block(grid, is_reverse ? n - 1 - i : i);
    release_signals();
    return m.rc;
}
