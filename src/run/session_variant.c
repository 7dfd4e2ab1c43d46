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
    tro_program_destroy(v->program);
    tro_graph_destroy(v->graph);
    tro_free(v->shapes);
}

/* The plan's graph when it has no free sizes, else a clone with these. */
static const struct tro_graph *graph_for(struct tro_plan_session *e, struct tro_variant *v,
                                         const struct tro_tensor *shapes, struct tro_err *err)
{
    const size_t n = tro_session_n_operands(&e->s);
    bool is_free = false;
    struct tro_clone_shape *const sizes = tro_calloc(n + 1, sizeof *sizes);
    if (!sizes) {
        tro_fail_nomem(err);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const struct tro_value *const in = tro_value_get(
            e->s.g, tro_block_get(e->s.g, TRO_MAIN_BLOCK)->inputs[i]);
        sizes[i].rank = shapes[i].rank;
        is_free = is_free || in->shape.rank != shapes[i].rank;
        for (int k = 0; k < shapes[i].rank; k++) {
            sizes[i].lo[k] = sizes[i].hi[k] = shapes[i].shape[k];
            is_free = is_free || !tro_dim_is_const(in->shape.dim[k]);
        }
    }
    if (is_free)
        v->graph = tro_graph_clone(e->s.g, sizes, err);
    tro_free(sizes);
    return is_free ? v->graph : e->s.g;
}

static int lower_variant(struct tro_plan_session *e, struct tro_variant *v,
                         const struct tro_tensor *shapes, struct tro_err *err)
{
    struct tro_dim_env env;
    const struct tro_graph *const g = graph_for(e, v, shapes, err);
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

static int make_exec(struct tro_plan_session *e, struct tro_variant *v, struct tro_err *err)
{
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

enum corner { CORNER_MIN, CORNER_OPT, CORNER_MAX };

static const struct tro_plan_sizes *sizes_of(const struct tro_plan_session *e, int input)
{
    for (size_t i = 0; i < e->parts->n_sizes; i++)
        if (e->parts->sizes[i].input == input)
            return &e->parts->sizes[i];
    return NULL;
}

static const int64_t *corner_of(const struct tro_plan_sizes *s, enum corner corner)
{
    return corner == CORNER_MIN ? s->min : corner == CORNER_OPT ? s->opt : s->max;
}

/* Shapes of all inputs: sizes that follow from what env knows, else from the corner, which env
 * learns. False where a size stays open. */
static bool shapes_at(const struct tro_plan_session *e, struct tro_dim_env *env, enum corner corner,
                      struct tro_tensor *shapes)
{
    const struct tro_dims *const dims = &e->s.g->dims;
    for (size_t i = 0; i < tro_session_n_operands(&e->s); i++) {
        const struct tro_value *const v = tro_value_get(
            e->s.g, tro_block_get(e->s.g, TRO_MAIN_BLOCK)->inputs[i]);
        const struct tro_plan_sizes *const sizes = sizes_of(e, (int)i);
        shapes[i] = (struct tro_tensor){.dtype = v->dtype, .rank = v->shape.rank};
        if (v->shape.rank < 0)
            return false;
        for (int k = 0; k < v->shape.rank; k++) {
            if (tro_dim_eval(dims, env, v->shape.dim[k], &shapes[i].shape[k]))
                continue;
            if (!sizes)
                return false;
            shapes[i].shape[k] = corner_of(sizes, corner)[k];
            tro_dim_bind(dims, env, v->shape.dim[k], shapes[i].shape[k]);
        }
    }
    return true;
}

static int prepare_for(struct tro_plan_session *e, const struct tro_plan_bucket *bucket,
                       enum corner corner, struct tro_err *err)
{
    const struct tro_graph *const g = e->s.g;
    struct tro_tensor *const shapes = tro_calloc(tro_session_n_operands(&e->s) + 1, sizeof *shapes);
    struct tro_dim_env env;
    struct tro_variant *v;
    int rc = 0;
    if (!shapes || tro_dim_env_init(&env, &g->dims) < 0) {
        tro_free(shapes);
        return tro_fail_nomem(err);
    }
    for (int k = 0; bucket && k < bucket->rank; k++) {
        const tro_value_id in = tro_block_get(g, TRO_MAIN_BLOCK)->inputs[bucket->input];
        tro_dim_bind(&g->dims, &env, tro_value_get(g, in)->shape.dim[k], bucket->shape[k]);
    }
    if (shapes_at(e, &env, corner, shapes))
        rc = tro_variant_get(e, shapes, &v, err);
    tro_dim_env_finish(&env);
    tro_free(shapes);
    return rc;
}

/* The greatest sizes first: memory then is large enough for most others. */
int tro_variants_prepare(struct tro_plan_session *e, struct tro_err *err)
{
    TRO_TRY(prepare_for(e, NULL, CORNER_MAX, err));
    TRO_TRY(prepare_for(e, NULL, CORNER_OPT, err));
    TRO_TRY(prepare_for(e, NULL, CORNER_MIN, err));
    for (size_t i = 0; i < e->parts->n_buckets; i++)
        TRO_TRY(prepare_for(e, &e->parts->buckets[i], CORNER_OPT, err));
    return 0;
}
