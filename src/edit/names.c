/* SPDX-License-Identifier: Apache-2.0 */
#include "edit/names.h"

#include <string.h>

#include "base/alloc.h"
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

void tro_edit_each_declared(const struct tro_onnx_graph *g, void (*fn)(struct tro_str, void *),
                            void *ctx)
{
    for (size_t i = 0; i < g->n_inputs; i++)
        if (g->inputs[i].name.n)
            fn(g->inputs[i].name, ctx);
    for (size_t i = 0; i < g->n_initializers; i++)
        if (g->initializers[i].name.n)
            fn(g->initializers[i].name, ctx);
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            if (g->nodes[i].outputs[k].n)
                fn(g->nodes[i].outputs[k], ctx);
}

/* ---- uses ------------------------------------------------------------------------------ */

struct counting {
    struct tro_map *uses;
    int step; /* 1 or -1 */
    int rc;
};

static void count_one(struct counting *c, struct tro_str name)
{
    const uint32_t n = tro_edit_n_uses(c->uses, name);
    if (name.n && c->rc >= 0)
        c->rc = tro_map_set(c->uses, name, c->step < 0 && n == 0 ? 0 : n + (uint32_t)c->step);
}

static void count_graph(struct tro_onnx_graph *g, void *ctx);

static void count_node(struct tro_onnx_node *n, struct counting *c)
{
    for (size_t i = 0; i < n->n_inputs; i++)
        count_one(c, n->inputs[i]);
    tro_edit_each_graph(n, count_graph, c);
}

static void count_graph(struct tro_onnx_graph *g, void *ctx)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        count_node(&g->nodes[i], ctx);
    for (size_t i = 0; i < g->n_outputs; i++)
        count_one(ctx, g->outputs[i].name);
}

int tro_edit_count_uses(const struct tro_onnx_graph *g, struct tro_map *uses)
{
    struct counting c = {.uses = uses, .step = 1};
    count_graph((struct tro_onnx_graph *)g, &c);
    return c.rc;
}

int tro_edit_uncount_uses(struct tro_onnx_node *n, struct tro_map *uses)
{
    struct counting c = {.uses = uses, .step = -1};
    count_node(n, &c);
    return c.rc;
}

uint32_t tro_edit_n_uses(const struct tro_map *uses, struct tro_str name)
{
    uint32_t n = 0;
    tro_map_get(uses, name, &n);
    return n;
}

int tro_edit_info_map(const struct tro_onnx_value_info *infos, size_t n, struct tro_map *map)
{
    for (size_t i = 0; i < n; i++)
        if (tro_map_set(map, infos[i].name, (uint32_t)i) < 0)
            return TRO_E_NOMEM;
    return 0;
}

int tro_edit_initializer_map(const struct tro_onnx_graph *g, struct tro_map *map)
{
    for (size_t i = 0; i < g->n_initializers; i++)
        if (tro_map_set(map, g->initializers[i].name, (uint32_t)i) < 0)
            return TRO_E_NOMEM;
    return 0;
}

int tro_edit_maker_map(const struct tro_onnx_graph *g, struct tro_map *map)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            if (g->nodes[i].outputs[k].n &&
                tro_map_set(map, g->nodes[i].outputs[k], (uint32_t)i) < 0)
                return TRO_E_NOMEM;
    return 0;
}

/* ---- renaming -------------------------------------------------------------------------- */

void tro_edit_renames_finish(struct tro_edit_renames *r)
{
    tro_map_finish(&r->map);
    tro_free(r->to);
    *r = (struct tro_edit_renames){0};
}

int tro_edit_renames_add(struct tro_edit_renames *r, struct tro_str from, struct tro_str to)
{
    if (TRO_GROW(&r->to, r->n, &r->cap) < 0 || tro_map_set(&r->map, from, (uint32_t)r->n) < 0)
        return TRO_E_NOMEM;
    r->to[r->n++] = to;
    return 0;
}

struct tro_str tro_edit_renamed(const struct tro_edit_renames *r, struct tro_str name)
{
    uint32_t i;
    return name.n && tro_map_get(&r->map, name, &i) ? r->to[i] : name;
}

static void rename_one(const struct tro_edit_renames *r, struct tro_str *name)
{
    *name = tro_edit_renamed(r, *name);
}

static void rename_within(struct tro_onnx_graph *g, void *ctx)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        tro_edit_rename_uses(&g->nodes[i], ctx);
    for (size_t i = 0; i < g->n_outputs; i++)
        rename_one(ctx, &g->outputs[i].name);
}

void tro_edit_rename_uses(struct tro_onnx_node *n, const struct tro_edit_renames *r)
{
    if (!r->n)
        return;
    for (size_t i = 0; i < n->n_inputs; i++)
        rename_one(r, &n->inputs[i]);
    tro_edit_each_graph(n, rename_within, (void *)(uintptr_t)r);
}

int tro_edit_replace_inputs(struct tro_onnx_graph *g, struct tro_str from, struct tro_str to)
{
    struct tro_edit_renames r = {0};
    const int rc = tro_edit_renames_add(&r, from, to);
    for (size_t i = 0; i < g->n_nodes && rc >= 0; i++)
        tro_edit_rename_uses(&g->nodes[i], &r);
    tro_edit_renames_finish(&r);
    return rc;
}

static void rename_all(struct tro_onnx_graph *g, void *ctx)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct tro_onnx_node *n = &g->nodes[i];
        for (size_t k = 0; k < n->n_inputs; k++)
            rename_one(ctx, &n->inputs[k]);
        for (size_t k = 0; k < n->n_outputs; k++)
            rename_one(ctx, &n->outputs[k]);
        tro_edit_each_graph(n, rename_all, ctx);
    }
    for (size_t i = 0; i < g->n_initializers; i++)
        rename_one(ctx, &g->initializers[i].name);
    for (size_t i = 0; i < g->n_inputs; i++)
        rename_one(ctx, &g->inputs[i].name);
    for (size_t i = 0; i < g->n_outputs; i++)
        rename_one(ctx, &g->outputs[i].name);
    for (size_t i = 0; i < g->n_value_infos; i++)
        rename_one(ctx, &g->value_infos[i].name);
}

void tro_edit_rename_all(struct tro_onnx_graph *g, const struct tro_edit_renames *r)
{
    if (r->n)
        rename_all(g, (void *)(uintptr_t)r);
}

/* ---- new names ------------------------------------------------------------------------- */

struct collecting {
    struct tro_map *names;
    int rc;
};

static void collect_one(struct tro_str name, void *ctx)
{
    struct collecting *c = ctx;
    if (c->rc >= 0)
        c->rc = tro_map_set(c->names, name, 0);
}

static void collect_graph(struct tro_onnx_graph *g, void *ctx)
{
    tro_edit_each_declared(g, collect_one, ctx);
    for (size_t i = 0; i < g->n_nodes; i++)
        tro_edit_each_graph(&g->nodes[i], collect_graph, ctx);
}

int tro_edit_all_names(const struct tro_onnx_graph *g, struct tro_map *names)
{
    struct collecting c = {.names = names};
    collect_graph((struct tro_onnx_graph *)g, &c);
    return c.rc;
}

/* The map holds for a name the suffix tried last, so that one stem taken often costs little. */
struct tro_str tro_edit_fresh(struct tro_onnx_model *m, struct tro_map *names, struct tro_str stem)
{
    uint32_t suffix;
    struct tro_str name = stem;
    if (!tro_map_get(names, stem, &suffix))
        return tro_map_set(names, stem, 0) < 0 ? (struct tro_str){0} : stem;
    do {
        name.p = tro_arena_printf(&m->arena, "%.*s_%u", (int)stem.n, stem.p, ++suffix);
        if (!name.p)
            return (struct tro_str){0};
        name.n = strlen(name.p);
    } while (tro_map_get(names, name, NULL));
    if (tro_map_set(names, stem, suffix) < 0 || tro_map_set(names, name, 0) < 0)
        return (struct tro_str){0};
    return name;
}

/* ---- room ------------------------------------------------------------------------------ */

int tro_edit_reserve_initializers(struct tro_onnx_model *m, struct tro_onnx_graph *g, size_t n)
{
    struct tro_onnx_tensor *t = TRO_NEW_N(&m->arena, struct tro_onnx_tensor, g->n_initializers + n);
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
    struct tro_onnx_node *nodes = TRO_NEW_N(&m->arena, struct tro_onnx_node, g->n_nodes + n);
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
