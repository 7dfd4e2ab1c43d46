/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of the tensors that may be quantized, and the bounds that follow from them. */
#include "quant/observe.h"

#include <inttypes.h>
#include <math.h>

#include "base/alloc.h"
#include "base/err.h"
#include "quant/groups.h"
#include "quant/watch.h"

/* A part of a concatenation has the scale of the whole for its other uses as well, unless the whole
 * reaches more than so many times as far: that costs it at most one bit, and one more where it is
 * never negative and the whole is. */
#define MAX_RATIO 2.0f

/* ---- statistics ----------------------------------------------------------------------------- */

static bool is_wanted(const struct tro_quant *q, const struct tro_quant_source *s)
{
    return q->groups[s->group].is_wanted;
}

static int watch_sources(struct tro_quant *q, struct tro_err *err)
{
    tro_value_id *const values = tro_calloc((size_t)q->n_sources + 1, sizeof(*values));
    int n = 0;
    if (!values)
        return tro_fail_nomem(err);
    for (int i = 0; i < q->n_sources; i++)
        if (is_wanted(q, &q->sources[i]))
            values[n++] = q->sources[i].value;
    q->watch = tro_quant_watch_create(q->graph, values, n, err);
    tro_free(values);
    return q->watch ? 0 : err->status;
}

static int observe(struct tro_quant *q, const struct tro_quant_source *s, int at,
                   struct tro_err *err)
{
    struct tro_quant_group *const g = &q->groups[s->group];
    struct tro_tensor t;
    TRO_TRY(tro_quant_watch_value(q->watch, at, &t, err));
    tro_stats_add(&g->stats, &t, t.rank >= 4 ? 1 : t.rank - 1);
    if (g->stats.n_bad > 0)
        return tro_fail(err, TRO_E_INPUT,
                        "expected finite values, found %" PRId64 " of '%s' that are NaN or "
                        "infinite, in sample %" PRId64 ": look at it with trocar run",
                        g->stats.n_bad, tro_value_get(q->graph, s->value)->name, q->n_observed);
    return 0;
}

int tro_quant_observe(struct tro_quant *q, const struct tro_tensor *inputs, struct tro_err *err)
{
    int at = 0;
    if (!q->watch)
        TRO_TRY(watch_sources(q, err));
    TRO_TRY(tro_quant_watch_run(q->watch, inputs, err));
    for (int i = 0; i < q->n_sources; i++)
        if (is_wanted(q, &q->sources[i]))
            TRO_TRY(observe(q, &q->sources[i], at++, err));
    q->n_observed++;
    return 0;
}

int tro_quant_forget(struct tro_quant *q, struct tro_err *err)
{
    /* constants may have come */
    int *const group_of = TRO_NEW_N(&q->arena, int, q->graph->n_values + 1);
    if (!group_of)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < q->graph->n_values; i++)
        group_of[i] = i < q->n_grouped ? q->group_of[i] : -1;
    q->group_of = group_of;
    q->n_grouped = q->graph->n_values;
    for (int i = 0; i < q->n_groups; i++) {
        struct tro_stats *const s = &q->groups[i].stats;
        TRO_TRY(tro_stats_init(s, s->n_channels, &q->arena, err));
    }
    tro_quant_watch_destroy(q->watch);
    q->watch = NULL;
    q->n_observed = 0;
    return 0;
}

/* ---- concatenations ------------------------------------------------------------------------- */

void tro_quant_join(struct tro_quant *q, int to, int from)
{
    if (to == from)
        return;
    tro_stats_join(&q->groups[to].stats, &q->groups[from].stats);
    q->groups[to].is_wanted |= q->groups[from].is_wanted;
    q->groups[from].is_wanted = false;
    for (size_t i = 0; i < q->graph->n_values; i++)
        q->group_of[i] = q->group_of[i] == from ? to : q->group_of[i];
    for (int i = 0; i < q->n_sources; i++)
        q->sources[i].group = q->sources[i].group == from ? to : q->sources[i].group;
    for (int i = 0; i < q->n_layers; i++)
        q->layers[i].group = q->layers[i].group == from ? to : q->layers[i].group;
}

/* Something else than this node wants it quantized: a layer, or another concatenation. */
static bool has_other_use(const struct tro_quant *q, int group, const struct tro_node *concat)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (int i = 0; i < q->n_layers; i++)
        if (q->layers[i].group == group)
            return true;
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        for (uint32_t k = 0; k < n->n_in && n->op == TRO_OP_CONCAT && n != concat; k++)
            if (q->group_of[n->in[k].i] == group)
                return true;
    }
    return false;
}

static void join_parts(struct tro_quant *q, const struct tro_node *n)
{
    float peak = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const int group = q->group_of[n->in[i].i];
        if (group < 0)
            return;
        peak = fmaxf(peak, tro_stats_peak(&q->groups[group].stats));
    }
    for (uint32_t i = 0; i < n->n_in; i++) {
        const int group = q->group_of[n->in[i].i];
        if (MAX_RATIO * tro_stats_peak(&q->groups[group].stats) >= peak ||
            !has_other_use(q, group, n))
            tro_quant_join(q, q->group_of[n->out[0].i], group);
    }
}

static void join_concats(struct tro_quant *q)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        if (n->op == TRO_OP_CONCAT && q->group_of[n->out[0].i] >= 0 &&
            q->groups[q->group_of[n->out[0].i]].is_wanted)
            join_parts(q, n);
    }
}

/* ---- bounds --------------------------------------------------------------------------------- */

int tro_quant_levels(const struct tro_quant_group *g)
{
    return g->is_unsigned ? 255 : 127;
}

static struct tro_quant_form offset_form(const struct tro_stats *s, double bound)
{
    const struct tro_bound_ends ends = tro_bound_ends(s, bound);
    const double scale = (ends.high - ends.low) / 255;
    return (struct tro_quant_form){TRO_U8, (float)scale, (int)nearbyint(-ends.low / scale)};
}

struct tro_quant_form tro_quant_form(const struct tro_quant_group *g, enum tro_bound bound)
{
    if ((bound == TRO_BOUND_OFFSET || bound == TRO_BOUND_OFFSET_MSE) &&
        tro_stats_has_tail(&g->stats))
        return offset_form(&g->stats, g->bounds[bound]);
    return (struct tro_quant_form){g->is_unsigned ? TRO_U8 : TRO_I8,
                                   (float)(g->bounds[bound] / tro_quant_levels(g)), 0};
}

struct tro_quant_form tro_quant_form_find(const struct tro_stats *s)
{
    if (tro_stats_has_tail(s))
        return offset_form(s, tro_bound_offset_mse(s));
    const int n_levels = s->min >= 0 ? 255 : 127;
    return (struct tro_quant_form){s->min >= 0 ? TRO_U8 : TRO_I8,
                                   (float)(tro_bound_least_mse(s, n_levels) / n_levels), 0};
}

int tro_quant_bound(struct tro_quant *q, struct tro_err *err)
{
    if (q->n_observed == 0)
        return tro_fail(
            err, TRO_E_INPUT,
            "expected samples to calibrate with, found none: int8 needs data (--calib)");
    join_concats(q);
    for (int i = 0; i < q->n_groups; i++) {
        struct tro_quant_group *const g = &q->groups[i];
        if (!g->is_wanted)
            continue;
        g->is_unsigned = g->stats.min >= 0;
        tro_bounds_find(&g->stats, tro_quant_levels(g), g->bounds);
        for (int k = 0; k < TRO_N_BOUNDS; k++)
            g->errors[k] = NAN;
        g->chosen = TRO_BOUND_MSE;
        g->form = tro_quant_form(g, g->chosen);
    }
    return 0;
}
