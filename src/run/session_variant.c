/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of a plan's session for sets of input sizes. */
#include "run/session_plan.h"

#include "base/alloc.h"
#include "base/err.h"

/* ---- variants ----------------------------------------------------------------------------- */

static bool has_shapes(const struct tro_variant *v, const struct tro_tensor *shapes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (v->shapes[i].rank != shapes[i].rank)
            return false;
        for (int k = 0; k < shapes[i].rank; k++)
            if (v->shapes[i].shape[k] != shapes[i].shape[k])
                return false;
    }
    return true;
}

void tro_variant_finish(struct tro_variant *v)
{
    tro_exec_destroy(v->exec);
    tro_cuda_exec_destroy(v->cuda);
    tro_program_destroy(v->program);
    tro_graph_destroy(v->graph);
    tro_free(v->shapes);
}

static int lower_variant(struct tro_plan_session *e, struct tro_variant *v,
                         const struct tro_tensor *shapes, struct tro_err *err)
{
    struct tro_dim_env env;
    const struct tro_graph *const g = tro_plan_graph_at(e->s.g, shapes, &v->graph, err);
    if (!g)
        return err->status;
    if (tro_dim_env_init(&env, &g->dims) < 0)
        return tro_fail_nomem(err);
    v->program = tro_lower(g, &env, &e->lower, err);
    tro_dim_env_finish(&env);
    return v->program ? 0 : err->status;
}

/* Room for what the program needs; memory of threads never shrinks. */
static int reserve(struct tro_plan_session *e, const struct tro_program *p, struct tro_err *err)
{
    const size_t per_thread = (p->thread_bytes + 63) / 64 * 64;
    TRO_TRY(tro_scratch_reserve(e->scratch, p->scratch_bytes, err));
    if (per_thread > e->thread_bytes)
        e->thread_bytes = per_thread;
    return tro_scratch_reserve(e->thread_scratch, e->thread_bytes * (size_t)tro_team_size(e->team),
                               err);
}

static int make_cuda_exec(struct tro_plan_session *e, struct tro_variant *v, struct tro_err *err)
{
    const struct tro_cuda_exec_opts o = {
        .program = v->program, .store = e->store, .priority = e->priority};
    v->cuda = tro_cuda_exec_create(&o, err);
    if (!v->cuda)
        return err->status;
    for (size_t i = 0; i < e->parts->n_states; i++)
        TRO_TRY(
            tro_cuda_exec_tie(v->cuda, e->parts->states[i].output, e->parts->states[i].input, err));
    return 0;
}

static int make_exec(struct tro_plan_session *e, struct tro_variant *v, struct tro_err *err)
{
    if (e->store)
        return make_cuda_exec(e, v, err);
    TRO_TRY(reserve(e, v->program, err));
    const struct tro_exec_opts o = {.program = v->program,
                                    .team = e->team,
                                    .scratch = tro_scratch_data(e->scratch),
                                    .thread_scratch = tro_scratch_data(e->thread_scratch),
                                    .thread_bytes = (v->program->thread_bytes + 63) / 64 * 64};
    tro_exec_destroy(v->exec);
    v->exec = tro_exec_create(&o, err);
    v->scratch = o.scratch;
    v->thread_scratch = o.thread_scratch;
    return v->exec ? 0 : err->status;
}

static int add_variant(struct tro_plan_session *e, const struct tro_tensor *shapes,
                       struct tro_variant **out, struct tro_err *err)
{
    const size_t n = tro_session_n_operands(&e->s);
    struct tro_variant v = {.shapes = tro_calloc(n + 1, sizeof *v.shapes)};
    int rc = v.shapes && TRO_GROW(&e->variants, e->n_variants, &e->cap_variants) >= 0
                 ? 0
                 : tro_fail_nomem(err);
    for (size_t i = 0; i < n && rc >= 0; i++) {
        v.shapes[i] = shapes[i];
        v.shapes[i].data = NULL;
    }
    if (rc >= 0)
        rc = lower_variant(e, &v, shapes, err);
    if (rc >= 0)
        rc = make_exec(e, &v, err);
    if (rc < 0) {
        tro_variant_finish(&v);
        return rc;
    }
    e->variants[e->n_variants] = v;
    *out = &e->variants[e->n_variants++];
    return 0;
}

int tro_variant_get(struct tro_plan_session *e, const struct tro_tensor *shapes,
                    struct tro_variant **out, struct tro_err *err)
{
    for (size_t i = 0; i < e->n_variants; i++) {
        if (!has_shapes(&e->variants[i], shapes, tro_session_n_operands(&e->s)))
            continue;
        *out = &e->variants[i];
        return 0;
    }
    return add_variant(e, shapes, out, err);
}

/* ---- sizes to prepare for ----------------------------------------------------------------- */

static int prepare_for(void *ctx, const struct tro_tensor *shapes, struct tro_err *err)
{
    struct tro_variant *v;
    return tro_variant_get(ctx, shapes, &v, err);
}

int tro_variants_prepare(struct tro_plan_session *e, struct tro_err *err)
{
    return tro_plan_each_shapes(e->parts, prepare_for, e, err);
}
