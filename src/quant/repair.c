/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repairs: chains whose channels are scaled so that integers lose less. Each is tried on a part of
 * what its layers take on some samples, and kept where the layers' results get better.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "quant/alone.h"
#include "quant/chain.h"
#include "quant/equalize.h"
#include "quant/observe.h"
#include "quant/watch.h"
#include "quant/weights.h"

#define MAX_ROUNDS 3
#define LEAST_GAIN 0.97             /* what is left of the error when a repair is kept */
#define MAX_PART ((int64_t)1 << 17) /* elements of a sample that a layer is tried on */
#define MIN_SIDE 16

/* What a layer takes. */
struct taken {
    struct tro_tensor *parts; /* of each sample; no data: not looked at */
    float *peaks;             /* of each channel, of the whole samples */
    int n_channels;
    bool is_changed; /* in the last round or this one */
    bool is_stale;   /* the parts are not of the graph as it is now */
};

const char *const tro_quant_repair_names[] = {"equalization", "migration", NULL};

struct repair {
    struct tro_quant *q;
    const struct tro_tensor *samples; /* n_inputs each */
    int n_samples, n_inputs;
    struct tro_arena arena; /* of a round */
    struct tro_quant_chain *chains;
    int n_chains;
    struct taken *taken; /* of each layer */
    bool *is_due;        /* chains */
    struct tro_err *err;
};

/* ---- parts of what layers take -------------------------------------------------------------- */

/* The least size along an axis that the layer still works on. */
static int64_t min_side(const struct tro_graph *g, const struct tro_node *n, int axis)
{
    const struct tro_attrs_conv *const a = n->attrs;
    if (n->op == TRO_OP_MATMUL)
        return axis > 0 ? MIN_SIDE : 1;
    if (n->op != TRO_OP_CONV || axis < 2 || axis >= TRO_MAX_RANK)
        return 1;
    const int64_t kernel = tro_dim_value(tro_value_get(g, n->in[1])->shape.dim[axis]);
    const int64_t reach = a->dilations.v[axis - 2] * (kernel - 1) + 1;
    return reach > MIN_SIDE ? reach : MIN_SIDE;
}

/* Axes other than the channels' are halved, the longest first. */
static void choose_sizes(const struct repair *r, const struct tro_node *n, int axis,
                         struct tro_tensor *t)
{
    while (tro_tensor_n_elems(t) > MAX_PART) {
        int longest = -1;
        for (int i = 0; i < t->rank; i++)
            if (i != axis && t->shape[i] / 2 >= min_side(r->q->graph, n, i) &&
                (longest < 0 || t->shape[i] > t->shape[longest]))
                longest = i;
        if (longest < 0)
            return;
        t->shape[longest] /= 2;
    }
}

/* Part number `which` of x: at the begin, in the middle, at the end, and so on. */
static void copy_part(const struct tro_tensor *x, const struct tro_tensor *part, int which)
{
    const int64_t n = tro_tensor_n_elems(part);
    int64_t strides[TRO_MAX_RANK], begin = 0, stride = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= x->shape[i];
        begin += (x->shape[i] - part->shape[i]) * (which % 3) / 2 * strides[i];
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t left = k, at = begin;
        for (int i = x->rank - 1; i >= 0; i--) {
            at += left % part->shape[i] * strides[i];
            left /= part->shape[i];
        }
        ((float *)part->data)[k] = ((const float *)x->data)[at];
    }
}

static void note_peaks(struct taken *t, const struct tro_tensor *x, int axis)
{
    int64_t n_inner = 1;
    for (int i = axis + 1; i < x->rank; i++)
        n_inner *= x->shape[i];
    const float *v = x->data;
    for (int64_t run = 0; run < tro_tensor_n_elems(x) / n_inner; run++) {
        float peak = t->peaks[run % t->n_channels];
        for (int64_t i = 0; i < n_inner; i++, v++)
            peak = fmaxf(peak, fabsf(*v));
        t->peaks[run % t->n_channels] = peak;
    }
}

static int look(struct repair *r, int layer, int sample, const struct tro_tensor *x)
{
    struct taken *const t = &r->taken[layer];
    const struct tro_node *const n = tro_node_get(r->q->graph, r->q->layers[layer].node);
    const int axis = tro_quant_input_axis(r->q->graph, n);
    struct tro_tensor part = *x;
    if (x->shape[axis] != t->n_channels)
        return tro_fail(r->err, TRO_E_INTERNAL, "expected %d channels, found %lld", t->n_channels,
                        (long long)x->shape[axis]);
    choose_sizes(r, n, axis, &part);
    part.data = tro_arena_alloc64(&r->arena, tro_tensor_n_bytes(&part) + 1);
    if (!part.data)
        return tro_fail_nomem(r->err);
    copy_part(x, &part, sample);
    t->parts[sample] = part;
    note_peaks(t, x, axis);
    return 0;
}

static int add_taken(struct repair *r, const struct tro_quant_chain *c, int *layers, int *n)
{
    for (int i = 0; i < c->n_layers; i++) {
        struct taken *const t = &r->taken[c->layers[i]];
        if (t->parts)
            continue;
        t->n_channels = c->n_channels;
        t->is_stale = false;
        t->parts = TRO_NEW_N(&r->arena, struct tro_tensor, (size_t)r->n_samples);
        t->peaks = TRO_NEW_N(&r->arena, float, (size_t)c->n_channels);
        if (!t->parts || !t->peaks)
            return tro_fail_nomem(r->err);
        layers[(*n)++] = c->layers[i];
    }
    return 0;
}

static int look_at_samples(struct repair *r, const int *layers, int n)
{
    const struct tro_graph *const g = r->q->graph;
    tro_value_id *const values = TRO_NEW_N(&r->arena, tro_value_id, (size_t)n + 1);
    if (!values)
        return tro_fail_nomem(r->err);
    for (int i = 0; i < n; i++)
        values[i] = tro_node_get(g, r->q->layers[layers[i]].node)->in[0];
    struct tro_quant_watch *const w = tro_quant_watch_create(g, values, n, r->err);
    int rc = w ? 0 : r->err->status;
    for (int s = 0; s < r->n_samples && rc >= 0; s++) {
        rc = tro_quant_watch_run(w, r->samples + s * r->n_inputs, r->err);
        for (int i = 0; i < n && rc >= 0; i++) {
            struct tro_tensor x;
            rc = tro_quant_watch_value(w, i, &x, r->err);
            if (rc >= 0)
                rc = look(r, layers[i], s, &x);
        }
    }
    tro_quant_watch_destroy(w);
    return rc;
}

/* What the layers of the chains that are due take. */
static int look_at_all(struct repair *r)
{
    int n = 0;
    int *const layers = TRO_NEW_N(&r->arena, int, (size_t)r->q->n_layers + 1);
    if (!layers)
        return tro_fail_nomem(r->err);
    for (int i = 0; i < r->q->n_layers; i++)
        r->taken[i].parts = NULL;
    for (int i = 0; i < r->n_chains; i++)
        if (r->is_due[i])
            TRO_TRY(add_taken(r, &r->chains[i], layers, &n));
    return n ? look_at_samples(r, layers, n) : 0;
}

/* ---- trying --------------------------------------------------------------------------------- */

/* A layer as it is tried: memory is the trial's. */
struct trial {
    struct repair *r;
    const struct taken *taken;
    tro_node_id layer;
    int n_channels; /* of the result */
    int input_axis, weight_axis, result_axis;
    struct tro_arena arena;
    struct tro_tensor *results; /* in floats, of each sample */
    double squares;             /* of them */
};

static int copy_tensor(struct trial *t, const struct tro_tensor *from, struct tro_tensor *to)
{
    *to = *from;
    to->data = tro_arena_alloc64(&t->arena, tro_tensor_n_bytes(from) + 1);
    if (!to->data)
        return tro_fail_nomem(t->r->err);
    memcpy(to->data, from->data, tro_tensor_n_bytes(from));
    return 0;
}

/* Parts of samples may differ in size: an engine is made for each that does. */
static int run_alone(struct trial *t, struct tro_quant_alone *a, struct tro_tensor *form_of,
                     const struct tro_tensor *x, const struct tro_tensor *w,
                     const struct tro_quant_form *form, struct tro_tensor *y)
{
    if (!a->engine.session || memcmp(form_of->shape, x->shape, sizeof x->shape) != 0) {
        tro_quant_alone_finish(a);
        TRO_TRY(tro_quant_alone_init(a, t->r->q->graph, t->layer, x, w, form != NULL, t->r->err));
        *form_of = *x;
    }
    return tro_quant_alone_run(a, x, form, y, t->r->err);
}

static int find_results(struct trial *t)
{
    struct repair *const r = t->r;
    const struct tro_tensor w = tro_const_tensor(r->q->graph,
                                                 tro_node_get(r->q->graph, t->layer)->in[1]);
    struct tro_quant_alone alone = {0};
    struct tro_tensor form_of = {0}, y;
    int rc = 0;
    t->results = TRO_NEW_N(&t->arena, struct tro_tensor, (size_t)r->n_samples);
    if (!t->results)
        return tro_fail_nomem(r->err);
    for (int s = 0; s < r->n_samples && rc >= 0; s++) {
        rc = run_alone(t, &alone, &form_of, &t->taken->parts[s], &w, NULL, &y);
        if (rc >= 0)
            rc = copy_tensor(t, &y, &t->results[s]);
        for (int64_t i = 0; rc >= 0 && i < tro_tensor_n_elems(&y); i++)
            t->squares += (double)((const float *)y.data)[i] * (double)((const float *)y.data)[i];
    }
    tro_quant_alone_finish(&alone);
    return rc;
}

/* x of each sample with its channels divided; factors NULL: as they are. */
static int divide_parts(struct trial *t, const float *factors, struct tro_tensor *x)
{
    for (int s = 0; s < t->r->n_samples; s++) {
        TRO_TRY(copy_tensor(t, &t->taken->parts[s], &x[s]));
        int64_t n_inner = 1;
        for (int i = t->input_axis + 1; i < x[s].rank; i++)
            n_inner *= x[s].shape[i];
        float *const v = x[s].data;
        for (int64_t i = 0; factors && i < tro_tensor_n_elems(&x[s]); i++)
            v[i] /= factors[i / n_inner % t->taken->n_channels];
    }
    return 0;
}

static int find_form(struct trial *t, const struct tro_tensor *x, struct tro_quant_form *form)
{
    struct tro_stats *const stats = TRO_NEW(&t->arena, struct tro_stats);
    if (!stats)
        return tro_fail_nomem(t->r->err);
    TRO_TRY(tro_stats_init(stats, 0, &t->arena, t->r->err));
    for (int s = 0; s < t->r->n_samples; s++)
        tro_stats_add(stats, &x[s], 0);
    *form = tro_quant_form_find(stats);
    return 0;
}

static int sum_offs(struct trial *t, const struct tro_tensor *x, const struct tro_tensor *w,
                    const struct tro_quant_form *form, struct tro_quant_offs *offs)
{
    struct tro_quant_alone alone = {0};
    struct tro_tensor form_of = {0}, y;
    int rc = 0;
    for (int s = 0; s < t->r->n_samples && rc >= 0; s++) {
        rc = run_alone(t, &alone, &form_of, &x[s], w, form, &y);
        if (rc >= 0)
            tro_quant_offs_add(offs, &t->results[s], &y, t->result_axis);
    }
    tro_quant_alone_finish(&alone);
    return rc;
}

/* Adds the share of the result's squares that integers lose. */
static int add_error(struct trial *t, const float *factors, double *error)
{
    struct repair *const r = t->r;
    struct tro_quant_offs offs = {.n_channels = t->n_channels};
    struct tro_quant_form form;
    struct tro_tensor w;
    struct tro_tensor from = tro_const_tensor(r->q->graph,
                                              tro_node_get(r->q->graph, t->layer)->in[1]);
    struct tro_tensor *const x = TRO_NEW_N(&t->arena, struct tro_tensor, (size_t)r->n_samples);
    offs.sums = TRO_NEW_N(&t->arena, double, (size_t)offs.n_channels + 1);
    if (!x || !offs.sums)
        return tro_fail_nomem(r->err);
    TRO_TRY(copy_tensor(t, &from, &w));
    if (factors)
        tro_quant_multiply_weights(r->q->graph, t->layer, &w, factors);
    TRO_TRY(tro_quant_weights_round(&w, t->weight_axis, r->err));
    TRO_TRY(divide_parts(t, factors, x));
    TRO_TRY(find_form(t, x, &form));
    TRO_TRY(sum_offs(t, x, &w, &form, &offs));
    *error += t->squares > 0 ? tro_quant_offs_left(&offs) / t->squares : 0;
    return 0;
}

/* recipes: factors that are tried, NULL where there are none. errors: of the layer as it is, then
 * of each recipe. */
static int try_layer(struct repair *r, int layer, float *const recipes[TRO_QUANT_N_RECIPES],
                     double errors[1 + TRO_QUANT_N_RECIPES])
{
    const struct tro_graph *const g = r->q->graph;
    const struct tro_quant_layer *const l = &r->q->layers[layer];
    const struct tro_node *const n = tro_node_get(g, l->node);
    struct trial t = {.r = r,
                      .taken = &r->taken[layer],
                      .layer = l->node,
                      .n_channels = l->n_channels,
                      .input_axis = tro_quant_input_axis(g, n),
                      .weight_axis = tro_quant_weight_axis(g, n),
                      .result_axis = tro_quant_result_axis(g, n)};
    int rc = find_results(&t);
    if (rc >= 0)
        rc = add_error(&t, NULL, &errors[0]);
    for (int i = 0; i < TRO_QUANT_N_RECIPES && rc >= 0; i++)
        if (recipes[i])
            rc = add_error(&t, recipes[i], &errors[1 + i]);
    tro_arena_finish(&t.arena);
    return rc;
}

/* ---- a chain -------------------------------------------------------------------------------- */

/* Factors of each recipe, NULL of those that are of no use. */
static int make_recipes(struct repair *r, const struct tro_quant_chain *c,
                        float *recipes[TRO_QUANT_N_RECIPES])
{
    const size_t n = (size_t)c->n_channels;
    float *const peaks = TRO_NEW_N(&r->arena, float, n), *const work = TRO_NEW_N(&r->arena, float,
                                                                                 2 * n);
    if (!peaks || !work)
        return tro_fail_nomem(r->err);
    for (int i = 0; i < c->n_layers; i++)
        for (size_t k = 0; k < n; k++)
            peaks[k] = fmaxf(peaks[k], r->taken[c->layers[i]].peaks[k]);
    for (int i = 0; i < TRO_QUANT_N_RECIPES; i++) {
        recipes[i] = TRO_NEW_N(&r->arena, float, n);
        if (!recipes[i])
            return tro_fail_nomem(r->err);
        if (!tro_quant_recipe(r->q, c, i, peaks, work, recipes[i]))
            recipes[i] = NULL;
    }
    return 0;
}

/* Kept and listed; `to` and n_layers follow from the chain. */
static int keep(struct tro_quant *q, const struct tro_quant_chain *c,
                const struct tro_quant_repair *repair, struct tro_err *err)
{
    const size_t n = (size_t)q->n_repairs;
    if (TRO_GROW(&q->repairs, n, &q->cap_repairs) < 0)
        return tro_fail_nomem(err);
    TRO_TRY(tro_quant_chain_apply(q, c, repair->factors, err));
    q->repairs[n] = *repair;
    q->repairs[n].from = tro_value_get(q->graph, tro_node_get(q->graph, c->root)->out[0])->name;
    q->repairs[n].to = q->layers[c->layers[0]].name;
    q->repairs[n].n_layers = c->n_layers;
    q->n_repairs++;
    return 0;
}

static int apply(struct repair *r, const struct tro_quant_chain *c, int recipe,
                 const float *factors, const double *errors)
{
    const size_t n_bytes = (size_t)c->n_channels * sizeof(*factors);
    const struct tro_quant_repair repair = {
        .kind = tro_quant_recipe_kind(recipe),
        .before = errors[0] / c->n_layers,
        .after = errors[1 + recipe] / c->n_layers,
        .factors = tro_arena_memdup(&r->q->arena, factors, n_bytes),
        .n_channels = c->n_channels};
    if (!repair.factors)
        return tro_fail_nomem(r->err);
    TRO_TRY(keep(r->q, c, &repair, r->err));
    for (int i = 0; i < c->n_layers; i++)
        r->taken[c->layers[i]].is_changed = r->taken[c->layers[i]].is_stale = true;
    if (c->root_layer >= 0)
        r->taken[c->root_layer].is_changed = true;
    return 0;
}

static int repair_chain(struct repair *r, const struct tro_quant_chain *c)
{
    float *recipes[TRO_QUANT_N_RECIPES];
    double errors[1 + TRO_QUANT_N_RECIPES] = {0};
    int best = -1;
    TRO_TRY(make_recipes(r, c, recipes));
    for (int i = 0; i < TRO_QUANT_N_RECIPES; i++)
        best = recipes[i] ? i : best;
    if (best < 0)
        return 0;
    for (int i = 0; i < c->n_layers; i++)
        TRO_TRY(tro_err_prefix(r->err, try_layer(r, c->layers[i], recipes, errors),
                               "layer '%s': ", r->q->layers[c->layers[i]].name));
    for (int i = 0; i < TRO_QUANT_N_RECIPES; i++)
        if (recipes[i] && errors[1 + i] < errors[1 + best])
            best = i;
    if (!(errors[1 + best] < LEAST_GAIN * errors[0]))
        return 0;
    return apply(r, c, best, recipes[best], errors);
}

/* ---- all ------------------------------------------------------------------------------------ */

static bool is_stale(const struct repair *r, const struct tro_quant_chain *c)
{
    for (int i = 0; i < c->n_layers; i++)
        if (r->taken[c->layers[i]].is_stale)
            return true;
    return false;
}

static bool is_changed(const struct repair *r, const struct tro_quant_chain *c)
{
    for (int i = 0; i < c->n_layers; i++)
        if (r->taken[c->layers[i]].is_changed)
            return true;
    return c->root_layer >= 0 && r->taken[c->root_layer].is_changed;
}

/* Chains that are due; what they change makes their neighbours due. Of those that share a layer one
 * has its turn in a round. */
static int repair_round(struct repair *r)
{
    TRO_TRY(look_at_all(r));
    for (int i = 0; i < r->q->n_layers; i++)
        r->taken[i].is_changed = false;
    for (int i = 0; i < r->n_chains; i++)
        if (r->is_due[i] && !is_stale(r, &r->chains[i]))
            TRO_TRY(repair_chain(r, &r->chains[i]));
    for (int i = 0; i < r->n_chains; i++)
        r->is_due[i] = is_changed(r, &r->chains[i]);
    return 0;
}

static bool is_any_due(const struct repair *r)
{
    for (int i = 0; i < r->n_chains; i++)
        if (r->is_due[i])
            return true;
    return false;
}

static int repair_chains(struct repair *r, struct tro_arena *arena)
{
    struct tro_quant *const q = r->q;
    TRO_TRY(tro_quant_chains_find(q, arena, &r->chains, &r->n_chains, r->err));
    r->taken = TRO_NEW_N(arena, struct taken, (size_t)q->n_layers + 1);
    r->is_due = TRO_NEW_N(arena, bool, (size_t)r->n_chains + 1);
    if (!r->taken || !r->is_due)
        return tro_fail_nomem(r->err);
    for (int i = 0; i < r->n_chains; i++)
        r->is_due[i] = true;
    for (int round = 0; round < MAX_ROUNDS && is_any_due(r); round++) {
        const int rc = repair_round(r);
        tro_arena_finish(&r->arena);
        TRO_TRY(rc);
    }
    return 0;
}

int tro_quant_repair(struct tro_quant *q, const struct tro_tensor *samples, int n_samples,
                     struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct repair r = {.q = q,
                       .samples = samples,
                       .n_samples = n_samples,
                       .n_inputs = (int)tro_block_get(q->graph, TRO_MAIN_BLOCK)->n_inputs,
                       .err = err};
    int rc = 0;
    for (int i = 0; i < n_samples && rc >= 0; i++)
        rc = tro_quant_observe(q, samples + i * r.n_inputs, err);
    if (rc >= 0 && n_samples > 0)
        rc = repair_chains(&r, &arena);
    tro_arena_finish(&arena);
    if (rc >= 0)
        rc = tro_quant_forget(q, err);
    return tro_err_prefix(err, rc, "repairs: ");
}

static const struct tro_quant_chain *chain_of(const struct tro_quant *q,
                                              const struct tro_quant_chain *chains, int n,
                                              const char *from)
{
    for (int i = 0; i < n; i++) {
        const tro_value_id v = tro_node_get(q->graph, chains[i].root)->out[0];
        if (strcmp(tro_value_get(q->graph, v)->name, from) == 0)
            return &chains[i];
    }
    return NULL;
}

int tro_quant_repair_again(struct tro_quant *q, const struct tro_quant_repair *r,
                           struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_quant_chain *chains;
    int n, rc = tro_quant_chains_find(q, &arena, &chains, &n, err);
    const struct tro_quant_chain *const c = rc >= 0 ? chain_of(q, chains, n, r->from) : NULL;
    if (rc >= 0 && (!c || c->n_channels != r->n_channels))
        rc = tro_fail(err, TRO_E_INPUT,
                      "repairs: expected '%s' with %d channels that can be scaled, found none: the "
                      "calibration is of another network",
                      r->from, r->n_channels);
    if (rc >= 0)
        rc = keep(q, c, r, err);
    tro_arena_finish(&arena);
    return rc < 0 ? rc : tro_quant_forget(q, err);
}
