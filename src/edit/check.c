/* SPDX-License-Identifier: Apache-2.0 */
/* Names and order, for models with operators that are not known too. */
#include "edit/edit.h"

#include "base/err.h"
#include "edit/names.h"

/* What a name of a graph is. Names made by nodes become MADE when their node is passed. */
enum { TO_BE_MADE, INPUT, INITIALIZER, MADE };

struct level {
    const struct level *parent;
    struct tro_onnx_graph *graph;
    struct tro_map names;
};

struct checking {
    struct tro_onnx_model *m;
    struct tro_err *err;
    struct tro_map taken; /* all names of the model, once one must be changed */
    const struct level *level;
    int rc;
};

static int fail_twice(const struct checking *c, struct tro_str name)
{
    return tro_fail(c->err, TRO_E_INPUT,
                    "expected each tensor to be made once, found '%.*s' twice: rename one",
                    (int)name.n, name.p);
}

static int fail_at(const struct checking *c, const struct tro_onnx_node *n, int rc)
{
    const struct tro_str label = n->name.n          ? n->name
                                 : n->n_outputs > 0 ? n->outputs[0]
                                                    : n->op_type;
    return tro_err_prefix(c->err, rc, "node '%.*s' (%.*s): ", (int)label.n, label.p,
                          (int)n->op_type.n, n->op_type.p);
}

/* An input may have an initializer; nothing else may come twice. */
static int declare(struct checking *c, struct level *l, struct tro_str name, uint32_t what)
{
    uint32_t before;
    if (!name.n)
        return 0;
    if (tro_map_get(&l->names, name, &before) && !(before == INPUT && what == INITIALIZER))
        return fail_twice(c, name);
    return tro_map_set(&l->names, name, what) < 0 ? tro_fail_nomem(c->err) : 0;
}

static int declare_all(struct checking *c, struct level *l)
{
    const struct tro_onnx_graph *g = l->graph;
    tro_map_finish(&l->names);
    if (g->n_sparse_initializers)
        return tro_fail(c->err, TRO_E_UNSUPPORTED,
                        "expected dense initializers, found %zu sparse ones: export them dense",
                        g->n_sparse_initializers);
    for (size_t i = 0; i < g->n_inputs; i++)
        TRO_TRY(declare(c, l, g->inputs[i].name, INPUT));
    for (size_t i = 0; i < g->n_initializers; i++)
        TRO_TRY(declare(c, l, g->initializers[i].name, INITIALIZER));
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            TRO_TRY(fail_at(c, &g->nodes[i], declare(c, l, g->nodes[i].outputs[k], TO_BE_MADE)));
    return 0;
}

/* ---- names that hide outer ones -------------------------------------------------------- */

static bool is_hiding(const struct level *l, struct tro_str name)
{
    for (l = l->parent; l; l = l->parent)
        if (tro_map_get(&l->names, name, NULL))
            return true;
    return false;
}

static int find_hiding(struct checking *c, const struct level *l, struct tro_edit_renames *r)
{
    for (size_t i = 0; i < l->names.cap; i++) {
        const struct tro_map_slot *slot = &l->names.slots[i];
        if (!slot->used || !is_hiding(l, slot->key))
            continue;
        if (!c->taken.n && tro_edit_all_names(&c->m->graph, &c->taken) < 0)
            return tro_fail_nomem(c->err);
        const struct tro_str name = tro_edit_fresh(c->m, &c->taken, slot->key);
        if (!name.n || tro_edit_renames_add(r, slot->key, name) < 0)
            return tro_fail_nomem(c->err);
    }
    return 0;
}

static int rename_hiding(struct checking *c, struct level *l)
{
    struct tro_edit_renames r = {0};
    int rc = l->parent ? find_hiding(c, l, &r) : 0;
    if (rc >= 0 && r.n) {
        tro_edit_rename_all(l->graph, &r);
        rc = declare_all(c, l);
    }
    tro_edit_renames_finish(&r);
    return rc;
}

/* ---- order ----------------------------------------------------------------------------- */

static int check_made(const struct checking *c, const struct level *l, struct tro_str name)
{
    uint32_t what = TO_BE_MADE;
    bool is_found = !name.n;
    for (; l && !is_found; l = l->parent)
        is_found = tro_map_get(&l->names, name, &what);
    if (!name.n || what != TO_BE_MADE)
        return 0;
    return tro_fail(c->err, TRO_E_INPUT,
                    "expected tensor '%.*s' to be made by an earlier node, an input or an "
                    "initializer, found none: sort the nodes, or remove the cycle",
                    (int)name.n, name.p);
}

static int check_graph(struct checking *c, struct level *l);

static void check_inner(struct tro_onnx_graph *g, void *ctx)
{
    struct checking *c = ctx;
    const struct level *outer = c->level;
    struct level l = {.parent = outer, .graph = g};
    if (c->rc >= 0)
        c->rc = check_graph(c, &l);
    c->level = outer;
    tro_map_finish(&l.names);
}

static int check_node(struct checking *c, struct level *l, struct tro_onnx_node *n)
{
    for (size_t i = 0; i < n->n_inputs; i++)
        TRO_TRY(check_made(c, l, n->inputs[i]));
    c->level = l;
    tro_edit_each_graph(n, check_inner, c);
    TRO_TRY(c->rc);
    for (size_t i = 0; i < n->n_outputs; i++)
        if (n->outputs[i].n && tro_map_set(&l->names, n->outputs[i], MADE) < 0)
            return tro_fail_nomem(c->err);
    return 0;
}

static int check_graph(struct checking *c, struct level *l)
{
    TRO_TRY(declare_all(c, l));
    TRO_TRY(rename_hiding(c, l));
    for (size_t i = 0; i < l->graph->n_nodes; i++)
        TRO_TRY(fail_at(c, &l->graph->nodes[i], check_node(c, l, &l->graph->nodes[i])));
    for (size_t i = 0; i < l->graph->n_outputs; i++) {
        const struct tro_str name = l->graph->outputs[i].name;
        TRO_TRY(
            tro_err_prefix(c->err, check_made(c, l, name), "output '%.*s': ", (int)name.n, name.p));
    }
    return 0;
}

int tro_edit_check(struct tro_onnx_model *m, struct tro_err *err)
{
    struct checking c = {.m = m, .err = err};
    struct level l = {.graph = &m->graph};
    const int rc = check_graph(&c, &l);
    tro_map_finish(&l.names);
    tro_map_finish(&c.taken);
    return rc;
}
