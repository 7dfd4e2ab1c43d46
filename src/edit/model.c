/* SPDX-License-Identifier: Apache-2.0 */
/* Names of tensors, external data. */
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "edit/edit.h"
#include "edit/names.h"

/* ---- names ----------------------------------------------------------------------------- */

/* What a reader takes for a name. */
static bool is_name(struct tro_str s)
{
    size_t i = 0, n = 1;
    while (i < s.n && s.p[i] && n > 0) {
        n = tro_utf8_char(s.p + i, s.n - i);
        i += n;
    }
    return s.n > 0 && i == s.n;
}

int tro_edit_rename(struct tro_onnx_model *m, struct tro_str from, struct tro_str to,
                    struct tro_err *err)
{
    struct tro_map names = {0};
    int rc = tro_edit_all_names(&m->graph, &names) < 0 ? tro_fail_nomem(err) : 0;
    if (rc >= 0 && !tro_map_get(&names, from, NULL))
        rc = tro_fail(err, TRO_E_INPUT, "expected the name of a tensor, found '%.*s'", (int)from.n,
                      from.p);
    if (rc >= 0 && (!is_name(to) || tro_map_get(&names, to, NULL)))
        rc = tro_fail(err, TRO_E_INPUT, "expected a new name that is free, found '%.*s'", (int)to.n,
                      to.p);
    tro_map_finish(&names);
    TRO_TRY(rc);
    struct tro_edit_renames r = {0};
    const struct tro_str copy = {tro_arena_memdup(&m->arena, to.p, to.n), to.n};
    rc = copy.p ? tro_edit_renames_add(&r, from, copy) : TRO_E_NOMEM;
    if (rc >= 0)
        tro_edit_rename_all(&m->graph, &r);
    tro_edit_renames_finish(&r);
    return rc < 0 ? tro_fail_nomem(err) : 0;
}

/* ---- external data --------------------------------------------------------------------- */

struct embedding {
    struct tro_onnx_model *m;
    struct tro_err *err;
    int rc;
};

static void embed_tensor(struct embedding *e, struct tro_onnx_tensor *t)
{
    struct tro_tensor data;
    if (e->rc < 0 || !t->is_external)
        return;
    e->rc = tro_onnx_tensor_decode(e->m, &e->m->arena, t, &data, e->err);
    if (e->rc < 0)
        return;
    struct tro_onnx_tensor inside;
    e->rc = tro_onnx_tensor_encode(&e->m->arena, t->name, &data, &inside, e->err);
    inside.doc = t->doc;
    inside.unknown = t->unknown;
    *t = inside;
}

static void embed_graph(struct tro_onnx_graph *g, void *ctx);

static void embed_nodes(struct embedding *e, struct tro_onnx_node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < nodes[i].n_attrs; k++) {
            struct tro_onnx_attr *a = &nodes[i].attrs[k];
            if (a->t)
                embed_tensor(e, a->t);
            for (size_t t = 0; t < a->n_tensors; t++)
                embed_tensor(e, &a->tensors[t]);
        }
        tro_edit_each_graph(&nodes[i], embed_graph, e);
    }
}

static void embed_graph(struct tro_onnx_graph *g, void *ctx)
{
    for (size_t i = 0; i < g->n_initializers; i++)
        embed_tensor(ctx, &g->initializers[i]);
    embed_nodes(ctx, g->nodes, g->n_nodes);
}

int tro_edit_embed(struct tro_onnx_model *m, struct tro_err *err)
{
    struct embedding e = {.m = m, .err = err};
    embed_graph(&m->graph, &e);
    for (size_t i = 0; i < m->n_functions; i++)
        embed_nodes(&e, m->functions[i].nodes, m->functions[i].n_nodes);
    return e.rc;
}
