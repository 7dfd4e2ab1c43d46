/* SPDX-License-Identifier: Apache-2.0 */
#include "run/exec.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "lower/dynamic.h"

struct tro_exec_state {
    const struct tro_program *p;
    struct tro_team *team;
    char *thread_scratch;
    size_t thread_bytes;
    void **base; /* by buffer */
    char *own;   /* outputs and kept memory */
    size_t *own_offset;
    /* of the run at hand */
    const struct tro_exec_run *run;
    _Atomic int64_t failed_at; /* number of the step in this run; INT64_MAX: none */
    int *member_rc;            /* by member */
    struct tro_err *errs;      /* by member */
    int32_t one_step;          /* tro_exec_time_step: -1 otherwise */
    int64_t *times;            /* begin and end by member, for one step */
};

/* ---- memory ------------------------------------------------------------------------------- */

static size_t aligned(size_t n)
{
    return (n + 63) / 64 * 64;
}

static bool is_own(const struct tro_buffer *b)
{
    return b->kind == TRO_BUFFER_OUTPUT || b->kind == TRO_BUFFER_KEEP;
}

static int place_own(struct tro_exec_state *x)
{
    size_t n_bytes = 0;
    for (uint32_t i = 0; i < x->p->n_buffers; i++)
        if (is_own(&x->p->buffers[i])) {
            x->own_offset[i] = n_bytes;
            n_bytes += aligned(x->p->buffers[i].n_bytes);
        }
    x->own = tro_malloc_aligned(n_bytes + 64);
    if (!x->own)
        return TRO_E_NOMEM;
    memset(x->own, 0, n_bytes + 64);
    for (uint32_t i = 0; i < x->p->n_buffers; i++)
        if (is_own(&x->p->buffers[i]))
            x->base[i] = x->own + x->own_offset[i];
    return 0;
}

void tro_exec_set_scratch(struct tro_exec_state *x, void *scratch, void *thread_scratch)
{
    x->thread_scratch = thread_scratch;
    for (uint32_t i = 0; i < x->p->n_buffers; i++) {
        const struct tro_buffer *const b = &x->p->buffers[i];
        if (b->kind == TRO_BUFFER_SCRATCH && b->first >= 0)
            x->base[i] = (char *)scratch + b->offset;
        if (b->kind == TRO_BUFFER_CONST)
            x->base[i] = (void *)b->data;
    }
}

struct tro_exec_state *tro_exec_create(const struct tro_exec_opts *o, struct tro_err *err)
{
    struct tro_exec_state *const x = tro_calloc(1, sizeof *x);
    const size_t n = x ? (size_t)tro_team_size(o->team) : 0;
    if (!x) {
        tro_fail_nomem(err);
        return NULL;
    }
    x->p = o->program;
    x->team = o->team;
    x->thread_bytes = o->thread_bytes;
    x->base = tro_calloc(x->p->n_buffers + 1, sizeof *x->base);
    x->own_offset = tro_calloc(x->p->n_buffers + 1, sizeof *x->own_offset);
    x->member_rc = tro_calloc(n, sizeof *x->member_rc);
    x->errs = tro_calloc(n, sizeof *x->errs);
    x->times = tro_calloc(2 * n, sizeof *x->times);
    x->one_step = -1;
    if (!x->base || !x->own_offset || !x->member_rc || !x->errs || !x->times || place_own(x) < 0) {
        tro_exec_destroy(x);
        tro_fail_nomem(err);
        return NULL;
    }
    tro_exec_set_scratch(x, o->scratch, o->thread_scratch);
    return x;
}

void tro_exec_destroy(struct tro_exec_state *x)
{
    if (!x)
        return;
    if (x->own && x->p->dynamic_buffer)
        tro_dynamic_finish((void *)(x->own + x->own_offset[x->p->dynamic_buffer]));
    tro_free(x->base);
    tro_free(x->own);
    tro_free(x->own_offset);
    tro_free(x->member_rc);
    tro_free(x->errs);
    tro_free(x->times);
    tro_free(x);
}

void tro_exec_bind(struct tro_exec_state *x, int i, const void *data)
{
    x->base[x->p->inputs[i].buffer] = (void *)data;
}

void tro_exec_bind_output(struct tro_exec_state *x, int i, void *data)
{
    x->base[x->p->outputs[i].buffer] = data;
}

struct tro_tensor tro_exec_output(const struct tro_exec_state *x, int i)
{
    const struct tro_step_run r = {.base = x->base};
    const int32_t slot = x->p->output_slots[i];
    if (slot < 0)
        return tro_arg_tensor(&r, &x->p->outputs[i]);
    const struct tro_dynamic *const d = (const void *)(x->own +
                                                       x->own_offset[x->p->dynamic_buffer]);
    return d->slots[slot];
}

/* ---- running ------------------------------------------------------------------------------ */

/*
 * One member's walk. All members take the same way, since what decides is read after a barrier that
 * comes after its last change. A failure is told with the number of the step in this run: who is
 * already past the barrier may fail in the next step while others still look.
 */
struct walk {
    struct tro_exec_state *x;
    struct tro_step_run r;
    int member, size;
    int64_t n_done; /* steps so far, the same for all members */
};

static void fail_at(struct walk *w, int rc)
{
    int64_t none = INT64_MAX;
    w->x->member_rc[w->member] = rc;
    /* Members of one step may fail together; the number is the same. */
    atomic_compare_exchange_strong(&w->x->failed_at, &none, w->n_done);
}

static void run_part(struct walk *w, int32_t i)
{
    struct tro_exec_state *const x = w->x;
    const struct tro_step *const s = &x->p->steps[i];
    struct tro_step_run r = w->r;
    int64_t *const ns = x->one_step >= 0 ? x->times + 2 * w->member
                        : x->run && x->run->step_ns
                            ? x->run->step_ns + 2 * ((int64_t)w->member * x->p->n_steps + i)
                            : NULL;
    r.n_parts = s->n_parts < w->size ? s->n_parts : w->size;
    if (ns)
        ns[0] = ns[1] = 0;
    if (w->member >= r.n_parts)
        return;
    if (ns)
        ns[0] = tro_clock_ns();
    const int rc = s->run(s, &r);
    if (ns)
        ns[1] = tro_clock_ns();
    if (rc < 0)
        fail_at(w, rc);
}

static void check_cancel(struct walk *w)
{
    const struct tro_exec_run *const run = w->x->run;
    if (w->member == 0 && run && run->is_cancelled && atomic_load(run->is_cancelled))
        fail_at(w, tro_fail(w->r.err, TRO_E_CANCELLED, "the run was cancelled"));
}

/* True when all go on. */
static bool meet(struct walk *w, int32_t i)
{
    struct tro_exec_state *const x = w->x;
    const bool has_tap = x->run && x->run->tap;
    tro_team_barrier(x->team, w->member);
    if (has_tap) {
        if (w->member == 0 && atomic_load(&x->failed_at) > w->n_done) {
            const int rc = x->run->tap(x->run->tap_ctx, x->p, i, &w->r);
            if (rc < 0)
                fail_at(w, rc);
        }
        tro_team_barrier(x->team, w->member);
    }
    return atomic_load_explicit(&x->failed_at, memory_order_relaxed) > w->n_done++;
}

static bool walk_range(struct walk *w, int32_t first, int32_t end);

static bool is_true(const struct walk *w, const struct tro_arg *a)
{
    return *(const uint8_t *)tro_arg_ptr(&w->r, a) != 0;
}

static bool walk_loop(struct walk *w, int32_t i, const struct tro_step *s)
{
    const int64_t n = s->trip_count >= 0 ? s->trip_count
                                         : *(const int64_t *)tro_arg_ptr(&w->r, &s->in[0]);
    for (int64_t k = 0; k < n && (!s->has_cond || is_true(w, &s->in[1])); k++) {
        /* All have read the condition before one can write it. */
        tro_team_barrier(w->x->team, w->member);
        if (!walk_range(w, i + 1, i + 1 + s->n_then))
            return false;
    }
    return true;
}

/* The steps of a control step, in the way that its condition says; *next: the step after them. */
static bool walk_control(struct walk *w, int32_t i, int32_t *next)
{
    const struct tro_step *const s = &w->x->p->steps[i];
    const int32_t other = i + 1 + s->n_then;
    *next = other + s->n_else;
    if (s->kind == TRO_STEP_LOOP)
        return walk_loop(w, i, s);
    return is_true(w, &s->in[0]) ? walk_range(w, i + 1, other) : walk_range(w, other, *next);
}

static bool walk_range(struct walk *w, int32_t first, int32_t end)
{
    for (int32_t i = first; i < end;) {
        if (w->x->p->steps[i].kind != TRO_STEP_KERNEL) {
            if (!walk_control(w, i, &i))
                return false;
            continue;
        }
        run_part(w, i);
        check_cancel(w);
        if (!meet(w, i))
            return false;
        i++;
    }
    return true;
}

static void run_member(void *ctx, int member, int size)
{
    struct tro_exec_state *const x = ctx;
    struct walk w = {.x = x, .member = member, .size = size};
    w.r = (struct tro_step_run){.base = x->base,
                                .part = member,
                                .n_parts = size,
                                .scratch = x->thread_scratch + (size_t)member * x->thread_bytes,
                                .err = &x->errs[member]};
    if (x->one_step >= 0)
        walk_range(&w, x->one_step, x->one_step + 1);
    else
        walk_range(&w, 0, x->p->n_steps);
}

/* The first failure by member, so that it is the same in each run. */
static int run_team(struct tro_exec_state *x, struct tro_err *err)
{
    const int n = tro_team_size(x->team);
    atomic_store(&x->failed_at, INT64_MAX);
    for (int m = 0; m < n; m++)
        x->member_rc[m] = 0;
    tro_team_run(x->team, run_member, x);
    for (int m = 0; m < n; m++) {
        if (x->member_rc[m] >= 0)
            continue;
        if (err)
            *err = x->errs[m];
        return x->member_rc[m];
    }
    return 0;
}

int tro_exec_run(struct tro_exec_state *x, const struct tro_exec_run *run, struct tro_err *err)
{
    x->run = run;
    const int rc = run_team(x, err);
    x->run = NULL;
    return rc;
}

int tro_exec_time_step(struct tro_exec_state *x, int32_t step, int64_t *ns, struct tro_err *err)
{
    const int n = tro_team_size(x->team);
    int64_t first = INT64_MAX, last = 0;
    x->one_step = step;
    const int rc = run_team(x, err);
    x->one_step = -1;
    for (int m = 0; m < n; m++) {
        if (!x->times[2 * m])
            continue;
        first = x->times[2 * m] < first ? x->times[2 * m] : first;
        last = x->times[2 * m + 1] > last ? x->times[2 * m + 1] : last;
    }
    *ns = last > first ? last - first : 0;
    return rc;
}
