/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of simplifying share. */
#include "edit/steps.h"

#include <string.h>

#include "base/dtype.h"
#include "base/err.h"

/* ---- constants ------------------------------------------------------------------------- */

const struct tro_onnx_tensor *tro_edit_constant(const struct tro_edit_scope *s, struct tro_str name)
{
    uint32_t i;
    for (; s; s = s->parent)
        if (tro_map_get(&s->initializers, name, &i))
            return &s->graph->initializers[i];
    return NULL;
}

bool tro_edit_constant_value(struct tro_edit *e, const struct tro_edit_scope *s,
                             struct tro_str name, struct tro_tensor *out)
{
    const struct tro_onnx_tensor *t = tro_edit_constant(s, name);
    return t && tro_onnx_tensor_decode(e->m, &e->scratch, t, out, NULL) >= 0;
}

bool tro_edit_constant_ints(struct tro_edit *e, const struct tro_edit_scope *s, struct tro_str name,
                            struct tro_ints *out)
{
    struct tro_tensor t;
    if (!tro_edit_constant_value(e, s, name, &t) || tro_dtype_is_float(t.dtype) ||
        tro_tensor_n_elems(&t) > TRO_MAX_INTS)
        return false;
    out->n = (int32_t)tro_tensor_n_elems(&t);
    for (int i = 0; i < out->n; i++)
        out->v[i] = tro_load_i64(t.dtype, t.data, i);
    return true;
}

static struct tro_str address_key(struct tro_onnx_tensor *const *array)
{
    return (struct tro_str){(const char *)array, sizeof *array};
}

/* An array as large again; rooms remembers how large those made here are. */
static int make_room(struct tro_edit *e, struct tro_onnx_graph *g)
{
    uint32_t room = 0;
    tro_map_get(&e->rooms, address_key(&g->initializers), &room);
    if (g->n_initializers < room)
        return 0;
    const size_t more = g->n_initializers + 8;
    if (g->n_initializers > UINT32_MAX / 4 || tro_edit_reserve_initializers(e->m, g, more) < 0)
        return tro_fail_nomem(e->err);
    struct tro_onnx_tensor **key = tro_arena_memdup(&e->m->arena, &g->initializers,
                                                    sizeof g->initializers);
    room = (uint32_t)(g->n_initializers + more);
    return key && tro_map_set(&e->rooms, address_key(key), room) >= 0 ? 0 : tro_fail_nomem(e->err);
}

int tro_edit_add_constant(struct tro_edit *e, struct tro_edit_scope *s,
                          const struct tro_onnx_tensor *t)
{
    struct tro_onnx_graph *g = s->graph;
    TRO_TRY(make_room(e, g));
    if (tro_map_set(&s->initializers, t->name, (uint32_t)g->n_initializers) < 0)
        return tro_fail_nomem(e->err);
    g->initializers[g->n_initializers++] = *t;
    return 0;
}

int tro_edit_add_tensor(struct tro_edit *e, struct tro_edit_scope *s, struct tro_str name,
                        const struct tro_tensor *t)
{
    struct tro_tensor copy = *t;
    struct tro_onnx_tensor out;
    const size_t n_bytes = tro_tensor_n_bytes(t);
    copy.data = tro_arena_alloc64(&e->m->arena, n_bytes);
    if (!copy.data)
        return tro_fail_nomem(e->err);
    if (n_bytes)
        memcpy(copy.data, t->data, n_bytes);
    TRO_TRY(tro_onnx_tensor_encode(&e->m->arena, name, &copy, &out, e->err));
    return tro_edit_add_constant(e, s, &out);
}

bool tro_edit_afford(struct tro_edit *e, double n_bytes, double work)
{
    if (n_bytes > e->bytes_left || work > e->work_left)
        return false;
    e->bytes_left -= n_bytes;
    e->work_left -= work;
    return true;
}

/* ---- nodes ----------------------------------------------------------------------------- */

bool tro_edit_is_output(const struct tro_edit_scope *s, struct tro_str name)
{
    return tro_map_get(&s->outputs, name, NULL);
}

bool tro_edit_makes_output(const struct tro_edit_scope *s, const struct tro_onnx_node *n)
{
    for (size_t i = 0; i < n->n_outputs; i++)
        if (tro_edit_is_output(s, n->outputs[i]))
            return true;
    return false;
}

void tro_edit_drop(struct tro_onnx_node *n)
{
    n->op_type = (struct tro_str){0};
    n->n_inputs = n->n_outputs = n->n_attrs = 0;
}

bool tro_edit_is_dropped(const struct tro_onnx_node *n)
{
    return !n->op_type.p;
}

void tro_edit_compact(struct tro_onnx_graph *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (!tro_edit_is_dropped(&g->nodes[i]))
            g->nodes[n++] = g->nodes[i];
    g->n_nodes = n;
}

bool tro_edit_is_op(const struct tro_edit *e, const struct tro_onnx_node *n, const char *op_type)
{
    return !n->domain.n && tro_str_eqz(n->op_type, op_type) &&
           !tro_map_get(&e->functions, n->op_type, NULL);
}

bool tro_edit_is_random(const struct tro_onnx_node *n)
{
    static const char *const names[] = {
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
        "Multinomial",  "Bernoulli",        "Dropout"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tro_str_eqz(n->op_type, names[i]))
            return true;
    return false;
}
