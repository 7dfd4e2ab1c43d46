/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of a graph, and contents of small integer tensors. */
#include "base/dtype.h"
#include "base/err.h"
#include "graph/elems.h"
#include "graph/graph_build.h"

#include <string.h>

int tro_shape_small(const struct tro_shape *s)
{
    int64_t n = 1;
    if (s->rank < 0)
        return -1;
    for (int i = 0; i < s->rank; i++) {
        if (!tro_dim_is_const(s->dim[i]))
            return -1;
        const int64_t size = tro_dim_value(s->dim[i]);
        if (size < 0 || (size > TRO_MAX_INTS && n > 0))
            return -1;
        n *= size <= TRO_MAX_INTS ? size : 0;
        if (n > TRO_MAX_INTS)
            return -1;
    }
    return (int)n;
}

bool tro_operand_elems(const struct tro_operand *o, struct tro_dim_list *out)
{
    const int n = tro_shape_small(&o->shape);
    if (n < 0 || (!tro_dtype_is_int(o->dtype) && o->dtype != TRO_BOOL) || (!o->data && !o->elems))
        return false;
    out->n = n;
    for (int i = 0; i < n; i++) {
        if (o->elems) {
            out->v[i] = o->elems[i];
            continue;
        }
        const int64_t v = tro_load_i64(o->dtype, o->data, i);
        if (v < 0 && tro_dtype_is_unsigned(o->dtype)) /* 2^63 or more */
            return false;
        out->v[i] = tro_dim_const(v);
    }
    return true;
}

static int check_tensor(const struct tro_tensor *t, struct tro_err *err)
{
    if (t->dtype <= TRO_DTYPE_NONE || t->dtype >= TRO_N_DTYPES || t->rank < 0 ||
        t->rank > TRO_MAX_RANK)
        return tro_fail(err, TRO_E_INPUT, "constant of type %d and rank %d is not a tensor",
                        (int)t->dtype, t->rank);
    int64_t n_bytes = (int64_t)tro_dtype_size(t->dtype);
    for (int i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0)
            return tro_fail(err, TRO_E_INPUT, "constant has size %lld along axis %d",
                            (long long)t->shape[i], i);
        if (t->shape[i] > 1 && __builtin_mul_overflow(n_bytes, t->shape[i], &n_bytes))
            n_bytes = INT64_MAX;
        if (n_bytes > TRO_DIM_MAX)
            return tro_fail(err, TRO_E_INPUT, "constant has more bytes than memory has addresses");
    }
    return 0;
}

static int set_elems(struct tro_graph *g, struct tro_value *v)
{
    const struct tro_operand o = {.dtype = v->dtype, .shape = v->shape, .data = v->data};
    struct tro_dim_list list;
    if (!tro_operand_elems(&o, &list))
        return 0;
    v->elems = tro_arena_memdup(&g->arena, list.v, (size_t)list.n * sizeof(list.v[0]));
    return v->elems ? 0 : TRO_E_NOMEM;
}

int tro_graph_add_const(struct tro_graph *g, const char *name, const struct tro_tensor *t,
                        tro_value_id *out, struct tro_err *err)
{
    TRO_TRY(check_tensor(t, err));
    /* A constant is known by its data, so one without elements needs an address too. */
    static const uint64_t nothing;
    struct tro_value v = {
        .dtype = t->dtype, .shape = {.rank = t->rank}, .data = t->data ? t->data : &nothing};
    if (!t->data && tro_tensor_n_elems(t) > 0)
        return tro_fail(err, TRO_E_INPUT, "constant without data");
    for (int i = 0; i < t->rank; i++)
        v.shape.dim[i] = tro_dim_const(t->shape[i]);
    if (set_elems(g, &v) < 0)
        return tro_fail_nomem(err);
    return tro_graph_add_value(g, name, &v, out, err);
}

int tro_graph_add_const_copy(struct tro_graph *g, const char *name, const struct tro_tensor *t,
                             tro_value_id *out, struct tro_err *err)
{
    TRO_TRY(check_tensor(t, err));
    const size_t n_bytes = tro_tensor_n_bytes(t);
    struct tro_tensor copy = *t;
    copy.data = tro_arena_alloc64(&g->arena, n_bytes);
    if (!copy.data)
        return tro_fail_nomem(err);
    if (n_bytes > 0 && !t->data)
        return tro_fail(err, TRO_E_INPUT, "constant without data");
    if (n_bytes > 0)
        memcpy(copy.data, t->data, n_bytes);
    return tro_graph_add_const(g, name, &copy, out, err);
}

struct tro_tensor tro_const_tensor(const struct tro_graph *g, tro_value_id v)
{
    const struct tro_value *const value = tro_value_get(g, v);
    struct tro_tensor t = {
        .dtype = value->dtype, .rank = value->shape.rank, .data = (void *)(uintptr_t)value->data};
    for (int i = 0; i < t.rank; i++)
        t.shape[i] = tro_dim_value(value->shape.dim[i]);
    return t;
}

bool tro_node_takes_elements(const struct tro_node *n)
{
    const struct tro_attrs_pool *const pool = n->attrs;
    const struct tro_attrs_resize *const resize = n->attrs;
    switch (n->op) {
    case TRO_OP_RESHAPE:
    case TRO_OP_SQUEEZE:
    case TRO_OP_UNSQUEEZE:
    case TRO_OP_TRANSPOSE:
    case TRO_OP_EXPAND:
    case TRO_OP_TILE:
    case TRO_OP_SLICE:
    case TRO_OP_SPLIT:
    case TRO_OP_GATHER:
        return true;
    case TRO_OP_POOL:
        return pool->kind == tro_pool_max && n->n_out == 1;
    case TRO_OP_RESIZE:
        return resize->mode == tro_resize_mode_nearest &&
               resize->coord != tro_coord_mode_tf_crop_and_resize;
    default:
        return false;
    }
}
