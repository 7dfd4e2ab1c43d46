/* SPDX-License-Identifier: Apache-2.0 */
/* Which values are of 16 bits, and what data shows of them. */
#include "quant/halves.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cuda/cuda.h"
#include "quant/half_parts.h"

/* Values that are watched in one run, in bytes: all of them are in memory at a time. */
#define MAX_WATCHED ((int64_t)1 << 30)
#define ARCH 90 /* that places are asked for; all architectures store alike */
#define N_SMS 132

struct tro_half_watches {
    struct tro_quant_watch **v;
    int *first; /* among the values that are watched */
    int n;
};

/* ---- places --------------------------------------------------------------------------------- */

/* For each value of the graph how a GPU stores it; none: it is not known. */
struct places {
    enum tro_dtype *of;
};

/* Free sizes are the least there are, at least 1. False where not even ranks are known. */
static bool bind_sizes(const struct tro_graph *g, struct tro_dim_env *env)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_inputs; i++) {
        const struct tro_shape *const s = &tro_value_get(g, b->inputs[i])->shape;
        if (s->rank < 0)
            return false;
        for (int k = 0; k < s->rank; k++) {
            const int64_t lo = tro_dim_lo(&g->dims, s->dim[k]);
            int64_t size;
            if (!tro_dim_eval(&g->dims, env, s->dim[k], &size))
                tro_dim_bind(&g->dims, env, s->dim[k], lo > 1 ? lo : 1);
        }
    }
    return true;
}

static int lower(const struct tro_graph *g, const struct tro_dim_env *env,
                 enum tro_precision precision, struct places *p, struct tro_err *err)
{
    struct tro_packs *const packs = tro_packs_create(err);
    if (!packs)
        return err->status;
    const struct tro_lower_opts opts = {.backend = &tro_cuda_backend,
                                        .precision = precision,
                                        .arch = ARCH,
                                        .n_sms = N_SMS,
                                        .n_threads = 1,
                                        .packs = packs};
    struct tro_program *const program = tro_lower(g, env, &opts, err);
    for (int32_t i = 0; program && i < program->n_values; i++)
        p->of[program->values[i].value.i] = program->values[i].at.dtype;
    const int rc = program ? 0 : err->status;
    tro_program_destroy(program);
    tro_packs_destroy(packs);
    return rc;
}

/* Not every network runs at the least sizes: nothing is known of it then. */
static int find_places(const struct tro_graph *g, enum tro_precision precision, struct places *p,
                       struct tro_err *err)
{
    struct tro_dim_env env;
    p->of = tro_calloc(g->n_values + 1, sizeof(*p->of));
    if (!p->of || tro_dim_env_init(&env, &g->dims) < 0)
        return tro_fail_nomem(err);
    const int rc = bind_sizes(g, &env) ? lower(g, &env, precision, p, err) : 0;
    tro_dim_env_finish(&env);
    return rc == TRO_E_NOMEM ? rc : 0;
}

/* ---- collecting ----------------------------------------------------------------------------- */

struct collector {
    struct tro_halves *h;
    const struct tro_graph *g;
    const struct places *places;
    struct tro_err *err;
};

static struct tro_half_value *find(const struct tro_halves *h, tro_value_id v)
{
    for (int i = 0; i < h->n_values; i++)
        if (tro_value_eq(h->values[i].id, v))
            return &h->values[i];
    return NULL;
}

static int add_value(struct collector *c, tro_value_id v, int maker, bool is_stored,
                     const char *layer)
{
    const struct tro_value *const value = tro_value_get(c->g, v);
    if (value->dtype != TRO_F32 || find(c->h, v))
        return 0;
    if (TRO_GROW(&c->h->values, (size_t)c->h->n_values, &c->h->cap_values) < 0)
        return tro_fail_nomem(c->err);
    c->h->values[c->h->n_values++] = (struct tro_half_value){.name = value->name,
                                                             .layer = layer,
                                                             .is_weight = value->data != NULL,
                                                             .is_stored = is_stored,
                                                             .maker = maker,
                                                             .id = v,
                                                             .shown = -1};
    return 0;
}

/* What its product takes of a node: weights and inputs that no node made. */
static int add_operands(struct collector *c, const struct tro_node *n, const char *layer)
{
    tro_value_id taken[TRO_HALF_OPERANDS];
    const int count = tro_half_operands(c->g, n, taken);
    for (int i = 0; i < count; i++)
        if (!tro_value_get(c->g, taken[i])->def.i)
            TRO_TRY(add_value(c, taken[i], -1, false, layer));
    return 0;
}

/* Results of the node. Whether they are stored in 16 bits is what places say; where those are not
 * known, all are but outputs. */
static int add_results(struct collector *c, const struct tro_node *n, int maker, const char *layer)
{
    for (uint32_t k = 0; k < n->n_out; k++) {
        if (!n->out[k].i)
            continue;
        const enum tro_dtype place = c->places->of[n->out[k].i];
        const bool is_wide = place ? place == TRO_F32 : tro_half_is_output(c->g, n->out[k]);
        TRO_TRY(add_value(c, n->out[k], maker, !is_wide, layer));
    }
    return 0;
}

/* Values inside a fused node, where no kernel took all of it. */
static int add_inner(struct collector *c, const struct tro_node *n, int maker, const char *layer)
{
    const struct tro_block *const b = tro_block_get(c->g, n->blocks[0]);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const inner = tro_node_get(c->g, b->nodes[i]);
        for (uint32_t k = 0; k < inner->n_out; k++) {
            const enum tro_dtype place = inner->out[k].i ? c->places->of[inner->out[k].i] : 0;
            if ((place == TRO_F16 || place == TRO_BF16) && !tro_half_is_result(b, inner->out[k]))
                TRO_TRY(add_value(c, inner->out[k], maker, true, layer));
        }
    }
    return 0;
}

static int collect(struct collector *c)
{
    const struct tro_block *const b = tro_block_get(c->g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(c->g, b->nodes[i]);
        const char *const layer = tro_half_layer(c->g, n);
        if (tro_op_info(n->op)->kind == TRO_KIND_CONTROL && n->op != TRO_OP_FUSED)
            c->h->n_unseen++;
        TRO_TRY(add_operands(c, n, layer));
        if (n->op == TRO_OP_FUSED)
            TRO_TRY(add_inner(c, n, (int)i, layer));
        TRO_TRY(add_results(c, n, (int)i, layer));
    }
    return 0;
}

/* ---- watching ------------------------------------------------------------------------------- */

static int axis_of(const struct tro_shape *s)
{
    return s->rank >= 4 ? 1 : s->rank - 1;
}

static int init_stats(struct tro_halves *h, struct tro_half_value *v, struct tro_err *err)
{
    const struct tro_shape *const s = &tro_value_get(h->graph, v->id)->shape;
    const int64_t n = s->rank > 1 && !v->is_weight ? tro_dim_value_or_minus1(s->dim[axis_of(s)])
                                                   : 0;
    TRO_TRY(tro_half_stats_init(&v->stats, h->is_bf16, n < 1 << 16 ? (int)n : 0, &h->arena, err));
    if (v->is_weight) {
        const struct tro_tensor t = tro_const_tensor(h->graph, v->id);
        tro_half_stats_add(&v->stats, &t, 0, -1);
    }
    return 0;
}

/* Those of `plain`, in portions that fit memory. */
static int watch(struct tro_halves *h, const struct tro_graph *plain, struct tro_err *err)
{
    struct tro_half_watches *const w = h->watches;
    tro_value_id *const ids = TRO_NEW_N(&h->arena, tro_value_id, (size_t)h->n_values + 1);
    int n = 0, begin = 0;
    int64_t n_elems = 0;
    w->v = TRO_NEW_N(&h->arena, struct tro_quant_watch *, (size_t)h->n_values + 1);
    w->first = TRO_NEW_N(&h->arena, int, (size_t)h->n_values + 2);
    if (!ids || !w->v || !w->first)
        return tro_fail_nomem(err);
    for (int i = 0; i < h->n_values; i++) {
        struct tro_half_value *const v = &h->values[i];
        const tro_value_id id = v->is_weight ? TRO_VALUE_NONE : tro_quant_find(plain, v->name);
        TRO_TRY(init_stats(h, v, err));
        if (id.i) {
            v->shown = n;
            ids[n++] = id;
        }
        h->n_unseen += !id.i && !v->is_weight;
    }
    for (int i = 0; i < n; i++) {
        n_elems += tro_value_max_elems(plain, ids[i]);
        if (i + 1 < n && n_elems * 4 < MAX_WATCHED)
            continue;
        w->first[w->n] = begin;
        w->v[w->n] = tro_quant_watch_create(plain, ids + begin, i + 1 - begin, err);
        if (!w->v[w->n++])
            return err->status;
        begin = i + 1;
        n_elems = 0;
    }
    w->first[w->n] = n;
    return 0;
}

static int create(struct tro_halves *h, const struct tro_graph *plain, enum tro_precision precision,
                  struct tro_err *err)
{
    struct places places = {0};
    struct collector c = {.h = h, .g = h->graph, .places = &places, .err = err};
    h->watches = TRO_NEW(&h->arena, struct tro_half_watches);
    if (!h->watches)
        return tro_fail_nomem(err);
    int rc = find_places(h->graph, precision, &places, err);
    if (rc >= 0)
        rc = collect(&c);
    if (rc >= 0)
        rc = watch(h, plain, err);
    tro_free(places.of);
    return rc;
}

struct tro_halves *tro_halves_create(const struct tro_graph *graph, const struct tro_graph *plain,
                                     enum tro_precision precision, struct tro_err *err)
{
    struct tro_halves *const h = tro_calloc(1, sizeof(*h));
    if (!h) {
        tro_fail_nomem(err);
        return NULL;
    }
    h->graph = graph;
    h->is_bf16 = precision == TRO_PRECISION_BF16;
    if (create(h, plain, precision, err) >= 0)
        return h;
    tro_halves_destroy(h);
    return NULL;
}

void tro_halves_destroy(struct tro_halves *h)
{
    if (!h)
        return;
    for (int i = 0; h->watches && i < h->watches->n; i++)
        tro_quant_watch_destroy(h->watches->v[i]);
    tro_free(h->values);
    tro_free(h->samples);
    tro_arena_finish(&h->arena);
    tro_free(h);
}

/* ---- samples -------------------------------------------------------------------------------- */

static int observe(struct tro_halves *h, struct tro_half_value *v,
                   const struct tro_quant_watch *watch, int at, struct tro_err *err)
{
    struct tro_half_stats *const s = &v->stats;
    struct tro_tensor t;
    TRO_TRY(tro_quant_watch_value(watch, at, &t, err));
    tro_half_stats_add(s, &t, t.rank >= 4 ? 1 : t.rank - 1, h->n_samples - 1);
    if (s->n_nan + s->n_up == 0)
        return 0;
    return tro_fail(err, TRO_E_INPUT,
                    "layer '%s': expected finite numbers, found %" PRId64
                    " elements of value '%s' that are %s, in sample '%s': it is so at fp32 "
                    "already; look at it with trocar run",
                    v->layer, s->n_nan ? s->n_nan : s->n_up, v->name, s->n_nan ? "NaN" : "infinite",
                    h->samples[h->n_samples - 1]);
}

static int add_sample(struct tro_halves *h, const char *name, struct tro_err *err)
{
    if (TRO_GROW(&h->samples, (size_t)h->n_samples, &h->cap_samples) < 0)
        return tro_fail_nomem(err);
    const char *const copy = tro_arena_strndup(&h->arena, name, strlen(name));
    if (!copy)
        return tro_fail_nomem(err);
    h->samples[h->n_samples++] = copy;
    return 0;
}

int tro_halves_observe(struct tro_halves *h, const struct tro_tensor *inputs, const char *sample,
                       struct tro_err *err)
{
    const struct tro_half_watches *const w = h->watches;
    TRO_TRY(add_sample(h, sample, err));
    for (int i = 0; i < w->n; i++) {
        TRO_TRY(tro_quant_watch_run(w->v[i], inputs, err));
        for (int k = 0; k < h->n_values; k++) {
            struct tro_half_value *const v = &h->values[k];
            if (v->shown >= w->first[i] && v->shown < w->first[i + 1])
                TRO_TRY(observe(h, v, w->v[i], v->shown - w->first[i], err));
        }
    }
    return 0;
}
