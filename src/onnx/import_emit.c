/* SPDX-License-Identifier: Apache-2.0 */
/* Making values: nodes, constants. */
#include "onnx/import_state.h"

#include <string.h>

#include "base/dtype.h"
#include "base/err.h"

/* Integer vectors and scalars whose contents follow from sizes stand for themselves: the arithmetic
 * that made them is dropped. */
static tro_value_id replace_by_sizes(struct tro_import_call *c, tro_value_id id)
{
    const struct tro_value *v = tro_value_get(c->g, id);
    if (v->data || !v->elems)
        return id;
    struct tro_tensor t;
    const tro_node_id def = v->def;
    const int rank = v->shape.rank;
    const int64_t n = rank == 1 ? tro_dim_value(v->shape.dim[0]) : 1;
    tro_value_id made;
    if (tro_import_known(c->g, id, &t)) {
        made = tro_const_any(c, &t);
    } else if (v->dtype == TRO_I64 && rank <= 1 && n > 0) {
        struct tro_attrs_dims a = {.values.n = (int32_t)n, .is_scalar = rank == 0};
        memcpy(a.values.v, v->elems, (size_t)n * sizeof(tro_dim));
        made = tro_emit(c, TRO_OP_DIMS, &a, NULL, 0);
    } else {
        return id;
    }
    if (c->rc >= 0)
        tro_graph_remove_node(c->g, def);
    return made;
}

void tro_emit_n(struct tro_import_call *c, enum tro_op op, const void *attrs,
                const tro_value_id *in, int n_in, tro_value_id *out, int n_out)
{
    for (int i = 0; i < n_out; i++)
        out[i] = TRO_VALUE_NONE;
    while (n_in > 0 && !in[n_in - 1].i)
        n_in--;
    if (c->rc < 0 || tro_import_fold(c, op, attrs, in, n_in, out, n_out) || c->rc < 0)
        return;
    const struct tro_node_spec spec = {
        .op = op,
        .name = tro_arena_strndup(&c->g->arena, c->node->name.p, c->node->name.n),
        .attrs = attrs,
        .n_in = (uint32_t)n_in,
        .n_out = (uint32_t)n_out,
        .in = in};
    struct tro_err err = {0};
    const int rc = tro_graph_add_node(c->g, c->block, &spec, out, &err);
    if (rc < 0) {
        tro_import_fail(c, (enum tro_status)rc, "%s", err.text);
        return;
    }
    if (op != TRO_OP_DIMS && n_out == 1)
        out[0] = replace_by_sizes(c, out[0]);
}

tro_value_id tro_emit(struct tro_import_call *c, enum tro_op op, const void *attrs,
                      const tro_value_id *in, int n_in)
{
    tro_value_id out;
    tro_emit_n(c, op, attrs, in, n_in, &out, 1);
    return out;
}

tro_value_id tro_emit1(struct tro_import_call *c, enum tro_op op, tro_value_id x)
{
    return tro_emit(c, op, NULL, &x, 1);
}

tro_value_id tro_emit2(struct tro_import_call *c, enum tro_op op, tro_value_id a, tro_value_id b)
{
    return tro_emit(c, op, NULL, (tro_value_id[]){a, b}, 2);
}

tro_value_id tro_emit3(struct tro_import_call *c, enum tro_op op, tro_value_id a, tro_value_id b,
                       tro_value_id d)
{
    return tro_emit(c, op, NULL, (tro_value_id[]){a, b, d}, 3);
}

tro_value_id tro_const_any(struct tro_import_call *c, const struct tro_tensor *t)
{
    tro_value_id out = TRO_VALUE_NONE;
    if (c->rc < 0)
        return out;
    struct tro_err err = {0};
    const int rc = tro_graph_add_const_copy(c->g, "", t, &out, &err);
    if (rc < 0)
        tro_import_fail(c, (enum tro_status)rc, "%s", err.text);
    return out;
}

tro_value_id tro_scalar(struct tro_import_call *c, enum tro_dtype dtype, double v)
{
    uint64_t bits = 0;
    if (c->rc < 0)
        return TRO_VALUE_NONE;
    tro_store_f64(dtype, &bits, 0, v);
    return tro_const_any(c, &(struct tro_tensor){.dtype = dtype, .data = &bits});
}

tro_value_id tro_like(struct tro_import_call *c, tro_value_id x, double v)
{
    return tro_scalar(c, tro_dtype_of(c, x), v);
}

tro_value_id tro_const_i64(struct tro_import_call *c, const int64_t *v, int n)
{
    struct tro_tensor t = {.dtype = TRO_I64, .rank = 1, .shape = {n}};
    t.data = tro_arena_memdup(&c->g->arena, v, (size_t)n * sizeof *v);
    if (!t.data) {
        tro_import_fail(c, TRO_E_NOMEM, "out of memory");
        return TRO_VALUE_NONE;
    }
    return tro_const_any(c, &t);
}

tro_value_id tro_const_i64_1(struct tro_import_call *c, int64_t v)
{
    return tro_const_i64(c, &v, 1);
}

tro_value_id tro_const_ints(struct tro_import_call *c, const struct tro_ints *v)
{
    return tro_const_i64(c, v->v, v->n);
}

tro_value_id tro_dims_vector(struct tro_import_call *c, const tro_dim *d, int n)
{
    struct tro_ints ints = {.n = n};
    bool is_const = true;
    for (int i = 0; i < n; i++) {
        is_const = is_const && tro_dim_is_const(d[i]);
        ints.v[i] = is_const ? tro_dim_value(d[i]) : 0;
    }
    if (is_const)
        return tro_const_ints(c, &ints);
    struct tro_attrs_dims a = {.values.n = n};
    memcpy(a.values.v, d, (size_t)n * sizeof *d);
    return tro_emit(c, TRO_OP_DIMS, &a, NULL, 0);
}

tro_value_id tro_emit_cast(struct tro_import_call *c, tro_value_id x, enum tro_dtype to)
{
    if (tro_dtype_of(c, x) == to)
        return x;
    return tro_emit(c, TRO_OP_CAST, &(struct tro_attrs_cast){.to = to}, &x, 1);
}

tro_value_id tro_emit_clamp(struct tro_import_call *c, tro_value_id x, double lo, double hi)
{
    return tro_emit2(c, TRO_OP_MIN, tro_emit2(c, TRO_OP_MAX, x, tro_like(c, x, lo)),
                     tro_like(c, x, hi));
}

tro_value_id tro_emit_reshape(struct tro_import_call *c, tro_value_id x, const tro_dim *d, int n)
{
    const struct tro_attrs_reshape a = {.allow_zero = 1};
    return tro_emit(c, TRO_OP_RESHAPE, &a, (tro_value_id[]){x, tro_dims_vector(c, d, n)}, 2);
}

tro_value_id tro_emit_transpose(struct tro_import_call *c, tro_value_id x, const int *perm,
                                int rank)
{
    struct tro_attrs_transpose a = {.perm.n = rank};
    bool is_identity = true;
    for (int i = 0; i < rank; i++) {
        a.perm.v[i] = perm[i];
        is_identity = is_identity && perm[i] == i;
    }
    return is_identity ? x : tro_emit(c, TRO_OP_TRANSPOSE, &a, &x, 1);
}

tro_value_id tro_emit_reduce(struct tro_import_call *c, tro_value_id x, enum tro_reduction kind,
                             const struct tro_ints *axes, bool keep_dims)
{
    const struct tro_attrs_reduce a = {
        .kind = kind, .drop_dims = !keep_dims, .noop_if_empty = axes != NULL};
    const tro_value_id in[2] = {x, axes ? tro_const_ints(c, axes) : TRO_VALUE_NONE};
    return tro_emit(c, TRO_OP_REDUCE, &a, in, 2);
}

tro_value_id tro_emit_unsqueeze(struct tro_import_call *c, tro_value_id x, int64_t axis)
{
    return tro_emit2(c, TRO_OP_UNSQUEEZE, x, tro_const_i64_1(c, axis));
}

tro_value_id tro_emit_squeeze(struct tro_import_call *c, tro_value_id x, int64_t axis)
{
    return tro_emit2(c, TRO_OP_SQUEEZE, x, tro_const_i64_1(c, axis));
}

tro_value_id tro_emit_slice(struct tro_import_call *c, tro_value_id x, int axis, int64_t start,
                            int64_t end)
{
    const tro_value_id in[4] = {x, tro_const_i64_1(c, start), tro_const_i64_1(c, end),
                                tro_const_i64_1(c, axis)};
    return tro_emit(c, TRO_OP_SLICE, NULL, in, 4);
}

tro_value_id tro_emit_concat(struct tro_import_call *c, const tro_value_id *v, int n, int axis)
{
    return tro_emit(c, TRO_OP_CONCAT, &(struct tro_attrs_axis){.axis = axis}, v, n);
}

tro_value_id tro_emit_not(struct tro_import_call *c, tro_value_id x)
{
    return tro_emit1(c, TRO_OP_NOT, x);
}

static bool is_narrow(enum tro_dtype d)
{
    return tro_dtype_is_float(d) && tro_dtype_size(d) < 4;
}

tro_value_id tro_in_f32(struct tro_import_call *c, int i)
{
    return is_narrow(tro_dtype_of(c, c->in[i])) ? tro_emit_cast(c, c->in[i], TRO_F32) : c->in[i];
}

tro_value_id tro_back(struct tro_import_call *c, int i, tro_value_id v)
{
    return tro_emit_cast(c, v, tro_dtype_of(c, c->in[i]));
}

bool tro_known_tensor(struct tro_import_call *c, tro_value_id v, struct tro_tensor *out)
{
    return c->rc >= 0 && v.i && tro_import_known(c->g, v, out);
}

bool tro_known_const_f64(struct tro_import_call *c, tro_value_id v, double *out)
{
    struct tro_tensor t;
    if (!tro_known_tensor(c, v, &t) || tro_tensor_n_elems(&t) != 1)
        return false;
    *out = tro_load_f64(t.dtype, t.data, 0);
    return true;
}
