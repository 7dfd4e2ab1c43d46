/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of inputs that sessions prepare for. */
#include "plan/plan.h"

#include "base/alloc.h"
#include "base/err.h"

enum corner { CORNER_MIN, CORNER_OPT, CORNER_MAX };

static const struct tro_block *main_block(const struct tro_graph *g)
{
    return tro_block_get(g, TRO_MAIN_BLOCK);
}

static const struct tro_plan_sizes *sizes_of(const struct tro_plan_parts *parts, int input)
{
    for (size_t i = 0; i < parts->n_sizes; i++)
        if (parts->sizes[i].input == input)
            return &parts->sizes[i];
    return NULL;
}

static const int64_t *corner_of(const struct tro_plan_sizes *s, enum corner corner)
{
    return corner == CORNER_MIN ? s->min : corner == CORNER_OPT ? s->opt : s->max;
}

/* Shapes of all inputs: sizes that follow from what env knows, else from the corner, which env
 * learns. False where a size stays open. */
static bool shapes_at(const struct tro_plan_parts *parts, struct tro_dim_env *env,
                      enum corner corner, struct tro_tensor *shapes)
{
    const struct tro_graph *const g = parts->graph;
    for (size_t i = 0; i < main_block(g)->n_inputs; i++) {
        const struct tro_value *const v = tro_value_get(g, main_block(g)->inputs[i]);
        const struct tro_plan_sizes *const sizes = sizes_of(parts, (int)i);
        shapes[i] = (struct tro_tensor){.dtype = v->dtype, .rank = v->shape.rank};
        if (v->shape.rank < 0)
            return false;
        for (int k = 0; k < v->shape.rank; k++) {
            if (tro_dim_eval(&g->dims, env, v->shape.dim[k], &shapes[i].shape[k]))
                continue;
            if (!sizes)
                return false;
            shapes[i].shape[k] = corner_of(sizes, corner)[k];
            tro_dim_bind(&g->dims, env, v->shape.dim[k], shapes[i].shape[k]);
        }
    }
    return true;
}

static int call_for(const struct tro_plan_parts *parts, const struct tro_plan_bucket *bucket,
                    enum corner corner, tro_plan_shapes_fn *fn, void *ctx, struct tro_err *err)
{
    const struct tro_graph *const g = parts->graph;
    struct tro_tensor *const shapes = tro_calloc(main_block(g)->n_inputs + 1, sizeof *shapes);
    struct tro_dim_env env;
    int rc = 0;
    if (!shapes || tro_dim_env_init(&env, &g->dims) < 0) {
        tro_free(shapes);
        return tro_fail_nomem(err);
    }
    for (int k = 0; bucket && k < bucket->rank; k++) {
        const tro_value_id in = main_block(g)->inputs[bucket->input];
        tro_dim_bind(&g->dims, &env, tro_value_get(g, in)->shape.dim[k], bucket->shape[k]);
    }
    if (shapes_at(parts, &env, corner, shapes))
        rc = fn(ctx, shapes, err);
    tro_dim_env_finish(&env);
    tro_free(shapes);
    return rc;
}

/* The greatest sizes first: memory then is large enough for most others. */
int tro_plan_each_shapes(const struct tro_plan_parts *parts, tro_plan_shapes_fn *fn, void *ctx,
                         struct tro_err *err)
{
    TRO_TRY(call_for(parts, NULL, CORNER_MAX, fn, ctx, err));
    TRO_TRY(call_for(parts, NULL, CORNER_OPT, fn, ctx, err));
    TRO_TRY(call_for(parts, NULL, CORNER_MIN, fn, ctx, err));
    for (size_t i = 0; i < parts->n_buckets; i++)
        TRO_TRY(call_for(parts, &parts->buckets[i], CORNER_OPT, fn, ctx, err));
    return 0;
}

const struct tro_graph *tro_plan_graph_at(const struct tro_graph *g,
                                          const struct tro_tensor *shapes, struct tro_graph **own,
                                          struct tro_err *err)
{
    const size_t n = main_block(g)->n_inputs;
    bool is_free = false;
    struct tro_clone_shape *const sizes = tro_calloc(n + 1, sizeof *sizes);
    *own = NULL;
    if (!sizes) {
        tro_fail_nomem(err);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const struct tro_value *const in = tro_value_get(g, main_block(g)->inputs[i]);
        sizes[i].rank = shapes[i].rank;
        is_free = is_free || in->shape.rank != shapes[i].rank;
        for (int k = 0; k < shapes[i].rank; k++) {
            sizes[i].lo[k] = sizes[i].hi[k] = shapes[i].shape[k];
            is_free = is_free || !tro_dim_is_const(in->shape.dim[k]);
        }
    }
    if (is_free)
        *own = tro_graph_clone(g, sizes, err);
    tro_free(sizes);
    return is_free ? *own : g;
}
