/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of plans. For each set of input sizes there is a variant: the graph with these sizes,
 * its program, the memory of its outputs. Variants share packed weights (with all sessions of the
 * plan), threads and scratch memory.
 *
 *     plan ── graph ─┬─ clone for 1x3x224x224 ── program ── exec state    variant
 *                    └─ clone for 4x3x384x384 ── program ── exec state    variant
 *     sizes without symbols: one variant, on the plan's own graph
 */
#include "run/session_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/nvtx.h"
#include "base/thread.h"
#include "cpu/cpu.h"
#include "cuda/cuda.h"
#include "cuda/library.h"

/* ---- states ------------------------------------------------------------------------------- */

static int init_state(struct tro_plan_session *e, struct tro_plan_session_state *st,
                      const struct tro_plan_state *from, struct tro_err *err)
{
    const tro_value_id in = tro_block_get(e->s.g, TRO_MAIN_BLOCK)->inputs[from->input];
    const struct tro_value *const v = tro_value_get(e->s.g, in);
    struct tro_tensor *const t = &e->s.inputs[from->input];
    *t = (struct tro_tensor){.dtype = v->dtype, .rank = v->shape.rank};
    for (int k = 0; k < t->rank; k++)
        t->shape[k] = tro_dim_value(v->shape.dim[k]);
    *st = (struct tro_plan_session_state){
        from->input, from->output, {NULL}, tro_tensor_n_bytes(t), 0};
    for (int i = 0; i < 2; i++) {
        st->half[i] = tro_malloc_aligned(st->n_bytes + 64);
        if (!st->half[i])
            return tro_fail_nomem(err);
        memset(st->half[i], 0, st->n_bytes + 64);
    }
    t->data = st->half[0];
    tro_session_hide(&e->s, from->input, from->output);
    return 0;
}

static int init_states(struct tro_plan_session *e, struct tro_err *err)
{
    e->states = tro_calloc(e->parts->n_states + 1, sizeof *e->states);
    if (!e->states)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < e->parts->n_states; i++)
        TRO_TRY(init_state(e, &e->states[i], &e->parts->states[i], err));
    return 0;
}

static void bind_states(struct tro_plan_session *e, struct tro_exec_state *x)
{
    for (size_t i = 0; i < e->parts->n_states; i++)
        tro_exec_bind_output(x, e->states[i].output, e->states[i].half[1 - e->states[i].at]);
}

static void advance_states(struct tro_plan_session *e)
{
    for (size_t i = 0; i < e->parts->n_states; i++) {
        struct tro_plan_session_state *const st = &e->states[i];
        st->at = 1 - st->at;
        e->s.inputs[st->input].data = st->half[st->at];
    }
}

/* ---- running ------------------------------------------------------------------------------ */

/* The variant for what is bound, with its memory where it is now. */
static int prepare_run(struct tro_plan_session *e, struct tro_variant **out, struct tro_err *err)
{
    TRO_TRY(tro_variant_get(e, e->s.inputs, out, err));
    struct tro_variant *const v = *out;
    if (v->cuda)
        return 0;
    void *const scratch = tro_scratch_data(e->scratch);
    void *const threads = tro_scratch_data(e->thread_scratch);
    if (v->scratch != scratch || v->thread_scratch != threads) {
        tro_exec_set_scratch(v->exec, scratch, threads);
        v->scratch = scratch;
        v->thread_scratch = threads;
    }
    return 0;
}

static int tap_on_gpu(void *ctx, const struct tro_program *p, int32_t step, void *const *base,
                      struct tro_err *err)
{
    const struct tro_plan_session *const e = ctx;
    const struct tro_step_run r = {.base = base, .n_parts = 1, .err = err};
    return e->run.tap(e->run.tap_ctx, p, step, &r);
}

/* Each step alone, as if they had run one after the other. */
static int time_on_gpu(const struct tro_plan_session *e, const struct tro_variant *v,
                       struct tro_err *err)
{
    enum { N_ROUNDS = 20 };
    int64_t now = tro_clock_ns();
    for (int32_t i = 0; i < v->program->n_steps; i++) {
        int64_t ns;
        TRO_TRY(tro_cuda_exec_time_step(v->cuda, i, N_ROUNDS, &ns, err));
        e->run.step_ns[2 * (size_t)i] = now;
        e->run.step_ns[2 * (size_t)i + 1] = now += ns;
    }
    return 0;
}

static int run_on_gpu(struct tro_plan_session *e, struct tro_variant *v, struct tro_err *err)
{
    for (int i = 0; i < v->program->n_inputs; i++)
        tro_cuda_exec_bind(v->cuda, i, e->s.inputs[i].data);
    tro_cuda_exec_set_transfers(v->cuda, e->has_transfers);
    e->cuda_run.is_cancelled = &e->s.is_cancelled;
    e->cuda_run.tap = e->run.tap ? tap_on_gpu : NULL;
    e->cuda_run.tap_ctx = e;
    TRO_TRY(tro_cuda_exec_run(v->cuda, &e->cuda_run, err));
    if (e->run.step_ns)
        TRO_TRY(time_on_gpu(e, v, err));
    for (int i = 0; i < v->program->n_outputs; i++)
        e->s.outputs[i] = tro_cuda_exec_output(v->cuda, i);
    return 0;
}

static int run_bound(struct tro_plan_session *e, struct tro_err *err)
{
    struct tro_session *const s = &e->s;
    struct tro_variant *v;
    TRO_TRY(prepare_run(e, &v, err));
    if (v->cuda)
        return run_on_gpu(e, v, err);
    for (size_t i = 0; i < tro_session_n_operands(s); i++)
        tro_exec_bind(v->exec, (int)i, s->inputs[i].data);
    bind_states(e, v->exec);
    e->run.is_cancelled = &s->is_cancelled;
    TRO_TRY(tro_exec_run(v->exec, &e->run, err));
    for (int i = 0; i < v->program->n_outputs; i++)
        s->outputs[i] = tro_exec_output(v->exec, i);
    advance_states(e);
    return 0;
}

static int run_plan(struct tro_session *s, struct tro_err *err)
{
    struct tro_plan_session *const e = (struct tro_plan_session *)s;
    tro_range_begin("run", e->parts->model);
    const int rc = run_bound(e, err);
    tro_range_end();
    return rc;
}

static void destroy_plan(struct tro_session *s)
{
    struct tro_plan_session *const e = (struct tro_plan_session *)s;
    for (size_t i = 0; i < e->n_variants; i++)
        tro_variant_finish(&e->variants[i]);
    tro_free(e->variants);
    for (size_t i = 0; e->states && i < e->parts->n_states; i++) {
        tro_free(e->states[i].half[0]);
        tro_free(e->states[i].half[1]);
    }
    tro_free(e->states);
    tro_team_destroy(e->team);
    tro_scratch_destroy(e->own_scratch);
    tro_scratch_destroy(e->thread_scratch);
    tro_choices_finish(&e->choices);
    tro_session_finish(s);
    tro_free(e);
}

static const struct tro_session_ops plan_ops = {run_plan, destroy_plan};

static struct tro_plan_session *plan_session_of(const struct tro_session *s)
{
    return s->ops == &plan_ops ? (struct tro_plan_session *)s : NULL;
}

/* ---- creation ----------------------------------------------------------------------------- */

static int choose_gpu(struct tro_plan_session *e, struct tro_plan *p, const char *device,
                      struct tro_err *err)
{
    e->store = tro_plan_shared_store(e->shared, p, device, err);
    if (!e->store)
        return err->status;
    const struct tro_cuda_device *const d = tro_cuda_store_device(e->store);
    const struct tro_plan_target *const t = tro_plan_target_for(e->parts, d->arch);
    e->lower.backend = &tro_cuda_backend;
    e->lower.arch = t ? t->arch : d->arch;
    e->lower.n_sms = t ? t->n_sms : d->n_sms;
    if (!tro_precision_from_name(e->parts->precision, &e->lower.precision))
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "expected a plan of a precision that this version knows, found '%s'",
                        e->parts->precision);
    e->lower.n_wide = e->parts->n_wide;
    e->lower.wide = e->parts->wide;
    e->lower.n_wides = e->parts->n_wides;
    if (e->parts->n_targets && (!t || t->arch != d->arch))
        snprintf(e->notice, sizeof e->notice,
                 "the plan was built for sm_%d and runs untuned on %s (sm_%d); build it again with "
                 "--device sm_%d",
                 t ? t->arch : e->parts->targets[0].arch, d->name, d->arch, d->arch);
    return 0;
}

const char *tro_session_notice(const struct tro_session *s)
{
    const struct tro_plan_session *const e = plan_session_of(s);
    return e && e->notice[0] ? e->notice : NULL;
}

static int choose_device(struct tro_plan_session *e, struct tro_plan *p,
                         const struct tro_session_opts *o, struct tro_err *err)
{
    const char *const device = o->device ? o->device : "cpu";
    uint32_t mask = UINT32_MAX;
    if (!strcmp(device, "cpu"))
        e->lower.backend = &tro_cpu_backend;
    else if (!strncmp(device, "cuda", 4))
        TRO_TRY(choose_gpu(e, p, device, err));
    else if (strcmp(device, "ref") != 0)
        return tro_fail(err, TRO_E_INPUT, "expected device cpu, cuda, cuda:N or ref, found '%s'",
                        device);
    if (o->cpu && !tro_cpu_level_mask(o->cpu, &mask))
        return tro_fail(err, TRO_E_INPUT,
                        "expected a CPU level (generic, avx2, avxvnni, avx512, avx512vnni, neon, "
                        "neondot, native), found '%s'",
                        o->cpu);
    e->lower.cpu_flags = tro_cpu_flags() & mask;
    return 0;
}

static int take_choices(struct tro_plan_session *e, struct tro_err *err)
{
    const struct tro_plan_tuned *const t =
        e->store ? tro_plan_gpu_tuned_for(e->parts, tro_cuda_store_device(e->store)->name,
                                          e->lower.arch, e->lower.n_sms)
                 : tro_plan_tuned_for(e->parts, e->lower.cpu_flags, e->lower.n_threads);
    for (size_t i = 0; t && i < t->n_choices; i++) {
        if (tro_choices_set(&e->choices, t->choices[i].problem, t->choices[i].candidate) < 0)
            return tro_fail_nomem(err);
        if (e->store && tro_choice_is_library(t->choices[i].candidate))
            e->lower.libraries = tro_cuda_store_libraries(e->store);
    }
    e->lower.choices = &e->choices;
    return 0;
}

/* Steps that a library was chosen for run on our own kernels where it is not here. */
static void note_replaced(struct tro_plan_session *e)
{
    const struct tro_program *const p = e->n_variants ? e->variants[0].program : NULL;
    if (!p || !p->n_replaced || e->notice[0])
        return;
    const char *const why = tro_libraries_missing(e->lower.libraries, p->replaced);
    snprintf(e->notice, sizeof e->notice,
             "%d steps were tuned for '%.60s', which is not here%s%.150s: they run on kernels of "
             "our own; build the plan again on this machine",
             p->n_replaced, p->replaced, why[0] ? ": " : "", why);
}

static int init_plan(struct tro_plan_session *e, struct tro_plan *p,
                     const struct tro_session_opts *o, struct tro_err *err)
{
    e->shared = tro_plan_shared_of(p, err);
    if (!e->shared)
        return err->status;
    e->lower.packs = tro_plan_shared_packs(e->shared);
    e->has_transfers = true;
    e->priority = o->priority;
    TRO_TRY(choose_device(e, p, o, err));
    e->team = tro_team_create(tro_team_default_size(o->n_threads), o->blocks, err);
    e->thread_scratch = tro_scratch_create(err);
    e->own_scratch = o->scratch ? NULL : tro_scratch_create(err);
    e->scratch = o->scratch ? o->scratch : e->own_scratch;
    if (!e->team || !e->thread_scratch || !e->scratch)
        return err->status;
    e->lower.n_threads = tro_team_size(e->team);
    TRO_TRY(take_choices(e, err));
    TRO_TRY(init_states(e, err));
    TRO_TRY(tro_variants_prepare(e, err));
    note_replaced(e);
    return 0;
}

struct tro_session *tro_session_create(struct tro_plan *p, const struct tro_session_opts *opts,
                                       struct tro_err *err)
{
    static const struct tro_session_opts defaults;
    struct tro_err own = {0};
    struct tro_plan_session *const e = tro_calloc(1, sizeof *e);
    err = err ? err : &own;
    if (!e) {
        tro_fail_nomem(err);
        return NULL;
    }
    e->parts = tro_plan_contents(p);
    if (tro_session_init(&e->s, &plan_ops, e->parts->graph, err) < 0) {
        tro_free(e);
        return NULL;
    }
    tro_range_begin("session", e->parts->model);
    const int rc = init_plan(e, p, opts ? opts : &defaults, err);
    tro_range_end();
    if (rc < 0) {
        destroy_plan(&e->s);
        return NULL;
    }
    return &e->s;
}

/* ---- what only plans have ----------------------------------------------------------------- */

int tro_session_reset_states(struct tro_session *s, struct tro_err *err)
{
    struct tro_plan_session *const e = plan_session_of(s);
    for (size_t i = 0; e && i < e->parts->n_states; i++)
        memset(e->states[i].half[e->states[i].at], 0, e->states[i].n_bytes);
    for (size_t i = 0; e && i < e->n_variants; i++)
        if (e->variants[i].cuda)
            TRO_TRY(tro_cuda_exec_reset(e->variants[i].cuda, err));
    return 0;
}

int tro_session_is_growing(const struct tro_session *s)
{
    const struct tro_plan_session *const e = plan_session_of(s);
    bool is_growing = !e || e->n_variants == 0;
    for (size_t i = 0; e && i < e->n_variants; i++)
        is_growing = is_growing || e->variants[i].program->is_growing;
    return is_growing;
}

void tro_session_set_transfers(struct tro_session *s, bool has_transfers)
{
    struct tro_plan_session *const e = plan_session_of(s);
    if (e)
        e->has_transfers = has_transfers;
}

void tro_session_set_timed(struct tro_session *s, bool is_timed)
{
    struct tro_plan_session *const e = plan_session_of(s);
    if (e)
        e->cuda_run.is_timed = is_timed && e->store;
}

int64_t tro_session_device_ns(const struct tro_session *s)
{
    const struct tro_plan_session *const e = plan_session_of(s);
    return e && e->cuda_run.is_timed ? e->cuda_run.device_ns : -1;
}

bool tro_session_gpu(const struct tro_session *s, struct tro_session_gpu *out)
{
    const struct tro_plan_session *const e = plan_session_of(s);
    if (!e || !e->store)
        return false;
    *out = (struct tro_session_gpu){.device = tro_cuda_store_device(e->store),
                                    .store = tro_cuda_store_size(e->store)};
    if (e->n_variants)
        out->exec = tro_cuda_exec_size(e->variants[0].cuda);
    return true;
}

enum tro_precision tro_session_precision(const struct tro_session *s)
{
    const struct tro_plan_session *const e = plan_session_of(s);
    return e && e->store ? e->lower.precision : TRO_PRECISION_FP32;
}

static size_t weight_bytes(const struct tro_graph *g)
{
    size_t n = 0;
    for (size_t i = 1; i < g->n_values; i++) {
        const tro_value_id v = {(uint32_t)i};
        if (!tro_is_const(g, v))
            continue;
        const struct tro_tensor t = tro_const_tensor(g, v);
        n += tro_tensor_n_bytes(&t);
    }
    return n;
}

void tro_session_memory(const struct tro_session *s, struct tro_session_memory *out)
{
    const struct tro_plan_session *const e = plan_session_of(s);
    *out = (struct tro_session_memory){.weights = weight_bytes(s->g)};
    if (!e)
        return;
    out->scratch = tro_scratch_size(e->scratch);
    out->threads = tro_scratch_size(e->thread_scratch);
    out->packed = tro_packs_n_bytes(e->lower.packs);
    for (size_t i = 0; i < e->n_variants; i++) {
        const struct tro_program *const p = e->variants[i].program;
        out->live = p->live_bytes > out->live ? p->live_bytes : out->live;
        out->outputs += p->output_bytes + p->keep_bytes;
    }
    for (size_t i = 0; i < e->parts->n_states; i++)
        out->outputs += 2 * e->states[i].n_bytes;
}

void tro_session_set_step_tap(struct tro_session *s, tro_exec_tap *tap, void *ctx)
{
    struct tro_plan_session *const e = plan_session_of(s);
    if (!e)
        return;
    e->run.tap = tap;
    e->run.tap_ctx = ctx;
}

void tro_session_set_times(struct tro_session *s, int64_t *step_ns)
{
    struct tro_plan_session *const e = plan_session_of(s);
    if (e)
        e->run.step_ns = step_ns;
}

/* The variant of what is bound, or the first prepared one where something is not. */
static struct tro_variant *current(struct tro_session *s, struct tro_err *err)
{
    struct tro_plan_session *const e = plan_session_of(s);
    struct tro_variant *v = NULL;
    bool is_bound = true;
    if (!e)
        return NULL;
    for (size_t i = 0; i < tro_session_n_operands(s); i++)
        is_bound = is_bound && s->inputs[i].dtype;
    if (is_bound)
        return prepare_run(e, &v, err) < 0 ? NULL : v;
    if (e->n_variants == 0)
        tro_fail(err, TRO_E_INPUT, "expected inputs to be bound, as the plan has free sizes");
    return e->n_variants ? &e->variants[0] : NULL;
}

const struct tro_program *tro_session_program(struct tro_session *s, struct tro_err *err)
{
    const struct tro_variant *const v = current(s, err);
    return v ? v->program : NULL;
}

struct tro_cuda_exec *tro_session_cuda_exec(struct tro_session *s, struct tro_err *err)
{
    const struct tro_variant *const v = current(s, err);
    return v ? v->cuda : NULL;
}

int tro_session_n_threads(const struct tro_session *s)
{
    const struct tro_plan_session *const e = plan_session_of(s);
    return e ? tro_team_size(e->team) : 1;
}
