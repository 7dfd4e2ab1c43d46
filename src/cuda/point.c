/* SPDX-License-Identifier: Apache-2.0 */
/* From nodes to a pointwise program: values, operands, outputs. */
#include "cuda/point_program.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LEAST_TO_COPY 8192 /* elements of an operand that lies across the columns */

/* ---- values --------------------------------------------------------------------------------- */

int tro_point_add_value(struct tro_point_build *b, tro_value_id id, enum tro_dtype dtype,
                        const char *name, ...)
{
    if (b->n_values == b->cap_values)
        return TRO_POINT_BEYOND;
    struct tro_point_value *const v = &b->values[b->n_values];
    va_list args;
    va_start(args, name);
    vsnprintf(v->name, sizeof v->name, name, args);
    va_end(args);
    v->id = id;
    v->dtype = dtype;
    return b->n_values++;
}

static int find(const struct tro_point_build *b, tro_value_id id)
{
    for (int i = b->n_values - 1; i >= 0; i--)
        if (tro_value_eq(b->values[i].id, id))
            return i;
    return -1;
}

/* A value is known by one more name: results that are an operand, as a cast to its own type. */
static int bind(struct tro_point_build *b, int value, tro_value_id id)
{
    if (!b->values[value].id.i) {
        b->values[value].id = id;
        return value;
    }
    const int copy = tro_point_add_value(b, id, b->values[value].dtype, "%s",
                                         b->values[value].name);
    if (copy >= 0) {
        b->values[copy].is_number = b->values[value].is_number;
        b->values[copy].number = b->values[value].number;
    }
    return copy;
}

int tro_point_add_field(struct tro_point_build *b, const char *type, const void *data, size_t size)
{
    const size_t align = size == 12 ? 4 : size;
    while (b->params.n % align && !b->params.failed)
        tro_buf_u8(&b->params, 0);
    tro_buf_put(&b->params, data, size);
    tro_buf_printf(&b->fields, "    %s f%d;\n", type, b->n_fields);
    return b->n_fields++;
}

/* ---- constants ------------------------------------------------------------------------------ */

/* Numbers that make a text shorter or let the compiler do more; others are parameters, so that
 * layers that differ in them share their kernel. */
static bool is_literal(double v)
{
    static const double common[] = {0, 1, -1, 0.5, 2, 3, 6, (double)(1.0f / 6)};
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        if (v == common[i])
            return true;
    return false;
}

static int add_float(struct tro_point_build *b, tro_value_id id, enum tro_dtype dtype, double v)
{
    const float f = (float)v;
    if (dtype == TRO_F64) {
        const int field = tro_point_add_field(b, "double", &v, sizeof v);
        return tro_point_add_value(b, id, dtype, "p.point.f%d", field);
    }
    if (v > 3.5e38 || v < -3.5e38)
        return tro_point_add_value(b, id, dtype, "__uint_as_float(0x%s800000u)",
                                   v > 0 ? "7f" : "ff");
    if (is_literal(v))
        return tro_point_add_value(b, id, dtype, "%af", (double)f);
    const int field = tro_point_add_field(b, "float", &f, sizeof f);
    return tro_point_add_value(b, id, dtype, "p.point.f%d", field);
}

static int add_number(struct tro_point_build *b, tro_value_id id, const struct tro_tensor *x)
{
    const enum tro_dtype d = x->dtype;
    const double number = tro_load_f64(d, x->data, 0);
    int value;
    if (tro_dtype_is_float(d)) {
        value = add_float(b, id, d, number);
    } else if (is_literal(number)) {
        value = tro_point_add_value(b, id, d, "(%s)%d", tro_point_register(d), (int)number);
    } else {
        const int field = tro_point_add_field(b, tro_point_memory(d), x->data, tro_dtype_size(d));
        value = tro_point_add_value(b, id, d, "p.point.f%d", field);
    }
    if (value >= 0) {
        b->values[value].is_number = true;
        b->values[value].number = number;
    }
    return value;
}

/* ---- operands ------------------------------------------------------------------------------- */

static bool fits(const struct tro_point_build *b, const struct tro_tensor *x)
{
    const int skip = b->rank - x->rank;
    if (skip < 0 || !tro_point_register(x->dtype))
        return false;
    for (int i = 0; i < x->rank; i++)
        if (x->shape[i] != 1 && x->shape[i] != b->shape[skip + i])
            return false;
    return true;
}

static bool is_stored_well(enum tro_dtype dtype, enum tro_dtype stored)
{
    const bool is_half = stored == TRO_F16 || stored == TRO_BF16;
    return stored == dtype || (dtype == TRO_F32 && is_half);
}

static int add_in(struct tro_point_build *b, tro_value_id id, enum tro_dtype dtype, bool is_const,
                  const struct tro_arg *arg)
{
    struct tro_point_operand *const o = &b->in[b->n_in];
    *o = (struct tro_point_operand){.arg = *arg, .dtype = dtype, .is_const = is_const};
    if (!is_stored_well(dtype, arg->dtype) || !tro_point_set_strides(b, o))
        return TRO_POINT_BEYOND;
    o->value = tro_point_add_value(b, id, dtype, "v%d", b->n_values);
    b->n_in += o->value >= 0;
    return o->value;
}

/* The value of a node's input: one met before, a constant of one element, or memory. */
static int operand(struct tro_point_build *b, tro_value_id id)
{
    struct tro_tensor x;
    struct tro_arg arg;
    const int known = find(b, id);
    if (known >= 0)
        return known;
    if (!tro_lower_type(b->l, id, &x) || !fits(b, &x) || b->n_in == TRO_POINT_MAX_IN)
        return TRO_POINT_BEYOND;
    const enum tro_dtype dtype = x.dtype;
    const bool is_const = tro_lower_const(b->l, id, &x);
    if (is_const && tro_tensor_n_elems(&x) == 1)
        return add_number(b, id, &x);
    TRO_TRY(tro_lower_in(b->l, id, TRO_FORM_ANY, &arg));
    return add_in(b, id, dtype, is_const, &arg);
}

/* A table lies as a whole where every element reads it: its value stands for the first entry, and
 * its operand for where it lies. */
static int table_operand(struct tro_point_build *b, tro_value_id id)
{
    struct tro_tensor x;
    struct tro_arg arg;
    if (!tro_lower_type(b->l, id, &x) || !tro_point_register(x.dtype) ||
        b->n_in == TRO_POINT_MAX_IN)
        return TRO_POINT_BEYOND;
    TRO_TRY(tro_lower_in(b->l, id, TRO_FORM_DENSE, &arg));
    arg.rank = 0;
    return arg.dtype == x.dtype ? add_in(b, TRO_VALUE_NONE, x.dtype, true, &arg) : TRO_POINT_BEYOND;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static int add_node(struct tro_point_build *b, const struct tro_node *n, const void *attrs)
{
    int in[3] = {-1, -1, -1}, out;
    struct tro_tensor y;
    if (tro_op_info(n->op)->kind != TRO_KIND_POINTWISE || n->n_in > 3 ||
        !tro_lower_type(b->l, n->out[0], &y) || !fits(b, &y))
        return TRO_POINT_BEYOND;
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (!n->in[i].i)
            continue;
        in[i] = n->op == TRO_OP_TABLE && i == 1 ? table_operand(b, n->in[i]) : operand(b, n->in[i]);
        TRO_TRY(in[i]);
    }
    const int rc = tro_point_node(b, n, attrs, in, y.dtype, &out);
    if (rc <= 0)
        return rc < 0 ? rc : TRO_POINT_BEYOND;
    const int value = bind(b, out, n->out[0]);
    return value < 0 ? value : 0;
}

static int add_nodes(struct tro_point_build *b, const struct tro_lower_node *n)
{
    for (int i = 0; i < n->n_epilogue; i++)
        TRO_TRY(add_node(b, n->epilogue[i], n->epilogue[i]->attrs));
    return 0;
}

/* The anchor's value, rounded to what the graph says it is. */
static int add_acc(struct tro_point_build *b, const struct tro_lower_node *n)
{
    struct tro_tensor x;
    const tro_value_id id = n->node->out[0];
    if (!tro_lower_type(b->l, id, &x) || x.rank != b->rank ||
        memcmp(x.shape, b->shape, sizeof(int64_t) * (size_t)x.rank) != 0)
        return TRO_POINT_BEYOND;
    const bool is_single = x.dtype == TRO_F32 || x.dtype == TRO_F16 || x.dtype == TRO_BF16;
    const bool is_int = tro_dtype_is_int(x.dtype) && tro_dtype_size(x.dtype) <= 4;
    if (!(b->acc_dtype == TRO_F32 ? is_single : is_int || x.dtype == TRO_BOOL))
        return TRO_POINT_BEYOND;
    const int value = tro_point_add_value(b, id, x.dtype, "v%d", b->n_values);
    TRO_TRY(value);
    const char *const name = b->values[value].name;
    if (x.dtype == TRO_F16 || x.dtype == TRO_BF16)
        tro_buf_printf(&b->lines, "            const float %s = tro_point_round<%s>(acc[r][i]);\n",
                       name, tro_point_memory(x.dtype));
    else
        tro_buf_printf(&b->lines, "            const %s %s = (%s)acc[r][i];\n",
                       tro_point_register(x.dtype), name, tro_point_register(x.dtype));
    return 0;
}

/* ---- outputs -------------------------------------------------------------------------------- */

/* The space is the shape that all outputs have. */
static int set_space(struct tro_point_build *b, const struct tro_lower_node *n)
{
    struct tro_tensor x;
    b->rank = -1;
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i].i)
            continue;
        if (!tro_lower_type(b->l, n->out[i], &x))
            return TRO_POINT_BEYOND;
        if (b->rank >= 0 &&
            (b->rank != x.rank || memcmp(b->shape, x.shape, sizeof(int64_t) * (size_t)x.rank) != 0))
            return TRO_POINT_BEYOND;
        b->rank = x.rank;
        memcpy(b->shape, x.shape, sizeof(int64_t) * (size_t)x.rank);
    }
    return b->rank >= 0 ? 0 : TRO_POINT_BEYOND;
}

/* Beyond when an output is not made here, as one that is an input of the block as well. */
static int find_results(struct tro_point_build *b, const struct tro_lower_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i].i)
            continue;
        if (b->n_out == TRO_POINT_MAX_OUT)
            return TRO_POINT_BEYOND;
        const int value = find(b, n->block_out[i]);
        if (value < 0)
            return TRO_POINT_BEYOND;
        b->out[b->n_out++].value = value;
    }
    return 0;
}

/* What is made of exact integers stays as exact: it will be rounded to integers again. */
static enum tro_dtype stored_as(const struct tro_point_build *b, enum tro_dtype dtype)
{
    return b->acc_dtype == TRO_I32 && dtype == TRO_F32 ? TRO_F32 : TRO_DTYPE_NONE;
}

/* Outputs stand after everything that is read, since their places may be new memory. */
static int add_outputs(struct tro_point_build *b, const struct tro_lower_node *n,
                       enum tro_form form)
{
    int k = 0;
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i].i)
            continue;
        struct tro_point_operand *const o = &b->out[k++];
        o->dtype = b->values[o->value].dtype;
        const enum tro_dtype stored = stored_as(b, o->dtype);
        TRO_TRY(tro_lower_out_as(b->l, n, i, form, false, stored, &o->arg));
        if (!is_stored_well(o->dtype, o->arg.dtype) || !tro_point_set_strides(b, o))
            return TRO_POINT_BEYOND;
    }
    return 0;
}

/* The axis along vectors: the last one walked, or that in which the first output has neighbours. */
static int col_axis(const struct tro_point_build *b, const int *axes)
{
    int best = b->rank - 1;
    if (axes && b->rank)
        return axes[b->rank - 1];
    for (int i = 0; i < b->rank; i++)
        if (b->shape[i] > 1 && b->out[0].stride[i] == 1)
            best = i;
    return best;
}

/* Big inputs with gaps between columns are copied first: each element of theirs would take a
 * transaction of memory alone. */
static int straighten(struct tro_point_build *b, const int *axes)
{
    const int axis = col_axis(b, axes);
    const enum tro_form form = axis == b->rank - 1 ? TRO_FORM_ROWS
                               : axis == 1         ? TRO_FORM_CHANNELS_LAST
                                                   : TRO_FORM_ANY;
    for (int i = 0; i < b->n_in; i++) {
        struct tro_point_operand *const o = &b->in[i];
        if (axis < 0 || o->stride[axis] == 0 || o->stride[axis] == 1 || o->arg.rank != b->rank ||
            tro_arg_n_elems(&o->arg) < LEAST_TO_COPY)
            continue;
        const uint32_t buffer = o->arg.buffer;
        TRO_TRY(tro_lower_in(b->l, b->values[o->value].id, form, &o->arg));
        o->is_const = o->is_const && o->arg.buffer == buffer; /* a copy is written in each run */
        if (!tro_point_set_strides(b, o))
            return TRO_POINT_BEYOND;
    }
    return 0;
}

/* As the largest input lies that has the shape of the outputs, so that all is read in order. */
static enum tro_form form_of_inputs(const struct tro_point_build *b)
{
    enum tro_form form = TRO_FORM_GUESS;
    size_t most = 0;
    for (int i = 0; i < b->n_in; i++) {
        const struct tro_arg *const a = &b->in[i].arg;
        if (a->rank != b->rank || tro_arg_n_bytes(a) <= most ||
            memcmp(a->shape, b->shape, sizeof(int64_t) * (size_t)a->rank) != 0)
            continue;
        if (tro_arg_is_dense(a))
            form = TRO_FORM_DENSE;
        else if (tro_arg_is_channels_last(a))
            form = TRO_FORM_CHANNELS_LAST;
        else
            continue;
        most = tro_arg_n_bytes(a);
    }
    return form;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int begin(struct tro_point_build *b, const struct tro_lower_node *n)
{
    const enum tro_precision precision = tro_lower_precision(b->l);
    b->is_fast = precision == TRO_PRECISION_FP16 || precision == TRO_PRECISION_BF16;
    b->cap_values = 1;
    for (int i = 0; i < n->n_epilogue; i++)
        b->cap_values += 2 + (int)n->epilogue[i]->n_in;
    b->values = TRO_NEW_N(tro_lower_arena(b->l), struct tro_point_value, (size_t)b->cap_values);
    return b->values ? 0 : tro_fail_nomem(tro_lower_err(b->l));
}

static int compile(struct tro_point_build *b, const struct tro_lower_node *n, const int *axes,
                   enum tro_form form, struct tro_point **out)
{
    TRO_TRY(begin(b, n));
    TRO_TRY(set_space(b, n));
    if (b->acc_dtype)
        TRO_TRY(add_acc(b, n));
    TRO_TRY(add_nodes(b, n));
    TRO_TRY(find_results(b, n));
    TRO_TRY(add_outputs(b, n, form == TRO_FORM_ANY ? form_of_inputs(b) : form));
    TRO_TRY(straighten(b, axes));
    tro_point_order(b, axes, b->acc_dtype != TRO_DTYPE_NONE);
    return tro_point_finish(b, out);
}

int tro_point_compile(struct tro_lowering *l, const struct tro_lower_node *n,
                      enum tro_dtype acc_dtype, const int *axes, int n_axes, enum tro_form out_form,
                      struct tro_point **out)
{
    struct tro_point_build b = {.l = l, .acc_dtype = acc_dtype};
    const int rc = compile(&b, n, n_axes ? axes : NULL, out_form, out);
    tro_point_drop(&b);
    return rc == TRO_POINT_BEYOND ? 0 : rc < 0 ? rc : 1;
}

/* Elements of this size that are moved as they are. */
static enum tro_dtype bits_of(enum tro_dtype d)
{
    switch (tro_dtype_size(d)) {
    case 1:
        return TRO_U8;
    case 2:
        return TRO_U16;
    case 4:
        return TRO_U32;
    default:
        return TRO_U64;
    }
}

int tro_point_begin_copy(struct tro_lowering *l, const struct tro_arg *to,
                         const struct tro_arg *from, struct tro_point_build *b)
{
    struct tro_arg source = *from, target = *to;
    enum tro_dtype dtype = TRO_F32;
    *b = (struct tro_point_build){.l = l, .rank = to->rank, .cap_values = 1};
    b->values = TRO_NEW(tro_lower_arena(l), struct tro_point_value);
    if (!b->values)
        return tro_fail_nomem(tro_lower_err(l));
    memcpy(b->shape, to->shape, sizeof b->shape);
    if (to->dtype == from->dtype)
        dtype = source.dtype = target.dtype = bits_of(to->dtype);
    const int value = add_in(b, TRO_VALUE_NONE, dtype, false, &source);
    if (value < 0)
        return value;
    b->out[b->n_out++] = (struct tro_point_operand){.arg = target, .dtype = dtype, .value = value};
    if (!is_stored_well(dtype, target.dtype) || !tro_point_set_strides(b, &b->out[0]))
        return TRO_POINT_BEYOND;
    tro_point_order(b, NULL, false);
    return 0;
}
