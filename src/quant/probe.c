/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/probe.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "quant/quant.h"
#include "quant/watch.h"
#include "quant/weights.h"

/* A layer alone: x and a scale in, y of quantized x and weights out. */
struct probe {
    struct tro_quant_engine engine;
    bool is_made;
    struct tro_tensor x;                     /* the form that it was made for */
    double squares[TRO_N_BOUNDS], y_squares; /* sums over the samples */
    double *sums;                            /* of y - y of integers, for each bound and channel */
    int64_t n;                               /* elements of a channel */
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
        tro_quant_engine_finish(&p->probes[i].engine);
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
    for (int i = 0; i < p->n; i++) {
        const size_t n_sums = (size_t)q->layers[i].n_channels * TRO_N_BOUNDS;
        p->probes[i].sums = TRO_NEW_N(&q->arena, double, n_sums + 1);
        if (!p->probes[i].sums)
            return tro_fail_nomem(err);
    }
    return watch_layers(q, err);
}

/* The layer's constants as quantization leaves them. */
static int add_weights(const struct tro_quant *q, const struct tro_node *n, struct tro_graph *g,
                       tro_value_id *out, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_quant_weights w;
    struct tro_tensor t = tro_const_tensor(q->graph, n->in[1]);
    const int axis = tro_quant_weight_axis(q->graph, n);
    int rc = tro_quant_weights_init(&w, &t, axis, &arena, err);
    t.data = tro_arena_alloc64(&arena, tro_tensor_n_bytes(&t) + 1);
    if (rc >= 0 && !t.data)
        rc = tro_fail_nomem(err);
    if (rc >= 0) {
        tro_quant_weights_value(&w, axis, t.data);
        rc = tro_graph_add_const_copy(g, "w", &t, out, err);
    }
    tro_arena_finish(&arena);
    return rc;
}

static int add_node(struct tro_graph *g, enum tro_op op, const void *attrs, const tro_value_id *in,
                    uint32_t n_in, tro_value_id *out, struct tro_err *err)
{
    const struct tro_node_spec spec = {
        .op = op, .attrs = attrs, .in = in, .n_in = n_in, .n_out = 1};
    return tro_graph_add_node(g, TRO_MAIN_BLOCK, &spec, out, err);
}

static int fill_graph(const struct tro_quant *q, const struct tro_quant_layer *l,
                      const struct tro_tensor *x, struct tro_graph *g, struct tro_err *err)
{
    const struct tro_node *const n = tro_node_get(q->graph, l->node);
    const struct tro_attrs_cast to = {.to = q->groups[l->group].is_unsigned ? TRO_U8 : TRO_I8};
    struct tro_shape shape = {.rank = x->rank}, one = {.rank = 0};
    tro_value_id in[2], v, args[3] = {{0}};
    for (int i = 0; i < x->rank; i++)
        shape.dim[i] = tro_dim_const(x->shape[i]);
    TRO_TRY(tro_graph_add_input(g, TRO_MAIN_BLOCK, "x", TRO_F32, &shape, &in[0], err));
    TRO_TRY(tro_graph_add_input(g, TRO_MAIN_BLOCK, "scale", TRO_F32, &one, &in[1], err));
    TRO_TRY(add_node(g, TRO_OP_QUANTIZE, &to, in, 2, &v, err));
    in[0] = v;
    TRO_TRY(add_node(g, TRO_OP_DEQUANTIZE, NULL, in, 2, &args[0], err));
    TRO_TRY(add_weights(q, n, g, &args[1], err));
    if (n->n_in > 2 && n->in[2].i) {
        const struct tro_tensor bias = tro_const_tensor(q->graph, n->in[2]);
        TRO_TRY(tro_graph_add_const_copy(g, "bias", &bias, &args[2], err));
    }
    TRO_TRY(add_node(g, n->op, n->attrs, args, args[2].i ? 3 : 2, &v, err));
    return tro_block_add_output(g, TRO_MAIN_BLOCK, v, err);
}

static bool has_form(const struct tro_tensor *a, const struct tro_tensor *b)
{
    return a->rank == b->rank &&
           memcmp(a->shape, b->shape, sizeof a->shape[0] * (size_t)a->rank) == 0;
}

static int make_probe(const struct tro_quant *q, const struct tro_quant_layer *l, struct probe *p,
                      const struct tro_tensor *x, struct tro_err *err)
{
    if (p->is_made && has_form(&p->x, x))
        return 0;
    tro_quant_engine_finish(&p->engine);
    p->is_made = false;
    struct tro_graph *const g = tro_graph_create(l->name, err);
    if (!g)
        return err->status;
    int rc = fill_graph(q, l, x, g, err);
    if (rc >= 0)
        rc = tro_quant_engine_init(&p->engine, g, err);
    tro_graph_destroy(g);
    p->is_made = rc >= 0;
    p->x = *x;
    return rc;
}

/* ---- measuring ------------------------------------------------------------------------------ */

struct places {
    int64_t n_outer, n_channels, n_inner;
};

static struct places places_of(const struct tro_tensor *t, int axis)
{
    struct places p = {1, t->shape[axis], 1};
    for (int i = 0; i < axis; i++)
        p.n_outer *= t->shape[i];
    for (int i = axis + 1; i < t->rank; i++)
        p.n_inner *= t->shape[i];
    return p;
}

static void compare(struct probe *p, int bound, const struct tro_tensor *y,
                    const struct tro_tensor *found, int axis)
{
    const struct places at = places_of(y, axis);
    const float *a = y->data, *b = found->data;
    double *const sums = p->sums + (int64_t)bound * at.n_channels;
    for (int64_t o = 0; o < at.n_outer; o++)
        for (int64_t c = 0; c < at.n_channels; c++) {
            double sum = 0, squares = 0;
            for (int64_t i = 0; i < at.n_inner; i++) {
                const double off = (double)*a++ - (double)*b++;
                sum += off;
                squares += off * off;
            }
            sums[c] += sum;
            p->squares[bound] += squares;
        }
}

static void count(struct probe *p, const struct tro_tensor *y, int axis)
{
    const float *const v = y->data;
    const int64_t n = tro_tensor_n_elems(y);
    for (int64_t i = 0; i < n; i++)
        p->y_squares += (double)v[i] * (double)v[i];
    if (n > 0)
        p->n += n / y->shape[axis];
}

static int probe_layer(struct tro_quant *q, int i, struct tro_err *err)
{
    const struct tro_quant_layer *const l = &q->layers[i];
    const struct tro_quant_group *const g = &q->groups[l->group];
    struct probe *const p = &q->probes->probes[i];
    const int axis = tro_quant_result_axis(q->graph, tro_node_get(q->graph, l->node));
    struct tro_tensor in[2], y, found;
    TRO_TRY(tro_quant_watch_value(q->probes->watch, 2 * i, &in[0], err));
    TRO_TRY(tro_quant_watch_value(q->probes->watch, 2 * i + 1, &y, err));
    if (l->n_channels == 0 || y.shape[axis] != l->n_channels)
        return 0;
    TRO_TRY(make_probe(q, l, p, &in[0], err));
    for (int k = 0; k < TRO_N_BOUNDS; k++) {
        float scale = (float)(g->bounds[k] / tro_quant_levels(g));
        in[1] = (struct tro_tensor){.dtype = TRO_F32, .data = &scale};
        TRO_TRY(tro_quant_engine_run(&p->engine, in, err));
        TRO_TRY(tro_quant_engine_output(&p->engine, 0, &found, err));
        compare(p, k, &y, &found, axis);
    }
    count(p, &y, axis);
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

/* What is left when the mean of each channel is made right, as the bias will. */
static void judge_layer(struct tro_quant_layer *l, const struct probe *p)
{
    for (int k = 0; k < TRO_N_BOUNDS; k++) {
        double left = p->squares[k];
        for (int c = 0; c < l->n_channels; c++) {
            const double sum = p->sums[k * l->n_channels + c];
            left -= sum * sum / (double)p->n;
            l->shift[k * l->n_channels + c] = sum / (double)p->n;
        }
        l->errors[k] = p->y_squares > 0 ? fmax(left, 0) / p->y_squares : 0;
    }
}

void tro_quant_choose(struct tro_quant *q)
{
    for (int i = 0; i < q->n_layers && q->probes; i++) {
        struct tro_quant_layer *const l = &q->layers[i];
        struct tro_quant_group *const g = &q->groups[l->group];
        if (q->probes->probes[i].n == 0)
            continue;
        judge_layer(l, &q->probes->probes[i]);
        for (int k = 0; k < TRO_N_BOUNDS; k++)
            g->errors[k] = (isnan(g->errors[k]) ? 0 : g->errors[k]) + l->errors[k];
    }
    for (int i = 0; i < q->n_groups; i++) {
        struct tro_quant_group *const g = &q->groups[i];
        if (!g->is_wanted || isnan(g->errors[0]))
            continue;
        for (int k = 0; k < TRO_N_BOUNDS; k++)
            g->chosen = g->errors[k] < g->errors[g->chosen] ? (enum tro_bound)k : g->chosen;
        g->scale = (float)(g->bounds[g->chosen] / tro_quant_levels(g));
    }
}
