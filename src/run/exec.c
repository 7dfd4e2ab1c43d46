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
    int *part_rc; /* of the step at hand, by part */
    struct tro_err *errs;
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
    x->part_rc = tro_calloc(n, sizeof *x->part_rc);
    x->errs = tro_calloc(n, sizeof *x->errs);
    if (!x->base || !x->own_offset || !x->part_rc || !x->errs || place_own(x) < 0) {
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
    tro_free(x->part_rc);
    tro_free(x->errs);
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

/* What a part of the step at hand needs. */
struct job {
    struct tro_exec_state *x;
    int32_t step;
    int n_parts;
    int64_t *ns; /* NULL, or a pair for each member, ns_stride apart */
    int64_t ns_stride;
};

static void run_part(void *ctx, int part, int member)
{
    const struct job *const j = ctx;
    struct tro_exec_state *const x = j->x;
    const struct tro_step *const s = &x->p->steps[j->step];
    const struct tro_step_run r = {.base = x->base,
                                   .part = part,
                                   .n_parts = j->n_parts,
                                   .scratch = x->thread_scratch + (size_t)member * x->thread_bytes,
                                   .err = &x->errs[part]};
    int64_t *const ns = j->ns ? j->ns + j->ns_stride * member : NULL;
    if (ns && !ns[0])
        ns[0] = tro_clock_ns();
    x->part_rc[part] = s->run(s, &r);
    if (ns)
        ns[1] = tro_clock_ns();
}

/* The first failure by part, so that it is the same in each run. */
static int collect(struct tro_exec_state *x, int n_parts, struct tro_err *err)
{
    for (int i = 0; i < n_parts; i++) {
        if (x->part_rc[i] >= 0)
            continue;
        if (err)
            *err = x->errs[i];
        return x->part_rc[i];
    }
    return 0;
}

static int run_step(struct tro_exec_state *x, int32_t i, const struct tro_exec_run *run,
                    struct tro_err *err)
{
    const struct tro_step *const s = &x->p->steps[i];
    const int size = tro_team_size(x->team);
    struct job j = {.x = x, .step = i, .n_parts = s->n_parts < size ? s->n_parts : size};
    if (run && run->step_ns) {
        j.ns = run->step_ns + 2 * (int64_t)i;
        j.ns_stride = 2 * (int64_t)x->p->n_steps;
        for (int m = 0; m < size; m++)
            j.ns[m * j.ns_stride] = j.ns[m * j.ns_stride + 1] = 0;
    }
    tro_team_run(x->team, j.n_parts, run_part, &j);
    TRO_TRY(collect(x, j.n_parts, err));
    if (!run)
        return 0;
    if (run->is_cancelled && atomic_load_explicit(run->is_cancelled, memory_order_relaxed))
        return tro_fail(err, TRO_E_CANCELLED, "the run was cancelled");
    const struct tro_step_run r = {.base = x->base, .n_parts = 1, .err = err};
    return run->tap ? run->tap(run->tap_ctx, x->p, i, &r) : 0;
}

/* ---- the walk ----------------------------------------------------------------------------- */

struct walk {
    struct tro_exec_state *x;
    const struct tro_exec_run *run;
    struct tro_err *err;
};

static int walk_range(const struct walk *w, int32_t first, int32_t end);

static const void *data_of(const struct walk *w, const struct tro_arg *a)
{
    const struct tro_step_run r = {.base = w->x->base};
    return tro_arg_ptr(&r, a);
}

static bool is_true(const struct walk *w, const struct tro_arg *a)
{
    return *(const uint8_t *)data_of(w, a) != 0;
}

static int walk_loop(const struct walk *w, int32_t i, const struct tro_step *s)
{
    const int64_t n = s->trip_count >= 0 ? s->trip_count : *(const int64_t *)data_of(w, &s->in[0]);
    for (int64_t k = 0; k < n && (!s->has_cond || is_true(w, &s->in[1])); k++)
        TRO_TRY(walk_range(w, i + 1, i + 1 + s->n_then));
    return 0;
}

/* The steps of a control step, in the way that its condition says. */
static int walk_control(const struct walk *w, int32_t i)
{
    const struct tro_step *const s = &w->x->p->steps[i];
    const int32_t other = i + 1 + s->n_then;
    if (s->kind == TRO_STEP_LOOP)
        return walk_loop(w, i, s);
    return is_true(w, &s->in[0]) ? walk_range(w, i + 1, other)
                                 : walk_range(w, other, other + s->n_else);
}

static int walk_range(const struct walk *w, int32_t first, int32_t end)
{
    for (int32_t i = first; i < end;) {
        const struct tro_step *const s = &w->x->p->steps[i];
        if (s->kind == TRO_STEP_KERNEL)
            TRO_TRY(run_step(w->x, i, w->run, w->err));
        else
            TRO_TRY(walk_control(w, i));
        i += 1 + s->n_then + s->n_else;
    }
    return 0;
}

int tro_exec_run(struct tro_exec_state *x, const struct tro_exec_run *run, struct tro_err *err)
{
    const struct walk w = {x, run, err};
    return walk_range(&w, 0, x->p->n_steps);
}

int tro_exec_time_step(struct tro_exec_state *x, int32_t step, int64_t *ns, struct tro_err *err)
{
    const int64_t begin = tro_clock_ns();
    const int rc = run_step(x, step, NULL, err);
    *ns = tro_clock_ns() - begin;
    return rc;
}
