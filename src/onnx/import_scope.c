/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/import_state.h"

#include "base/alloc.h"
#include "base/err.h"

void tro_scope_finish(struct tro_scope *s)
{
    tro_map_finish(&s->names);
    tro_map_finish(&s->initializers);
    tro_map_finish(&s->captured);
    tro_free(s->captures);
    *s = (struct tro_scope){0};
}

int tro_scope_set(struct tro_import *im, struct tro_scope *s, struct tro_str name, tro_value_id v)
{
    if (!name.n)
        return 0;
    if (tro_map_get(&s->names, name, NULL) || tro_map_get(&s->initializers, name, NULL))
        return tro_fail(im->err, TRO_E_INPUT,
                        "expected each tensor to be made once, found '%.*s' twice: rename one",
                        (int)name.n, name.p);
    return tro_map_set(&s->names, name, v.i) ? tro_fail_nomem(im->err) : 0;
}

bool tro_scope_gives_name(const struct tro_import *im, const struct tro_scope *s,
                          struct tro_str name)
{
    if (!s->frame && !s->parent)
        return true;
    const bool is_body = !s->frame && s->parent->block.i != s->block.i;
    return is_body && !tro_map_get(&im->main_names, name, NULL);
}

int tro_scope_add_initializers(struct tro_import *im, struct tro_scope *s)
{
    TRO_TRY(tro_import_spend(im, (double)s->graph->n_initializers));
    for (size_t i = 0; i < s->graph->n_initializers; i++) {
        const struct tro_str name = s->graph->initializers[i].name;
        if (tro_map_get(&s->initializers, name, NULL))
            return tro_fail(im->err, TRO_E_INPUT,
                            "expected each initializer once, found '%.*s' twice: remove one",
                            (int)name.n, name.p);
        if (tro_map_set(&s->initializers, name, (uint32_t)i))
            return tro_fail_nomem(im->err);
    }
    return 0;
}

static const char *name_of(struct tro_import *im, struct tro_str name)
{
    return tro_arena_strndup(&im->g->arena, name.p, name.n);
}

static int find_initializer(struct tro_import *im, struct tro_scope *s, struct tro_str name,
                            uint32_t index, tro_value_id *out)
{
    struct tro_tensor t = {0};
    TRO_TRY(tro_import_spend(im, tro_import_tensor_size(&s->graph->initializers[index])));
    const int rc = tro_onnx_tensor_decode(im->model, &im->g->arena, &s->graph->initializers[index],
                                          &t, im->err);
    TRO_TRY(tro_err_prefix(im->err, rc, "initializer '%.*s': ", (int)name.n, name.p));
    const char *label = tro_scope_gives_name(im, s, name) ? name_of(im, name) : "";
    TRO_TRY(tro_graph_add_const(im->g, label, &t, out, im->err));
    return tro_map_set(&s->names, name, out->i) ? tro_fail_nomem(im->err) : 0;
}

static struct tro_str id_key(const tro_value_id *id)
{
    return (struct tro_str){(const char *)id, sizeof *id};
}

/* Brings a value of the outer block in as one more input of this scope's block. */
static int capture(struct tro_import *im, struct tro_scope *s, struct tro_str name,
                   tro_value_id outer, tro_value_id *out)
{
    uint32_t i;
    if (tro_map_get(&s->captured, id_key(&outer), &i)) {
        const struct tro_block *b = tro_block_get(im->g, s->block);
        *out = b->inputs[b->n_inputs - s->n_captures + i];
        return 0;
    }
    tro_value_id *key = tro_arena_memdup(&im->g->arena, &outer, sizeof outer);
    if (!key || TRO_GROW(&s->captures, s->n_captures, &s->cap_captures) < 0 ||
        tro_map_set(&s->captured, id_key(key), (uint32_t)s->n_captures) < 0)
        return tro_fail_nomem(im->err);
    const struct tro_value *v = tro_value_get(im->g, outer);
    const struct tro_shape shape = v->shape;
    const tro_dim *elems = v->elems;
    TRO_TRY(
        tro_graph_add_input(im->g, s->block, name_of(im, name), v->dtype, &shape, out, im->err));
    tro_value_get(im->g, *out)->elems = elems;
    s->captures[s->n_captures++] = outer;
    return 0;
}

int tro_scope_find(struct tro_import *im, struct tro_scope *s, struct tro_str name,
                   tro_value_id *out)
{
    *out = TRO_VALUE_NONE;
    if (!name.n)
        return 0;
    uint32_t i;
    if (tro_map_get(&s->names, name, &i)) {
        *out = (tro_value_id){i};
        return 0;
    }
    if (tro_map_get(&s->initializers, name, &i))
        return find_initializer(im, s, name, i, out);
    if (!s->parent)
        return tro_fail(im->err, TRO_E_INPUT,
                        "expected tensor '%.*s' to be made by an earlier node, an input or an "
                        "initializer, found none: sort the nodes, or remove the cycle",
                        (int)name.n, name.p);
    tro_value_id outer;
    TRO_TRY(tro_scope_find(im, s->parent, name, &outer));
    *out = outer;
    if (!tro_is_const(im->g, outer) && s->parent->block.i != s->block.i)
        TRO_TRY(capture(im, s, name, outer, out));
    return tro_map_set(&s->names, name, out->i) ? tro_fail_nomem(im->err) : 0;
}
