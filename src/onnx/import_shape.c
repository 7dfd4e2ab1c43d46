/* SPDX-License-Identifier: Apache-2.0 */
/* Constants, sizes, and operators that change the shape alone. */
#include "onnx/import_call.h"

#include <string.h>

#include "base/dtype.h"

/* ---- constants ------------------------------------------------------------------------- */

static tro_value_id constant_floats(struct tro_import_call *c, const float *v, size_t n, int rank)
{
    struct tro_tensor t = {.dtype = TRO_F32, .rank = rank, .shape = {(int64_t)n}};
    t.data = tro_arena_memdup(&c->g->arena, v, n * sizeof *v);
    if (!t.data)
        tro_import_fail(c, TRO_E_NOMEM, "out of memory");
    return tro_const_any(c, &t);
}

static tro_value_id constant_ints(struct tro_import_call *c, const int64_t *v, size_t n, int rank)
{
    struct tro_tensor t = {.dtype = TRO_I64, .rank = rank, .shape = {(int64_t)n}};
    t.data = tro_arena_memdup(&c->g->arena, v, n * sizeof *v);
    if (!t.data)
        tro_import_fail(c, TRO_E_NOMEM, "out of memory");
    return tro_const_any(c, &t);
}

int tro_import_constant(struct tro_import_call *c)
{
    const struct tro_onnx_attr *a;
    tro_value_id v = TRO_VALUE_NONE;
    if ((a = tro_attr_raw(c, "value")) && a->t)
        v = tro_attr_tensor(c, a->t);
    else if ((a = tro_attr_raw(c, "value_float")))
        v = constant_floats(c, &a->f, 1, 0);
    else if ((a = tro_attr_raw(c, "value_floats")))
        v = constant_floats(c, a->floats, a->n_floats, 1);
    else if ((a = tro_attr_raw(c, "value_int")))
        v = constant_ints(c, &a->i, 1, 0);
    else if ((a = tro_attr_raw(c, "value_ints")))
        v = constant_ints(c, a->ints, a->n_ints, 1);
    else
        tro_import_fail(
            c, TRO_E_UNSUPPORTED,
            "expected a dense numeric value, found a string, a sparse tensor or nothing");
    tro_set_out(c, 0, v);
    return c->rc;
}

int tro_import_constant_of_shape(struct tro_import_call *c)
{
    const struct tro_onnx_attr *a = tro_attr_raw(c, "value");
    tro_value_id v = a && a->t ? tro_attr_tensor(c, a->t) : tro_scalar(c, TRO_F32, 0);
    struct tro_tensor t;
    if (!tro_known_tensor(c, v, &t) || tro_tensor_n_elems(&t) != 1)
        return tro_import_fail(c, TRO_E_INPUT, "attribute 'value': expected one element");
    t.rank = 0;
    v = tro_const_any(c, &t);
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_EXPAND, v, c->in[0]));
    return c->rc;
}

int tro_import_identity(struct tro_import_call *c)
{
    tro_set_out(c, 0, c->in[0]);
    return c->rc;
}

/* Inference: the input itself and a mask of ones. */
int tro_import_dropout(struct tro_import_call *c)
{
    double is_training = 0;
    tro_attr_ignore(c, "ratio");
    tro_attr_ignore(c, "seed");
    if (c->version < 7)
        tro_attr_ignore(c, "is_test");
    if (tro_in_has(c, 2) && (!tro_known_const_f64(c, c->in[2], &is_training) || is_training != 0))
        return tro_import_fail(c, TRO_E_UNSUPPORTED,
                               "expected inference mode, found training mode: export in eval mode");
    tro_set_out(c, 0, c->in[0]);
    if (!tro_out_wanted(c, 1))
        return c->rc;
    const tro_value_id ones = tro_emit2(c, TRO_OP_EQ, c->in[0], c->in[0]);
    const tro_value_id nans = tro_emit_not(c, ones);
    const tro_value_id mask = tro_emit2(c, TRO_OP_OR, ones, nans);
    tro_set_out(c, 1, c->version < 10 ? tro_emit_cast(c, mask, tro_dtype_of(c, c->in[0])) : mask);
    return c->rc;
}

int tro_import_range(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit3(c, TRO_OP_RANGE, c->in[0], c->in[1], c->in[2]));
    return c->rc;
}

/* ---- sizes ----------------------------------------------------------------------------- */

static int clamp_index(int64_t i, int rank)
{
    i = i < 0 ? i + rank : i;
    return (int)(i < 0 ? 0 : i > rank ? rank : i);
}

int tro_import_shape(struct tro_import_call *c)
{
    const int rank = tro_rank_of(c, c->in[0]);
    const int64_t start = tro_attr_int(c, "start", 0);
    const int64_t end = tro_attr_int(c, "end", INT64_MAX);
    if (rank < 0) {
        if (start != 0 || end != INT64_MAX)
            tro_rank_needed(c, c->in[0]);
        tro_set_out(c, 0, tro_emit1(c, TRO_OP_SHAPE_OF, c->in[0]));
        return c->rc;
    }
    const int first = clamp_index(start, rank), last = clamp_index(end, rank);
    tro_dim dims[TRO_MAX_RANK];
    int n = 0;
    for (int i = first; i < last; i++)
        dims[n++] = tro_dim_of(c, c->in[0], i);
    tro_set_out(c, 0, tro_dims_vector(c, dims, n));
    return c->rc;
}

int tro_import_size(struct tro_import_call *c)
{
    const int rank = tro_rank_needed(c, c->in[0]);
    struct tro_attrs_dims a = {.values = {.n = 1, .v = {tro_dim_const(1)}}, .is_scalar = 1};
    for (int i = 0; i < rank; i++)
        a.values.v[0] = tro_dim_mul(&c->g->dims, a.values.v[0], tro_dim_of(c, c->in[0], i));
    if (tro_dim_is_const(a.values.v[0]))
        tro_set_out(c, 0, constant_ints(c, &(int64_t){tro_dim_value(a.values.v[0])}, 1, 0));
    else
        tro_set_out(c, 0, tro_emit(c, TRO_OP_DIMS, &a, NULL, 0));
    return c->rc;
}

/* ---- same elements, another shape ------------------------------------------------------ */

int tro_import_reshape(struct tro_import_call *c)
{
    const struct tro_attrs_reshape a = {.allow_zero = tro_attr_int(c, "allowzero", 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_RESHAPE, &a, c->in, 2));
    return c->rc;
}

/* Before version 5 the shape is an attribute. */
int tro_import_reshape_1(struct tro_import_call *c)
{
    struct tro_ints shape;
    tro_attr_ints(c, "shape", &shape);
    tro_attr_ignore(c, "consumed_inputs");
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_RESHAPE, c->in[0], tro_const_ints(c, &shape)));
    return c->rc;
}

int tro_import_flatten(struct tro_import_call *c)
{
    const int rank = tro_rank_needed(c, c->in[0]);
    const int64_t attr = tro_attr_int(c, "axis", 1);
    if (attr < -rank || attr > rank)
        return tro_import_fail(c, TRO_E_INPUT, "attribute 'axis': expected [%d, %d], found %lld",
                               -rank, rank, (long long)attr);
    const int axis = (int)(attr < 0 ? attr + rank : attr);
    tro_dim dims[2] = {tro_dim_const(1), tro_dim_const(1)};
    for (int i = 0; i < rank; i++)
        dims[i >= axis] = tro_dim_mul(&c->g->dims, dims[i >= axis], tro_dim_of(c, c->in[0], i));
    tro_set_out(c, 0, tro_emit_reshape(c, c->in[0], dims, 2));
    return c->rc;
}

int tro_import_squeeze(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit(c, TRO_OP_SQUEEZE, NULL, c->in, 2));
    return c->rc;
}

int tro_import_unsqueeze(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_UNSQUEEZE, c->in[0], c->in[1]));
    return c->rc;
}

/* Before version 13 the axes are an attribute. */
static int squeeze_by_attr(struct tro_import_call *c, enum tro_op op)
{
    struct tro_ints axes;
    const bool has_axes = tro_attr_ints(c, "axes", &axes);
    const tro_value_id in[2] = {c->in[0], has_axes ? tro_const_ints(c, &axes) : TRO_VALUE_NONE};
    tro_set_out(c, 0, tro_emit(c, op, NULL, in, 2));
    return c->rc;
}

int tro_import_squeeze_1(struct tro_import_call *c)
{
    return squeeze_by_attr(c, TRO_OP_SQUEEZE);
}

int tro_import_unsqueeze_1(struct tro_import_call *c)
{
    return squeeze_by_attr(c, TRO_OP_UNSQUEEZE);
}

int tro_import_expand(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_EXPAND, c->in[0], c->in[1]));
    return c->rc;
}

int tro_import_tile(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit2(c, TRO_OP_TILE, c->in[0], c->in[1]));
    return c->rc;
}

/* Rows 0 to n-1 as a column or a row, for EyeLike. */
static tro_value_id counting(struct tro_import_call *c, tro_dim n, int axis, int64_t first)
{
    const struct tro_attrs_dims a = {.values = {.n = 1, .v = {n}}, .is_scalar = 1};
    const tro_value_id limit = tro_dim_is_const(n)
                                   ? constant_ints(c, &(int64_t){tro_dim_value(n)}, 1, 0)
                                   : tro_emit(c, TRO_OP_DIMS, &a, NULL, 0);
    const tro_value_id r = tro_emit3(c, TRO_OP_RANGE, tro_scalar(c, TRO_I64, 0), limit,
                                     tro_scalar(c, TRO_I64, 1));
    const tro_value_id moved = tro_emit2(c, TRO_OP_ADD, r, tro_scalar(c, TRO_I64, (double)first));
    return tro_emit_unsqueeze(c, moved, axis);
}

int tro_import_eye_like(struct tro_import_call *c)
{
    const enum tro_dtype dtype = tro_attr_dtype(c, "dtype", tro_dtype_of(c, c->in[0]));
    const int64_t k = tro_attr_int(c, "k", 0);
    const tro_value_id rows = counting(c, tro_dim_of(c, c->in[0], 0), 1, k);
    const tro_value_id columns = counting(c, tro_dim_of(c, c->in[0], 1), 0, 0);
    tro_set_out(c, 0, tro_emit_cast(c, tro_emit2(c, TRO_OP_EQ, rows, columns), dtype));
    return c->rc;
}
