/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/probe.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "quant/alone.h"
#include "quant/watch.h"
#include "quant/weights.h"

struct probe {
    struct tro_quant_alone layer;
    bool is_made;
    struct tro_tensor x;                      /* the shape that it was made for */
    struct tro_quant_offs offs[TRO_N_BOUNDS]; /* none of a bound that is as one before it */
    double y_squares;
};

struct tro_quant_probes {
    struct tro_quant_watch *watch; /* of each layer what it takes and what it gives */
    struct probe *probes;
    int n;
};

void tro_quant_probes_destroy(struct tro_quant_probes *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n; i++)
        tro_quant_alone_finish(&p->probes[i].layer);
    tro_quant_watch_destroy(p->watch);
    tro_free(p->probes);
    tro_free(p);
}

/* ---- making them ---------------------------------------------------------------------------- */

static int watch_layers(struct tro_quant *q, struct tro_err *err)
{
    struct tro_quant_probes *const p = q->probes;
    tro_value_id *const values = tro_calloc(2 * (size_t)q->n_layers + 1, sizeof(*values));
    if (!values)
        return tro_fail_nomem(err);
    for (int i = 0; i < q->n_layers; i++) {
        const struct tro_node *const n = tro_node_get(q->graph, q->layers[i].node);
        values[2 * i] = n->in[0];
        values[2 * i + 1] = n->out[0];
    }
    p->watch = tro_quant_watch_create(q->graph, values, 2 * q->n_layers, err);
    tro_free(values);
    return p->watch ? 0 : err->status;
}

static int make_probes(struct tro_quant *q, struct tro_err *err)
{
    struct tro_quant_probes *const p = tro_calloc(1, sizeof(*p));
    q->probes = p;
    if (!p)
        return tro_fail_nomem(err);
    p->n = q->n_layers;
    p->probes = tro_calloc((size_t)p->n + 1, sizeof(*p->probes));
    if (!p->probes)
        return tro_fail_nomem(err);
    for (int i = 0; i < p->n * TRO_N_BOUNDS; i++) {
        struct tro_quant_offs *const o = &p->probes[i / TRO_N_BOUNDS].offs[i % TRO_N_BOUNDS];
        o->n_channels = q->layers[i / TRO_N_BOUNDS].n_channels;
        o->sums = TRO_NEW_N(&q->arena, double, (size_t)o->n_channels + 1);
        if (!o->sums)
            return tro_fail_nomem(err);
    }
    return watch_layers(q, err);
}

static bool has_form(const struct tro_tensor *a, const struct tro_tensor *b)
{
    return a->rank == b->rank &&
           memcmp(a->shape, b->shape, sizeof a->shape[0] * (size_t)a->rank) == 0;
}

/* The layer with weights as quantization leaves them. */
static int make_layer(const struct tro_quant *q, const struct tro_quant_layer *l, struct probe *p,
                      const struct tro_tensor *x, struct tro_err *err)
{
    const struct tro_node *const n = tro_node_get(q->graph, l->node);
    struct tro_tensor w = tro_const_tensor(q->graph, n->in[1]);
    const size_t n_bytes = tro_tensor_n_bytes(&w);
    void *const data = tro_malloc_aligned(n_bytes + 1);
    if (!data)
        return tro_fail_nomem(err);
    w.data = memcpy(data, w.data, n_bytes);
    int rc = tro_quant_weights_round(&w, tro_quant_weight_axis(q->graph, n), err);
    if (rc >= 0)
        rc = tro_quant_alone_init(&p->layer, q->graph, l->node, x, &w, true, err);
    tro_free(data);
    return rc;
}

static int make_probe(const struct tro_quant *q, const struct tro_quant_layer *l, struct probe *p,
                      const struct tro_tensor *x, struct tro_err *err)
{
    if (p->is_made && has_form(&p->x, x))
        return 0;
    tro_quant_alone_finish(&p->layer);
    p->is_made = false;
    TRO_TRY(make_layer(q, l, p, x, err));
    p->is_made = true;
    p->x = *x;
    return 0;
}

/* ---- measuring ------------------------------------------------------------------------------ */

static double squares_of(const struct tro_tensor *y)
{
    const float *const v = y->data;
    const int64_t n = tro_tensor_n_elems(y);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sum;
}

/* The first bound whose integers are those of bound k. */
static int same_form(const struct tro_quant_group *g, int k)
{
    const struct tro_quant_form form = tro_quant_form(g, (enum tro_bound)k);
    for (int i = 0; i < k; i++) {
        const struct tro_quant_form other = tro_quant_form(g, (enum tro_bound)i);
        if (other.dtype == form.dtype && other.scale == form.scale && other.zero == form.zero)
            return i;
    }
    return k;
}

static int probe_layer(struct tro_quant *q, int i, struct tro_err *err)
{
    const struct tro_quant_layer *const l = &q->layers[i];
    const struct tro_quant_group *const g = &q->groups[l->group];
    struct probe *const p = &q->probes->probes[i];
    const int axis = tro_quant_result_axis(q->graph, tro_node_get(q->graph, l->node));
    struct tro_tensor x, y, found;
    TRO_TRY(tro_quant_watch_value(q->probes->watch, 2 * i, &x, err));
    TRO_TRY(tro_quant_watch_value(q->probes->watch, 2 * i + 1, &y, err));
    if (l->n_channels == 0 || y.shape[axis] != l->n_channels)
        return 0;
    TRO_TRY(make_probe(q, l, p, &x, err));
    for (int k = 0; k < TRO_N_BOUNDS; k++) {
        const struct tro_quant_form form = tro_quant_form(g, (enum tro_bound)k);
        if (same_form(g, k) != k)
            continue;
        TRO_TRY(tro_quant_alone_run(&p->layer, &x, &form, &found, err));
        tro_quant_offs_add(&p->offs[k], &y, &found, axis);
    }
    p->y_squares += squares_of(&y);
    return 0;
}

int tro_quant_probe(struct tro_quant *q, const struct tro_tensor *inputs, struct tro_err *err)
{
    if (!q->probes)
        TRO_TRY(make_probes(q, err));
    TRO_TRY(tro_quant_watch_run(q->probes->watch, inputs, err));
    for (int i = 0; i < q->n_layers; i++)
        TRO_TRY(tro_err_prefix(err, probe_layer(q, i, err), "layer '%s': ", q->layers[i].name));
    q->n_probed++;
    return 0;
}

/* ---- choosing ------------------------------------------------------------------------------- */

static void judge_layer(const struct tro_quant *q, struct tro_quant_layer *l, const struct probe *p)
{
    for (int k = 0; k < TRO_N_BOUNDS; k++) {
        const struct tro_quant_offs *const o = &p->offs[same_form(&q->groups[l->group], k)];
        for (int c = 0; c < l->n_channels; c++)
            l->shift[k * l->n_channels + c] = o->sums[c] / (double)o->n;
        l->errors[k] = p->y_squares > 0 ? tro_quant_offs_left(o) / p->y_squares : 0;
    }
}

void tro_quant_choose(struct tro_quant *q)
{
    for (int i = 0; i < q->n_layers && q->probes; i++) {
        struct tro_quant_layer *const l = &q->layers[i];
        struct tro_quant_group *const g = &q->groups[l->group];
        if (q->probes->probes[i].offs[0].n == 0)
            continue;
        judge_layer(q, l, &q->probes->probes[i]);
        for (int k = 0; k < TRO_N_BOUNDS; k++)
            g->errors[k] = (isnan(g->errors[k]) ? 0 : g->errors[k]) + l->errors[k];
    }
    for (int i = 0; i < q->n_groups; i++) {
        struct tro_quant_group *const g = &q->groups[i];
        if (!g->is_wanted)
            continue;
        if (isnan(g->errors[0]))
            g->chosen = TRO_BOUND_OFFSET_MSE;
        for (int k = 0; k < TRO_N_BOUNDS; k++)
            g->chosen = g->errors[k] < g->errors[g->chosen] ? (enum tro_bound)k : g->chosen;
        g->form = tro_quant_form(g, g->chosen);
    }
}
