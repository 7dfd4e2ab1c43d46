/* SPDX-License-Identifier: Apache-2.0 */
#include "edit/names.h"

#include <string.h>

#include "base/err.h"

void tro_edit_each_graph(struct tro_onnx_node *node, void (*fn)(struct tro_onnx_graph *, void *),
                         void *ctx)
{
    for (size_t i = 0; i < node->n_attrs; i++) {
        struct tro_onnx_attr *a = &node->attrs[i];
        if (a->g)
            fn(a->g, ctx);
        for (size_t k = 0; k < a->n_graphs; k++)
            fn(&a->graphs[k], ctx);
    }
}

/* ---- uses ------------------------------------------------------------------------------ */

struct counting {
    struct tro_map *uses;
    int rc;
};

static void count_one(struct counting *c, struct tro_str name)
{
    uint32_t n = 0;
    tro_map_get(c->uses, name, &n);
    if (name.n && c->rc >= 0)
        c->rc = tro_map_set(c->uses, name, n + 1);
}

static void count_graph(struct tro_onnx_graph *g, void *ctx)
{
    struct counting *c = ctx;
    for (size_t i = 0; i < g->n_nodes; i++) {
        for (size_t k = 0; k < g->nodes[i].n_inputs; k++)
            count_one(c, g->nodes[i].inputs[k]);
        tro_edit_each_graph(&g->nodes[i], count_graph, c);
    }
    for (size_t i = 0; i < g->n_outputs; i++)
        count_one(c, g->outputs[i].name);
}

int tro_edit_count_uses(const struct tro_onnx_graph *g, struct tro_map *uses)
{
    struct counting c = {.uses = uses};
    count_graph((struct tro_onnx_graph *)g, &c);
    return c.rc;
}

uint32_t tro_edit_n_uses(const struct tro_map *uses, struct tro_str name)
{
    uint32_t n = 0;
    tro_map_get(uses, name, &n);
    return n;
}

/* ---- replacing ------------------------------------------------------------------------- */

struct replacing {
    struct tro_str from, to;
};

static void replace_one(const struct replacing *r, struct tro_str *name)
{
    if (tro_str_eq(*name, r->from))
        *name = r->to;
}

static void replace_within(struct tro_onnx_graph *g, void *ctx);

static void replace_in_nodes(struct tro_onnx_graph *g, struct replacing *r)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        for (size_t k = 0; k < g->nodes[i].n_inputs; k++)
            replace_one(r, &g->nodes[i].inputs[k]);
        tro_edit_each_graph(&g->nodes[i], replace_within, r);
    }
}

static void replace_within(struct tro_onnx_graph *g, void *ctx)
{
    replace_in_nodes(g, ctx);
    for (size_t i = 0; i < g->n_outputs; i++)
        replace_one(ctx, &g->outputs[i].name);
}

void tro_edit_replace_inputs(struct tro_onnx_graph *g, struct tro_str from, struct tro_str to)
{
    struct replacing r = {from, to};
    replace_in_nodes(g, &r);
}

static void rename_within(struct tro_onnx_graph *g, void *ctx)
{
    const struct replacing *r = ctx;
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct tro_onnx_node *n = &g->nodes[i];
        for (size_t k = 0; k < n->n_inputs; k++)
            replace_one(r, &n->inputs[k]);
        for (size_t k = 0; k < n->n_outputs; k++)
            replace_one(r, &n->outputs[k]);
        tro_edit_each_graph(n, rename_within, ctx);
    }
    for (size_t i = 0; i < g->n_initializers; i++)
        replace_one(r, &g->initializers[i].name);
    for (size_t i = 0; i < g->n_inputs; i++)
        replace_one(r, &g->inputs[i].name);
    for (size_t i = 0; i < g->n_outputs; i++)
        replace_one(r, &g->outputs[i].name);
    for (size_t i = 0; i < g->n_value_infos; i++)
        replace_one(r, &g->value_infos[i].name);
}

void tro_edit_rename_all(struct tro_onnx_graph *g, struct tro_str from, struct tro_str to)
{
    struct replacing r = {from, to};
    rename_within(g, &r);
}

bool tro_edit_is_output(const struct tro_onnx_graph *g, struct tro_str name)
{
    for (size_t i = 0; i < g->n_outputs; i++)
        if (tro_str_eq(g->outputs[i].name, name))
            return true;
    return false;
}

bool tro_edit_is_input(const struct tro_onnx_graph *g, struct tro_str name)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        if (tro_str_eq(g->inputs[i].name, name))
            return true;
    return false;
}

/* ---- names ----------------------------------------------------------------------------- */

struct collecting {
    struct tro_map *names;
    int rc;
};

static void collect_one(struct collecting *c, struct tro_str name)
{
    if (name.n && c->rc >= 0)
        c->rc = tro_map_set(c->names, name, 0);
}

static void collect_graph(struct tro_onnx_graph *g, void *ctx)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        collect_one(ctx, g->inputs[i].name);
    for (size_t i = 0; i < g->n_initializers; i++)
        collect_one(ctx, g->initializers[i].name);
    for (size_t i = 0; i < g->n_nodes; i++) {
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            collect_one(ctx, g->nodes[i].outputs[k]);
        tro_edit_each_graph(&g->nodes[i], collect_graph, ctx);
    }
}

int tro_edit_all_names(const struct tro_onnx_graph *g, struct tro_map *names)
{
    struct collecting c = {.names = names};
    collect_graph((struct tro_onnx_graph *)g, &c);
    return c.rc;
}

struct tro_str tro_edit_fresh(struct tro_onnx_model *m, struct tro_map *names, struct tro_str stem)
{
    struct tro_str name = stem;
    for (int i = 1; tro_map_get(names, name, NULL); i++) {
        name.p = tro_arena_printf(&m->arena, "%.*s_%d", (int)stem.n, stem.p, i);
        if (!name.p)
            return (struct tro_str){0};
        name.n = strlen(name.p);
    }
    return tro_map_set(names, name, 0) < 0 ? (struct tro_str){0} : name;
}

int tro_edit_initializer_map(const struct tro_onnx_graph *g, struct tro_map *map)
{
    for (size_t i = 0; i < g->n_initializers; i++)
        if (tro_map_set(map, g->initializers[i].name, (uint32_t)i) < 0)
            return TRO_E_NOMEM;
    return 0;
}

/* ---- room ------------------------------------------------------------------------------ */

int tro_edit_reserve_initializers(struct tro_onnx_model *m, struct tro_onnx_graph *g, size_t n)
{
    struct tro_onnx_tensor *t =
        TRO_NEW_N(&m->arena, struct tro_onnx_tensor, g->n_initializers + n + 1);
    if (!t)
        return TRO_E_NOMEM;
    if (g->n_initializers)
        memcpy(t, g->initializers, g->n_initializers * sizeof *t);
    g->initializers = t;
    return 0;
}

struct tro_onnx_node *tro_edit_insert_nodes(struct tro_onnx_model *m, struct tro_onnx_graph *g,
                                            size_t at, size_t n)
{
    struct tro_onnx_node *nodes = TRO_NEW_N(&m->arena, struct tro_onnx_node, g->n_nodes + n + 1);
    if (!nodes)
        return NULL;
    if (g->n_nodes) {
        memcpy(nodes, g->nodes, at * sizeof *nodes);
        memcpy(nodes + at + n, g->nodes + at, (g->n_nodes - at) * sizeof *nodes);
    }
    g->nodes = nodes;
    g->n_nodes += n;
    return nodes + at;
}
