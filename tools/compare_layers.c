/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layer by layer: one side gives each tensor as it is made (streamed), the reference kernels where
 * they are one of the two, else an engine; the other side gives them in portions, in a run for each
 * (fetched). ONNX Runtime has to be asked in advance, by a copy of the model that has the portion's
 * tensors as its outputs. So no more than a portion is in memory, however large the network is.
 * Engines stay as they are: results inside of fused steps are not compared.
 */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/map.h"
#include "build/model.h"
#include "ort/ort.h"
#include "tap.h"

#define PORTION_BYTES (INT64_C(256) << 20)

struct tensor_name {
    const char *name;
    int portion;
};

/* A side with the tensors of one portion. */
struct portion {
    struct tro_side *side;
    const struct tro_tensor *inputs;
    int number; /* -1: none */
    struct tro_ort *ort;
    struct tro_arena arena; /* of tensors that were tapped */
    struct tro_tensor *tensors;
    int64_t n_seen;
    struct layers *all;
};

struct layers {
    struct tro_compare *c;
    struct tro_model *model;       /* opened for names and sizes; or NULL */
    struct tro_onnx_model *onnx;   /* read for the names of nodes; or NULL */
    const struct tro_graph *graph; /* whose names and sizes count */
    struct tro_map made;           /* names that the other model makes */
    struct tro_map index;          /* name -> index in names */
    struct tro_map nodes;          /* name -> node of the first side's ONNX graph */
    const struct tro_onnx_graph *onnx_graph;
    struct tensor_name *names;
    int n, n_portions;
    struct portion streamed, fetched;
    bool is_first_streamed;
    struct tro_progress progress;
};

static struct tro_str str_of(const char *text)
{
    return (struct tro_str){text, strlen(text)};
}

/* ---- names ----------------------------------------------------------------------------- */

static int collect_onnx_names(const struct tro_onnx_graph *g, struct tro_map *map,
                              struct tro_err *err)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            if (g->nodes[i].outputs[k].n &&
                tro_map_set(map, g->nodes[i].outputs[k], (uint32_t)i) < 0)
                return tro_fail_nomem(err);
    return 0;
}

static const struct tro_node *main_node(const struct tro_graph *g, size_t i)
{
    return tro_node_get(g, tro_block_get(g, TRO_MAIN_BLOCK)->nodes[i]);
}

static size_t n_main_nodes(const struct tro_graph *g)
{
    return tro_block_get(g, TRO_MAIN_BLOCK)->n_nodes;
}

static int collect_graph_names(const struct tro_graph *g, struct tro_map *map, struct tro_err *err)
{
    for (size_t i = 0; i < n_main_nodes(g); i++) {
        const struct tro_node *n = main_node(g, i);
        for (uint32_t k = 0; k < n->n_out; k++)
            if (n->out[k].i &&
                tro_map_set(map, str_of(tro_value_get(g, n->out[k])->name), (uint32_t)i) < 0)
                return tro_fail_nomem(err);
    }
    return 0;
}

static int collect_made(struct layers *l, struct tro_err *err)
{
    const struct tro_side *side = l->fetched.side;
    if (tro_side_has_taps(side))
        return collect_graph_names(tro_side_graph(side), &l->made, err);
    struct tro_onnx_model *onnx = tro_onnx_read(side->path, err);
    if (!onnx)
        return err->status;
    /* The map keeps views: names are copied first. */
    int rc = 0;
    for (size_t i = 0; i < onnx->graph.n_nodes && rc >= 0; i++) {
        struct tro_onnx_node *n = &onnx->graph.nodes[i];
        for (size_t k = 0; k < n->n_outputs; k++) {
            n->outputs[k].p = tro_arena_strndup(
                &l->c->arena, n->outputs[k].p ? n->outputs[k].p : "", n->outputs[k].n);
            if (!n->outputs[k].p)
                rc = tro_fail_nomem(err);
        }
    }
    if (rc >= 0)
        rc = collect_onnx_names(&onnx->graph, &l->made, err);
    tro_onnx_free(onnx);
    return rc;
}

static int64_t bytes_of(const struct tro_graph *g, tro_value_id v)
{
    const int64_t n = tro_value_max_elems(g, v);
    const int64_t size = (int64_t)tro_dtype_size(tro_value_get(g, v)->dtype);
    return n < PORTION_BYTES ? n * size : PORTION_BYTES;
}

/* Tensors in the order of the run, as long as they fit, are one portion. */
static int plan_portions(struct layers *l, struct tro_err *err)
{
    const struct tro_graph *g = l->graph;
    l->names = TRO_NEW_N(&l->c->arena, struct tensor_name, g->n_values);
    if (!l->names)
        return tro_fail_nomem(err);
    int64_t n_bytes = 0;
    for (size_t i = 0; i < n_main_nodes(g); i++) {
        const struct tro_node *n = main_node(g, i);
        for (uint32_t k = 0; k < n->n_out; k++) {
            const char *name = n->out[k].i ? tro_value_get(g, n->out[k])->name : "";
            if (!name[0] || tro_value_get(g, n->out[k])->is_name_made_up ||
                !tro_map_get(&l->made, str_of(name), NULL))
                continue;
            n_bytes += bytes_of(g, n->out[k]);
            if (n_bytes > PORTION_BYTES && l->n) {
                n_bytes = bytes_of(g, n->out[k]);
                l->n_portions++;
            }
            if (tro_map_set(&l->index, str_of(name), (uint32_t)l->n) < 0)
                return tro_fail_nomem(err);
            l->names[l->n++] = (struct tensor_name){name, l->n_portions};
        }
    }
    l->n_portions++;
    return 0;
}

/* ---- fetching -------------------------------------------------------------------------- */

/* Weights beside the model come into it, since a model in memory has no folder. */
static int embed(struct tro_onnx_model *m, struct tro_err *err)
{
    for (size_t i = 0; i < m->graph.n_initializers; i++) {
        struct tro_onnx_tensor *t = &m->graph.initializers[i];
        struct tro_tensor data;
        if (!t->is_external)
            continue;
        TRO_TRY(tro_onnx_tensor_decode(m, &m->arena, t, &data, err));
        TRO_TRY(tro_onnx_tensor_encode(&m->arena, t->name, &data, t, err));
    }
    return 0;
}

static int ask_for(const struct layers *l, struct tro_onnx_model *m, int number,
                   struct tro_buf *bytes, struct tro_err *err)
{
    struct tro_onnx_value_info *outputs = TRO_NEW_N(&m->arena, struct tro_onnx_value_info,
                                                    (size_t)l->n);
    if (!outputs)
        return tro_fail_nomem(err);
    m->graph.outputs = outputs;
    m->graph.n_outputs = 0;
    for (int i = 0; i < l->n; i++)
        if (l->names[i].portion == number)
            outputs[m->graph.n_outputs++].name = str_of(l->names[i].name);
    TRO_TRY(embed(m, err));
    return tro_onnx_write(m, bytes, err);
}

static int fetch_ort(const struct layers *l, struct portion *p, int number, struct tro_err *err)
{
    const struct tro_side_opts *o = &l->c->side_opts;
    const struct tro_ort_opts opts = {.graph_optimization = o->ort_optimization,
                                      .n_threads = o->n_threads};
    const struct tro_tensor **list = tro_calloc((size_t)tro_side_n_inputs(p->side) + 1,
                                                sizeof *list);
    struct tro_onnx_model *m = list ? tro_onnx_read(p->side->path, err) : NULL;
    struct tro_buf bytes = {0};
    int rc = !list ? tro_fail_nomem(err) : m ? ask_for(l, m, number, &bytes, err) : err->status;
    tro_onnx_free(m);
    if (rc >= 0)
        rc = tro_ort_open_memory(&p->ort, bytes.p, bytes.n, &opts, err);
    tro_buf_finish(&bytes);
    for (int i = 0; i < tro_side_n_inputs(p->side) && rc >= 0; i++)
        list[i] = &p->inputs[i];
    if (rc >= 0)
        rc = tro_ort_run(p->ort, list, tro_side_n_inputs(p->side), err);
    int k = 0;
    for (int i = 0; i < l->n && rc >= 0; i++)
        if (l->names[i].portion == number)
            rc = tro_ort_output(p->ort, k++, &p->tensors[i], err);
    tro_free(list);
    return rc;
}

static bool is_in_portion(void *ctx, const char *name)
{
    const struct portion *p = ctx;
    uint32_t at;
    return tro_map_get(&p->all->index, str_of(name), &at) && p->all->names[at].portion == p->number;
}

static int keep_tensor(void *ctx, const char *name, const struct tro_tensor *t, struct tro_err *err)
{
    struct portion *p = ctx;
    uint32_t at = 0;
    tro_map_get(&p->all->index, str_of(name), &at);
    const size_t n_bytes = tro_tensor_n_bytes(t);
    p->tensors[at] = *t;
    p->tensors[at].data = tro_arena_alloc64(&p->arena, n_bytes);
    if (!p->tensors[at].data)
        return tro_fail_nomem(err);
    if (n_bytes)
        memcpy(p->tensors[at].data, t->data, n_bytes);
    return 0;
}

static int fetch_tapped(struct portion *p, struct tro_err *err)
{
    const struct tro_tap tap = {.wants = is_in_portion, .take = keep_tensor, .ctx = p};
    return tro_side_run_tapped(p->side, p->inputs, tro_side_n_inputs(p->side), &tap, err);
}

static void drop_portion(struct portion *p)
{
    tro_ort_close(p->ort);
    p->ort = NULL;
    tro_arena_finish(&p->arena);
    p->number = -1;
}

static int fetch(const struct layers *l, struct portion *p, int number, struct tro_err *err)
{
    if (p->number == number)
        return 0;
    drop_portion(p);
    memset(p->tensors, 0, (size_t)l->n * sizeof *p->tensors);
    p->number = number;
    const int rc = p->side->kind == TRO_SIDE_ORT
                       ? tro_err_prefix(err, fetch_ort(l, p, number, err), "%s: ", p->side->text)
                       : fetch_tapped(p, err);
    if (rc < 0)
        drop_portion(p);
    return rc;
}

/* ---- comparing ------------------------------------------------------------------------- */

static const char *copy_text(struct layers *l, struct tro_str s)
{
    const char *copy = tro_arena_strndup(&l->c->arena, s.p ? s.p : "", s.n);
    return copy ? copy : "";
}

static int add_layer(struct layers *l, uint32_t at, const struct tro_tensor *streamed,
                     struct tro_err *err)
{
    const struct tro_tensor *fetched = &l->fetched.tensors[at];
    if (!fetched->dtype || !streamed->dtype)
        return 0;
    const struct tro_tensor *want = l->is_first_streamed ? streamed : fetched;
    const struct tro_tensor *got = l->is_first_streamed ? fetched : streamed;
    struct tro_compare_layer layer = {.tensor = copy_text(l, str_of(l->names[at].name)),
                                      .place = at,
                                      .node = "",
                                      .op_type = "",
                                      .cause = ""};
    TRO_TRY(tro_compare_diff(l->c, got, want, &layer.diff, err));
    uint32_t node;
    if (tro_map_get(&l->nodes, str_of(layer.tensor), &node)) {
        layer.node = copy_text(l, l->onnx_graph->nodes[node].name);
        layer.op_type = copy_text(l, l->onnx_graph->nodes[node].op_type);
    }
    if (TRO_GROW(&l->c->layers, l->c->n_layers, &l->c->cap_layers) < 0)
        return tro_fail_nomem(err);
    l->c->layers[l->c->n_layers++] = layer;
    return 0;
}

static bool is_known(void *ctx, const char *name)
{
    return tro_map_get(&((struct layers *)ctx)->index, str_of(name), NULL);
}

static int compare_tensor(void *ctx, const char *name, const struct tro_tensor *t,
                          struct tro_err *err)
{
    struct layers *l = ctx;
    uint32_t at = 0;
    tro_map_get(&l->index, str_of(name), &at);
    TRO_TRY(fetch(l, &l->fetched, l->names[at].portion, err));
    return add_layer(l, at, t, err);
}

static void show_progress(void *ctx)
{
    struct layers *l = ctx;
    tro_progress_at(&l->progress, ++l->streamed.n_seen);
}

static int stream(struct layers *l, struct tro_err *err)
{
    struct portion *p = &l->streamed;
    const struct tro_tap tap = {is_known, compare_tensor, show_progress, l};
    tro_progress_start(&l->progress, "layers", (int64_t)n_main_nodes(l->graph));
    const int rc = tro_side_run_tapped(p->side, p->inputs, tro_side_n_inputs(p->side), &tap, err);
    tro_progress_end(&l->progress);
    return rc;
}

static int compare_portions(struct layers *l, struct tro_err *err)
{
    for (int number = 0; number < l->n_portions; number++) {
        TRO_TRY(fetch(l, &l->streamed, number, err));
        TRO_TRY(fetch(l, &l->fetched, number, err));
        for (int i = 0; i < l->n; i++)
            if (l->names[i].portion == number)
                TRO_TRY(add_layer(l, (uint32_t)i, &l->streamed.tensors[i], err));
    }
    return 0;
}

/* ---- all ------------------------------------------------------------------------------- */

static bool is_streamed_first(const struct tro_side *first, const struct tro_side *second)
{
    if (first->kind == TRO_SIDE_REF || second->kind == TRO_SIDE_REF)
        return first->kind == TRO_SIDE_REF;
    return tro_side_has_taps(first) || !tro_side_has_taps(second);
}

/* Names of the model's nodes: from a side that was made of a model here, else of ONNX Runtime's. */
static int open_onnx(struct layers *l, struct tro_err *err)
{
    for (int i = 0; i < 2 && !l->onnx_graph; i++) {
        const struct tro_side *s = &l->c->sides[i].side;
        if (s->model) {
            l->onnx_graph = &tro_model_onnx(s->model)->graph;
        } else if (s->kind == TRO_SIDE_ORT) {
            l->onnx = tro_onnx_read(s->path, err);
            if (!l->onnx)
                return err->status;
            l->onnx_graph = &l->onnx->graph;
        }
    }
    return l->onnx_graph ? collect_onnx_names(l->onnx_graph, &l->nodes, err) : 0;
}

static int open_graph(struct layers *l, struct tro_err *err)
{
    struct tro_side *first = &l->c->sides[0].side, *second = &l->c->sides[1].side;
    l->is_first_streamed = is_streamed_first(first, second);
    l->streamed.side = l->is_first_streamed ? first : second;
    l->fetched.side = l->is_first_streamed ? second : first;
    if (tro_side_has_taps(l->streamed.side)) {
        l->graph = tro_side_graph(l->streamed.side);
        return 0;
    }
    l->model = tro_model_open(l->streamed.side->path, err);
    if (!l->model)
        return err->status;
    l->graph = tro_model_graph(l->model);
    return 0;
}

static int make_portions(struct layers *l, const struct tro_tensor *inputs, struct tro_err *err)
{
    struct portion *both[2] = {&l->streamed, &l->fetched};
    for (int i = 0; i < 2; i++) {
        struct portion *p = both[i];
        const int index = p->side == &l->c->sides[0].side ? 0 : 1;
        const size_t n = (size_t)tro_side_n_inputs(p->side) + 1;
        struct tro_tensor *own = TRO_NEW_N(&l->c->arena, struct tro_tensor, n);
        p->tensors = TRO_NEW_N(&l->c->arena, struct tro_tensor, (size_t)l->n + 1);
        p->all = l;
        p->number = -1;
        p->inputs = own;
        if (!own || !p->tensors)
            return tro_fail_nomem(err);
        TRO_TRY(tro_compare_inputs(l->c, index, inputs, &l->c->arena, own, err));
    }
    return 0;
}

static double badness(const struct tro_diff *d)
{
    return !d->is_same_form || d->n_nan_alone ? INFINITY : tro_diff_relative(d);
}

static int by_error(const void *a, const void *b)
{
    const struct tro_compare_layer *x = a, *y = b;
    const double ex = badness(&x->diff), ey = badness(&y->diff);
    if (ex != ey)
        return ex > ey ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int compare_all(struct layers *l, const struct tro_tensor *inputs, struct tro_err *err)
{
    TRO_TRY(open_graph(l, err));
    TRO_TRY(collect_made(l, err));
    TRO_TRY(open_onnx(l, err));
    TRO_TRY(plan_portions(l, err));
    TRO_TRY(make_portions(l, inputs, err));
    TRO_TRY(tro_side_has_taps(l->streamed.side) ? stream(l, err) : compare_portions(l, err));
    TRO_TRY(tro_compare_causes(l->c, err));
    if (l->c->n_layers)
        qsort(l->c->layers, l->c->n_layers, sizeof *l->c->layers, by_error);
    return 0;
}

int tro_compare_layers(struct tro_compare *c, int64_t sample, struct tro_err *err)
{
    const size_t n = (size_t)tro_side_n_inputs(&c->sides[c->leader].side) + 1;
    struct tro_tensor *inputs = TRO_NEW_N(&c->arena, struct tro_tensor, n);
    if (!inputs)
        return tro_fail_nomem(err);
    struct layers l = {.c = c};
    c->layers_sample = sample;
    int rc = tro_samples_read(&c->samples, sample, &c->arena, inputs, err);
    if (rc >= 0)
        rc = compare_all(&l, inputs, err);
    drop_portion(&l.streamed);
    drop_portion(&l.fetched);
    tro_map_finish(&l.made);
    tro_map_finish(&l.index);
    tro_map_finish(&l.nodes);
    tro_onnx_free(l.onnx);
    tro_model_close(l.model);
    return rc;
}
